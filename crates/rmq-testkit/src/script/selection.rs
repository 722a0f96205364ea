//! Which of the requests that a rule is about it really meets.
//!
//! Counting starts with the rule and counts only what its condition lets through; the dice are thrown last.

use std::fmt;
use std::sync::Arc;

use crate::random::Random;

/// A choice among requests or connections; by default all.
pub(crate) struct Selection<T> {
    from: u64,
    times: Option<u64>,
    probability: Option<Probability>,
    condition: Option<Condition<T>>,
}

type Condition<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

#[derive(Clone, Copy, Debug)]
struct Probability {
    share: f64,
    seed: Option<u64>,
}

impl<T: 'static> Selection<T> {
    /// Everything.
    pub(crate) const ALL: Self = Self { from: 1, times: None, probability: None, condition: None };

    /// Only the `n`-th, counted from 1, unless `times` says how many from there.
    pub(crate) fn nth(&mut self, n: u64) {
        self.from = n;
        self.times.get_or_insert(1);
    }

    /// The `n`-th and all after it.
    pub(crate) fn from(&mut self, n: u64) {
        self.from = n;
    }

    pub(crate) fn times(&mut self, times: u64) {
        self.times = Some(times);
    }

    pub(crate) fn probability(&mut self, share: f64) {
        self.probability = Some(Probability { share, seed: self.probability.and_then(|old| old.seed) });
    }

    pub(crate) fn seed(&mut self, seed: u64) {
        self.probability = Some(Probability { share: self.probability.map_or(1.0, |old| old.share), seed: Some(seed) });
    }

    pub(crate) fn condition(&mut self, condition: impl Fn(&T) -> bool + Send + Sync + 'static) {
        self.condition = Some(match self.condition.take() {
            None => Arc::new(condition),
            Some(other) => Arc::new(move |subject| other(subject) && condition(subject)),
        });
    }
}

impl<T> Clone for Selection<T> {
    fn clone(&self) -> Self {
        Self { condition: self.condition.clone(), ..*self }
    }
}

impl<T> fmt::Debug for Selection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selection")
            .field("from", &self.from)
            .field("times", &self.times)
            .field("probability", &self.probability)
            .field("condition", &self.condition.is_some())
            .finish()
    }
}

/// How far a rule's counting is.
#[derive(Debug, Default)]
pub(crate) struct SelectionState {
    seen: u64,
    met: u64,
    own_random: Option<Random>,
}

impl SelectionState {
    /// Counts `subject` and says whether it is one of the chosen.
    pub(crate) fn selects<T>(&mut self, selection: &Selection<T>, subject: &T, random: &Random) -> bool {
        if selection.condition.as_ref().is_some_and(|condition| !condition(subject)) {
            return false;
        }
        self.seen += 1;
        if self.seen < selection.from || selection.times.is_some_and(|times| self.met >= times) {
            return false;
        }
        if let Some(Probability { share, seed }) = selection.probability {
            let random = match seed {
                Some(seed) => self.own_random.get_or_insert_with(|| Random::new(seed)),
                None => random,
            };
            if !random.chance(share) {
                return false;
            }
        }
        self.met += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(set: impl FnOnce(&mut Selection<u32>)) -> Vec<u32> {
        let mut selection = Selection::ALL;
        set(&mut selection);
        let (mut state, random) = (SelectionState::default(), Random::new(9));
        (1..=8).filter(|number| state.selects(&selection, number, &random)).collect()
    }

    #[test]
    fn counting_is_from_one() {
        assert_eq!(chosen(|_| ()), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(chosen(|all| all.times(2)), [1, 2]);
        assert_eq!(chosen(|all| all.nth(3)), [3]);
        assert_eq!(chosen(|all| all.from(7)), [7, 8]);
        assert_eq!(
            chosen(|all| {
                all.nth(3);
                all.times(2)
            }),
            [3, 4]
        );
        assert_eq!(
            chosen(|all| {
                all.times(2);
                all.nth(3)
            }),
            [3, 4]
        );
        assert_eq!(chosen(|all| all.times(0)), [0; 0]);
    }

    #[test]
    fn only_what_meets_the_condition_is_counted() {
        assert_eq!(
            chosen(|all| {
                all.condition(|n| n % 2 == 0);
                all.nth(2)
            }),
            [4]
        );
        assert_eq!(
            chosen(|all| {
                all.condition(|n| n % 2 == 0);
                all.condition(|n| n % 3 == 0)
            }),
            [6]
        );
    }

    #[test]
    fn a_probability_with_a_seed_repeats_itself() {
        let once = chosen(|all| {
            all.probability(0.5);
            all.seed(4)
        });
        assert_eq!(
            once,
            chosen(|all| {
                all.seed(4);
                all.probability(0.5)
            })
        );
        assert!((1..8).contains(&once.len()), "{once:?}");
        assert_eq!(
            chosen(|all| {
                all.probability(0.5);
                all.seed(4);
                all.times(1)
            })
            .len(),
            1
        );
    }
}
