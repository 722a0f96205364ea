//! Any text as a topic or group.

use proptest::prelude::*;
use rmq_message::validate::{validate_group, validate_topic};
use rmq_message::{Message, MessageLimits};

fn legal(name: &str, limit: usize) -> bool {
    let characters = "%|_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    (1..=limit).contains(&name.chars().count()) && name.chars().all(|character| characters.contains(character))
}

proptest! {
    #[test]
    fn names_are_legal_or_refused(name in prop_oneof![any::<String>(), "[a-zA-Z0-9%|_-]{0,260}", "[a-z./\\\\%\0é]{0,6}"]) {
        prop_assert_eq!(validate_topic(&name).is_ok(), legal(&name, 127));
        prop_assert_eq!(validate_group(&name).is_ok(), legal(&name, 120));
        let sent = Message::new(&*name, "body").validate(&MessageLimits::default());
        prop_assert_eq!(sent.is_ok(), legal(&name, 127), "no generated name is a system topic");
    }
}
