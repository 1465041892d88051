//! What the carrier and the application are to do.

use aiflow_units::{Bytes, Timestamp};

use super::{Connection, Event, Stream, Transmit};
use crate::schedule::Content;

impl Connection {
    /// Returns the next thing for the carrier to do; ask until there is none.
    pub fn poll_transmit(&mut self, now: Timestamp) -> Option<Transmit> {
        if let Some((code, reason)) = self.closing.take() {
            return Some(Transmit::Close { code, reason });
        }
        self.arm_report(now);
        self.drain_if_idle(now);
        let arrival = now.after(self.transit(now));
        let transmit = self.scheduler.poll(now, arrival);
        let mut given_up = false;
        while let Some(cut) = self.scheduler.take_cut() {
            given_up = true;
            self.layer_cut(cut);
        }
        // What was given up here may leave resets behind.
        if transmit.is_none() && given_up { self.scheduler.poll(now, arrival) } else { transmit }
    }

    /// The carrier took `bytes` of the bytes that the last [`Transmit::Write`] offered.
    pub fn written(&mut self, stream: Stream, bytes: usize) {
        let Some(written) = self.scheduler.written(stream, bytes) else { return };
        let size = Bytes::of_len(bytes);
        let counter = match written.content {
            Content::Layer(_) => &mut self.stats.frame_bytes,
            Content::Padding => &mut self.stats.padding_bytes,
            _ => &mut self.stats.other_bytes,
        };
        *counter = counter.saturating_add(size);
        if matches!(written.content, Content::Layer(_) | Content::Result) {
            self.data_flows();
        }
        if let Content::Layer(request) = written.content {
            self.layer_written(request, written.layer, written.done);
        }
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
