//! Plays one fault on one request.
//!
//! An ordinary answer goes back to the server's connection, which writes it; every other one is written here, between two frames.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rmq_remoting::{FrameCodec, RemotingCommand};
use tokio::time::sleep;
use tokio_util::codec::Encoder as _;

use super::{Caller, Outcome, Verbs};
use crate::network::Line;
use crate::script::{AnswerChange, Delivery, Execution, Fault, LineEnd};

/// A request that meets a fault.
pub(super) struct Playing<V> {
    pub(super) fault: Fault,
    pub(super) verbs: Arc<V>,
    pub(super) line: Option<Line>,
    pub(super) caller: Caller,
    pub(super) request: RemotingCommand,
}

impl<V: Verbs> Playing<V> {
    /// Returns the answer that the server's connection shall write.
    pub(super) async fn run(self, executed: Option<Outcome>) -> Option<RemotingCommand> {
        let outcome = match (executed, self.fault.execution) {
            (Some(outcome), _) => outcome,
            (None, Execution::After(delay)) => {
                sleep(delay).await;
                self.verbs.execute(&self.caller, &self.request)
            }
            (None, Execution::AtOnce | Execution::Never) => Outcome::Silence,
        };
        let natural = match outcome {
            Outcome::Answer(answer) => Some(answer),
            Outcome::Silence => None,
            Outcome::Later(work) => Some(work.await),
        };
        let answer = self.change(natural);
        sleep(self.fault.answer_after).await;
        let wanted = !self.request.is_oneway() || self.fault.also_oneway;
        let answer = answer.filter(|_| wanted);
        let ordinary = self.fault.delivery == Delivery::Plain && !self.request.is_oneway();
        if ordinary && self.fault.line_end == LineEnd::Keep {
            return answer;
        }
        if let Some(line) = &self.line {
            // A line that is gone already cannot be disturbed any more.
            drop(self.deliver(line, answer, wanted).await);
            match self.fault.line_end {
                LineEnd::Keep => {}
                LineEnd::Close => line.close(),
                LineEnd::Reset => line.reset(),
            }
        }
        None
    }

    fn change(&self, natural: Option<RemotingCommand>) -> Option<RemotingCommand> {
        let mut answer = match &self.fault.answer {
            AnswerChange::Nothing => natural,
            AnswerChange::NoAnswer => None,
            AnswerChange::Instead { code, remark, fields } => {
                let mut answer = self.verbs.refusal(&self.request, *code);
                answer = answer.with_remark(remark.clone().unwrap_or_else(|| format!("scripted {code}")));
                for (name, value) in fields {
                    answer.ext_fields_mut().set(name.clone(), value);
                }
                Some(answer)
            }
            AnswerChange::Edit(change) => natural.map(|mut answer| {
                change(&mut answer);
                answer
            }),
            AnswerChange::Make(make) => make(&self.request),
        }?;
        answer.set_opaque(self.request.opaque());
        answer.mark_response();
        Some(answer)
    }

    async fn deliver(&self, line: &Line, answer: Option<RemotingCommand>, wanted: bool) -> io::Result<()> {
        if let Delivery::Garbage(bytes) = &self.fault.delivery {
            return if wanted { line.inject(bytes).await } else { Ok(()) };
        }
        let Some(mut answer) = answer else { return Ok(()) };
        if self.fault.delivery == Delivery::WrongOpaque {
            answer.set_opaque(!answer.opaque());
        }
        let frame = frame(&answer)?;
        let mut claim = line.claim().await?;
        match self.fault.delivery {
            Delivery::Half => claim.write(&frame[..frame.len() / 2]).await,
            Delivery::Twice => {
                claim.write(&frame).await?;
                claim.write(&frame).await
            }
            Delivery::Trickle { piece, pause } => {
                for piece in frame.chunks(piece) {
                    sleep(pause).await;
                    claim.write(piece).await?;
                }
                Ok(())
            }
            Delivery::Plain | Delivery::WrongOpaque | Delivery::Garbage(_) => claim.write(&frame).await,
        }
    }
}

fn frame(answer: &RemotingCommand) -> io::Result<Bytes> {
    let mut out = BytesMut::new();
    FrameCodec::default().encode(answer, &mut out).map_err(io::Error::other)?;
    Ok(out.freeze())
}
