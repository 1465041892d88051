//! Raw quinn, configured as the driver configures it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use aiflow_transport::driver::Identity;
use bytes::Bytes;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, EndpointConfig, TransportConfig};
use rustls::pki_types::CertificateDer;
use socket2::{Domain, Socket, Type};

use crate::{Failure, anywhere};

/// What a server answers to a frame.
pub(crate) const ANSWER: [u8; 16] = [7; 16];

fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .datagram_receive_buffer_size(None)
        .max_concurrent_bidi_streams(256_u32.into())
        .max_concurrent_uni_streams(256_u32.into())
        .receive_window((8_u32 << 20).into())
        .stream_receive_window((4_u32 << 20).into())
        .send_fairness(false)
        .send_window(8 << 20);
    Arc::new(config)
}

fn socket() -> Result<UdpSocket, Failure> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_send_buffer_size(4 << 20)?;
    socket.set_recv_buffer_size(4 << 20)?;
    socket.bind(&anywhere().into())?;
    Ok(socket.into())
}

fn endpoint(server: Option<quinn::ServerConfig>) -> Result<Endpoint, Failure> {
    let runtime = quinn::default_runtime().ok_or("no runtime")?;
    Ok(Endpoint::new(EndpointConfig::default(), server, socket()?, runtime)?)
}

pub(crate) fn server(identity: &Identity) -> Result<Endpoint, Failure> {
    let (chain, key) = identity.to_der();
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key.try_into()?)?;
    tls.alpn_protocols = vec![b"raw".to_vec()];
    tls.max_early_data_size = u32::MAX;
    let tls = QuicServerConfig::try_from(tls)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(transport());
    endpoint(Some(config))
}

/// Reads every stream to its end and answers.
pub(crate) async fn serve(endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let connection = incoming.await?;
            let one_way = connection.clone();
            tokio::spawn(async move { serve_one_way(one_way).await });
            loop {
                let (mut send, mut receive) = connection.accept_bi().await?;
                tokio::spawn(async move {
                    let mut chunks: [Bytes; 64] = std::array::from_fn(|_| Bytes::new());
                    while receive.read_chunks(&mut chunks).await?.is_some() {}
                    send.write_all(&ANSWER).await?;
                    send.finish()?;
                    Ok::<_, Failure>(())
                });
            }
            #[allow(unreachable_code, reason = "it names the type of the error")]
            Ok::<_, Failure>(())
        });
    }
}

/// Reads streams without answers; answers once for as many as the first byte says.
async fn serve_one_way(connection: Connection) -> Result<(), Failure> {
    let mut chunks: [Bytes; 64] = std::array::from_fn(|_| Bytes::new());
    let mut left = 0_u32;
    loop {
        let mut receive = connection.accept_uni().await?;
        let mut first = None;
        while let Some(count) = receive.read_chunks(&mut chunks).await? {
            first = first.or_else(|| chunks.iter().take(count).flatten().next().copied());
        }
        left = if left == 0 { u32::from(first.unwrap_or(1)) } else { left } - 1;
        if left == 0 {
            let mut send = connection.open_uni().await?;
            send.write_all(&ANSWER).await?;
            send.finish()?;
        }
    }
}

pub(crate) struct Client {
    pub(crate) connection: Connection,
    _endpoint: Endpoint,
}

impl Client {
    pub(crate) async fn connect(identity: &Identity, to: SocketAddr) -> Result<Self, Failure> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(identity.certificate().to_vec().into())?;
        let mut tls = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"raw".to_vec()];
        let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        config.transport_config(transport());
        let endpoint = endpoint(None)?;
        let connection = endpoint.connect_with(config, to, "localhost")?.await?;
        Ok(Self { connection, _endpoint: endpoint })
    }

    /// Sends a frame on a stream of its own and waits for the answer.
    pub(crate) async fn ask(&self, payload: Bytes) -> Result<(), Failure> {
        let (mut send, mut receive) = self.connection.open_bi().await?;
        send.write_chunk(payload).await?;
        send.finish()?;
        let mut answer = [0; 16];
        receive.read_exact(&mut answer).await?;
        Ok(())
    }

    /// Sends `count` frames (below 256) without answers and waits until all have arrived.
    pub(crate) async fn tell(&self, payload: &Bytes, count: u8) -> Result<(), Failure> {
        let mut marked = payload.to_vec();
        if let Some(first) = marked.first_mut() {
            *first = count;
        }
        let mut next = Bytes::from(marked);
        for _ in 0..count {
            let mut send = self.connection.open_uni().await?;
            send.write_chunk(std::mem::replace(&mut next, payload.clone())).await?;
            send.finish()?;
        }
        let mut receive = self.connection.accept_uni().await?;
        let mut answer = [0; 16];
        receive.read_exact(&mut answer).await?;
        Ok(())
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
