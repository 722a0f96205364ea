//! Answer: what a peer said, without a map where that can be avoided.

mod kept;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{Field, Skeleton, Values, whole_number};
use crate::{ExtFields, ExtFieldsIter, HeaderEncoding, RemotingCommand, ResponseCode};

pub(crate) use kept::Kept;

/// The answer to a request.
///
/// It says what the [`RemotingCommand`] that it turns into says. An answer that looks like earlier ones on its connection shares all but
/// a few values with them, and is read and kept without an allocation, if it has no body.
#[derive(Clone)]
pub struct Answer(Repr);

#[derive(Clone)]
enum Repr {
    /// Small, because it is moved a few times on its way to the caller.
    Known {
        skeleton: Arc<Skeleton>,
        values: Values,
        opaque: i32,
        /// The skeleton's. It tells the variants apart as well, and what is wrapped around an answer, so that the values are moved in one
        /// piece.
        encoding: HeaderEncoding,
        body: Option<Box<Bytes>>,
    },
    Command(Box<RemotingCommand>),
}

impl Answer {
    /// Without a body.
    #[inline]
    pub(crate) fn known(skeleton: Arc<Skeleton>, opaque: i32, values: Values) -> Self {
        let encoding = skeleton.encoding();
        Self(Repr::Known { skeleton, values, opaque, encoding, body: None })
    }

    pub(crate) fn set_body(&mut self, whole: Bytes) {
        match &mut self.0 {
            Repr::Known { body, .. } => *body = Some(Box::new(whole)),
            Repr::Command(command) => command.body = whole,
        }
    }

    /// The code as a plain number.
    pub fn code(&self) -> i32 {
        self.shape().code()
    }

    /// The code.
    pub fn response_code(&self) -> ResponseCode {
        self.shape().response_code()
    }

    /// Whether it says success.
    pub fn is_success(&self) -> bool {
        self.shape().is_success()
    }

    /// The number that pairs it with its request.
    pub fn opaque(&self) -> i32 {
        match &self.0 {
            Repr::Known { opaque, .. } => *opaque,
            Repr::Command(command) => command.opaque(),
        }
    }

    /// The flag bits.
    pub fn flag(&self) -> i32 {
        self.shape().flag()
    }

    /// The remark: the text of an error, and sometimes of a success.
    pub fn remark(&self) -> Option<&str> {
        match &self.0 {
            Repr::Known { skeleton, values, .. } => skeleton.remark(values),
            Repr::Command(command) => command.remark(),
        }
    }

    /// The header field called `name`.
    pub fn field(&self, name: &str) -> Option<&str> {
        match &self.0 {
            Repr::Known { skeleton, values, .. } => {
                let field = skeleton.fields().iter().find(|field| &*field.name == name)?;
                Some(field.text.map_or(&*field.value, |text| values.text(text)))
            }
            Repr::Command(command) => command.field(name),
        }
    }

    /// The header fields with their names, in the order in which they came: the quickest way to more than one or two of them.
    pub fn fields(&self) -> AnswerFields<'_> {
        AnswerFields(match &self.0 {
            Repr::Known { skeleton, values, .. } => FieldsOf::Known(skeleton.fields().iter(), values),
            Repr::Command(command) => FieldsOf::Command(command.ext_fields().unwrap_or(&NO_FIELDS).iter()),
        })
    }

    /// A number that answers have in common whose header has the same fields in the same order, and no others of this process. `None`:
    /// it was not read by comparison with an earlier one.
    ///
    /// Who reads many answers looks [places](Self::field_place) up once per number.
    #[inline]
    pub fn fields_id(&self) -> Option<u64> {
        match &self.0 {
            Repr::Known { skeleton, .. } => Some(skeleton.id()),
            Repr::Command(_) => None,
        }
    }

    /// The place of the header field called `name` among its [fields](Self::fields).
    pub fn field_place(&self, name: &str) -> Option<usize> {
        self.fields().position(|(known, _)| known == name)
    }

    /// The value of the header field at a [place](Self::field_place).
    #[inline]
    pub fn field_at(&self, place: usize) -> Option<FieldText<'_>> {
        let Repr::Known { skeleton, values, .. } = &self.0 else { return self.nth_field(place) };
        let field = skeleton.fields().get(place)?;
        Some(FieldText(field.text.map_or(field.value.as_bytes(), |text| values.get(text))))
    }

    #[cold]
    fn nth_field(&self, place: usize) -> Option<FieldText<'_>> {
        self.fields().nth(place).map(|(_, value)| value)
    }

    /// The body; an absent one is empty.
    pub fn body(&self) -> &Bytes {
        match &self.0 {
            Repr::Known { body, .. } => body.as_deref().unwrap_or(&NO_BODY),
            Repr::Command(command) => command.body(),
        }
    }

    /// Takes the body out and leaves an empty one.
    pub fn take_body(&mut self) -> Bytes {
        match &mut self.0 {
            Repr::Known { body, .. } => body.take().map(|body| *body).unwrap_or_default(),
            Repr::Command(command) => command.take_body(),
        }
    }

    /// How its header was written.
    pub fn encoding(&self) -> HeaderEncoding {
        match &self.0 {
            Repr::Known { encoding, .. } => *encoding,
            Repr::Command(command) => command.encoding(),
        }
    }

    /// The answer as a command, with its fields in a map.
    pub fn into_command(self) -> RemotingCommand {
        match self.0 {
            Repr::Command(command) => *command,
            Repr::Known { skeleton, values, opaque, body, .. } => {
                let mut command = skeleton.command().clone().with_body(body.map(|body| *body).unwrap_or_default());
                command.set_opaque(opaque);
                command.remark = skeleton.remark(&values).map(str::to_owned);
                for Field { name, text, .. } in skeleton.fields() {
                    if let Some(text) = text {
                        command.ext_fields_mut().set(name.to_string(), values.text(*text));
                    }
                }
                command
            }
        }
    }

    /// A command of which all is true of this answer but for opaque, remark, fields and body.
    fn shape(&self) -> &RemotingCommand {
        match &self.0 {
            Repr::Known { skeleton, .. } => skeleton.command(),
            Repr::Command(command) => command,
        }
    }

    #[cfg(test)]
    pub(crate) fn is_known(&self) -> bool {
        matches!(self.0, Repr::Known { .. })
    }
}

/// The header fields of an [`Answer`] with their names, in the order in which they came.
#[derive(Clone)]
pub struct AnswerFields<'a>(FieldsOf<'a>);

#[derive(Clone)]
enum FieldsOf<'a> {
    Known(std::slice::Iter<'a, Field>, &'a Values),
    Command(ExtFieldsIter<'a>),
}

impl<'a> Iterator for AnswerFields<'a> {
    type Item = (&'a str, FieldText<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            FieldsOf::Known(fields, values) => {
                let field = fields.next()?;
                let value = field.text.map_or(field.value.as_bytes(), |text| values.get(text));
                Some((&field.name, FieldText(value)))
            }
            FieldsOf::Command(fields) => fields.next().map(|(name, value)| (name, FieldText(value.as_bytes()))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            FieldsOf::Known(fields, _) => fields.size_hint(),
            FieldsOf::Command(fields) => fields.size_hint(),
        }
    }
}

/// The value of a header field, which becomes text or a number only when it is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FieldText<'a>(&'a [u8]);

impl<'a> FieldText<'a> {
    /// The value as text.
    pub fn as_str(self) -> &'a str {
        // It was looked at when it was read.
        std::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The value as the bytes of its text, which is UTF-8.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The value as a number, which must be an integer in decimal, with a sign or without, as for [`i64::from_str`](std::str::FromStr).
    #[inline]
    pub fn as_i64(self) -> Option<i64> {
        // What has a sign, is no number or is very long goes the long way.
        match whole_number(self.0) {
            Some(number) => i64::try_from(number).ok(),
            None => self.parse(),
        }
    }

    #[cold]
    fn parse(self) -> Option<i64> {
        self.as_str().parse().ok()
    }
}

impl fmt::Debug for FieldText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl ExactSizeIterator for AnswerFields<'_> {}

impl fmt::Debug for AnswerFields<'_> {
    /// The names only: among the values may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(|(name, _)| name)).finish()
    }
}

static NO_BODY: Bytes = Bytes::new();
static NO_FIELDS: ExtFields = ExtFields::new();

impl From<RemotingCommand> for Answer {
    fn from(command: RemotingCommand) -> Self {
        Self(Repr::Command(Box::new(command)))
    }
}

impl From<Answer> for RemotingCommand {
    fn from(answer: Answer) -> Self {
        answer.into_command()
    }
}

impl fmt::Debug for Answer {
    /// As that of [`RemotingCommand`]: no body, no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.clone().into_command(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_small_because_it_is_moved_a_few_times() {
        // Up to 128 bytes moves need no call, with all that is wrapped around an answer.
        assert!(size_of::<Answer>() <= 112, "{} bytes", size_of::<Answer>());
        assert_eq!(size_of::<std::task::Poll<Result<Answer, Box<crate::RemotingError>>>>(), size_of::<Answer>());
        assert!(size_of::<std::task::Poll<Result<Answer, crate::RemotingError>>>() <= 120);
    }

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them() {
        let texts = [
            "",
            "0",
            "7",
            "-7",
            "+7",
            "007",
            "12a",
            "1234",
            "12345678",
            "-12345678",
            "123456789",
            "1234567890123456",
            "12345678901234567",
            " 1",
            "999999999999999999",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "é",
        ];
        for text in texts {
            assert_eq!(FieldText(text.as_bytes()).as_i64(), text.parse().ok(), "{text}");
        }
    }
}
