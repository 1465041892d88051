//! CANCEL: frames whose results nobody wants any more (`protocol.md` 5.7).

use super::{Limits, Reader, Sequence, SessionId, Wire, Writer};
use crate::error::{Code, ErrorKind, ProtocolError};

/// The most ranges in one message.
pub const MAX_RANGES: usize = 64;

/// Frames with consecutive numbers, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceRange {
    /// The first frame.
    pub first: Sequence,
    /// The last frame; not before the first.
    pub last: Sequence,
}

/// Gives frames up. From the sender of frames: work on them may stop. From the receiver: they
/// will have no result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cancel {
    /// The session.
    pub session: SessionId,
    /// Why.
    pub code: Code,
    /// Which frames: ascending, at least one frame apart, 1 to 64 ranges.
    pub ranges: Vec<SequenceRange>,
}

impl Wire for Cancel {
    const SECTION: &'static str = "protocol.md 5.7";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let code = Code::from_number(reader.varint()?);
        let at = reader.offset();
        let count = reader.count(MAX_RANGES)?;
        if count == 0 {
            return Err(reader.error_at(ErrorKind::Missing, at));
        }
        let mut ranges = Vec::with_capacity(count);
        let mut next = 0_u64;
        for _ in 0..count {
            let at = reader.offset();
            let (gap, more) = (reader.varint()?, reader.varint()?);
            // Sums of 62-bit integers, bounded again at every step: 64 bits hold them.
            let first = next.saturating_add(gap);
            let last = first.saturating_add(more);
            if last > super::MAX_VARINT {
                return Err(reader.error_at(ErrorKind::InvalidValue, at));
            }
            ranges.push(SequenceRange { first: Sequence(first), last: Sequence(last) });
            next = last.saturating_add(2);
        }
        Ok(Self { session, code, ranges })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("code", self.code.number());
        if self.ranges.is_empty() {
            writer.invalid("ranges", "there is at least one");
        }
        writer.count("ranges", self.ranges.len(), MAX_RANGES);
        let mut next = 0;
        for range in &self.ranges {
            let gap = range.first.0.checked_sub(next);
            let more = range.last.0.checked_sub(range.first.0);
            if gap.is_none() || more.is_none() {
                writer.invalid("ranges", "they ascend and are at least one frame apart");
            }
            writer.varint("gap", gap.unwrap_or_default());
            writer.varint("more", more.unwrap_or_default());
            next = range.last.0.saturating_add(2);
        }
    }
}
