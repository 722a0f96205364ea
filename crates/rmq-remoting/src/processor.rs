//! Requests from the other side: what a broker sends a client, and everything a server half serves.
//!
//! The reader never waits for a processor: each request runs on a task of its own, their number is bounded.

use std::sync::Arc;

use crate::command::RemotingCommand;
use crate::connection::Connection;
use crate::connector::BoxFuture;

/// Answers requests of one or more codes.
///
/// Java: `NettyRequestProcessor`.
#[doc(alias = "NettyRequestProcessor")]
pub trait Processor: Send + Sync + 'static {
    /// Takes a request and returns the future of its answer; `None` means that there is no answer.
    ///
    /// The call itself happens on the connection's task in the order of arrival and must not block; the future runs
    /// on a task of its own. The answer's opaque and response flag are set by the connection; the answer to a oneway request is
    /// dropped. A panic is counted and costs only this request its answer.
    fn process(
        &self,
        context: &ConnectionContext,
        request: RemotingCommand,
    ) -> BoxFuture<'static, Option<RemotingCommand>>;
}

impl<F> Processor for F
where
    F: Fn(&ConnectionContext, RemotingCommand) -> BoxFuture<'static, Option<RemotingCommand>> + Send + Sync + 'static,
{
    fn process(
        &self,
        context: &ConnectionContext,
        request: RemotingCommand,
    ) -> BoxFuture<'static, Option<RemotingCommand>> {
        self(context, request)
    }
}

impl<T: Processor + ?Sized> Processor for Arc<T> {
    fn process(
        &self,
        context: &ConnectionContext,
        request: RemotingCommand,
    ) -> BoxFuture<'static, Option<RemotingCommand>> {
        (**self).process(context, request)
    }
}

/// The connection that a request came in on.
#[derive(Clone, Debug)]
pub struct ConnectionContext {
    connection: Connection,
}

impl ConnectionContext {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Returns who is at the other end: the address dialled, or the acceptor's label.
    pub fn peer(&self) -> &str {
        self.connection.peer()
    }

    /// Returns a number that no other connection of this process has.
    pub fn id(&self) -> u64 {
        self.connection.id()
    }

    /// Returns the connection itself, to send requests the other way.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}
