//! SendOptions: what a caller may say about one send.
//!
//! Small, since every send carries them and most say nothing.

use std::sync::Arc;

use rmq_message::MessageQueue;

use super::select::Aim;
use crate::retry_policy::RetryPolicy;
use crate::selector::QueueSelector;
use crate::send_way::SendWay;

#[derive(Clone, Default)]
pub(crate) struct SendOptions {
    /// Whether it is refused when there is no room, instead of waiting.
    pub(crate) at_once: bool,
    pub(crate) way: SendWay,
    /// Counted, as that is dropped more quickly than a box where there is none.
    special: Option<Arc<Special>>,
}

#[derive(Clone, Default)]
struct Special {
    aim: Aim,
    /// Instead of the producer's.
    retries: Option<RetryPolicy>,
}

impl SendOptions {
    pub(crate) fn of_way(way: SendWay) -> Self {
        Self { way, ..Self::default() }
    }

    fn special(&mut self) -> &mut Special {
        Arc::make_mut(self.special.get_or_insert_default())
    }

    /// Sends to this queue and no other.
    pub(crate) fn to(&mut self, queue: MessageQueue) {
        self.special().aim = Aim::Queue(queue);
    }

    /// Lets a selector choose the queue, once for all attempts.
    pub(crate) fn select(&mut self, selector: impl QueueSelector) {
        self.special().aim = Aim::Selector(Arc::new(selector));
    }

    /// Tries again by this policy instead of the producer's.
    pub(crate) fn retry(&mut self, policy: RetryPolicy) {
        self.special().retries = Some(policy);
    }

    /// Whether it may have an aim.
    #[inline]
    pub(super) fn is_aimed(&self) -> bool {
        self.special.is_some()
    }

    pub(super) fn aim(&self) -> &Aim {
        self.special.as_ref().map_or(&ANY, |special| &special.aim)
    }

    pub(super) fn retries(&self) -> Option<&RetryPolicy> {
        self.special.as_ref()?.retries.as_ref()
    }
}

static ANY: Aim = Aim::Any;
