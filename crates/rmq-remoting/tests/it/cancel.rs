//! Every public async call, dropped at every poll: nothing is held, nothing is cut, later calls are unharmed.

#![allow(clippy::future_not_send, reason = "a test runs on one thread")]

use rmq_remoting::RemotingClient;

use crate::fixture::{Peers, SECOND, client, request, settle, spawn, stop_after, to};

fn assert_nothing_held(client: &RemotingClient, when: &str) {
    assert_eq!(client.in_flight(), 0, "{when}");
    assert_eq!(client.in_flight_bytes(), 0, "{when}");
    assert_eq!(client.oneway_in_flight(), 0, "{when}");
}

async fn later_calls_work(client: &RemotingClient, when: &str) {
    let answer = client.invoke(&to(), request("later"), SECOND).await.unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_eq!(&answer.body()[..], b"later", "{when}");
    settle().await;
    for connection in client.connections() {
        assert_eq!(connection.orphans(), 0, "{when}: the late answer frees the orphan");
        assert_eq!(connection.in_flight(), 0, "{when}");
    }
}

/// Small pipes make the frame be written in many pieces, so that a cancelled caller could cut it if anything could.
fn small() -> (RemotingClient, Peers) {
    let (client, peers, _) = client(64);
    (client, peers)
}

/// Runs a case that drops its call after 1 poll, after 2, and so on, until the call was done before it was dropped.
async fn at_every_poll(case: impl AsyncFn(usize) -> bool) {
    for polls in 1..MOST_POLLS {
        if case(polls).await {
            return;
        }
    }
    panic!("not done after {MOST_POLLS} polls");
}

/// Drops the first call of a client at every poll.
async fn first_call_at_every_poll(call: impl AsyncFn(&RemotingClient)) {
    at_every_poll(async |polls| {
        let (client, peers) = small();
        peers.echo();
        let done = stop_after(polls, call(&client)).await.is_some();
        let when = format!("dropped after {polls} polls");
        assert_nothing_held(&client, &when);
        later_calls_work(&client, &when).await;
        done
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn invoke_dropped_at_every_poll() {
    first_call_at_every_poll(async |client| drop(client.invoke(&to(), request(vec![5; 3000]), SECOND).await)).await;
}

#[tokio::test(start_paused = true)]
async fn invoke_dropped_at_every_poll_on_an_open_connection_with_others_in_flight() {
    at_every_poll(async |polls| {
        let (client, peers) = small();
        peers.echo();
        client.invoke(&to(), request("open"), SECOND).await.unwrap();
        let others: Vec<_> = (0..5)
            .map(|n: u8| {
                let client = client.clone();
                spawn(async move {
                    let answer = client.invoke(&to(), request(vec![n; 1000]), SECOND).await.unwrap();
                    assert_eq!(&answer.body()[..], &vec![n; 1000][..]);
                })
            })
            .collect();
        let done = stop_after(polls, client.invoke(&to(), request(vec![9; 3000]), SECOND)).await.is_some();
        for other in others {
            other.await.unwrap();
        }
        let when = format!("dropped after {polls} polls");
        assert_nothing_held(&client, &when);
        later_calls_work(&client, &when).await;
        done
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn invoke_oneway_dropped_at_every_poll() {
    let oneway = async |client: &RemotingClient| {
        drop(client.invoke_oneway(&to(), request(vec![5; 3000]), SECOND).await);
    };
    first_call_at_every_poll(oneway).await;
}

#[tokio::test(start_paused = true)]
async fn connect_dropped_at_every_poll_leaves_the_dial_to_the_next_caller() {
    at_every_poll(async |polls| {
        let (client, peers, wire) = client(1024);
        peers.echo();
        let done = stop_after(polls, client.connect(&to(), SECOND)).await.is_some();
        later_calls_work(&client, "after connect").await;
        assert_eq!(wire.dials.load(std::sync::atomic::Ordering::SeqCst), 1);
        done
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_dropped_at_every_poll_can_be_called_again() {
    at_every_poll(async |polls| {
        let (client, peers) = small();
        peers.echo();
        client.invoke(&to(), request("open"), SECOND).await.unwrap();
        let pending = spawn({
            let client = client.clone();
            async move { client.invoke(&to(), request(vec![5; 3000]), SECOND).await }
        });
        tokio::task::yield_now().await;
        let done = stop_after(polls, client.shutdown(SECOND)).await.is_some();
        let report = client.shutdown(SECOND).await;
        assert_eq!(report.unanswered, 0);
        drop(pending.await.unwrap());
        assert_eq!(client.tasks(), 0);
        done
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_cancelled_calls_leaves_only_whole_frames_on_the_wire() {
    let (client, mut peers, _) = client(64);
    let reader = spawn(async move {
        let mut peer = peers.next().await;
        let mut whole = 0;
        // `read` panics on a cut or garbled frame.
        while let Some(request) = peer.read().await {
            assert!(request.body().iter().all(|byte| *byte == request.body()[0]), "bodies are not mixed");
            whole += 1;
        }
        whole
    });
    for round in 0..300_usize {
        let body = vec![u8::try_from(round % 251).unwrap(); 1 + round * 13 % 700];
        if round % 3 == 0 {
            drop(stop_after(1 + round % 5, client.invoke_oneway(&to(), request(body), SECOND)).await);
        } else {
            drop(stop_after(1 + round % 4, client.invoke(&to(), request(body), SECOND)).await);
        }
    }
    settle().await;
    tokio::time::sleep(SECOND).await;
    drop(client);
    assert!(reader.await.unwrap() > 0);
}

/// More than any call needs.
const MOST_POLLS: usize = 100;
