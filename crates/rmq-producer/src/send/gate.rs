//! Gate: which sends have begun and are not over, what room they take, and whether new ones may begin.
//!
//! Room by number and room by bytes are one word, and so is closing: no send slips in after the gate has closed, and both come back together,
//! wherever their holder is dropped.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmq_message::Message;
use rmq_remoting::Room;

use crate::in_flight_limits::InFlightLimits;

pub(super) struct Gate {
    room: Room,
    limits: InFlightLimits,
    /// Set before the room is closed.
    closed: AtomicBool,
}

/// A send that has begun; dropping it ends it and gives its room back.
pub(crate) struct Inside {
    gate: Arc<Gate>,
    bytes: usize,
}

/// Why a send was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    Closed,
    Full,
}

impl Gate {
    pub(super) fn new(limits: InFlightLimits) -> Arc<Self> {
        let room = Room::new(limits.sends(), limits.bytes());
        Arc::new(Self { room, limits, closed: AtomicBool::new(false) })
    }

    /// What a message takes of the bytes.
    pub(super) fn weight(&self, message: &Message) -> usize {
        let weight = message.body().len().saturating_add(message.properties().encoded_len());
        weight.min(self.limits.bytes()) // larger than everything: it goes when it is alone
    }

    /// Lets one more in at once, or not at all.
    pub(super) fn try_enter(self: &Arc<Self>, weight: usize) -> Result<Inside, Turned> {
        if self.room.try_take(weight) {
            Ok(Inside { gate: Arc::clone(self), bytes: weight })
        } else {
            Err(if self.is_closed() { Turned::Closed } else { Turned::Full })
        }
    }

    /// Lets one more in as soon as there is room, in the order of arrival. The only error is a closed gate.
    ///
    /// Dropped early, it takes nothing and stands in nobody's way.
    pub(super) fn enter(self: &Arc<Self>, weight: usize) -> impl Future<Output = Result<Inside, Turned>> + Send {
        let gate = Arc::clone(self);
        async move {
            gate.room.acquire(weight).await.ok_or(Turned::Closed)?.keep();
            Ok(Inside { gate, bytes: weight })
        }
    }

    /// Lets nobody in any more; who waits for room is turned away.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.room.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn count(&self) -> usize {
        self.room.count()
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
        self.room.drained().await;
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.gate.room.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests;
