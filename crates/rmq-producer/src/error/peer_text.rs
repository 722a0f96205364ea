//! PeerText: text from a server, made safe for a terminal and cut.
//!
//! Whatever a broker or name server says may end up in a log; none of it may drive a terminal or fill a disk.

use std::fmt;

pub(super) struct PeerText<'a>(pub(super) &'a str);

impl fmt::Display for PeerText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(nothing)");
        }
        for character in self.0.chars().take(SHOWN) {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?
            } else {
                write!(f, "{character}")?
            }
        }
        if self.0.chars().nth(SHOWN).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

const SHOWN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_long_text_is_cut() {
        assert_eq!(PeerText("a\u{1b}[31m\nb ü").to_string(), "a\\u{1b}[31m\\nb ü");
        assert_eq!(PeerText(&"x".repeat(1000)).to_string().chars().count(), SHOWN + 1);
        assert_eq!(PeerText("").to_string(), "(nothing)");
    }
}
