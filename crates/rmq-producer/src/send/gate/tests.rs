//! Tests of the gate.

use std::time::Duration;

use super::*;

fn gate(sends: usize, bytes: usize) -> Arc<Gate> {
    Gate::new(InFlightLimits::new(sends, bytes))
}

#[test]
fn a_closed_gate_lets_nobody_in_and_counts_those_inside() {
    let gate = gate(10, 10);
    let inside = gate.try_enter(1).ok().unwrap();
    gate.close();
    assert_eq!(gate.try_enter(1).err(), Some(Turned::Closed));
    assert_eq!((gate.count(), gate.is_closed()), (1, true));
    drop(inside);
    assert_eq!(gate.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_last_one_out_wakes_whoever_waits() {
    let gate = gate(10, 10);
    let (one, two) = (gate.try_enter(1).ok().unwrap(), gate.try_enter(1).ok().unwrap());
    gate.close();
    assert!(tokio::time::timeout(Duration::from_secs(1), gate.empty()).await.is_err());
    drop(one);
    let (waited, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(1), gate.empty()), async { drop(two) });
    assert!(waited.is_ok());
    gate.empty().await;
}

#[test]
fn a_refusal_for_want_of_bytes_takes_nothing_a_thousand_times() {
    let gate = gate(3, 100);
    let held = gate.try_enter(60).ok().unwrap();
    for _ in 0..1_000 {
        assert_eq!(gate.try_enter(60).err(), Some(Turned::Full));
    }
    assert_eq!((gate.count(), gate.held_bytes()), (1, 60));
    let (second, third) = (gate.try_enter(40).ok().unwrap(), gate.try_enter(0).ok().unwrap());
    assert_eq!(gate.try_enter(0).err(), Some(Turned::Full), "the number is full");
    drop((held, second, third));
    assert_eq!((gate.count(), gate.held_bytes()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn waiting_in_vain_takes_nothing_and_lets_the_next_one_in() {
    let gate = gate(2, 100);
    let held = gate.try_enter(80).ok().unwrap();
    for _ in 0..1_000 {
        assert!(tokio::time::timeout(Duration::from_millis(1), gate.enter(30)).await.is_err());
    }
    assert_eq!((gate.count(), gate.held_bytes()), (1, 80));
    assert!(gate.enter(20).await.is_ok());
    drop(held);
    assert!(gate.enter(100).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_served_in_order_and_turned_away_by_the_close() {
    let gate = gate(10, 100);
    let held = gate.try_enter(100).ok().unwrap();
    let (large, small) = (gate.enter(90), gate.enter(1));
    tokio::pin!(large, small);
    assert!(futures_pending(large.as_mut()).await && futures_pending(small.as_mut()).await);
    drop(held);
    let large = large.await.ok().unwrap();
    let small = small.await.ok().unwrap();
    let last = gate.enter(50);
    tokio::pin!(last);
    assert!(futures_pending(last.as_mut()).await);
    gate.close();
    assert_eq!(last.await.err(), Some(Turned::Closed));
    drop((large, small));
    gate.empty().await;
    assert_eq!(gate.held_bytes(), 0);
}

async fn is_over(flush: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_millis(1), flush).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_those_inside_and_not_for_those_who_come_later() {
    let gate = gate(10, 100);
    gate.flush().await;
    let (one, two) = (gate.try_enter(1).ok().unwrap(), gate.try_enter(1).ok().unwrap());
    let mut flush = Box::pin(gate.flush());
    assert!(!is_over(&mut flush).await);
    let later = gate.try_enter(1).ok().unwrap();
    drop(one);
    assert!(!is_over(&mut flush).await);
    drop(two);
    assert!(is_over(&mut flush).await);
    assert_eq!(gate.count(), 1);
    drop(later);
    gate.flush().await;
}

#[tokio::test(start_paused = true)]
async fn later_ones_that_leave_early_do_not_count() {
    let gate = gate(10, 100);
    let slow = gate.try_enter(1).ok().unwrap();
    let mut flush = Box::pin(gate.flush());
    assert!(!is_over(&mut flush).await);
    for _ in 0..100 {
        drop(gate.try_enter(1).ok().unwrap());
        assert!(!is_over(&mut flush).await);
    }
    drop(slow);
    assert!(is_over(&mut flush).await);
}

#[tokio::test(start_paused = true)]
async fn flushes_are_served_in_turn_and_one_that_is_given_up_bars_nobody() {
    let gate = gate(10, 100);
    let first = gate.try_enter(1).ok().unwrap();
    let mut given_up = Box::pin(gate.flush());
    assert!(!is_over(&mut given_up).await);
    let second = gate.try_enter(1).ok().unwrap();
    let mut other = Box::pin(gate.flush());
    assert!(!is_over(&mut other).await);
    drop(given_up);
    assert!(!is_over(&mut other).await);
    drop(second);
    assert!(!is_over(&mut other).await, "the first is still inside");
    drop(first);
    assert!(is_over(&mut other).await);
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_is_flushed_too_and_empty_counts_both_epochs() {
    let gate = gate(10, 100);
    let old = gate.try_enter(1).ok().unwrap();
    let mut flush = Box::pin(gate.flush());
    assert!(!is_over(&mut flush).await);
    let new = gate.try_enter(1).ok().unwrap();
    gate.close();
    let mut empty = Box::pin(gate.empty());
    drop(new);
    assert!(!is_over(&mut empty).await, "one of the old is inside");
    assert_eq!(gate.count(), 1);
    drop(old);
    assert!(is_over(&mut flush).await && is_over(&mut empty).await);
}

async fn futures_pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    let mut future = Some(future);
    std::future::poll_fn(|cx| {
        let polled = future.take().map(|future| future.poll(cx));
        std::task::Poll::Ready(polled.is_some_and(|polled| polled.is_pending()))
    })
    .await
}
