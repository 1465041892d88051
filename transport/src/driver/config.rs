//! How endpoints behave.

use std::sync::Arc;

use aiflow_units::{Bytes, Micros};
use bytes::Bytes as Buffer;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};

use super::qlog::Qlog;
use super::{ClientCertificates, EarlyData, Identity, Roots, TicketKey, TlsError, tls};
use crate::wire::Token;
use crate::{Code, Config, PeerIdentity, Verification};

/// How connections use QUIC. The defaults suit paths from loopback to satellites.
#[derive(Debug, Clone)]
pub struct Tuning {
    pub(super) idle: Micros,
    pub(super) keep_alive: Micros,
    pub(super) receive_window: Bytes,
    pub(super) initial_rtt: Micros,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            idle: Micros::from_secs(30),
            keep_alive: Micros::from_secs(10),
            receive_window: Bytes::from_mib(8),
            initial_rtt: Micros::from_millis(100),
        }
    }
}

impl Tuning {
    /// Sets how long a connection survives silence. Default: 30 s; shorter loses sessions in tunnels
    /// and lifts, longer keeps the memory of dead peers.
    #[must_use]
    pub fn with_idle(mut self, longest: Micros) -> Self {
        self.idle = longest;
        self
    }

    /// Sets after which silence a client sends a packet to keep the path open. Default: 10 s, below
    /// the 30 s after which address translators forget UDP flows; longer saves the radio's energy.
    #[must_use]
    pub fn with_keep_alive(mut self, interval: Micros) -> Self {
        self.keep_alive = interval;
        self
    }

    /// Sets how many bytes of the peer wait in QUIC for this side to read. Default: 8 MiB, which
    /// fills 640 Mbit/s over 100 ms; never more than the advertised limit on buffered bytes. Smaller
    /// slows fast long paths, larger lets a slow reader pile up more.
    #[must_use]
    pub fn with_receive_window(mut self, most: Bytes) -> Self {
        self.receive_window = most;
        self
    }

    /// Sets the round trip that is assumed before one was measured. Default: 100 ms, which repeats a
    /// lost first packet after 300 ms; the standard's 333 ms repeats it after a second.
    #[must_use]
    pub fn with_initial_rtt(mut self, assumed: Micros) -> Self {
        self.initial_rtt = assumed;
        self
    }
}

/// When a server makes a client prove its address before it does any work, which costs the client
/// one round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressValidation {
    /// Always.
    Always,
    /// While at least so many connections are open, which may be a flood from invented addresses.
    Above(usize),
}

/// Decides about the token and certificate of a peer.
///
/// It is called in the task of the connection, so it must not block; to ask another machine, set
/// [`Verification::Always`] without an authorizer and answer [`PeerEvent::Token`](super::PeerEvent).
pub trait Authorize: Send + Sync {
    /// Returns whether the peer is welcome.
    ///
    /// # Errors
    /// The code that both sides see, usually [`Code::Unauthorized`] or [`Code::TokenExpired`].
    fn authorize(&self, identity: &PeerIdentity, token: Option<&Token>) -> Result<(), Code>;
}

impl<F> Authorize for F
where
    F: Fn(&PeerIdentity, Option<&Token>) -> Result<(), Code> + Send + Sync,
{
    fn authorize(&self, identity: &PeerIdentity, token: Option<&Token>) -> Result<(), Code> {
        self(identity, token)
    }
}

/// How connections to servers behave. Clones share the memory of TLS sessions, so keep one for
/// connections that may be resumed.
#[derive(Clone)]
pub struct ClientConfig {
    pub(super) tls: Arc<QuicClientConfig>,
    pub(super) core: Config,
    pub(super) tuning: Tuning,
    pub(super) early: EarlyData,
    pub(super) qlog: Option<Qlog>,
}

impl core::fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientConfig").field("core", &self.core).finish_non_exhaustive()
    }
}

impl ClientConfig {
    /// Believes servers by `roots`, and shows `identity` to those that want a certificate.
    ///
    /// # Errors
    /// A certificate or key cannot be used.
    pub fn new(
        roots: &Roots,
        identity: Option<Identity>,
        early: EarlyData,
    ) -> Result<Self, TlsError> {
        let tls = tls::client(roots, identity, early)?;
        let (core, tuning) = (Config::default(), Tuning::default());
        Ok(Self { tls, core, tuning, early, qlog: None })
    }

    /// Sets how the protocol behaves. Default: [`Config::default`].
    #[must_use]
    pub fn with_protocol(mut self, config: Config) -> Self {
        self.core = config;
        self
    }

    /// Sets how QUIC is used. Default: [`Tuning::default`].
    #[must_use]
    pub fn with_tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Sets where events of this protocol are written to. Default: nowhere.
    #[must_use]
    pub fn with_qlog(mut self, qlog: Qlog) -> Self {
        self.qlog = Some(qlog);
        self
    }
}

/// How connections from clients behave.
#[derive(Clone)]
pub struct ServerConfig {
    pub(super) tls: Arc<QuicServerConfig>,
    pub(super) core: Config,
    pub(super) tuning: Tuning,
    pub(super) validation: AddressValidation,
    pub(super) connections: usize,
    pub(super) early: EarlyData,
    pub(super) authorizer: Option<Arc<dyn Authorize>>,
    pub(super) tickets: Option<Tickets>,
    pub(super) qlog: Option<Qlog>,
}

/// How tickets are made without the application.
#[derive(Debug, Clone)]
pub(super) struct Tickets {
    pub(super) key: Arc<TicketKey>,
    pub(super) lifetime: Micros,
    pub(super) early: EarlyData,
}

impl core::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ServerConfig").field("core", &self.core).finish_non_exhaustive()
    }
}

impl ServerConfig {
    /// Shows `identity` to clients; `clients` says which certificates of clients are believed and
    /// whether they must have one, `None` asks for none.
    ///
    /// # Errors
    /// A certificate or key cannot be used.
    pub fn new(
        identity: Identity,
        clients: Option<(Roots, ClientCertificates)>,
        early: EarlyData,
    ) -> Result<Self, TlsError> {
        // A client that must show a certificate has not shown it yet when early data comes.
        let early = match &clients {
            Some((_, ClientCertificates::Required)) => EarlyData::Refused,
            _ => early,
        };
        Ok(Self {
            tls: tls::server(identity, clients.as_ref(), early)?,
            core: Config::default(),
            tuning: Tuning::default(),
            validation: AddressValidation::Above(512),
            connections: 4096,
            early,
            authorizer: None,
            tickets: None,
            qlog: None,
        })
    }

    /// Gives clients tickets when their sessions open and change, with which sessions go on over
    /// another connection for as long as `lifetime`, also after a restart with the same key.
    /// Default: none, the application issues its own.
    #[must_use]
    pub fn with_tickets(mut self, key: Arc<TicketKey>, lifetime: Micros) -> Self {
        self.tickets = Some(Tickets { key, lifetime, early: self.early });
        self
    }

    /// Sets how the protocol behaves. Default: [`Config::default`].
    #[must_use]
    pub fn with_protocol(mut self, config: Config) -> Self {
        self.core = config;
        self
    }

    /// Sets how QUIC is used. Default: [`Tuning::default`].
    #[must_use]
    pub fn with_tuning(mut self, tuning: Tuning) -> Self {
        self.tuning = tuning;
        self
    }

    /// Sets when clients must prove their address. Default: above 512 connections.
    #[must_use]
    pub fn with_address_validation(mut self, rule: AddressValidation) -> Self {
        self.validation = rule;
        self
    }

    /// Sets how many connections are open at most; further ones are refused. Default: 4,096. Each may
    /// cost as much as the limits and the receive window allow.
    #[must_use]
    pub fn with_connections(mut self, most: usize) -> Self {
        self.connections = most;
        self
    }

    /// Sets who decides about tokens; implies [`Verification::Always`]. Default: nobody.
    #[must_use]
    pub fn with_authorizer(mut self, authorizer: impl Authorize + 'static) -> Self {
        self.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// Sets where events of this protocol are written to. Default: nowhere.
    #[must_use]
    pub fn with_qlog(mut self, qlog: Qlog) -> Self {
        self.qlog = Some(qlog);
        self
    }

    /// Returns the configuration of the protocol for one connection.
    pub(super) fn protocol(&self) -> Config {
        match self.authorizer {
            Some(_) => self.core.clone().with_verification(Verification::Always),
            None => self.core.clone(),
        }
    }
}

/// The name of the protocol, as peers see it in the handshake.
pub(super) fn protocol_name() -> Buffer {
    Buffer::from_static(crate::Connection::PROTOCOL)
}
