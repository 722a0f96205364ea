//! Requests from the peer: found a processor, run on a task of their own, answered.
//!
//! Their number is bounded; what comes above it is refused as busy and counted, because the reader must go on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::{debug, warn};

use super::submit::Refused;
use super::{Connection, RETIRED, Shared};
use crate::code::ResponseCode;
use crate::command::RemotingCommand;
use crate::connector::BoxFuture;
use crate::processor::ConnectionContext;

/// One request being worked on.
struct Serving(Arc<Shared>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Ordering::AcqRel);
        if std::thread::panicking() {
            self.0.settings.counters.processor_panics.add(1);
        }
        if self.0.life.load(Ordering::Acquire) == RETIRED {
            let driver = self.0.state.lock().driver.clone();
            if let Some(driver) = driver {
                driver.wake();
            }
        }
    }
}

impl Connection {
    /// Called by the connection's task, never waits.
    pub(super) fn serve(&self, request: RemotingCommand) {
        let shared = &self.shared;
        let settings = &shared.settings;
        let code = request.request_code();
        let oneway = request.is_oneway();
        let Some(processor) = settings.processors.get(&code).or(settings.fallback.as_ref()) else {
            settings.counters.requests_unknown.add(1);
            if !oneway {
                let answer = request
                    .response_to(ResponseCode::REQUEST_CODE_NOT_SUPPORTED)
                    .with_remark(format!("request type {} not supported", code.0));
                self.answer_now(&answer);
            }
            return;
        };
        if shared.serving.fetch_add(1, Ordering::AcqRel) >= settings.config.max_serving {
            shared.serving.fetch_sub(1, Ordering::AcqRel);
            settings.counters.requests_dropped.add(1);
            warn!(addr = %shared.peer, code = code.0, "request refused: too many are being worked on");
            // As Java does when a pool rejects a request (`NettyRemotingAbstract#processRequestCommand`); a peer that does not read gets none.
            if !oneway && !shared.is_full(&shared.state.lock()) {
                self.answer_now(&request.response_to(ResponseCode::SYSTEM_BUSY).with_remark(OVERLOAD));
            }
            return;
        }
        let serving = Serving(Arc::clone(shared));
        settings.counters.requests_served.add(1);
        let template = request.response_to(ResponseCode::SUCCESS);
        let context = ConnectionContext::new(self.clone());
        let work = match catch_unwind(AssertUnwindSafe(|| processor.process(&context, request))) {
            Ok(work) => work,
            Err(_panic) => {
                settings.counters.processor_panics.add(1);
                return;
            }
        };
        settings.tracker.spawn(self.clone().finish(work, template, oneway, serving));
    }

    async fn finish(
        self,
        work: BoxFuture<'static, Option<RemotingCommand>>,
        template: RemotingCommand,
        oneway: bool,
        _serving: Serving,
    ) {
        let answer = tokio::select! {
            biased;
            () = self.shared.settings.cancel.cancelled() => return,
            answer = work => answer,
        };
        let Some(mut answer) = answer.filter(|_| !oneway) else { return };
        answer.set_opaque(template.opaque());
        answer.mark_response();
        self.shared.below_high_water().await;
        self.answer_now(&answer);
    }

    fn answer_now(&self, answer: &RemotingCommand) {
        match self.shared.submit_answer(answer) {
            Ok(()) => return,
            Err(Refused::NoPlace | Refused::Full | Refused::Ended(_)) => {}
            Err(Refused::Failed(error)) => debug!(addr = %self.shared.peer, %error, "answer not encoded"),
        }
        self.shared.settings.counters.answers_lost.add(1);
    }
}

const OVERLOAD: &str = "[OVERLOAD]system busy, start flow control for a while";
