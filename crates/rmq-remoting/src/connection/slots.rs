//! Requests that wait for their answer, by opaque.
//!
//! An opaque is the generation and the index of a slot, and has ten digits whatever they are, so that answers are as long as those before.
//! A slot whose caller left becomes an orphan and is not reused until its answer comes or the connection ends; the generation is the
//! second line of defence against a late answer.

use std::num::NonZeroU32;
use std::task::Waker;

use tokio::time::Instant;

use super::uncollected::{Place, Uncollected};
use crate::answer::{Answer, Kept};
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
    /// Whose request it is, where several share the connection.
    party: Option<NonZeroU32>,
    state: State,
    /// Of a caller who waits.
    waker: Option<Waker>,
    deadline: Instant,
    /// Where the frame of its request starts in the stream of all bytes of this connection.
    start: u64,
}

enum State {
    /// Nobody's; the next free slot.
    Free(u32),
    Waiting,
    /// Waits, though its time is over.
    Expired,
    /// Waits, though its party has ended.
    CutOff,
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
    CutOff { start: u64 },
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
        slot.party = None;
        slot.state = State::Waiting;
        slot.waker = waker.cloned();
        slot.deadline = deadline;
        slot.start = start;
        self.live += 1;
        let low = i32::try_from(index).unwrap_or(INDEX_MASK);
        Some((SlotKey(index), FIRST + ((slot.generation << INDEX_BITS) | low)))
    }

    /// Says whose the request in a slot just taken is.
    pub(crate) fn claim(&mut self, key: SlotKey, party: NonZeroU32) {
        self.entries[key.0 as usize].party = Some(party);
    }

    /// Makes one more slot, if there may be more.
    #[cold]
    fn grow(&mut self, deadline: Instant) -> Option<()> {
        let index = u32::try_from(self.entries.len()).ok().filter(|index| *index <= INDEX_MASK.unsigned_abs())?;
        let state = State::Free(index + 1);
        self.entries.push(Slot { generation: 0, party: None, state, waker: None, deadline, start: 0 });
        Some(())
    }

    /// Hands an answer to the request with its opaque.
    pub(crate) fn deliver(&mut self, answer: Answer) -> Delivered {
        let opaque = answer.opaque();
        let Some(slot) = waiting(&mut self.entries, opaque) else { return self.deliver_to_nobody(opaque) };
        let mut next = self.answers.next();
        next.answer().put(answer);
        slot.answered(next.keep())
    }

    /// Hands out an answer like earlier ones, whose texts are put in where they are to wait. `None`: they are odd, and it is to be read in
    /// another way, whether somebody waits for it or not.
    #[inline(always)]
    pub(crate) fn deliver_alike(&mut self, alike: &Alike<'_>) -> Option<Delivered> {
        let mut next = self.answers.next();
        alike.put_texts(next.answer())?;
        let Some(slot) = waiting(&mut self.entries, alike.opaque) else {
            return Some(self.deliver_to_nobody(alike.opaque));
        };
        alike.put_rest(next.answer());
        Some(slot.answered(next.keep()))
    }

    #[inline(always)]
    fn deliver_to_nobody(&mut self, opaque: i32) -> Delivered {
        if self.end_orphan(opaque) { Delivered::Late } else { Delivered::Unknown }
    }

    /// Frees the slot of a caller who left before its answer came, if it is one.
    #[cold]
    fn end_orphan(&mut self, opaque: i32) -> bool {
        let Some((index, slot)) = known(&mut self.entries, opaque) else { return false };
        let State::Orphan = slot.state else { return false };
        slot.state = State::Free(self.free);
        self.free = index;
        self.orphans -= 1;
        true
    }

    /// Whether the answer is in a caller's slot.
    #[inline(always)]
    pub(crate) fn is_answered(&self, key: SlotKey) -> bool {
        matches!(self.entries[key.0 as usize].state, State::Ready(_))
    }

    /// The answer in a caller's slot, if it is there, to be taken out at once. The slot is free.
    #[inline(always)]
    pub(crate) fn collect(&mut self, key: SlotKey) -> Option<&mut Kept> {
        let slot = &mut self.entries[key.0 as usize];
        let State::Ready(_) = slot.state else { return None };
        let State::Ready(place) = std::mem::replace(&mut slot.state, State::Free(self.free)) else { return None };
        self.free = key.0;
        self.live -= 1;
        self.answers.collect(place)
    }

    /// Looks into a caller's slot that has no answer.
    pub(crate) fn look(&self, key: SlotKey) -> Found {
        let Slot { state, start, .. } = &self.entries[key.0 as usize];
        match state {
            State::Waiting => Found::Waiting { start: *start },
            State::Expired => Found::Expired { start: *start },
            State::CutOff => Found::CutOff { start: *start },
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
            State::Ready(_) => drop(self.collect(key).and_then(Kept::take)),
            State::Waiting | State::Expired | State::CutOff => {
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

    /// Marks every request of a party that waits, and collects whom to wake: the party has ended.
    pub(crate) fn cut_off(&mut self, party: NonZeroU32, wakers: &mut Vec<Waker>) {
        for slot in &mut self.entries {
            if slot.party == Some(party) && matches!(slot.state, State::Waiting) {
                slot.state = State::CutOff;
                wakers.extend(slot.waker.take());
            }
        }
    }

    /// Collects everyone who waits: the connection has ended.
    pub(crate) fn wake_all(&mut self, wakers: &mut Vec<Waker>) {
        wakers.extend(self.entries.iter_mut().filter_map(|slot| slot.waker.take()));
    }
}

impl Slot {
    /// Its answer is at that place, and its caller is to be woken.
    #[inline(always)]
    fn answered(&mut self, place: Place) -> Delivered {
        self.state = State::Ready(place);
        Delivered::To(self.waker.take())
    }
}

/// The slot of a caller who waits for the answer with this opaque.
#[inline(always)]
fn waiting(entries: &mut [Slot], opaque: i32) -> Option<&mut Slot> {
    let slot = known(entries, opaque).map(|(_, slot)| slot);
    slot.filter(|slot| matches!(slot.state, State::Waiting | State::Expired | State::CutOff))
}

/// The slot with this opaque, and its index.
#[inline(always)]
fn known(entries: &mut [Slot], opaque: i32) -> Option<(u32, &mut Slot)> {
    // What is below the first one or above the last one has no generation that a slot has.
    let number = opaque.wrapping_sub(FIRST);
    let index = (number & INDEX_MASK).unsigned_abs();
    let slot = entries.get_mut(index as usize)?;
    (slot.generation == number >> INDEX_BITS).then_some((index, slot))
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
}
