//! A message property of the user's own, written `name=value`.
//!
//! The first `=` separates, so a value may hold more of them; whether name and value are legal is for the message to say.

use std::str::FromStr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Property {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("a property is written NAME=VALUE")?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_equals_sign_separates() {
        let property: Property = "a=b=c".parse().unwrap();
        assert_eq!((property.name.as_str(), property.value.as_str()), ("a", "b=c"));
        assert!("a".parse::<Property>().is_err());
    }

    #[test]
    fn an_empty_value_is_left_for_the_message_to_refuse() {
        let property: Property = "a=".parse().unwrap();
        assert_eq!(property.value, "");
    }
}
