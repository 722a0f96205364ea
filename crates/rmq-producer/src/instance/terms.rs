//! Terms: what producers have to agree on if they are to share an instance.
//!
//! Java lets the first one win, in silence; here who does not agree is refused, by the name of the option. What a term holds is compared and
//! never shown.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// Options by name, with what has to be the same.
#[derive(Clone, Default)]
pub(crate) struct Terms(Vec<(&'static str, Value)>);

#[derive(Clone)]
struct Value {
    value: Arc<dyn Any + Send + Sync>,
    is_same: fn(&dyn Any, &dyn Any) -> bool,
}

impl Terms {
    /// Adds an option that is the same if it is equal.
    pub(crate) fn equal<T: PartialEq + Send + Sync + 'static>(mut self, option: &'static str, value: T) -> Self {
        let is_same = |one: &dyn Any, other: &dyn Any| one.downcast_ref::<T>() == other.downcast_ref::<T>();
        self.0.push((option, Value { value: Arc::new(value), is_same }));
        self
    }

    /// Adds an option whose debug text says all of it.
    pub(crate) fn text(self, option: &'static str, value: &(impl Debug + ?Sized)) -> Self {
        self.equal(option, format!("{value:?}"))
    }

    /// Adds an option that is the same only if it is the same object: by the addresses of its parts.
    pub(crate) fn identity(self, option: &'static str, parts: impl IntoIterator<Item = usize>) -> Self {
        self.equal(option, parts.into_iter().collect::<Vec<_>>())
    }

    /// Returns the first option in which the two differ.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let mut options = self.0.iter().chain(&other.0).map(|(option, _)| *option);
        options.find(|option| match (self.value(option), other.value(option)) {
            (Some(one), Some(other)) => !(one.is_same)(&*one.value, &*other.value),
            (one, other) => one.is_some() != other.is_some(),
        })
    }

    fn value(&self, option: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| *name == option).map(|(_, value)| value)
    }
}

impl Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(option, _)| option)).finish()
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
