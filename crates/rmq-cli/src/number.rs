//! Numbers as people read them: `1,000`, `12.5 MB`.

use std::fmt;

/// A number with a comma after each group of three digits.
pub(crate) struct Count(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// A number of bytes in the unit that suits it, by thousands.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            bytes @ ..10_000 => format!("{} B", Count(bytes)),
            bytes @ ..1_000_000 => format!("{}.{} kB", Count(bytes / 1_000), bytes % 1_000 / 100),
            bytes => format!("{}.{} MB", Count(bytes / 1_000_000), bytes % 1_000_000 / 100_000),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")]
        {
            assert_eq!(Count(number).to_string(), text);
        }
    }

    #[test]
    fn bytes_get_a_unit_that_suits_them() {
        for (bytes, text) in [
            (16, "16 B"),
            (9_999, "9,999 B"),
            (10_000, "10.0 kB"),
            (65_536, "65.5 kB"),
            (1_000_000, "1.0 MB"),
            (12_345_678, "12.3 MB"),
            (u64::MAX, "18,446,744,073,709.5 MB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
