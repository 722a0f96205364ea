//! Recorder: has a header written, and notes where in it stands what differs from request to request.

use bytes::BufMut as _;

use super::super::{Parts, binary, json};
use super::OpenField;
use crate::{FrameError, HeaderEncoding, RemotingCommand};

/// A header with room for what differs: slots, which have the width of what will stand there, and holes, which have none.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) bytes: Vec<u8>,
    /// A slot of thirteen digits: where, and of which field.
    pub(super) millis: Option<(usize, usize)>,
    /// A slot of twelve digits.
    pub(super) stamp: Option<StampSlot>,
    /// A slot of ten digits in JSON, of four bytes in a binary header.
    pub(super) opaque: Option<usize>,
    /// Where the ext block of a binary header begins; its length stands before it.
    pub(super) block: Option<usize>,
    pub(super) holes: Vec<(usize, Hole)>,
}

/// What is put in between.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hole {
    Json(usize),
    Binary(usize),
    Opaque,
}

/// A text that has a slot within. What comes behind goes into the hole at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct StampSlot {
    /// Of which field.
    pub(super) index: usize,
    /// Where the text begins.
    pub(super) text: usize,
    /// Where the slot is.
    pub(super) at: usize,
}

/// Whether numbers of usual widths have slots. The opaque of a binary header always has one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slots {
    Without,
    With,
}

/// Renders `request` with `flag` instead of its own.
pub(super) fn record(
    request: &RemotingCommand,
    fields: &[OpenField],
    flag: i32,
    slots: Slots,
) -> Result<Recorded, FrameError> {
    let mut out = Vec::new();
    let mut recorder = Recorder { request, fields, flag, slots, recorded: Recorded::default() };
    match request.encoding {
        HeaderEncoding::Json => json::encode(request, &mut recorder, &mut out)?,
        HeaderEncoding::Rocketmq => binary::encode(request, &mut recorder, &mut out)?,
    }
    Ok(Recorded { bytes: out, ..recorder.recorded })
}

struct Recorder<'a> {
    request: &'a RemotingCommand,
    fields: &'a [OpenField],
    flag: i32,
    slots: Slots,
    recorded: Recorded,
}

impl Parts for Recorder<'_> {
    fn flag(&mut self, out: &mut Vec<u8>) {
        match self.request.encoding {
            HeaderEncoding::Json => json::writer::number(out, self.flag),
            HeaderEncoding::Rocketmq => out.put_i32(self.flag),
        }
    }

    fn opaque(&mut self, out: &mut Vec<u8>) {
        let slot: &[u8] = match (self.request.encoding, self.slots) {
            (HeaderEncoding::Json, Slots::With) => b"0000000000",
            (HeaderEncoding::Json, Slots::Without) => {
                return self.recorded.holes.push((out.len(), Hole::Opaque));
            }
            (HeaderEncoding::Rocketmq, _) => &[0; 4],
        };
        self.recorded.opaque = Some(out.len());
        out.extend_from_slice(slot);
    }

    fn value(&mut self, name: &str, value: &str, out: &mut Vec<u8>) -> Result<(), FrameError> {
        // Of a name that is given twice the later value counts, as when both are set one after the other.
        let index = self.fields.iter().rposition(|field| field.name() == name);
        let (begin, encoding) = (out.len(), self.request.encoding);
        let Some(index) = index else { return put(value.as_bytes(), encoding, out) };
        match (self.fields[index], encoding) {
            (OpenField::Millis(_), _) if self.slots == Slots::With && self.recorded.millis.is_none() => {
                put(MILLIS, encoding, out)?;
                self.recorded.millis = Some((end_of_text(encoding, out) - MILLIS.len(), index));
            }
            (OpenField::Stamped { behind, .. }, _) if self.slots == Slots::With && self.recorded.stamp.is_none() => {
                put(format!("{value}{STAMP}{behind}").as_bytes(), encoding, out)?;
                let (text, end) = (begin_of_text(encoding, begin), end_of_text(encoding, out));
                self.recorded.stamp = Some(StampSlot { index, text, at: text + carried_len(value, encoding) });
                let rest = match encoding {
                    HeaderEncoding::Json => Hole::Json(index),
                    HeaderEncoding::Rocketmq => Hole::Binary(index),
                };
                self.recorded.holes.push((end, rest));
            }
            (_, HeaderEncoding::Json) => {
                put(b"", encoding, out)?;
                self.recorded.holes.push((end_of_text(encoding, out), Hole::Json(index)));
            }
            // Together with its length.
            (_, HeaderEncoding::Rocketmq) => self.recorded.holes.push((begin, Hole::Binary(index))),
        }
        Ok(())
    }

    fn block(&mut self, out: &mut Vec<u8>) {
        self.recorded.block = Some(out.len());
    }
}

fn put(text: &[u8], encoding: HeaderEncoding, out: &mut Vec<u8>) -> Result<(), FrameError> {
    match encoding {
        HeaderEncoding::Json => {
            json::writer::text(out, text);
            Ok(())
        }
        HeaderEncoding::Rocketmq => binary::put_text(out, text),
    }
}

/// Where the text begins that was put at byte `begin`.
fn begin_of_text(encoding: HeaderEncoding, begin: usize) -> usize {
    match encoding {
        HeaderEncoding::Json => begin + 1,
        HeaderEncoding::Rocketmq => begin + 4,
    }
}

/// Bytes of the form in which headers carry a text.
fn carried_len(text: &str, encoding: HeaderEncoding) -> usize {
    match encoding {
        HeaderEncoding::Json => {
            let mut escaped = Vec::new();
            json::writer::escaped(&mut escaped, text.as_bytes());
            escaped.len()
        }
        HeaderEncoding::Rocketmq => text.len(),
    }
}

/// Where the text ends that was put last.
fn end_of_text(encoding: HeaderEncoding, out: &[u8]) -> usize {
    match encoding {
        HeaderEncoding::Json => out.len() - 1,
        HeaderEncoding::Rocketmq => out.len(),
    }
}

const MILLIS: &[u8] = b"0000000000000";
const STAMP: &str = "000000000000";
