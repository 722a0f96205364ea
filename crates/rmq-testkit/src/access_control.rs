//! Access control: which accounts there are, and whether a request is signed by one of them.
//!
//! Written after the servers' side (`PlainPermissionManager#validate` of 4.9, `DefaultAuthenticationProvider` of 5.x) and apart from the client's
//! signing code, so that a mistake of ours cannot cancel itself out.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use rmq_remoting::{RemotingCommand, RequestCode, ResponseCode};
use sha1::Sha1;

use crate::dialect::Dialect;
use crate::voice::Refusal;

/// An access key (in 5.x: a user) that brokers know, and what it may do. Default: everything.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Account {
    access_key: String,
    secret_key: String,
    /// `None`: all of them, and whatever else an administrator does.
    topics: Option<Vec<String>>,
}

impl Account {
    /// An account that may do everything.
    #[doc(alias("accessKey", "secretKey", "initAuthenticationUser"))]
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self { access_key: access_key.into(), secret_key: secret_key.into(), topics: None }
    }

    /// Lets the account send to these topics only, and create none.
    #[doc(alias = "topicPerms")]
    pub fn only_topics<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.topics = Some(topics.into_iter().map(Into::into).collect());
        self
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("access_key", &self.access_key)
            .field("topics", &self.topics)
            .finish_non_exhaustive()
    }
}

/// The accounts of all brokers of a cluster; `None`: nobody is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    accounts: Arc<Mutex<Option<Vec<Account>>>>,
}

impl Guard {
    pub(crate) fn of(accounts: impl IntoIterator<Item = Account>) -> Self {
        Self { accounts: Arc::new(Mutex::new(Some(accounts.into_iter().collect()))) }
    }

    pub(crate) fn set(&self, accounts: impl IntoIterator<Item = Account>) {
        *self.accounts.lock() = Some(accounts.into_iter().collect());
    }

    /// Lets a request pass, or says why not as a broker of this release does.
    pub(crate) fn check(&self, dialect: Dialect, from: IpAddr, request: &RemotingCommand) -> Result<(), Refusal> {
        let accounts = self.accounts.lock();
        let Some(accounts) = &*accounts else { return Ok(()) };
        let words = Words { dialect, from };
        let Some(key) = request.field("AccessKey").filter(|key| !key.is_empty()) else { return Err(words.no_key()) };
        let Some(account) = accounts.iter().find(|account| account.access_key == key) else {
            return Err(words.unknown(key));
        };
        if request.field("Signature") != Some(&*signature(dialect, request, &account.secret_key)) {
            return Err(words.wrong_signature(key));
        }
        let Some(allowed) = &account.topics else { return Ok(()) };
        match request.request_code() {
            RequestCode::UPDATE_AND_CREATE_TOPIC => Err(words.no_administrator(key, request)),
            code @ (RequestCode::SEND_MESSAGE | RequestCode::SEND_MESSAGE_V2 | RequestCode::SEND_BATCH_MESSAGE) => {
                let name = if code == RequestCode::SEND_MESSAGE { "topic" } else { "b" };
                let topic = request.field(name).unwrap_or_default();
                if allowed.iter().any(|allowed| allowed == topic) { Ok(()) } else { Err(words.no_topic(key, topic)) }
            }
            _ => Ok(()),
        }
    }
}

fn signature(dialect: Dialect, request: &RemotingCommand, secret_key: &str) -> String {
    // As Java's TreeMap sorts text.
    let mut fields: BTreeMap<Vec<u16>, &str> = BTreeMap::new();
    let passed_over = |name: &str| match name {
        "Signature" => true,
        "_UNIQUE_KEY_QUERY" => !dialect.is_v5() || request.version() <= LAST_OF_4_9_3,
        _ => false,
    };
    for (name, value) in request.ext_fields().into_iter().flatten().filter(|(name, _)| !passed_over(name)) {
        fields.insert(name.encode_utf16().collect(), value);
    }
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret_key.as_bytes()) else { return String::new() };
    for value in fields.values() {
        mac.update(value.as_bytes());
    }
    mac.update(request.body());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Refusals, word by word.
struct Words {
    dialect: Dialect,
    from: IpAddr,
}

impl Words {
    fn no_key(&self) -> Refusal {
        self.say("validate", 663, "No accessKey is configured", "username cannot be null.")
    }

    fn unknown(&self, key: &str) -> Refusal {
        self.say("validate", 667, &format!("No acl config for {key}"), &format!("User:{key} is not found."))
    }

    fn wrong_signature(&self, key: &str) -> Refusal {
        let old = format!("Check signature failed for accessKey={key}");
        self.say("validate", 683, &old, "check signature failed.")
    }

    fn no_administrator(&self, key: &str, request: &RemotingCommand) -> Refusal {
        let topic = request.field("topic").unwrap_or_default();
        let old = format!("Need admin permission for request code={}, but accessKey={key} is not", request.code());
        self.say("checkPerm", 580, &old, &self.not_allowed(key, topic))
    }

    fn no_topic(&self, key: &str, topic: &str) -> Refusal {
        let old = format!("No default permission for topic:{topic}");
        self.say("checkPerm", 605, &old, &self.not_allowed(key, topic))
    }

    fn not_allowed(&self, key: &str, topic: &str) -> String {
        format!("User:{key} has no permission to access Topic:{topic} from {}, no matched policies.", self.from)
    }

    fn say(&self, method: &str, line: u32, old: &str, new: &str) -> Refusal {
        if self.dialect.is_v5() {
            return Refusal { code: ResponseCode::NO_PERMISSION, ..Refusal::exception(new) };
        }
        Refusal::exception(format!(
            "org.apache.rocketmq.acl.common.AclException: {old}, \
             org.apache.rocketmq.acl.plain.PlainPermissionManager.{method}(PlainPermissionManager.java:{line})"
        ))
    }
}

/// The ordinal of 4.9.3, whose clients did not sign that field.
const LAST_OF_4_9_3: i32 = 399;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn refusal(guard: &Guard, request: &RemotingCommand) -> (ResponseCode, String) {
        let refusal = guard.check(Dialect::V5, Ipv4Addr::LOCALHOST.into(), request).expect_err("a refusal");
        (refusal.code, refusal.remark)
    }

    fn signed(topic: &str, key: &str, secret: &str) -> RemotingCommand {
        let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2);
        let request = request.with_field("b", topic).with_field("AccessKey", key).with_body("hi");
        let signature = signature(Dialect::V5, &request, secret);
        request.with_field("Signature", signature)
    }

    #[test]
    fn the_signature_is_the_one_that_java_makes() {
        let request = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC);
        let request = request.with_field("topic", "TopicTest").with_field("AccessKey", "rocketmq2");
        assert_eq!(signature(Dialect::V5, &request, "12345678"), "GeeGoP9mRvDhoVp4PD5omX0prgE=");
    }

    #[test]
    fn refusals_of_5_x_are_worded_as_there() {
        let guard = Guard::of([Account::new("producer", "SK").only_topics(["T1"])]);
        let denied = |remark: &str| (ResponseCode::NO_PERMISSION, remark.to_owned());
        let unsigned = RemotingCommand::request(RequestCode::HEART_BEAT);
        assert_eq!(refusal(&guard, &unsigned), denied("username cannot be null."));
        assert_eq!(refusal(&guard, &signed("T1", "x", "SK")), denied("User:x is not found."));
        assert_eq!(refusal(&guard, &signed("T1", "producer", "wrong")), denied("check signature failed."));
        let no_topic = "User:producer has no permission to access Topic:T2 from 127.0.0.1, no matched policies.";
        assert_eq!(refusal(&guard, &signed("T2", "producer", "SK")), denied(no_topic));
        assert_eq!(guard.check(Dialect::V5, Ipv4Addr::LOCALHOST.into(), &signed("T1", "producer", "SK")), Ok(()));
    }

    #[test]
    fn without_accounts_nobody_is_asked() {
        let unsigned = RemotingCommand::request(RequestCode::HEART_BEAT);
        assert_eq!(Guard::default().check(Dialect::V4_9, Ipv4Addr::LOCALHOST.into(), &unsigned), Ok(()));
    }

    #[test]
    fn an_account_does_not_show_its_secret() {
        assert!(!format!("{:?}", Account::new("AK", "canary")).contains("canary"));
    }
}
