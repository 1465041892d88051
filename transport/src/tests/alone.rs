//! One core whose peer is the test: it writes whatever bytes it likes.

use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::pair::offer;
use crate::wire::{
    AcceptedPoint, ControlMessage, Epoch, FrameFlags, FrameHeader, LayerIndex, PointId, RateIndex,
    Reason, Reconf, Request, Sequence, SessionId, Setup, StreamType, Wire, Writer,
};
use crate::{
    Code, Config, Connection, Direction, End, Event, PeerIdentity, Side, State, Stream, Transmit,
};

/// A core, and what it did.
pub(super) struct Alone {
    pub(super) core: Connection,
    pub(super) now: Timestamp,
    pub(super) transmits: Vec<Transmit>,
    pub(super) events: Vec<Event>,
    control: Stream,
    next: u64,
}

impl Alone {
    /// Makes a core whose carrier is connected.
    pub(super) fn new(side: Side, config: Config) -> Self {
        let now = Timestamp::from_origin(Micros::from_secs(1));
        let mut core = Connection::new(config, side, now).expect("the configuration is valid");
        let protocol = Buffer::from_static(Connection::PROTOCOL);
        core.handle_connected(PeerIdentity { protocol, ..PeerIdentity::default() }, now);
        let control = Stream::remote(0);
        let mut alone =
            Self { core, now, transmits: Vec::new(), events: Vec::new(), control, next: 1 };
        alone.core.handle_opened(control, Direction::Uni, now);
        alone.data(control, &[StreamType::Control.number() as u8], End::Open);
        alone
    }

    /// Makes a core that has the peer's SETUP.
    pub(super) fn ready(side: Side, config: Config) -> Self {
        let mut alone = Self::new(side, config);
        let level = alone.core.limits();
        let setup = Setup {
            channel_level: crate::wire::ChannelLevel::Probe,
            limits: *level,
            ..Setup::default()
        };
        alone.say(&ControlMessage::Setup(setup));
        assert_eq!(alone.core.state(), State::Ready);
        alone
    }

    /// Makes a server with an active session 0 with points 0, 1 and 2, of which 1 is active.
    pub(super) fn server(config: Config) -> (Self, Stream) {
        let mut alone = Self::ready(Side::Server, config);
        let stream = alone.open_session(0);
        (alone, stream)
    }

    /// Opens a session as a client would.
    pub(super) fn open_session(&mut self, id: u64) -> Stream {
        let stream = self.request_open(id);
        let points = [1, 0, 2].map(|id| AcceptedPoint { point: PointId(id), tail: Micros::ZERO });
        let admitted = self.core.admit(SessionId(id), points.into(), self.now);
        assert_eq!(admitted, Ok(()));
        self.settle();
        stream
    }

    /// Asks for a session as a client would.
    pub(super) fn request_open(&mut self, id: u64) -> Stream {
        let open = crate::wire::Open { session: SessionId(id), ..offer(&[(0, 1), (1, 3), (2, 3)]) };
        self.ask(&Request::Open(open), End::Open)
    }

    /// Asks as a client would.
    pub(super) fn ask(&mut self, request: &Request, end: End) -> Stream {
        let mut bytes = vec![StreamType::Request.number() as u8];
        bytes.extend_from_slice(&request.encode().expect("the request is valid"));
        self.stream(Direction::Bi, &bytes, end)
    }

    /// Opens a stream with bytes.
    pub(super) fn stream(&mut self, direction: Direction, bytes: &[u8], end: End) -> Stream {
        let stream = Stream::remote(self.next);
        self.next += 1;
        self.core.handle_opened(stream, direction, self.now);
        self.data(stream, bytes, end);
        stream
    }

    /// Writes bytes.
    pub(super) fn data(&mut self, stream: Stream, bytes: &[u8], end: End) {
        self.core.handle_data(stream, Buffer::copy_from_slice(bytes), end, self.now);
        self.settle();
    }

    /// Writes a control message.
    pub(super) fn say(&mut self, message: &ControlMessage) {
        let bytes = message.encode().expect("the message is valid");
        self.data(self.control, &bytes, End::Open);
    }

    /// Writes bytes to the control stream.
    pub(super) fn say_bytes(&mut self, bytes: &[u8]) {
        self.data(self.control, bytes, End::Open);
    }

    /// Proposes as a peer would.
    pub(super) fn propose(&mut self, session: u64, epoch: u64, active: u16) {
        self.say(&ControlMessage::Reconf(Reconf {
            session: SessionId(session),
            epoch: Epoch(epoch),
            effective: Sequence(0),
            reason: Reason::Channel,
            active: PointId(active),
            points: vec![PointId(active)],
        }));
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, span: Micros) {
        let end = self.now.after(span);
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.core.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Takes what is to be done; writes are taken whole.
    pub(super) fn settle(&mut self) {
        while let Some(transmit) = self.core.poll_transmit(self.now) {
            if let Transmit::Write { stream, data, .. } = &transmit {
                self.core.written(*stream, data.len());
            }
            self.transmits.push(transmit);
        }
        while let Some(event) = self.core.poll_event() {
            self.events.push(event);
        }
    }

    /// Returns with which code the core closed the connection.
    pub(super) fn closed(&self) -> Option<Code> {
        self.transmits.iter().find_map(|transmit| match transmit {
            Transmit::Close { code, .. } => Some(*code),
            _ => None,
        })
    }

    /// Returns with which code the core stopped a stream.
    pub(super) fn stopped(&self, stream: Stream) -> Option<Code> {
        self.transmits.iter().find_map(|transmit| match transmit {
            Transmit::Stop { stream: other, code } if *other == stream => Some(*code),
            _ => None,
        })
    }

    /// Counts the events of a kind.
    pub(super) fn count(&self, kind: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| kind(event)).count()
    }

    /// Returns everything that the core wrote on a stream.
    pub(super) fn written(&self, stream: Stream) -> Vec<u8> {
        let writes = self.transmits.iter().filter_map(|transmit| match transmit {
            Transmit::Write { stream: other, data, .. } if *other == stream => {
                Some(data.to_contiguous())
            }
            _ => None,
        });
        writes.collect::<Vec<_>>().concat()
    }
}

/// Makes a header of a frame of session 0 in epoch 0 at point 1, with three layers.
pub(super) fn header(sequence: u64, layer: u8, length: u64) -> FrameHeader {
    FrameHeader {
        session: SessionId(0),
        epoch: Epoch(0),
        sequence: Sequence(sequence),
        layer: LayerIndex(layer),
        layers: 3,
        point: PointId(1),
        rate: RateIndex(0),
        deadline: Micros::from_millis(300),
        age: Micros::ZERO,
        flags: FrameFlags::NONE,
        length: Bytes::new(length),
    }
}

/// Writes a structure after the type of a stream.
pub(super) fn typed<T: Wire>(kind: StreamType, value: &T) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.varint("stream type", kind.number());
    value.write(&mut writer);
    writer.finish().expect("the structure is valid").to_vec()
}

/// Writes a layer: its header and `bytes` zeros, whatever the header says.
pub(super) fn layer(header: &FrameHeader, bytes: usize) -> Vec<u8> {
    let mut out = typed(StreamType::Frame, header);
    out.resize(out.len() + bytes, 0);
    out
}
