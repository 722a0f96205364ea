//! Gate: which sends have begun and are not over, what room they take, and whether new ones may begin.
//!
//! No send slips in after the gate has closed. Room by number and room by bytes are held by one value, so that they come back together,
//! wherever it is dropped.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use rmq_message::Message;
use rmq_remoting::{Room, Taken};

use crate::in_flight_limits::InFlightLimits;

pub(super) struct Gate {
    limits: InFlightLimits,
    room: Room,
}

/// A send that has begun; dropping it ends it and gives its room back. It keeps its gate, or borrows it.
pub(crate) struct Inside<G: Deref<Target = Gate> = Arc<Gate>> {
    gate: G,
    /// Until it is given back.
    taken: Option<Taken>,
}

/// Why a send was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    Closed,
    Full,
}

impl Gate {
    pub(super) fn new(limits: InFlightLimits) -> Arc<Self> {
        Arc::new(Self { room: Room::new(limits.sends(), limits.bytes()), limits })
    }

    /// What a message takes of the bytes. One larger than everything goes when it is alone.
    pub(super) fn weight(&self, message: &Message) -> usize {
        message.body().len().saturating_add(message.properties().encoded_len())
    }

    /// Lets one more in at once, or not at all.
    #[inline]
    pub(super) fn try_enter(&self, weight: usize) -> Result<Inside<&Self>, Turned> {
        match self.room.try_take(weight) {
            Some(taken) => Ok(Inside { gate: self, taken: Some(taken) }),
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
            // It may have closed between the grant and now.
            if gate.is_closed() {
                return Err(Turned::Closed);
            }
            let taken = Some(permit.keep());
            Ok(Inside { gate, taken })
        }
    }

    /// Lets nobody in any more; who waits for room is turned away.
    pub(super) fn close(&self) {
        self.room.close();
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.room.is_closed()
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

    /// Waits until all that are inside now have left; who comes later does not matter.
    pub(super) async fn flush(&self) {
        self.room.flushed().await;
    }
}

impl Inside<&Gate> {
    /// The same, for a send that may live longer than its producer's handle.
    pub(super) fn keeping(mut self, gate: &Arc<Gate>) -> Inside {
        Inside { gate: Arc::clone(gate), taken: self.taken.take() }
    }
}

impl<G: Deref<Target = Gate>> Drop for Inside<G> {
    #[inline]
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            self.gate.room.give_back(taken);
        }
    }
}

#[cfg(test)]
mod tests;
