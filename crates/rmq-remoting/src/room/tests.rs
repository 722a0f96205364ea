//! Tests of room.

use super::*;

fn poll<'a>(acquire: &mut Acquire<'a>) -> Poll<Option<Permit<'a>>> {
    Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn count_and_bytes_are_taken_together_or_not_at_all() {
    let room = Room::new(2, 100);
    let first = room.try_acquire(60).unwrap();
    assert!(room.try_acquire(60).is_none(), "bytes are short");
    assert_eq!((room.count(), room.bytes()), (1, 60), "a refusal takes nothing");
    let second = room.try_acquire(40).unwrap();
    assert!(room.try_acquire(0).is_none(), "the count is full");
    drop((first, second));
    assert_eq!((room.count(), room.bytes()), (0, 0));
}

#[test]
fn a_request_larger_than_everything_goes_when_it_is_alone() {
    let room = Room::new(2, 100);
    let big = room.try_acquire(1000).unwrap();
    assert_eq!(room.bytes(), 100);
    assert!(room.try_acquire(1).is_none());
    drop(big);
    assert!(room.try_acquire(1).is_some());
}

#[test]
fn waiters_are_served_in_order_even_when_a_later_one_would_fit() {
    let room = Room::new(10, 100);
    let held = room.try_acquire(80).unwrap();
    let mut large = room.acquire(90);
    let mut small = room.acquire(10);
    assert!(poll(&mut large).is_pending());
    assert!(poll(&mut small).is_pending(), "no overtaking");
    drop(held);
    assert!(poll(&mut large).is_ready());
    assert!(poll(&mut small).is_ready());
}

#[test]
fn a_waiter_that_leaves_holds_nothing_and_lets_the_next_one_in() {
    let room = Room::new(10, 100);
    let held = room.try_acquire(50).unwrap();
    let mut large = room.acquire(90);
    let mut small = room.acquire(10);
    assert!(poll(&mut large).is_pending() && poll(&mut small).is_pending());
    drop(large);
    let Poll::Ready(Some(small)) = poll(&mut small) else { panic!("the small one fits now") };
    drop((held, small));
    assert_eq!((room.count(), room.bytes()), (0, 0));
}

#[test]
fn a_grant_that_was_never_collected_comes_back() {
    let room = Room::new(1, 100);
    let held = room.try_acquire(1).unwrap();
    let mut next = room.acquire(1);
    assert!(poll(&mut next).is_pending());
    drop(held);
    assert_eq!(room.count(), 1, "granted to the waiter");
    drop(next);
    assert_eq!(room.count(), 0);
}

#[test]
fn closing_lets_every_waiter_go() {
    let room = Room::new(1, 100);
    let _held = room.try_acquire(1).unwrap();
    let mut next = room.acquire(1);
    assert!(poll(&mut next).is_pending());
    room.close();
    assert!(matches!(poll(&mut next), Poll::Ready(None)));
    assert!(room.try_acquire(1).is_none());
}

#[test]
fn nobody_overtakes_a_waiter_by_the_quick_way_and_it_opens_again_behind_the_last_one() {
    let room = Room::new(2, 100);
    let held = room.try_acquire(90).unwrap();
    let mut next = room.acquire(50);
    assert!(poll(&mut next).is_pending());
    assert!(room.try_take(1).is_none(), "there would be room, but somebody waits");
    drop(next);
    room.give_back(room.try_take(1).unwrap());
    drop(held);
    assert_eq!((room.count(), room.bytes()), (0, 0));
}

#[test]
fn the_largest_limits_do_not_run_into_each_other() {
    let room = Room::new(usize::MAX, usize::MAX);
    let all = room.try_take(usize::MAX).unwrap();
    assert!(room.try_take(1).is_none() && room.try_take(usize::MAX).is_none(), "one request holds all bytes");
    assert_eq!(room.count(), 1);
    room.give_back(all);
    assert_eq!((room.count(), room.bytes()), (0, 0));
    let room = Room::new(65_536, usize::MAX);
    for _ in 0..65_536 {
        let _kept = room.try_take(16 << 20).unwrap();
    }
    assert!(room.try_take(0).is_none());
    assert_eq!((room.count(), room.bytes()), (65_536, 65_536 << 24));
}

#[test]
fn many_threads_leave_nothing_behind() {
    let room = Room::new(3, 100);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let room = &room;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(async {
                    for n in 0..2_000 {
                        let permit = match room.try_acquire(n % 60 + thread) {
                            Some(permit) => permit,
                            None => room.acquire(n % 60 + thread).await.expect("the room is open"),
                        };
                        assert!(room.count() <= 3 && room.bytes() <= 100);
                        drop(permit);
                    }
                });
            });
        }
    });
    assert_eq!((room.count(), room.bytes()), (0, 0));
    assert!(room.try_take(1).is_some(), "the quick way is open");
}

#[test]
fn a_flush_that_meets_many_threads_ends_and_leaves_nothing_behind() {
    let room = Room::new(3, 100);
    let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let room = &room;
            scope.spawn(move || {
                runtime().block_on(async {
                    for n in 0..2_000 {
                        let permit = room.acquire(n % 60 + thread).await.expect("the room is open");
                        if n % 7 == 0 {
                            room.give_back(permit.keep());
                        }
                    }
                });
            });
        }
        scope.spawn(|| {
            runtime().block_on(async {
                for _ in 0..500 {
                    room.flushed().await;
                }
            });
        });
    });
    assert_eq!((room.count(), room.bytes(), room.behind.load(Ordering::SeqCst)), (0, 0, 0));
    assert!(room.try_take(1).is_some(), "the quick way is open");
}

#[tokio::test(start_paused = true)]
async fn a_grant_from_before_a_flush_that_is_given_up_does_not_hold_the_flush_up() {
    let room = Room::new(1, 100);
    let held = room.try_acquire(1).unwrap();
    let mut next = room.acquire(1);
    assert!(poll(&mut next).is_pending());
    drop(held);
    assert_eq!(room.count(), 1, "granted to the waiter");
    let mut flush = Box::pin(room.flushed());
    assert!(std::future::poll_fn(|cx| Poll::Ready(flush.as_mut().poll(cx).is_pending())).await);
    drop(next);
    flush.await;
}
