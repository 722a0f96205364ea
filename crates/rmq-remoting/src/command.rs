//! RemotingCommand: one request or response.
//!
//! Everything a frame says is here and nothing about how it travels; a body is shared, never copied. The opaque is set
//! by whoever sends.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::{CommandHeader, ExtFields, HeaderError, LanguageCode, MqVersion, RequestCode, ResponseCode};

/// One request or response: code, flags, header fields, remark and body.
///
/// ```
/// use rmq_remoting::{RemotingCommand, RequestCode, ResponseCode};
///
/// let request = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", "orders");
/// let answer = request.response_to(ResponseCode::TOPIC_NOT_EXIST).with_remark("no route");
/// assert!(answer.is_response() && !answer.is_success());
/// ```
#[doc(alias = "org.apache.rocketmq.remoting.protocol.RemotingCommand")]
#[derive(Clone, PartialEq, Eq)]
pub struct RemotingCommand {
    pub(crate) code: i32,
    pub(crate) flag: i32,
    pub(crate) opaque: i32,
    pub(crate) version: i32,
    pub(crate) language: Option<LanguageCode>,
    pub(crate) encoding: HeaderEncoding,
    pub(crate) remark: Option<String>,
    pub(crate) ext_fields: Option<ExtFields>,
    pub(crate) body: Bytes,
}

impl RemotingCommand {
    /// A request without header fields and body.
    #[doc(alias = "createRequestCommand")]
    pub fn request(code: RequestCode) -> Self {
        Self::new(code.0, 0)
    }

    /// A request with a typed header.
    pub fn request_with(code: RequestCode, header: &impl CommandHeader) -> Self {
        Self::request(code).with_header(header)
    }

    /// A response that answers nobody yet: its opaque is 0. See [`response_to`](Self::response_to).
    #[doc(alias = "createResponseCommand")]
    pub fn response(code: ResponseCode) -> Self {
        Self::new(code.0, RESPONSE)
    }

    /// A response to this request: with its opaque, in its header encoding.
    pub fn response_to(&self, code: ResponseCode) -> Self {
        Self { opaque: self.opaque, encoding: self.encoding, ..Self::response(code) }
    }

    /// A command as it is before anything was read: no fields, no remark, no body.
    pub(crate) fn new(code: i32, flag: i32) -> Self {
        Self {
            code,
            flag,
            opaque: 0,
            version: MqVersion::CURRENT.0,
            language: Some(LanguageCode::RUST),
            encoding: HeaderEncoding::Json,
            remark: None,
            ext_fields: None,
            body: Bytes::new(),
        }
    }

    /// Adds the fields of a typed header; a header without fields leaves an empty map.
    pub fn with_header(mut self, header: &impl CommandHeader) -> Self {
        header.encode(self.ext_fields_mut());
        self
    }

    /// Sets the remark.
    pub fn with_remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = Some(remark.into());
        self
    }

    /// Sets the body.
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds one header field.
    pub fn with_field(mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<str>) -> Self {
        self.ext_fields_mut().set(name, value);
        self
    }

    /// Chooses how the header is written. Default: [`HeaderEncoding::Json`].
    pub fn with_encoding(mut self, encoding: HeaderEncoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// The code as a plain number.
    pub fn code(&self) -> i32 {
        self.code
    }

    /// The code, read as that of a request.
    pub fn request_code(&self) -> RequestCode {
        RequestCode(self.code)
    }

    /// The code, read as that of a response.
    pub fn response_code(&self) -> ResponseCode {
        ResponseCode(self.code)
    }

    /// Whether this is a response that says success. The remark has no say in it.
    pub fn is_success(&self) -> bool {
        self.is_response() && self.response_code().is_success()
    }

    /// The number that pairs a response with its request.
    pub fn opaque(&self) -> i32 {
        self.opaque
    }

    /// Sets the number that pairs a response with its request. A connection of this crate sets its own.
    pub fn set_opaque(&mut self, opaque: i32) {
        self.opaque = opaque;
    }

    /// The flag bits: 1 = response, 2 = oneway.
    pub fn flag(&self) -> i32 {
        self.flag
    }

    /// Whether this is a response.
    #[doc(alias = "isResponseType")]
    pub fn is_response(&self) -> bool {
        self.flag & RESPONSE != 0
    }

    /// Whether the sender wants no answer.
    #[doc(alias = "isOnewayRPC")]
    pub fn is_oneway(&self) -> bool {
        self.flag & ONEWAY != 0
    }

    /// Says that no answer is wanted.
    #[doc(alias = "markOnewayRPC")]
    pub fn mark_oneway(&mut self) {
        self.flag |= ONEWAY;
    }

    /// Says that this is a response.
    #[doc(alias = "markResponseType")]
    pub fn mark_response(&mut self) {
        self.flag |= RESPONSE;
    }

    /// The flag bits, with the one that says that no answer is wanted if `oneway`.
    pub(crate) fn flag_as(&self, oneway: bool) -> i32 {
        if oneway { self.flag | ONEWAY } else { self.flag }
    }

    /// The remark: the text of an error, and sometimes of a success.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// The header fields; `None` when the command has no map of them at all.
    pub fn ext_fields(&self) -> Option<&ExtFields> {
        self.ext_fields.as_ref()
    }

    /// The header fields, for writing; from now on the command has a map, if only an empty one.
    pub fn ext_fields_mut(&mut self) -> &mut ExtFields {
        self.ext_fields.get_or_insert_with(ExtFields::new)
    }

    /// The header field called `name`.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.ext_fields.as_ref()?.get(name)
    }

    /// Reads the header fields as a typed header; a command without fields reads like one with an empty map.
    ///
    /// # Errors
    /// [`HeaderError`] for a missing or unreadable field.
    #[doc(alias = "decodeCommandCustomHeader")]
    pub fn header<H: CommandHeader>(&self) -> Result<H, HeaderError> {
        H::decode(self.ext_fields.as_ref().unwrap_or(&NO_FIELDS))
    }

    /// The body; an absent one is empty.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Takes the body out and leaves an empty one.
    pub fn take_body(&mut self) -> Bytes {
        std::mem::take(&mut self.body)
    }

    /// Which client library the sender says it is; `None` when it gave a name that nobody knows, or null.
    pub fn language(&self) -> Option<LanguageCode> {
        self.language
    }

    /// Sets which client library the sender is. Default: `RUST`.
    pub fn set_language(&mut self, language: LanguageCode) {
        self.language = Some(language);
    }

    /// Which release the sender says it is; see [`MqVersion`].
    pub fn version(&self) -> i32 {
        self.version
    }

    /// Sets which release the sender says it is. Default: [`MqVersion::CURRENT`].
    pub fn set_version(&mut self, version: i32) {
        self.version = version;
    }

    /// How the header is, or was, written.
    pub fn encoding(&self) -> HeaderEncoding {
        self.encoding
    }
}

impl fmt::Debug for RemotingCommand {
    /// Everything but the body, of which only the size is shown, and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RemotingCommand");
        if self.is_response() {
            out.field("code", &self.response_code());
        } else {
            out.field("code", &self.request_code());
        }
        out.field("opaque", &self.opaque)
            .field("flag", &self.flag)
            .field("language", &self.language)
            .field("version", &self.version)
            .field("encoding", &self.encoding)
            .field("remark", &self.remark)
            .field("ext_fields", &self.ext_fields)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// How a header is written. The type byte of each frame says it; a response may come in another encoding than its
/// request.
#[doc(alias = "SerializeType")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum HeaderEncoding {
    /// A JSON object; what every peer reads, and what 5.x servers answer with.
    #[default]
    Json,
    /// The binary form: smaller, but with 16-bit codes, and an empty value arrives as an absent one.
    #[doc(alias = "ROCKETMQ")]
    Rocketmq,
}

const RESPONSE: i32 = 1;
const ONEWAY: i32 = 2;
static NO_FIELDS: ExtFields = ExtFields::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_answers_its_request() {
        let mut request = RemotingCommand::request(RequestCode::HEART_BEAT).with_encoding(HeaderEncoding::Rocketmq);
        request.set_opaque(-5);
        let answer = request.response_to(ResponseCode::SUCCESS);
        assert_eq!((answer.opaque(), answer.encoding(), answer.flag()), (-5, HeaderEncoding::Rocketmq, 1));
        assert!(answer.is_success());
        assert!(!RemotingCommand::request(RequestCode(0)).is_success(), "a request with code 0 is no success");
    }

    #[test]
    fn absent_fields_differ_from_an_empty_map() {
        let plain = RemotingCommand::request(RequestCode::HEART_BEAT);
        assert_eq!(plain.ext_fields(), None);
        assert_eq!(plain.header::<()>(), Ok(()));
        let with_header = RemotingCommand::request_with(RequestCode::HEART_BEAT, &());
        assert_eq!(with_header.ext_fields(), Some(&ExtFields::new()));
        assert_ne!(plain, with_header);
    }

    #[test]
    fn debug_output_has_no_body() {
        let command = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_body("private");
        let text = format!("{command:?}");
        assert!(
            text.contains("SEND_MESSAGE_V2(310)") && text.contains("body_bytes: 7") && !text.contains("private"),
            "{text}"
        );
    }
}
