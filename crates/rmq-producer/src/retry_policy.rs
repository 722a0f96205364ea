//! RetryPolicy: how often, and after which failures, a send is tried again.
//!
//! The policy decides about trying again; what is known of the message afterwards is another matter ([`Outcome`](crate::Outcome)).

mod options;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::ResponseCode;

/// When a failed attempt is followed by another one, at another broker where there is one, always within the send's one deadline.
///
/// The default is Java's: two more tries, after connection errors, after a missing answer, and after the codes of
/// [`RetryPolicy::DEFAULT_CODES`]. A try after a missing answer may store the message twice; [`strict`](Self::strict) does without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    times: u32,
    codes: Arc<BTreeSet<i32>>,
    strict: bool,
    not_store_ok: bool,
    attempt_timeout: Option<Duration>,
}

impl RetryPolicy {
    /// The answers after which another try is made: `retryResponseCodes` of Java's `DefaultMQProducer`, and with 5.x SYSTEM_BUSY and GO_AWAY.
    pub const DEFAULT_CODES: [ResponseCode; 8] = [
        ResponseCode::SYSTEM_ERROR,
        ResponseCode::SYSTEM_BUSY,
        ResponseCode::SERVICE_NOT_AVAILABLE,
        ResponseCode::NO_PERMISSION,
        ResponseCode::TOPIC_NOT_EXIST,
        ResponseCode::NO_BUYER_ID,
        ResponseCode::NOT_IN_CURRENT_UNIT,
        ResponseCode::GO_AWAY,
    ];

    /// Makes up to `times` more tries after the first one. Default: 2.
    #[doc(alias = "setRetryTimesWhenSendFailed")]
    #[doc(alias = "setRetryTimesWhenSendAsyncFailed")]
    #[doc(alias = "WithRetry")]
    #[must_use]
    pub fn times(times: u32) -> Self {
        Self { times, ..Self::default() }
    }

    /// Makes one try only.
    #[must_use]
    pub fn none() -> Self {
        Self::times(0)
    }

    /// Never tries again once the message may have been stored: at most one copy, at the price of more failed sends.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Tries again after this code too.
    #[doc(alias = "addRetryResponseCode")]
    #[must_use]
    pub fn also_after(mut self, code: ResponseCode) -> Self {
        Arc::make_mut(&mut self.codes).insert(code.0);
        self
    }

    /// Does not try again after this code.
    #[must_use]
    pub fn not_after(mut self, code: ResponseCode) -> Self {
        Arc::make_mut(&mut self.codes).remove(&code.0);
        self
    }

    /// Tries again when the message is stored less safely than the broker is configured for (any status but SEND_OK). **This makes
    /// duplicates**: the first copy stays. If the later tries fail, the degraded result is returned. Default: off; no effect on a
    /// [`strict`](Self::strict) policy.
    #[doc(alias = "setRetryAnotherBrokerWhenNotStoreOK")]
    #[must_use]
    pub fn retry_another_broker_when_not_store_ok(mut self, yes: bool) -> Self {
        self.not_store_ok = yes;
        self
    }

    /// Bounds each single try. Default: none, i.e. each try gets an equal share of the time that is left, and at least 200 ms.
    #[doc(alias = "sendMsgMaxTimeoutPerRequest")]
    #[must_use]
    pub fn attempt_timeout(mut self, each: Duration) -> Self {
        self.attempt_timeout = Some(each);
        self
    }

    /// Returns how many tries there are in all, the first one included.
    pub(crate) fn tries(&self) -> u32 {
        self.times.saturating_add(1)
    }

    pub(crate) fn is_after(&self, code: ResponseCode) -> bool {
        self.codes.contains(&code.0)
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.strict
    }

    pub(crate) fn is_after_degraded(&self) -> bool {
        self.not_store_ok && !self.strict
    }

    pub(crate) fn per_attempt(&self) -> Option<Duration> {
        self.attempt_timeout
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let codes = Self::DEFAULT_CODES.iter().map(|code| code.0).collect();
        Self { times: 2, codes: Arc::new(codes), strict: false, not_store_ok: false, attempt_timeout: None }
    }
}
