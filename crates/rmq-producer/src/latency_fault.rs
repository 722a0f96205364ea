//! LatencyFault: penalties for brokers that answer slowly.

mod options;

use rmq_fault::{PenaltyTable, Strategy};

pub(crate) use options::LatencyFaultForm;

/// Keeps brokers that answer slowly or fail out of rotation for a while. Java: `sendLatencyFaultEnable`. Off by default.
///
/// Without it, brokers that went silent or cannot be connected are still set aside until a probe is answered.
#[doc(alias = "sendLatencyFaultEnable")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyFault {
    pub(crate) strategy: Strategy,
    pub(crate) penalties: PenaltyTable,
}

impl LatencyFault {
    /// As Java since 5.1.4: up to 30 s; available, else reachable, else any.
    #[must_use]
    pub fn v5() -> Self {
        Self { strategy: Strategy::V5, penalties: PenaltyTable::v5() }
    }

    /// As Java 4.x: up to 600 s; the first available, else one of the better half.
    #[must_use]
    pub fn v4() -> Self {
        Self { strategy: Strategy::V4, penalties: PenaltyTable::v4() }
    }

    /// Uses a table of your own. Java: `setLatencyMax`, `setNotAvailableDuration`.
    #[doc(alias = "setLatencyMax")]
    #[doc(alias = "setNotAvailableDuration")]
    #[must_use]
    pub fn penalties(mut self, penalties: PenaltyTable) -> Self {
        self.penalties = penalties;
        self
    }
}

impl Default for LatencyFault {
    fn default() -> Self {
        Self::v5()
    }
}
