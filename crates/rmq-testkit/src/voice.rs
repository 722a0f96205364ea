//! How a server words its answers: language, release, encoding, refusals.
//!
//! Every answer that leaves a server of this crate is made here.

use rmq_remoting::{HeaderEncoding, LanguageCode, RemotingCommand, ResponseCode};

use crate::dialect::Dialect;

/// Makes answers in the manner of one release.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    pub(crate) dialect: Dialect,
    /// The encoding that the server uses by itself; Java: system property `rocketmq.serialize.type`.
    pub(crate) own_encoding: HeaderEncoding,
}

impl Voice {
    /// An ordinary answer.
    pub(crate) fn answer(&self, request: &RemotingCommand, code: ResponseCode) -> RemotingCommand {
        let encoding = self.dialect.answer_encoding(request.encoding(), self.own_encoding);
        self.stamp(request, code).with_encoding(encoding)
    }

    /// An answer that takes the other way out of a Java server: busy, exception, or a body sent straight from the log.
    pub(crate) fn own_answer(&self, request: &RemotingCommand, code: ResponseCode) -> RemotingCommand {
        self.stamp(request, code).with_encoding(self.own_encoding)
    }

    /// The answer to a request that is refused.
    pub(crate) fn refuse(&self, request: &RemotingCommand, refusal: Refusal) -> RemotingCommand {
        let answer = if refusal.by_exception {
            self.own_answer(request, refusal.code)
        } else {
            self.answer(request, refusal.code)
        };
        answer.with_remark(refusal.remark)
    }

    /// The answer to a code that nobody processes.
    pub(crate) fn unknown_code(&self, request: &RemotingCommand) -> RemotingCommand {
        self.answer(request, ResponseCode::REQUEST_CODE_NOT_SUPPORTED)
            .with_remark(format!(" request type {} not supported", request.code()))
    }

    fn stamp(&self, request: &RemotingCommand, code: ResponseCode) -> RemotingCommand {
        let mut answer = request.response_to(code);
        answer.set_language(LanguageCode::JAVA);
        answer.set_version(self.dialect.version());
        answer
    }
}

/// Why a request is not served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: ResponseCode,
    pub(crate) remark: String,
    /// A Java server would have thrown: the answer then has no fields and the server's own encoding.
    pub(crate) by_exception: bool,
}

impl Refusal {
    pub(crate) fn new(code: ResponseCode, remark: impl Into<String>) -> Self {
        Self { code, remark: remark.into(), by_exception: false }
    }

    /// Code 1 with an exception text.
    pub(crate) fn exception(remark: impl Into<String>) -> Self {
        Self { code: ResponseCode::SYSTEM_ERROR, remark: remark.into(), by_exception: true }
    }
}
