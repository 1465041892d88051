//! RECONF: proposes another set of operating points (`protocol.md` 5.2).

use super::{Epoch, Limits, PointId, Reader, Sequence, SessionId, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// Why a side wants a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It does not say, or says something newer than this version.
    Unspecified,
    /// The channel changed.
    Channel,
    /// The load of the device changed.
    DeviceLoad,
    /// The load of the server changed.
    ServerLoad,
    /// The application asked for it.
    Application,
    /// A cut or profile is withdrawn.
    Withdrawn,
}

impl Reason {
    /// Returns the number on the wire.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// Reads a number; an unknown one means [`Reason::Unspecified`].
    pub const fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Channel,
            2 => Self::DeviceLoad,
            3 => Self::ServerLoad,
            4 => Self::Application,
            5 => Self::Withdrawn,
            _ => Self::Unspecified,
        }
    }
}

/// Proposes another set of operating points, of those that the OPEN offered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reconf {
    /// The session.
    pub session: SessionId,
    /// The epoch that begins with the change: one more than the last one.
    pub epoch: Epoch,
    /// The first frame of the new epoch.
    pub effective: Sequence,
    /// Why.
    pub reason: Reason,
    /// The point that frames use from then on; one of `points`.
    pub active: PointId,
    /// All points that frames may use, ascending; not empty.
    pub points: Vec<PointId>,
}

impl Wire for Reconf {
    const SECTION: &'static str = "protocol.md 5.2";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let epoch = Epoch(reader.varint()?);
        let effective = Sequence(reader.varint()?);
        let reason = Reason::from_number(reader.varint()?);
        let at = reader.offset();
        let active = PointId(reader.varint_u16()?);
        let points = read_points(reader, limits)?;
        if !points.contains(&active) {
            return Err(reader.error_at(ErrorKind::InvalidValue, at));
        }
        Ok(Self { session, epoch, effective, reason, active, points })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("epoch", self.epoch.0);
        writer.varint("effective", self.effective.0);
        writer.varint("reason", self.reason.number());
        writer.varint("active", u64::from(self.active.0));
        if !self.points.contains(&self.active) {
            writer.invalid("active", "it is one of the points");
        }
        write_points(writer, &self.points);
    }
}

/// Reads a list of points in ascending order.
fn read_points(reader: &mut Reader<'_>, limits: &Limits) -> Result<Vec<PointId>, ProtocolError> {
    let count = super::point::read_count(reader, limits)?;
    let mut points: Vec<PointId> = Vec::with_capacity(count);
    for _ in 0..count {
        let at = reader.offset();
        let point = PointId(reader.varint_u16()?);
        match points.last() {
            Some(last) if *last == point => return Err(reader.error_at(ErrorKind::Duplicate, at)),
            Some(last) if *last > point => return Err(reader.error_at(ErrorKind::Order, at)),
            _ => points.push(point),
        }
    }
    Ok(points)
}

fn write_points(writer: &mut Writer, points: &[PointId]) {
    if points.is_empty() || !points.is_sorted_by(|a, b| a < b) {
        writer.invalid("points", "there is at least one, and they ascend");
    }
    writer.count("points", points.len(), super::point::MAX_POINTS);
    points.iter().for_each(|point| writer.varint("point", u64::from(point.0)));
}
