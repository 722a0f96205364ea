//! LanguageCode: which client library a peer says it is.
//!
//! An open set: a number without a name is kept as it came.

use std::fmt;

/// The implementation language a command was made by, with the numbers of the binary header.
///
/// The JSON header carries the name, the binary header the number.
#[doc(alias = "org.apache.rocketmq.remoting.protocol.LanguageCode")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LanguageCode(u8);

impl LanguageCode {
    /// The number `code`, whether or not it has a name.
    pub const fn from_code(code: u8) -> Self {
        Self(code)
    }

    /// The language called `name`, in any case. `None` for an unknown name.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        u8::try_from(found).ok().map(Self)
    }

    /// The language with this ordinal of Java's enum, which is its code. `None` for a number without a name.
    pub fn from_ordinal(ordinal: i64) -> Option<Self> {
        let code = u8::try_from(ordinal).ok()?;
        Some(Self(code)).filter(|language| language.name().is_some())
    }

    /// The number of the binary header.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The name of the JSON header. `None` for an unknown number.
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(usize::from(self.0)).copied()
    }
}

impl fmt::Display for LanguageCode {
    /// `RUST`, or `LANGUAGE(99)` for an unknown number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "LANGUAGE({})", self.0),
        }
    }
}

impl fmt::Debug for LanguageCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! languages {
    ($($name:ident = $code:literal),+ $(,)?) => {
        impl LanguageCode {
            $(
                #[doc = concat!("`", stringify!($name), "`, number ", stringify!($code), ".")]
                pub const $name: Self = Self($code);
            )+
        }

        /// Names by number.
        const NAMES: &[&str] = &[$(stringify!($name)),+];
    };
}

languages! {
    JAVA = 0,
    CPP = 1,
    DOTNET = 2,
    PYTHON = 3,
    DELPHI = 4,
    ERLANG = 5,
    RUBY = 6,
    OTHER = 7,
    HTTP = 8,
    GO = 9,
    PHP = 10,
    OMS = 11,
    RUST = 12,
    NODE_JS = 13,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_at_its_own_number() {
        for (code, name) in (0u8..).zip(NAMES) {
            assert_eq!(LanguageCode::from_code(code).name(), Some(*name));
            assert_eq!(LanguageCode::from_name(&name.to_lowercase()), Some(LanguageCode(code)));
        }
        assert_eq!(LanguageCode::RUST.code(), 12);
        assert_eq!(LanguageCode::NODE_JS.code(), 13);
    }

    #[test]
    fn an_unknown_number_is_kept_and_shown() {
        assert_eq!(LanguageCode::from_code(99).to_string(), "LANGUAGE(99)");
        assert_eq!(LanguageCode::from_ordinal(14), None);
        assert_eq!(LanguageCode::from_ordinal(-1), None);
        assert_eq!(LanguageCode::from_name("COBOL"), None);
    }
}
