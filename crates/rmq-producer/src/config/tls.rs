//! `tls`: `true`, or a table that says whom to trust.

use rmq_remoting::{TlsConfig, TlsRoots};
use serde::de::MapAccess;

use super::section::{Section, Shown, Value};

impl Section for TlsConfig {
    const KEYS: &'static [&'static str] =
        &["roots", "ca_file", "cert_file", "key_file", "server_name", "dangerous_accept_any_certificate"];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        let tls = std::mem::take(self);
        let identity = tls.identity().map(|(chain, key)| (chain.to_owned(), key.to_owned()));
        // One half of an identity is kept beside an empty path, which the start refuses by name.
        let (chain, own_key) = identity.unwrap_or_default();
        *self = match key {
            "roots" => {
                let platform = value.word(&[("platform", true), ("webpki", false)])?;
                tls.roots(if platform { TlsRoots::Platform } else { TlsRoots::WebPki })
            }
            "ca_file" => tls.ca_file(value.plain::<String>()?),
            "cert_file" => tls.client_certificate(value.plain::<String>()?, own_key),
            "key_file" => tls.client_certificate(chain, value.plain::<String>()?),
            "server_name" => tls.server_name(value.plain::<String>()?),
            _ => tls.dangerous_accept_any_certificate(value.plain()?),
        };
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        if self.own().is_some() {
            out.remark("roots", "and all but server_name are those of the program's own configuration of rustls");
        }
        match self.trusted() {
            TlsRoots::PemFile(path) => out.text("ca_file", &path.display().to_string()),
            TlsRoots::WebPki => out.text("roots", "webpki"),
            _ => out.text("roots", "platform"),
        }
        let identity = self.identity().map(|(chain, key)| (chain.display().to_string(), key.display().to_string()));
        out.text_or_unset("cert_file", identity.as_ref().map(|(chain, _)| chain.as_str()));
        out.text_or_unset("key_file", identity.as_ref().map(|(_, key)| key.as_str()));
        out.text_or_unset("server_name", self.expected_name());
        out.line("dangerous_accept_any_certificate", self.accepts_any_certificate());
    }
}
