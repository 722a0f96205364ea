//! The quick way: templates, answers without a map, and requests that are on the wire before their answer is awaited.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use rmq_remoting::{
    Answer, Certainty, Endpoint, HeaderEncoding, HookError, RemotingClient, RemotingCommand, RemotingError,
    RequestCode, RequestTemplate, ResponseCode, RpcHook,
};
use tokio::time::Instant;

use crate::fixture::{Peer, Peers, SECOND, client, client_with, config, request, settle, spawn, stop_after, to, wire};

fn template(encoding: HeaderEncoding) -> RequestTemplate<2> {
    let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_encoding(encoding).with_field("b", "t");
    RequestTemplate::new(request, ["e", "i"]).expect("a legal request")
}

/// Answers every request with its own fields, in its own encoding.
fn mirror(mut peers: Peers) {
    spawn(async move {
        let mut peer = peers.next().await;
        while let Some(request) = peer.read().await {
            reflect(&mut peer, &request).await;
        }
    });
}

async fn reflect(peer: &mut Peer, request: &RemotingCommand) {
    let mut answer = request.response_to(ResponseCode::SUCCESS).with_body(request.body().clone());
    for (name, value) in request.ext_fields().into_iter().flatten() {
        answer = answer.with_field(name.to_owned(), value);
    }
    peer.write(answer).await;
}

#[tokio::test(start_paused = true)]
async fn a_filled_template_arrives_as_its_command_and_so_does_the_answer() {
    let (client, peers, _) = client(64 * 1024);
    mirror(peers);
    for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
        let template = template(encoding);
        for n in 0..100 {
            let text = format!("TAGS\u{1}{n}\u{2}");
            let body = Bytes::from(vec![7; n * 97]);
            let filled = template.fill([FieldOf(n).into(), text.as_str().into()], &body);
            let answer = client.invoke_frame(&to(), &filled, SECOND).await.unwrap();
            assert!(answer.is_success());
            assert_eq!(answer.field("e"), Some(n.to_string().as_str()));
            assert_eq!((answer.field("i"), answer.field("b")), (Some(text.as_str()), Some("t")));
            assert_eq!(answer.body(), &body);
        }
    }
}

/// A queue number of a loop over sizes.
struct FieldOf(usize);

impl From<FieldOf> for rmq_remoting::FieldValue<'_> {
    fn from(value: FieldOf) -> Self {
        i64::try_from(value.0).expect("small").into()
    }
}

#[tokio::test(start_paused = true)]
async fn submitted_requests_go_out_in_order_before_anybody_awaits_them() {
    let (client, mut peers, _) = client(64 * 1024);
    let mut pending = Vec::new();
    let opening = spawn({
        let client = client.clone();
        async move { client.connect(&to(), SECOND).await.map(drop) }
    });
    let mut peer = peers.next().await;
    opening.await.unwrap().unwrap();
    for n in 0..20_u8 {
        pending.push(client.submit(&to(), &request(vec![n]), SECOND).await.unwrap());
    }
    assert_eq!(client.in_flight(), 20);
    for n in 0..20_u8 {
        let asked = peer.request().await;
        assert_eq!(&asked.body()[..], &[n]);
        peer.answer(&asked).await;
    }
    settle().await;
    // Awaited by another task than the one that submitted, and last first.
    for (n, pending) in (0..20_u8).zip(pending).rev() {
        let answer = spawn(pending).await.unwrap().unwrap();
        assert_eq!(&answer.body()[..], &[n]);
    }
    assert_eq!((client.in_flight(), client.in_flight_bytes()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_between_submit_and_await_wakes_nobody_in_vain() {
    let (client, peers, _) = client(64 * 1024);
    peers.echo();
    let pending = client.submit(&to(), &request("x"), SECOND).await.unwrap();
    settle().await;
    let mut pending = pin!(pending);
    let first = pending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(first, Poll::Ready(Ok(answer)) if answer.body() == "x"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_says_when_it_was_there_and_not_when_it_was_collected() {
    let (client, mut peers, _) = client(64 * 1024);
    let begun = Instant::now();
    let pending = client.submit(&to(), &request("x"), SECOND).await.unwrap();
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    tokio::time::sleep(SECOND / 10).await;
    peer.answer(&asked).await;
    tokio::time::sleep(SECOND / 2).await;
    let mut pending = pin!(pending);
    assert_eq!(pending.answered_at(), None, "nobody has it yet");
    assert!(pending.as_mut().await.is_ok());
    assert_eq!(pending.answered_at(), Some(begun + SECOND / 10));

    let mut pending = pin!(client.submit(&to(), &request("y"), SECOND).await.unwrap());
    assert!(pending.as_mut().await.is_err());
    assert_eq!(pending.answered_at(), None, "there was none");
}

#[tokio::test(start_paused = true)]
async fn a_pending_answer_ends_at_its_deadline_and_with_its_connection() {
    let (client, mut peers, _) = client(64 * 1024);
    let pending = client.submit(&to(), &request("x"), SECOND).await.unwrap();
    let error = pending.await.unwrap_err();
    assert!(matches!(error, RemotingError::Timeout { after, .. } if after >= SECOND), "{error}");
    let pending = client.submit(&to(), &request("y"), SECOND).await.unwrap();
    let mut peer = peers.next().await;
    assert_eq!(peer.request().await.body(), "x");
    assert_eq!(peer.request().await.body(), "y");
    drop(peer);
    let error = pending.await.unwrap_err();
    assert_eq!(error.certainty(), Certainty::MaybeExecuted, "{error}");
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_pending_answer_gives_its_room_back_and_its_late_answer_harms_nobody() {
    let (client, peers, _) = client(64 * 1024);
    peers.echo();
    let pending = client.submit(&to(), &request("x"), SECOND).await.unwrap();
    drop(pending);
    assert_eq!((client.in_flight(), client.in_flight_bytes()), (0, 0));
    settle().await;
    assert_eq!(client.stats().late_answers, 1);
    client.invoke_frame(&to(), &request("next"), SECOND).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn frames_dropped_at_every_poll_leave_nothing_behind() {
    for way in 0..3 {
        let mut finished = false;
        for polls in 1..100 {
            let (client, peers, _) = client(64);
            peers.echo();
            let (command, body) = (request(vec![5; 3000]), Bytes::from(vec![6; 3000]));
            let template = template(HeaderEncoding::Json);
            let done = match way {
                0 => stop_after(polls, client.invoke_frame(&to(), &command, SECOND)).await.is_some(),
                1 => {
                    let filled = template.fill([1.into(), "x".into()], &body);
                    stop_after(polls, client.invoke_oneway_frame(&to(), &filled, SECOND)).await.is_some()
                }
                _ => stop_after(polls, async { client.submit(&to(), &command, SECOND).await?.await }).await.is_some(),
            };
            let when = format!("way {way} dropped after {polls} polls");
            assert_eq!((client.in_flight(), client.in_flight_bytes(), client.oneway_in_flight()), (0, 0, 0), "{when}");
            let later =
                client.invoke(&to(), request("later"), SECOND).await.unwrap_or_else(|error| panic!("{when}: {error}"));
            assert_eq!(&later.body()[..], b"later", "{when}");
            settle().await;
            assert!(client.connections().iter().all(|connection| connection.orphans() == 0), "{when}");
            if done {
                finished = true;
                break;
            }
        }
        assert!(finished, "way {way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_waits_for_room_and_does_not_overtake() {
    let (wire, mut peers) = wire(64 * 1024);
    let client = client_with(config(|config| config.max_in_flight = 2), &wire);
    client.connect(&to(), SECOND).await.unwrap();
    let calls: Vec<_> = (0..6_u8)
        .map(|n| {
            let client = client.clone();
            spawn(async move { client.invoke_frame(&to(), &request(vec![n]), SECOND).await })
        })
        .collect();
    let mut peer = peers.next().await;
    for n in 0..6_u8 {
        settle().await;
        assert!(client.in_flight() <= 2);
        let asked = peer.request().await;
        assert_eq!(&asked.body()[..], &[n]);
        peer.answer(&asked).await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_over_sends_no_frame_either() {
    let (client, peers, _) = client(64 * 1024);
    peers.echo();
    client.invoke(&to(), request("open"), SECOND).await.unwrap();
    settle().await;
    // The timer of the first call has fired, or is armed for later than the deadlines below.
    for wait in [Duration::ZERO, SECOND * 2] {
        tokio::time::advance(wait).await;
        settle().await;
        let before = client.stats().writes;
        let error = client.invoke_frame(&to(), &request("x"), Duration::ZERO).await.unwrap_err();
        assert!(matches!(error, RemotingError::DeadlineExpired), "{error}");
        let error = client.submit(&to(), &request("x"), Duration::ZERO).await.unwrap_err();
        assert!(matches!(error, RemotingError::DeadlineExpired), "{error}");
        assert_eq!(client.stats().writes, before);
        assert_eq!(client.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_shut_down_refuses_frames() {
    let (client, peers, _) = client(64 * 1024);
    peers.echo();
    client.invoke(&to(), request("open"), SECOND).await.unwrap();
    client.shutdown(SECOND).await;
    for error in [
        client.invoke_frame(&to(), &request("x"), SECOND).await.unwrap_err(),
        client.submit(&to(), &request("x"), SECOND).await.unwrap_err(),
        client.invoke_oneway_frame(&to(), &request("x"), SECOND).await.unwrap_err(),
    ] {
        assert!(matches!(error, RemotingError::Closed), "{error}");
    }
}

#[derive(Default)]
struct Counting {
    before: AtomicUsize,
    after: AtomicUsize,
    failed: AtomicUsize,
}

impl RpcHook for Counting {
    fn before_request(&self, _: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        self.before.fetch_add(1, Ordering::SeqCst);
        assert_eq!(request.field("e"), Some("3"), "a hook sees the fields of a filled template");
        request.ext_fields_mut().set("hooked", "yes");
        Ok(())
    }

    fn after_response(
        &self,
        _: &Endpoint,
        request: &RemotingCommand,
        outcome: Result<&RemotingCommand, &RemotingError>,
    ) {
        assert_eq!(request.field("hooked"), Some("yes"));
        self.after.fetch_add(1, Ordering::SeqCst);
        self.failed.fetch_add(usize::from(outcome.is_err()), Ordering::SeqCst);
    }
}

struct Shared(Arc<Counting>);

impl RpcHook for Shared {
    fn before_request(&self, to: &Endpoint, request: &mut RemotingCommand) -> Result<(), HookError> {
        self.0.before_request(to, request)
    }

    fn after_response(
        &self,
        to: &Endpoint,
        request: &RemotingCommand,
        outcome: Result<&RemotingCommand, &RemotingError>,
    ) {
        self.0.after_response(to, request, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_see_every_request_whatever_its_form() {
    let counting = Arc::new(Counting::default());
    let (wire, peers) = wire(64 * 1024);
    mirror(peers);
    let client =
        RemotingClient::builder().connector(Arc::clone(&wire)).hook(Shared(Arc::clone(&counting))).build().unwrap();
    let (template, body) = (template(HeaderEncoding::Json), Bytes::from("body"));
    let filled = template.fill([3.into(), "x".into()], &body);

    let hooked = |answer: Answer| assert_eq!((answer.field("hooked"), answer.field("i")), (Some("yes"), Some("x")));
    hooked(client.invoke_frame(&to(), &filled, SECOND).await.unwrap());
    hooked(client.submit(&to(), &filled, SECOND).await.unwrap().await.unwrap());
    client.invoke_oneway_frame(&to(), &filled, SECOND).await.unwrap();
    assert_eq!((counting.before.load(Ordering::SeqCst), counting.after.load(Ordering::SeqCst)), (3, 2));

    drop(client.submit(&to(), &filled, SECOND).await.unwrap());
    assert_eq!(counting.after.load(Ordering::SeqCst), 2, "nobody is told of a call that was dropped");
    client.submit(&to(), &filled, Duration::ZERO).await.unwrap_err();
    assert_eq!((counting.after.load(Ordering::SeqCst), counting.failed.load(Ordering::SeqCst)), (3, 1));
}

#[tokio::test]
async fn over_a_socket_a_lone_frame_is_one_write_and_bursts_share_theirs() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _server = rmq_remoting::RemotingServer::builder()
        .processor(RequestCode::SEND_MESSAGE_V2, |_: &rmq_remoting::ConnectionContext, _: RemotingCommand| {
            let answer: rmq_remoting::BoxFuture<'static, _> =
                Box::pin(async { Some(RemotingCommand::response(ResponseCode::SUCCESS)) });
            answer
        })
        .serve(listener)
        .unwrap();
    let client = RemotingClient::builder().build().unwrap();
    let to = Endpoint::new("127.0.0.1", port).unwrap();
    let (template, body) = (Arc::new(template(HeaderEncoding::Json)), Bytes::from("body"));
    let send = {
        let (client, template) = (client.clone(), Arc::clone(&template));
        move || {
            let (client, template, to, body) = (client.clone(), Arc::clone(&template), to.clone(), body.clone());
            async move { client.invoke_frame(&to, &template.fill([1.into(), "x".into()], &body), SECOND * 60).await }
        }
    };
    send().await.unwrap();
    let before = client.stats();
    for _ in 0..100 {
        send().await.unwrap();
    }
    assert_eq!(client.stats().writes - before.writes, 100);

    let before = client.stats();
    for _ in 0..20 {
        let calls: Vec<_> = (0..256).map(|_| spawn(send())).collect();
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
    let writes = client.stats().writes - before.writes;
    assert!(writes <= 20 * 256 * 3 / 100, "{writes} writes for {} requests in bursts of 256", 20 * 256);
}

#[tokio::test(start_paused = true)]
async fn what_has_to_wait_is_not_submitted_at_once() {
    let (client, peers, wire) = client(64 * 1024);
    mirror(peers);
    let template = template(HeaderEncoding::Json);
    let body = Bytes::from("body");
    let filled = template.fill([3_i32.into(), "now".into()], &body);
    let mut cx = Context::from_waker(Waker::noop());
    let deadline = rmq_remoting::Deadline::after(SECOND);
    let line = client.line(&to());
    assert!(client.try_submit(&to(), &filled, deadline, &cx).unwrap().is_none(), "there is no connection");
    assert!(line.try_submit(&filled, deadline, &cx).unwrap().is_none(), "nor by a line");
    assert!(client.try_submit_oneway(&to(), &filled, deadline).unwrap().is_none(), "nor one for this");
    settle().await;
    assert_eq!((wire.dials.load(Ordering::SeqCst), client.in_flight(), client.oneway_in_flight()), (0, 0, 0));
    client.connect(&to(), SECOND).await.unwrap();
    for by_line in [false, true] {
        let pending = match by_line {
            false => client.try_submit(&to(), &filled, deadline, &cx),
            true => line.try_submit(&filled, deadline, &cx),
        };
        let pending = pending.expect("it is encoded").expect("there is a connection");
        assert_eq!(client.in_flight(), 1);
        let answer = pending.await.unwrap();
        assert_eq!((answer.field("e"), answer.field("i"), client.in_flight()), (Some("3"), Some("now"), 0));
    }
    let write = client.try_submit_oneway(&to(), &filled, deadline).expect("it is encoded").expect("there is one");
    assert_eq!(client.oneway_in_flight(), 1);
    write.await.unwrap();
    let mut dropped = client.try_submit_oneway(&to(), &filled, deadline).expect("it is encoded").expect("there is one");
    drop(std::pin::Pin::new(&mut dropped).poll(&mut cx));
    drop(dropped);
    assert_eq!(client.oneway_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_s_fields_are_in_every_request_and_in_its_templates() {
    let (connector, mut peers) = wire(64 * 1024);
    let client = RemotingClient::builder().connector(connector).field("ns", "one").field("b", "mine").build().unwrap();
    spawn(async move {
        let mut peer = peers.next().await;
        while let Some(request) = peer.read().await {
            if !request.is_oneway() {
                reflect(&mut peer, &request).await;
            }
        }
    });
    let command = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_field("b", "its own");
    let answer = client.invoke(&to(), command.clone(), SECOND).await.unwrap();
    assert_eq!((answer.field("ns"), answer.field("b")), (Some("one"), Some("mine")));
    let answer = client.invoke_frame(&to(), &command, SECOND).await.unwrap();
    assert_eq!((answer.field("ns"), answer.field("b")), (Some("one"), Some("mine")));
    let template = client.template(command, ["e"]).unwrap();
    let body = Bytes::new();
    let filled = template.fill([1_i32.into()], &body);
    let answer = client.invoke_frame(&to(), &filled, SECOND).await.unwrap();
    assert_eq!((answer.field("ns"), answer.field("b"), answer.field("e")), (Some("one"), Some("mine"), Some("1")));
    let cx = Context::from_waker(Waker::noop());
    let deadline = rmq_remoting::Deadline::after(SECOND);
    assert!(client.try_submit(&to(), &filled, deadline, &cx).unwrap().is_some(), "such a template is quick");
    client.invoke_oneway_frame(&to(), &filled, SECOND).await.unwrap();
}
