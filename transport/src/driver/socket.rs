//! The UDP socket of an endpoint.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use aiflow_units::Bytes;
use socket2::{Domain, Protocol, Socket, Type};

/// How much the kernel holds for a socket in each direction.
///
/// A socket that overflows loses packets even on loopback: with the usual 208 KiB, quinn loses
/// 0.4-1 % of the packets of a bulk transfer between two processes of one machine, and the 99th
/// percentile of 100 kB requests is 35 ms instead of 10 ms; with 4 MiB it loses none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketBuffers {
    /// For packets that wait to be sent.
    pub send: Bytes,
    /// For packets that wait to be read.
    pub receive: Bytes,
}

impl SocketBuffers {
    /// What an endpoint asks for unless it is told otherwise: 4 MiB each way, 6 ms at 5 Gbit/s.
    pub const WANTED: Self = Self { send: Bytes::from_mib(4), receive: Bytes::from_mib(4) };

    /// Returns whether these are at least as large as `other`, each way.
    pub fn covers(&self, other: &Self) -> bool {
        self.send >= other.send && self.receive >= other.receive
    }
}

/// Binds a socket and returns it with the buffers that the kernel granted. Linux grants at most
/// `net.core.wmem_max` and `net.core.rmem_max`, and says nothing about it.
pub(super) fn bind(
    address: SocketAddr,
    wanted: SocketBuffers,
) -> io::Result<(UdpSocket, SocketBuffers)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6()
        && let Err(error) = socket.set_only_v6(false)
    {
        tracing::debug!(%error, "the socket reaches IPv6 peers only");
    }
    // A kernel that refuses leaves its default; what counts is what was granted.
    let _ = socket.set_send_buffer_size(to_usize(wanted.send));
    let _ = socket.set_recv_buffer_size(to_usize(wanted.receive));
    let granted = SocketBuffers {
        send: usable(socket.send_buffer_size()?),
        receive: usable(socket.recv_buffer_size()?),
    };
    socket.bind(&address.into())?;
    if !granted.covers(&wanted) {
        tracing::warn!(
            send = granted.send.get(),
            receive = granted.receive.get(),
            "the kernel granted smaller socket buffers than asked for, packets may be lost; raise \
             net.core.wmem_max and net.core.rmem_max"
        );
    }
    Ok((socket.into(), granted))
}

/// Linux reports twice what it was asked for, the other half being for its own bookkeeping.
fn usable(reported: usize) -> Bytes {
    Bytes::of_len(if cfg!(target_os = "linux") { reported / 2 } else { reported })
}

fn to_usize(size: Bytes) -> usize {
    usize::try_from(size.get()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_is_granted_is_reported() {
        let small = SocketBuffers { send: Bytes::from_kib(64), receive: Bytes::from_kib(64) };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (socket, granted) = bind(address, small).expect("loopback takes sockets");
        assert_ne!(socket.local_addr().expect("it is bound").port(), 0);
        assert!(granted.covers(&small), "{granted:?}");
        assert!(!small.covers(&SocketBuffers::WANTED));
    }
}
