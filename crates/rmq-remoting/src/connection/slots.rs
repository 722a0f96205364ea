//! Requests that wait for their answer, by opaque.
//!
//! A slot whose caller left becomes an orphan and is not reused until its answer comes or the connection ends; the generation is the
//! second line of defence against a late answer.

use std::num::NonZeroU32;
use std::task::Waker;

use tokio::time::Instant;

use super::opaque;
use super::uncollected::{Place, Uncollected};
use crate::answer::{Answer, Kept};
use crate::codec::Alike;

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
        slot.generation = opaque::next_generation(slot.generation);
        slot.party = None;
        slot.state = State::Waiting;
        slot.waker = waker.cloned();
        slot.deadline = deadline;
        slot.start = start;
        self.live += 1;
        Some((SlotKey(index), opaque::of_slot(slot.generation, index)))
    }

    /// Says whose the request in a slot just taken is.
    pub(crate) fn claim(&mut self, key: SlotKey, party: NonZeroU32) {
        self.entries[key.0 as usize].party = Some(party);
    }

    /// Makes one more slot, if there may be more.
    #[cold]
    fn grow(&mut self, deadline: Instant) -> Option<()> {
        let index = u32::try_from(self.entries.len()).ok().filter(|index| *index <= opaque::LAST_INDEX)?;
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
    let (generation, index) = opaque::slot_of(opaque);
    let slot = entries.get_mut(index as usize)?;
    (slot.generation == generation).then_some((index, slot))
}

#[cfg(test)]
mod tests;
