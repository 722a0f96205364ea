//! `retries` in a configuration.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::MapAccess;

use super::RetryPolicy;
use crate::config::{Section, Shown, Value};

impl Section for RetryPolicy {
    const KEYS: &'static [&'static str] =
        &["times", "codes", "strict", "retry_another_broker_when_not_store_ok", "attempt_timeout"];

    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error> {
        match key {
            "times" => self.times = value.plain()?,
            "codes" => self.codes = Arc::new(value.plain::<BTreeSet<i32>>()?),
            "strict" => self.strict = value.plain()?,
            "retry_another_broker_when_not_store_ok" => self.not_store_ok = value.plain()?,
            "attempt_timeout" => self.attempt_timeout = Some(value.time()?),
            _ => return Err(value.refuse("is not read")),
        }
        Ok(())
    }

    fn show(&self, out: &mut Shown) {
        let Self { times, codes, strict, not_store_ok, attempt_timeout } = self;
        out.line("times", times);
        out.line("codes", format_args!("{codes:?}").to_string().replace('{', "[").replace('}', "]"));
        out.line("strict", strict);
        out.line("retry_another_broker_when_not_store_ok", not_store_ok);
        match attempt_timeout {
            Some(each) => out.time("attempt_timeout", *each),
            None => out.unset("attempt_timeout"),
        }
    }
}
