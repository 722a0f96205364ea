//! Any text as a property, tag or key: it is refused, or it comes back unchanged.

use proptest::prelude::*;
use rmq_message::{Message, MessageLimits, Properties, property_key};

/// Text that likes to hold what does harm.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        2 => "[a-zA-Z]{1,8}",
        1 => prop::sample::select(vec!["\u{1}", "\u{2}", " ", "\t", "\u{A0}", "\0", "KEYS", "TAGS", "WAIT"])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn read_back(message: &Message) -> Properties {
    Properties::decode(&message.properties().encode())
}

/// White space by Unicode's idea or by Java's.
fn is_blank(text: &str) -> bool {
    text.chars().all(|character| character.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&character))
}

fn is_accepted(message: &Message) -> bool {
    message.validate(&MessageLimits::default()).is_ok()
}

proptest! {
    #[test]
    fn a_property_is_refused_or_comes_back(name in any_text(), value in any_text(), other in any_text()) {
        let message = Message::new("T", "body").property("neighbour", "n").property(&*name, &*value).property("last", &*other);
        if is_accepted(&message) {
            let read = read_back(&message);
            prop_assert_eq!(&read, message.properties());
            prop_assert_eq!(read.get(&name), Some(if name == "last" { &*other } else { &*value }));
            if name != "neighbour" {
                prop_assert_eq!(read.get("neighbour"), Some("n"));
            }
            prop_assert_eq!(read.get(property_key::WAIT), Some("true"));
        } else {
            let harmful = |text: &str| text.contains(['\u{1}', '\u{2}']) || is_blank(text);
            let refused = property_key::is_reserved(&name) || [name, value, other].iter().any(|text| harmful(text));
            prop_assert!(refused, "nothing was wrong");
        }
    }

    #[test]
    fn a_tag_is_refused_or_comes_back(tag in any_text()) {
        let message = Message::new("T", "body").tag(&*tag);
        if is_accepted(&message) {
            let read = read_back(&message);
            prop_assert_eq!(read.get(property_key::TAGS), Some(&*tag));
        }
    }

    #[test]
    fn keys_are_refused_or_come_back_one_by_one(keys in prop::collection::vec(any_text(), 1..5)) {
        let message = Message::new("T", "body").keys(&keys);
        if is_accepted(&message) {
            let read = read_back(&message);
            let read: Vec<_> = read.get(property_key::KEYS).unwrap().split(property_key::KEY_SEPARATOR).collect();
            prop_assert_eq!(read, keys);
        }
    }

    #[test]
    fn what_a_library_slips_in_is_refused_or_comes_back(name in any_text(), value in any_text()) {
        let mut message = Message::new("T", "body");
        message.properties_mut().set(name, value);
        if is_accepted(&message) {
            prop_assert_eq!(&read_back(&message), message.properties());
        }
    }

    #[test]
    fn any_text_reads_as_properties_that_come_back(text in any_text(), end in any_text()) {
        let text = format!("{text}\u{1}{end}\u{2}{end}\u{1}{text}");
        let read = Properties::decode(&text);
        prop_assert_eq!(&Properties::decode(&read.encode()), &read);
        prop_assert_eq!(read.encoded_len(), read.encode().len());
    }

    #[test]
    fn the_limit_is_met_to_the_byte(limit in 60..2_000_usize, over in 0..2_usize, unique_id in prop::option::of(0..60_usize)) {
        let limits = MessageLimits::default().max_properties_bytes(limit);
        let mut message = Message::new("T", "body").property("p", "v");
        let (limits, added) = match unique_id {
            Some(length) => (limits.adds_property(property_key::UNIQ_KEY, length), length + 10),
            None => (limits, 0),
        };
        let free = (limit + over).checked_sub(message.properties().encoded_len() + added);
        prop_assume!(free.is_some());
        message = message.property("p", "v".repeat(free.unwrap_or_default() + 1));
        prop_assert_eq!(is_ok_within(&message, &limits), over == 0);
        // what is sent in the end
        message.properties_mut().set(property_key::UNIQ_KEY, "i".repeat(unique_id.unwrap_or_default()));
        if unique_id.is_some() {
            prop_assert_eq!(message.properties().encoded_len(), limit + over);
        }
    }
}

fn is_ok_within(message: &Message, limits: &MessageLimits) -> bool {
    message.validate(limits).is_ok()
}
