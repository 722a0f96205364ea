//! Requests that wait for their answer, by opaque.
//!
//! An opaque is the generation and the index of a slot, and has ten digits whatever they are, so that answers are as long as those before.
//! A slot whose caller left becomes an orphan and is not reused until its answer comes or the connection ends; the generation is the
//! second line of defence against a late answer.

use std::task::Waker;

use tokio::time::Instant;

use super::uncollected::{Place, Uncollected};
use crate::answer::Answer;
use crate::codec::Alike;

/// The opaque of the first slot in its first generation.
const FIRST: i32 = 1_000_000_000;
/// 65,536 requests in flight beside as many orphans.
const INDEX_BITS: u32 = 17;
const INDEX_MASK: i32 = (1 << INDEX_BITS) - 1;
/// All that ten digits have room for.
const GENERATION_MASK: i32 = (1 << (30 - INDEX_BITS)) - 1;
/// Above those of all slots.
const FIRST_ONEWAY: i32 = FIRST + (1 << 30);

/// The opaque of a oneway request, after that of the one before: no slot ever has one like it, so a stray answer meets nobody.
pub(crate) fn next_oneway(last: i32) -> i32 {
    last.checked_add(1).unwrap_or(FIRST_ONEWAY).max(FIRST_ONEWAY)
}

#[derive(Default)]
pub(crate) struct Slots {
    entries: Vec<Slot>,
    /// The slot that is taken next; may be the one behind all that there are. Each free one names the next.
    free: u32,
    live: usize,
    orphans: usize,
    /// Not in their slots: few are there at once, and most of what waits is short of memory only while it waits.
    answers: Uncollected,
}

struct Slot {
    generation: i32,
    state: State,
    /// Of a caller who waits.
    waker: Option<Waker>,
    deadline: Instant,
    /// Where the frame of its request starts in the stream of all bytes of this connection.
    start: u64,
}

#[derive(Clone, Copy)]
enum State {
    /// Nobody's; the next free slot.
    Free(u32),
    Waiting,
    /// Waits, though its time is over.
    Expired,
    Ready(Place),
    Orphan,
}

/// The key of a taken slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotKey(u32);

/// What became of an answer.
pub(crate) enum Delivered {
    /// Its caller is to be woken.
    To(Option<Waker>),
    /// Its caller had left.
    Late,
    /// No such request.
    Unknown,
}

/// What a caller finds in its slot while there is no answer.
pub(crate) enum Found {
    Expired { start: u64 },
    Waiting { start: u64 },
}

impl Slots {
    /// Requests whose callers wait, answered ones that were not collected yet among them.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    pub(crate) fn orphans(&self) -> usize {
        self.orphans
    }

    /// Takes a slot for a caller who is woken by `waker`, and returns its key and opaque.
    #[inline(always)]
    pub(crate) fn take(&mut self, deadline: Instant, start: u64, waker: Option<&Waker>) -> Option<(SlotKey, i32)> {
        let index = self.free;
        if index as usize >= self.entries.len() {
            self.grow(deadline)?;
        }
        let slot = &mut self.entries[index as usize];
        if let State::Free(next) = slot.state {
            self.free = next;
        }
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        slot.state = State::Waiting;
        slot.waker = waker.cloned();
        slot.deadline = deadline;
        slot.start = start;
        self.live += 1;
        let low = i32::try_from(index).unwrap_or(INDEX_MASK);
        Some((SlotKey(index), FIRST + ((slot.generation << INDEX_BITS) | low)))
    }

    /// Makes one more slot, if there may be more.
    #[cold]
    fn grow(&mut self, deadline: Instant) -> Option<()> {
        let index = u32::try_from(self.entries.len()).ok().filter(|index| *index <= INDEX_MASK.unsigned_abs())?;
        self.entries.push(Slot { generation: 0, state: State::Free(index + 1), waker: None, deadline, start: 0 });
        Some(())
    }

    /// Hands an answer to the request with its opaque.
    pub(crate) fn deliver(&mut self, answer: Answer) -> Delivered {
        let opaque = answer.opaque();
        self.answers.next().put(answer);
        let delivered = self.deliver_next(opaque);
        if !matches!(delivered, Delivered::To(_)) {
            // It may have a large body.
            drop(self.answers.next().take());
        }
        delivered
    }

    /// Hands out an answer like earlier ones, whose texts are put in where they are to wait. `None`: they are odd, and it is to be read in
    /// another way, whether somebody waits for it or not.
    #[inline(always)]
    pub(crate) fn deliver_alike(&mut self, alike: &Alike<'_>) -> Option<Delivered> {
        let kept = self.answers.next();
        alike.put_texts(kept)?;
        // If nobody waits for it, the next one is put in over it.
        alike.put_rest(kept);
        Some(self.deliver_next(alike.opaque))
    }

    /// Hands out the answer that was put in as the next one.
    #[inline(always)]
    fn deliver_next(&mut self, opaque: i32) -> Delivered {
        // What is below the first one or above the last one has no generation that a slot has.
        let number = opaque.wrapping_sub(FIRST);
        let index = (number & INDEX_MASK).unsigned_abs();
        let slot = match self.entries.get_mut(index as usize) {
            Some(slot) if slot.generation == number >> INDEX_BITS => slot,
            _ => return Delivered::Unknown,
        };
        if let State::Waiting | State::Expired = slot.state {
            slot.state = State::Ready(self.answers.keep());
            return Delivered::To(slot.waker.take());
        }
        if self.end_orphan(index) { Delivered::Late } else { Delivered::Unknown }
    }

    /// Frees the slot of a caller who left before the answer came, if it is one.
    #[cold]
    fn end_orphan(&mut self, index: u32) -> bool {
        let slot = &mut self.entries[index as usize];
        let State::Orphan = slot.state else { return false };
        slot.state = State::Free(self.free);
        self.free = index;
        self.orphans -= 1;
        true
    }

    /// Takes the answer out of a caller's slot, if it is there, and frees the slot.
    #[inline(always)]
    pub(crate) fn collect(&mut self, key: SlotKey) -> Option<Answer> {
        let slot = &mut self.entries[key.0 as usize];
        let State::Ready(place) = slot.state else { return None };
        slot.state = State::Free(self.free);
        self.free = key.0;
        self.live -= 1;
        self.answers.collect(place)
    }

    /// Looks into a caller's slot that has no answer.
    pub(crate) fn look(&self, key: SlotKey) -> Found {
        let Slot { state, start, .. } = self.entries[key.0 as usize];
        match state {
            State::Waiting => Found::Waiting { start },
            State::Expired => Found::Expired { start },
            State::Free(_) | State::Orphan | State::Ready(_) => Found::Expired { start: u64::MAX },
        }
    }

    /// Remembers whom to wake.
    pub(crate) fn watch(&mut self, key: SlotKey, waker: &Waker) {
        let slot = &mut self.entries[key.0 as usize];
        if let State::Waiting | State::Expired = slot.state {
            match &mut slot.waker {
                Some(known) => known.clone_from(waker),
                none => *none = Some(waker.clone()),
            }
        }
    }

    /// The caller leaves. Its slot is free if the answer was there, an orphan otherwise.
    pub(crate) fn leave(&mut self, key: SlotKey) {
        let slot = &mut self.entries[key.0 as usize];
        match slot.state {
            State::Ready(_) => drop(self.collect(key)),
            State::Waiting | State::Expired => {
                slot.state = State::Orphan;
                slot.waker = None;
                self.live -= 1;
                self.orphans += 1;
            }
            State::Free(_) | State::Orphan => {}
        }
    }

    /// Takes back a slot whose frame was never appended.
    pub(crate) fn undo(&mut self, key: SlotKey) {
        let slot = &mut self.entries[key.0 as usize];
        slot.state = State::Free(self.free);
        slot.waker = None;
        self.free = key.0;
        self.live -= 1;
    }

    /// Marks every request that is due, collects whom to wake, and returns the next deadline.
    pub(crate) fn expire(&mut self, now: Instant, wakers: &mut Vec<Waker>) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for slot in &mut self.entries {
            if let State::Waiting | State::Expired = slot.state {
                if slot.deadline <= now {
                    slot.state = State::Expired;
                    wakers.extend(slot.waker.take());
                } else {
                    next = Some(next.map_or(slot.deadline, |known| known.min(slot.deadline)));
                }
            }
        }
        next
    }

    /// Collects everyone who waits: the connection has ended.
    pub(crate) fn wake_all(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.entries.iter_mut().filter_map(|slot| slot.waker.take()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;

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
        assert!(slots.collect(key).is_some());
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
            assert!(slots.collect(key).is_some());
        }
        assert!(matches!(deliver(&mut slots, held_opaque), Delivered::To(None)));
        assert!(slots.collect(held).is_some());
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
    fn oneway_opaques_begin_again_behind_those_of_slots() {
        assert_eq!([0, FIRST_ONEWAY, i32::MAX].map(next_oneway), [FIRST_ONEWAY, FIRST_ONEWAY + 1, FIRST_ONEWAY]);
        let digits = |opaque: i32| opaque.to_string().len();
        assert_eq!([FIRST, FIRST_ONEWAY, i32::MAX].map(digits), [10; 3]);
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

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Take,
        Undo,
        /// The answer to the request taken so many before the last.
        Deliver(usize),
        Collect(usize),
        Leave(usize),
        Expire,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Take),
            1 => Just(Step::Undo),
            4 => (0_usize..12).prop_map(Step::Deliver),
            4 => (0_usize..12).prop_map(Step::Collect),
            2 => (0_usize..12).prop_map(Step::Leave),
            1 => Just(Step::Expire),
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
                        let (key, opaque) = take(&mut slots);
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
                                assert_eq!(slots.collect(*key).map(|answer| answer.opaque()), Some(*opaque));
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
                }
                let count = |state| taken.iter().filter(|(_, _, is)| *is == state).count();
                assert_eq!((slots.live(), slots.orphans()), (count(Is::Waiting) + count(Is::Ready), count(Is::Orphan)));
            }
        }
    }
}
