//! Identities that do not change, so that handshakes take the same bytes in every run.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn_proto::rustls::crypto::{CryptoProvider, ring};
use quinn_proto::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use quinn_proto::rustls::time_provider::TimeProvider;
use quinn_proto::rustls::{self, ClientConfig, RootCertStore, ServerConfig};

/// The name in the certificate.
pub(super) const SERVER_NAME: &str = "localhost";

/// An identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    #[error(transparent)]
    Quic(#[from] NoInitialCipherSuite),
}

pub(super) fn client() -> Result<Arc<QuicClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate())?;
    let mut config = ClientConfig::builder_with_details(provider(), Arc::new(FixedTime))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols();
    Ok(Arc::new(config.try_into()?))
}

pub(super) fn server() -> Result<Arc<QuicServerConfig>, TlsError> {
    let key = PrivatePkcs8KeyDer::from(KEY.to_vec());
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(FixedTime))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate()], key.into())?;
    config.alpn_protocols = protocols();
    config.send_tls13_tickets = 0;
    config.max_early_data_size = u32::MAX;
    Ok(Arc::new(config.try_into()?))
}

fn protocols() -> Vec<Vec<u8>> {
    vec![aiflow_transport::Connection::PROTOCOL.to_vec()]
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificate() -> CertificateDer<'static> {
    CertificateDer::from(CERTIFICATE)
}

/// A day within the validity of the certificate, whatever the machine's clock says.
#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)))
    }
}

/// Self-signed, Ed25519 (whose signatures all have one size); protects nothing.
const CERTIFICATE: &[u8] = include_bytes!("identity/certificate.der");
const KEY: &[u8] = include_bytes!("identity/key.der");
