//! Why a relay does not start.

use std::io;
use std::net::SocketAddr;

/// A relay that could not be started, or not be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The address to listen on cannot be used.
    #[error("cannot listen on {address}: choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no socket to reach the server with.
    #[error("cannot reach the server at {server}: check its address and the limit of open files")]
    Server {
        /// The address of the server.
        server: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread of the relay: check the limit of processes")]
    Thread(#[source] io::Error),
}
