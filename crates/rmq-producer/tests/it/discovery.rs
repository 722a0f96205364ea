//! Name servers that are looked up: by one's own look-up, and by a web server as Java's clients ask it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_producer::{
    AddressService, BoxFuture, Connector, Discovery, DiscoveryError, HttpError, Message, NameServerList, Producer,
    ProducerBuilder, SendErrorKind, StartError,
};
use rmq_remoting::{Endpoint, Stream};
use rmq_testkit::{Fault, RequestCode, TestCluster};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::world::*;

const LOOK_UP: RequestCode = RequestCode::GET_ROUTEINFO_BY_TOPIC;

/// Says what the test says, and when it was asked.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<(String, Vec<Instant>)>>);

impl Told {
    fn say(&self, list: impl Into<String>) {
        self.0.lock().0 = list.into();
    }

    fn asked(&self) -> Vec<Instant> {
        self.0.lock().1.clone()
    }
}

impl Discovery for Told {
    fn name(&self) -> String {
        "the test".to_owned()
    }

    fn name_servers(&self) -> BoxFuture<'_, Result<NameServerList, DiscoveryError>> {
        let list = {
            let mut told = self.0.lock();
            told.1.push(Instant::now());
            told.0.clone()
        };
        Box::pin(async move {
            match list.as_str() {
                "silence" => std::future::pending().await,
                "panic" => panic!("as the test wants it"),
                "failure" => Err(DiscoveryError::own("no registry there")),
                list => Ok(NameServerList::parse(list)?),
            }
        })
    }
}

fn told(cluster: &TestCluster, list: impl Into<String>) -> (Told, ProducerBuilder) {
    let told = Told::default();
    told.say(list);
    let builder = Producer::builder("pg").connector(cluster.connector()).client_ip([10, 9, 9, 9].into());
    (told.clone(), builder.discovery(told))
}

fn look_ups(cluster: &TestCluster) -> [u64; 2] {
    [0, 1].map(|n| cluster.name_server_at(n).request_count(LOOK_UP))
}

#[tokio::test(start_paused = true)]
async fn a_changed_list_is_gone_over_to_while_everything_runs() {
    let cluster = start(two_brokers().name_servers(2)).await;
    let (told, builder) = told(&cluster, "namesrv:9876");
    let producer = builder.start().await.unwrap();
    producer.send(hello()).await.unwrap();
    assert_eq!(look_ups(&cluster), [2, 0], "the check, and the topic");

    told.say("namesrv-1:9876");
    tokio::time::sleep(seconds(133)).await;
    assert!(cluster.name_server_at(0).lines().is_empty(), "nothing more is asked there");
    let before = look_ups(&cluster);
    cluster.name_server_at(0).kill().await;
    producer.publish_queues("BenchmarkTest").await.unwrap();
    assert_eq!(look_ups(&cluster), [before[0], before[1] + 1]);
}

#[tokio::test(start_paused = true)]
async fn a_longer_list_keeps_the_server_that_is_in_use() {
    let cluster = start(two_brokers().name_servers(2)).await;
    let (told, builder) = told(&cluster, "namesrv:9876");
    let producer = builder.start().await.unwrap();
    producer.send(hello()).await.unwrap();
    told.say("namesrv-1:9876;namesrv:9876");
    tokio::time::sleep(seconds(400)).await;
    assert_eq!(look_ups(&cluster)[1], 0);
    cluster.name_server_at(0).kill().await;
    producer.publish_queues("BenchmarkTest").await.expect("the new one is known by now");
    assert_eq!(producer.publish_queues("orders").await.unwrap().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn an_empty_failed_or_missing_answer_changes_nothing() {
    let cluster = start(two_brokers()).await;
    let (told, builder) = told(&cluster, cluster.name_servers());
    let producer = builder.start().await.unwrap();
    for nothing in ["", ";;", "failure", "panic", "silence", "no address:"] {
        told.say(nothing);
        tokio::time::sleep(seconds(140)).await;
        producer.publish_queues("BenchmarkTest").await.expect("the last list stays");
        cluster.set_queues("orders", 4, 4);
    }
    let gaps: Vec<_> = told.asked().windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        gaps.len() >= 5 && gaps.iter().all(|gap| (108..=132).contains(&gap.as_secs())),
        "every 2 minutes: {gaps:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_finds_none_fails_in_time_and_leaves_nothing_behind() {
    let cluster = start(two_brokers()).await;
    for (say, within) in [("", 0), ("failure", 0), ("panic", 0), ("silence", 3)] {
        let (_told, builder) = told(&cluster, say);
        let begun = Instant::now();
        let error = builder.start().await.unwrap_err();
        assert!(matches!(error, StartError::Discovery(_)), "{error:?}");
        assert_eq!(begun.elapsed(), seconds(within));
    }
    assert!(cluster.name_server().lines().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_start_can_do_without_and_goes_on_asking_every_ten_seconds() {
    let cluster = start(two_brokers()).await;
    let (told, builder) = told(&cluster, "failure");
    let producer = builder.check_name_servers(false).start().await.unwrap();
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!(error.kind(), SendErrorKind::NameServers);
    let cause = std::error::Error::source(&error).expect("what the look-up says").source().expect("and why");
    assert!(cause.to_string().contains("no name server is known"), "{cause}");
    told.say(cluster.name_servers());
    tokio::time::sleep(seconds(11)).await;
    producer.send(hello()).await.expect("found by now");
    assert_eq!(told.asked().len(), 2);
    producer.shutdown(seconds(1)).await;
    assert_eq!(producer.tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_lost_they_are_looked_up_early() {
    let cluster = start(two_brokers().name_servers(2)).await;
    let (told, builder) = told(&cluster, "namesrv:9876");
    let producer = builder.start().await.unwrap();
    tokio::time::sleep(seconds(30)).await;
    told.say("namesrv-1:9876");
    cluster.name_server_at(0).kill().await;
    let begun = Instant::now();
    producer.send(hello()).await.expect_err("the old one is gone");
    while producer.send(hello()).await.is_err() {
        tokio::time::sleep(milliseconds(50)).await;
    }
    assert!(begun.elapsed() < seconds(1), "not after two minutes: {:?}", begun.elapsed());
    assert_eq!(told.asked().len(), 2, "and not more than once in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn who_joins_others_that_know_the_name_servers_does_not_ask_for_them() {
    let cluster = start(two_brokers()).await;
    for given in [true, false] {
        let told = Told::default();
        told.say(cluster.name_servers());
        let named = |group: &str| {
            let builder = Producer::builder(group).connector(cluster.connector()).discovery(told.clone());
            let builder = builder.instance_name("shared");
            if given { builder.client_ip([10, 9, 9, 9].into()) } else { builder }
        };
        let first = named("first").start().await.unwrap();
        told.say("failure");
        let second = named("second").start().await.expect("the first one knows them");
        assert_eq!((second.client_id(), told.asked().len()), (first.client_id(), 1));
        second.send(hello()).await.unwrap();

        // Whoever would not get in, or needs another address for its id, asks as if nobody were there.
        named("other").api_timeout(seconds(1)).start().await.unwrap_err();
        assert_eq!(told.asked().len(), 2);
        if !given {
            named("other").client_ip([10, 9, 9, 8].into()).start().await.unwrap_err();
            assert_eq!(told.asked().len(), 3);
        }
        first.shutdown(seconds(1)).await;
        second.shutdown(seconds(1)).await;
        let error = named("third").start().await.unwrap_err();
        assert!(matches!(error, StartError::Discovery(_)), "nobody knows them any more: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_others_to_end_asks_when_they_have() {
    let cluster = start(one_broker()).await;
    let (told, builder) = told(&cluster, cluster.name_servers());
    let builder = builder.instance_name("shared");
    let first = builder.clone().start().await.unwrap();
    cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::delay(seconds(1)));
    let (sent, _, second) = tokio::join!(
        first.send(hello()).into_future(),
        async {
            settle().await;
            first.shutdown(seconds(2)).await
        },
        async {
            tokio::time::sleep(milliseconds(500)).await;
            assert_eq!(told.asked().len(), 1);
            builder.start().await
        }
    );
    sent.unwrap();
    second.expect("its group is free by then").send(hello()).await.unwrap();
    assert_eq!(told.asked().len(), 2);
}

/// Serves each connection with one answer, and notes the request lines.
#[derive(Clone)]
struct Web {
    answer: Arc<Mutex<String>>,
    requests: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl Web {
    fn answering(answer: impl Into<String>) -> Self {
        Self { answer: Arc::new(Mutex::new(answer.into())), requests: Arc::default() }
    }

    async fn serve(self, mut line: impl AsyncRead + AsyncWrite + Unpin) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if line.read_buf(&mut request).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let request = String::from_utf8(request).expect("a request is text");
        self.requests.lock().push((Instant::now(), request));
        let answer = self.answer.lock().clone();
        // The client may have seen enough.
        drop(line.write_all(answer.as_bytes()).await);
        drop(line.shutdown().await);
    }

    fn first_lines(&self) -> Vec<String> {
        self.requests.lock().iter().map(|(_, request)| request.lines().next().unwrap_or_default().to_owned()).collect()
    }
}

/// In memory.
impl Connector for Web {
    fn connect(&self, _: &Endpoint) -> BoxFuture<'static, io::Result<Stream>> {
        let web = self.clone();
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(1024);
            spawn(web.serve(theirs));
            Ok(Stream::boxed(ours))
        })
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test(start_paused = true)]
async fn a_web_server_is_asked_at_start_and_every_two_minutes() {
    let cluster = start(two_brokers().name_servers(2)).await;
    let web = Web::answering(ok("namesrv:9876\n"));
    let service = AddressService::new("http://web/rocketmq/nsaddr").unit_name("u1").connector(web.clone());
    let builder = Producer::builder("pg").connector(cluster.connector()).discovery(service);
    let producer = builder.start().await.unwrap();
    producer.send(hello()).await.unwrap();
    assert_eq!(web.first_lines(), ["GET /rocketmq/nsaddr-u1?nofix=1 HTTP/1.1"]);
    assert!(web.requests.lock()[0].1.contains("\r\nHost: web\r\n"));

    *web.answer.lock() = ok("namesrv-1:9876;namesrv-1:9876 \r\nsomething else");
    tokio::time::sleep(seconds(133)).await;
    assert_eq!(web.first_lines().len(), 2);
    cluster.name_server_at(0).kill().await;
    producer.publish_queues("BenchmarkTest").await.expect("the new one is asked");

    *web.answer.lock() = "HTTP/1.1 503 Service Unavailable\r\n\r\n".to_owned();
    tokio::time::sleep(seconds(1200)).await;
    producer.publish_queues("SELF_TEST_TOPIC").await.expect("the last list stays");
    let times: Vec<_> = web.requests.lock().iter().map(|(at, _)| *at).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert!(gaps.len() >= 10 && gaps.iter().all(|gap| (107..=133).contains(gap)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_web_server_that_is_none_fails_the_start_with_its_reason() {
    let cluster = start(two_brokers()).await;
    type Is = fn(&DiscoveryError) -> bool;
    let cases: [(String, Is); 5] = [
        ("HTTP/1.1 404 Not Found\r\n\r\n".into(), |e| {
            matches!(e, DiscoveryError::Http(HttpError::Status { status: 404 }))
        }),
        ("SSH-2.0-OpenSSH_9.6\r\n".into(), |e| matches!(e, DiscoveryError::Http(_))),
        (String::new(), |e| matches!(e, DiscoveryError::Http(HttpError::Io(_)))),
        (ok("  \r\n"), |e| matches!(e, DiscoveryError::List(_))),
        (ok("<html>not found</html>"), |e| matches!(e, DiscoveryError::List(_))),
    ];
    for (answer, is) in cases {
        let service = AddressService::new("http://web/x").connector(Web::answering(answer.clone()));
        let builder = Producer::builder("pg").connector(cluster.connector()).discovery(service);
        match builder.start().await.unwrap_err() {
            StartError::Discovery(error) => assert!(is(&error), "{answer:?}: {error:?}"),
            other => panic!("{answer:?}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_cannot_be_asked_is_refused_before_a_byte_is_sent() {
    let cluster = start(two_brokers()).await;
    for url in ["https://web/x", "web/x", "http://", "http://w eb/x"] {
        let builder = Producer::builder("pg").connector(cluster.connector()).address_service(url);
        let error = builder.start().await.unwrap_err();
        assert!(matches!(error, StartError::Discovery(DiscoveryError::Address(_))), "{url}: {error:?}");
        let cause = std::error::Error::source(&error).unwrap().source().unwrap();
        assert!(cause.to_string().contains("http://host:port/path"), "{cause}");
    }
    assert!(cluster.name_server().lines().is_empty());
}

/// Over TCP, with the producer's own sockets, in the three ways in which a body can end.
#[tokio::test]
async fn a_web_server_over_tcp_tells_the_name_servers() {
    let cluster = TestCluster::builder().topic("orders", 4).start().await.expect("free ports");
    let list = cluster.name_servers();
    let chunked = format!("{:x}\r\n{list}\r\n0\r\n\r\n", list.len());
    for answer in [
        ok(&list),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"),
        format!("HTTP/1.0 200 OK\r\n\r\n{list}"),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://localhost:{}/rocketmq/nsaddr", listener.local_addr().expect("bound").port());
        let web = Web::answering(answer);
        let server = web.clone();
        spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                spawn(server.clone().serve(line));
            }
        });
        let builder =
            Producer::builder("pg").address_service(url).unit_name("u1").send_timeout(Duration::from_secs(30));
        let producer = builder.start().await.expect("the web server knows them");
        producer.send(Message::new("orders", "hello")).await.expect("stored");
        assert_eq!(web.first_lines(), ["GET /rocketmq/nsaddr-u1?nofix=1 HTTP/1.1"], "the unit is the client's");
        producer.shutdown(Duration::from_secs(5)).await;
    }
    assert_eq!(cluster.message_count("orders"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_preferred_to_a_web_server() {
    let cluster = start(one_broker()).await;
    let builder = with_defaults(&cluster).address_service("https://never.asked");
    builder.start().await.unwrap().send(hello()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_request_names_the_zone() {
    let cluster = start(one_broker()).await;
    let producer = with_defaults(&cluster).zone("z1").zone_mode(true).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    settle().await;
    let mut requests = cluster.name_server().all_requests();
    requests.extend(cluster.broker("broker-a").all_requests());
    assert!(requests.len() >= 3, "look-ups, a send, a heartbeat");
    for request in requests {
        assert_eq!((request.field("__ZONE_NAME"), request.field("__ZONE_MODE")), (Some("z1"), Some("true")));
    }
    let plain = with_defaults(&cluster).start().await.unwrap();
    cluster.name_server().forget_requests();
    plain.publish_queues("orders").await.unwrap();
    assert_eq!(cluster.name_server().all_requests()[0].field("__ZONE_NAME"), None);
}
