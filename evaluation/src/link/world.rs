//! Two QUIC endpoints on an emulated path, in virtual time.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use aiflow_netsim::{Direction, Duplex, Packet};
use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::BytesMut;
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint,
    EndpointConfig, Event, ServerConfig, TransportConfig,
};

use super::{LinkError, tls};

/// What an endpoint does with its connection.
pub(super) trait Application {
    /// Takes an event of the connection.
    fn handle(&mut self, event: Event, connection: &mut Connection, now: Timestamp);

    /// Reads and writes; called at each time at which anything happened to the connection, and at
    /// the time of [`Application::wake`].
    fn act(&mut self, connection: &mut Connection, now: Timestamp);

    /// When to act next if nothing happens before.
    fn wake(&self) -> Timestamp;
}

/// Both endpoints, the path between them, and the time.
pub(super) struct World {
    origin: Instant,
    now: Timestamp,
    path: Duplex<Datagram>,
    client: Peer,
    server: Peer,
    buffer: Vec<u8>,
}

/// A UDP datagram.
#[derive(Debug, Clone)]
struct Datagram {
    bytes: BytesMut,
    ecn: Option<EcnCodepoint>,
}

struct Peer {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    /// The other side's address.
    remote: SocketAddr,
    /// Where this side's packets go.
    direction: Direction,
}

impl World {
    /// Starts a connection at the origin of time. All timestamps count from `origin`, of which
    /// nothing else depends.
    pub(super) fn new(
        origin: Instant,
        (up, down): (aiflow_netsim::LinkConfig, aiflow_netsim::LinkConfig),
        client: TransportConfig,
        server: TransportConfig,
    ) -> Result<Self, LinkError> {
        let mut server_config = ServerConfig::with_crypto(tls::server()?);
        server_config.transport_config(Arc::new(server));
        let endpoint = |seed: u8, server| {
            let mut config = EndpointConfig::default();
            config.rng_seed(Some([seed; 32]));
            Endpoint::new(Arc::new(config), server, true, None)
        };
        let mut client_config = ClientConfig::new(tls::client()?);
        client_config.transport_config(Arc::new(client));
        let mut client = Peer {
            endpoint: endpoint(1, None),
            connection: None,
            remote: SERVER,
            direction: Direction::Up,
        };
        let connected = client.endpoint.connect(origin, client_config, SERVER, tls::SERVER_NAME);
        client.connection = Some(connected.map_err(|_| LinkError::Connect)?);
        let server = Peer {
            endpoint: endpoint(2, Some(Arc::new(server_config))),
            connection: None,
            remote: CLIENT,
            direction: Direction::Down,
        };
        let (now, path) = (Timestamp::ORIGIN, Duplex::new(up, down));
        Ok(Self { origin, now, path, client, server, buffer: Vec::new() })
    }

    pub(super) fn path(&self) -> PathView<'_> {
        PathView(&self.path)
    }

    pub(super) fn client(&mut self) -> Option<&mut Connection> {
        self.client.connection.as_mut().map(|(_, connection)| connection)
    }

    /// Lets everything happen that is due until `end`.
    pub(super) fn run_until(
        &mut self,
        end: Timestamp,
        client: &mut dyn Application,
        server: &mut dyn Application,
    ) {
        // What the applications were told since the last time has no event of its own.
        self.step(client, server);
        loop {
            let next = self
                .path
                .next_event()
                .into_iter()
                .chain(self.client.timeout(self.origin))
                .chain(self.server.timeout(self.origin))
                .chain([client.wake(), server.wake()])
                .min()
                .unwrap_or(end);
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            self.step(client, server);
        }
    }

    fn step(&mut self, client: &mut dyn Application, server: &mut dyn Application) {
        let now = instant(self.origin, self.now);
        while let Some((direction, arrived)) = self.path.poll_delivery(self.now) {
            let mut datagram = arrived.payload;
            if let Some(flip) = arrived.flip {
                flip.apply(&mut datagram.bytes);
            }
            let peer = match direction {
                Direction::Up => &mut self.server,
                Direction::Down => &mut self.client,
            };
            self.buffer.clear();
            if let Some(length) = peer.receive(now, datagram, &mut self.buffer) {
                self.path.send(peer.direction, self.now, packet(&self.buffer[..length], None));
            }
        }
        self.client.act(now, self.now, client);
        self.client.transmit(now, self.now, &mut self.path, &mut self.buffer);
        self.server.act(now, self.now, server);
        self.server.transmit(now, self.now, &mut self.path, &mut self.buffer);
    }
}

impl Peer {
    fn timeout(&mut self, origin: Instant) -> Option<Timestamp> {
        let (_, connection) = self.connection.as_mut()?;
        let timeout = connection.poll_timeout()?;
        // Rounded up: a timer must have passed when it is handled.
        let nanos = timeout.saturating_duration_since(origin).as_nanos().div_ceil(1000);
        Some(Timestamp::from_origin(Micros::new(u64::try_from(nanos).unwrap_or(u64::MAX))))
    }

    /// Takes a datagram; returns the length of an answer in `buffer` that no connection gives.
    fn receive(&mut self, now: Instant, datagram: Datagram, buffer: &mut Vec<u8>) -> Option<usize> {
        let Datagram { bytes, ecn } = datagram;
        match self.endpoint.handle(now, self.remote, None, ecn, bytes, buffer)? {
            DatagramEvent::NewConnection(incoming) => {
                match self.endpoint.accept(incoming, now, buffer, None) {
                    Ok(accepted) => {
                        self.connection = Some(accepted);
                        None
                    }
                    Err(error) => error.response.map(|transmit| transmit.size),
                }
            }
            DatagramEvent::ConnectionEvent(handle, event) => {
                if let Some((own, connection)) = &mut self.connection
                    && *own == handle
                {
                    connection.handle_event(event);
                }
                None
            }
            DatagramEvent::Response(transmit) => Some(transmit.size),
        }
    }

    fn act(&mut self, now: Instant, at: Timestamp, application: &mut dyn Application) {
        let Some((handle, connection)) = &mut self.connection else { return };
        if connection.poll_timeout().is_some_and(|timeout| timeout <= now) {
            connection.handle_timeout(now);
        }
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        while let Some(event) = connection.poll() {
            application.handle(event, connection, at);
        }
        application.act(connection, at);
    }

    fn transmit(
        &mut self,
        now: Instant,
        at: Timestamp,
        path: &mut Duplex<Datagram>,
        buffer: &mut Vec<u8>,
    ) {
        let Some((_, connection)) = &mut self.connection else { return };
        loop {
            buffer.clear();
            let Some(transmit) = connection.poll_transmit(now, 1, buffer) else { return };
            path.send(self.direction, at, packet(&buffer[..transmit.size], transmit.ecn));
        }
    }
}

/// What no endpoint can know.
pub(super) struct PathView<'a>(&'a Duplex<Datagram>);

impl PathView<'_> {
    /// What the uplink can carry between two times.
    pub(super) fn capacity(&self, from: Timestamp, to: Timestamp) -> Bytes {
        self.0.link(Direction::Up).capacity(from, to)
    }

    /// How long a packet would wait before the uplink.
    pub(super) fn wait(&self, at: Timestamp) -> Micros {
        self.0.link(Direction::Up).queue_delay(at)
    }
}

pub(super) fn instant(origin: Instant, at: Timestamp) -> Instant {
    origin + at.since_origin().to_duration()
}

fn packet(bytes: &[u8], ecn: Option<EcnCodepoint>) -> Packet<Datagram> {
    // Estimates and links count the same bytes: the 28 of IP and UDP are left out on both sides.
    let size = Bytes::of_len(bytes.len());
    Packet::new(Datagram { bytes: bytes.into(), ecn }, size)
}

const CLIENT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 40_000));
const SERVER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 443));
