//! Section: one table of settings, read from a file and shown again.
//!
//! What is shown is what can be read: each line of a [`Shown`] text is a line of a TOML file that sets the same, but for secrets and for what
//! only a program can set, which stand in comments.

use std::fmt::{self, Display, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

use super::nearest;
use super::values::{ByteCount, Time, Word};

/// A table of settings.
pub(crate) trait Section {
    /// The names of its settings.
    const KEYS: &'static [&'static str];

    /// Sets the one called `key`, which is among [`KEYS`](Self::KEYS); all others stay as they are.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Value<'_, A>) -> Result<(), A::Error>;

    /// Shows every setting.
    fn show(&self, out: &mut Shown);
}

/// The value of one setting, still to be read.
pub(crate) struct Value<'a, A> {
    map: &'a mut A,
    path: String,
}

impl<'de, A: MapAccess<'de>> Value<'_, A> {
    /// The setting's whole name.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Reads text, a number, `true` or `false`, or a list of such.
    pub(crate) fn plain<T: serde::Deserialize<'de>>(self) -> Result<T, A::Error> {
        self.map.next_value()
    }

    /// Reads `"3s"`, `"500ms"` or whole milliseconds.
    pub(crate) fn time(self) -> Result<std::time::Duration, A::Error> {
        self.map.next_value::<Time>().map(|time| time.0)
    }

    /// Reads `"64MiB"`, `"4KiB"` or a number of bytes.
    pub(crate) fn bytes(self) -> Result<usize, A::Error> {
        self.map.next_value::<ByteCount>().map(|bytes| bytes.0)
    }

    /// Reads one of these words.
    pub(crate) fn word<T: Copy>(self, words: &[(&'static str, T)]) -> Result<T, A::Error> {
        let Self { map, path } = self;
        map.next_value_seed(Word { words, path: &path })
    }

    /// Reads a table.
    pub(crate) fn section(self, target: &mut impl Section) -> Result<(), A::Error> {
        let Self { map, path } = self;
        map.next_value_seed(Table { target, path: &path, switch: false }).map(|_| ())
    }

    /// Reads a table, or `true` for one with nothing in it; returns false for `false`.
    pub(crate) fn switch(self, target: &mut impl Section) -> Result<bool, A::Error> {
        let Self { map, path } = self;
        map.next_value_seed(Table { target, path: &path, switch: true })
    }

    /// Says what is wrong with the setting.
    pub(crate) fn refuse(self, problem: impl Display) -> A::Error {
        A::Error::custom(format_args!("the option {} {problem}", self.path))
    }
}

/// Reads a table into a section. Every key is known, or the error says which one may have been meant.
pub(super) struct Table<'a, S> {
    pub(super) target: &'a mut S,
    /// The section's name; empty for the outermost.
    pub(super) path: &'a str,
    /// Whether `true` and `false` stand for a table too.
    pub(super) switch: bool,
}

impl<'de, S: Section> DeserializeSeed<'de> for Table<'_, S> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if self.switch { deserializer.deserialize_any(self) } else { deserializer.deserialize_map(self) }
    }
}

impl<'de, S: Section> Visitor<'de> for Table<'_, S> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.switch { "true, false or a table" } else { "a table" })?;
        if self.path.is_empty() { f.write_str(" of options") } else { write!(f, " for the option {}", self.path) }
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<bool, E> {
        if self.switch { Ok(on) } else { Err(E::invalid_type(serde::de::Unexpected::Bool(on), &self)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            if !S::KEYS.contains(&key.as_str()) {
                return map.next_value_seed(Refused(nearest::unknown_option(self.path, &key, S::KEYS))).map(|()| false);
            }
            self.target.read(&key, Value { map: &mut map, path })?;
        }
        Ok(true)
    }
}

/// A value that is not read, so that the error is told with its place in the file.
struct Refused(String);

impl<'de> DeserializeSeed<'de> for Refused {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(D::Error::custom(self.0))
    }
}

/// Collects the lines of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    text: String,
    prefix: String,
}

impl Shown {
    /// A number, `true` or `false`, or whatever else stands in a file as it is.
    pub(crate) fn line(&mut self, key: &str, value: impl Display) {
        writeln!(self.text, "{}{key} = {value}", self.prefix).ok();
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.line(key, Quoted(value));
    }

    pub(crate) fn texts(&mut self, key: &str, values: &[String]) {
        let quoted: Vec<String> = values.iter().map(|value| Quoted(value).to_string()).collect();
        self.line(key, format_args!("[{}]", quoted.join(", ")));
    }

    pub(crate) fn time(&mut self, key: &str, value: std::time::Duration) {
        self.line(key, Quoted(&Time(value).to_string()));
    }

    pub(crate) fn bytes(&mut self, key: &str, value: usize) {
        self.line(key, ByteCount(value));
    }

    /// A setting that is not set and may stay so.
    pub(crate) fn unset(&mut self, key: &str) {
        self.remark(key, "is not set");
    }

    pub(crate) fn text_or_unset(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(key, value),
            None => self.unset(key),
        }
    }

    /// What no file can say.
    pub(crate) fn remark(&mut self, key: &str, remark: &str) {
        writeln!(self.text, "# {}{key} {remark}", self.prefix).ok();
    }

    pub(crate) fn section(&mut self, key: &str, section: &impl Section) {
        let outer = self.prefix.len();
        self.prefix.push_str(key);
        self.prefix.push('.');
        section.show(self);
        self.prefix.truncate(outer);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

/// A basic string of TOML, which JSON reads too.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                character if character.is_control() => write!(f, "\\u{:04X}", u32::from(character))?,
                character => f.write_char(character)?,
            }
        }
        f.write_char('"')
    }
}
