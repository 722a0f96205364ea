//! `credentials`: as whom requests are signed; two keys, or a file that has them.

use rmq_remoting::{Credentials, CredentialsSource};
use serde::de::{Error as _, MapAccess};

use super::section::{Section, Shown, Value};

pub(super) fn read<'de, A: MapAccess<'de>>(value: Value<'_, A>) -> Result<CredentialsSource, A::Error> {
    let mut form = Form::default();
    value.section(&mut form)?;
    form.finish().map_err(A::Error::custom)
}

pub(super) fn show(source: &CredentialsSource, out: &mut Shown) {
    match source {
        CredentialsSource::Provider(_) => out.remark("credentials", "come from a provider of the program's own"),
        _ => out.section("credentials", &Form::of(source)),
    }
}

/// The table as it is written. Its texts live until it is read.
#[derive(Default)]
struct Form {
    access_key: Option<String>,
    secret_key: Option<String>,
    security_token: Option<String>,
    key_file: Option<String>,
}

impl Form {
    fn of(source: &CredentialsSource) -> Self {
        match source {
            CredentialsSource::Fixed(credentials) => Self {
                access_key: Some(credentials.access_key().to_owned()),
                secret_key: Some(HIDDEN.to_owned()),
                security_token: credentials.has_security_token().then(|| HIDDEN.to_owned()),
                key_file: None,
            },
            other => Self { key_file: other.file().map(|path| path.display().to_string()), ..Self::default() },
        }
    }

    fn finish(self) -> Result<CredentialsSource, &'static str> {
        match (self.access_key, self.secret_key, self.key_file) {
            (None, None, Some(file)) if self.security_token.is_none() => Ok(CredentialsSource::key_file(file)),
            (Some(access), Some(secret), None) => {
                let credentials = Credentials::new(access, secret);
                Ok(credentials.with_security_token(self.security_token.unwrap_or_default()).into())
            }
            _ => Err("credentials are access_key with secret_key and perhaps security_token, or key_file alone"),
        }
    }
}

impl Section for Form {
    const KEYS: &'static [&'static str] = &["access_key", "secret_key", "security_token", "key_file"];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        let path = value.path().to_owned();
        let text: String = value.plain()?;
        if text == HIDDEN {
            return Err(A::Error::custom(format_args!("{path} was hidden when this was shown: fill it in")));
        }
        match key {
            "access_key" => self.access_key = Some(text),
            "secret_key" => self.secret_key = Some(text),
            "security_token" => self.security_token = Some(text),
            _ => self.key_file = Some(text),
        }
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        let all = [
            ("access_key", &self.access_key),
            ("secret_key", &self.secret_key),
            ("security_token", &self.security_token),
            ("key_file", &self.key_file),
        ];
        for (key, value) in all {
            out.text_or_unset(key, value.as_deref());
        }
    }
}

/// What stands in the place of a secret.
const HIDDEN: &str = "<hidden>";
