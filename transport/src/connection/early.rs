//! Layers of sessions that are not active yet: they overtook the request that opens them.

use aiflow_units::{Bytes, Timestamp};
use bytes::Bytes as Buffer;

use super::inbound::Inbound;
use super::pieces::Pieces;
use super::receiving::check_length;
use super::timers::Timer;
use super::{Connection, End, Stream};
use crate::Code;
use crate::error::ProtocolError;
use crate::wire::{FrameHeader, Limit, SessionId};

impl Connection {
    /// Takes bytes of a layer of a session that is not active yet.
    pub(super) fn early_data(
        &mut self,
        stream: Stream,
        header: FrameHeader,
        mut pieces: Pieces,
        arrived: Timestamp,
        data: Buffer,
        end: End,
    ) -> Result<(), ProtocolError> {
        let size = Bytes::of_len(data.len());
        pieces.push(data);
        check_length(&header, &pieces, end)?;
        self.buffered = self.buffered.saturating_add(size);
        self.inbound.insert(stream, Inbound::Early { header, pieces, end, arrived });
        if self.buffered > self.limits().buffered_bytes() {
            self.overload(Limit::BufferedBytes);
        }
        Ok(())
    }

    /// Goes on with layers that came before their session was active.
    pub(super) fn adopt_early(&mut self, id: SessionId, now: Timestamp) {
        for stream in self.early_streams(id) {
            self.timers.clear(Timer::Early(stream));
            let Some(Inbound::Early { header, pieces, end, arrived }) =
                self.inbound.remove(&stream)
            else {
                continue;
            };
            self.buffered = self.buffered.saturating_sub(pieces.length());
            let placed = self
                .place_layer(stream, header, pieces, arrived, now)
                .and_then(|()| self.data(stream, Buffer::new(), end, now));
            if let Err(error) = placed {
                self.violated(error);
                return;
            }
        }
    }

    /// Gives up layers of a session that never became active.
    pub(super) fn drop_early(&mut self, id: SessionId) {
        for stream in self.early_streams(id) {
            self.timers.clear(Timer::Early(stream));
            if let Some(Inbound::Early { pieces, .. }) = self.inbound.remove(&stream) {
                self.buffered = self.buffered.saturating_sub(pieces.length());
            }
            self.scheduler.stop(stream, Code::SessionUnknown);
        }
    }

    /// The session of a layer did not begin in time.
    pub(super) fn early_over(&mut self, stream: Stream) {
        if let Some(Inbound::Early { pieces, .. }) = self.inbound.remove(&stream) {
            self.buffered = self.buffered.saturating_sub(pieces.length());
            self.scheduler.stop(stream, Code::SessionUnknown);
        }
    }

    fn early_streams(&self, id: SessionId) -> Vec<Stream> {
        let early = self.inbound.iter().filter(
            |(_, inbound)| matches!(inbound, Inbound::Early { header, .. } if header.session == id),
        );
        let mut streams: Vec<_> = early.map(|(stream, _)| *stream).collect();
        streams.sort_unstable();
        streams
    }
}
