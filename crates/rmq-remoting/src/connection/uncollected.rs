//! Answers that came and were not collected yet.
//!
//! Their places are used again, so that there are as many as answers once waited at the same time.

use crate::answer::Answer;

#[derive(Default)]
pub(super) struct Uncollected {
    answers: Vec<Option<Answer>>,
    free: Vec<Place>,
}

/// Where an answer is.
#[derive(Clone, Copy)]
pub(super) struct Place(u32);

impl Uncollected {
    /// Keeps what `answer` makes, right where it is made.
    #[inline(always)]
    pub(super) fn keep(&mut self, answer: impl FnOnce() -> Answer) -> Place {
        if let Some(place) = self.free.pop() {
            if let Some(free @ None) = self.answers.get_mut(place.0 as usize) {
                *free = Some(answer());
                return place;
            }
        }
        self.keep_more(answer())
    }

    #[cold]
    fn keep_more(&mut self, answer: Answer) -> Place {
        // There are no more than slots.
        let place = Place(u32::try_from(self.answers.len()).unwrap_or(u32::MAX));
        self.answers.push(Some(answer));
        place
    }

    /// Takes the answer out. `None`: it was collected before.
    #[inline(always)]
    pub(super) fn collect(&mut self, place: Place) -> Option<Answer> {
        let answer = self.answers.get_mut(place.0 as usize)?;
        if answer.is_some() {
            self.free.push(place);
        }
        answer.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RemotingCommand, ResponseCode};

    fn answer(code: i32) -> Answer {
        RemotingCommand::response(ResponseCode(code)).into()
    }

    #[test]
    fn each_answer_is_collected_once_and_its_place_used_again() {
        let mut uncollected = Uncollected::default();
        for _ in 0..3 {
            let places = [0, 1, 2].map(|code| uncollected.keep(|| answer(code)));
            for at in [1, 0, 2] {
                let code = i32::try_from(at).unwrap();
                assert_eq!(uncollected.collect(places[at]).map(|answer| answer.code()), Some(code));
                assert!(uncollected.collect(places[at]).is_none());
            }
        }
        assert_eq!(uncollected.answers.len(), 3);
    }
}
