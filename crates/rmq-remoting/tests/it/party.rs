//! Parties: the end of one ends its own requests, whatever they wait for, and nobody else's.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use rmq_remoting::{
    Certainty, ConnectionEnd, Endpoint, Line, Party, PendingAnswer, RemotingClient, RemotingCommand, RemotingError,
    RpcHook,
};
use tokio::task::JoinHandle;

use crate::fixture::{
    Dial, Peer, SECOND, Wire, client, client_with, config, request, settle, spawn, stop_after, to, wire,
};

const LONG: Duration = Duration::from_secs(600);

/// A request by `line` whose future somebody polls.
fn call(line: &Arc<Line>, body: &'static str) -> JoinHandle<Result<rmq_remoting::Answer, RemotingError>> {
    let line = Arc::clone(line);
    spawn(async move { line.invoke_frame(&request(body), LONG).await })
}

fn line(party: &Party) -> Arc<Line> {
    Arc::new(party.line(&to()))
}

fn is_cut_off<T: std::fmt::Debug>(outcome: Result<T, RemotingError>) {
    match outcome {
        Err(error @ RemotingError::ConnectionLost { written: true, cause: ConnectionEnd::Closed, .. }) => {
            assert_eq!((error.certainty(), error.addr()), (Certainty::MaybeExecuted, Some("broker:10911")));
        }
        other => panic!("{other:?}"),
    }
}

fn is_refused<T: std::fmt::Debug>(outcome: Result<T, RemotingError>) {
    match outcome {
        Err(error @ RemotingError::Closed) => assert_eq!(error.certainty(), Certainty::NotSent),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_party_has_on_the_wire_ends_with_it_and_what_others_have_there_is_answered() {
    let (client, mut peers, _) = client(64 * 1024);
    let (ends, stays) = (client.party(), client.party());
    let lines = [line(&ends), line(&stays), Arc::new(client.line(&to()))];
    let calls = lines.each_ref().map(|line| [call(line, "x"), call(line, "y")]);
    let mut peer = peers.next().await;
    let mut asked = Vec::new();
    for _ in 0..6 {
        asked.push(peer.request().await);
    }
    ends.clone().end();
    let [cut_off, stay, of_nobody] = calls;
    for call in cut_off {
        is_cut_off(call.await.unwrap());
    }
    let connection = client.connection(&to()).expect("it goes on");
    assert_eq!((client.in_flight(), connection.in_flight(), connection.orphans()), (4, 4, 2));
    for asked in &asked {
        peer.answer(asked).await;
    }
    for call in stay.into_iter().chain(of_nobody) {
        call.await.unwrap().expect("not touched");
    }
    settle().await;
    assert_eq!((client.in_flight(), connection.in_flight(), connection.orphans()), (0, 0, 0));
    assert_eq!((client.stats().late_answers, client.stats().unknown_answers), (2, 0));
    // The second end changes nothing.
    ends.end();
    let last = call(&lines[1], "z");
    let asked = peer.request().await;
    peer.answer(&asked).await;
    last.await.unwrap().expect("not touched");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_encoded_and_not_written_ends_as_one_that_may_be_executed_and_is_written() {
    let (client, mut peers, _) = client(256);
    let (ends, stays) = (client.party(), client.party());
    let body = "a frame that is larger than the wire takes at once ".repeat(20);
    let pending = ends.line(&to()).submit(&request(body.clone()), LONG).await.unwrap();
    let behind = ends.line(&to()).submit(&request("behind"), LONG).await.unwrap();
    let other = stays.line(&to()).submit(&request("other"), LONG).await.unwrap();
    settle().await;
    assert!(client.connection(&to()).unwrap().queued_bytes() > 512);
    ends.end();
    is_cut_off(pending.await);
    is_cut_off(behind.await);
    let mut peer = peers.next().await;
    for expected in [&*body, "behind", "other"] {
        let asked = peer.request().await;
        assert_eq!(asked.body()[..], *expected.as_bytes(), "whole, and in its turn");
        peer.answer(&asked).await;
    }
    other.await.expect("not touched");
    settle().await;
    assert_eq!((client.stats().late_answers, client.connection(&to()).unwrap().orphans()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_lost_before_its_party_ended_still_says_what_was_not_sent() {
    let (client, mut peers, _) = client(256);
    let party = client.party();
    let _large = client.line(&to()).submit(&request("x".repeat(1000)), LONG).await.unwrap();
    let unsent = party.line(&to()).submit(&request("unsent"), LONG).await.unwrap();
    settle().await;
    drop(peers.next().await);
    settle().await;
    party.end();
    match unsent.await {
        Err(error @ RemotingError::ConnectionLost { .. }) => assert_eq!(error.certainty(), Certainty::NotSent),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_by_the_lines_of_a_party_that_has_ended() {
    let (client, peers, wire) = client(64 * 1024);
    peers.echo();
    client.invoke(&to(), request("first"), SECOND).await.unwrap();
    let party = client.party();
    let known = line(&party);
    known.invoke_frame(&request("second"), SECOND).await.unwrap();
    party.end();
    for line in [&known, &line(&party)] {
        is_refused(line.invoke_frame(&request("x"), SECOND).await);
        is_refused(line.submit(&request("x"), SECOND).await);
        is_refused(line.submit_oneway(&request("x"), SECOND).await);
        let tried = std::future::poll_fn(|cx| {
            std::task::Poll::Ready(line.try_submit(&request("x"), (SECOND).into(), cx).map_err(|error| *error))
        });
        is_refused(tried.await);
        is_refused(line.try_submit_oneway(&request("x"), SECOND.into()).map_err(|error| *error));
    }
    let connection = client.connection(&to()).expect("it goes on");
    assert_eq!((connection.in_flight(), connection.orphans(), connection.queued_bytes()), (0, 0, 0));
    client.retire(&to());
    is_refused(known.invoke_frame(&request("x"), SECOND).await);
    assert_eq!(wire.dials.load(Ordering::SeqCst), 1, "nobody dials for it either");
    assert_eq!((client.in_flight(), client.oneway_in_flight()), (0, 0));
    client.invoke(&to(), request("others"), SECOND).await.expect("not touched");
}

/// What a party's request waits for ends in no time when the party does, and nothing was sent.
async fn ends_waiting(client: &RemotingClient, party: &Party) {
    let line = line(party);
    let oneway = {
        let line = Arc::clone(&line);
        spawn(async move { line.submit_oneway(&request("waits"), LONG).await?.await })
    };
    let submit = {
        let line = Arc::clone(&line);
        spawn(async move { line.submit(&request("waits"), LONG).await?.await })
    };
    let call = call(&line, "waits");
    settle().await;
    assert!(!call.is_finished() && !submit.is_finished());
    let (others, before) = (client.in_flight(), tokio::time::Instant::now());
    party.end();
    is_refused(call.await.expect("no panic"));
    is_refused(submit.await.expect("no panic"));
    // It may have needed nothing that there was none of.
    drop(oneway.await.expect("no panic"));
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(client.in_flight() <= others);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_or_for_room_ends_unsent_with_its_party() {
    let dialling = async |wire: &Arc<Wire>| *wire.dial.lock() = Dial::Hang;
    let (client, _peers, hanging) = client(64 * 1024);
    dialling(&hanging).await;
    ends_waiting(&client, &client.party()).await;

    for narrow in [
        config(|config| config.max_in_flight = 1),
        config(|config| config.max_in_flight_per_connection = 1),
        config(|config| config.write_high_water_bytes = 1),
    ] {
        let (connector, mut peers) = wire(16);
        let client = client_with(narrow, &connector);
        let first = client.line(&to()).submit(&request("first"), LONG).await.unwrap();
        settle().await;
        ends_waiting(&client, &client.party()).await;
        let mut peer = peers.next().await;
        let mut asked = peer.request().await;
        if asked.is_oneway() {
            asked = peer.request().await;
        }
        assert_eq!(&asked.body()[..], b"first");
        peer.answer(&asked).await;
        first.await.expect("not touched");
        drop(client.line(&to()).submit_oneway(&request("next"), SECOND).await.expect("there is room again"));
        while &peer.request().await.body()[..] != b"next" {}
        assert_eq!(client.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn oneway_requests_that_are_not_written_end_with_their_party_only_and_are_written_all_the_same() {
    let (client, mut peers, _) = client(256);
    let (ends, stays) = (client.party(), client.party());
    let body = "x".repeat(1000);
    let write = |party: &Party| {
        let (line, body) = (line(party), body.clone());
        spawn(async move { line.submit_oneway(&request(body), LONG).await?.await })
    };
    let (first, cut_off, other) = (write(&stays), write(&ends), write(&stays));
    settle().await;
    ends.end();
    is_cut_off(cut_off.await.unwrap());
    assert!(!first.is_finished() && !other.is_finished());
    let mut peer = peers.next().await;
    for _ in 0..3 {
        assert_eq!(peer.request().await.body()[..], *body.as_bytes());
    }
    first.await.unwrap().expect("not touched");
    other.await.unwrap().expect("not touched");
    assert_eq!(client.oneway_in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn connections_that_were_given_up_are_looked_through_too() {
    let (client, mut peers, wire) = client(64 * 1024);
    let party = client.party();
    let (mut held, mut old) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let pending: PendingAnswer = party.line(&to()).submit(&request("x"), LONG).await.unwrap();
        held.push(spawn(pending));
        let mut peer: Peer = peers.next().await;
        peer.request().await;
        old.push(peer);
        client.retire(&to());
    }
    assert_eq!(wire.dials.load(Ordering::SeqCst), 3);
    settle().await;
    party.end();
    for call in held {
        is_cut_off(call.await.unwrap());
    }
    for mut peer in old {
        assert!(peer.read().await.is_none(), "the last call on it was over");
    }
}

struct Counting(Arc<AtomicUsize>);

impl RpcHook for Counting {
    fn after_response(&self, _: &Endpoint, _: &RemotingCommand, outcome: Result<&RemotingCommand, &RemotingError>) {
        self.0.fetch_add(usize::from(outcome.is_err()), Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_hooks_have_seen_are_their_party_s_too_and_hooks_see_their_ends() {
    let (connector, mut peers) = wire(256);
    let errors = Arc::new(AtomicUsize::new(0));
    let hook = Counting(Arc::clone(&errors));
    let client = RemotingClient::builder().connector(connector).hook(hook).build().unwrap();
    let party = client.party();
    let line = line(&party);
    let call = call(&line, "x");
    let pending = spawn(line.submit(&request("y"), LONG).await.unwrap());
    let write = spawn(line.submit_oneway(&request("z".repeat(1000)), LONG).await.unwrap());
    settle().await;
    party.end();
    is_cut_off(call.await.unwrap());
    is_cut_off(pending.await.unwrap());
    is_cut_off(write.await.unwrap());
    is_refused(line.invoke_frame(&request("x"), SECOND).await);
    is_refused(line.submit(&request("x"), SECOND).await);
    is_refused(line.submit_oneway(&request("x"), SECOND).await);
    assert_eq!(errors.load(Ordering::SeqCst), 4, "of those that are answered");
    let mut peer = peers.next().await;
    for _ in 0..3 {
        peer.request().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_is_handed_out_although_the_party_has_ended() {
    let (client, mut peers, _) = client(64 * 1024);
    let party = client.party();
    let line = line(&party);
    let before = line.submit(&request("before"), LONG).await.unwrap();
    let behind = line.submit(&request("behind"), LONG).await.unwrap();
    let mut peer = peers.next().await;
    let asked = [peer.request().await, peer.request().await];
    peer.answer(&asked[0]).await;
    settle().await;
    party.end();
    peer.answer(&asked[1]).await;
    settle().await;
    assert_eq!(&before.await.expect("it had its answer").body()[..], b"before");
    assert_eq!(&behind.await.expect("nobody had told it of the end yet").body()[..], b"behind");
    assert_eq!((client.stats().late_answers, client.in_flight()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_when_its_party_has_ended_leaves_no_more_than_an_orphan() {
    for polls in 0..3 {
        let (client, mut peers, _) = client(64 * 1024);
        let party = client.party();
        let pending = party.line(&to()).submit(&request("x"), LONG).await.unwrap();
        let mut peer = peers.next().await;
        let asked = peer.request().await;
        let connection = client.connection(&to()).unwrap();
        let mut pending = Box::pin(pending);
        assert!(stop_after(1, &mut pending).await.is_none());
        party.end();
        assert_eq!(connection.in_flight(), 1, "until its caller has looked");
        stop_after(polls, pending).await;
        assert_eq!((client.in_flight(), connection.in_flight(), connection.orphans()), (0, 0, 1));
        peer.answer(&asked).await;
        settle().await;
        assert_eq!((connection.orphans(), client.stats().late_answers), (0, 1));
    }
}

/// Sends by a line when it is woken.
struct SendsWhenWoken {
    line: Arc<Line>,
    outcomes: parking_lot::Mutex<Vec<Result<bool, RemotingError>>>,
}

impl Wake for SendsWhenWoken {
    fn wake(self: Arc<Self>) {
        let context = Context::from_waker(Waker::noop());
        let submitted = self.line.try_submit(&request("once more"), LONG.into(), &context);
        let written = self.line.try_submit_oneway(&request("once more"), LONG.into());
        let submitted = submitted.map(|pending| pending.is_some()).map_err(|error| *error);
        let written = written.map(|pending| pending.is_some()).map_err(|error| *error);
        self.outcomes.lock().extend([submitted, written]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_hears_of_the_end_of_a_party_is_refused_already() {
    let (client, mut peers, _) = client(64 * 1024);
    let party = client.party();
    let line = line(&party);
    let mut pending = line.submit(&request("x"), LONG).await.unwrap();
    let mut peer = peers.next().await;
    let asked = peer.request().await;
    let woken = Arc::new(SendsWhenWoken { line, outcomes: parking_lot::Mutex::default() });
    let waker = Waker::from(Arc::clone(&woken));
    assert!(Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)).is_pending());
    party.end();
    let outcomes = std::mem::take(&mut *woken.outcomes.lock());
    assert_eq!(outcomes.len(), 2);
    outcomes.into_iter().for_each(is_refused);
    is_cut_off(pending.await);
    peer.answer(&asked).await;
}

/// Sends until that fails: oneway requests, requests one after the other, or many at once.
async fn send_until_refused(line: Arc<Line>, way: usize) -> RemotingError {
    loop {
        let outcome = match way % 3 {
            0 => match line.submit_oneway(&request("x"), LONG).await {
                Ok(write) => write.await,
                Err(error) => Err(error),
            },
            1 => line.invoke_frame(&request("x"), LONG).await.map(drop),
            _ => send_many(&line).await,
        };
        if let Err(error) = outcome {
            return error;
        }
    }
}

async fn send_many(line: &Line) -> Result<(), RemotingError> {
    let (mut sent, mut outcome) = (Vec::new(), Ok(()));
    while sent.len() < 100 && outcome.is_ok() {
        outcome = line.submit(&request("x"), LONG).await.map(|pending| sent.push(pending));
    }
    for pending in sent {
        outcome = outcome.and(pending.await.map(drop));
    }
    outcome
}

/// Two threads: parties that end while they send, before a server that falls silent. Whatever got onto the wire ends, and whatever did not is
/// refused; the deadlines are far beyond the bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_stays_behind_the_end_of_its_party() {
    let (client, mut peers, _) = client(64 * 1024);
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = Arc::clone(&silent);
    spawn(async move {
        let mut peer = peers.next().await;
        while let Some(asked) = peer.read().await {
            if !is_silent.load(Ordering::SeqCst) && !asked.is_oneway() {
                peer.answer(&asked).await;
            }
        }
    });
    client.invoke(&to(), request("first"), LONG).await.unwrap();
    for round in 0..400_u32 {
        silent.store(false, Ordering::SeqCst);
        let party = client.party();
        let sends: Vec<_> = (0..6).map(|way| spawn(send_until_refused(line(&party), way))).collect();
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        silent.store(true, Ordering::SeqCst);
        party.end();
        for send in sends {
            let ended = tokio::time::timeout(LONG / 10, send).await;
            let error = ended.unwrap_or_else(|_| panic!("a request of round {round} hangs")).unwrap();
            let known = matches!(error, RemotingError::Closed | RemotingError::ConnectionLost { written: true, .. });
            assert!(known, "{error:?}");
        }
        assert_eq!((client.in_flight(), client.oneway_in_flight()), (0, 0));
    }
}
