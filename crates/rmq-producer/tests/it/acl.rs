//! Signed requests against brokers that verify them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rmq_producer::{
    Credentials, CredentialsError, CredentialsSource, HeaderEncoding, HookError, Outcome, ProducerBuilder, RetryPolicy,
    RpcHook, SendError, SendErrorKind, StartError,
};
use rmq_remoting::{Endpoint, RemotingCommand};
use rmq_testkit::{Account, Dialect, Fault, RequestCode, ResponseCode, TestCluster};

use crate::world::*;

const TOKEN: &str = "a token";
const SECRET: &str = "a secret";

async fn guarded(dialect: Dialect) -> TestCluster {
    start(two_brokers().dialect(dialect).accounts([Account::new("AK", SECRET)])).await
}

fn keys() -> Credentials {
    Credentials::new("AK", SECRET).with_security_token(TOKEN)
}

async fn refusal(builder: ProducerBuilder) -> SendError {
    let producer = builder.retries(RetryPolicy::default()).start().await.expect("name servers ask nobody");
    producer.send(hello()).await.expect_err("a refusal")
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_request_is_signed_in_both_header_encodings() {
    for dialect in [Dialect::V4_9, Dialect::V5] {
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let cluster = guarded(dialect).await;
            let builder = with_defaults(&cluster).header_encoding(encoding).credentials(keys());
            let producer = builder.start().await.unwrap();
            producer.send(hello()).await.unwrap();
            producer.send_oneway(hello()).await.unwrap();
            assert_eq!(cluster.wait_for_messages("orders", 2, seconds(10)).await.len(), 2, "{dialect:?} {encoding:?}");
            tokio::time::sleep(seconds(31)).await;
            assert!(!cluster.clients().is_empty(), "heartbeats pass");
            producer.shutdown(seconds(3)).await;
            assert!(cluster.clients().is_empty(), "so does the leave-taking");
            for code in [
                RequestCode::GET_ROUTEINFO_BY_TOPIC,
                RequestCode::SEND_MESSAGE_V2,
                RequestCode::HEART_BEAT,
                RequestCode::UNREGISTER_CLIENT,
            ] {
                let requests = cluster.requests(code);
                assert!(!requests.is_empty(), "{code}");
                for request in requests {
                    let fields =
                        ["AccessKey", "SecurityToken", "Signature"].map(|name| request.command.field(name).is_some());
                    assert_eq!(fields, [true; 3], "{code}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_says_what_to_check() {
    for dialect in [Dialect::V4_9, Dialect::V5] {
        let cluster = guarded(dialect).await;
        for (builder, advice) in [
            (with_defaults(&cluster), "set credentials"),
            (with_defaults(&cluster).credentials(Credentials::new("AK", "wrong")), "secret key"),
            (with_defaults(&cluster).credentials(Credentials::new("nobody", SECRET)), "does not know this access key"),
        ] {
            let error = refusal(builder).await;
            let text = error.to_string();
            assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Refused, Outcome::Rejected), "{text}");
            assert!(text.contains(advice), "{text}");
            let names_a_key = text.contains("signed with access key \"AK\"") || text.contains("access key \"nobody\"");
            assert!(names_a_key || advice == "set credentials", "{text}");
            assert_eq!(error.attempts().len(), 1, "no other try would end better");
        }
        cluster.set_accounts([Account::new("AK", SECRET).only_topics(["invoices"])]);
        let error = refusal(with_defaults(&cluster).credentials(keys())).await;
        assert_eq!(error.outcome(), Outcome::Rejected);
        assert!(error.to_string().contains("the right to send to the topic"), "{error}");
        assert_eq!(cluster.message_count("orders"), 0);
    }
}

/// Adds a field to each request, as tracing hooks do.
struct Stamp;

impl RpcHook for Stamp {
    fn before_request(&self, _: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        request.ext_fields_mut().set("stamp", "1");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn what_hooks_add_is_signed_whenever_they_were_added() {
    let cluster = guarded(Dialect::V5).await;
    let builder = with_defaults(&cluster).credentials(keys()).rpc_hook(Stamp).namespace_v2("tenant");
    let producer = builder.start().await.unwrap();
    producer.send(hello()).await.unwrap();
    assert_eq!(cluster.requests(RequestCode::SEND_MESSAGE_V2)[0].command.field("stamp"), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn every_further_try_is_signed_anew() {
    let cluster = guarded(Dialect::V5).await;
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::reply(ResponseCode::SYSTEM_BUSY).times(1));
    let producer = with_defaults(&cluster).credentials(keys()).start().await.unwrap();
    let sent = producer.send(hello()).await.unwrap();
    assert!(sent.attempts().len() > 1);
    // And over a new connection after GO_AWAY.
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::reply(ResponseCode::GO_AWAY).times(1));
    producer.send(hello()).await.unwrap();
    assert_eq!(cluster.message_count("orders"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_asked_for_every_request() {
    let cluster = guarded(Dialect::V4_9).await;
    let current = Arc::new(Mutex::new(Arc::new(keys())));
    let asked = Arc::clone(&current);
    let source = CredentialsSource::provider(move || Ok(Arc::clone(&asked.lock())));
    let producer = with_defaults(&cluster).credentials(source).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    cluster.set_accounts([Account::new("AK2", "rotated")]);
    assert_eq!(producer.send(hello()).await.unwrap_err().outcome(), Outcome::Rejected);
    *current.lock() = Arc::new(Credentials::new("AK2", "rotated"));
    producer.send(hello()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_credentials_nothing_is_sent() {
    let cluster = guarded(Dialect::V5).await;
    let sealed = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&sealed);
    let source = CredentialsSource::provider(move || {
        if asked.load(Ordering::Relaxed) {
            return Err(CredentialsError::provider("the vault is sealed"));
        }
        Ok(Arc::new(keys()))
    });
    let producer = builder(&cluster).credentials(source).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    sealed.store(true, Ordering::Relaxed);
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Hook, Outcome::NotSent), "{error}");
    assert!(chain(&error).contains("the vault is sealed"), "{}", chain(&error));
    assert_eq!(cluster.request_count(RequestCode::SEND_MESSAGE_V2), 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_with_unusable_credentials_dials_nobody() {
    let cluster = guarded(Dialect::V5).await;
    for source in [Credentials::new("AK", "").into(), CredentialsSource::key_file("no/such/file")] {
        let error = builder(&cluster).credentials(source).start().await.unwrap_err();
        assert!(matches!(error, StartError::Credentials(_)), "{error:?}");
    }
    assert!(cluster.name_server().lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_id_signs_with_one_set_of_credentials() {
    let cluster = guarded(Dialect::V5).await;
    let named = |group: &str, secret: &str| {
        let builder = with_defaults(&cluster).producer_group(group).instance_name("shared");
        builder.credentials(Credentials::new("AK", secret))
    };
    let first = named("a", SECRET).start().await.unwrap();
    named("b", SECRET).start().await.unwrap();
    let error = named("c", "canary").start().await.unwrap_err();
    assert!(matches!(error, StartError::OtherSettings { option: "credentials", .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    let unsigned = with_defaults(&cluster).producer_group("d").instance_name("shared").start().await.unwrap_err();
    assert!(matches!(unsigned, StartError::OtherSettings { option: "credentials", .. }), "{unsigned:?}");
    first.send(hello()).await.unwrap();
}
