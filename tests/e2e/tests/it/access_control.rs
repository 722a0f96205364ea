//! Brokers that verify who is asking, as both generations are configured: right keys pass, wrong ones are refused as what they are.
//!
//! Name servers ask nobody, as by default. What brokers hold is asked for with the administrator's keys.

use std::time::Duration;

use real_servers::ClusterSpec;
use rmq_producer::{
    Credentials, HeaderEncoding, Message, Outcome, ProducerBuilder, RetryPolicy, SendError, SendErrorKind,
};
use rmq_remoting::{AclHook, Endpoint, RemotingClient, RemotingCommand, RequestCode, ResponseCode};

use crate::place::{Place, Release, eventually, in_real_places_alone};

const ADMINISTRATOR: (&str, &str) = ("rocketmq-admin", "12345678");
const PRODUCER: (&str, &str) = ("rocketmq-producer", "87654321");
const BROKER: &str = "broker-a";

#[test]
fn right_keys_pass_and_wrong_ones_are_refused_for_good() {
    in_real_places_alone(spec, async |place| {
        let administrator = Administrator::of(place);
        administrator.make_producer(place.release()).await;
        let mut confirmed = 0;
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            confirmed += every_kind_of_request_passes(place, ADMINISTRATOR, encoding).await;
            confirmed += every_kind_of_request_passes(place, PRODUCER, encoding).await;
        }
        eventually("all messages are stored", async || administrator.stored("orders").await >= confirmed).await;
        who_is_refused_is_told_why(place).await;
        assert_eq!(administrator.stored("orders").await, confirmed, "no refused message was stored");
        assert_eq!(administrator.stored("invoices").await, 0);
    });
}

fn spec(release: Release) -> ClusterSpec {
    let keys = |(access, secret): (&str, &str)| format!("accessKey: {access}\n  secretKey: \"{secret}\"");
    match release {
        Release::V4 => {
            let accounts = format!(
                "globalWhiteRemoteAddresses:\naccounts:\n- {}\n  admin: true\n- {}\n  admin: false\n  defaultTopicPerm: DENY\n  \
                 defaultGroupPerm: SUB\n  topicPerms:\n  - orders=PUB|SUB\n",
                keys(ADMINISTRATOR),
                keys(PRODUCER)
            );
            ClusterSpec::brokers(1).broker_property("aclEnable", "true").conf_file("plain_acl.yml", accounts)
        }
        Release::V5 => {
            let (access, secret) = ADMINISTRATOR;
            let mut spec = ClusterSpec::brokers(1)
                .broker_property(
                    "initAuthenticationUser",
                    format!(r#"{{"username":"{access}","password":"{secret}"}}"#),
                )
                .broker_property(
                    "innerClientAuthenticationCredentials",
                    format!(r#"{{"accessKey":"{access}","secretKey":"{secret}"}}"#),
                );
            for (kind, class) in [("authentication", "Authentication"), ("authorization", "Authorization")] {
                let package = format!("org.apache.rocketmq.auth.{kind}.provider");
                spec = spec
                    .broker_property(format!("{kind}Enabled"), "true")
                    .broker_property(format!("{kind}Provider"), format!("{package}.Default{class}Provider"))
                    .broker_property(
                        format!("{kind}MetadataProvider"),
                        format!("{package}.Local{class}MetadataProvider"),
                    );
            }
            spec
        }
    }
}

fn builder(place: &Place, (access, secret): (&str, &str)) -> ProducerBuilder {
    place.builder().credentials(Credentials::new(access, secret))
}

/// Look-up, send, oneway, heartbeat and leave-taking. Returns how many messages were confirmed or written.
async fn every_kind_of_request_passes(place: &Place, keys: (&str, &str), encoding: HeaderEncoding) -> i64 {
    let producer = builder(place, keys).header_encoding(encoding).heartbeat_interval(Duration::from_millis(500));
    let producer = producer.start().await.expect("name servers ask nobody");
    for n in 0..5 {
        let message = Message::new("orders", format!("hello {n}")).key(n.to_string()).tag("a");
        producer.send(message).await.unwrap_or_else(|error| panic!("{keys:?} {encoding:?}: {error:?}"));
    }
    producer.send_oneway(Message::new("orders", "oneway")).await.expect("it is written");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let report = producer.shutdown(Duration::from_secs(60)).await;
    assert!(report.is_clean() && report.unregistered == 1, "heartbeats and the leave-taking are let in: {report:?}");
    6
}

async fn who_is_refused_is_told_why(place: &Place) {
    let (access, secret) = PRODUCER;
    let unsigned = place.builder();
    for (builder, topic, advice) in [
        (unsigned, "orders", "set credentials"),
        (builder(place, (access, "wrong-secret")), "orders", "secret key"),
        (builder(place, ("nobody-at-all", secret)), "orders", "does not know this access key"),
        (builder(place, PRODUCER), "invoices", "the right to send to the topic"),
    ] {
        let error = refusal(builder, topic).await;
        let text = error.to_string();
        assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Refused, Outcome::Rejected), "{error:?}");
        assert!(text.contains(advice), "{text}: {error:?}");
        assert_eq!(error.attempts().len(), 1, "no other try would end better: {text}");
        let code = match place.release() {
            Release::V4 => ResponseCode::SYSTEM_ERROR,
            Release::V5 => ResponseCode::NO_PERMISSION,
        };
        assert_eq!(error.code(), Some(code.0), "{error:?}");
        assert!(!format!("{error:?}{text}").contains(secret), "{error:?}");
    }
}

async fn refusal(builder: ProducerBuilder, topic: &str) -> SendError {
    let producer = builder.retries(RetryPolicy::default()).start().await.expect("name servers ask nobody");
    let error = producer.send(Message::new(topic, "hello")).await.expect_err("a refusal");
    producer.shutdown(Duration::from_secs(60)).await;
    error
}

/// Asks with the keys of the administrator.
struct Administrator {
    client: RemotingClient,
    broker: Endpoint,
}

impl Administrator {
    fn of(place: &Place) -> Self {
        let keys = Credentials::new(ADMINISTRATOR.0, ADMINISTRATOR.1);
        let hook = AclHook::new(&keys.into()).expect("keys that are not empty");
        let client = RemotingClient::builder().hook(hook).build().expect("legal settings");
        Self { client, broker: Endpoint::parse(&place.broker_address(BROKER)).expect("an address") }
    }

    async fn ask(&self, request: RemotingCommand) -> RemotingCommand {
        self.client.invoke(&self.broker, request, Duration::from_secs(30)).await.expect("the broker answers")
    }

    /// In 5.x users and their rights are made by requests of the administrator (`mqadmin createUser`, `createAcl`).
    async fn make_producer(&self, release: Release) {
        if release == Release::V4 {
            return;
        }
        let (access, secret) = PRODUCER;
        let subject = format!("User:{access}");
        let user =
            format!(r#"{{"username":"{access}","password":"{secret}","userType":"Normal","userStatus":"enable"}}"#);
        let rights = format!(
            r#"{{"subject":"{subject}","policies":[{{"policyType":"Custom","entries":[{{"resource":"Topic:orders","actions":["Pub","Sub"],"decision":"Allow"}}]}}]}}"#
        );
        for (code, name, value, body) in
            [(CREATE_USER, "username", access, user), (CREATE_ACL, "subject", subject.as_str(), rights)]
        {
            let answer = self.ask(RemotingCommand::request(code).with_field(name, value).with_body(body)).await;
            assert!(answer.is_success(), "{code}: {answer:?}");
        }
    }

    /// How many messages of the topic the broker holds.
    async fn stored(&self, topic: &str) -> i64 {
        let mut stored = 0;
        for queue in 0..8 {
            let request = RemotingCommand::request(RequestCode::GET_MAX_OFFSET)
                .with_field("topic", topic)
                .with_field("queueId", queue.to_string());
            let answer = self.ask(request).await;
            stored += answer.field("offset").and_then(|offset| offset.parse::<i64>().ok()).unwrap_or(0);
        }
        stored
    }
}

/// `AUTH_CREATE_USER`, `AUTH_CREATE_ACL` (5.3.0).
const CREATE_USER: RequestCode = RequestCode(3001);
const CREATE_ACL: RequestCode = RequestCode(3006);
