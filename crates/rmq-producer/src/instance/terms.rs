//! Terms: what producers have to agree on if they are to share an instance.
//!
//! Java lets the first one win, in silence; here who does not agree is refused, by the name of the option. A term never holds a secret as
//! text: what must not be read is told apart by where it lies ([`Terms::identity`]).

use std::fmt::Debug;

/// Options by name, with what has to be the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms(Vec<(&'static str, Value)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    Identity(Vec<usize>),
}

impl Terms {
    /// Adds an option whose debug text says all of it.
    pub(crate) fn text(mut self, option: &'static str, value: &(impl Debug + ?Sized)) -> Self {
        self.0.push((option, Value::Text(format!("{value:?}"))));
        self
    }

    /// Adds an option that is the same only if it is the same object: by the addresses of its parts.
    pub(crate) fn identity(mut self, option: &'static str, parts: impl IntoIterator<Item = usize>) -> Self {
        self.0.push((option, Value::Identity(parts.into_iter().collect())));
        self
    }

    /// Returns the first option in which the two differ.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let mut options = self.0.iter().chain(&other.0).map(|(option, _)| *option);
        options.find(|option| self.value(option) != other.value(option))
    }

    fn value(&self, option: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| *name == option).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_whoever_has_the_option() {
        let terms = || Terms::default().text("a", &1).identity("b", [7, 8]);
        assert_eq!(terms().difference(&terms()), None);
        assert_eq!(terms().difference(&Terms::default().text("a", &2).identity("b", [7])), Some("a"));
        assert_eq!(terms().difference(&Terms::default().text("a", &1).identity("b", [7])), Some("b"));
        assert_eq!(terms().difference(&terms().text("c", "x")), Some("c"));
        assert_eq!(terms().text("c", "x").difference(&terms()), Some("c"));
    }
}
