//! One deviation from service, put together from what is executed, what is answered and how it is delivered.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rmq_remoting::{RemotingCommand, ResponseCode};

use super::selection::Selection;

/// What a server does to a request instead of serving it, and to which requests.
///
/// A constructor says what happens; [`nth`](Self::nth), [`times`](Self::times), [`from_nth`](Self::from_nth), [`when`](Self::when) and
/// [`probability`](Self::probability) say to which requests, by default to all of the code it is given for.
///
/// ```
/// use std::time::Duration;
/// use rmq_testkit::{Fault, ResponseCode};
///
/// Fault::reply(ResponseCode::SYSTEM_BUSY).nth(2).times(3);          // requests 2, 3 and 4 are refused
/// Fault::store_then_silent().probability(0.01).seed(7);             // one in a hundred is stored and never answered
/// Fault::delay(Duration::from_secs(5)).when(|request| request.field("b") == Some("orders"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Fault {
    pub(crate) execution: Execution,
    pub(crate) answer: AnswerChange,
    pub(crate) delivery: Delivery,
    pub(crate) answer_after: Duration,
    pub(crate) line_end: LineEnd,
    pub(crate) also_oneway: bool,
    /// Requests of clients older than this are served as usual.
    least_client_version: Option<i32>,
    pub(crate) selection: Selection<RemotingCommand>,
}

/// Whether and when the request is executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Execution {
    AtOnce,
    After(Duration),
    Never,
}

/// What becomes of the answer's content.
#[derive(Clone)]
pub(crate) enum AnswerChange {
    Nothing,
    NoAnswer,
    Instead { code: ResponseCode, remark: Option<String>, fields: Vec<(Cow<'static, str>, String)> },
    Edit(Arc<dyn Fn(&mut RemotingCommand) + Send + Sync>),
    Make(Arc<MakeAnswer>),
}

type MakeAnswer = dyn Fn(&RemotingCommand) -> Option<RemotingCommand> + Send + Sync;

/// How the answer is put on the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    Plain,
    /// Only the first half of its bytes.
    Half,
    /// Other bytes in its place.
    Garbage(Bytes),
    Twice,
    /// With the opaque of no request.
    WrongOpaque,
    /// In pieces, with pauses.
    Trickle {
        piece: usize,
        pause: Duration,
    },
}

/// What happens to the line after that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LineEnd {
    Keep,
    Close,
    Reset,
}

impl Fault {
    const SERVE: Self = Self {
        execution: Execution::AtOnce,
        answer: AnswerChange::Nothing,
        delivery: Delivery::Plain,
        answer_after: Duration::ZERO,
        line_end: LineEnd::Keep,
        also_oneway: false,
        least_client_version: None,
        selection: Selection::ALL,
    };

    /// Answers `code` without executing. The remark names the code; see [`remark`](Self::remark).
    pub fn reply(code: ResponseCode) -> Self {
        let answer = AnswerChange::Instead { code, remark: None, fields: Vec::new() };
        Self { execution: Execution::Never, answer, ..Self::SERVE }
    }

    /// Executes, then answers `code` instead of success: `FLUSH_DISK_TIMEOUT`, `SLAVE_NOT_AVAILABLE`, `FLUSH_SLAVE_TIMEOUT`, or any other.
    pub fn status(code: ResponseCode) -> Self {
        Self::edit(move |answer| {
            if answer.is_success() {
                let mut changed =
                    answer.response_to(code).with_body(answer.take_body()).with_encoding(answer.encoding());
                changed.set_version(answer.version());
                answer.language().into_iter().for_each(|language| changed.set_language(language));
                for (name, value) in answer.ext_fields().into_iter().flatten() {
                    changed.ext_fields_mut().set(name.to_owned(), value);
                }
                *answer = changed;
            }
        })
    }

    /// Answers as a broker with a full queue does: code 2, not executed.
    pub fn overload() -> Self {
        Self::reply(ResponseCode::SYSTEM_BUSY).remark("[OVERLOAD]system busy, start flow control for a while")
    }

    /// Answers as a server that is shutting down gracefully does (5.2.0 and newer): code 1500 to clients that say they are 5.3.2 or newer
    /// (version 476), service as usual to others.
    pub fn go_away() -> Self {
        Self {
            least_client_version: Some(FIRST_TO_GO_AWAY),
            ..Self::reply(ResponseCode::GO_AWAY).remark("please go away")
        }
    }

    /// Neither executes nor answers.
    pub fn silent() -> Self {
        Self { execution: Execution::Never, ..Self::store_then_silent() }
    }

    /// Executes, then answers nothing.
    pub fn store_then_silent() -> Self {
        Self { answer: AnswerChange::NoAnswer, ..Self::SERVE }
    }

    /// Executes on arrival and answers `delay` later.
    pub fn delay(delay: Duration) -> Self {
        Self { answer_after: delay, ..Self::SERVE }
    }

    /// Executes `delay` after the arrival, then answers; what came later may overtake it.
    pub fn slow(delay: Duration) -> Self {
        Self { execution: Execution::After(delay), ..Self::SERVE }
    }

    /// Closes the line without executing.
    pub fn cut() -> Self {
        Self { line_end: LineEnd::Close, ..Self::silent() }
    }

    /// Executes, then closes the line instead of answering.
    pub fn store_then_cut() -> Self {
        Self { line_end: LineEnd::Close, ..Self::store_then_silent() }
    }

    /// Resets the line without executing.
    pub fn reset() -> Self {
        Self { line_end: LineEnd::Reset, ..Self::silent() }
    }

    /// Executes, then resets the line instead of answering.
    pub fn store_then_reset() -> Self {
        Self { line_end: LineEnd::Reset, ..Self::store_then_silent() }
    }

    /// Executes, writes the first half of the answer's bytes, then closes the line.
    pub fn half_frame() -> Self {
        Self { delivery: Delivery::Half, line_end: LineEnd::Close, ..Self::SERVE }
    }

    /// Executes and writes `bytes` in place of the answer. The line stays open.
    pub fn garbage(bytes: impl Into<Bytes>) -> Self {
        Self { delivery: Delivery::Garbage(bytes.into()), ..Self::SERVE }
    }

    /// Executes and answers twice.
    pub fn duplicate() -> Self {
        Self { delivery: Delivery::Twice, ..Self::SERVE }
    }

    /// Executes and answers with an opaque that is not the request's.
    pub fn unknown_opaque() -> Self {
        Self { delivery: Delivery::WrongOpaque, ..Self::SERVE }
    }

    /// Executes and writes the answer in pieces of `piece` bytes (at least 1) with a pause before each. Answers to other requests on the line
    /// wait meanwhile.
    pub fn trickle(piece: usize, pause: Duration) -> Self {
        Self { delivery: Delivery::Trickle { piece: piece.max(1), pause }, ..Self::SERVE }
    }

    /// Executes and lets `change` alter the answer.
    pub fn edit(change: impl Fn(&mut RemotingCommand) + Send + Sync + 'static) -> Self {
        Self { answer: AnswerChange::Edit(Arc::new(change)), ..Self::SERVE }
    }

    /// Answers what `make` returns, without executing; `None` is silence.
    pub fn answer_with(make: impl Fn(&RemotingCommand) -> Option<RemotingCommand> + Send + Sync + 'static) -> Self {
        Self { execution: Execution::Never, answer: AnswerChange::Make(Arc::new(make)), ..Self::SERVE }
    }

    /// The remark of a [`reply`](Self::reply). Without effect on other faults.
    pub fn remark(mut self, text: impl Into<String>) -> Self {
        if let AnswerChange::Instead { remark, .. } = &mut self.answer {
            *remark = Some(text.into());
        }
        self
    }

    /// A header field of a [`reply`](Self::reply). Without effect on other faults.
    pub fn field(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        if let AnswerChange::Instead { fields, .. } = &mut self.answer {
            fields.push((name.into(), value.into()));
        }
        self
    }

    /// Holds the answer back for `delay`, and with it what happens to the line.
    pub fn after(mut self, delay: Duration) -> Self {
        self.answer_after = delay;
        self
    }

    /// Answers requests that want no answer too, as a broker does that throws out what waited too long (`BrokerFastFailure`).
    pub fn also_oneway(mut self) -> Self {
        self.also_oneway = true;
        self
    }

    /// Only the `n`-th request, counted from 1 and from now; with [`times`](Self::times), that one and those after it.
    pub fn nth(mut self, n: u64) -> Self {
        self.selection.nth(n);
        self
    }

    /// The `n`-th request and all after it.
    pub fn from_nth(mut self, n: u64) -> Self {
        self.selection.from(n);
        self
    }

    /// At most this many requests.
    pub fn times(mut self, times: u64) -> Self {
        self.selection.times(times);
        self
    }

    /// Each request with this probability, 0 to 1.
    pub fn probability(mut self, share: f64) -> Self {
        self.selection.probability(share);
        self
    }

    /// Throws the dice of [`probability`](Self::probability) with a seed of its own. Default: from the seed of the cluster.
    pub fn seed(mut self, seed: u64) -> Self {
        self.selection.seed(seed);
        self
    }

    /// Only requests that `condition` accepts; others are not counted either. Several conditions must all hold.
    pub fn when(mut self, condition: impl Fn(&RemotingCommand) -> bool + Send + Sync + 'static) -> Self {
        self.selection.condition(condition);
        self
    }

    /// Whether the fault is for clients like the sender of `request`.
    pub(crate) fn concerns(&self, request: &RemotingCommand) -> bool {
        self.least_client_version.is_none_or(|least| request.version() >= least)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("execution", &self.execution)
            .field("answer", &self.answer)
            .field("delivery", &self.delivery)
            .field("answer_after", &self.answer_after)
            .field("line_end", &self.line_end)
            .field("selection", &self.selection)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AnswerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::NoAnswer => f.write_str("NoAnswer"),
            Self::Instead { code, remark, .. } => write!(f, "Instead({code}, {remark:?})"),
            Self::Edit(_) => f.write_str("Edit"),
            Self::Make(_) => f.write_str("Make"),
        }
    }
}

/// `NettyRemotingAbstract` of 5.3.2 and newer sends GO_AWAY only from this client version on.
const FIRST_TO_GO_AWAY: i32 = 476;
