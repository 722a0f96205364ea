//! ExtFields: the string map that carries every header value.
//!
//! Order is that of insertion, names are unique. All text that is not `'static` lies in one string behind the entries,
//! so that reading a header costs two allocations whatever the number of its fields.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::HeaderError;

/// The named text values of a command's header.
///
/// An empty map and an absent one differ in the JSON header; see
/// [`RemotingCommand::ext_fields`](crate::RemotingCommand::ext_fields).
#[doc(alias = "extFields")]
#[derive(Clone, Default)]
pub struct ExtFields {
    entries: Vec<Entry>,
    text: String,
    /// Bytes of `text` that no entry points to any more, but for those that decoding left behind.
    dead: usize,
}

impl ExtFields {
    /// An empty map.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), text: String::new(), dead: 0 }
    }

    /// The value called `name`. An empty value is `Some("")`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name).map(|at| self.slice(self.entries[at].value))
    }

    /// Whether a value called `name` is there.
    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// Puts `value` under `name`, in place of an older one.
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl AsRef<str>) {
        self.put(name.into(), |text| text.push_str(value.as_ref()));
    }

    /// Puts the decimal or plain text of `value` under `name`, in place of an older one.
    pub fn set_display(&mut self, name: impl Into<Cow<'static, str>>, value: impl fmt::Display) {
        self.put(name.into(), |text| {
            // Writing into a String fails only when the value's own Display does; what it wrote until then stays.
            let _ = write!(text, "{value}");
        });
    }

    /// Removes the value called `name` and hands it out.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let entry = self.entries.remove(self.position(name)?);
        let value = self.slice(entry.value).to_owned();
        self.forget(entry.value);
        if let Name::Kept(span) = entry.name {
            self.forget(span);
        }
        self.compact();
        Some(value)
    }

    /// The values with their names, in the order of insertion.
    pub fn iter(&self) -> Iter<'_> {
        Iter { fields: self, entries: self.entries.iter() }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value called `name`, which must be there.
    ///
    /// # Errors
    /// [`HeaderError::Missing`] when it is not.
    pub fn require(&self, name: &str) -> Result<&str, HeaderError> {
        self.get(name).ok_or_else(|| HeaderError::missing(name.to_owned()))
    }

    /// The value called `name` as a number or any other type that reads itself from text; `None` when it is absent.
    ///
    /// # Errors
    /// [`HeaderError::Invalid`] when the text cannot be read.
    pub fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, HeaderError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.parse() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(_) => Err(HeaderError::invalid(name.to_owned(), std::any::type_name::<T>(), value)),
        }
    }

    /// Like [`parse`](Self::parse) for a value that must be there.
    ///
    /// # Errors
    /// [`HeaderError::Missing`] or [`HeaderError::Invalid`].
    pub fn require_parse<T: FromStr>(&self, name: &str) -> Result<T, HeaderError> {
        self.parse(name)?.ok_or_else(|| HeaderError::missing(name.to_owned()))
    }

    /// The value called `name` as Java reads a boolean: `true` in any case is true, all other text is false.
    #[doc(alias = "parseBoolean")]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| self.name(entry) == name)
    }

    fn name(&self, entry: &Entry) -> &str {
        match entry.name {
            Name::Fixed(name) => name,
            Name::Kept(span) => self.slice(span),
        }
    }

    fn slice(&self, span: Span) -> &str {
        &self.text[span.start..span.end]
    }

    fn put(&mut self, name: Cow<'static, str>, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        let value = Span { start, end: self.text.len() };
        if let Some(at) = self.position(&name) {
            let old = std::mem::replace(&mut self.entries[at].value, value);
            self.forget(old);
            self.compact();
            return;
        }
        let name = match name {
            Cow::Borrowed(name) => Name::Fixed(name),
            Cow::Owned(name) => {
                let start = self.text.len();
                self.text.push_str(&name);
                Name::Kept(Span { start, end: self.text.len() })
            }
        };
        self.entries.push(Entry { name, value });
    }

    fn forget(&mut self, span: Span) {
        self.dead += span.end - span.start;
    }

    /// Drops text that nobody points to once it is the larger part.
    fn compact(&mut self) {
        if self.dead < COMPACT_FROM || self.dead < self.text.len() / 2 {
            return;
        }
        let old = std::mem::take(&mut self.text);
        self.text.reserve(old.len() - self.dead);
        self.dead = 0;
        for entry in &mut self.entries {
            if let Name::Kept(span) = &mut entry.name {
                *span = append(&mut self.text, &old[span.start..span.end]);
            }
            entry.value = append(&mut self.text, &old[entry.value.start..entry.value.end]);
        }
    }
}

/// How a header decoder fills a map: text first, then the entry that points to it, and [`settle`](Self::settle) at the
/// end.
impl ExtFields {
    /// Room for a usual number of entries and for text of `bytes` bytes.
    pub(crate) fn with_text_capacity(bytes: usize) -> Self {
        Self { entries: Vec::with_capacity(USUAL_FIELDS), text: String::with_capacity(bytes), dead: 0 }
    }

    /// The text behind the entries; a decoder only appends to it, or cuts off what it has appended since the last
    /// entry.
    pub(crate) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// Adds an entry whose name and value are pieces of the text. A `None` value takes a name away again. Names may
    /// repeat until [`settle`](Self::settle).
    pub(crate) fn push_spans(&mut self, name: Span, value: Option<Span>) {
        self.entries.push(Entry { name: Name::Kept(name), value: value.unwrap_or(Span::NULL) });
    }

    /// Makes names unique, the last one wins, and drops null values.
    pub(crate) fn settle(&mut self) {
        // One bit per name: no bit set twice means no name is there twice, which is nearly always so.
        let mut seen = 0_u64;
        let suspect = self.entries.iter().any(|entry| {
            let bit = 1 << (trace(self.name(entry)) % 64);
            let again = seen & bit != 0;
            seen |= bit;
            again || entry.value.is_null()
        });
        if suspect {
            self.drop_losers();
        }
    }

    fn drop_losers(&mut self) {
        let mut lost: Vec<usize> = Vec::new();
        if self.entries.len() <= PAIRWISE_UP_TO {
            for (at, entry) in self.entries.iter().enumerate() {
                let name = self.name(entry);
                if entry.value.is_null() || self.entries[at + 1..].iter().any(|later| self.name(later) == name) {
                    lost.push(at);
                }
            }
        } else {
            let mut order: Vec<usize> = (0..self.entries.len()).collect();
            order.sort_by_key(|&at| (self.name(&self.entries[at]), at));
            for pair in order.windows(2) {
                if self.name(&self.entries[pair[0]]) == self.name(&self.entries[pair[1]]) {
                    lost.push(pair[0]);
                }
            }
            lost.extend((0..self.entries.len()).filter(|&at| self.entries[at].value.is_null()));
            lost.sort_unstable();
            lost.dedup();
        }
        if lost.is_empty() {
            return;
        }
        let mut lost = lost.into_iter().peekable();
        let mut at = 0;
        self.entries.retain(|_| {
            let gone = lost.next_if_eq(&at).is_some();
            at += 1;
            !gone
        });
    }

    /// Bytes that this map has taken from the allocator.
    #[cfg(test)]
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// Bytes of all names and values: the least that any encoding of them needs.
    pub(crate) fn text_bytes(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// The values of [`ExtFields`] with their names, in the order of insertion.
#[derive(Clone)]
pub struct Iter<'a> {
    fields: &'a ExtFields,
    entries: std::slice::Iter<'a, Entry>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        Some((self.fields.name(entry), self.fields.slice(entry.value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone().map(shown)).finish()
    }
}

impl<'a> IntoIterator for &'a ExtFields {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<N: Into<Cow<'static, str>>, V: AsRef<str>> Extend<(N, V)> for ExtFields {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.set(name, value);
        }
    }
}

impl<N: Into<Cow<'static, str>>, V: AsRef<str>> FromIterator<(N, V)> for ExtFields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut fields = Self::new();
        fields.extend(pairs);
        fields
    }
}

/// Equal when the same names have the same values, in whatever order.
impl PartialEq for ExtFields {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Eq for ExtFields {}

impl fmt::Debug for ExtFields {
    /// All names and values, but no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.iter(), f)
    }
}

/// A piece of [`ExtFields`]' text.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// Stands for a null value until the map is settled.
    const NULL: Self = Self { start: usize::MAX, end: usize::MAX };

    fn is_null(self) -> bool {
        self.start == usize::MAX
    }

    /// What `text` gained since it had `start` bytes.
    pub(crate) fn since(start: usize, text: &str) -> Self {
        Self { start, end: text.len() }
    }
}

#[derive(Clone, Copy)]
struct Entry {
    name: Name,
    value: Span,
}

#[derive(Clone, Copy)]
enum Name {
    Fixed(&'static str),
    Kept(Span),
}

/// A number that differs for most names that differ.
fn trace(name: &str) -> usize {
    match name.as_bytes() {
        [] => 0,
        bytes @ [first, .., last] => bytes.len() * 5 + usize::from(*first) + usize::from(*last) * 3,
        [only] => usize::from(*only),
    }
}

fn append(text: &mut String, piece: &str) -> Span {
    let start = text.len();
    text.push_str(piece);
    Span::since(start, text)
}

fn shown<'a>((name, value): (&'a str, &'a str)) -> (&'a str, &'a str) {
    (name, if CREDENTIALS.contains(&name) { "<hidden>" } else { value })
}

/// Ext fields that sign a request; they are not for logs.
const CREDENTIALS: &[&str] = &["AccessKey", "SecurityToken", "Signature"];

/// Dead text below this many bytes is left alone.
const COMPACT_FROM: usize = 1024;

/// The header of a send has up to 14 fields, an answer 6.
const USUAL_FIELDS: usize = 16;

/// Up to this many entries, comparing each pair beats sorting.
const PAIRWISE_UP_TO: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_a_name_twice_keeps_one_value_in_its_place() {
        let mut fields = ExtFields::new();
        fields.set("a", "1");
        fields.set(String::from("b"), "2");
        fields.set("a", "three");
        fields.set_display("n", 17_i64);
        assert_eq!(fields.iter().collect::<Vec<_>>(), [("a", "three"), ("b", "2"), ("n", "17")]);
        assert_eq!(fields.remove("a").as_deref(), Some("three"));
        assert_eq!(fields.remove("a"), None);
        assert_eq!(fields.len(), 2);
        assert_eq!(fields.get("b"), Some("2"));
    }

    #[test]
    fn overwriting_for_ever_does_not_grow_the_map() {
        let mut fields = ExtFields::new();
        fields.set(String::from("kept"), "value");
        for round in 0..10_000 {
            fields.set("changing", format!("value {round}"));
            fields.set_display(String::from("gone"), round);
            fields.remove("gone");
        }
        assert_eq!(fields.get("changing"), Some("value 9999"));
        assert_eq!(fields.get("kept"), Some("value"));
        assert!(fields.text.len() < 4096, "{} bytes", fields.text.len());
    }

    #[test]
    fn order_does_not_matter_for_equality() {
        let one: ExtFields = [("a", "1"), ("b", "2")].into_iter().collect();
        let other: ExtFields = [("b", "2"), ("a", "1")].into_iter().collect();
        assert_eq!(one, other);
        assert_ne!(one, [("a", "1")].into_iter().collect());
        assert_ne!(one, [("a", "1"), ("c", "2")].into_iter().collect());
    }

    #[test]
    fn values_are_read_as_numbers_and_java_booleans() {
        let fields: ExtFields = [("n", "42"), ("yes", "TRUE"), ("no", "1"), ("empty", "")].into_iter().collect();
        assert_eq!(fields.parse::<i64>("n"), Ok(Some(42)));
        assert_eq!(fields.parse::<i64>("absent"), Ok(None));
        assert_eq!(fields.require_parse::<i32>("absent").unwrap_err(), HeaderError::missing("absent"));
        assert_eq!(fields.parse::<i32>("yes").unwrap_err().to_string(), r#"the field `yes` is no i32: "TRUE""#);
        assert_eq!(
            (fields.boolean("yes"), fields.boolean("no"), fields.boolean("absent")),
            (Some(true), Some(false), None)
        );
        assert_eq!(fields.get("empty"), Some(""));
    }

    #[test]
    fn credentials_stay_out_of_debug_output() {
        let fields: ExtFields = [("topic", "orders"), ("Signature", "c2VjcmV0")].into_iter().collect();
        let text = format!("{fields:?}");
        assert!(text.contains("orders") && !text.contains("c2VjcmV0"), "{text}");
    }

    #[test]
    fn of_equal_names_the_last_wins_in_small_and_large_maps() {
        for fillers in [0, 100] {
            let mut fields = ExtFields::new();
            let mut push = |name: &str, value: Option<&str>| {
                let name = append(fields.text_mut(), name);
                let value = value.map(|value| append(fields.text_mut(), value));
                fields.push_spans(name, value);
            };
            push("twice", Some("1"));
            push("null", None);
            push("undone", Some("x"));
            for filler in 0..fillers {
                push(&format!("filler {filler}"), Some(""));
            }
            push("twice", Some("2"));
            push("undone", None);
            push("done", None);
            push("done", Some("y"));
            fields.settle();
            assert_eq!(fields.get("twice"), Some("2"));
            assert_eq!(fields.get("done"), Some("y"));
            assert_eq!(fields.len(), fillers + 2, "null values are dropped");
        }
    }
}
