//! Census: how many are inside, and whether anybody may enter: one word, so that nobody slips in after the close.
//!
//! Those inside belong to one of two epochs. Who wants to know when all that are inside now have left begins the other one, for those who come
//! later, and waits for the end of the first.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bit 0: closed; bit 1: the epoch of those who enter; then 31 bits each for the number of those inside.
#[derive(Default)]
pub(super) struct Census(AtomicU64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    is_second: bool,
}

const CLOSED: u64 = 1;
const SECOND: u64 = 2;
const SHIFTS: [u32; 2] = [2, 33];
const COUNT: u64 = (1 << 31) - 1;

impl Epoch {
    fn of(word: u64) -> Self {
        Self { is_second: word & SECOND != 0 }
    }

    fn one(self) -> u64 {
        1 << SHIFTS[usize::from(self.is_second)]
    }

    fn count(self, word: u64) -> u64 {
        (word >> SHIFTS[usize::from(self.is_second)]) & COUNT
    }

    pub(super) fn other(self) -> Self {
        Self { is_second: !self.is_second }
    }
}

impl Census {
    /// Counts one more, unless closed.
    pub(super) fn enter(&self) -> Option<Epoch> {
        let one_more = |word: u64| (word & CLOSED == 0).then(|| word + Epoch::of(word).one());
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok().map(Epoch::of)
    }

    /// Counts one out, and says whether anybody may be waiting for that: the last one behind the close, or of an epoch that nobody enters.
    pub(super) fn leave(&self, epoch: Epoch) -> bool {
        let word = self.0.fetch_sub(epoch.one(), Ordering::AcqRel) - epoch.one();
        epoch.count(word) == 0 && (word & CLOSED != 0 || Epoch::of(word) != epoch)
    }

    pub(super) fn close(&self) {
        self.0.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & CLOSED != 0
    }

    pub(super) fn count(&self) -> usize {
        let word = self.0.load(Ordering::Acquire);
        let epoch = Epoch::of(word);
        usize::try_from(epoch.count(word) + epoch.other().count(word)).unwrap_or(usize::MAX)
    }

    /// The epoch of those who enter now.
    pub(super) fn current(&self) -> Epoch {
        Epoch::of(self.0.load(Ordering::Acquire))
    }

    /// Begins the other epoch, and returns the one that nobody enters any more.
    pub(super) fn turn(&self) -> Epoch {
        Epoch::of(self.0.fetch_xor(SECOND, Ordering::AcqRel))
    }

    pub(super) fn is_over(&self, epoch: Epoch) -> bool {
        epoch.count(self.0.load(Ordering::Acquire)) == 0
    }
}
