//! AnswerReader: takes frames off a connection; the answers among them by skeletons, if they can be.
//!
//! What it says of a frame is what a full parse says of it.

use std::sync::Arc;

use bytes::{Buf as _, BytesMut};

use super::skeleton::{Skeleton, Values};
use super::{FrameLimits, measure, read_header, take_body};
use crate::answer::Answer;
use crate::{FrameError, RemotingCommand};

/// What was read.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// An answer, put behind the others.
    Answer,
    Request(RemotingCommand),
}

/// Reads the frames of one connection and remembers what its answers look like.
#[derive(Debug, Default)]
pub(crate) struct AnswerReader {
    /// The one that matched last comes first.
    known: Vec<Arc<Skeleton>>,
    /// Answers that matched none of them, since the last one that did.
    misses: u32,
}

impl AnswerReader {
    /// Takes the next frame off `input`; as [`decode_frame`](super::decode_frame).
    pub(crate) fn read(
        &mut self,
        input: &mut BytesMut,
        limits: &FrameLimits,
        answers: &mut Vec<Answer>,
    ) -> Result<Option<Incoming>, FrameError> {
        let Some(extent) = measure(input, limits)? else { return Ok(None) };
        let header = &input[extent.header()];
        for (at, skeleton) in self.known.iter().enumerate() {
            if skeleton.encoding() != extent.encoding {
                continue;
            }
            let mut values = Values::default();
            if let Some(opaque) = skeleton.read(header, &mut values) {
                let skeleton = Arc::clone(skeleton);
                if at > 0 {
                    self.known.swap(0, at);
                }
                self.misses = 0;
                let body = if extent.has_body() {
                    Some(Box::new(take_body(input, extent)))
                } else {
                    input.advance(extent.total);
                    None
                };
                answers.push(Answer::known(skeleton, opaque, values, body));
                return Ok(Some(Incoming::Answer));
            }
        }
        let mut command = read_header(extent.encoding, header, limits)?;
        if !command.is_response() {
            command.body = take_body(input, extent);
            return Ok(Some(Incoming::Request(command)));
        }
        self.misses = self.misses.saturating_add(1);
        // A peer whose answers have nothing in common is not worth the trouble each time.
        if self.misses <= TRIES || self.misses % SELDOM == 0 {
            self.learn(header, &command, limits);
        }
        command.body = take_body(input, extent);
        answers.push(command.into());
        Ok(Some(Incoming::Answer))
    }

    fn learn(&mut self, header: &[u8], command: &RemotingCommand, limits: &FrameLimits) {
        let Some(new) = Skeleton::learn(header, command, limits) else { return };
        for known in &mut self.known {
            if let Some(joined) = known.joined(&new) {
                if joined.texts() > known.texts() {
                    *known = Arc::new(joined);
                }
                return;
            }
        }
        self.known.truncate(KEPT - 1);
        self.known.insert(0, Arc::new(new));
    }
}

/// Kinds of answers that are remembered.
const KEPT: usize = 3;

/// Misses in a row that are all learnt from; then only each of so many.
const TRIES: u32 = 16;
const SELDOM: u32 = 64;

#[cfg(test)]
mod tests;
