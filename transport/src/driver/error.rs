//! How connections end.

use core::fmt;

use quinn::TransportErrorCode;

use super::TlsError;
use crate::error::{CallError, ConfigError};
use crate::wire::SessionId;
use crate::{ClosedBy, Code};

/// How a connection ended, or why it never began. Both sides see the same name for the same cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// One side closed it.
    #[error("the {} closed the connection with {code}", side(*.by))]
    Closed {
        /// Why.
        code: Code,
        /// Which side.
        by: ClosedBy,
    },
    /// A certificate is missing or does not verify.
    #[error("the {} does not accept the certificate of the other one: {alert}", side(*.by))]
    Certificate {
        /// What was wrong.
        alert: Alert,
        /// The side that refused.
        by: ClosedBy,
    },
    /// The peers have no version of the protocol, or of QUIC, in common.
    #[error("the peers have no version of the protocol in common")]
    Version {
        /// The side that refused.
        by: ClosedBy,
    },
    /// The handshake failed for another reason than certificates.
    #[error("the {} gave up the handshake: {alert}", side(*.by))]
    Handshake {
        /// What was wrong.
        alert: Alert,
        /// The side that refused.
        by: ClosedBy,
    },
    /// The server takes no connections at present.
    #[error("the server takes no connections at present, try again later")]
    Refused,
    /// Nothing came from the peer for too long.
    #[error("nothing came from the peer for too long, the network or the peer is down")]
    Silence,
    /// The peer does not know the connection any more.
    #[error("the peer does not know the connection any more, it may have been restarted")]
    Forgotten,
    /// QUIC itself failed.
    #[error("the {} closed the connection with QUIC error {number:#x}", side(*.by))]
    Quic {
        /// The number of the error.
        number: u64,
        /// The side that noticed.
        by: ClosedBy,
    },
}

impl ConnectionError {
    /// Returns the code of this protocol that says the same, or comes closest.
    pub const fn code(&self) -> Code {
        match self {
            Self::Closed { code, .. } => *code,
            Self::Certificate { .. } => Code::Unauthorized,
            Self::Version { .. } => Code::VersionUnsupported,
            Self::Refused => Code::ExcessiveLoad,
            Self::Silence => Code::Timeout,
            Self::Handshake { .. } | Self::Quic { .. } => Code::ProtocolViolation,
            Self::Forgotten => Code::Internal,
        }
    }

    /// Returns whether the same attempt may do better later: the network or the load was at fault,
    /// not one of the peers or their configuration.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Refused | Self::Silence | Self::Forgotten => true,
            Self::Closed { code, .. } => matches!(
                code,
                Code::GoingAway | Code::ExcessiveLoad | Code::NotReady | Code::Timeout
            ),
            _ => false,
        }
    }
}

impl From<&quinn::ConnectionError> for ConnectionError {
    fn from(error: &quinn::ConnectionError) -> Self {
        use quinn::ConnectionError as Quic;
        let (local, peer) = (ClosedBy::Local, ClosedBy::Peer);
        match error {
            Quic::VersionMismatch => Self::Version { by: local },
            Quic::TransportError(error) => Self::of_transport(error.code, local),
            Quic::ConnectionClosed(frame) => Self::of_transport(frame.error_code, peer),
            Quic::ApplicationClosed(frame) => {
                Self::Closed { code: Code::from_number(frame.error_code.into_inner()), by: peer }
            }
            Quic::Reset => Self::Forgotten,
            Quic::TimedOut => Self::Silence,
            Quic::LocallyClosed => Self::Closed { code: Code::NoError, by: local },
            Quic::CidsExhausted => Self::Quic { number: INTERNAL_ERROR, by: local },
        }
    }
}

impl ConnectionError {
    fn of_transport(code: TransportErrorCode, by: ClosedBy) -> Self {
        match u64::from(code) {
            CONNECTION_REFUSED => Self::Refused,
            number @ CRYPTO_ERROR..=CRYPTO_ERROR_END => {
                // The lower byte is the TLS alert.
                match Alert(number as u8) {
                    Alert::NO_PROTOCOL => Self::Version { by },
                    alert if alert.is_about_certificates() => Self::Certificate { alert, by },
                    alert => Self::Handshake { alert, by },
                }
            }
            number => Self::Quic { number, by },
        }
    }
}

const fn side(by: ClosedBy) -> &'static str {
    match by {
        ClosedBy::Local => "local side",
        ClosedBy::Peer => "peer",
    }
}

/// A TLS alert (RFC 8446, 6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alert(u8);

impl Alert {
    const NO_PROTOCOL: Self = Self(120);

    /// Returns its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns its name in the standard, `unknown` for those that are not about identity.
    pub const fn name(self) -> &'static str {
        match self.0 {
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            48 => "unknown_ca",
            49 => "access_denied",
            51 => "decrypt_error",
            70 => "protocol_version",
            112 => "unrecognized_name",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "unknown",
        }
    }

    const fn is_about_certificates(self) -> bool {
        matches!(self.0, 42..=46 | 48 | 49 | 51 | 112 | 116)
    }
}

impl fmt::Display for Alert {
    /// Writes name and number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

/// A connection could not be established.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The handshake failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The configuration of the protocol cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address or name cannot be connected to, or the endpoint is shut down.
    #[error("the connection cannot be attempted")]
    Attempt(#[source] quinn::ConnectError),
}

impl ConnectError {
    /// Returns whether the same attempt may do better later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Connection(error) if error.is_transient())
    }
}

/// A session could not be opened or resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The call was not possible.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The server refused, or the session ended.
    #[error("session {} was refused or ended with {code}", session.0)]
    Ended {
        /// Which session.
        session: SessionId,
        /// Why.
        code: Code,
        /// When asking again may do better; zero for never.
        retry_after: aiflow_units::Micros,
    },
    /// The connection ended.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl SessionError {
    /// Returns the code that says why.
    pub const fn code(&self) -> Code {
        match self {
            Self::Ended { code, .. } | Self::Call(CallError::Closed(code)) => *code,
            Self::Connection(error) => error.code(),
            Self::Call(_) => Code::Internal,
        }
    }
}

/// Numbers of QUIC (RFC 9000, 20.1).
const INTERNAL_ERROR: u64 = 0x01;
const CONNECTION_REFUSED: u64 = 0x02;
const CRYPTO_ERROR: u64 = 0x100;
const CRYPTO_ERROR_END: u64 = 0x1ff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_have_names() {
        let of = |number: u8| {
            ConnectionError::of_transport(TransportErrorCode::crypto(number), ClosedBy::Peer)
        };
        assert_eq!(of(120), ConnectionError::Version { by: ClosedBy::Peer });
        assert_eq!(of(48).code(), Code::Unauthorized);
        let text = of(116).to_string();
        assert!(text.contains("certificate_required (116)"), "{text}");
        assert!(matches!(of(40), ConnectionError::Handshake { .. }));
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        let lost = ConnectionError::from(&quinn::ConnectionError::TimedOut);
        assert!(lost.is_transient());
        assert!(!ConnectionError::Version { by: ClosedBy::Local }.is_transient());
        let gone = ConnectionError::Closed { code: Code::GoingAway, by: ClosedBy::Peer };
        assert!(gone.is_transient());
    }
}
