//! Gate: which sends have begun and are not over, what room they take, and whether new ones may begin.
//!
//! No send slips in after the gate has closed. Room by number and room by bytes are held by one value, so that they come back together,
//! wherever it is dropped.

mod census;

use std::future::Future;
use std::sync::Arc;

use rmq_message::Message;
use tokio::sync::{Mutex, Notify, Semaphore, TryAcquireError};

use crate::in_flight_limits::InFlightLimits;
use census::{Census, Epoch};

pub(super) struct Gate {
    census: Census,
    limits: InFlightLimits,
    /// Room by number, and by bytes; taken in this order, given back together.
    sends: Semaphore,
    bytes: Semaphore,
    /// Told when the last one leaves a closed gate, or an epoch that nobody enters any more.
    emptied: Notify,
    /// Held by whoever waits for the end of an epoch: there are two only.
    flushing: Mutex<()>,
}

/// A send that has begun; dropping it ends it and gives its room back.
pub(crate) struct Inside {
    gate: Arc<Gate>,
    bytes: usize,
    epoch: Epoch,
}

/// Why a send was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    Closed,
    Full,
}

impl Gate {
    pub(super) fn new(limits: InFlightLimits) -> Arc<Self> {
        Arc::new(Self {
            census: Census::default(),
            sends: Semaphore::new(limits.sends()),
            bytes: Semaphore::new(limits.bytes()),
            limits,
            emptied: Notify::new(),
            flushing: Mutex::new(()),
        })
    }

    /// What a message takes of the bytes.
    pub(super) fn weight(&self, message: &Message) -> usize {
        let weight = message.body().len().saturating_add(message.properties().encoded_len());
        weight.min(self.limits.bytes()) // larger than everything: it goes when it is alone
    }

    /// Lets one more in at once, or not at all.
    pub(super) fn try_enter(self: &Arc<Self>, weight: usize) -> Result<Inside, Turned> {
        let send = self.sends.try_acquire().map_err(|error| turned(&error))?;
        let bytes = self.bytes.try_acquire_many(permits(weight)).map_err(|error| turned(&error))?;
        let inside = self.let_in(weight)?;
        send.forget();
        bytes.forget();
        Ok(inside)
    }

    /// Lets one more in as soon as there is room, in the order of arrival. The only error is a closed gate.
    ///
    /// Dropped early, it takes nothing and stands in nobody's way.
    pub(super) fn enter(self: &Arc<Self>, weight: usize) -> impl Future<Output = Result<Inside, Turned>> + Send {
        let gate = Arc::clone(self);
        async move {
            let send = gate.sends.acquire().await.map_err(|_| Turned::Closed)?;
            let bytes = gate.bytes.acquire_many(permits(weight)).await.map_err(|_| Turned::Closed)?;
            let inside = gate.let_in(weight)?;
            send.forget();
            bytes.forget();
            Ok(inside)
        }
    }

    /// Counts one more whose room is taken, unless closed.
    fn let_in(self: &Arc<Self>, weight: usize) -> Result<Inside, Turned> {
        let epoch = self.census.enter().ok_or(Turned::Closed)?;
        Ok(Inside { gate: Arc::clone(self), bytes: weight, epoch })
    }

    /// Lets nobody in any more; who waits for room is turned away.
    pub(super) fn close(&self) {
        self.census.close();
        self.sends.close();
        self.bytes.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.census.is_closed()
    }

    pub(super) fn count(&self) -> usize {
        self.census.count()
    }

    /// The bytes of those inside.
    pub(super) fn held_bytes(&self) -> usize {
        self.limits.bytes().saturating_sub(self.bytes.available_permits())
    }

    pub(super) fn limits(&self) -> InFlightLimits {
        self.limits
    }

    /// Waits until nobody is inside. To be called on a closed gate.
    pub(super) async fn empty(&self) {
        self.until(|| self.count() == 0).await;
    }

    /// Waits until all that are inside now have left; who comes later does not matter.
    pub(super) async fn flush(&self) {
        let _turn = self.flushing.lock().await;
        // Left over if a wait was given up.
        let earlier = self.census.current().other();
        self.until(|| self.census.is_over(earlier)).await;
        let over = self.census.turn();
        self.until(|| self.census.is_over(over)).await;
    }

    async fn until(&self, holds: impl Fn() -> bool + Send) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if holds() {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let gate = &self.gate;
        // Counted out first, so that never more are inside than there is room for.
        let is_awaited = gate.census.leave(self.epoch);
        gate.bytes.add_permits(self.bytes);
        gate.sends.add_permits(1);
        if is_awaited {
            gate.emptied.notify_waiters();
        }
    }
}

fn turned(error: &TryAcquireError) -> Turned {
    match error {
        TryAcquireError::Closed => Turned::Closed,
        TryAcquireError::NoPermits => Turned::Full,
    }
}

/// No message is so large: a frame ends at 2 GiB.
fn permits(weight: usize) -> u32 {
    u32::try_from(weight).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
