//! The signature: what is signed, in which order, and how.
//!
//! Signed are the values of all header fields but the signature, in the order of their names as Java sorts text, and the body. Code, opaque and
//! version are not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::credentials::{Credentials, CredentialsError};
use crate::command::{HeaderEncoding, RemotingCommand};

/// Puts access key, token and signature into the request, in place of older ones.
pub(super) fn sign(request: &mut RemotingCommand, credentials: &Credentials) -> Result<(), CredentialsError> {
    credentials.validate()?;
    let binary = request.encoding() == HeaderEncoding::Rocketmq;
    let fields = request.ext_fields_mut();
    if binary {
        // An empty value arrives as null, which says the same as an absent one but is verified as the text "null"
        // (AclUtils#combineRequestContent).
        let empty = fields.iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| name.to_owned());
        for name in empty.collect::<Vec<_>>() {
            fields.remove(&name);
        }
    }
    fields.remove(SIGNATURE);
    fields.set(ACCESS_KEY, credentials.access_key());
    match credentials.security_token() {
        Some(token) => fields.set(SECURITY_TOKEN, token),
        // That of a former try, which may have had another key.
        None => drop(fields.remove(SECURITY_TOKEN)),
    }
    let signature = signature(request, credentials.secret_key())?;
    request.ext_fields_mut().set(SIGNATURE, signature);
    Ok(())
}

fn signature(request: &RemotingCommand, secret_key: &str) -> Result<String, CredentialsError> {
    // No length is refused; were it otherwise, the key would be to blame.
    let mac = Hmac::<Sha1>::new_from_slice(secret_key.as_bytes());
    let mut mac = mac.map_err(|_| CredentialsError::Empty { what: "secret key" })?;
    let mut fields: Vec<(&str, &str)> = request.ext_fields().into_iter().flatten().collect();
    fields.sort_unstable_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    for (_, value) in fields {
        mac.update(value.as_bytes());
    }
    mac.update(request.body());
    Ok(STANDARD.encode(mac.finalize().into_bytes()))
}

const ACCESS_KEY: &str = "AccessKey";
const SECURITY_TOKEN: &str = "SecurityToken";
const SIGNATURE: &str = "Signature";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::RequestCode;

    fn signed(request: RemotingCommand, credentials: &Credentials) -> RemotingCommand {
        let mut request = request;
        sign(&mut request, credentials).unwrap();
        request
    }

    fn request() -> RemotingCommand {
        RemotingCommand::request(RequestCode::SEND_MESSAGE_V2)
    }

    #[test]
    fn signing_again_changes_nothing_but_what_the_credentials_change() {
        let with_token = Credentials::new("AK", "SK").with_security_token("ST");
        let once = signed(request().with_field("b", "T").with_body("hi"), &with_token);
        assert_eq!(signed(once.clone(), &with_token), once);
        let other = signed(once.clone(), &Credentials::new("AK2", "SK2"));
        assert_eq!((other.field(ACCESS_KEY), other.field(SECURITY_TOKEN)), (Some("AK2"), None));
        assert_eq!(other, signed(request().with_field("b", "T").with_body("hi"), &Credentials::new("AK2", "SK2")));
    }

    #[test]
    fn an_empty_value_which_a_binary_header_cannot_carry_is_left_out() {
        let keys = Credentials::new("AK", "SK");
        let of = |encoding| signed(request().with_encoding(encoding).with_field("i", "").with_field("b", "T"), &keys);
        let (json, binary) = (of(HeaderEncoding::Json), of(HeaderEncoding::Rocketmq));
        assert_eq!((json.field("i"), binary.field("i"), binary.field("b")), (Some(""), None, Some("T")));
        assert_eq!(json.field(SIGNATURE), binary.field(SIGNATURE));
    }

    #[test]
    fn names_are_sorted_by_utf_16_units() {
        // U+1F600 begins with the unit D83D, which is below U+FF5E; its code point is above.
        let keys = Credentials::new("AK", "SK");
        let astral = signed(request().with_field("\u{1f600}", "1").with_field("\u{ff5e}", "2"), &keys);
        let plain = signed(request().with_field("x", "1").with_field("y", "2"), &keys);
        assert_eq!(astral.field(SIGNATURE), plain.field(SIGNATURE));
    }
}
