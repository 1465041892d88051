//! OPEN_OK: the session is open (`protocol.md` 6.7).

use aiflow_units::Micros;

use super::parameter::skip_parameters;
use super::point::{MAX_POINTS, read_count};
use super::{Limits, PointId, Reader, SessionId, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// An operating point that the server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AcceptedPoint {
    /// The point.
    pub point: PointId,
    /// How long its tail takes; zero for unknown.
    pub tail: Micros,
}

/// The session is open, in epoch 0.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OpenAnswer {
    /// The session.
    pub session: SessionId,
    /// The points of the set, the active one first; at least one.
    pub points: Vec<AcceptedPoint>,
}

impl OpenAnswer {
    /// Returns the active point.
    pub fn active(&self) -> Option<PointId> {
        self.points.first().map(|accepted| accepted.point)
    }
}

impl Wire for OpenAnswer {
    const SECTION: &'static str = "protocol.md 6.7";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let count = read_count(reader, limits)?;
        let mut points: Vec<AcceptedPoint> = Vec::new();
        for _ in 0..count {
            let at = reader.offset();
            let point = PointId(reader.varint_u16()?);
            if points.iter().any(|other| other.point == point) {
                return Err(reader.error_at(ErrorKind::Duplicate, at));
            }
            points.push(AcceptedPoint { point, tail: reader.micros()? });
        }
        skip_parameters(reader)?;
        Ok(Self { session, points })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        let twice = |(place, accepted): (usize, &AcceptedPoint)| {
            self.points.iter().take(place).any(|other| other.point == accepted.point)
        };
        if self.points.is_empty() || self.points.iter().enumerate().any(twice) {
            writer.invalid("points", "there is at least one, and none stands twice");
        }
        writer.count("points", self.points.len(), MAX_POINTS);
        for accepted in &self.points {
            writer.varint("point", u64::from(accepted.point.0));
            writer.micros(accepted.tail);
        }
    }
}
