//! Tokens that say who a peer is (`protocol.md` 5.1.8).

use core::fmt;

use bytes::Bytes as Buffer;

use super::{Limits, Reader, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most bytes in a token.
pub const MAX_TOKEN: usize = 8192;

/// The format of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// Bytes that only the server understands.
    Opaque,
    /// A JSON web token, RFC 7519.
    Jwt,
    /// A CBOR web token, RFC 8392.
    Cwt,
}

impl TokenKind {
    /// Returns the number on the wire.
    pub const fn number(self) -> u64 {
        match self {
            Self::Opaque => 0,
            Self::Jwt => 1,
            Self::Cwt => 2,
        }
    }
}

/// A token. It is a secret: it is left out of debug output.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token {
    /// The format.
    pub kind: TokenKind,
    /// The token, at most [`MAX_TOKEN`] bytes.
    pub bytes: Buffer,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Wire for Token {
    const SECTION: &'static str = "protocol.md 5.1.8";

    /// Reads to the end of the input.
    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        reader.section(Self::SECTION);
        let at = reader.offset();
        let kind = match reader.varint()? {
            0 => TokenKind::Opaque,
            1 => TokenKind::Jwt,
            2 => TokenKind::Cwt,
            _ => return Err(reader.error_at(ErrorKind::InvalidValue, at)),
        };
        let bytes = reader.rest();
        if bytes.is_empty() {
            return Err(reader.error(ErrorKind::Missing));
        }
        if bytes.len() > MAX_TOKEN {
            return Err(reader.error(ErrorKind::TooMany));
        }
        reader.take(bytes.len())?;
        Ok(Self { kind, bytes: Buffer::copy_from_slice(bytes) })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("token kind", self.kind.number());
        if self.bytes.is_empty() || self.bytes.len() > MAX_TOKEN {
            writer.invalid("token", "it has 1 to 8192 bytes");
        }
        writer.raw(&self.bytes);
    }
}
