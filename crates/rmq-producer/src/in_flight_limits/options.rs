//! `back_pressure` in a configuration.

use serde::de::MapAccess;

use super::InFlightLimits;
use crate::config::{Section, Shown, Value};

impl Section for InFlightLimits {
    const KEYS: &'static [&'static str] = &["sends", "bytes"];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "sends" => self.sends = value.plain()?,
            _ => self.bytes = value.bytes()?,
        }
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        let Self { sends, bytes } = self;
        out.line("sends", sends);
        out.bytes("bytes", *bytes);
    }
}
