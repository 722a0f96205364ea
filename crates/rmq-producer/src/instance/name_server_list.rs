//! NameServerList: the addresses of the name servers, as users write them.
//!
//! Never empty, no address twice.

use std::fmt;
use std::str::FromStr;

use rmq_remoting::{Endpoint, InvalidEndpoint};

/// Addresses of name servers. Reads `host:port` items that are separated by `;`, `,` or white space; a missing port is 9876, and `http://` before
/// an item is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "namesrvAddr")]
pub struct NameServerList(Vec<Endpoint>);

impl NameServerList {
    /// The port of an address that has none.
    pub const DEFAULT_PORT: u16 = 9876;

    /// Reads a list.
    ///
    /// # Errors
    /// The text holds no address, or one that cannot be dialled.
    pub fn parse(text: &str) -> Result<Self, InvalidNameServers> {
        let mut list: Vec<Endpoint> = Vec::new();
        for item in text.split(|c: char| c == ';' || c == ',' || c.is_whitespace()).filter(|item| !item.is_empty()) {
            let address = item.strip_prefix("http://").filter(|rest| !rest.contains('/')).unwrap_or(item);
            let endpoint = Endpoint::parse_or_port(address, Self::DEFAULT_PORT).map_err(InvalidNameServers::Address)?;
            if !list.contains(&endpoint) {
                list.push(endpoint);
            }
        }
        if list.is_empty() { Err(InvalidNameServers::Empty) } else { Ok(Self(list)) }
    }

    /// Returns the addresses, in the order given.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.0
    }
}

impl FromStr for NameServerList {
    type Err = InvalidNameServers;

    fn from_str(text: &str) -> Result<Self, InvalidNameServers> {
        Self::parse(text)
    }
}

impl fmt::Display for NameServerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, endpoint) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(";")?;
            }
            endpoint.fmt(f)?;
        }
        Ok(())
    }
}

/// A text that is no list of name servers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNameServers {
    /// It holds no address.
    #[error("no name server is given; write for example name_servers(\"127.0.0.1:9876\")")]
    Empty,
    /// It holds an address that nobody can dial.
    #[error(transparent)]
    Address(InvalidEndpoint),
}

/// What can be given as name servers: one text with one or more addresses, or a list of such texts.
pub trait IntoNameServers {
    /// Returns the addresses in one text, separated by `;`.
    fn into_name_servers(self) -> String;
}

impl IntoNameServers for &str {
    fn into_name_servers(self) -> String {
        self.to_owned()
    }
}

impl IntoNameServers for String {
    fn into_name_servers(self) -> String {
        self
    }
}

impl IntoNameServers for &String {
    fn into_name_servers(self) -> String {
        self.clone()
    }
}

impl IntoNameServers for &NameServerList {
    fn into_name_servers(self) -> String {
        self.to_string()
    }
}

impl IntoNameServers for NameServerList {
    fn into_name_servers(self) -> String {
        self.to_string()
    }
}

impl<S: AsRef<str>> IntoNameServers for &[S] {
    fn into_name_servers(self) -> String {
        self.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(";")
    }
}

impl<S: AsRef<str>, const N: usize> IntoNameServers for [S; N] {
    fn into_name_servers(self) -> String {
        self.as_slice().into_name_servers()
    }
}

impl<S: AsRef<str>, const N: usize> IntoNameServers for &[S; N] {
    fn into_name_servers(self) -> String {
        self.as_slice().into_name_servers()
    }
}

impl<S: AsRef<str>> IntoNameServers for Vec<S> {
    fn into_name_servers(self) -> String {
        self.as_slice().into_name_servers()
    }
}

impl<S: AsRef<str>> IntoNameServers for &Vec<S> {
    fn into_name_servers(self) -> String {
        self.as_slice().into_name_servers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_separator_is_read_and_the_usual_port_is_filled_in() {
        let list = NameServerList::parse(" a:1; b ,c:3\n[::1]\t10.0.0.1:9876;;").unwrap();
        assert_eq!(list.to_string(), "a:1;b:9876;c:3;[::1]:9876;10.0.0.1:9876");
        assert_eq!(list.to_string().parse::<NameServerList>().unwrap(), list);
    }

    #[test]
    fn an_address_is_kept_once() {
        assert_eq!(NameServerList::parse("a;a:9876,b").unwrap().endpoints().len(), 2);
    }

    #[test]
    fn an_empty_list_and_a_bad_address_are_refused_with_their_text() {
        for empty in ["", " ;, "] {
            assert_eq!(NameServerList::parse(empty), Err(InvalidNameServers::Empty));
        }
        for bad in ["host:0", "host:port", "http://host:80/x", "a b:99999", "a:1;:5"] {
            let error = NameServerList::parse(bad).unwrap_err();
            let InvalidNameServers::Address(error) = error else { panic!("{bad}") };
            let culprit = error.to_string();
            assert!(bad.split([';', ' ']).any(|item| culprit.contains(&format!("`{item}`"))), "{bad}: {culprit}");
        }
    }

    #[test]
    fn lists_of_texts_are_taken_in_every_form() {
        let two = ["a:1", "b:2"];
        for text in [
            two.into_name_servers(),
            (&two).into_name_servers(),
            two.as_slice().into_name_servers(),
            vec!["a:1".to_owned(), "b:2".to_owned()].into_name_servers(),
            (&vec!["a:1", "b:2"]).into_name_servers(),
            "a:1;b:2".into_name_servers(),
            "a:1;b:2".to_owned().into_name_servers(),
            NameServerList::parse("a:1,b:2").unwrap().into_name_servers(),
        ] {
            assert_eq!(text, "a:1;b:2");
        }
    }
}
