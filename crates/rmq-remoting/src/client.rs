//! The client half: requests to any address, over one connection each.
//!
//! Dial, room, write and answer of a call share its one deadline.

mod builder;
mod calling;
mod calls;
mod line;
mod oneway;
mod party;
mod requests;
mod shutdown;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::clock::{Random, WallClock};
use crate::code::ResponseCode;
use crate::codec::{OpenField, RequestTemplate};
use crate::command::RemotingCommand;
use crate::config::RemotingConfig;
use crate::connection::{Connection, Settings};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::RemotingError;
use crate::event::ConnectionEvent;
use crate::frame_error::FrameError;
use crate::pool::Pool;
use crate::room::Room;
use crate::rpc_hook::RpcHook;
use crate::stats::RemotingStats;

pub use builder::RemotingClientBuilder;
pub use line::Line;
pub(crate) use oneway::OnewayRoom;
pub use party::Party;
pub use shutdown::RemotingShutdownReport;

/// Sends requests to name servers, brokers, or any peer that speaks the protocol. Cheap to clone; clones share everything.
///
/// There is one connection per address, dialled at the first request. When the last clone is dropped, all connections close; no task
/// and no socket stays behind. Must be used inside a tokio runtime.
///
/// A connection that this side ends (retired, idle, or with the client) is closed so that its peer can read what the operating system took
/// before: it ends its writing, and its task throws away what still comes until the peer has closed too, or a second is over. It counts as
/// ended from the beginning of that, and a runtime that ends closes at once.
///
/// Java: `NettyRemotingClient`.
#[doc(alias = "NettyRemotingClient")]
#[derive(Clone)]
pub struct RemotingClient {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    hooks: Arc<[Arc<dyn RpcHook>]>,
    /// What every request has in its header.
    fields: Box<[(Cow<'static, str>, String)]>,
    /// Oneway requests: a permit from before the dial until the frame is written.
    oneway_room: Room,
    events: broadcast::Sender<ConnectionEvent>,
    random: Arc<Random>,
    parties: party::PartyNumbers,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.settings.cancel.cancel();
    }
}

impl RemotingClient {
    /// Returns a builder with the defaults of [`RemotingConfig`] and plain TCP.
    pub fn builder() -> RemotingClientBuilder {
        RemotingClientBuilder::default()
    }

    /// Tells whether a request with this answer may be sent once more, over a new connection: the server is about to go (GO_AWAY, 5.2+),
    /// and says so only of requests that it did not execute. [`invoke`](Self::invoke) does that by itself.
    #[inline]
    pub fn may_move(&self, to: &Endpoint, answer: &Answer) -> bool {
        answer.response_code() == ResponseCode::GO_AWAY && self.moves(to)
    }

    #[cold]
    fn moves(&self, to: &Endpoint) -> bool {
        let moves = self.inner.pool.leave(to);
        if moves {
            self.inner.settings.counters.calls_moved.add(1);
        }
        moves
    }

    /// Makes a template of `request`, with the fields that [every request](RemotingClientBuilder::field) of this client has.
    ///
    /// # Errors
    ///
    /// As [`RequestTemplate::new`].
    pub fn template<const N: usize>(
        &self,
        mut request: RemotingCommand,
        fields: [impl Into<OpenField>; N],
    ) -> Result<RequestTemplate<N>, FrameError> {
        self.add_fields(&mut request);
        RequestTemplate::new(request, fields)
    }

    /// Returns the way to `to`, for whoever sends there again and again: a request by it need not look for its connection.
    pub fn line(&self, to: &Endpoint) -> Line {
        Line::new(self.clone(), to.clone(), None)
    }

    /// Makes a party: one of several users of this client, whose requests can be ended by themselves.
    pub fn party(&self) -> Party {
        Party::new(self.clone(), self.inner.parties.next())
    }

    /// Dials `to` unless there is an open connection.
    ///
    /// # Cancel safety
    ///
    /// A dial that was started goes on for whoever asks next.
    pub async fn connect(&self, to: &Endpoint, deadline: impl Into<Deadline>) -> Result<Connection, RemotingError> {
        self.check_open()?;
        self.inner.pool.get(to, deadline.into()).await
    }

    /// Returns the open connection to `to`, if there is one.
    pub fn connection(&self, to: &Endpoint) -> Option<Connection> {
        self.inner.pool.open(to)
    }

    /// Gives up the connection to `to`: calls on it finish, new ones dial anew.
    pub fn retire(&self, to: &Endpoint) {
        self.inner.pool.retire(to);
    }

    /// Returns until when `to` is not dialled because it failed, if that is so.
    pub fn backing_off_until(&self, to: &Endpoint) -> Option<Instant> {
        self.inner.pool.backing_off_until(to)
    }

    /// Subscribes to connections that come and go. A slow subscriber loses the oldest events.
    pub fn events(&self) -> broadcast::Receiver<ConnectionEvent> {
        self.inner.events.subscribe()
    }

    /// Returns how many awaited requests hold room.
    pub fn in_flight(&self) -> usize {
        self.inner.settings.room.count()
    }

    /// Returns how many bytes of awaited requests hold room.
    pub fn in_flight_bytes(&self) -> usize {
        self.inner.settings.room.bytes()
    }

    /// Returns how many oneway requests hold room.
    pub fn oneway_in_flight(&self) -> usize {
        self.inner.oneway_room.count()
    }

    /// Returns the connections that are open now.
    pub fn connections(&self) -> Vec<Connection> {
        self.inner.pool.connections()
    }

    /// Returns how many tasks it runs: one per connection, also while it is [being closed](Self::shutdown), dial, and request of a peer
    /// being worked on.
    pub fn tasks(&self) -> usize {
        self.inner.settings.tracker.len() + self.inner.settings.lingering.len()
    }

    /// Returns its counters.
    pub fn stats(&self) -> RemotingStats {
        self.inner.settings.counters.snapshot()
    }

    /// Returns its settings.
    pub fn config(&self) -> &RemotingConfig {
        &self.inner.settings.config
    }

    /// Returns the wall clock it was given.
    pub fn clock(&self) -> &Arc<dyn WallClock> {
        &self.inner.settings.config.clock
    }

    /// Returns its random source.
    pub fn random(&self) -> &Arc<Random> {
        &self.inner.random
    }

    fn add_fields(&self, request: &mut RemotingCommand) {
        for (name, value) in &self.inner.fields {
            request.ext_fields_mut().set(name.clone(), value);
        }
    }

    fn check_open(&self) -> Result<(), RemotingError> {
        if self.inner.settings.is_closed() { Err(RemotingError::Closed) } else { Ok(()) }
    }
}

impl fmt::Debug for RemotingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemotingClient")
            .field("connections", &self.connections())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
