//! What survives a connection: sessions that go on over another one.

use bytes::Bytes as Buffer;

use super::epochs::{Epochs, PointSet};
use super::states::{SessionAction, SessionInput};
use super::{Connection, Event, Side};
use crate::CallError;
use crate::error::{EncodeError, ErrorKind, ProtocolError};
use crate::wire::{
    ControlMessage, Epoch, MAX_VARINT, MessageKind, PointId, Reader, Sequence, SessionId, Ticket,
    Writer,
};

/// What both sides need to know to go on with a session over another connection.
///
/// The client keeps its own. A server seals it into the ticket that it gives to the client (it fits
/// with room to spare for up to some hundred points), or keeps it and gives a key to it. Neither
/// model nor points are described: what the server serves under them it knows by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub(crate) offered: Vec<(PointId, u8)>,
    pub(crate) set: PointSet,
    pub(crate) next: Sequence,
    pub(crate) answered: Sequence,
}

impl Snapshot {
    /// Returns the epoch in which the session was left.
    pub const fn epoch(&self) -> Epoch {
        self.set.epoch
    }

    /// Returns the active point of that epoch.
    pub const fn active(&self) -> PointId {
        self.set.active
    }

    /// Writes it, for a ticket: the caller seals it, with what else it needs to remember.
    ///
    /// # Errors
    /// A number is beyond what the protocol carries.
    pub fn encode(&self) -> Result<Buffer, EncodeError> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        writer.varint("next", self.next.0);
        writer.varint("answered", self.answered.0);
        writer.varint("epoch", self.set.epoch.0);
        writer.varint("active", u64::from(self.set.active.0));
        writer.count("points", self.set.points.len(), MOST_POINTS);
        self.set.points.iter().for_each(|point| writer.varint("point", u64::from(point.0)));
        writer.count("offered", self.offered.len(), MOST_POINTS);
        for (point, layers) in &self.offered {
            writer.varint("point", u64::from(point.0));
            writer.u8(*layers);
        }
        writer.finish()
    }

    /// Reads what [`Snapshot::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are something else, or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(bytes, "protocol.md 6.8");
        let invalid = |reader: &Reader<'_>| reader.error(ErrorKind::InvalidValue);
        if reader.u8()? != VERSION {
            return Err(invalid(&reader));
        }
        let next = Sequence(reader.varint_to(MAX_VARINT)?);
        let answered = Sequence(reader.varint_to(next.0)?);
        let epoch = Epoch(reader.varint()?);
        let active = PointId(reader.varint_u16()?);
        let count = reader.count(MOST_POINTS)?;
        let points: Result<Vec<_>, _> =
            (0..count).map(|_| reader.varint_u16().map(PointId)).collect();
        let points = points?;
        let count = reader.count(MOST_POINTS)?;
        let offered: Result<Vec<_>, _> =
            (0..count).map(|_| Ok((PointId(reader.varint_u16()?), reader.u8()?))).collect();
        let offered = offered?;
        reader.expect_end()?;
        let known = |point: &PointId| offered.iter().any(|(offered, _)| offered == point);
        let sound = points.is_sorted_by(|a, b| a < b)
            && points.contains(&active)
            && points.iter().all(known)
            && offered.iter().all(|(_, layers)| (1..=16).contains(layers));
        if !sound {
            return Err(invalid(&reader));
        }
        Ok(Self { offered, set: PointSet { epoch, active, points }, next, answered })
    }
}

impl Connection {
    /// Returns what is needed to go on with a session over another connection; `None` before it was
    /// open and after it ended. Take it before this connection is closed, and anew after each
    /// [`Event::Switched`]: a snapshot of an older epoch resumes in that epoch.
    pub fn snapshot(&self, id: SessionId) -> Option<Snapshot> {
        let session = self.sessions.get(&id)?;
        let set = session.epochs.as_ref().and_then(Epochs::active)?.clone();
        let answered = match self.side {
            Side::Server => session.answered.floor(),
            Side::Client => Sequence(0),
        };
        let offered = session.offered.clone();
        let next = session.next.max(answered);
        Some(Snapshot { offered, set, next, answered })
    }

    /// Gives the client a ticket with which the session can go on over another connection; the
    /// number of the session in it is replaced.
    ///
    /// # Errors
    /// This is the client, there is no such session, or the ticket is empty or above 1,024 bytes.
    pub fn issue_ticket(&mut self, id: SessionId, mut ticket: Ticket) -> Result<(), CallError> {
        self.require_side(Side::Server, "issue_ticket")?;
        let session = self.sessions.get(&id).ok_or(CallError::UnknownSession)?;
        if !session.is_live() {
            let state = session.state.name();
            return Err(CallError::WrongState { call: "issue_ticket", state });
        }
        ticket.session = id;
        Ok(self.say(&ControlMessage::Ticket(ticket))?)
    }

    pub(super) fn peer_gives_ticket(&mut self, ticket: Ticket) -> Result<(), ProtocolError> {
        let id = ticket.session;
        match self.session_input(id, SessionInput::Message(MessageKind::Ticket))? {
            SessionAction::Hold => return self.hold(id, ControlMessage::Ticket(ticket)),
            SessionAction::Apply => self.events.push_back(Event::Ticket(ticket)),
            _ => {}
        }
        Ok(())
    }
}

/// The form of snapshots; old ones are refused and their sessions opened anew.
const VERSION: u8 = 0;
/// As many points as an OPEN may offer at most.
const MOST_POINTS: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Snapshot {
        let points = vec![PointId(1), PointId(300)];
        Snapshot {
            offered: vec![(PointId(300), 3), (PointId(1), 1), (PointId(2), 2)],
            set: PointSet { epoch: Epoch(7), active: PointId(300), points },
            next: Sequence(1000),
            answered: Sequence(998),
        }
    }

    #[test]
    fn snapshots_come_back() {
        let bytes = sample().encode().expect("the sample can be written");
        assert_eq!(Snapshot::decode(&bytes), Ok(sample()));
        assert!(bytes.len() < 32);
    }

    #[test]
    fn damaged_snapshots_are_refused_or_another_one() {
        let bytes = sample().encode().expect("the sample can be written");
        for length in 0..bytes.len() {
            assert!(Snapshot::decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Snapshot::decode(&damaged), Ok(sample()), "bit {bit}");
        }
    }
}
