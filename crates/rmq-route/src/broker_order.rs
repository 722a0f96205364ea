//! The order of broker names, which decides the order of queues.
//!
//! It is that of Java's `String#compareTo` (UTF-16 units), so that clients of both kinds count queues alike; for all
//! names without characters beyond U+FFFF it is also Rust's.

use std::cmp::Ordering;

pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_beyond_the_basic_plane_sort_as_java_sorts_them() {
        assert_eq!(compare("b10", "b9"), Ordering::Less);
        assert_eq!(compare("B9", "b10"), Ordering::Less);
        assert_eq!(compare("\u{1F600}", "\u{FF21}"), Ordering::Less);
        assert_eq!("\u{1F600}".cmp("\u{FF21}"), Ordering::Greater);
    }
}
