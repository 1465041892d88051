//! UDP sockets that keep bursts and give up waiting now and then.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// Binds a socket to an address.
pub(super) fn listen(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.bind(&address.into())?;
    prepared(socket.into())
}

/// Binds a socket to a free port from which the server can be reached, and connects it.
pub(super) fn towards(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = listen(any)?;
    socket.connect(server)?;
    Ok(socket)
}

fn prepared(socket: UdpSocket) -> io::Result<UdpSocket> {
    let options = SockRef::from(&socket);
    // The system may grant less; it does not say so, and there is nothing to do about it.
    options.set_recv_buffer_size(BUFFER)?;
    options.set_send_buffer_size(BUFFER)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Whether a failed receive only means that there is nothing to receive.
pub(super) fn is_quiet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
    )
}

/// The size that is asked for: the usual 208 KiB lose packets when a thread waits 10 ms for a core.
const BUFFER: usize = 4 << 20;

/// How long a receiving thread waits before it looks whether it should end.
const PATIENCE: Duration = Duration::from_millis(20);
