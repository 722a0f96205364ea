//! What each master has heard of this client, and on which connection.
//!
//! A broker forgets a client with its connection, so what was said on another one does not count.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rmq_remoting::{Endpoint, RemotingCommand};

#[derive(Default)]
pub(super) struct HeardTable(Mutex<HashMap<Arc<str>, Heard>>);

#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    /// How many groups had come by then.
    pub(super) joins: u64,
    pub(super) connection: u64,
    /// What the broker compares the next beat with (heartbeat V2).
    pub(super) fingerprint: Option<i32>,
}

impl Heard {
    /// A beat on this connection was in vain.
    pub(super) fn nothing_on(connection: u64) -> Self {
        Self { joins: 0, connection, fingerprint: None }
    }
}

impl HeardTable {
    pub(super) fn insert(&self, addr: &Endpoint, heard: Heard) {
        self.0.lock().insert(Arc::clone(addr.as_shared()), heard);
    }

    pub(super) fn forget(&self, addr: &Endpoint) {
        self.0.lock().remove(addr.as_shared());
    }

    pub(super) fn all_groups(&self, addr: &Endpoint, joins: u64) -> bool {
        self.0.lock().get(addr.as_shared()).is_some_and(|heard| heard.joins >= joins)
    }

    /// Tells whether the last beat, in vain or not, was on this connection.
    pub(super) fn on_connection(&self, addr: &Endpoint, id: u64) -> bool {
        self.0.lock().get(addr.as_shared()).is_some_and(|heard| heard.connection == id)
    }

    pub(super) fn fingerprint(&self, addr: &Endpoint, connection: u64) -> Option<i32> {
        let table = self.0.lock();
        table.get(addr.as_shared()).filter(|heard| heard.connection == connection).and_then(|heard| heard.fingerprint)
    }

    /// Forgets what all others have heard.
    pub(super) fn keep(&self, masters: &[Endpoint]) {
        self.0.lock().retain(|addr, _| masters.iter().any(|master| master.as_str() == &**addr));
    }
}

/// Reads from a broker's answer whether a fingerprint will do the next time. Java: `MQClientInstance#sendHeartbeatToBrokerV2`.
pub(super) fn keeps_fingerprint(answer: &RemotingCommand) -> bool {
    let is_true = |field| answer.field(field).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    is_true(SUPPORTED) && !is_true(WANTS_ALL)
}

const SUPPORTED: &str = "IS_SUPPORT_HEART_BEAT_V2";
const WANTS_ALL: &str = "IS_SUB_CHANGE";
