//! What the carrier and the application are to do.

use aiflow_units::Timestamp;

use super::{Connection, Event, Stream, Transmit};

impl Connection {
    /// Returns the next thing for the carrier to do; ask until there is none.
    pub fn poll_transmit(&mut self, now: Timestamp) -> Option<Transmit> {
        if let Some((code, reason)) = self.closing.take() {
            return Some(Transmit::Close { code, reason });
        }
        self.scheduler.poll(now)
    }

    /// The carrier took `bytes` of the bytes that the last [`Transmit::Write`] offered.
    pub fn written(&mut self, stream: Stream, bytes: usize) {
        self.scheduler.written(stream, bytes);
    }

    /// The carrier takes no more bytes of a stream now: the stream is not offered again before
    /// [`Connection::handle_writable`].
    pub fn blocked(&mut self, stream: Stream) {
        self.scheduler.block(stream);
    }

    /// Returns the next thing that happened; ask until there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns when [`Connection::handle_timeout`] is to be called; earlier answers are replaced by
    /// later ones.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.next()
    }
}
