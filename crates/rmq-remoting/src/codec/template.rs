//! RequestTemplate: a request whose header is written once, but for the values that differ from request to request.
//!
//! What a filled template writes is, byte for byte, what the command with the same fields writes.

mod field_value;
mod open_field;
mod recorder;
mod rendered;
mod slotted;

use bytes::Bytes;

use self::field_value::AroundStamp;
pub use self::field_value::FieldValue;
pub use self::open_field::OpenField;
use self::recorder::{Slots, record};
use self::rendered::Rendered;
use self::slotted::Slotted;
use super::{FrameLimits, Pen, put_head};
use crate::request_frame::{RequestFrame, sealed};
use crate::{FrameError, RemotingCommand};

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
    fields: [OpenField; N],
    /// For requests that are answered, if their values are of the usual kind.
    usual: Option<Slotted>,
    awaited: Rendered,
    oneway: Rendered,
}

impl<const N: usize> RequestTemplate<N> {
    /// Renders `request`, the values of the open fields left out but for what stamped ones begin with. Whether it has them or not, they
    /// become the fields behind all others: what differs stands together.
    ///
    /// # Errors
    ///
    /// The header encoding cannot carry the request: see [`FrameError::OutOfRange`] and [`FrameError::FieldName`].
    pub fn new(mut request: RemotingCommand, fields: [impl Into<OpenField>; N]) -> Result<Self, FrameError> {
        let fields = fields.map(Into::into);
        request.take_body();
        // Those with slots come first: a header has them in front. Of a name that is given twice the later one counts.
        let counts = |at: &usize| fields[at + 1..].iter().all(|later| later.name() != fields[*at].name());
        let mut order: Vec<usize> = (0..N).filter(counts).collect();
        order.sort_by_key(|at| match fields[*at] {
            OpenField::Millis(_) => 0,
            OpenField::Stamped { .. } => 1,
            OpenField::Any(_) => 2,
        });
        for at in order {
            let (all, name) = (request.ext_fields_mut(), fields[at].name());
            let value = all.remove(name).unwrap_or_default();
            all.set(name, value);
        }
        let flag = request.flag();
        let usual = Slotted::new(&record(&request, &fields, flag, Slots::With)?, N, request.encoding);
        let awaited = Rendered::new(record(&request, &fields, flag, Slots::Without)?);
        let oneway = Rendered::new(record(&request, &fields, request.flag_as(true), Slots::Without)?);
        Ok(Self { request, fields, usual, awaited, oneway })
    }

    /// Makes a request: `values` for the named fields, in the order of the names.
    pub fn fill<'a>(&'a self, values: [FieldValue<'a>; N], body: &'a Bytes) -> FilledRequest<'a, N> {
        FilledRequest { template: self, values, body }
    }

    /// Returns the request it was made of, without its body.
    pub fn request(&self) -> &RemotingCommand {
        &self.request
    }

    /// What the field with this index has around a stamp.
    fn around_stamp(&self, index: usize) -> AroundStamp<'_> {
        match self.fields[index] {
            OpenField::Stamped { name, behind } => {
                AroundStamp { before: self.request.field(name).unwrap_or_default(), behind: Some(behind) }
            }
            OpenField::Any(_) | OpenField::Millis(_) => AroundStamp::default(),
        }
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
        for (at, (field, value)) in self.template.fields.iter().zip(&self.values).enumerate() {
            let (fields, name) = (command.ext_fields_mut(), field.name());
            match value {
                FieldValue::Number(number) => fields.set_display(name, number),
                value => fields.set(name, value.text(self.template.around_stamp(at))),
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
        let template = self.template;
        let RequestTemplate { request, awaited, oneway: marked, .. } = template;
        let rendered = if oneway { marked } else { awaited };
        put_head(request.encoding, rendered.len(), self.body.len(), out, limits, |out| {
            rendered.write(&self.values, |at| template.around_stamp(at), opaque, out)
        })
    }

    #[inline(always)]
    fn write_head<'p>(&self, opaque: i32, limits: &FrameLimits, pen: Pen<'p>) -> Option<Pen<'p>> {
        self.template.usual.as_ref()?.write(&self.values, opaque, self.body.len(), limits, pen)
    }

    fn is_rendered(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Slate, encode_head};
    use crate::request_frame::sealed::Encode as _;
    use crate::{HeaderEncoding, HeaderText, LanguageCode, RequestCode};
    use proptest::prelude::*;

    /// What the three ways append: in place, rendered, and from a map. In place only what is answered, and not everything.
    fn heads<const N: usize>(
        filled: &FilledRequest<'_, N>,
        opaque: i32,
        limits: &FrameLimits,
    ) -> [Result<Option<Vec<u8>>, FrameError>; 3] {
        let mut in_place = Slate::new();
        in_place.make_room(64 * 1024);
        let written = in_place.try_write(|pen| filled.write_head(opaque, limits, pen));
        assert_eq!(written, Some(in_place.len()).filter(|length| *length > 0));
        let appended = |encode: &dyn Fn(&mut Vec<u8>) -> Result<(), FrameError>| {
            let mut out = b"before".to_vec();
            let encoded = encode(&mut out);
            assert!(encoded.is_ok() || out == b"before", "nothing is left behind");
            encoded.map(|()| Some(out.split_off(6)))
        };
        [
            Ok(written.map(|_| in_place.into_vec())),
            appended(&|out| filled.encode_head(opaque, false, out, limits)),
            appended(&|out| encode_head(&filled.to_command(), opaque, out, limits)),
        ]
    }

    /// Checks that all ways lead to the same, and tells whether the head can be written in place.
    fn agree<const N: usize>(filled: &FilledRequest<'_, N>, opaque: i32, limits: &FrameLimits) -> bool {
        let [in_place, rendered, from_map] = heads(filled, opaque, limits);
        assert_eq!(rendered.is_ok(), from_map.is_ok());
        if rendered.is_ok() {
            assert_eq!(rendered, from_map);
        }
        let is_written = in_place != Ok(None);
        if is_written {
            assert_eq!(in_place, from_map);
        }
        is_written
    }

    fn value() -> impl Strategy<Value = Result<i64, String>> {
        let text = prop_oneof![
            4 => ".{0,40}",
            4 => "[ -~]{0,80}",
            4 => r#"[\x00-\x7f]{0,40}"#,
            1 => "[ -~]{300,900}",
        ];
        let times = 1_793_491_200_000..1_793_491_200_100_i64;
        prop_oneof![any::<i64>().prop_map(Ok), (0..1000_i64).prop_map(Ok), times.prop_map(Ok), text.prop_map(Err)]
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
            stamp in any::<u64>(),
            behind in any::<char>(),
            made_for in proptest::option::of(any::<bool>()),
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
            let texts = values.each_ref().map(|value| {
                let mut text = HeaderText::new();
                text.begin(if made_for == Some(true) { HeaderEncoding::Rocketmq } else { HeaderEncoding::Json });
                text.push(value.as_ref().err().map_or("", String::as_str));
                text
            });
            // Some names are there already, some are not, and one is given twice.
            use OpenField::{Any, Millis};
            let stamped = |name| OpenField::Stamped { name, behind };
            for fields in [
                [Any("a"), Any("b"), Any("zz")],
                [Any("x"), Any("y"), Any("x")],
                [Any("b"), Millis("a"), Any("y")],
                [Millis("x"), Millis("y"), Any("x")],
                [Any("x"), Millis("y"), Millis("x")],
                [stamped("b"), Any("a"), Any("y")],
                [Any("y"), Millis("a"), stamped("x")],
                [Millis("a"), stamped("x"), Any("y")],
                [stamped("x"), stamped("a"), stamped("x")],
            ] {
                let template = RequestTemplate::new(request.clone(), fields).unwrap();
                let values = [0, 1, 2].map(|at| match (&values[at], fields[at]) {
                    (Ok(number), _) => FieldValue::from(*number),
                    (Err(_), OpenField::Stamped { .. }) => FieldValue::Stamped { stamp, rest: &texts[at] },
                    (Err(_), _) if made_for.is_some() => FieldValue::from(&texts[at]),
                    (Err(text), _) if text.len() % 8 == 7 => FieldValue::Stamped { stamp, rest: &texts[at] },
                    (Err(text), _) => FieldValue::from(text.as_str()),
                });
                let body = Bytes::from(vec![1; body]);
                let filled = template.fill(values, &body);
                for limits in [FrameLimits::default(), FrameLimits::default().max_frame_bytes(1000).max_header_bytes(200)] {
                    agree(&filled, opaque, &limits);
                }
            }
        }
    }

    #[test]
    fn what_most_requests_are_is_written_in_place() {
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_encoding(encoding);
            let request = request.with_field("b", "orders").with_field("i", "old");
            let fields = [OpenField::Millis("g"), OpenField::Any("e"), OpenField::Any("i")];
            let template = RequestTemplate::new(request, fields).unwrap();
            let body = Bytes::from_static(b"body");
            let mut properties = HeaderText::new();
            properties.begin(encoding);
            properties.push("TAGS\u{1}paid\u{2}");
            let limits = FrameLimits::default();
            let is_written = |queue: i32, born: i64, opaque| {
                agree(&template.fill([born.into(), queue.into(), (&properties).into()], &body), opaque, &limits)
            };
            for queue in [0, 9, 10, 15, 99, 100, 65_535] {
                for opaque in [1_000_000_000, 2_073_741_823, i32::MAX] {
                    for born in [1_793_491_200_000, 1_793_491_200_001, 9_999_999_999_999] {
                        assert!(is_written(queue, born, opaque));
                    }
                }
            }
            assert!(!is_written(0, 999_999_999_999, 1_000_000_000), "too narrow");
            assert!(!is_written(0, 10_000_000_000_000, 1_000_000_000), "too wide");
            assert_eq!(is_written(0, 1_793_491_200_000, 999_999_999), encoding == HeaderEncoding::Rocketmq);
        }
    }

    #[test]
    fn a_stamped_value_is_what_the_request_has_then_the_stamp_and_the_rest() {
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_encoding(encoding);
            let request = request.with_field("i", "KEY\u{1}C0A8").with_field("b", "orders");
            let stamped = OpenField::Stamped { name: "i", behind: '\u{2}' };
            let fields = [OpenField::Millis("g"), stamped, OpenField::Any("e")];
            let template = RequestTemplate::new(request, fields).unwrap();
            let body = Bytes::from_static(b"body");
            for (rest, expected) in [
                ("", "KEY\u{1}C0A80123456789AB\u{2}"),
                ("TAGS\u{1}\u{e9}\u{2}", "KEY\u{1}C0A80123456789AB\u{2}TAGS\u{1}\u{e9}\u{2}"),
            ] {
                let mut text = HeaderText::new();
                text.begin(encoding);
                text.push(rest);
                let value = FieldValue::Stamped { stamp: 0xFFFF_0123_4567_89AB, rest: &text };
                let filled = template.fill([1_793_491_200_000_i64.into(), value, 3.into()], &body);
                assert_eq!(filled.to_command().field("i"), Some(expected));
                assert!(agree(&filled, 1_000_000_000, &FrameLimits::default()), "in place");
            }
        }
    }

    #[test]
    fn a_template_without_holes_is_the_command_itself() {
        for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
            let request = RemotingCommand::request(RequestCode::HEART_BEAT).with_encoding(encoding);
            let template = RequestTemplate::new(request, [OpenField::Any(""); 0]).unwrap();
            agree(&template.fill([], &Bytes::new()), -7, &FrameLimits::default());
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
