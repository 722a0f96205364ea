//! Answers that came and were not collected yet.
//!
//! Their places are used again, so that there are as many as answers once waited at the same time, and one more. Each free place names
//! the next one.

use crate::answer::{Answer, Kept};

#[derive(Default)]
pub(super) struct Uncollected {
    places: Vec<Entry>,
    /// The next one that is used; may be the one behind all that there are.
    free: u32,
}

struct Entry {
    answer: Kept,
    /// Which is free next, where this one is.
    next: u32,
}

/// Where an answer is.
#[derive(Clone, Copy)]
pub(super) struct Place(u32);

impl Uncollected {
    /// Where the next answer is to be put in. It stays there if it is [kept](Self::keep); if not, the next one comes there.
    #[inline(always)]
    pub(super) fn next(&mut self) -> &mut Kept {
        if self.free as usize >= self.places.len() {
            self.grow();
        }
        &mut self.places[self.free as usize].answer
    }

    #[cold]
    fn grow(&mut self) {
        // There are no more than slots, and one.
        let next = u32::try_from(self.places.len() + 1).unwrap_or(u32::MAX);
        self.places.push(Entry { answer: Kept::default(), next });
    }

    /// Keeps what was put in at [`next`](Self::next).
    #[inline(always)]
    pub(super) fn keep(&mut self) -> Place {
        let place = Place(self.free);
        if let Some(entry) = self.places.get(place.0 as usize) {
            self.free = entry.next;
        }
        place
    }

    /// Takes the answer out. `None`: it was collected before.
    #[inline(always)]
    pub(super) fn collect(&mut self, place: Place) -> Option<Answer> {
        let entry = self.places.get_mut(place.0 as usize)?;
        let answer = entry.answer.take();
        if answer.is_some() {
            entry.next = self.free;
            self.free = place.0;
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RemotingCommand, ResponseCode};

    fn answer(code: i32) -> Answer {
        RemotingCommand::response(ResponseCode(code)).into()
    }

    fn keep(uncollected: &mut Uncollected, code: i32) -> Place {
        uncollected.next().put(answer(code));
        uncollected.keep()
    }

    #[test]
    fn each_answer_is_collected_once_and_its_place_used_again() {
        let mut uncollected = Uncollected::default();
        for _ in 0..3 {
            let places = [0, 1, 2].map(|code| keep(&mut uncollected, code));
            for at in [1, 0, 2] {
                let code = i32::try_from(at).unwrap();
                assert_eq!(uncollected.collect(places[at]).map(|answer| answer.code()), Some(code));
                assert!(uncollected.collect(places[at]).is_none());
            }
        }
        assert_eq!(uncollected.places.len(), 3);
    }

    #[test]
    fn what_was_put_in_and_not_kept_is_nobodys() {
        let mut uncollected = Uncollected::default();
        uncollected.next().put(answer(1));
        let place = keep(&mut uncollected, 2);
        let other = keep(&mut uncollected, 3);
        assert_eq!(uncollected.collect(place).map(|answer| answer.code()), Some(2));
        assert_eq!(uncollected.collect(other).map(|answer| answer.code()), Some(3));
        assert_eq!(uncollected.places.len(), 2);
    }
}
