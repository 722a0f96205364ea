//! Frames that wait to be written, in order.
//!
//! Heads and small bodies are copied into one contiguous tail; larger bodies stay shared segments. A frame is appended whole under the
//! connection's lock, so the bytes are always a sequence of whole frames.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

use crate::codec::{Pen, Slate};

/// Bodies from this size on are not copied: below it a copy is cheaper than another slice in `writev`.
const COPY_BELOW: usize = 4 * 1024;
/// A tail that grew larger than this is given back to the allocator once it is empty.
const KEEP_AT_MOST: usize = 1 << 20;
/// Room behind a body that was not copied, so that the next head is written in place.
const HEAD_ROOM: usize = 1024;
pub(crate) const MAX_SLICES: usize = 64;

#[derive(Default)]
pub(crate) struct OutBuffer {
    segments: VecDeque<Bytes>,
    tail: Slate,
    /// Bytes at the front of the tail that are written already.
    written: usize,
    len: usize,
}

impl OutBuffer {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a frame: `encode` writes its head, then comes `body`. On an error nothing was appended.
    pub(crate) fn push<E>(
        &mut self,
        body: &Bytes,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let copied = copied(body);
        let mut added = self.tail.append_with(|out| {
            encode(out)?;
            out.extend_from_slice(copied);
            Ok(())
        })?;
        if copied.len() < body.len() {
            self.share(body);
            added += body.len();
        }
        self.len += added;
        Ok(added)
    }

    /// Appends a frame whose head is written in place. `None`: it could not be, or there is no room; nothing was appended.
    #[inline(always)]
    pub(crate) fn try_push(&mut self, body: &Bytes, write: impl FnOnce(Pen<'_>) -> Option<Pen<'_>>) -> Option<usize> {
        let copied = copied(body);
        let mut added = self.tail.try_write(|pen| write(pen)?.slice(copied))?;
        if copied.len() < body.len() {
            self.share(body);
            added += body.len();
        }
        self.len += added;
        Some(added)
    }

    /// Fills `slices` with what comes first and returns how many it used.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let pieces = self
            .segments
            .iter()
            .map(|segment| &segment[..])
            .chain(std::iter::once(&self.tail.as_slice()[self.written..]));
        let mut used = 0;
        for (slot, piece) in slices.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slot = IoSlice::new(piece);
            used += 1;
        }
        used
    }

    /// Drops the first `written` bytes.
    pub(crate) fn advance(&mut self, mut written: usize) {
        self.len -= written;
        while let Some(first) = self.segments.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.segments.pop_front();
        }
        self.written += written;
        if self.written == self.tail.len() {
            self.written = 0;
            if self.tail.capacity() > KEEP_AT_MOST {
                self.tail = Slate::new();
            } else {
                self.tail.clear();
            }
        }
    }

    /// Appends a body without a copy of it.
    fn share(&mut self, body: &Bytes) {
        self.close_tail();
        self.tail.make_room(HEAD_ROOM);
        self.segments.push_back(body.clone());
    }

    /// Makes a segment of the tail, so that something may come behind it that is not copied.
    fn close_tail(&mut self) {
        let mut segment = Bytes::from(std::mem::take(&mut self.tail).into_vec());
        segment.advance(std::mem::take(&mut self.written));
        if !segment.is_empty() {
            self.segments.push_back(segment);
        }
    }

    /// Puts `first` in front of what is here.
    pub(crate) fn prepend(&mut self, mut first: Self) {
        if self.is_empty() {
            *self = first;
            return;
        }
        first.close_tail();
        for segment in first.segments.into_iter().rev() {
            self.segments.push_front(segment);
        }
        self.len += first.len;
    }
}

/// What of a body is copied.
#[inline]
fn copied(body: &Bytes) -> &[u8] {
    if body.len() < COPY_BELOW { body } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(buffer: &mut OutBuffer, head: &[u8], body: &Bytes) {
        buffer
            .push::<()>(body, |out| {
                out.extend_from_slice(head);
                Ok(())
            })
            .unwrap();
    }

    fn drain(mut buffer: OutBuffer, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !buffer.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used = buffer.slices(&mut slices);
            let flat: Vec<u8> = slices[..used].iter().flat_map(|slice| slice.to_vec()).collect();
            let n = step.min(flat.len());
            all.extend_from_slice(&flat[..n]);
            buffer.advance(n);
        }
        all
    }

    #[test]
    fn bytes_come_out_in_order_whatever_the_sizes_of_bodies_and_writes() {
        let large = Bytes::from(vec![7; COPY_BELOW]);
        for step in [1, 3, 1000, usize::MAX] {
            let mut buffer = OutBuffer::default();
            let mut expected = Vec::new();
            for (head, body) in
                [(b"aa", &Bytes::from_static(b"x")), (b"bb", &large), (b"cc", &Bytes::new()), (b"dd", &large)]
            {
                push(&mut buffer, head, body);
                expected.extend_from_slice(head);
                expected.extend_from_slice(body);
            }
            assert_eq!(drain(buffer, step), expected);
        }
    }

    #[test]
    fn frames_written_in_place_stand_between_the_others() {
        let large = Bytes::from(vec![7; COPY_BELOW]);
        let bodies = [Bytes::new(), Bytes::from_static(b"body"), Bytes::from(vec![8; COPY_BELOW - 1]), large];
        let mut buffer = OutBuffer::default();
        let mut expected = Vec::new();
        for round in 0..40_u8 {
            let head = [round; 300];
            for body in &bodies {
                buffer.tail.make_room(head.len() + COPY_BELOW);
                let added = buffer.try_push(body, |pen| pen.slice(&head));
                assert_eq!(added, Some(head.len() + body.len()));
                assert_eq!(buffer.try_push(body, |pen| pen.slice(&head).and(None)), None);
                push(&mut buffer, b"pushed", body);
                expected.extend([&head[..], body, b"pushed", body].concat());
            }
        }
        assert_eq!(buffer.len, expected.len());
        assert_eq!(drain(buffer, 1000), expected);
    }

    #[test]
    fn a_frame_that_cannot_be_encoded_leaves_nothing_behind() {
        let mut buffer = OutBuffer::default();
        push(&mut buffer, b"ok", &Bytes::new());
        let refused = buffer.push(&Bytes::from_static(b"body"), |out| {
            out.extend_from_slice(b"half");
            Err(())
        });
        assert_eq!(refused, Err(()));
        assert_eq!(drain(buffer, 100), b"ok");
    }

    #[test]
    fn what_an_interrupted_writer_left_goes_first() {
        let mut first = OutBuffer::default();
        push(&mut first, b"head", &Bytes::from(vec![1; COPY_BELOW]));
        push(&mut first, b"tail", &Bytes::new());
        first.advance(2);
        let mut second = OutBuffer::default();
        push(&mut second, b"second", &Bytes::new());
        second.prepend(first);
        let all = drain(second, 1000);
        assert!(all.starts_with(b"ad\x01") && all.ends_with(b"tailsecond"));
        assert_eq!(all.len(), 2 + COPY_BELOW + 4 + 6);
    }
}
