//! ERROR: the answer to a request that is refused (`protocol.md` 6.10).

use aiflow_units::Micros;

use super::{Limits, Reader, Wire, Writer};
use crate::error::{Code, ErrorKind, ProtocolError};

/// The most bytes of a reason.
pub const MAX_REASON: usize = 256;

/// Refuses a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Why; never [`Code::NoError`].
    pub code: Code,
    /// After which time the same request may do better; zero for never. Sent in whole
    /// milliseconds, rounded up.
    pub retry_after: Micros,
    /// A text for people; it must not be shown as if it came from this side. At most 256 bytes.
    pub reason: String,
}

impl Wire for Refusal {
    const SECTION: &'static str = "protocol.md 6.10";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let invalid = reader.error(ErrorKind::InvalidValue);
        let code = Code::from_number(reader.varint()?);
        if code == Code::NoError {
            return Err(invalid);
        }
        let retry_after = reader.millis()?;
        let reason = reader.text(MAX_REASON)?;
        Ok(Self { code, retry_after, reason })
    }

    fn write(&self, writer: &mut Writer) {
        if self.code == Code::NoError {
            writer.invalid("code", "it is not NO_ERROR");
        }
        writer.varint("code", self.code.number());
        writer.millis(self.retry_after);
        writer.blob("reason", self.reason.as_bytes(), MAX_REASON);
    }
}
