//! Reads the fields of request headers, letter by letter and name by name.
//!
//! Nothing here is shared with the client's headers: a field that the client misspells is missing here. What is missing or no number fails with
//! the text of the exception that a Java server throws.

use rmq_remoting::RemotingCommand;

use crate::dialect::Dialect;
use crate::voice::Refusal;

/// The header of one request, read as a Java header class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    request: &'a RemotingCommand,
    dialect: Dialect,
    class: &'static str,
}

impl<'a> Fields<'a> {
    /// Reads `request` as header class `class`, whose name only exception texts need.
    pub(crate) fn of(request: &'a RemotingCommand, dialect: Dialect, class: &'static str) -> Self {
        Self { request, dialect, class }
    }

    /// Text, `None` when absent.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.request.field(name)
    }

    /// Text that must be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<&'a str, Refusal> {
        self.text(name).ok_or_else(|| {
            Refusal::exception(
                "java.lang.NullPointerException: Cannot invoke \"Object.hashCode()\" because \"key\" is null, \
                 java.base/java.util.concurrent.ConcurrentHashMap.get(ConcurrentHashMap.java:936)",
            )
        })
    }

    /// A 32-bit number, `None` when absent.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i32>, Refusal> {
        self.text(name).map(|text| text.parse().map_err(|_| no_number(text))).transpose()
    }

    /// A 64-bit number, `None` when absent.
    pub(crate) fn long(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.text(name).map(|text| text.parse().map_err(|_| no_number(text))).transpose()
    }

    /// A 32-bit number that must be there.
    pub(crate) fn required_int(&self, name: &'static str) -> Result<i32, Refusal> {
        self.int(name)?.ok_or_else(|| self.unboxed_null(name, "Integer.intValue"))
    }

    /// A 64-bit number that must be there.
    pub(crate) fn required_long(&self, name: &'static str) -> Result<i64, Refusal> {
        self.long(name)?.ok_or_else(|| self.unboxed_null(name, "Long.longValue"))
    }

    /// `true` in any case is true, all else is false.
    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// What Java throws when a number that is absent is used: `member` is the Java name of the field.
    pub(crate) fn unboxed_null(&self, member: &str, unboxing: &str) -> Refusal {
        let mut getter = member.to_owned();
        if let Some(first) = getter.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        Refusal::exception(format!(
            "java.lang.NullPointerException: Cannot invoke \"java.lang.{unboxing}()\" because the return value of \
             \"{}.{}.get{getter}()\" is null",
            self.dialect.header_package(),
            self.class,
        ))
    }
}

fn no_number(text: &str) -> Refusal {
    Refusal::exception(format!(
        "java.lang.NumberFormatException: For input string: \"{text}\", \
         java.base/java.lang.NumberFormatException.forInputString(NumberFormatException.java:67)"
    ))
}

#[cfg(test)]
mod tests {
    use rmq_remoting::RequestCode;

    use super::*;

    #[test]
    fn absent_and_unreadable_numbers_fail_as_in_java() {
        let request = RemotingCommand::request(RequestCode::GET_MAX_OFFSET).with_field("queueId", "one");
        let fields = Fields::of(&request, Dialect::V4_9, "GetMaxOffsetRequestHeader");
        assert!(
            fields
                .int("queueId")
                .unwrap_err()
                .remark
                .starts_with("java.lang.NumberFormatException: For input string: \"one\"")
        );
        assert_eq!(
            fields.required_int("offset").unwrap_err().remark,
            "java.lang.NullPointerException: Cannot invoke \"java.lang.Integer.intValue()\" because the return value of \
             \"org.apache.rocketmq.common.protocol.header.GetMaxOffsetRequestHeader.getOffset()\" is null"
        );
        assert_eq!(fields.int("offset"), Ok(None));
    }

    #[test]
    fn only_the_word_true_is_true() {
        let request = RemotingCommand::request(RequestCode(1)).with_field("a", "TRUE").with_field("b", "1");
        let fields = Fields::of(&request, Dialect::V5, "X");
        assert_eq!((fields.boolean("a"), fields.boolean("b"), fields.boolean("c")), (Some(true), Some(false), None));
    }
}
