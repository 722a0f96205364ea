//! The text form of message properties, as brokers read and write it.
//!
//! `name 0x01 value 0x02`, nothing escaped. Written apart from the client's own code, so that both must be right to agree.

use std::collections::HashMap;

/// Properties in the order of their first appearance; names are unique.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PropertyText {
    entries: Vec<(String, String)>,
}

impl PropertyText {
    /// Reads the text form (`MessageDecoder#string2messageProperties`): segments under 3 characters, without a separator, name or value
    /// are skipped, a later value wins.
    pub(crate) fn parse(text: &str) -> Self {
        let mut entries: Vec<(String, String)> = Vec::new();
        // Text from the network may hold thousands of names; looking each up among the others would take seconds.
        let mut places: HashMap<&str, usize> = HashMap::new();
        for segment in text.split('\u{2}').filter(|segment| segment.encode_utf16().count() >= 3) {
            match segment.split_once('\u{1}') {
                Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                    let place = *places.entry(name).or_insert(entries.len());
                    match entries.get_mut(place) {
                        Some((_, old)) => value.clone_into(old),
                        None => entries.push((name.to_owned(), value.to_owned())),
                    }
                }
                _ => {}
            }
        }
        Self { entries }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        match self.entries.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.entries.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.entries.iter().position(|(key, _)| key == name)?;
        Some(self.entries.remove(at).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Writes the text form. Releases before 5.2.0 leave out the last separator.
    pub(crate) fn write(&self, last_separator: bool) -> String {
        let mut text =
            String::with_capacity(self.entries.iter().map(|(name, value)| name.len() + value.len() + 2).sum());
        for (name, value) in &self.entries {
            text.extend([name, "\u{1}", value, "\u{2}"]);
        }
        if !last_separator {
            text.pop();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_endings_are_read_and_written() {
        for text in ["TAGS\u{1}a\u{2}KEYS\u{1}k1 k2", "TAGS\u{1}a\u{2}KEYS\u{1}k1 k2\u{2}"] {
            let read = PropertyText::parse(text);
            assert_eq!(read.iter().collect::<Vec<_>>(), [("TAGS", "a"), ("KEYS", "k1 k2")]);
            assert_eq!(read.write(text.ends_with('\u{2}')), text);
        }
        assert_eq!(PropertyText::default().write(false), "");
    }

    #[test]
    fn what_cannot_be_a_property_is_skipped() {
        let read = PropertyText::parse("a\u{1}\u{2}\u{1}x\u{2}none\u{2}a\u{2}b\u{1}1\u{1}2\u{2}b\u{1}3\u{2}");
        assert_eq!(read.iter().collect::<Vec<_>>(), [("b", "3")], "later values win, a value may hold 0x01");
        assert_eq!(PropertyText::parse("b\u{1}1\u{1}2").get("b"), Some("1\u{1}2"));
    }
}
