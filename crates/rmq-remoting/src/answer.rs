//! Answer: what a peer said, without a map where that can be avoided.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::codec::{Skeleton, Values};
use crate::{ExtFields, ExtFieldsIter, HeaderEncoding, RemotingCommand, ResponseCode};

/// The answer to a request.
///
/// It says what the [`RemotingCommand`] that it turns into says. An answer that looks like earlier ones on its connection shares all but
/// a few values with them, and is read and kept without an allocation, if it has no body.
#[derive(Clone)]
pub struct Answer(Repr);

#[derive(Clone)]
enum Repr {
    Known { skeleton: Arc<Skeleton>, values: Values, opaque: i32, body: Bytes },
    Command(RemotingCommand),
}

impl Answer {
    pub(crate) fn known(skeleton: Arc<Skeleton>, opaque: i32, values: Values, body: Bytes) -> Self {
        Self(Repr::Known { skeleton, values, opaque, body })
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

    /// The header field called `name`. For more than one or two of them [`fields`](Self::fields) is quicker.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The header fields with their names, in the order in which they came.
    pub fn fields(&self) -> AnswerFields<'_> {
        match &self.0 {
            Repr::Known { skeleton, values, .. } => {
                let known = skeleton.command().ext_fields().unwrap_or(&NO_FIELDS).iter();
                AnswerFields { known, varying: skeleton.fields().iter(), values: Some(values) }
            }
            Repr::Command(command) => {
                let known = command.ext_fields().unwrap_or(&NO_FIELDS).iter();
                AnswerFields { known, varying: [].iter(), values: None }
            }
        }
    }

    /// The body; an absent one is empty.
    pub fn body(&self) -> &Bytes {
        match &self.0 {
            Repr::Known { body, .. } => body,
            Repr::Command(command) => command.body(),
        }
    }

    /// Takes the body out and leaves an empty one.
    pub fn take_body(&mut self) -> Bytes {
        match &mut self.0 {
            Repr::Known { body, .. } => std::mem::take(body),
            Repr::Command(command) => command.take_body(),
        }
    }

    /// How its header was written.
    pub fn encoding(&self) -> HeaderEncoding {
        self.shape().encoding()
    }

    /// The answer as a command, with its fields in a map.
    pub fn into_command(self) -> RemotingCommand {
        match self.0 {
            Repr::Command(command) => command,
            Repr::Known { ref skeleton, ref values, opaque, ref body } => {
                let mut command = skeleton.command().clone().with_body(body.clone());
                command.set_opaque(opaque);
                command.remark = skeleton.remark(values).map(str::to_owned);
                if let (Some(fields), Some(old)) = (&mut command.ext_fields, skeleton.command().ext_fields()) {
                    for ((name, _), text) in old.iter().zip(skeleton.fields()) {
                        if let Some(text) = text {
                            fields.set(name.to_owned(), values.get(*text));
                        }
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
pub struct AnswerFields<'a> {
    known: ExtFieldsIter<'a>,
    /// For each of the known ones, which of the values is to be taken for it.
    varying: std::slice::Iter<'a, Option<usize>>,
    values: Option<&'a Values>,
}

impl<'a> Iterator for AnswerFields<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.known.next()?;
        match (self.varying.next(), self.values) {
            (Some(Some(text)), Some(values)) => Some((name, values.get(*text))),
            _ => Some((name, value)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.known.size_hint()
    }
}

impl ExactSizeIterator for AnswerFields<'_> {}

impl fmt::Debug for AnswerFields<'_> {
    /// The names only: among the values may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(|(name, _)| name)).finish()
    }
}

static NO_FIELDS: ExtFields = ExtFields::new();

impl From<RemotingCommand> for Answer {
    fn from(command: RemotingCommand) -> Self {
        Self(Repr::Command(command))
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
