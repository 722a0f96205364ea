//! RequestTemplate: a request whose header is written once, but for the values that differ from request to request.
//!
//! What a filled template writes is, byte for byte, what the command with the same fields writes.

use bytes::{BufMut as _, Bytes};

use super::decimal::put_decimal;
use super::{FrameLimits, Parts, binary, json, put_head};
use crate::request_frame::{RequestFrame, sealed};
use crate::{FrameError, HeaderEncoding, RemotingCommand};

/// A request of which only `N` fields, the body and the opaque differ from one time to the next. Its header is rendered once; a request
/// made of it costs copies instead of a map.
///
/// ```
/// use bytes::Bytes;
/// use rmq_remoting::{RemotingCommand, RequestCode, RequestFrame, RequestTemplate};
///
/// let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_field("b", "orders");
/// let template = RequestTemplate::new(request, ["e", "i"])?;
///
/// let body = Bytes::from("hello");
/// let filled = template.fill([3.into(), "TAGS\u{1}paid\u{2}".into()], &body);
/// assert_eq!(filled.to_command().field("e"), Some("3"));
/// # Ok::<(), rmq_remoting::FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequestTemplate<const N: usize> {
    request: RemotingCommand,
    names: [&'static str; N],
    awaited: Rendered,
    oneway: Rendered,
}

/// A header but for its holes.
#[derive(Clone, Debug)]
struct Rendered {
    /// All that does not differ, in one piece.
    constant: Box<[u8]>,
    /// Where something is put into it, in order.
    holes: Box<[(usize, Hole)]>,
}

#[derive(Clone, Copy, Debug)]
enum Hole {
    Value(usize),
    Opaque,
    Block,
}

impl<const N: usize> RequestTemplate<N> {
    /// Renders `request`, the values of the named fields left out. A name that it does not have becomes a field behind the others.
    ///
    /// # Errors
    ///
    /// The header encoding cannot carry the request: see [`FrameError::OutOfRange`] and [`FrameError::FieldName`].
    pub fn new(mut request: RemotingCommand, names: [&'static str; N]) -> Result<Self, FrameError> {
        request.take_body();
        for name in names {
            if request.field(name).is_none() {
                request.ext_fields_mut().set(name, "");
            }
        }
        let awaited = Rendered::new(&request, &names, request.flag())?;
        let oneway = Rendered::new(&request, &names, request.flag_as(true))?;
        Ok(Self { request, names, awaited, oneway })
    }

    /// Makes a request: `values` for the named fields, in the order of the names.
    pub fn fill<'a>(&'a self, values: [FieldValue<'a>; N], body: &'a Bytes) -> FilledRequest<'a, N> {
        FilledRequest { template: self, values, body }
    }

    /// Returns the request it was made of, without its body.
    pub fn request(&self) -> &RemotingCommand {
        &self.request
    }
}

impl Rendered {
    fn new(request: &RemotingCommand, names: &[&'static str], flag: i32) -> Result<Self, FrameError> {
        let mut out = Vec::new();
        let mut recorder = Recorder { encoding: request.encoding, names, flag, holes: Vec::new() };
        match request.encoding {
            HeaderEncoding::Json => json::encode(request, &mut recorder, &mut out)?,
            HeaderEncoding::Rocketmq => binary::encode(request, &mut recorder, &mut out)?,
        }
        Ok(Self { constant: out.into(), holes: recorder.holes.into() })
    }

    fn write(
        &self,
        values: &[FieldValue<'_>],
        encoding: HeaderEncoding,
        opaque: i32,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        match encoding {
            HeaderEncoding::Json => {
                self.write_json(values, opaque, out);
                Ok(())
            }
            HeaderEncoding::Rocketmq => self.write_binary(values, opaque, out),
        }
    }

    fn write_json(&self, values: &[FieldValue<'_>], opaque: i32, out: &mut Vec<u8>) {
        let mut written = 0;
        for &(at, hole) in &self.holes {
            out.extend_from_slice(&self.constant[written..at]);
            written = at;
            match hole {
                Hole::Value(index) => match values[index].text() {
                    Ok(text) => json::writer::escaped(out, text),
                    Err(number) => put_decimal(out, number),
                },
                Hole::Opaque => put_decimal(out, opaque.into()),
                Hole::Block => {}
            }
        }
        out.extend_from_slice(&self.constant[written..]);
    }

    fn write_binary(&self, values: &[FieldValue<'_>], opaque: i32, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let mut written = 0;
        let mut block = out.len();
        for &(at, hole) in &self.holes {
            out.put_slice(&self.constant[written..at]);
            written = at;
            match hole {
                Hole::Value(index) => match values[index].text() {
                    Ok(text) => binary::put_text(out, text)?,
                    Err(number) => binary::put_number(out, number)?,
                },
                Hole::Opaque => out.put_i32(opaque),
                Hole::Block => block = out.len(),
            }
        }
        out.put_slice(&self.constant[written..]);
        binary::put_block_length(block, out)
    }
}

/// Writes what does not differ, and notes where the rest would be.
struct Recorder<'a> {
    encoding: HeaderEncoding,
    names: &'a [&'static str],
    flag: i32,
    holes: Vec<(usize, Hole)>,
}

impl Parts for Recorder<'_> {
    fn flag(&mut self, out: &mut Vec<u8>) {
        match self.encoding {
            HeaderEncoding::Json => json::writer::number(out, self.flag),
            HeaderEncoding::Rocketmq => out.put_i32(self.flag),
        }
    }

    fn opaque(&mut self, out: &mut Vec<u8>) {
        self.holes.push((out.len(), Hole::Opaque));
    }

    fn value(&mut self, name: &str, value: &str, out: &mut Vec<u8>) -> Result<(), FrameError> {
        // Of a name that is given twice the later value counts, as when both are set one after the other.
        let index = self.names.iter().rposition(|known| *known == name);
        match (index, self.encoding) {
            (Some(index), HeaderEncoding::Json) => {
                out.put_u8(b'"');
                self.holes.push((out.len(), Hole::Value(index)));
                out.put_u8(b'"');
            }
            (Some(index), HeaderEncoding::Rocketmq) => self.holes.push((out.len(), Hole::Value(index))),
            (None, HeaderEncoding::Json) => json::writer::text(out, value),
            (None, HeaderEncoding::Rocketmq) => binary::put_text(out, value.as_bytes())?,
        }
        Ok(())
    }

    fn block(&mut self, out: &mut Vec<u8>) {
        self.holes.push((out.len(), Hole::Block));
    }
}

/// The value of a field that differs from request to request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldValue<'a> {
    /// A number, which travels in decimal.
    Number(i64),
    /// A text.
    Text(&'a str),
    /// A text as the bytes that encode it. They should be UTF-8, or the peer cannot read the request; where a text is needed, what is not
    /// is replaced.
    Utf8(&'a [u8]),
}

impl<'a> FieldValue<'a> {
    /// What both forms of a text are.
    fn text(&self) -> Result<&'a [u8], i64> {
        match self {
            Self::Number(number) => Err(*number),
            Self::Text(text) => Ok(text.as_bytes()),
            Self::Utf8(text) => Ok(text),
        }
    }
}

impl<'a> From<&'a [u8]> for FieldValue<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self::Utf8(text)
    }
}

impl From<i32> for FieldValue<'_> {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for FieldValue<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for FieldValue<'_> {
    fn from(value: bool) -> Self {
        Self::Text(if value { "true" } else { "false" })
    }
}

impl<'a> From<&'a str> for FieldValue<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

/// One request made of a [`RequestTemplate`].
#[derive(Clone, Copy, Debug)]
pub struct FilledRequest<'a, const N: usize> {
    template: &'a RequestTemplate<N>,
    values: [FieldValue<'a>; N],
    body: &'a Bytes,
}

impl<const N: usize> RequestFrame for FilledRequest<'_, N> {
    fn body(&self) -> &Bytes {
        self.body
    }

    fn to_command(&self) -> RemotingCommand {
        let mut command = self.template.request.clone().with_body(self.body.clone());
        for (name, value) in self.template.names.iter().zip(&self.values) {
            let fields = command.ext_fields_mut();
            match value {
                FieldValue::Number(number) => fields.set_display(*name, number),
                FieldValue::Text(text) => fields.set(*name, text),
                FieldValue::Utf8(text) => fields.set(*name, String::from_utf8_lossy(text)),
            }
        }
        command
    }
}

impl<const N: usize> sealed::Encode for FilledRequest<'_, N> {
    fn encode_head(
        &self,
        opaque: i32,
        oneway: bool,
        out: &mut Vec<u8>,
        limits: &FrameLimits,
    ) -> Result<(), FrameError> {
        let RequestTemplate { request, awaited, oneway: marked, .. } = self.template;
        let rendered = if oneway { marked } else { awaited };
        put_head(request.encoding, rendered.constant.len(), self.body.len(), out, limits, |out| {
            rendered.write(&self.values, request.encoding, opaque, out)
        })
    }

    fn is_rendered(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode_head;
    use crate::request_frame::sealed::Encode as _;
    use crate::{LanguageCode, RequestCode};
    use proptest::prelude::*;

    fn heads<const N: usize>(filled: &FilledRequest<'_, N>, opaque: i32, limits: &FrameLimits) -> [Vec<u8>; 2] {
        let (mut fast, mut slow) = (b"before".to_vec(), b"before".to_vec());
        let quick = filled.encode_head(opaque, false, &mut fast, limits);
        let full = encode_head(&filled.to_command(), opaque, &mut slow, limits);
        assert_eq!(quick, full);
        [fast, slow]
    }

    fn value() -> impl Strategy<Value = Result<i64, String>> {
        let text = prop_oneof![
            4 => ".{0,40}",
            4 => "[ -~]{0,80}",
            4 => r#"[\x00-\x7f]{0,40}"#,
            1 => "[ -~]{300,900}",
        ];
        prop_oneof![any::<i64>().prop_map(Ok), (0..1000_i64).prop_map(Ok), text.prop_map(Err)]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_filled_template_writes_what_its_command_writes(
            binary in any::<bool>(),
            oneway in any::<bool>(),
            language in any::<u8>(),
            opaque in any::<i32>(),
            remark in proptest::option::of(".{0,20}"),
            fixed in proptest::collection::vec(("[a-f]{1,2}", ".{0,20}"), 0..6),
            values in [value(), value(), value()],
            body in 0_usize..2000,
        ) {
            let encoding = if binary { HeaderEncoding::Rocketmq } else { HeaderEncoding::Json };
            let mut request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_encoding(encoding);
            request.set_language(LanguageCode::from_code(language));
            if oneway {
                request.mark_oneway();
            }
            if let Some(remark) = remark {
                request = request.with_remark(remark);
            }
            for (name, value) in fixed {
                request = request.with_field(name, value);
            }
            // Some names are there already, some are not, and one is given twice.
            for names in [["a", "b", "zz"], ["x", "y", "x"]] {
                let template = RequestTemplate::new(request.clone(), names).unwrap();
                let values = values.each_ref().map(|value| match value {
                    Ok(number) => FieldValue::from(*number),
                    Err(text) => FieldValue::from(text.as_str()),
                });
                let body = Bytes::from(vec![1; body]);
                let filled = template.fill(values, &body);
                for limits in [FrameLimits::default(), FrameLimits::default().max_frame_bytes(1000).max_header_bytes(200)] {
                    let [fast, slow] = heads_or_refusals(&filled, opaque, &limits);
                    prop_assert_eq!(fast, slow);
                }
            }
        }
    }

    /// What both ways append, or nothing when they refuse.
    fn heads_or_refusals<const N: usize>(
        filled: &FilledRequest<'_, N>,
        opaque: i32,
        limits: &FrameLimits,
    ) -> [Option<Vec<u8>>; 2] {
        let mut appended = [None, None];
        let mut fast = b"before".to_vec();
        if filled.encode_head(opaque, false, &mut fast, limits).is_ok() {
            appended[0] = Some(fast);
        } else {
            assert_eq!(fast, b"before");
        }
        let mut slow = b"before".to_vec();
        if encode_head(&filled.to_command(), opaque, &mut slow, limits).is_ok() {
            appended[1] = Some(slow);
        }
        appended
    }

    #[test]
    fn a_template_without_holes_is_the_command_itself() {
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let request = RemotingCommand::request(RequestCode::HEART_BEAT).with_encoding(encoding);
            let template = RequestTemplate::new(request, []).unwrap();
            let [fast, slow] = heads(&template.fill([], &Bytes::new()), -7, &FrameLimits::default());
            assert_eq!(fast, slow);
        }
    }

    #[test]
    fn a_oneway_request_has_its_bit_whoever_asks_for_it() {
        let template = RequestTemplate::new(RemotingCommand::request(RequestCode::SEND_MESSAGE_V2), ["e"]).unwrap();
        let body = Bytes::new();
        let mut out = Vec::new();
        template.fill([1.into()], &body).encode_head(1, true, &mut out, &FrameLimits::default()).unwrap();
        let read =
            crate::codec::decode_frame(&mut bytes::BytesMut::from(&out[..]), &FrameLimits::default()).unwrap().unwrap();
        assert!(read.is_oneway());
    }

    #[test]
    fn what_no_header_can_carry_is_refused_when_the_template_is_made() {
        let request = RemotingCommand::request(RequestCode::POP_MESSAGE).with_encoding(HeaderEncoding::Rocketmq);
        let refused = RequestTemplate::new(request, ["a"]).unwrap_err();
        assert_eq!(refused, FrameError::OutOfRange { member: "code", value: 200_050 });
    }
}
