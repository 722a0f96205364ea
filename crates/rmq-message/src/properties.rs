//! The properties of a message: a small map that keeps its order, and its text form.
//!
//! Names are unique. The text form knows no escaping, so a name or value that holds U+0001 or U+0002 damages its
//! neighbours: [`Message::validate`](crate::Message::validate) refuses such, this map does not.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::property_key::WAIT;

/// Between a name and its value in the text form (U+0001).
pub const NAME_VALUE_SEPARATOR: char = '\u{1}';
/// Behind each value in the text form (U+0002).
pub const PROPERTY_SEPARATOR: char = '\u{2}';

/// Name and value pairs in the order in which they were first set.
///
/// Two maps are equal when they hold the same pairs, in whatever order. `Debug` shows names and the length of each
/// value: values belong to the user and have no place in a log.
///
/// # Examples
/// ```
/// use rmq_message::{Properties, property_key};
///
/// let properties = Properties::decode("TAGS\u{1}paid\u{2}colour\u{1}red\u{2}");
/// assert_eq!(properties.get(property_key::TAGS), Some("paid"));
/// assert_eq!(properties.encode(), "TAGS\u{1}paid\u{2}colour\u{1}red\u{2}");
/// ```
#[derive(Clone, Default)]
pub struct Properties {
    // `WAIT` in the first place, where it is plainly true or false: every message has it, and most have nothing else to allocate for
    wait: Option<bool>,
    // a message has a handful of properties: searching them one by one beats hashing
    pairs: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

impl Properties {
    /// Makes an empty map, without allocating.
    #[must_use]
    pub const fn new() -> Self {
        Self { wait: None, pairs: Vec::new() }
    }

    /// Those that every message begins with.
    pub(crate) const fn waiting() -> Self {
        Self { wait: Some(true), pairs: Vec::new() }
    }

    /// Makes an empty map with room for that many properties.
    #[must_use]
    pub fn with_capacity(properties: usize) -> Self {
        Self { wait: None, pairs: Vec::with_capacity(properties) }
    }

    /// The value of a name.
    #[doc(alias = "getProperty")]
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        if name == WAIT {
            if let Some(wait) = self.wait {
                return Some(wait_text(wait));
            }
        }
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Whether the name has a value.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets a value in place of the name's old one, which is returned; nothing is checked.
    #[doc(alias = "putProperty")]
    pub fn set(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Option<String> {
        self.put(name.into(), Cow::Owned(value.into()))
    }

    /// Sets a value that lives as long as the program, without allocating; otherwise like [`set`](Self::set).
    pub fn set_static(&mut self, name: &'static str, value: &'static str) -> Option<String> {
        self.put(Cow::Borrowed(name), Cow::Borrowed(value))
    }

    /// Takes a name out and returns its value.
    #[doc(alias = "clearProperty")]
    pub fn remove(&mut self, name: &str) -> Option<String> {
        if name == WAIT {
            if let Some(wait) = self.wait.take() {
                return Some(wait_text(wait).to_owned());
            }
        }
        let at = self.pairs.iter().position(|(known, _)| known == name)?;
        Some(self.pairs.remove(at).1.into_owned())
    }

    /// The pairs in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { wait: self.wait, pairs: self.pairs.iter() }
    }

    /// Whether [`WAIT`] stands in the first place and is plainly true or false, as in nearly every message; and all other pairs in order.
    #[must_use]
    #[inline]
    pub fn split_wait(&self) -> (Option<bool>, Iter<'_>) {
        (self.wait, self.unchecked())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.wait.is_some()) + self.pairs.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the text form: what counts against the limit of a message's properties.
    #[must_use]
    #[inline]
    pub fn encoded_len(&self) -> usize {
        let wait = self.wait.map_or(0, |wait| encoded_pair_len(WAIT.len(), wait_text(wait).len()));
        self.pairs.iter().fold(wait, |bytes, (name, value)| bytes + encoded_pair_len(name.len(), value.len()))
    }

    /// Writes the text form, with a separator behind the last value too, as Java does since 5.2.0 and did up to
    /// 4.9.0. Readers of all versions take both.
    #[doc(alias = "messageProperties2String")]
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(self.encoded_len());
        self.encode_into(&mut text);
        text
    }

    /// Appends the text form to `text`.
    pub fn encode_into(&self, text: &mut String) {
        for (name, value) in self {
            text.push_str(name);
            text.push(NAME_VALUE_SEPARATOR);
            text.push_str(value);
            text.push(PROPERTY_SEPARATOR);
        }
    }

    /// Appends the text form to `text`, as bytes; otherwise like [`encode_into`](Self::encode_into).
    pub fn encode_into_bytes(&self, text: &mut Vec<u8>) {
        match self.wait {
            Some(true) => text.extend_from_slice(b"WAIT\x01true\x02"),
            Some(false) => text.extend_from_slice(b"WAIT\x01false\x02"),
            None => {}
        }
        for (name, value) in &self.pairs {
            text.reserve(encoded_pair_len(name.len(), value.len()));
            text.extend_from_slice(name.as_bytes());
            text.push(NAME_VALUE_SEPARATOR as u8);
            text.extend_from_slice(value.as_bytes());
            text.push(PROPERTY_SEPARATOR as u8);
        }
    }

    /// Reads a text form, with or without a last separator. Never fails: what is no property is passed over, as in
    /// Java since 4.9.1 (`MessageDecoder#string2messageProperties`).
    ///
    /// Pairs without a name or without a value are dropped, the last of equal names wins, and a value may hold U+0001.
    #[doc(alias = "string2messageProperties")]
    #[must_use]
    pub fn decode(text: &str) -> Self {
        let pairs = text.split(PROPERTY_SEPARATOR).filter_map(|pair| {
            let (name, value) = pair.split_once(NAME_VALUE_SEPARATOR)?;
            (!name.is_empty() && !value.is_empty()).then_some((name, value))
        });
        let mut properties = Self::new();
        let mut places = Places::default();
        for (name, value) in pairs {
            match places.find(&properties, name) {
                Some(at) => properties.pairs[at].1 = Cow::Owned(value.to_owned()),
                None => {
                    places.add(name, properties.len());
                    properties.pairs.push((Cow::Owned(name.to_owned()), Cow::Owned(value.to_owned())));
                }
            }
        }
        properties
    }

    /// The pairs that may hold anything, in order.
    #[inline]
    pub(crate) fn unchecked(&self) -> Iter<'_> {
        Iter { wait: None, pairs: self.pairs.iter() }
    }

    fn put(&mut self, name: Cow<'static, str>, value: Cow<'static, str>) -> Option<String> {
        if name == WAIT && (self.wait.is_some() || self.pairs.is_empty()) {
            let old = self.wait.take();
            match &*value {
                "true" => self.wait = Some(true),
                "false" => self.wait = Some(false),
                _ => self.pairs.insert(0, (name, value)),
            }
            return old.map(|wait| wait_text(wait).to_owned());
        }
        match self.pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => Some(std::mem::replace(old, value).into_owned()),
            None => {
                self.pairs.push((name, value));
                None
            }
        }
    }
}

fn wait_text(wait: bool) -> &'static str {
    if wait { "true" } else { "false" }
}

/// Bytes of one pair in the text form.
pub(crate) fn encoded_pair_len(name_bytes: usize, value_bytes: usize) -> usize {
    let separators = NAME_VALUE_SEPARATOR.len_utf8() + PROPERTY_SEPARATOR.len_utf8();
    name_bytes.saturating_add(value_bytes).saturating_add(separators)
}

/// Where each name of a text stands. Few names are searched one by one; text from the network may hold thousands,
/// which would take quadratic time, so from some number on they are hashed.
#[derive(Default)]
struct Places<'a> {
    seen: Vec<&'a str>,
    hashed: HashMap<&'a str, usize>,
}

impl<'a> Places<'a> {
    const SEARCHED: usize = 32;

    fn find(&self, properties: &Properties, name: &str) -> Option<usize> {
        if properties.len() <= Self::SEARCHED {
            properties.pairs.iter().position(|(known, _)| known == name)
        } else {
            self.hashed.get(name).copied()
        }
    }

    fn add(&mut self, name: &'a str, at: usize) {
        if at < Self::SEARCHED {
            self.seen.push(name);
        } else {
            let hashed = &mut self.hashed;
            hashed.extend(self.seen.drain(..).enumerate().map(|(at, name)| (name, at)));
            hashed.insert(name, at);
        }
    }
}

/// The pairs of [`Properties`] in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    wait: Option<bool>,
    pairs: std::slice::Iter<'a, (Cow<'static, str>, Cow<'static, str>)>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(wait) = self.wait.take() {
            return Some((WAIT, wait_text(wait)));
        }
        self.pairs.next().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.wait.is_some()) + self.pairs.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Properties {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<String>> Extend<(N, V)> for Properties {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.set(name, value);
        }
    }
}

impl<N: Into<Cow<'static, str>>, V: Into<String>> FromIterator<(N, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut properties = Self::new();
        properties.extend(pairs);
        properties
    }
}

impl PartialEq for Properties {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Eq for Properties {}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = self.iter().map(|(name, value)| (name, format_args!("{} bytes", value.len()).to_string()));
        f.debug_map().entries(lengths).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_a_name_again_keeps_its_place() {
        let mut properties = Properties::from_iter([("a", "1"), ("b", "2")]);
        assert_eq!(properties.set("a", "3"), Some("1".to_owned()));
        assert_eq!(properties.set_static("c", "4"), None);
        assert_eq!(properties.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "2"), ("c", "4")]);
        assert_eq!(properties.remove("b"), Some("2".to_owned()));
        assert_eq!(properties.remove("b"), None);
        assert!(!properties.contains("b"));
    }

    #[test]
    fn the_property_that_every_message_begins_with_is_one_like_any_other() {
        let text = |properties: &Properties| {
            let mut bytes = b"-".to_vec();
            properties.encode_into_bytes(&mut bytes);
            assert_eq!(bytes, ("-".to_owned() + &properties.encode()).as_bytes());
            properties.encode()
        };
        for (first, then) in [("true", "false"), ("false", "TRUE"), ("maybe", "true"), ("", "true")] {
            let mut properties = Properties::new();
            assert_eq!(properties.set(WAIT, first), None);
            assert_eq!(properties.set("a", "1"), None);
            assert_eq!((properties.get(WAIT), properties.get("a"), properties.len()), (Some(first), Some("1"), 2));
            assert_eq!(text(&properties), format!("WAIT\u{1}{first}\u{2}a\u{1}1\u{2}"));
            assert_eq!(properties.set_static(WAIT, then), Some(first.to_owned()));
            assert_eq!(text(&properties), format!("WAIT\u{1}{then}\u{2}a\u{1}1\u{2}"), "in its old place");
            assert_eq!(properties.encoded_len(), text(&properties).len());
            let mut pairs = properties.iter();
            assert_eq!((pairs.len(), pairs.next(), pairs.len()), (2, Some((WAIT, then)), 1));
            assert_eq!(properties, Properties::decode(&text(&properties)));
            assert_eq!(properties.remove(WAIT), Some(then.to_owned()));
            assert_eq!(properties.remove(WAIT), None);
            assert_eq!((properties.get(WAIT), properties.len(), properties.is_empty()), (None, 1, false));
            assert_eq!(properties.set(WAIT, "true"), None);
            assert_eq!(text(&properties), "a\u{1}1\u{2}WAIT\u{1}true\u{2}", "behind those that are there");
            assert_eq!(properties.set(WAIT, "false"), Some("true".to_owned()));
            assert_eq!(text(&properties), "a\u{1}1\u{2}WAIT\u{1}false\u{2}");
        }
        let alone = Properties::from_iter([(WAIT, "true")]);
        assert_eq!((alone.len(), alone.is_empty(), format!("{alone:?}")), (1, false, r#"{"WAIT": "4 bytes"}"#.into()));
    }

    #[test]
    fn what_every_message_begins_with_is_set_like_any_other() {
        let mut properties = Properties::new();
        properties.set_static(WAIT, "true");
        assert_eq!((Properties::waiting().wait, Properties::waiting()), (properties.wait, properties));
    }

    #[test]
    fn equal_maps_need_not_have_the_same_order() {
        let one = Properties::from_iter([("a", "1"), ("b", "2")]);
        let other = Properties::from_iter([("b", "2"), ("a", "1")]);
        assert_eq!(one, other);
        assert_ne!(one, Properties::from_iter([("a", "1"), ("b", "3")]));
        assert_ne!(one, Properties::from_iter([("a", "1")]));
    }

    #[test]
    fn the_encoded_length_is_the_length_of_the_text() {
        let properties = Properties::from_iter([("ключ", "值🚀"), ("b", "")]);
        assert_eq!(properties.encoded_len(), properties.encode().len());
    }

    #[test]
    fn debug_shows_no_value() {
        let properties = Properties::from_iter([("KEYS", "secret")]);
        assert_eq!(format!("{properties:?}"), r#"{"KEYS": "6 bytes"}"#);
    }

    #[test]
    fn duplicates_are_found_among_thousands() {
        for distinct in [1, 31, 32, 33, 34, 5_000] {
            let mut text: String = (0..distinct).map(|n| format!("n{n}\u{1}old\u{2}")).collect();
            text += &(0..distinct).map(|n| format!("n{n}\u{1}new{n}\u{2}")).collect::<String>();
            let properties = Properties::decode(&text);
            assert_eq!(properties.len(), distinct);
            for (n, (name, value)) in properties.iter().enumerate() {
                assert_eq!((name, value), (&*format!("n{n}"), &*format!("new{n}")));
            }
        }
    }
}
