//! The protocol on real sockets: quinn for QUIC, rustls for TLS, tokio for time and tasks.

mod config;
mod desk;
mod endpoint;
mod error;
mod halves;
mod mailbox;
mod observe;
mod offer;
mod peer;
mod qlog;
mod quic;
mod reconnect;
mod request;
mod session;
mod shared;
mod signals;
mod socket;
mod streams;
mod task;
mod ticket;
mod tls;
mod window;

pub use config::{AddressValidation, Authorize, ClientConfig, ServerConfig, Tuning};
pub use endpoint::{Arriving, Endpoint};
pub use error::{Alert, ConnectError, ConnectionError, SessionError};
pub use offer::{Asked, Offer, ResumeOffer, TokenCheck};
pub use peer::{Peer, PeerEvent, QueryError};
pub use qlog::Qlog;
pub use reconnect::{Backoff, ReconnectError, Reconnecting, Restored, Resumption};
pub use request::Request;
pub use session::{
    Answer, AnswerError, Change, Interim, Progress, Sends, ServedSession, Serves, Session,
};
pub use socket::SocketBuffers;
pub use ticket::{Remembered, TicketError, TicketKey, served};
pub use tls::{ClientCertificates, EarlyData, Identity, Roots, TlsError};
