//! The byte stream under a line: a TCP socket or one end of an in-process pipe.
//!
//! Both can end in two ways: closed, which the peer sees as the end of the stream, and reset, which it sees as an error.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;

/// One end of a connection.
#[derive(Debug)]
pub(crate) enum Wire {
    Tcp(TcpStream),
    Memory(MemoryEnd),
}

impl Wire {
    /// Ends the connection as a dying process does.
    pub(crate) fn reset(self) {
        match self {
            // A socket that cannot be told to linger is closed the ordinary way; the peer sees its end all the same.
            Self::Tcp(stream) => drop(stream.set_zero_linger()),
            Self::Memory(end) => end.was_reset.store(true, Ordering::Release),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Memory(end) => Pin::new(end).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Memory(end) => Pin::new(end).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Memory(end) => Pin::new(end).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Memory(end) => Pin::new(end).poll_shutdown(cx),
        }
    }
}

/// One end of an in-process pipe; the mark of a reset is shared by both ends.
#[derive(Debug)]
pub(crate) struct MemoryEnd {
    pipe: DuplexStream,
    was_reset: Arc<AtomicBool>,
}

impl MemoryEnd {
    /// Makes a pipe that holds `capacity` bytes each way.
    pub(crate) fn pair(capacity: usize) -> (Self, Self) {
        let (a, b) = tokio::io::duplex(capacity);
        let was_reset = Arc::new(AtomicBool::new(false));
        (Self { pipe: a, was_reset: Arc::clone(&was_reset) }, Self { pipe: b, was_reset })
    }

    fn check(&self) -> io::Result<()> {
        if self.was_reset.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for MemoryEnd {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryEnd {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.pipe).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_closed_pipe_delivers_what_was_written_and_a_reset_one_does_not() {
        for reset in [false, true] {
            let (mut ours, mut theirs) = MemoryEnd::pair(64);
            ours.write_all(b"last words").await.unwrap();
            let wire = Wire::Memory(ours);
            if reset {
                wire.reset()
            } else {
                drop(wire)
            }
            let mut heard = Vec::new();
            let end = theirs.read_to_end(&mut heard).await;
            if reset {
                assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            } else {
                end.unwrap();
                assert_eq!(heard, b"last words");
            }
        }
    }
}
