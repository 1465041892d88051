//! The driver.

use std::net::SocketAddr;
use std::time::Duration;

use aiflow_transport::driver::{
    ClientConfig, EarlyData, Endpoint, Identity, Peer, PeerEvent, Roots, ServedSession,
    ServerConfig, Session, TicketKey,
};
use aiflow_transport::negotiate::{Policy, ServedCut, ServedModel, Tenants};
use aiflow_transport::wire::{
    CodecId, CutId, ElementType, Fallback, ModelId, Open, Point, PointId, RateEntry, RateIndex,
    Replay, SessionId, TensorSchema,
};
use aiflow_transport::{Frame, Reply};
use aiflow_units::{Bytes, Micros};
use bytes::Bytes as Buffer;

use crate::raw::ANSWER;
use crate::{Failure, anywhere};

pub(crate) fn server(identity: &Identity) -> Result<Endpoint, Failure> {
    let key = std::sync::Arc::new(TicketKey::random()?);
    let config = ServerConfig::new(identity.clone(), None, EarlyData::Allowed)?
        .with_tickets(key, Micros::from_secs(600));
    Ok(Endpoint::server(anywhere(), config)?)
}

/// Answers every frame.
pub(crate) async fn serve(endpoint: Endpoint) {
    while let Some(arriving) = endpoint.accept().await {
        tokio::spawn(async move {
            let Ok(peer) = arriving.await else { return };
            while let Some(event) = peer.next_event().await {
                let served = match event {
                    PeerEvent::Session(offer) => offer.decide(&policy()),
                    PeerEvent::Resume(offer) => offer.decide(&policy()),
                    _ => continue,
                };
                if let Ok(served) = served {
                    tokio::spawn(serve_session(served));
                }
            }
        });
    }
}

async fn serve_session(served: ServedSession) {
    while let Some(request) = served.next_request().await {
        let reply = Reply { payload: Buffer::from_static(&ANSWER), ..Reply::default() };
        if request.is_complete() {
            // The client may be gone.
            let _ = request.reply(reply);
        } else {
            tokio::spawn(async move {
                let mut request = request;
                if request.layers().await.is_ok() {
                    let _ = request.reply(reply);
                }
            });
        }
    }
}

const MODEL: ModelId = ModelId([1; 32]);

fn tensor() -> TensorSchema {
    TensorSchema { element: ElementType::F32, dims: vec![1, 64, 56, 56] }
}

fn policy() -> Policy {
    let cut = ServedCut {
        cut: CutId(1),
        tensors: vec![tensor()],
        codecs: vec![(CodecId::RAW, None)],
        tail: Micros::ZERO,
    };
    Policy { models: vec![ServedModel { model: MODEL, cuts: vec![cut] }], tenants: Tenants::Any }
}

pub(crate) fn open() -> Open {
    let rates = vec![RateEntry { rate: RateIndex(0), base: Bytes::new(1), total: Bytes::new(1) }];
    let point = Point {
        id: PointId(1),
        cut: CutId(1),
        codec: CodecId::RAW,
        profile: None,
        fallback: Fallback::No,
        layers: 8,
        tensors: vec![tensor()],
        head: Micros::ZERO,
        tail: Micros::ZERO,
        rates,
    };
    Open {
        session: SessionId(0),
        replay: Replay::Harmless,
        model: MODEL,
        tenant: String::new(),
        deadline: Micros::ZERO,
        period: Micros::ZERO,
        points: vec![point],
    }
}

pub(crate) fn config(identity: &Identity, early: EarlyData) -> Result<ClientConfig, Failure> {
    Ok(ClientConfig::new(&Roots::of(identity), None, early)?)
}

pub(crate) struct Client {
    pub(crate) peer: Peer,
    pub(crate) session: Session,
    _endpoint: Endpoint,
}

impl Client {
    pub(crate) async fn connect(identity: &Identity, to: SocketAddr) -> Result<Self, Failure> {
        let endpoint = Endpoint::client(anywhere())?;
        let config = config(identity, EarlyData::Refused)?;
        let peer = endpoint.connect(to, "localhost", &config).await?;
        // What a peer may be sent before its SETUP is little.
        peer.greeted().await?;
        let session = peer.open(open()).await?;
        Ok(Self { peer, session, _endpoint: endpoint })
    }

    pub(crate) fn frame(&self, layers: Vec<Buffer>) -> Frame {
        Frame::new(layers, self.session.after(Duration::from_secs(60)))
    }

    /// Sends a frame and waits for the answer.
    pub(crate) async fn ask(&self, payload: Buffer) -> Result<(), Failure> {
        let answer = self.session.submit(self.frame(vec![payload])).await?;
        answer.await?;
        Ok(())
    }
}
