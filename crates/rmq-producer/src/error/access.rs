//! Refusals of who is asking, as servers word them: told by code and remark, and what to check in each case.

use rmq_remoting::ResponseCode;

/// 4.9 (`PlainPermissionManager`), under SYSTEM_ERROR.
pub(crate) const ACL_REMARK: &str = "org.apache.rocketmq.acl.common.AclException";

/// 5.3 and later, under NO_PERMISSION (module `auth`).
const AUTHENTICATION_REMARKS: &[&str] =
    &["check signature failed", "username cannot be null", " is not found", "has no permission to access"];

/// Tells whether the server refused who is asking: no other try, here or elsewhere, will end better.
pub(crate) fn is_access_refused(code: ResponseCode, remark: &str) -> bool {
    match code {
        ResponseCode::SYSTEM_ERROR => remark.starts_with(ACL_REMARK),
        ResponseCode::NO_PERMISSION => AUTHENTICATION_REMARKS.iter().any(|part| remark.contains(part)),
        _ => false,
    }
}

/// What to check; the remark itself names the access key in most cases.
pub(super) fn advice(remark: &str) -> &'static str {
    let says = |parts: [&str; 2]| parts.iter().any(|part| remark.contains(part));
    if says(["No accessKey is configured", "username cannot be null"]) {
        "the servers want signed requests: set credentials (an access key and its secret key)"
    } else if says(["No acl config for", " is not found"]) {
        "the server does not know this access key: check it, and the server's accounts (plain_acl.yml, or mqadmin listUser)"
    } else if says(["Check signature failed", "check signature failed"]) {
        "check that secret key and token are those that the server has for this access key, and that nothing changes a request after it was signed"
    } else {
        "give this access key the right to send to the topic (plain_acl.yml, or mqadmin createAcl)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_check() {
        for (code, remark, part) in [
            (
                1,
                "org.apache.rocketmq.acl.common.AclException: No accessKey is configured, org.apache.x(Y.java:1)",
                "set credentials",
            ),
            (1, "org.apache.rocketmq.acl.common.AclException: No acl config for nobody, org.x", "does not know"),
            (
                1,
                "org.apache.rocketmq.acl.common.AclException: Check signature failed for accessKey=AK, org.x",
                "secret key",
            ),
            (
                1,
                "org.apache.rocketmq.acl.common.AclException: No default permission for topic:T2, org.x",
                "right to send",
            ),
            (16, "username cannot be null.", "set credentials"),
            (16, "User:x is not found.", "does not know"),
            (16, "check signature failed.", "secret key"),
            (16, "User:p has no permission to access Topic:T2 from 10.0.0.1, no matched policies.", "right to send"),
        ] {
            assert!(is_access_refused(ResponseCode(code), remark), "{remark}");
            assert!(advice(remark).contains(part), "{remark}: {}", advice(remark));
        }
        assert!(!is_access_refused(ResponseCode::NO_PERMISSION, "the broker[10.0.0.1] sending message is forbidden"));
    }
}
