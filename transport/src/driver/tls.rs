//! Certificates and keys, and what TLS makes of them.

use std::sync::Arc;

use bytes::Bytes as Buffer;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::version::TLS13;

use crate::Connection;

/// A certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The text holds no certificate.
    #[error("there is no certificate in the PEM text, give the chain with the leaf first")]
    NoCertificate,
    /// The text or bytes hold no private key.
    #[error("there is no private key, give PKCS#8, PKCS#1 or SEC1 in PEM or DER")]
    NoKey,
    /// No certificate is trusted, so nobody could ever be believed.
    #[error("no root certificate is given, give at least one")]
    NoRoots,
    /// The PEM text is damaged.
    #[error("the PEM text cannot be read")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// TLS does not accept a certificate or key, or they do not belong together.
    #[error("TLS does not accept the certificate or key")]
    Rejected(#[source] rustls::Error),
    /// A client certificate verifier cannot be built from the roots.
    #[error("clients cannot be verified with these roots")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    /// A certificate could not be made.
    #[cfg(feature = "self-signed")]
    #[error("a certificate could not be made")]
    Generate(#[source] rcgen::Error),
}

/// Who this side is: a chain of certificates, the leaf first, and the private key of the leaf.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Identity {
    /// Reads a chain and a key from PEM texts, which may be the same text.
    ///
    /// # Errors
    /// Damaged text, no certificate, or no key.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(chain)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => TlsError::NoKey,
            other => TlsError::Pem(other),
        })?;
        Ok(Self { chain, key })
    }

    /// Takes a chain, the leaf first, and a key in DER.
    ///
    /// # Errors
    /// No certificate, or a key of an unknown format.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, TlsError> {
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::try_from(key).map_err(|_| TlsError::NoKey)?;
        Ok(Self { chain, key })
    }

    /// Makes a key and a certificate that vouches for itself, for tests and demonstrations: only
    /// peers that were given this very certificate believe it.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate.
    #[cfg(feature = "self-signed")]
    pub fn self_signed(names: &[&str]) -> Result<Self, TlsError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::Generate)?;
        let key = made.signing_key.serialize_der();
        Self::from_der(vec![made.cert.der().to_vec()], key)
    }

    /// Returns the chain, the leaf first, and the key in DER, for other uses of the same identity.
    pub fn to_der(&self) -> (Vec<Vec<u8>>, Vec<u8>) {
        let chain = self.chain.iter().map(|certificate| certificate.to_vec()).collect();
        (chain, self.key.secret_der().to_vec())
    }

    /// Returns the certificate of this side in DER.
    pub fn certificate(&self) -> Buffer {
        self.chain.first().map(|leaf| Buffer::copy_from_slice(leaf)).unwrap_or_default()
    }
}

/// Whom this side believes: root certificates, or single certificates that vouch for themselves.
#[derive(Debug, Clone, Default)]
pub struct Roots(Vec<CertificateDer<'static>>);

impl Roots {
    /// Reads certificates from a PEM text.
    ///
    /// # Errors
    /// Damaged text, or no certificate.
    pub fn from_pem(text: &[u8]) -> Result<Self, TlsError> {
        match certificates(text)? {
            none if none.is_empty() => Err(TlsError::NoRoots),
            some => Ok(Self(some)),
        }
    }

    /// Takes certificates in DER.
    pub fn from_der(certificates: Vec<Vec<u8>>) -> Self {
        Self(certificates.into_iter().map(CertificateDer::from).collect())
    }

    /// Believes one identity, which vouches for itself.
    pub fn of(identity: &Identity) -> Self {
        Self(identity.chain.first().cloned().into_iter().collect())
    }

    fn store(&self) -> Result<Arc<rustls::RootCertStore>, TlsError> {
        let mut store = rustls::RootCertStore::empty();
        for certificate in &self.0 {
            store.add(certificate.clone()).map_err(TlsError::Rejected)?;
        }
        if store.is_empty() { Err(TlsError::NoRoots) } else { Ok(Arc::new(store)) }
    }
}

/// Whether clients must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientCertificates {
    /// They must.
    Required,
    /// They may; one that is shown must verify.
    Optional,
}

/// Whether data may be sent before the handshake is done, which an attacker can replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EarlyData {
    /// It may not (default): the first request takes one more round trip.
    #[default]
    Refused,
    /// It may: health, metadata and resumption, and frames of sessions that say that inference may
    /// happen twice.
    Allowed,
}

/// The client half of a TLS configuration; keeps session tickets between connections.
pub(super) fn client(
    roots: &Roots,
    identity: Option<Identity>,
    early: EarlyData,
) -> Result<Arc<QuicClientConfig>, TlsError> {
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Rejected)?
        .with_root_certificates(roots.store()?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { chain, key }) => {
            builder.with_client_auth_cert(chain, key).map_err(TlsError::Rejected)?
        }
    };
    config.alpn_protocols = vec![Connection::PROTOCOL.to_vec()];
    config.enable_early_data = early == EarlyData::Allowed;
    Ok(Arc::new(QuicClientConfig::try_from(config).map_err(no_initial_suite)?))
}

/// The server half of a TLS configuration. Session tickets name entries of a memory that each are
/// good for one resumption, so that early data is not replayed on one server.
pub(super) fn server(
    identity: Identity,
    clients: Option<&(Roots, ClientCertificates)>,
    early: EarlyData,
) -> Result<Arc<QuicServerConfig>, TlsError> {
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Rejected)?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some((roots, rule)) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.store()?, provider());
            let verifier = match rule {
                ClientCertificates::Required => verifier,
                ClientCertificates::Optional => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(TlsError::Verifier)?)
        }
    };
    let Identity { chain, key } = identity;
    let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Rejected)?;
    config.alpn_protocols = vec![Connection::PROTOCOL.to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(REMEMBERED_SESSIONS);
    // QUIC knows no value but none and all.
    config.max_early_data_size = if early == EarlyData::Allowed { u32::MAX } else { 0 };
    Ok(Arc::new(QuicServerConfig::try_from(config).map_err(no_initial_suite)?))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(TlsError::Pem)
}

/// The provider has the cipher suite of initial packets; another one might not.
fn no_initial_suite(_: quinn::crypto::rustls::NoInitialCipherSuite) -> TlsError {
    TlsError::Rejected(rustls::Error::General("no cipher suite for initial packets".into()))
}

/// TLS sessions that a server remembers for resumption, some 300 bytes each.
const REMEMBERED_SESSIONS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert!(matches!(Identity::from_pem(b"", b""), Err(TlsError::NoCertificate)));
        assert!(matches!(Roots::from_pem(b"nothing here"), Err(TlsError::NoRoots)));
        let damaged = b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
        assert!(matches!(Roots::from_pem(damaged), Err(TlsError::Pem(_))));
        assert!(matches!(Identity::from_der(vec![vec![1]], vec![]), Err(TlsError::NoKey)));
        let nobody = client(&Roots::default(), None, EarlyData::Refused);
        assert!(matches!(nobody, Err(TlsError::NoRoots)));
    }

    #[cfg(feature = "self-signed")]
    #[test]
    fn keys_must_belong_to_their_certificates() {
        let (one, two) = (Identity::self_signed(&["a"]), Identity::self_signed(&["a"]));
        let (one, two) = (one.expect("an identity"), two.expect("an identity"));
        let mixed = Identity { chain: one.chain.clone(), key: two.key.clone_key() };
        let refused = server(mixed, None, EarlyData::Refused);
        assert!(matches!(refused, Err(TlsError::Rejected(_))));
        assert!(server(one.clone(), None, EarlyData::Allowed).is_ok());
        assert!(client(&Roots::of(&two), Some(one), EarlyData::Allowed).is_ok());
    }
}
