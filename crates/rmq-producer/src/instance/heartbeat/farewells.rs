//! Farewells: groups that have left, of whom a broker is still to be told.
//!
//! Kept until it is told, or its connection ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rmq_remoting::Endpoint;
use tokio::sync::Notify;

type Owed = (Arc<str>, Arc<str>);

#[derive(Default)]
pub(super) struct Farewells {
    /// By address and group.
    owed: Mutex<BTreeMap<Owed, Endpoint>>,
    called: Notify,
}

impl Farewells {
    pub(super) fn owe(&self, addr: &Endpoint, group: &Arc<str>) {
        self.owed.lock().insert((Arc::clone(addr.as_shared()), Arc::clone(group)), addr.clone());
    }

    /// Wakes who waits for [`due`](Self::due).
    pub(super) fn call(&self) {
        self.called.notify_one();
    }

    pub(super) async fn due(&self) {
        self.called.notified().await;
    }

    pub(super) fn take(&self) -> Vec<(Endpoint, Arc<str>)> {
        let owed = std::mem::take(&mut *self.owed.lock());
        owed.into_iter().map(|((_, group), addr)| (addr, group)).collect()
    }
}
