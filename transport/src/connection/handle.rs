//! What the carrier saw.

use aiflow_units::Timestamp;
use bytes::Bytes as Buffer;

use super::states::{LinkAction, LinkInput};
use super::{ClosedBy, Connection, Direction, End, PeerIdentity, Stream};
use crate::Code;
use crate::channel::PathSample;

impl Connection {
    /// The handshake is complete, or early data can be sent (then it is called again when the
    /// handshake is complete).
    pub fn handle_connected(&mut self, identity: PeerIdentity, now: Timestamp) {
        let _ = now;
        match self.step(LinkInput::Connected) {
            LinkAction::Greet | LinkAction::Confirm => self.identity = Some(identity),
            _ => {}
        }
    }

    /// The peer opened a stream.
    pub fn handle_opened(&mut self, stream: Stream, direction: Direction, now: Timestamp) {
        let _ = (stream, direction, now);
    }

    /// Bytes arrived on a stream, in order.
    pub fn handle_data(&mut self, stream: Stream, data: Buffer, end: End, now: Timestamp) {
        let _ = (stream, data, end, now);
    }

    /// The peer abandoned its sending part of a stream.
    pub fn handle_reset(&mut self, stream: Stream, code: Code, now: Timestamp) {
        let _ = (stream, code, now);
    }

    /// The peer asks to abandon the sending part of a stream.
    pub fn handle_stop(&mut self, stream: Stream, code: Code, now: Timestamp) {
        let _ = (stream, code, now);
    }

    /// A stream that was blocked takes bytes again.
    pub fn handle_writable(&mut self, stream: Stream) {
        self.scheduler.unblock(stream);
    }

    /// The carrier observed its path.
    pub fn handle_path(&mut self, sample: PathSample, now: Timestamp) {
        let _ = now;
        self.estimator.handle(sample);
    }

    /// The path changed: what was known of it is of the past.
    pub fn handle_migrated(&mut self, now: Timestamp) {
        self.estimator.handle_migrated(now);
    }

    /// The connection is lost, or the peer closed it with `code`.
    pub fn handle_closed(&mut self, code: Code, now: Timestamp) {
        let _ = now;
        if self.step(LinkInput::Lost) == LinkAction::Finish {
            self.shut(code, "", ClosedBy::Peer);
        }
    }

    /// The time that [`Connection::poll_timeout`] named has come. Calling it early or twice does no
    /// harm.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while self.timers.expire(now).is_some() {}
    }
}
