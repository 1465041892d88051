//! AUTH: another token in place of one that expires (`protocol.md` 5.9).

use super::{Limits, Reader, Token, Wire, Writer};
use crate::error::ProtocolError;

/// Replaces the token of SETUP.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Auth {
    /// The new token.
    pub token: Token,
}

impl Wire for Auth {
    const SECTION: &'static str = "protocol.md 5.9";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        Token::read(reader, limits).map(|token| Self { token })
    }

    fn write(&self, writer: &mut Writer) {
        self.token.write(writer);
    }
}
