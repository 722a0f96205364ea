//! Whether a connection still has anybody at its other end.
//!
//! A late answer proves nothing against it; that nothing came at all since the question does.

use rmq_remoting::Connection;

/// A connection from the moment of a question on.
pub(super) struct Watched {
    connection: Connection,
    bytes_read: u64,
}

impl Watched {
    pub(super) fn new(connection: Connection) -> Self {
        let bytes_read = connection.bytes_read();
        Self { connection, bytes_read }
    }

    pub(super) fn id(&self) -> u64 {
        self.connection.id()
    }

    /// Tells whether nothing came since.
    pub(super) fn is_dead(&self) -> bool {
        self.connection.bytes_read() == self.bytes_read
    }

    /// Lets what is on it finish; new requests go to another.
    pub(super) fn give_up(&self) {
        self.connection.retire();
    }
}
