//! Why a measurement ends without a result.

use std::io;
use std::path::PathBuf;

use aiflow_netsim::TraceError;

/// A measurement that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RivalError {
    /// The process may not make network namespaces or devices.
    #[error(
        "network namespaces and TUN devices need CAP_SYS_ADMIN and CAP_NET_ADMIN: run as root, or \
         in front of the program `unshare --user --map-root-user`"
    )]
    NotPermitted,
    /// A network namespace cannot be made or entered.
    #[error("cannot make a network namespace: the kernel must have them (CONFIG_NET_NS)")]
    Namespace(#[source] io::Error),
    /// A TUN device cannot be made.
    #[error("cannot make a TUN device: check that /dev/net/tun is there and may be opened")]
    Device(#[source] io::Error),
    /// A trace cannot be read.
    #[error("cannot read the trace {}: check the path", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A trace is none.
    #[error("{} is not a trace", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TraceError,
    },
    /// The kernel refuses a congestion control.
    #[error("the kernel has no congestion control `{name}`: choose one of {available}")]
    Congestion {
        /// The name that was asked for.
        name: String,
        /// Those that exist.
        available: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A socket, a thread or a runtime cannot be had.
    #[error("cannot {what}: check the limits of processes and open files")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The server cannot be reached or served.
    #[error("the gRPC connection failed: the emulated link may be too slow to connect on")]
    Connection(#[from] tonic::transport::Error),
    /// The call was broken off.
    #[error("the gRPC call was broken off with `{}`: the link may be dead for too long", .0.code())]
    Call(Box<tonic::Status>),
    /// A thread ended by a panic, which has been printed.
    #[error("a thread of the measurement ended early: see its message above")]
    Panicked,
    /// The results cannot be written.
    #[error("cannot write the results")]
    Write(#[from] io::Error),
}

impl RivalError {
    /// Makes the function that turns an error of the operating system into [`RivalError::System`].
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

impl From<tonic::Status> for RivalError {
    fn from(status: tonic::Status) -> Self {
        Self::Call(Box::new(status))
    }
}
