//! Gate: which sends have begun and are not over, what room they take, and whether new ones may begin.
//!
//! No send slips in after the gate has closed. Room by number and room by bytes are held by one value, so that they come back together,
//! wherever it is dropped.

mod census;

use std::future::Future;
use std::sync::Arc;

use rmq_message::Message;
use rmq_remoting::{Permit, Room};
use tokio::sync::{Mutex, Notify};

use crate::in_flight_limits::InFlightLimits;
use census::{Census, Epoch};

pub(super) struct Gate {
    census: Census,
    limits: InFlightLimits,
    room: Room,
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
            room: Room::new(limits.sends(), limits.bytes()),
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
        match self.room.try_acquire(weight) {
            Some(permit) => self.let_in(permit, weight),
            None if self.is_closed() => Err(Turned::Closed),
            None => Err(Turned::Full),
        }
    }

    /// Lets one more in as soon as there is room, in the order of arrival. The only error is a closed gate.
    ///
    /// Dropped early, it takes nothing and stands in nobody's way.
    pub(super) fn enter(self: &Arc<Self>, weight: usize) -> impl Future<Output = Result<Inside, Turned>> + Send {
        let gate = Arc::clone(self);
        async move {
            let permit = gate.room.acquire(weight).await.ok_or(Turned::Closed)?;
            gate.let_in(permit, weight)
        }
    }

    /// Counts one more whose room is taken, unless closed.
    fn let_in(self: &Arc<Self>, permit: Permit<'_>, weight: usize) -> Result<Inside, Turned> {
        let epoch = self.census.enter().ok_or(Turned::Closed)?;
        permit.keep();
        Ok(Inside { gate: Arc::clone(self), bytes: weight, epoch })
    }

    /// Lets nobody in any more; who waits for room is turned away.
    pub(super) fn close(&self) {
        self.census.close();
        self.room.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.census.is_closed()
    }

    pub(super) fn count(&self) -> usize {
        self.census.count()
    }

    /// The bytes of those inside.
    pub(super) fn held_bytes(&self) -> usize {
        self.room.bytes()
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
        gate.room.give_back(self.bytes);
        if is_awaited {
            gate.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
