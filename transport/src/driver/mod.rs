//! The protocol on real sockets: quinn for QUIC, rustls for TLS, tokio for time and tasks.
//!
//! The file `examples/loopback.rs` has both ends in one program.
//!
//! # What operators see
//!
//! Through the crate `metrics`, all with the label `side` (`client` or `server`) unless another one
//! is named; counters are brought up to date every 100 ms and at the end of a connection:
//!
//! | name | kind | what |
//! |---|---|---|
//! | `aiflow_connections_total`, `aiflow_connections` | counter, gauge | connections so far, and open ones |
//! | `aiflow_connections_closed_total` | counter, also by `code` | connections that ended |
//! | `aiflow_frames_sent_total`, `aiflow_layers_sent_total` | counter | frames that were sent, layers that left wholly |
//! | `aiflow_layers_reset_total`, `aiflow_layers_unsent_total` | counter | layers given up after and before their first byte left |
//! | `aiflow_frame_bytes_total`, `aiflow_other_bytes_total`, `aiflow_padding_bytes_total` | counter | bytes handed to QUIC: of layers with headers, of everything else, of padding |
//! | `aiflow_results_total`, `aiflow_deadlines_total`, `aiflow_cancelled_total`, `aiflow_failed_total` | counter | requests by how they ended |
//! | `aiflow_frames_received_total`, `aiflow_layers_received_total`, `aiflow_payload_received_bytes_total` | counter | frames of which the base came, whole layers, bytes of payload |
//! | `aiflow_frames_lost_total` | counter | frames given up before their base was whole |
//! | `aiflow_switches_total`, `aiflow_refusals_total`, `aiflow_outages_total` | counter | changes of operating points, streams refused because of a limit, silences of the peer |
//! | `aiflow_reports_received_total` | counter | channel reports of the peer |
//! | `aiflow_estimate_bits_per_second` | histogram, also by `quantile` | estimates of the channel, 0.5 and 0.1 |
//! | `aiflow_queue_delay_seconds` | histogram | waiting in the queues of the path |
//! | `aiflow_request_seconds` | histogram by `outcome` | from sending a frame to its end |
//! | `aiflow_switch_seconds` | histogram without labels | from a proposal to the new epoch |
//!
//! Through `tracing`: connections, sessions, epochs and outages at `info`, requests and losses at
//! `debug`, frames and layers at `trace`. Through [`Qlog`]: the events of `spec/qlog.md`, beside
//! what quinn itself writes with the feature `qlog`.

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
