//! Answers that came and were not collected yet.
//!
//! Their places are used again, so that there are as many as answers once waited at the same time, and one more. Each free place names
//! the next one.

use crate::answer::Kept;

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

/// Where an answer is: whoever has this may collect it, once.
pub(super) struct Place(u32);

/// The place where the next answer comes. If what is put in there is not kept, the next one comes there again.
pub(super) struct Next<'a> {
    entry: &'a mut Entry,
    free: &'a mut u32,
}

impl Next<'_> {
    /// Where the answer is to be put in.
    #[inline(always)]
    pub(super) fn answer(&mut self) -> &mut Kept {
        &mut self.entry.answer
    }

    /// Keeps what was put in.
    #[inline(always)]
    pub(super) fn keep(self) -> Place {
        Place(std::mem::replace(self.free, self.entry.next))
    }
}

impl Uncollected {
    #[inline(always)]
    pub(super) fn next(&mut self) -> Next<'_> {
        if self.free as usize >= self.places.len() {
            self.grow();
        }
        Next { entry: &mut self.places[self.free as usize], free: &mut self.free }
    }

    #[cold]
    fn grow(&mut self) {
        // There are no more than slots, and one.
        let next = u32::try_from(self.places.len() + 1).unwrap_or(u32::MAX);
        self.places.push(Entry { answer: Kept::default(), next });
    }

    /// Where the answer is, to be taken out at once: the next one comes there.
    #[inline(always)]
    #[allow(clippy::needless_pass_by_value, reason = "it is given back once")]
    pub(super) fn collect(&mut self, place: Place) -> Option<&mut Kept> {
        let Place(place) = place;
        let entry = self.places.get_mut(place as usize)?;
        entry.next = self.free;
        self.free = place;
        Some(&mut entry.answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::{RemotingCommand, ResponseCode};

    fn answer(code: i32) -> Answer {
        RemotingCommand::response(ResponseCode(code)).into()
    }

    fn collect(uncollected: &mut Uncollected, place: Place) -> Option<i32> {
        uncollected.collect(place).and_then(Kept::take).map(|answer| answer.code())
    }

    fn keep(uncollected: &mut Uncollected, code: i32) -> Place {
        let mut next = uncollected.next();
        next.answer().put(answer(code));
        next.keep()
    }

    #[test]
    fn each_answer_is_collected_and_its_place_used_again() {
        let mut uncollected = Uncollected::default();
        for _ in 0..3 {
            let [first, second, third] = [0, 1, 2].map(|code| keep(&mut uncollected, code));
            for (code, place) in [(1, second), (0, first), (2, third)] {
                assert_eq!(collect(&mut uncollected, place), Some(code));
            }
        }
        assert_eq!(uncollected.places.len(), 3);
    }

    #[test]
    fn what_was_put_in_and_not_kept_is_nobodys() {
        let mut uncollected = Uncollected::default();
        uncollected.next().answer().put(answer(1));
        let place = keep(&mut uncollected, 2);
        let other = keep(&mut uncollected, 3);
        assert_eq!(collect(&mut uncollected, place), Some(2));
        assert_eq!(collect(&mut uncollected, other), Some(3));
        assert_eq!(uncollected.places.len(), 2);
    }
}
