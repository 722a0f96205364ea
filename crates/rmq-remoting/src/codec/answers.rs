//! AnswerReader: takes frames off a connection; the answers among them by skeletons, if they can be.
//!
//! What it says of a frame is what a full parse says of it.

use std::sync::Arc;

use bytes::{Buf as _, BytesMut};

use super::layout::Layout;
use super::skeleton::Skeleton;
use super::values::Values;
use super::{Extent, FrameLimits, measure, read_header, take_body};
use crate::answer::{Answer, Kept};
use crate::{FrameError, HeaderEncoding, RemotingCommand};

/// Reads the frames of one connection and remembers what its answers look like.
#[derive(Debug, Default)]
pub(crate) struct AnswerReader {
    /// The one that matched last comes first, but for matches of layouts.
    known: Vec<Arc<Skeleton>>,
    /// Of known skeletons, without a body and with values of the lengths that came last.
    layouts: Vec<Layout>,
    /// The layout that matched last.
    latest: usize,
    /// Answers are put together here that are not handed out at once.
    draft: Kept,
    /// Frames that fitted none of them.
    strays: usize,
    /// Answers that matched no skeleton, since the last one that did.
    misses: u32,
}

impl AnswerReader {
    /// Takes frames off `input` as far as the next request, which it returns, and puts the answers before it behind the others. `None`: there
    /// was none, and more bytes are needed. Both otherwise as [`decode_frame`](super::decode_frame); what came before an error is taken. The limits are the same each time.
    pub(crate) fn read(
        &mut self,
        input: &mut BytesMut,
        limits: &FrameLimits,
        answers: &mut Vec<Answer>,
    ) -> Result<Option<RemotingCommand>, FrameError> {
        // Bytes of frames that were read: taking them off one by one costs more.
        let mut read = 0;
        let end = loop {
            let rest = &input[read..];
            if let Some(length) = self.read_by_layouts(rest, answers) {
                read += length;
                continue;
            }
            let extent = match measure(rest, limits) {
                Ok(Some(extent)) => extent,
                Ok(None) => break Ok(None),
                Err(error) => break Err(error),
            };
            if self.read_by_skeletons(rest, extent, answers) {
                input.advance(std::mem::take(&mut read));
                let body = take_body(input, extent);
                if let (false, Some(answer)) = (body.is_empty(), answers.last_mut()) {
                    answer.set_body(body);
                }
                continue;
            }
            let header = &rest[extent.header()];
            let mut command = match self.read_unknown(header, extent.encoding, limits) {
                Ok(command) => command,
                Err(error) => break Err(error),
            };
            input.advance(std::mem::take(&mut read));
            command.body = take_body(input, extent);
            if !command.is_response() {
                break Ok(Some(command));
            }
            answers.push(command.into());
        };
        input.advance(read);
        end
    }

    /// Takes the answers at the start of `input` that are laid out like earlier ones, `most` of them at most, and hands each out before
    /// it is put together, as far as `hand_out` says that it was as it should be. Returns how many there were. What follows is for
    /// [`read`](Self::read).
    #[inline(always)]
    pub(crate) fn read_alike(
        &mut self,
        input: &mut BytesMut,
        most: usize,
        mut hand_out: impl FnMut(Alike<'_>) -> Option<()>,
    ) -> usize {
        let (mut rest, mut count) = (&input[..], 0);
        while count < most {
            let Some(alike) = find_layout(&self.layouts, &mut self.latest, rest) else { break };
            let length = alike.frame.len();
            if hand_out(alike).is_none() {
                break;
            }
            rest = &rest[length..];
            count += 1;
        }
        if count > 0 {
            self.misses = 0;
        }
        let read = input.len() - rest.len();
        input.advance(read);
        count
    }

    /// Reads the first frame if it is laid out like one that came before; returns its length.
    #[inline(never)]
    fn read_by_layouts(&mut self, input: &[u8], answers: &mut Vec<Answer>) -> Option<usize> {
        let alike = find_layout(&self.layouts, &mut self.latest, input)?;
        alike.put_texts(&mut self.draft)?;
        alike.put_rest(&mut self.draft);
        answers.extend(self.draft.take());
        self.misses = 0;
        Some(alike.frame.len())
    }

    /// Reads the header of the first frame if it is like one that came before, and puts the answer without its body behind the others.
    #[inline(never)]
    fn read_by_skeletons(&mut self, input: &[u8], extent: Extent, answers: &mut Vec<Answer>) -> bool {
        let header = &input[extent.header()];
        for (at, skeleton) in self.known.iter().enumerate() {
            if skeleton.encoding() != extent.encoding {
                continue;
            }
            let mut values = Values::default();
            let Some(opaque) = skeleton.read(header, &mut values) else { continue };
            let skeleton = Arc::clone(skeleton);
            if at > 0 {
                self.known.swap(0, at);
            }
            self.misses = 0;
            if !extent.has_body() {
                self.learn_layout(&skeleton, &input[..extent.total], &values);
            }
            answers.push(Answer::known(skeleton, opaque, values));
            return true;
        }
        false
    }

    #[cold]
    fn read_unknown(
        &mut self,
        header: &[u8],
        encoding: HeaderEncoding,
        limits: &FrameLimits,
    ) -> Result<RemotingCommand, FrameError> {
        let command = read_header(encoding, header, limits)?;
        if command.is_response() {
            self.misses = self.misses.saturating_add(1);
            // A peer whose answers have nothing in common is not worth the trouble each time.
            if self.misses <= TRIES || self.misses % SELDOM == 0 {
                self.learn(header, &command, limits);
            }
        }
        Ok(command)
    }

    fn learn_layout(&mut self, skeleton: &Arc<Skeleton>, frame: &[u8], values: &Values) {
        self.strays = self.strays.wrapping_add(1);
        if self.layouts.len() < LAYOUTS {
            self.layouts.extend(Layout::learn(skeleton, frame, values));
        } else if self.strays % RARELY == 0 {
            // Where lengths keep changing, some of the old ones will come again, too.
            if let Some(layout) = Layout::learn(skeleton, frame, values) {
                self.layouts[self.strays / RARELY % LAYOUTS] = layout;
            }
        }
    }

    fn learn(&mut self, header: &[u8], command: &RemotingCommand, limits: &FrameLimits) {
        let Some(new) = Skeleton::learn(header, command, limits) else { return };
        for known in &mut self.known {
            if let Some(joined) = known.joined(&new) {
                if joined.texts() > known.texts() {
                    *known = Arc::new(joined);
                    self.forget();
                }
                return;
            }
        }
        if let Some(latest) = self.layouts.get(self.latest) {
            if let Some(at) = self.known.iter().position(|known| Arc::ptr_eq(known, latest.skeleton())) {
                self.known.swap(0, at);
            }
        }
        self.known.truncate(KEPT - 1);
        self.known.insert(0, Arc::new(new));
        self.forget();
    }

    /// Drops the layouts of skeletons that are not known any more.
    fn forget(&mut self) {
        self.layouts.retain(|layout| self.known.iter().any(|known| Arc::ptr_eq(known, layout.skeleton())));
    }
}

/// The first frame, by the layout that it has, which becomes the latest one.
#[inline(always)]
fn find_layout<'a>(layouts: &'a [Layout], latest: &mut usize, input: &'a [u8]) -> Option<Alike<'a>> {
    // Most are as the one before.
    if let Some(layout) = layouts.get(*latest) {
        if let Some((frame, opaque)) = layout.read(input) {
            return Some(Alike { layout, frame, opaque });
        }
    }
    let opaque = find_other_layout(layouts, latest, input)?;
    let layout = layouts.get(*latest)?;
    Some(Alike { layout, frame: layout.frame(input)?, opaque })
}

/// Makes it the latest one which the first frame has, and reads its opaque.
#[inline(never)]
fn find_other_layout(layouts: &[Layout], latest: &mut usize, input: &[u8]) -> Option<i32> {
    layouts.iter().enumerate().find_map(|(at, layout)| {
        let (_, opaque) = layout.read(input)?;
        *latest = at;
        Some(opaque)
    })
}

/// An answer laid out like an earlier one. It is put together where it is to stay, because every move of it costs.
pub(crate) struct Alike<'a> {
    layout: &'a Layout,
    frame: &'a [u8],
    pub(crate) opaque: i32,
}

impl Alike<'_> {
    /// Puts its texts in. `None`: they are odd, so that it is to be [read](AnswerReader::read) in another way.
    #[inline(always)]
    pub(crate) fn put_texts(&self, kept: &mut Kept) -> Option<()> {
        self.layout.put_texts(self.frame, kept.room())
    }

    /// Puts in what else there is to be put in.
    #[inline(always)]
    pub(crate) fn put_rest(&self, kept: &mut Kept) {
        kept.put_known(self.layout.skeleton(), self.opaque, self.layout.bounds());
    }
}

/// Kinds of answers that are remembered.
const KEPT: usize = 3;

/// Misses in a row that are all learnt from; then only each of so many.
const TRIES: u32 = 16;
const SELDOM: u32 = 64;

/// Layouts that are remembered: the queues of a few topics, with places of a few lengths each.
const LAYOUTS: usize = 8;

/// Strays of so many that take the place of a layout.
const RARELY: usize = 4;

#[cfg(test)]
mod tests;
