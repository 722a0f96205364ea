//! The open connections of one server.
//!
//! A line is listed from the moment it is accepted until the server has let go of it; then whoever watches is told.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::line::{Line, LineStream};
use super::line_fault::LineFault;
use super::wire::Wire;
use crate::random::Random;
use crate::script::SelectionState;

/// The lines of one server and what to do with new ones.
pub(crate) struct Lines {
    open: Mutex<HashMap<Arc<str>, Line>>,
    faults: Mutex<Vec<(LineFault, SelectionState)>>,
    random: Random,
    watcher: OnceLock<Watcher>,
}

type Watcher = Box<dyn Fn(&Line) + Send + Sync>;

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("open", &self.open.lock().len()).finish_non_exhaustive()
    }
}

impl Lines {
    pub(crate) fn new(seed: u64) -> Self {
        Self { open: Mutex::default(), faults: Mutex::default(), random: Random::new(seed), watcher: OnceLock::new() }
    }

    /// Calls `watcher` with every line that the server has let go of. Only the first call has an effect.
    pub(crate) fn watch(&self, watcher: impl Fn(&Line) + Send + Sync + 'static) {
        // A second watcher would be a mistake of this crate; the first stays.
        drop(self.watcher.set(Box::new(watcher)));
    }

    /// Takes a new connection in and returns it with the stream to serve.
    pub(crate) fn add(self: &Arc<Self>, wire: Wire, peer: Arc<str>) -> (Line, LineStream) {
        let fault = self
            .faults
            .lock()
            .iter_mut()
            .find_map(|(fault, state)| state.selects(&fault.selection, &(), &self.random).then(|| fault.clone()));
        let line = Line::new(wire, Arc::clone(&peer), fault.as_ref());
        self.open.lock().insert(peer, line.clone());
        let lines = Arc::clone(self);
        let stream = line.stream(move |line| lines.ended(line));
        (line, stream)
    }

    /// Plays `fault` on connections from now on.
    pub(crate) fn on_connect(&self, fault: LineFault) {
        self.faults.lock().push((fault, SelectionState::default()));
    }

    pub(crate) fn clear_faults(&self) {
        self.faults.lock().clear();
    }

    /// The line with this peer.
    pub(crate) fn find(&self, peer: &str) -> Option<Line> {
        self.open.lock().get(peer).cloned()
    }

    /// Every open line, by peer.
    pub(crate) fn all(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.open.lock().values().filter(|line| line.is_open()).cloned().collect();
        lines.sort_by(|a, b| a.peer().cmp(b.peer()));
        lines
    }

    /// Forgets a line that has ended, unless its peer already has a newer one.
    fn ended(&self, line: &Line) {
        let mut open = self.open.lock();
        if open.get(line.peer()).is_some_and(|known| known.is_same(line)) {
            open.remove(line.peer());
        }
        drop(open);
        if let Some(watcher) = self.watcher.get() {
            watcher(line);
        }
    }

    pub(crate) fn reset_all(&self) {
        self.all().iter().for_each(Line::reset);
    }

    pub(crate) fn freeze_all(&self, frozen: bool) {
        self.all().iter().for_each(|line| line.freeze(frozen));
    }
}
