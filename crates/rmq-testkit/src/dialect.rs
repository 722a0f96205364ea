//! Which release the servers of a cluster behave as.
//!
//! Every difference between releases that this crate knows is asked here by what it means, never by comparing versions elsewhere.

use rmq_remoting::{HeaderEncoding, ResponseCode};

/// The release that name servers and brokers imitate.
///
/// Recorded conversations with 4.9.7 and 5.5.0 are what the answers are held against.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Dialect {
    /// 4.9.3 and older: route JSON always with bare number keys, answers always in the server's own header encoding.
    V4_9_3,
    /// 4.9.7: standard route JSON for clients from 4.9.4 on, answers in the encoding of the request, unknown codes unanswered by the name
    /// server, empty bodies stored.
    V4_9,
    /// 5.5.0: answers in the server's own encoding, `transactionId` on every send, code 29 for bad arguments, empty bodies refused.
    #[default]
    V5,
}

impl Dialect {
    /// The release number that answers carry: 399, 407 or 513.
    #[doc(alias = "MQVersion")]
    pub fn version(self) -> i32 {
        match self {
            Self::V4_9_3 => 399,
            Self::V4_9 => 407,
            Self::V5 => 513,
        }
    }

    pub(crate) fn is_v5(self) -> bool {
        self == Self::V5
    }

    /// The code for a name or number that cannot be right.
    pub(crate) fn invalid_parameter(self) -> ResponseCode {
        if self.is_v5() { ResponseCode::INVALID_PARAMETER } else { ResponseCode::SYSTEM_ERROR }
    }

    /// The header encoding of an ordinary answer (`NettyRemotingAbstract#processRequestCommand`).
    pub(crate) fn answer_encoding(self, request: HeaderEncoding, own: HeaderEncoding) -> HeaderEncoding {
        if self == Self::V4_9 { request } else { own }
    }

    /// Whether a route goes out as standard JSON (`ClientRequestProcessor#getRouteInfoByTopic`).
    pub(crate) fn writes_standard_route(self, client_version: i32, standard_only: bool) -> bool {
        self != Self::V4_9_3 && (client_version >= FIRST_STANDARD_JSON || standard_only)
    }

    /// Whether a name server answers codes it does not know (`DefaultRequestProcessor`).
    pub(crate) fn name_server_answers_unknown_codes(self) -> bool {
        self.is_v5()
    }

    /// The hint that ends many remarks (`FAQUrl#suggestTodo`).
    pub(crate) fn see(self) -> &'static str {
        if self.is_v5() {
            "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."
        } else {
            "\nSee http://rocketmq.apache.org/docs/faq/ for further details."
        }
    }

    /// Where the header classes live; exception texts name them.
    pub(crate) fn header_package(self) -> &'static str {
        if self.is_v5() {
            "org.apache.rocketmq.remoting.protocol.header"
        } else {
            "org.apache.rocketmq.common.protocol.header"
        }
    }
}

/// 4.9.4, the first release whose clients read standard route JSON.
const FIRST_STANDARD_JSON: i32 = 401;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_form_follows_server_and_client() {
        for (dialect, version, flag, standard) in [
            (Dialect::V4_9_3, 513, true, false),
            (Dialect::V4_9, 400, false, false),
            (Dialect::V4_9, 401, false, true),
            (Dialect::V5, 317, false, false),
            (Dialect::V5, 317, true, true),
        ] {
            assert_eq!(dialect.writes_standard_route(version, flag), standard, "{dialect:?} {version} {flag}");
        }
    }

    #[test]
    fn only_4_9_follows_the_encoding_of_the_request() {
        let (json, binary) = (HeaderEncoding::Json, HeaderEncoding::Rocketmq);
        assert_eq!(Dialect::V4_9.answer_encoding(binary, json), binary);
        assert_eq!(Dialect::V5.answer_encoding(binary, json), json);
        assert_eq!(Dialect::V4_9_3.answer_encoding(binary, json), json);
    }
}
