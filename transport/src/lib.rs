//! The protocol that agrees on model, cut and bitrate over QUIC, and goes on agreeing as the channel
//! changes.
//!
//! A client runs the head of a network, a server the tail. What crosses the cut travels as *frames*
//! in layers, base first; every layer has its own stream and a deadline, so that what is late is
//! dropped and nothing waits for it. The client chooses the rate of each frame alone, within what was
//! agreed on; the cut changes by agreement while frames flow. `spec/protocol.md` says what goes over
//! the wire, `spec/states.md` what each side does when.
//!
//! ```text
//!  application          send, reply, reconfigure ...        ▲ events
//!                            │                              │
//!  core           Connection: sessions, epochs, scheduler, limits      no I/O, no clock, no randomness
//!                            │ transmits, timeouts          ▲ streams, path samples, time
//!  carrier        feature `proto`: quinn-proto · feature `quinn`: sockets, TLS, tokio · or your own
//! ```
//!
//! # What it does not do
//!
//! It does not know the codec: frames are opaque bytes. It does not decide which cut to use: it says
//! what the channel carries ([`channel`], [`rate`]) and carries out what the application decides. It
//! has no congestion control of its own: QUIC's decides when packets leave, the core what is in them.
//!
//! # Example
//!
//! Both ends in one process, with no network between them. The file `examples/core.rs` goes on from
//! here to a frame and its result, `examples/loopback.rs` does the same with the driver on sockets.
//!
//! ```
//! use aiflow_transport::{Connection, Config, Event, PeerIdentity, Side, Stream, Transmit};
//! use aiflow_units::Timestamp;
//!
//! let now = Timestamp::ORIGIN;
//! let mut client = Connection::new(Config::default(), Side::Client, now)?;
//! let mut server = Connection::new(Config::default(), Side::Server, now)?;
//! client.handle_connected(PeerIdentity::default(), now);
//! server.handle_connected(PeerIdentity::default(), now);
//!
//! // The carrier: what one end writes, the other one gets.
//! let carry = |from: &mut Connection, to: &mut Connection| {
//!     while let Some(transmit) = from.poll_transmit(now) {
//!         match transmit {
//!             Transmit::Open { stream, direction, .. } => {
//!                 to.handle_opened(Stream::remote(stream.number()), direction, now);
//!             }
//!             Transmit::Write { stream, data, end } => {
//!                 from.written(stream, data.len());
//!                 let data = data.to_contiguous();
//!                 to.handle_data(Stream::remote(stream.number()), data, end, now);
//!             }
//!             _ => {}
//!         }
//!     }
//! };
//! carry(&mut client, &mut server);
//! carry(&mut server, &mut client);
//! assert!(matches!(client.poll_event(), Some(Event::Ready(_))));
//! assert!(matches!(server.poll_event(), Some(Event::Ready(_))));
//! # Ok::<(), aiflow_transport::ConfigError>(())
//! ```
//!
//! # Security
//!
//! Everything that a peer can make this side hold has a limit, advertised and enforced before memory
//! is taken ([`wire::Limits`]). Decoders are fuzzed and do not panic. Who the peer is, the carrier
//! establishes: certificates there, tokens by [`Event::Token`].

pub mod channel;
mod connection;
#[cfg(feature = "quinn")]
pub mod driver;
pub mod error;
pub mod negotiate;
#[cfg(feature = "proto")]
pub mod proto;
pub mod rate;
mod schedule;
pub mod wire;

pub use connection::*;
pub use error::{CallError, Code, ConfigError, ProtocolError};

#[cfg(test)]
mod tests;
