//! OPEN: asks for a session (`protocol.md` 6.4).

use aiflow_units::Micros;

use super::parameter::skip_parameters;
use super::point::{MAX_POINTS, read_count};
use super::{Limits, ModelId, Point, Reader, SessionId, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most bytes of the name of a tenant.
pub const MAX_TENANT: usize = 128;

/// Whether the inference of a frame may happen twice without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Replay {
    /// It may not: no frame of the session travels in 0-RTT packets.
    #[default]
    Refused,
    /// It may.
    Harmless,
}

/// Asks for a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Open {
    /// The session; the client chooses a number that it did not use before on this connection.
    pub session: SessionId,
    /// Whether inference may happen twice.
    pub replay: Replay,
    /// The model.
    pub model: ModelId,
    /// On whose behalf; empty for nobody in particular. At most 128 bytes.
    pub tenant: String,
    /// The usual deadline of a frame, from capture to result; zero for none. Sent in whole
    /// milliseconds, rounded up.
    pub deadline: Micros,
    /// The usual time between two frames; zero for unknown.
    pub period: Micros,
    /// The operating points that the client can serve, best first; at least one.
    pub points: Vec<Point>,
}

impl Wire for Open {
    const SECTION: &'static str = "protocol.md 6.4";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let reserved = reader.error(ErrorKind::ReservedBits);
        let replay = match reader.u8()? {
            0 => Replay::Refused,
            1 => Replay::Harmless,
            _ => return Err(reserved),
        };
        let model = ModelId(reader.array()?);
        let tenant = reader.text(MAX_TENANT)?;
        let deadline = reader.millis()?;
        let period = reader.micros()?;
        let count = read_count(reader, limits)?;
        // Points take far more memory than bytes on the wire: no capacity before they are read.
        let mut points: Vec<Point> = Vec::new();
        for _ in 0..count {
            let at = reader.offset();
            let point = Point::read(reader, limits)?;
            if points.iter().any(|other| other.id == point.id) {
                return Err(reader.error_at(ErrorKind::Duplicate, at));
            }
            points.push(point);
        }
        skip_parameters(reader)?;
        Ok(Self { session, replay, model, tenant, deadline, period, points })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.u8(self.replay as u8);
        writer.raw(&self.model.0);
        writer.blob("tenant", self.tenant.as_bytes(), MAX_TENANT);
        writer.millis(self.deadline);
        writer.micros(self.period);
        let twice = |(place, point): (usize, &Point)| {
            self.points.iter().take(place).any(|other| other.id == point.id)
        };
        if self.points.is_empty() || self.points.iter().enumerate().any(twice) {
            writer.invalid("points", "there is at least one, and each has its own number");
        }
        writer.count("points", self.points.len(), MAX_POINTS);
        self.points.iter().for_each(|point| point.write(writer));
    }
}
