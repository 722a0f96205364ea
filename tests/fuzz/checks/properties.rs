//! What must hold when any text is read as the properties of a message.
//!
//! Reading never fails and never invents text; what was read is written and read back as the same.

use rmq_message::Properties;

pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let properties = Properties::decode(&text);
    let written = properties.encode();
    assert_eq!(written.len(), properties.encoded_len());
    assert!(written.len() <= text.len() + 1, "only the last separator may be added");
    assert_eq!(Properties::decode(&written), properties);
    assert_eq!(properties.iter().count(), properties.len());
    for (name, value) in properties.iter() {
        assert_eq!(properties.get(name), Some(value), "names are unique");
    }
}
