//! What the tests share: identities, configurations, a server that echoes.

use std::net::{Ipv4Addr, SocketAddr};

use aiflow_transport::driver::{
    ClientConfig, EarlyData, Endpoint, Identity, Peer, PeerEvent, Request, Roots, ServedSession,
    ServerConfig, Session,
};
use aiflow_transport::negotiate::{Policy, ServedCut, ServedModel, Tenants};
use aiflow_transport::wire::{
    CodecId, CutId, ElementType, Fallback, ModelId, Open, Point, PointId, ProfileHash, RateEntry,
    RateIndex, Replay, SessionId, TensorSchema,
};
use aiflow_transport::{Config, Frame, Reply};
use aiflow_units::{Bytes, Micros};
use bytes::Bytes as Buffer;

/// The name in the certificate of servers.
pub(crate) const NAME: &str = "localhost";
/// Longer than any test takes.
pub(crate) const LONG: std::time::Duration = std::time::Duration::from_secs(20);

pub(crate) fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub(crate) fn identity() -> Identity {
    Identity::self_signed(&[NAME]).expect("a name that can stand in a certificate")
}

pub(crate) fn protocol() -> Config {
    Config::default().with_codecs(vec![CodecId::AIFLOW, CodecId::RAW])
}

pub(crate) fn server_config(identity: &Identity) -> ServerConfig {
    ServerConfig::new(identity.clone(), None, EarlyData::Refused)
        .expect("a sound identity")
        .with_protocol(protocol())
}

pub(crate) fn client_config(server: &Identity) -> ClientConfig {
    ClientConfig::new(&Roots::of(server), None, EarlyData::Refused)
        .expect("sound roots")
        .with_protocol(protocol())
}

pub(crate) const MODEL: ModelId = ModelId([7; 32]);
pub(crate) const PROFILE: ProfileHash = ProfileHash([9; 32]);

fn tensor() -> TensorSchema {
    TensorSchema { element: ElementType::F32, dims: vec![1, 64, 8, 8] }
}

fn point(id: u16) -> Point {
    Point {
        id: PointId(id),
        cut: CutId(u32::from(id)),
        codec: CodecId::AIFLOW,
        profile: Some(PROFILE),
        fallback: Fallback::No,
        layers: 4,
        tensors: vec![tensor()],
        head: Micros::ZERO,
        tail: Micros::ZERO,
        rates: vec![RateEntry {
            rate: RateIndex(20),
            base: Bytes::new(400),
            total: Bytes::new(900),
        }],
    }
}

/// Asks for a session with two points.
pub(crate) fn open() -> Open {
    Open {
        session: SessionId(0),
        replay: Replay::Refused,
        model: MODEL,
        tenant: String::new(),
        deadline: Micros::from_millis(500),
        period: Micros::from_millis(100),
        points: vec![point(1), point(2)],
    }
}

/// Serves what [`open`] asks for.
pub(crate) fn policy() -> Policy {
    let cut = |id| ServedCut {
        cut: CutId(id),
        tensors: vec![tensor()],
        codecs: vec![(CodecId::AIFLOW, Some(PROFILE))],
        tail: Micros::from_millis(5),
    };
    let model = ServedModel { model: MODEL, cuts: vec![cut(1), cut(2)] };
    Policy { models: vec![model], tenants: Tenants::Any }
}

/// Two endpoints and a connection between them.
pub(crate) struct World {
    pub(crate) server: Endpoint,
    pub(crate) client: Endpoint,
    pub(crate) at_server: Peer,
    pub(crate) at_client: Peer,
}

impl World {
    pub(crate) async fn new() -> Self {
        let identity = identity();
        Self::with(server_config(&identity), client_config(&identity)).await
    }

    pub(crate) async fn with(server: ServerConfig, client: ClientConfig) -> Self {
        let server = Endpoint::server(anywhere(), server).expect("loopback takes sockets");
        let endpoint = Endpoint::client(anywhere()).expect("loopback takes sockets");
        let address = server.local_address().expect("it is bound");
        let arrives = async {
            let arriving = server.accept().await.expect("somebody knocks");
            arriving.await.expect("the handshake succeeds")
        };
        let (at_client, at_server) =
            tokio::join!(endpoint.connect(address, NAME, &client), arrives);
        let at_client = at_client.expect("the handshake succeeds");
        Self { server, client: endpoint, at_server, at_client }
    }

    /// Opens a session.
    pub(crate) async fn session(&self) -> (Session, ServedSession) {
        let admit = async {
            loop {
                let event = self.at_server.next_event().await.expect("the client asks");
                if let PeerEvent::Session(offer) = event {
                    return offer.decide(&policy()).expect("the policy serves it");
                }
            }
        };
        let (at_client, at_server) = tokio::join!(self.at_client.open(open()), admit);
        (at_client.expect("the server admits it"), at_server)
    }
}

/// A layer of `length` bytes that differ.
pub(crate) fn layer(length: usize, salt: u8) -> Buffer {
    (0..length).map(|place| (place * 31 + place / 251) as u8 ^ salt).collect()
}

/// A frame that is due in a second.
pub(crate) fn frame(session: &Session, layers: Vec<Buffer>) -> Frame {
    Frame::new(layers, session.after(std::time::Duration::from_secs(1)))
}

/// Answers with the bytes of all layers.
pub(crate) async fn echo(mut request: Request) {
    let layers = request.layers().await.expect("the client wants an answer");
    let payload: Vec<u8> = layers.iter().flat_map(|layer| layer.contiguous().to_vec()).collect();
    let layers = layers.len() as u8;
    let reply = Reply { payload: payload.into(), layers, ..Reply::default() };
    request.reply(reply).expect("the client waits");
}
