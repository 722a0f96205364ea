//! Kept: an answer between the one who read it and the caller who fetches it, in a place that is used again.
//!
//! The texts of an answer like earlier ones are put in right where they wait, whether somebody waits for them or not; an answer is there
//! only once the rest of it was put in, too.

use std::sync::Arc;

use bytes::Bytes;

use super::{Answer, Repr};
use crate::codec::{Bounds, Room, Skeleton};
use crate::{HeaderEncoding, RemotingCommand};

#[derive(Debug, Default)]
pub(crate) struct Kept {
    room: Room,
    bounds: Bounds,
    opaque: i32,
    encoding: HeaderEncoding,
    /// Of an answer whose texts are in the room.
    skeleton: Option<Arc<Skeleton>>,
    body: Option<Box<Bytes>>,
    /// Any other answer.
    command: Option<Box<RemotingCommand>>,
}

impl Kept {
    /// Where the texts of an answer are put in that is to be [known](Self::put_known) here.
    #[inline(always)]
    pub(crate) fn room(&mut self) -> &mut Room {
        &mut self.room
    }

    /// Puts in an answer without a body whose texts are in the [room](Self::room) already.
    #[inline(always)]
    pub(crate) fn put_known(&mut self, skeleton: &Arc<Skeleton>, opaque: i32, bounds: Bounds) {
        self.bounds = bounds;
        self.opaque = opaque;
        self.encoding = skeleton.encoding();
        self.skeleton = Some(Arc::clone(skeleton));
    }

    /// Puts in any answer.
    pub(crate) fn put(&mut self, answer: Answer) {
        (self.skeleton, self.body, self.command) = match answer.0 {
            Repr::Command(command) => (None, None, Some(command)),
            Repr::Known { skeleton, values, opaque, encoding, body } => {
                self.bounds = self.room.hold(&values);
                (self.opaque, self.encoding) = (opaque, encoding);
                (Some(skeleton), body, None)
            }
        };
    }

    /// Takes the answer out, if one is here.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Option<Answer> {
        let Some(skeleton) = self.skeleton.take() else { return self.take_command() };
        let (opaque, encoding, body) = (self.opaque, self.encoding, self.body.take());
        Some(Answer(Repr::Known { skeleton, values: self.room.values(self.bounds), opaque, encoding, body }))
    }

    #[cold]
    fn take_command(&mut self) -> Option<Answer> {
        self.command.take().map(|command| Answer(Repr::Command(command)))
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio_util::codec::Encoder as _;

    use super::*;
    use crate::codec::AnswerReader;
    use crate::{FrameCodec, FrameLimits, ResponseCode};

    /// Answers that were read by comparison with earlier ones, some of them with a body, and others.
    fn answers() -> Vec<Answer> {
        let mut wire = BytesMut::new();
        for n in 0..40 {
            let mut command =
                RemotingCommand::response(ResponseCode::SUCCESS).with_field("offset", (n * 77).to_string());
            command.set_opaque(n);
            if n % 3 == 0 {
                command = command.with_body(format!("body {n}"));
            }
            FrameCodec::default().encode(command, &mut wire).unwrap();
        }
        let mut answers = Vec::new();
        let read = AnswerReader::default().read(&mut wire, &FrameLimits::default(), &mut answers);
        assert_eq!((read, answers.len()), (Ok(None), 40));
        assert!(answers.iter().any(Answer::is_known) && !answers.iter().all(Answer::is_known));
        answers
    }

    #[test]
    fn what_was_put_in_is_taken_out_once_whatever_was_there_before() {
        let mut kept = Kept::default();
        assert!(kept.take().is_none());
        for (at, answer) in answers().into_iter().enumerate() {
            if at % 4 == 0 {
                kept.put(RemotingCommand::response(ResponseCode::SYSTEM_BUSY).with_body("left over").into());
            } else if at % 4 == 1 {
                kept.put(answers().swap_remove(39));
            }
            kept.put(answer.clone());
            let taken = kept.take().map(Answer::into_command);
            assert_eq!(taken, Some(answer.into_command()));
            assert!(kept.take().is_none());
        }
    }
}
