//! One frame, on the side that answers it.

use std::sync::Arc;
use std::time::Instant;

use super::Progress;
use super::mailbox::Mailbox;
use super::session::SessionInner;
use super::signals::Held;
use crate::wire::{FrameFlags, FrameHeader, ResultFlags};
use crate::{CallError, Code, Layer, Reply, RequestId};

/// A frame whose base layer has arrived, and that waits for an answer.
///
/// Work can begin with the base; further layers come with [`Request::next`] until the answer is
/// given. A request that is dropped without an answer fails with [`Code::Internal`].
#[derive(Debug)]
pub struct Request {
    session: Arc<SessionInner>,
    base: Layer,
    /// What follows, if anything can.
    more: Option<Mailbox<Held<Progress>>>,
    /// No further layer will come.
    complete: bool,
    answered: bool,
}

impl Request {
    pub(super) fn new(
        session: Arc<SessionInner>,
        base: Layer,
        more: Option<Mailbox<Held<Progress>>>,
    ) -> Self {
        let complete = is_last(&base.header);
        Self { session, base, more, complete, answered: false }
    }

    /// Returns its name.
    pub const fn id(&self) -> RequestId {
        self.base.request
    }

    /// Returns what the sender said about the frame.
    pub const fn header(&self) -> &FrameHeader {
        &self.base.header
    }

    /// Returns the base layer.
    pub const fn base(&self) -> &Layer {
        &self.base
    }

    /// Returns when the result is no longer of use, as though the frame had travelled in no time.
    pub fn deadline(&self) -> Instant {
        self.session.shared().instant(self.base.deadline)
    }

    /// Returns whether no further layer will come.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Waits for what happens to the frame next: a layer, the loss of one, or that nobody wants the
    /// result any more. `None` when the frame is complete and when it was abandoned.
    pub async fn next(&mut self) -> Option<Progress> {
        let more = self.more.as_ref().filter(|_| !self.complete)?;
        let progress = more.next().await.map(Held::take);
        self.complete = match &progress {
            Some(Progress::Layer(layer)) => is_last(&layer.header),
            _ => true,
        };
        progress
    }

    /// Returns all layers, the base first: waits until the frame is complete or a layer is lost.
    ///
    /// # Errors
    /// The code with which the frame was abandoned.
    pub async fn layers(&mut self) -> Result<Vec<Layer>, Code> {
        let mut layers = vec![self.base.clone()];
        while let Some(progress) = self.next().await {
            match progress {
                Progress::Layer(layer) => layers.push(layer),
                Progress::Lost { .. } => break,
                Progress::Abandoned(code) => return Err(code),
            }
        }
        Ok(layers)
    }

    /// Returns whether the sender gave the frame up, as far as is known without waiting.
    pub fn is_abandoned(&self) -> bool {
        let id = self.id();
        self.session.shared().look(|inner, _| !inner.desk.knows_arrival(id))
    }

    /// Answers with a result that is good for now; a better one follows.
    ///
    /// # Errors
    /// The frame was abandoned, or the result is larger than the peer allows.
    pub fn reply_for_now(&self, mut reply: Reply) -> Result<(), CallError> {
        reply.flags = reply.flags.and(ResultFlags::PROVISIONAL);
        let id = self.id();
        self.session.shared().call(|inner, now| inner.core.reply(id, reply, now))
    }

    /// Answers.
    ///
    /// # Errors
    /// As [`Request::reply_for_now`].
    pub fn reply(mut self, reply: Reply) -> Result<(), CallError> {
        self.answered = true;
        let id = self.id();
        self.session.shared().call(|inner, now| {
            let sent = inner.core.reply(id, reply, now);
            inner.desk.forget_arrival(id);
            sent
        })
    }

    /// Gives the frame up: the sender learns `code`.
    ///
    /// # Errors
    /// The frame was abandoned, or `code` says that nothing is wrong.
    pub fn fail(mut self, code: Code) -> Result<(), CallError> {
        self.answered = true;
        self.give_up(code)
    }

    fn give_up(&self, code: Code) -> Result<(), CallError> {
        let id = self.id();
        self.session.shared().call(|inner, now| {
            let sent = inner.core.fail(id, code, now);
            inner.desk.forget_arrival(id);
            sent
        })
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.answered {
            // It may have been abandoned.
            let _ = self.give_up(Code::Internal);
        }
    }
}

/// Says whether a layer is the last of its frame.
pub(super) fn is_last(header: &FrameHeader) -> bool {
    header.flags.contains(FrameFlags::FINAL) || header.layer.0.saturating_add(1) >= header.layers
}
