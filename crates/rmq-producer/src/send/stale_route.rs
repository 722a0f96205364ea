//! What the end of an attempt says of the route that led there.
//!
//! Only answers that a fresher route explains count; a broker that is busy or broken is where it should be.

use rmq_remoting::{RemotingError, ResponseCode};

use super::reply;
use crate::error::{AttemptError, is_access_refused};

/// How much the route is to be doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    None,
    /// The broker was not reached: it may have moved, or gone.
    Hint,
    /// The broker says that topic or queue are not there, or not to be written to.
    Proof,
}

/// Weighs the error of an attempt.
pub(super) fn doubt(error: Option<&AttemptError>) -> Doubt {
    match error {
        Some(AttemptError::Refused { code, remark, .. }) => match *code {
            code if is_access_refused(code, remark) => Doubt::None,
            ResponseCode::TOPIC_NOT_EXIST | ResponseCode::NO_PERMISSION => Doubt::Proof,
            code if reply::is_wrong_queue(code, remark) => Doubt::Proof,
            ResponseCode::SERVICE_NOT_AVAILABLE | ResponseCode::GO_AWAY => Doubt::Hint,
            _ => Doubt::None,
        },
        Some(AttemptError::Remoting(
            RemotingError::Connect { .. }
            | RemotingError::ConnectTimeout { .. }
            | RemotingError::BackingOff { .. }
            | RemotingError::ConnectionLost { .. },
        )) => Doubt::Hint,
        _ => Doubt::None,
    }
}

/// Tells whether the broker says that it does not have the queue.
pub(super) fn is_wrong_queue(error: &AttemptError) -> bool {
    matches!(error, AttemptError::Refused { code, remark, .. } if reply::is_wrong_queue(*code, remark))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use rmq_remoting::{ConnectionEnd, Endpoint};

    use super::*;
    use crate::error::Outcome;

    fn refused(code: ResponseCode, remark: &str) -> AttemptError {
        let addr = Endpoint::parse("b:1").unwrap();
        AttemptError::Refused { addr, code, remark: remark.to_owned(), outcome: Outcome::Rejected }
    }

    #[test]
    fn answers_that_a_fresher_route_explains_are_proof() {
        for (code, remark) in [
            (ResponseCode::TOPIC_NOT_EXIST, "topic[x] not exist"),
            (ResponseCode::NO_PERMISSION, "the broker[10.0.0.1:10911] sending message is forbidden"),
            (ResponseCode::SYSTEM_ERROR, "request queueId[9] is illegal, TopicConfig"),
            (ResponseCode::INVALID_PARAMETER, "request queueId[9] is illegal, TopicConfig"),
            (ResponseCode::NOT_LEADER_FOR_QUEUE, "x-0 does not exit in request process of current broker broker-a"),
        ] {
            assert_eq!(doubt(Some(&refused(code, remark))), Doubt::Proof, "{code}");
        }
    }

    #[test]
    fn other_answers_say_nothing_of_the_route() {
        for (code, remark) in [
            (ResponseCode::SYSTEM_ERROR, "store failed"),
            (ResponseCode::SYSTEM_BUSY, "[OVERLOAD]"),
            (ResponseCode::INVALID_PARAMETER, "The specified topic is blank."),
            (ResponseCode::NO_PERMISSION, "user:x check signature failed"),
        ] {
            assert_eq!(doubt(Some(&refused(code, remark))), Doubt::None, "{code}");
        }
        let addr: Arc<str> = "b:1".into();
        let timeout = RemotingError::Timeout { addr: Arc::clone(&addr), after: Duration::from_secs(1) };
        assert_eq!(doubt(Some(&timeout.into())), Doubt::None, "it is slow, but there");
        assert_eq!(doubt(None), Doubt::None);
        let lost = RemotingError::ConnectionLost { addr, written: true, cause: ConnectionEnd::PeerClosed };
        assert_eq!(doubt(Some(&lost.into())), Doubt::Hint);
    }
}
