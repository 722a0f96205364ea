//! Values of settings that have a form of their own: times, numbers of bytes, words.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, Unexpected, Visitor};

use super::nearest;

/// `"3s"`, or milliseconds as a whole number.
pub(super) struct Time(pub(super) Duration);

const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl Time {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let unit_at = text.find(|character: char| !character.is_ascii_digit())?;
        let (number, unit) = (text[..unit_at].parse::<u64>().ok()?, text[unit_at..].trim_start());
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let nanos = u128::from(number).checked_mul(*nanos)?;
        let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
        Some(Self(Duration::new(seconds, u32::try_from(nanos % 1_000_000_000).ok()?)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        // The nanosecond divides everything.
        let unit = UNITS.iter().find(|(_, unit)| nanos % unit == 0).unwrap_or(&UNITS[6]);
        write!(f, "{}{}", nanos / unit.1, unit.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as \"3s\", \"500ms\" or \"1m\", or a whole number of milliseconds")
            }

            fn visit_u64<E: Error>(self, millis: u64) -> Result<Time, E> {
                Ok(Time(Duration::from_millis(millis)))
            }

            fn visit_i64<E: Error>(self, millis: i64) -> Result<Time, E> {
                let positive =
                    u64::try_from(millis).map_err(|_| E::invalid_value(Unexpected::Signed(millis), &self))?;
                self.visit_u64(positive)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                Time::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Pairs of times: `[["50ms", "0s"], ["100ms", "2s"]]`.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Times(Vec<(Time, Time)>);

impl Times {
    pub(crate) fn of(pairs: &[(Duration, Duration)]) -> Self {
        Self(pairs.iter().map(|(one, other)| (Time(*one), Time(*other))).collect())
    }

    pub(crate) fn pairs(self) -> Vec<(Duration, Duration)> {
        self.0.into_iter().map(|(one, other)| (one.0, other.0)).collect()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(one, other)| format!("[\"{one}\", \"{other}\"]")).collect();
        write!(f, "[{}]", pairs.join(", "))
    }
}

/// `"64MiB"`, or a number.
pub(super) struct ByteCount(pub(super) usize);

const SIZES: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteCount {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let unit_at = text.find(|character: char| !character.is_ascii_digit())?;
        let (number, unit) = (text[..unit_at].parse::<usize>().ok()?, text[unit_at..].trim_start());
        let (_, size) = SIZES.iter().find(|(name, _)| *name == unit)?;
        number.checked_mul(*size).map(Self)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES[..3].iter().find(|(_, size)| self.0 >= *size && self.0 % size == 0) {
            Some((unit, size)) => write!(f, "\"{}{unit}\"", self.0 / size),
            None => self.0.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for ByteCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = ByteCount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of bytes, or a text such as \"4KiB\" or \"64MiB\"")
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteCount, E> {
                let bytes = usize::try_from(bytes).map_err(|_| E::invalid_value(Unexpected::Unsigned(bytes), &self))?;
                Ok(ByteCount(bytes))
            }

            fn visit_i64<E: Error>(self, bytes: i64) -> Result<ByteCount, E> {
                let positive = u64::try_from(bytes).map_err(|_| E::invalid_value(Unexpected::Signed(bytes), &self))?;
                self.visit_u64(positive)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ByteCount, E> {
                ByteCount::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// One of some words.
pub(super) struct Word<'a, T> {
    pub(super) words: &'a [(&'static str, T)],
    /// The setting, for the error.
    pub(super) path: &'a str,
}

impl<'de, T: Copy> DeserializeSeed<'de> for Word<'_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T: Copy> Visitor<'_> for Word<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of the words for the option {}", self.path)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        match self.words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            Some((_, value)) => Ok(*value),
            None => {
                let words: Vec<&str> = self.words.iter().map(|(word, _)| *word).collect();
                Err(E::custom(nearest::unknown_word(self.path, text, &words)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_is_shown() {
        for (text, nanos, shown) in [
            ("3s", 3_000_000_000, "3s"),
            ("500ms", 500_000_000, "500ms"),
            ("1500ms", 1_500_000_000, "1500ms"),
            ("60 s", 60_000_000_000, "1m"),
            ("2h", 7_200_000_000_000, "2h"),
            ("0ms", 0, "0s"),
            ("7ns", 7, "7ns"),
        ] {
            let time = Time::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((time.0.as_nanos(), time.to_string().as_str()), (nanos, shown), "{text}");
        }
        for bad in ["", "s", "3", "3 weeks", "-1s", "1.5s", "99999999999999999999s", "18446744073709551615d"] {
            assert!(Time::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_number_of_bytes_is_read_as_it_is_shown() {
        for (bytes, shown) in
            [(0, "0"), (4096, "\"4KiB\""), (4097, "4097"), (64 << 20, "\"64MiB\""), (1 << 30, "\"1GiB\"")]
        {
            assert_eq!(ByteCount(bytes).to_string(), shown);
            if let Some(text) = shown.strip_prefix('"') {
                assert_eq!(ByteCount::parse(text.trim_end_matches('"')).map(|read| read.0), Some(bytes));
            }
        }
        for bad in ["", "4 kb", "KiB", "99999999999999999999B", "18446744073709551615GiB"] {
            assert!(ByteCount::parse(bad).is_none(), "{bad}");
        }
    }
}
