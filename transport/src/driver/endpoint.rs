//! Sockets, and connections over them.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes as Buffer;
use quinn::crypto::rustls::HandshakeData;
use quinn::{EndpointConfig, VarInt, ZeroRttAccepted};
use rustls::pki_types::CertificateDer;
use tokio::task::JoinSet;

use super::config::{Authorize, Tickets, protocol_name};
use super::observe::Observer;
use super::peer::Peer;
use super::qlog::Qlog;
use super::shared::Shared;
use super::{
    AddressValidation, ClientConfig, ConnectError, ConnectionError, EarlyData, ServerConfig,
    SocketBuffers, Tuning, quic, socket, task,
};
use crate::proto::PathFeed;
use crate::{Code, Config, Connection, Early, PeerIdentity, Side};

/// A UDP socket and the connections over it, as client, server, or both. Clones share it.
///
/// # What runs
///
/// An endpoint spawns one task for itself and two for each connection (QUIC's and this driver's) on
/// the tokio runtime in which it was bound. Nothing else runs. [`Endpoint::shutdown`] ends all of
/// them and waits until they are gone; a connection also ends when the last handle to it is
/// dropped, and the endpoint when it and all of its connections are dropped.
#[derive(Debug, Clone)]
pub struct Endpoint {
    inner: Arc<EndpointInner>,
}

#[derive(Debug)]
pub(super) struct EndpointInner {
    quic: quinn::Endpoint,
    server: Option<ServerConfig>,
    wanted: SocketBuffers,
    granted: Mutex<SocketBuffers>,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    open: Vec<Weak<Shared>>,
}

impl core::fmt::Debug for Connections {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} tasks", self.tasks.len())
    }
}

impl Endpoint {
    /// Binds a socket for connections to servers, with [`SocketBuffers::WANTED`].
    ///
    /// # Errors
    /// The address cannot be bound, or this is not called in a tokio runtime.
    pub fn client(address: SocketAddr) -> io::Result<Self> {
        Self::bind(address, None, SocketBuffers::WANTED)
    }

    /// Binds a socket for connections from clients, and to other servers, with
    /// [`SocketBuffers::WANTED`].
    ///
    /// # Errors
    /// As [`Endpoint::client`].
    pub fn server(address: SocketAddr, config: ServerConfig) -> io::Result<Self> {
        Self::bind(address, Some(config), SocketBuffers::WANTED)
    }

    /// Binds a socket with other buffers.
    ///
    /// # Errors
    /// As [`Endpoint::client`].
    pub fn bind(
        address: SocketAddr,
        server: Option<ServerConfig>,
        buffers: SocketBuffers,
    ) -> io::Result<Self> {
        let (socket, granted) = socket::bind(address, buffers)?;
        let runtime = quinn::default_runtime()
            .ok_or_else(|| io::Error::other("there is no tokio runtime, bind inside of one"))?;
        let quic_server = server.as_ref().map(|config| quinn_server(config, None));
        let quic = quinn::Endpoint::new(EndpointConfig::default(), quic_server, socket, runtime)?;
        let inner = EndpointInner {
            quic,
            server,
            wanted: buffers,
            granted: Mutex::new(granted),
            connections: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Returns the address of the socket.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.inner.quic.local_addr()
    }

    /// Returns the buffers that the kernel granted.
    pub fn socket_buffers(&self) -> SocketBuffers {
        *lock(&self.inner.granted)
    }

    /// Connects to a server, whose certificate must be good for `name`.
    ///
    /// The handle is returned when the handshake is complete, or at once where early data is allowed
    /// and the server is known from before. Sessions can be opened then; whether the server accepts
    /// the client's certificate and token shows in what is opened first, or in [`Peer::greeted`].
    ///
    /// # Errors
    /// The configuration cannot work, the address is not reachable, or the handshake failed.
    pub async fn connect(
        &self,
        address: SocketAddr,
        name: &str,
        config: &ClientConfig,
    ) -> Result<Peer, ConnectError> {
        let origin = Instant::now();
        let core = Connection::new(
            tolerant(config.core.clone()),
            Side::Client,
            aiflow_units::Timestamp::ORIGIN,
        )?;
        let feed = PathFeed::new(origin);
        let plan = Plan {
            core,
            feed: feed.clone(),
            authorizer: None,
            tickets: None,
            qlog: config.qlog.clone(),
            origin,
        };
        let transport = quic::transport(Side::Client, plan.core.limits(), &config.tuning, &feed);
        let mut quic_config = quinn::ClientConfig::new(Arc::clone(&config.tls) as _);
        quic_config.transport_config(Arc::new(transport));
        let connecting = self
            .inner
            .quic
            .connect_with(quic_config, address, name)
            .map_err(ConnectError::Attempt)?;
        let connecting = match (config.early, connecting) {
            (EarlyData::Allowed, connecting) => match connecting.into_0rtt() {
                Ok((quic, accepted)) => {
                    return Ok(self.begin(plan, quic, Some(accepted), Early::Early));
                }
                Err(connecting) => connecting,
            },
            (EarlyData::Refused, connecting) => connecting,
        };
        let quic = connecting.await.map_err(|error| ConnectionError::from(&error))?;
        Ok(self.begin(plan, quic, None, Early::Complete))
    }

    /// Waits for the next client. The future that is returned completes the handshake; await it in
    /// a task of its own, so that a slow client holds up nobody. `None` once the endpoint is shut
    /// down, or if it is no server.
    pub async fn accept(&self) -> Option<Arriving> {
        let config = self.inner.server.as_ref()?;
        loop {
            let incoming = self.inner.quic.accept().await?;
            let open = self.inner.quic.open_connections();
            if open >= config.connections {
                incoming.refuse();
                continue;
            }
            let prove = match config.validation {
                AddressValidation::Always => true,
                AddressValidation::Above(most) => open >= most,
            };
            if prove && !incoming.remote_address_validated() && incoming.may_retry() {
                // It may retry, so this does not fail.
                let _ = incoming.retry();
                continue;
            }
            let address = incoming.remote_address();
            return Some(Arriving { endpoint: self.clone(), incoming, address });
        }
    }

    /// Moves to another local address, as when a device changes networks: connections go on over
    /// the new path, and their estimates are marked as stale.
    ///
    /// # Errors
    /// The address cannot be bound; then the old one stays.
    pub fn rebind(&self, address: SocketAddr) -> io::Result<()> {
        let (socket, granted) = socket::bind(address, self.inner.wanted)?;
        self.inner.quic.rebind(socket)?;
        *lock(&self.inner.granted) = granted;
        let open: Vec<_> = lock(&self.inner.connections).open.clone();
        for shared in open.iter().filter_map(Weak::upgrade) {
            shared.call(|inner, now| inner.core.handle_migrated(now));
        }
        Ok(())
    }

    /// Closes all connections with `code`, takes no new ones, and returns when nothing of the
    /// endpoint runs any more and the peers have had a chance to learn of it.
    pub async fn shutdown(&self, code: Code) {
        let (mut tasks, open) = {
            let mut connections = lock(&self.inner.connections);
            (std::mem::take(&mut connections.tasks), std::mem::take(&mut connections.open))
        };
        for shared in open.iter().filter_map(Weak::upgrade) {
            shared.close(code);
        }
        let number = VarInt::from_u64(code.number()).unwrap_or(VarInt::MAX);
        self.inner.quic.close(number, code.text().as_bytes());
        while tasks.join_next().await.is_some() {}
        self.inner.quic.wait_idle().await;
    }

    /// Starts the task of a connection.
    fn begin(
        &self,
        plan: Plan,
        quic: quinn::Connection,
        early: Option<ZeroRttAccepted>,
        phase: Early,
    ) -> Peer {
        let identity = identity_of(&quic, phase);
        let observer = Observer::new(plan.core.side(), plan.qlog, plan.origin);
        let (feed, permits) = (plan.feed, (plan.authorizer, plan.tickets));
        let shared = Shared::new(plan.core, quic, identity.clone(), feed, permits, observer);
        shared.call(|inner, now| inner.core.handle_connected(identity, now));
        let mut connections = lock(&self.inner.connections);
        // What has ended is let go of, so that the lists stay as long as there are connections.
        while connections.tasks.try_join_next().is_some() {}
        connections.open.retain(|shared| shared.strong_count() > 0);
        connections.open.push(Arc::downgrade(&shared));
        let moved = Arc::clone(&shared);
        connections.tasks.spawn(async move {
            let ended = task::run(moved, early).await;
            tracing::debug!(%ended, "a connection ended");
        });
        drop(connections);
        Peer::new(shared, self.clone())
    }
}

/// A client that has knocked. Awaiting it completes the handshake.
#[derive(Debug)]
pub struct Arriving {
    endpoint: Endpoint,
    incoming: quinn::Incoming,
    address: SocketAddr,
}

impl Arriving {
    /// Returns the address that the client claims to have.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Turns the client away.
    pub fn refuse(self) {
        self.incoming.refuse();
    }

    /// Completes the handshake. Where early data is allowed, the handle is returned before: what
    /// is asked for until then may be a repetition by an attacker, and the core keeps to the rules
    /// for that.
    ///
    /// # Errors
    /// The configuration cannot work, or the handshake failed.
    pub async fn establish(self) -> Result<Peer, ConnectError> {
        let Some(config) = &self.endpoint.inner.server else {
            return Err(ConnectionError::Refused.into());
        };
        let origin = Instant::now();
        let core = Connection::new(
            tolerant(config.protocol()),
            Side::Server,
            aiflow_units::Timestamp::ORIGIN,
        )?;
        let feed = PathFeed::new(origin);
        let (tuning, limits) = (&config.tuning, core.limits());
        let quic_config = quinn_server(config, Some((&feed, tuning, limits)));
        let (early, qlog) = (config.early, config.qlog.clone());
        let (authorizer, tickets) = (config.authorizer.clone(), config.tickets.clone());
        let plan = Plan { core, feed: feed.clone(), authorizer, tickets, qlog, origin };
        let connecting = self
            .incoming
            .accept_with(Arc::new(quic_config))
            .map_err(|error| ConnectionError::from(&error))?;
        let connecting = match early {
            EarlyData::Allowed => match connecting.into_0rtt() {
                Ok((quic, done)) => {
                    return Ok(self.endpoint.begin(plan, quic, Some(done), Early::Early));
                }
                Err(connecting) => connecting,
            },
            EarlyData::Refused => connecting,
        };
        let quic = connecting.await.map_err(|error| ConnectionError::from(&error))?;
        Ok(self.endpoint.begin(plan, quic, None, Early::Complete))
    }
}

impl IntoFuture for Arriving {
    type Output = Result<Peer, ConnectError>;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.establish())
    }
}

/// What a connection is made of, before QUIC has connected.
struct Plan {
    core: Connection,
    feed: PathFeed,
    authorizer: Option<Arc<dyn Authorize>>,
    tickets: Option<Tickets>,
    qlog: Option<Qlog>,
    origin: Instant,
}

/// Draws what is sent only to keep peers tolerant, unless the application chose it.
fn tolerant(config: Config) -> Config {
    match config.grease {
        Some(0) => config.with_grease(Some(RandomState::new().hash_one(0))),
        _ => config,
    }
}

fn quinn_server(
    config: &ServerConfig,
    connection: Option<(&PathFeed, &Tuning, &crate::wire::Limits)>,
) -> quinn::ServerConfig {
    let mut quic = quinn::ServerConfig::with_crypto(Arc::clone(&config.tls) as _);
    if let Some((feed, tuning, limits)) = connection {
        quic.transport_config(Arc::new(quic::transport(Side::Server, limits, tuning, feed)));
    }
    quic
}

/// Returns what the handshake established about the peer.
pub(super) fn identity_of(quic: &quinn::Connection, early: Early) -> PeerIdentity {
    let handshake = quic.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let protocol = handshake.and_then(|data| data.protocol);
    // Before the handshake is complete, the name is the one that was agreed on last time.
    let protocol = match (protocol, early) {
        (Some(name), _) => Buffer::from(name),
        (None, Early::Early) => protocol_name(),
        (None, Early::Complete) => Buffer::from_static(b"none"),
    };
    let chain =
        quic.peer_identity().and_then(|chain| chain.downcast::<Vec<CertificateDer<'_>>>().ok());
    let leaf = chain.and_then(|chain| chain.first().map(|leaf| Buffer::copy_from_slice(leaf)));
    PeerIdentity { protocol, certificate: leaf, early }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Lists of handles and plain sizes are whole at any time, whoever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
