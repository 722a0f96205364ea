//! Compressor states that wait for their next body, so that each body does not pay for a new one.
//!
//! A state is in the pool or with one caller; one that met an error or a panic does not come back.

use std::fmt;

use parking_lot::Mutex;

/// Idle states of one compressor, gone with it. A state is some hundred KiB large, so only a few are kept.
pub(super) struct StatePool<S> {
    idle: Mutex<Vec<S>>,
}

impl<S> StatePool<S> {
    pub(super) const fn new() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }

    /// Lends a state to `work`: an idle one, or a new one.
    pub(super) fn with<T, E>(
        &self,
        new: impl FnOnce() -> Result<S, E>,
        work: impl FnOnce(&mut S) -> Result<T, E>,
    ) -> Result<T, E> {
        let idle = self.idle.lock().pop();
        let mut state = match idle {
            Some(state) => state,
            None => new()?,
        };
        let done = work(&mut state)?;
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(state);
        }
        Ok(done)
    }
}

impl<S> fmt::Debug for StatePool<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatePool").finish_non_exhaustive()
    }
}

const MAX_IDLE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pool: &StatePool<u32>, work: impl FnOnce(&mut u32) -> Result<u32, ()>) -> Result<u32, ()> {
        pool.with(|| Ok(0), work)
    }

    fn count(state: &mut u32) -> Result<u32, ()> {
        *state += 1;
        Ok(*state)
    }

    #[test]
    fn a_state_is_used_again_unless_it_failed() {
        let pool = StatePool::new();
        assert_eq!(with(&pool, count), Ok(1));
        assert_eq!(with(&pool, count), Ok(2));
        assert_eq!(with(&pool, |_| Err(())), Err(()));
        assert_eq!(with(&pool, count), Ok(1));
    }

    #[test]
    fn two_callers_never_share_a_state_and_few_are_kept() {
        let pool = StatePool::new();
        fn nest(pool: &StatePool<u32>, depth: usize) -> Result<u32, ()> {
            with(pool, |state| {
                assert_eq!(*state, 0, "nobody else has it");
                if depth > 0 { nest(pool, depth - 1) } else { Ok(0) }
            })
        }
        assert_eq!(nest(&pool, 2 * MAX_IDLE), Ok(0));
        assert_eq!(pool.idle.lock().len(), MAX_IDLE);
    }
}
