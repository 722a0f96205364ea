//! The requests that a server received, in the order they came in.
//!
//! Counts are exact for ever; of the requests themselves only the newest are kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rmq_remoting::{RemotingCommand, RequestCode};

/// One request as a server received it, whatever became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Name of the server: a broker's, or `namesrv-0` and so on.
    pub server: Arc<str>,
    /// When it came, counted from the start of the cluster.
    pub at: Duration,
    /// Who sent it.
    pub peer: Arc<str>,
    /// Number of the connection it came on; unique in the process.
    pub connection: u64,
    /// The request itself, body included.
    pub command: RemotingCommand,
}

impl RecordedRequest {
    /// The request code.
    pub fn code(&self) -> RequestCode {
        self.command.request_code()
    }

    /// A header field by its name or letter.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.command.field(name)
    }

    /// The body; an absent one is empty.
    pub fn body(&self) -> &Bytes {
        self.command.body()
    }
}

/// What one server keeps of its requests.
#[derive(Debug)]
pub(crate) struct Recorder {
    server: Arc<str>,
    keep: usize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    newest: VecDeque<RecordedRequest>,
    counts: HashMap<RequestCode, u64>,
}

impl Recorder {
    /// Keeps the newest `keep` requests.
    pub(crate) fn new(server: Arc<str>, keep: usize) -> Self {
        Self { server, keep, book: Mutex::default() }
    }

    /// Name of the server.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    pub(crate) fn record(&self, at: Duration, peer: &str, connection: u64, command: &RemotingCommand) {
        let mut book = self.book.lock();
        *book.counts.entry(command.request_code()).or_default() += 1;
        if self.keep == 0 {
            return;
        }
        if book.newest.len() == self.keep {
            book.newest.pop_front();
        }
        book.newest.push_back(RecordedRequest {
            server: Arc::clone(&self.server),
            at,
            peer: peer.into(),
            connection,
            command: command.clone(),
        });
    }

    /// The kept requests with this code, or all.
    pub(crate) fn requests(&self, code: Option<RequestCode>) -> Vec<RecordedRequest> {
        let book = self.book.lock();
        book.newest.iter().filter(|request| code.is_none_or(|code| request.code() == code)).cloned().collect()
    }

    pub(crate) fn count(&self, code: RequestCode) -> u64 {
        self.book.lock().counts.get(&code).copied().unwrap_or(0)
    }

    pub(crate) fn clear(&self) {
        *self.book.lock() = Book::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stay_when_requests_are_dropped() {
        let recorder = Recorder::new("broker-a".into(), 2);
        for opaque in 0..5 {
            let mut command = RemotingCommand::request(RequestCode::HEART_BEAT);
            command.set_opaque(opaque);
            recorder.record(Duration::ZERO, "p", 1, &command);
        }
        assert_eq!(recorder.count(RequestCode::HEART_BEAT), 5);
        let kept: Vec<i32> = recorder.requests(None).iter().map(|request| request.command.opaque()).collect();
        assert_eq!(kept, [3, 4]);
        assert!(recorder.requests(Some(RequestCode::PULL_MESSAGE)).is_empty());
        recorder.clear();
        assert_eq!(recorder.count(RequestCode::HEART_BEAT), 0);
    }
}
