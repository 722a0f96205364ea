//! Skeleton: the header of an earlier answer, held against the next one piece by piece.
//!
//! The answers of a broker to one kind of request differ in a few values only. A skeleton is such a header, as it was read in full once,
//! with the places of those values. A header that equals it everywhere else means the same, but for the values, which are short plain
//! texts and numbers; anything else is no match, and has to be read in full.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::digits::{leading_number, ten_digits};
use super::plain_text::{is_plain, plain_run};
use super::values::Values;
use super::{FrameLimits, binary, json};
use crate::{ExtFields, HeaderEncoding, RemotingCommand};

/// A header that was read in full, and what may differ from it.
#[derive(Debug)]
pub(crate) struct Skeleton {
    /// No other one of this process has it.
    id: u64,
    header: Box<[u8]>,
    /// Without its body.
    command: RemotingCommand,
    values: Box<[Value]>,
    /// The values that vary, as steps: what is before it, what it is.
    steps: Box<[Step]>,
    /// What is behind the last step.
    tail: usize,
    /// Which of the varying texts is the remark.
    remark: Option<usize>,
    fields: Box<[Field]>,
}

/// A value in a header.
#[derive(Clone, Debug)]
pub(super) struct Value {
    place: Range<usize>,
    hole: Hole,
    /// Position of the ext field whose value it is.
    field: Option<usize>,
    varies: bool,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hole {
    /// The opaque, in decimal.
    JsonNumber,
    /// Plain text up to the next quote.
    JsonText,
    /// The opaque, in four bytes.
    BinaryNumber,
    /// A length in four bytes and as much text.
    BinaryText,
    /// The length of all that follows, in four bytes.
    BinaryRest,
}

#[derive(Debug)]
struct Step {
    before: Box<[u8]>,
    hole: Hole,
    /// Bytes that it had in the header that was read in full.
    length: usize,
}

impl Value {
    pub(super) fn new(place: Range<usize>, hole: Hole, field: Option<usize>) -> Self {
        let varies = !matches!(hole, Hole::JsonText | Hole::BinaryText);
        Self { place, hole, field, varies }
    }
}

impl Skeleton {
    /// Learns from a header that was read in full without an error. `None`: it is not of a kind that is worth it.
    pub(super) fn learn(header: &[u8], command: &RemotingCommand, limits: &FrameLimits) -> Option<Self> {
        if header.len() > LONGEST_HEADER {
            return None;
        }
        let (values, fields) = match command.encoding {
            HeaderEncoding::Json => json::values(header, limits)?,
            HeaderEncoding::Rocketmq => binary::values(header)?,
        };
        // A field that was given twice is there once, and the positions of those behind it are others.
        if fields != command.ext_fields.as_ref().map_or(0, ExtFields::len) || fields > MOST_FIELDS {
            return None;
        }
        let mut command = command.clone();
        command.take_body();
        Self::new(header.into(), command, values)
    }

    /// The skeleton of both headers: what differs between them varies. `None` when they differ elsewhere too.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        if self.values.len() != other.values.len() || self.command.encoding != other.command.encoding {
            return None;
        }
        let (mut mine, mut theirs) = (0, 0);
        let mut values = Vec::with_capacity(self.values.len());
        for (a, b) in self.values.iter().zip(&other.values) {
            if self.header[mine..a.place.start] != other.header[theirs..b.place.start] || a.hole != b.hole {
                return None;
            }
            (mine, theirs) = (a.place.end, b.place.end);
            let differs = self.header[a.place.clone()] != other.header[b.place.clone()];
            values.push(Value { varies: a.varies || b.varies || differs, ..a.clone() });
        }
        if self.header[mine..] != other.header[theirs..] {
            return None;
        }
        Self::new(self.header.clone(), self.command.clone(), values)
    }

    fn new(header: Box<[u8]>, command: RemotingCommand, values: Vec<Value>) -> Option<Self> {
        let known = command.ext_fields.iter().flatten();
        let mut fields: Vec<Field> =
            known.map(|(name, value)| Field { name: name.into(), value: value.into(), text: None }).collect();
        let (mut remark, mut texts, mut tail) = (None, 0, 0);
        let mut steps = Vec::new();
        for value in values.iter().filter(|value| value.varies) {
            steps.push(Step {
                before: header[tail..value.place.start].into(),
                hole: value.hole,
                length: value.place.len(),
            });
            tail = value.place.end;
            if matches!(value.hole, Hole::JsonText | Hole::BinaryText) {
                match value.field {
                    Some(field) => fields.get_mut(field)?.text = Some(texts),
                    None => remark = Some(texts),
                }
                texts += 1;
            }
        }
        (texts <= Values::MOST).then(|| Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            header,
            command,
            values: values.into(),
            steps: steps.into(),
            tail,
            remark,
            fields: fields.into(),
        })
    }

    /// Reads another header of the same encoding, its texts into `values`, which are to be empty; `None` when it does not match.
    #[inline]
    pub(super) fn read(&self, header: &[u8], values: &mut Values) -> Option<i32> {
        let mut rest = header;
        let (mut opaque, mut texts) = (0, 0);
        for step in &self.steps {
            rest = behind(rest, &step.before)?;
            let length = match step.hole {
                Hole::JsonText => {
                    // Most values are as long as the one before. The quote that ends it begins the next piece.
                    let length = match rest.split_at_checked(step.length) {
                        Some((text, [b'"', ..])) if is_plain(text) => step.length,
                        _ => plain_run(rest),
                    };
                    values.put(texts, rest, length)?;
                    texts += 1;
                    length
                }
                Hole::JsonNumber => {
                    let (number, length) = integer(rest)?;
                    opaque = number;
                    length
                }
                Hole::BinaryText => {
                    let length = usize::try_from(i32::from_be_bytes(*rest.first_chunk()?)).ok()?;
                    let text = rest[4..].get(..length)?;
                    // No bytes at all would mean null.
                    if length == 0 || !text.is_ascii() {
                        return None;
                    }
                    values.put(texts, text, length)?;
                    texts += 1;
                    4 + length
                }
                Hole::BinaryNumber => {
                    opaque = i32::from_be_bytes(*rest.first_chunk()?);
                    4
                }
                Hole::BinaryRest => {
                    let length = i32::from_be_bytes(*rest.first_chunk()?);
                    if usize::try_from(length) != Ok(rest.len() - 4) {
                        return None;
                    }
                    4
                }
            };
            rest = &rest[length..];
        }
        (rest == &self.header[self.tail..]).then_some(opaque)
    }

    /// Where the varying values are in a header that was read into `values`.
    pub(super) fn holes<'a>(
        &'a self,
        header: &'a [u8],
        values: &'a Values,
    ) -> impl Iterator<Item = (Hole, Range<usize>)> + 'a {
        let (mut at, mut texts) = (0, 0);
        self.steps.iter().map(move |step| {
            at += step.before.len();
            let length = match step.hole {
                Hole::JsonNumber => integer(header.get(at..).unwrap_or_default()).map_or(0, |(_, length)| length),
                Hole::BinaryNumber | Hole::BinaryRest => 4,
                Hole::JsonText | Hole::BinaryText => {
                    let text = values.get(texts).len();
                    texts += 1;
                    if step.hole == Hole::BinaryText { 4 + text } else { text }
                }
            };
            let start = at;
            at += length;
            (step.hole, start..at)
        })
    }

    /// Tells answers apart: those of one skeleton have the same fields in the same order.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn encoding(&self) -> HeaderEncoding {
        self.command.encoding
    }

    /// How many of its texts vary.
    pub(super) fn texts(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.hole, Hole::JsonText | Hole::BinaryText)).count()
    }

    /// The command that was read in full; its opaque and varying values are those of that time.
    pub(crate) fn command(&self) -> &RemotingCommand {
        &self.command
    }

    /// The remark of the header that `values` were read from.
    pub(crate) fn remark<'a>(&'a self, values: &'a Values) -> Option<&'a str> {
        match self.remark {
            Some(text) => Some(values.text(text)),
            None => self.command.remark(),
        }
    }

    /// The ext fields, as they were in the header that was read in full.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// An ext field of a skeleton.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    /// Its value in the header that was read in full.
    pub(crate) value: Box<str>,
    /// Which of the varying texts is its value now.
    pub(crate) text: Option<usize>,
}

/// What is behind `piece`, with which `text` has to begin.
#[inline]
fn behind<'a>(text: &'a [u8], piece: &[u8]) -> Option<&'a [u8]> {
    let (begin, rest) = text.split_at_checked(piece.len())?;
    // Most pieces are short: blocks that overlap are cheaper than a comparison of a length that is not known beforehand.
    let same = match piece.len() {
        0..8 => begin == piece,
        8..=16 => begin.first_chunk::<8>() == piece.first_chunk() && begin.last_chunk::<8>() == piece.last_chunk(),
        17..=32 => begin.first_chunk::<16>() == piece.first_chunk() && begin.last_chunk::<16>() == piece.last_chunk(),
        _ => begin == piece,
    };
    same.then_some(rest)
}

/// The integer at the start of `text`, written in the usual way, and its length.
#[inline]
fn integer(text: &[u8]) -> Option<(i32, usize)> {
    let negative = text.first() == Some(&b'-');
    let sign = usize::from(negative);
    let (mut value, mut at) = match text.get(sign..).and_then(<[u8]>::first_chunk) {
        Some(word) => {
            let (value, digits) = leading_number(*word);
            (value, sign + digits)
        }
        None => (0, sign),
    };
    if at == sign || at == sign + 8 {
        while let Some(digit @ b'0'..=b'9') = text.get(at) {
            if at - sign == MOST_DIGITS {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
            at += 1;
        }
    }
    // A zero in front of other digits is no JSON.
    if at == sign || (text[sign] == b'0' && at > sign + 1) {
        return None;
    }
    Some((i32::try_from(if negative { -value } else { value }).ok()?, at))
}

/// The integer that `text` is, as [`integer`] reads it, and all of it.
#[inline]
pub(super) fn whole_integer(text: &[u8]) -> Option<i32> {
    // As long as the opaques of this side are.
    if let Some(number @ 1_000_000_000..=2_147_483_647) = <&[u8; 10]>::try_from(text).ok().and_then(ten_digits) {
        return i32::try_from(number).ok();
    }
    integer(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Digits of the longest integer of 32 bits.
const MOST_DIGITS: usize = 10;

/// Longer headers are rare and not kept.
const LONGEST_HEADER: usize = 4096;

/// More fields than any answer has that is worth it.
const MOST_FIELDS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_matches_only_where_every_byte_is_the_same() {
        let text: Vec<u8> = (0..100).collect();
        for length in 0..70 {
            let mut piece = text[..length].to_vec();
            assert_eq!(behind(&text, &piece), Some(&text[length..]));
            assert_eq!(behind(&text[..length], &piece), Some(&[][..]));
            for at in 0..length {
                piece[at] ^= 0x80;
                assert_eq!(behind(&text, &piece), None, "byte {at} of {length}");
                piece[at] ^= 0x80;
                assert_eq!(behind(&text[..at], &piece), None, "{at} bytes of {length}");
            }
        }
    }

    #[test]
    fn integers_are_those_of_json_and_no_others() {
        let good = [("0", 0), ("-0", 0), ("7,", 7), ("2147483647}", i32::MAX), ("-2147483648 ", i32::MIN), ("10", 10)];
        for (text, value) in good {
            assert_eq!(integer(text.as_bytes()).map(|(number, _)| number), Some(value), "{text}");
        }
        for text in
            ["", "-", "x", "01", "-01", "00", "+1", "2147483648", "-2147483649", "12345678901", "99999999999999999999"]
        {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_whole_integer_is_one_with_nothing_behind_it() {
        for text in
            ["0", "-0", "7", "-7", "07", "", "-", "1000000000", "2073741823", "2147483647", "2147483648", "3000000000"]
        {
            assert_eq!(whole_integer(text.as_bytes()), integer(text.as_bytes()).map(|(value, _)| value), "{text}");
        }
        for at in 0..=10 {
            let mut text = b"1234567890".to_vec();
            text.insert(at, b',');
            assert_eq!(whole_integer(&text), None);
            text.remove((at + 1) % 11);
            assert_eq!(whole_integer(&text), None);
        }
    }

    #[test]
    fn integers_of_all_lengths_are_read_whatever_follows() {
        for number in (0..31).flat_map(|bit| [1 << bit, (1 << bit) - 1, (i32::MAX / 3) >> bit]) {
            for number in [number, -number] {
                for behind in ["", ",", ",\"version\":513}", "}", " ", "/", ":", "\u{0}", "é", "ÿÿÿÿÿÿÿÿ"] {
                    let text = format!("{number}{behind}");
                    assert_eq!(integer(text.as_bytes()), Some((number, number.to_string().len())), "{text}");
                }
            }
        }
    }
}
