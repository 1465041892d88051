//! What can go wrong before a simulation runs.

/// A simulated link cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The built-in identities cannot be used: the cryptography library refuses them.
    #[error("the identities of the simulated endpoints cannot be used: {0}")]
    Identity(Box<dyn std::error::Error + Send + Sync>),
    /// The client cannot begin to connect.
    #[error("the simulated client cannot begin to connect")]
    Connect,
    /// A description of a path is none.
    #[error("`{0}` is no path; write const:10mbit, lte-like:7 or the name of a trace file")]
    Spec(String),
    /// A trace file cannot be read.
    #[error("cannot read the trace {file}: {source}")]
    Read {
        /// Its name.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is no trace.
    #[error("{file} is no trace: {source}")]
    Trace {
        /// Its name.
        file: String,
        /// Where it stops being one.
        source: aiflow_netsim::TraceError,
    },
    /// The transport does not take its own default configuration.
    #[error("the transport cannot be set up: {0}")]
    Transport(#[from] aiflow_transport::ConfigError),
}

impl From<super::tls::TlsError> for LinkError {
    fn from(error: super::tls::TlsError) -> Self {
        Self::Identity(Box::new(error))
    }
}
