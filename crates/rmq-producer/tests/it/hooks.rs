//! What hooks see, may change, and cannot break.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rmq_producer::*;
use rmq_testkit::{Fault, RequestCode, TestCluster};

use crate::world::*;

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// Keeps what it sees, as text.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<String>>>, &'static str);

impl Diary {
    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl SendHook for Diary {
    fn before_send(&self, context: &mut SendContext<'_>) {
        assert_eq!((context.group(), context.born_host().to_string().as_str()), ("pg", "10.9.9.9"));
        assert!(context.message().unique_id().is_some());
        let line = format!("{}before {} {:?}", self.1, context.way(), context.message_type());
        self.0.lock().push(line);
    }

    fn after_send(&self, report: &SendReport<'_>) {
        let end = match report.end() {
            SendEnd::Stored(sent) => {
                assert_eq!(report.message().unique_id(), Some(sent.message_id()));
                format!("stored {}", sent.status())
            }
            SendEnd::Written(attempt) => format!("written to {}", attempt.broker_name()),
            SendEnd::Failed(error) => format!("failed {}", error.kind()),
            SendEnd::Dropped { possibly_stored } => format!("dropped {possibly_stored}"),
            _ => "?".to_owned(),
        };
        self.0.lock().push(format!("{}after {end} {}", self.1, report.attempts().len()));
    }
}

#[tokio::test(start_paused = true)]
async fn each_way_of_sending_begins_and_ends_once() {
    let cluster = start(one_broker()).await;
    let diary = Diary::default();
    let producer = with_defaults(&cluster).send_hook(diary.clone()).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    assert_eq!(diary.lines(), ["before awaited Normal", "after stored SEND_OK 1"]);
    producer.enqueue(hello()).await.unwrap().await.unwrap();
    assert_eq!(diary.lines(), ["before enqueued Normal", "after stored SEND_OK 1"]);
    producer.send_oneway(hello()).await.unwrap();
    assert_eq!(diary.lines(), ["before oneway Normal", "after written to broker-a 1"]);
    let (tell, told) = tokio::sync::oneshot::channel();
    producer.send_with_callback(hello(), |_| tell.send(()).unwrap());
    told.await.unwrap();
    assert_eq!(diary.lines(), ["before callback Normal", "after stored SEND_OK 1"]);
    // Three attempts, one send.
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_ERROR).remark("java.lang.Error"));
    producer.send(hello()).await.unwrap_err();
    assert_eq!(diary.lines(), ["before awaited Normal", "after failed broker_failed 3"]);
    cluster.clear_faults();
    // What was not let in is no send.
    producer.send(Message::new("orders", "")).await.unwrap_err();
    assert!(diary.lines().is_empty());
    producer.send(hello()).select(|_, _| 99).await.unwrap_err();
    assert_eq!(diary.lines(), ["before awaited Normal", "after failed invalid_queue 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_send_ends_for_its_hooks_too_at_every_poll() {
    for polls in 1.. {
        let cluster = start(one_broker()).await;
        let diary = Diary::default();
        let producer = builder(&cluster).send_hook(diary.clone()).start().await.unwrap();
        let done = stop_after(polls, producer.send(hello()).into_future()).await.is_some();
        let lines = diary.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[1].starts_with("after stored"), done, "{lines:?}");
        if done {
            assert!(polls > 2);
            break;
        }
        let metrics = producer.metrics();
        assert_eq!((metrics.accepted, metrics.dropped + metrics.abandoned, metrics.in_flight), (1, 1, 0));
        assert_eq!(lines[1] == "after dropped true 0", metrics.abandoned == 1, "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_run_in_the_order_of_their_registration() {
    let cluster = start(one_broker()).await;
    let (one, two) = (Diary(Arc::default(), "1 "), Diary(Arc::default(), "2 "));
    let two = Diary(Arc::clone(&one.0), two.1);
    let producer = builder(&cluster).send_hook(one.clone()).send_hook(two).start().await.unwrap();
    producer.send(hello()).await.unwrap();
    let order: Vec<_> = one.lines().iter().map(|line| line[..4].to_owned()).collect();
    assert_eq!(order, ["1 be", "2 be", "1 af", "2 af"]);
}

struct Edit<F>(F);

impl<F: Fn(Message) -> Message + Send + Sync + 'static> SendHook for Edit<F> {
    fn before_send(&self, context: &mut SendContext<'_>) {
        context.edit(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_edits_the_copy_that_is_sent_and_not_the_caller_s_message() {
    let cluster = start(one_broker()).await;
    let producer = builder(&cluster)
        .send_hook(Edit(|message: Message| message.property("colour", "red").tag("seen")))
        .start()
        .await
        .unwrap();
    let sent = producer.send(hello()).await.unwrap();
    let stored = cluster.messages("orders").remove(0);
    assert_eq!(
        (stored.tags(), stored.property("colour"), stored.unique_id()),
        (Some("seen"), Some("red"), Some(sent.message_id()))
    );
    cluster.on(SEND, &Fault::reply(ResponseCode::MESSAGE_ILLEGAL));
    let error = producer.send(hello()).await.unwrap_err();
    assert!(error.message_id().is_some());
    assert_eq!(error.into_message(), hello());
}

#[tokio::test(start_paused = true)]
async fn what_a_hook_spoils_is_refused() {
    let cluster = start(one_broker()).await;
    let producer =
        builder(&cluster).send_hook(Edit(|message: Message| message.property("KEYS", "x"))).start().await.unwrap();
    let error = producer.send(hello()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (SendErrorKind::InvalidMessage, Outcome::NotSent));
    assert_eq!(error.into_message(), hello());
    assert_eq!(cluster.request_count(SEND), 0);
}

struct Panics;

impl SendHook for Panics {
    fn before_send(&self, context: &mut SendContext<'_>) {
        assert!(context.message().tags() != Some("before"), "of the user's own");
    }

    fn after_send(&self, report: &SendReport<'_>) {
        assert!(report.message().tags() != Some("after"));
    }
}

impl RpcHook for Panics {
    fn before_request(
        &self,
        _: &rmq_remoting::Endpoint,
        request: &mut rmq_remoting::RemotingCommand,
    ) -> Result<(), HookError> {
        assert!(!request.body().starts_with(b"wire"));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_hook_is_an_error_of_that_send_only() {
    let cluster = start(one_broker()).await;
    let forbid = |context: &CheckForbiddenContext<'_>| -> Result<(), HookError> {
        assert!(context.message.tags() != Some("check"));
        Ok(())
    };
    let diary = Diary::default();
    let producer = builder(&cluster)
        .send_hook(diary.clone())
        .send_hook(Panics)
        .check_forbidden_hook(forbid)
        .rpc_hook(Panics)
        .start()
        .await
        .unwrap();
    for message in [hello().tag("before"), hello().tag("check"), Message::new("orders", "wire")] {
        let error = producer.send(message.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (SendErrorKind::Hook, Outcome::NotSent), "{error:?}");
        let mut cause: &dyn Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        assert!(cause.to_string().contains("panicked"), "{cause}");
        assert_eq!(error.into_message(), message);
        assert_eq!(diary.lines().len(), 2, "its end is told all the same");
    }
    producer.send(hello().tag("after")).await.unwrap();
    producer.send(hello()).await.unwrap();
    assert_eq!((cluster.messages("orders").len(), producer.metrics().hook_panics), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_attempt_ends_the_send_with_the_hook_s_error() {
    let cluster = start(two_brokers()).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let name_servers = cluster.name_servers();
    let producer = with_defaults(&cluster)
        .check_forbidden_hook(move |context: &CheckForbiddenContext<'_>| {
            count.fetch_add(1, Ordering::SeqCst);
            assert_eq!((context.group, context.name_servers, context.unit_mode), ("pg", name_servers.as_str(), false));
            assert!(context.address.as_str().contains(&**context.queue.broker_name()) || context.address.port() > 0);
            match context.message.tags() {
                Some("no") => Err(HookError::new("not on a Saturday")),
                _ => Ok(()),
            }
        })
        .start()
        .await
        .unwrap();
    let error = producer.send(hello().tag("no")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.attempts().len()), (SendErrorKind::Hook, Outcome::NotSent, 1));
    let cause = error.source().and_then(Error::source).unwrap();
    assert_eq!(cause.to_string(), "not on a Saturday");
    assert_eq!(producer.send_oneway(hello().tag("no")).await.unwrap_err().kind(), SendErrorKind::Hook);
    assert_eq!((asked.load(Ordering::SeqCst), cluster.request_count(SEND)), (2, 0));
    // Once per attempt.
    cluster.on(SEND, &Fault::reply(ResponseCode::SYSTEM_BUSY).times(1));
    let sent = producer.send(hello()).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2 + sent.attempts().len());
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_is_told_apart() {
    let cluster = start(one_broker()).await;
    let diary = Diary::default();
    let producer = builder(&cluster).send_hook(diary.clone()).start().await.unwrap();
    let mut message = hello();
    message.properties_mut().set("DELAY", "1");
    producer.send(message).await.unwrap();
    assert_eq!(diary.lines()[0], "before awaited Delay");
}

struct Names(Arc<Mutex<Vec<String>>>);

impl SendHook for Names {
    fn before_send(&self, context: &mut SendContext<'_>) {
        let namespace = context.namespace().unwrap_or("none");
        self.0.lock().push(format!("{} {namespace} {}", context.group(), context.message().topic()));
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_see_names_without_their_namespace() {
    let cluster = start(TestCluster::builder().memory().topic("ns%orders", 1)).await;
    let names = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&names);
    let producer = builder(&cluster)
        .namespace("ns")
        .unit_mode(true)
        .send_hook(Names(Arc::clone(&names)))
        .check_forbidden_hook(move |context: &CheckForbiddenContext<'_>| {
            assert!(context.unit_mode);
            seen.lock().push(format!("{} {} {}", context.group, context.queue.topic(), context.message.topic()));
            Ok(())
        })
        .start()
        .await
        .unwrap();
    producer.send(hello()).await.unwrap();
    assert_eq!(*names.lock(), ["pg ns orders", "pg orders orders"]);
    assert_eq!(cluster.message_count("ns%orders"), 1);
}
