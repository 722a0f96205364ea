//! `limits`: how large a message may be.

use rmq_message::MessageLimits;
use serde::de::MapAccess;

use super::section::{Section, Shown, Value};

pub(super) struct Limits(pub(super) MessageLimits);

impl Section for Limits {
    const KEYS: &'static [&'static str] = &["max_body_bytes", "max_properties_bytes"];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        let limits = self.0.clone();
        self.0 = match key {
            "max_body_bytes" => limits.max_body_bytes(value.bytes()?),
            _ => limits.max_properties_bytes(value.bytes()?),
        };
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        out.bytes("max_body_bytes", self.0.body_limit());
        out.bytes("max_properties_bytes", self.0.properties_limit());
    }
}
