//! Request and response codes: open numbers with the protocol's table of names.
//!
//! One list makes both the constants and the names, so that they cannot drift apart.

mod request;
mod response;

pub use request::RequestCode;
pub use response::ResponseCode;

/// Makes an open code type: its constants, its names, and how it is shown.
///
/// Codes under `older` are constants whose number has another name in newer releases.
macro_rules! codes {
    (
        $(#[$meta:meta])*
        $type:ident shown as $unknown:literal
        { $($(#[$doc:meta])* $name:ident = $code:literal,)* }
        older { $($(#[$old_doc:meta])* $old_name:ident = $old_code:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub i32);

        impl $type {
            $(
                $(#[$doc])*
                #[doc = concat!("`", stringify!($name), "`, number ", stringify!($code), ".")]
                pub const $name: Self = Self($code);
            )*
            $(
                $(#[$old_doc])*
                #[doc = concat!("`", stringify!($old_name), "`, number ", stringify!($old_code), ", in 4.x only.")]
                pub const $old_name: Self = Self($old_code);
            )*

            /// Every code that has a name, in numeric order.
            pub const KNOWN: &'static [Self] = &[$(Self($code)),*];

            /// The protocol's name of this code. `None` for an unknown number.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// The code called `name`, the older names of 4.x included.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    $(stringify!($old_name) => Some(Self::$old_name),)*
                    _ => None,
                }
            }
        }

        impl From<i32> for $type {
            fn from(code: i32) -> Self {
                Self(code)
            }
        }

        impl From<$type> for i32 {
            fn from(code: $type) -> Self {
                code.0
            }
        }

        impl std::fmt::Display for $type {
            #[doc = concat!("`NAME(number)`, or `", $unknown, "(number)` when the number has no name.")]
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", self.name().unwrap_or($unknown), self.0)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}
use codes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_show_name_and_number() {
        assert_eq!(RequestCode::SEND_MESSAGE_V2.to_string(), "SEND_MESSAGE_V2(310)");
        assert_eq!(format!("{:?}", ResponseCode::SYSTEM_BUSY), "SYSTEM_BUSY(2)");
        assert!(ResponseCode::SUCCESS.is_success() && !ResponseCode(1).is_success());
    }

    #[test]
    fn unknown_codes_show_their_number() {
        assert_eq!(RequestCode(12345).to_string(), "REQUEST(12345)");
        assert_eq!(ResponseCode(-7).to_string(), "RESPONSE(-7)");
    }

    #[test]
    fn a_number_with_two_names_shows_the_newer_one() {
        assert_eq!(ResponseCode::DELETE_ACL_CONFIG_FAILED, ResponseCode::POLLING_TIMEOUT);
        assert_eq!(ResponseCode(210).name(), Some("POLLING_TIMEOUT"));
        assert_eq!(ResponseCode::from_name("DELETE_ACL_CONFIG_FAILED"), Some(ResponseCode(210)));
    }

    #[test]
    fn every_name_leads_back_to_its_number() {
        for &code in RequestCode::KNOWN {
            assert_eq!(code.name().and_then(RequestCode::from_name), Some(code));
        }
        for &code in ResponseCode::KNOWN {
            assert_eq!(code.name().and_then(ResponseCode::from_name), Some(code));
        }
        assert!(RequestCode::KNOWN.is_sorted() && ResponseCode::KNOWN.is_sorted());
    }
}
