//! How a connection begins and ends.

use aiflow_units::Timestamp;

use super::states::{LinkAction, LinkInput, link_step};
use super::{ClosedBy, Connection, Event};
use crate::Code;

impl Connection {
    /// Moves the state of the connection; returns what is to be done.
    pub(super) fn step(&mut self, input: LinkInput) -> LinkAction {
        let (state, action) = link_step(self.side, self.state, input);
        self.state = state;
        action
    }

    /// Ends everything here; the peer is told if it can be.
    pub(super) fn shut(&mut self, code: Code, reason: &'static str, by: ClosedBy) {
        let _ = Timestamp::ORIGIN;
        self.state = super::State::Closed;
        self.timers.clear_all();
        self.scheduler.clear();
        if by == ClosedBy::Local {
            self.closing = Some((code, reason));
        }
        self.events.push_back(Event::Closed { code, by });
    }
}
