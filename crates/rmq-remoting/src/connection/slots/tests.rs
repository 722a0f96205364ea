//! Tests of slots.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::opaque::{FIRST, FIRST_ONEWAY};
use super::*;
use crate::code::ResponseCode;
use crate::command::RemotingCommand;

fn answer(opaque: i32) -> Answer {
    let mut answer = RemotingCommand::response(ResponseCode::SUCCESS);
    answer.set_opaque(opaque);
    answer.into()
}

fn take(slots: &mut Slots) -> (SlotKey, i32) {
    slots.take(Instant::now(), 0, None).unwrap()
}

fn deliver(slots: &mut Slots, opaque: i32) -> Delivered {
    slots.deliver(answer(opaque))
}

#[test]
fn an_answer_finds_its_request_once() {
    let mut slots = Slots::default();
    let (key, opaque) = take(&mut slots);
    assert!(matches!(deliver(&mut slots, opaque), Delivered::To(None)));
    assert!(matches!(deliver(&mut slots, opaque), Delivered::Unknown), "a duplicate is nobody's");
    assert!(slots.collect(key).and_then(Kept::take).is_some());
    assert!(matches!(deliver(&mut slots, opaque), Delivered::Unknown));
    assert_eq!(slots.live(), 0);
}

#[test]
fn an_orphan_keeps_its_slot_until_its_answer_comes() {
    let mut slots = Slots::default();
    let (key, opaque) = take(&mut slots);
    slots.leave(key);
    assert_eq!((slots.live(), slots.orphans()), (0, 1));
    let (other, _) = take(&mut slots);
    assert_ne!(key, other);
    assert!(matches!(deliver(&mut slots, opaque), Delivered::Late));
    assert_eq!(slots.orphans(), 0);
    let (again, new_opaque) = take(&mut slots);
    assert_eq!(again, key, "the slot is free again");
    assert_ne!(new_opaque, opaque, "under another opaque");
    assert!(matches!(deliver(&mut slots, opaque), Delivered::Unknown), "the old answer meets nobody new");
}

#[test]
fn opaques_have_ten_digits_and_wrap_without_meeting_a_live_request_or_a_oneway_one() {
    let mut slots = Slots::default();
    let (held, held_opaque) = take(&mut slots);
    for _ in 0..40_000 {
        let (key, opaque) = take(&mut slots);
        assert!((FIRST..FIRST_ONEWAY).contains(&opaque) && opaque != held_opaque);
        assert!(matches!(deliver(&mut slots, opaque), Delivered::To(None)));
        assert!(slots.collect(key).and_then(Kept::take).is_some());
    }
    assert!(matches!(deliver(&mut slots, held_opaque), Delivered::To(None)));
    assert!(slots.collect(held).and_then(Kept::take).is_some());
}

#[test]
fn there_is_room_for_65536_requests_beside_as_many_orphans_and_then_none() {
    let mut slots = Slots::default();
    for n in 0..131_072 {
        let (key, opaque) = take(&mut slots);
        assert!((FIRST..FIRST_ONEWAY).contains(&opaque));
        if n % 2 == 0 {
            slots.leave(key);
        }
    }
    assert_eq!((slots.live(), slots.orphans()), (65_536, 65_536));
    assert!(slots.take(Instant::now(), 0, None).is_none());
}

#[test]
fn hostile_opaques_are_unknown() {
    let mut slots = Slots::default();
    let (_, known) = take(&mut slots);
    for opaque in [i32::MIN, -1, 0, 1 << 20, FIRST - 1, FIRST, known - FIRST, known + 1, FIRST_ONEWAY, i32::MAX] {
        assert!(matches!(deliver(&mut slots, opaque), Delivered::Unknown), "{opaque}");
    }
}

#[test]
fn what_waits_takes_little_memory() {
    assert!(size_of::<Slot>() <= 56, "{} bytes", size_of::<Slot>());
}

#[tokio::test(start_paused = true)]
async fn expiry_marks_what_is_due_and_names_the_next_deadline() {
    let mut slots = Slots::default();
    let now = Instant::now();
    let (due, _) = slots.take(now, 5, None).unwrap();
    let (later, _) = slots.take(now + Duration::from_secs(1), 9, None).unwrap();
    let mut wakers = Vec::new();
    assert_eq!(slots.expire(now, &mut wakers), Some(now + Duration::from_secs(1)));
    assert!(matches!(slots.look(due), Found::Expired { start: 5 }));
    assert!(matches!(slots.look(later), Found::Waiting { start: 9 }));
}

#[test]
fn the_end_of_a_party_marks_what_waits_for_it_and_an_answer_may_still_come() {
    let mut slots = Slots::default();
    let mut of = |party: u32| {
        let taken = slots.take(Instant::now(), 7, Some(Waker::noop())).unwrap();
        if let Some(party) = NonZeroU32::new(party) {
            slots.claim(taken.0, party);
        }
        taken
    };
    let ((first, opaque), (second, late), (other, _), (nobody_s, _)) = (of(1), of(1), of(2), of(0));
    let mut wakers = Vec::new();
    slots.cut_off(NonZeroU32::MIN, &mut wakers);
    assert_eq!(wakers.len(), 2);
    assert!([first, second].iter().all(|key| matches!(slots.look(*key), Found::CutOff { start: 7 })));
    assert!([other, nobody_s].iter().all(|key| matches!(slots.look(*key), Found::Waiting { start: 7 })));
    slots.expire(Instant::now(), &mut wakers);
    assert!(matches!(slots.look(first), Found::CutOff { .. }), "its time makes no difference");
    assert!(matches!(deliver(&mut slots, opaque), Delivered::To(None)));
    assert!(slots.collect(first).and_then(Kept::take).is_some());
    slots.leave(second);
    assert!(matches!(deliver(&mut slots, late), Delivered::Late));
    assert_eq!((slots.live(), slots.orphans()), (2, 0));
    // Neither is the slot of one that was cut off when it is somebody else's.
    let (again, _) = slots.take(Instant::now(), 8, None).unwrap();
    assert_eq!(again, second);
    slots.cut_off(NonZeroU32::MIN, &mut wakers);
    assert!(matches!(slots.look(again), Found::Waiting { start: 8 }));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Take,
    Undo,
    /// The answer to the request taken so many before the last.
    Deliver(usize),
    Collect(usize),
    Leave(usize),
    Expire,
    /// The end of every third request's party.
    CutOff(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Take),
        1 => Just(Step::Undo),
        4 => (0_usize..12).prop_map(Step::Deliver),
        4 => (0_usize..12).prop_map(Step::Collect),
        2 => (0_usize..12).prop_map(Step::Leave),
        1 => Just(Step::Expire),
        1 => (1_u32..3).prop_map(Step::CutOff),
    ]
}

/// What a caller and its request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Waiting,
    Ready,
    Orphan,
    Over,
}

proptest! {
    #[test]
    fn in_any_order_of_events_each_answer_goes_to_its_own_caller(steps in vec(step(), 0..200)) {
        let mut slots = Slots::default();
        let mut taken: Vec<(SlotKey, i32, Is)> = Vec::new();
        for step in steps {
            let at = |back: usize| taken.len().checked_sub(back + 1);
            match step {
                Step::Take => {
                    let party = u32::try_from(taken.len() % 3).unwrap();
                    let (key, opaque) = take(&mut slots);
                    if let Some(party) = NonZeroU32::new(party) {
                        slots.claim(key, party);
                    }
                    taken.push((key, opaque, Is::Waiting));
                }
                Step::Undo => {
                    let (key, _) = take(&mut slots);
                    slots.undo(key);
                }
                Step::Deliver(back) => {
                    let Some(at) = at(back) else { continue };
                    let (_, opaque, is) = &mut taken[at];
                    let delivered = deliver(&mut slots, *opaque);
                    match is {
                        Is::Waiting => assert!(matches!(delivered, Delivered::To(None))),
                        Is::Orphan => assert!(matches!(delivered, Delivered::Late)),
                        Is::Ready | Is::Over => assert!(matches!(delivered, Delivered::Unknown)),
                    }
                    *is = if *is == Is::Waiting || *is == Is::Ready { Is::Ready } else { Is::Over };
                }
                Step::Collect(back) => {
                    let Some(at) = at(back) else { continue };
                    let (key, opaque, is) = &mut taken[at];
                    match is {
                        Is::Waiting => assert!(slots.collect(*key).is_none()),
                        Is::Ready => {
                            assert_eq!(slots.collect(*key).and_then(Kept::take).map(|answer| answer.opaque()), Some(*opaque));
                            *is = Is::Over;
                        }
                        // Its slot is nobody's any more, or somebody else's.
                        Is::Orphan | Is::Over => {}
                    }
                }
                Step::Leave(back) => {
                    let Some(at) = at(back) else { continue };
                    let (key, _, is) = &mut taken[at];
                    if matches!(is, Is::Waiting | Is::Ready) {
                        slots.leave(*key);
                        *is = if *is == Is::Waiting { Is::Orphan } else { Is::Over };
                    }
                }
                Step::Expire => {
                    slots.expire(Instant::now(), &mut Vec::new());
                }
                Step::CutOff(party) => {
                    if let Some(party) = NonZeroU32::new(party) {
                        slots.cut_off(party, &mut Vec::new());
                    }
                }
            }
            let count = |state| taken.iter().filter(|(_, _, is)| *is == state).count();
            assert_eq!((slots.live(), slots.orphans()), (count(Is::Waiting) + count(Is::Ready), count(Is::Orphan)));
        }
    }
}
