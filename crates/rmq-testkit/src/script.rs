//! What a server does other than serve: faults, by request code.
//!
//! Rules are tried in the order they were added; the first that selects a request decides it. A rule that is used up lets requests pass.

mod fault;
mod selection;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rmq_remoting::{RemotingCommand, RequestCode};

pub use fault::Fault;
pub(crate) use fault::{AnswerChange, Delivery, Execution, LineEnd};
pub(crate) use selection::{Selection, SelectionState};

use crate::random::Random;

/// The rules of one server.
#[derive(Debug)]
pub(crate) struct Script {
    rules: Mutex<Vec<Rule>>,
    random: Random,
    next_id: AtomicU64,
}

struct Rule {
    id: u64,
    code: Option<RequestCode>,
    fault: Fault,
    state: SelectionState,
    hits: Arc<AtomicU64>,
}

impl Script {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self { rules: Mutex::default(), random: Random::new(seed), next_id: AtomicU64::new(0) })
    }

    /// Adds a rule for one code, or for all.
    pub(crate) fn add(self: &Arc<Self>, code: Option<RequestCode>, fault: Fault) -> FaultHandle {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let hits = Arc::new(AtomicU64::new(0));
        let rule = Rule { id, code, fault, state: SelectionState::default(), hits: Arc::clone(&hits) };
        self.rules.lock().push(rule);
        FaultHandle { script: Arc::clone(self), id, hits }
    }

    /// The fault that this request meets.
    pub(crate) fn decide(&self, request: &RemotingCommand) -> Option<Fault> {
        let code = request.request_code();
        let mut rules = self.rules.lock();
        let rule = rules.iter_mut().find_map(|rule| {
            let concerned = rule.code.is_none_or(|only| only == code) && rule.fault.concerns(request);
            (concerned && rule.state.selects(&rule.fault.selection, request, &self.random)).then_some(rule)
        })?;
        rule.hits.fetch_add(1, Ordering::Relaxed);
        Some(rule.fault.clone())
    }

    pub(crate) fn clear(&self) {
        self.rules.lock().clear();
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("code", &self.code).field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// A fault that was given to a server. Dropping it changes nothing; see [`remove`](Self::remove).
#[derive(Clone)]
pub struct FaultHandle {
    script: Arc<Script>,
    id: u64,
    hits: Arc<AtomicU64>,
}

impl FaultHandle {
    /// How many requests met this fault so far.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Takes the fault back.
    pub fn remove(self) {
        self.script.rules.lock().retain(|rule| rule.id != self.id);
    }
}

impl fmt::Debug for FaultHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultHandle").field("hits", &self.hits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rmq_remoting::ResponseCode;

    use super::*;

    fn request(code: RequestCode) -> RemotingCommand {
        RemotingCommand::request(code)
    }

    #[test]
    fn the_first_rule_that_selects_a_request_decides() {
        let script = Script::new(1);
        let first = script.add(Some(RequestCode::SEND_MESSAGE_V2), Fault::silent().times(1));
        let second = script.add(None, Fault::reply(ResponseCode::SYSTEM_BUSY));
        assert!(script.decide(&request(RequestCode::HEART_BEAT)).is_some());
        script.decide(&request(RequestCode::SEND_MESSAGE_V2));
        script.decide(&request(RequestCode::SEND_MESSAGE_V2));
        assert_eq!((first.hits(), second.hits()), (1, 2));
    }

    #[test]
    fn a_removed_rule_is_gone() {
        let script = Script::new(1);
        script.add(None, Fault::silent()).remove();
        assert!(script.decide(&request(RequestCode::HEART_BEAT)).is_none());
        script.add(None, Fault::silent());
        script.clear();
        assert!(script.decide(&request(RequestCode::HEART_BEAT)).is_none());
    }
}
