//! A canary: secrets go through everything that a producer does, and everything that it shows is searched for them.
//!
//! A program of its own, because what is logged is caught for the whole process.
#![cfg(feature = "acl")]

use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_producer::{Credentials, CredentialsSource, Message, Producer, ProducerBuilder, RetryPolicy};
use rmq_testkit::{Account, Dialect, Fault, RequestCode, TestCluster};
use tracing_subscriber::fmt::format::FmtSpan;

const TOKEN: &str = "canary-token";
const SECRET: &str = "canary-secret";

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn guarded(dialect: Dialect) -> TestCluster {
    let cluster = TestCluster::builder().memory().topic("orders", 4).dialect(dialect);
    cluster.accounts([Account::new("AK", SECRET)]).start().await.expect("a cluster in memory always starts")
}

fn builder(cluster: &TestCluster) -> ProducerBuilder {
    let builder = Producer::builder("pg").name_servers(cluster.name_servers()).connector(cluster.connector());
    builder.retries(RetryPolicy::none())
}

fn keys() -> Credentials {
    Credentials::new("AK", SECRET).with_security_token(TOKEN)
}

fn hello() -> Message {
    Message::new("orders", "hello")
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").expect("text");
        cause = error.source();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_any_log_debug_text_or_error() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).expect("the only test of this program");
    let mut shown = String::new();
    for dialect in [Dialect::V4_9, Dialect::V5] {
        let cluster = guarded(dialect).await;
        // One whose requests pass, one who is refused, one who cannot sign.
        let fine = builder(&cluster).credentials(keys());
        let refused = builder(&cluster).credentials(Credentials::new("AK", "canary-wrong").with_security_token(TOKEN));
        let sealed = CredentialsSource::provider(|| Ok(Arc::new(keys())));
        write!(shown, "{fine:?} {:#?} {} {sealed:?} {:?}", fine.config(), fine.config(), keys()).expect("text");
        let producer = fine.start().await.unwrap();
        let sent = producer.send(hello()).await.unwrap();
        producer.send_oneway(hello()).await.unwrap();
        cluster.on(RequestCode::SEND_MESSAGE_V2, &Fault::silent().times(1));
        let lost = producer.send(hello()).await.unwrap_err();
        tokio::time::sleep(Duration::from_secs(40)).await;
        write!(shown, "{producer:?} {sent:?} {lost:?} {} {:?}", chain(&lost), producer.config()).expect("text");
        producer.shutdown(Duration::from_secs(3)).await;
        let producer = refused.start().await.unwrap();
        let error = producer.send(hello()).await.unwrap_err();
        write!(shown, "{error:?} {error:#?} {}", chain(&error)).expect("text");
        producer.shutdown(Duration::from_secs(3)).await;
        for request in cluster.requests(RequestCode::SEND_MESSAGE_V2) {
            write!(shown, "{request:?}").expect("text");
        }
        let error = builder(&cluster).credentials(Credentials::new("", "canary-empty")).start().await.unwrap_err();
        write!(shown, "{error:?} {}", chain(&error)).expect("text");
    }
    let logged = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(logged.contains("TRACE") && logged.contains("attempt over"), "the log is there");
    for (what, text) in [("log", &logged), ("text", &shown)] {
        let at = text.find("canary");
        assert!(at.is_none(), "a secret in the {what}: …{}", &text[at.unwrap_or(0).saturating_sub(200)..]);
    }
}
