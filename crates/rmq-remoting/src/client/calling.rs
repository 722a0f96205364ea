//! Calling: the future of one call from its request to its answer.
//!
//! Written by hand, because the usual case is worth it: one poll submits, one collects, and the answer is moved once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::RemotingClient;
use super::line::To;
use crate::answer::Answer;
use crate::connection::Call;
use crate::connector::BoxFuture;
use crate::deadline::Deadline;
use crate::error::RemotingError;
use crate::request_frame::RequestFrame;

pub(super) struct Calling<'a, T: ?Sized, F: ?Sized> {
    client: &'a RemotingClient,
    to: &'a T,
    request: &'a F,
    deadline: Deadline,
    stage: Stage<'a>,
    /// It was sent away once by a server that is going away.
    moved: bool,
}

enum Stage<'a> {
    New,
    /// Something has to be waited for before it is on the wire.
    Starting(BoxFuture<'a, Result<Call, RemotingError>>),
    OnTheWire(Call),
    /// It goes as a command that the hooks have seen.
    Hooked(BoxFuture<'a, Result<Answer, RemotingError>>),
}

impl RemotingClient {
    /// Calls with the request as it is.
    pub(super) fn call<'a, T: To + ?Sized, F: RequestFrame + ?Sized>(
        &'a self,
        to: &'a T,
        request: &'a F,
        deadline: Deadline,
    ) -> Calling<'a, T, F> {
        Calling { client: self, to, request, deadline, stage: Stage::New, moved: false }
    }

    /// Calls with the request as it is, or as a command where hooks want to see it.
    #[inline]
    pub(super) fn call_by<'a, T: To + ?Sized, F: RequestFrame + ?Sized>(
        &'a self,
        to: &'a T,
        request: &'a F,
        deadline: Deadline,
    ) -> Calling<'a, T, F> {
        let mut calling = self.call(to, request, deadline);
        if !self.takes(request) {
            let command = request.to_command();
            calling.stage =
                Stage::Hooked(Box::pin(async move { self.invoke_by(to, command, deadline).await.map(Answer::from) }));
        }
        calling
    }
}

impl<T: To + ?Sized, F: RequestFrame + ?Sized> Calling<'_, T, F> {
    /// Whether a call with this answer goes out once more, over a new connection.
    fn moves(&mut self, answer: &Answer) -> bool {
        let moves = !self.moved && self.client.may_move(self.to.endpoint(), answer);
        self.moved |= moves;
        moves
    }
}

impl<T: To + ?Sized, F: RequestFrame + ?Sized> Future for Calling<'_, T, F> {
    type Output = Result<Answer, RemotingError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (client, to, request, deadline) = (this.client, this.to, this.request, this.deadline);
        loop {
            match &mut this.stage {
                Stage::OnTheWire(call) => {
                    let polled = Pin::new(call).poll(cx);
                    match &polled {
                        Poll::Ready(Ok(answer)) if this.moves(answer) => {}
                        _ => return polled,
                    }
                    this.stage = Stage::Starting(Box::pin(client.start_in_time(to, request, deadline)));
                }
                Stage::New => match client.try_start(to, request, deadline, cx.waker()) {
                    Ok(Some(call)) => {
                        this.stage = Stage::OnTheWire(call);
                        // Its answer wakes this task, which has nothing to look for before that.
                        return Poll::Pending;
                    }
                    Ok(None) => {
                        this.stage = Stage::Starting(Box::pin(client.start_in_time(to, request, deadline)));
                    }
                    Err(error) => return Poll::Ready(Err(*error)),
                },
                Stage::Starting(starting) => {
                    let call = ready!(starting.as_mut().poll(cx))?;
                    this.stage = Stage::OnTheWire(call);
                }
                Stage::Hooked(calling) => return calling.as_mut().poll(cx),
            }
        }
    }
}
