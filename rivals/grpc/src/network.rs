//! Two hosts with an emulated path between them.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use aiflow_netsim::LinkConfig;
use socket2::Socket;

use crate::bridge::Bridge;
use crate::error::RivalError;
use crate::namespace::Namespace;

/// Two namespaces whose only way to anywhere is the emulated path to each other.
///
/// Each measurement has one of its own: the kernel remembers in a namespace how fast a path was.
pub(crate) struct Network {
    pub(crate) client: Namespace,
    pub(crate) server: Namespace,
    pub(crate) bridge: Bridge,
}

impl Network {
    /// Makes the hosts and connects them by the links (uplink, downlink).
    pub(crate) fn new(links: (LinkConfig, LinkConfig)) -> Result<Self, RivalError> {
        let (client, server) = (Namespace::new()?, Namespace::new()?);
        let bridge = Bridge::start(links, client.device(CLIENT)?, server.device(SERVER_HOST)?)?;
        Ok(Self { client, server, bridge })
    }
}

/// Makes the congestion control of a socket the one that is called `name`.
pub(crate) fn set_congestion(socket: &Socket, name: &str) -> Result<(), RivalError> {
    socket.set_tcp_congestion(name.as_bytes()).map_err(|source| {
        let available = std::fs::read_to_string(AVAILABLE).unwrap_or_default();
        let available = available.trim().replace(' ', ", ");
        RivalError::Congestion { name: name.to_owned(), available, source }
    })
}

/// Where servers listen.
pub(crate) const SERVER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(SERVER_HOST, 50_051));

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const SERVER_HOST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const AVAILABLE: &str = "/proc/sys/net/ipv4/tcp_available_congestion_control";
