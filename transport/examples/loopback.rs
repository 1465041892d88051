//! The driver on loopback: a server that answers frames, and a client that sends some within their
//! budget.
//!
//! `cargo run -p aiflow-transport --features self-signed --example loopback`
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aiflow_transport::driver::{
    ClientConfig, EarlyData, Endpoint, Identity, Peer, PeerEvent, Roots, ServerConfig,
};
use aiflow_transport::negotiate::{Policy, ServedCut, ServedModel, Tenants};
use aiflow_transport::wire::{
    CodecId, CutId, ElementType, Fallback, ModelId, Open, Point, PointId, RateEntry, RateIndex,
    Replay, SessionId, TensorSchema,
};
use aiflow_transport::{Code, Frame, Reply};
use aiflow_units::{Bytes, Micros};
use bytes::Bytes as Buffer;

/// In earnest: the SHA-256 of the model.
const MODEL: ModelId = ModelId([1; 32]);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // The certificate is made on the spot; in earnest an authority vouches for it.
    let identity = Identity::self_signed(&["localhost"])?;
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = ServerConfig::new(identity.clone(), None, EarlyData::Refused)?;
    let server = Endpoint::server(anywhere, config)?;
    let address = server.local_address()?;
    let accepting = server.clone();
    let serving = tokio::spawn(async move {
        while let Some(arriving) = accepting.accept().await {
            if let Ok(peer) = arriving.await {
                tokio::spawn(serve(peer));
            }
        }
    });

    let client = Endpoint::client(anywhere)?;
    let config = ClientConfig::new(&Roots::of(&identity), None, EarlyData::Refused)?;
    let peer = client.connect(address, "localhost", &config).await?;
    let session = peer.open(open()).await?;
    for number in 0..5 {
        let deadline = session.after(Duration::from_millis(300));
        let Some(budget) = session.budget(deadline) else { break };
        // An encoder would fill the budget; here a base and one enhancement of zeros do.
        let base = budget.base.get().min(4_000) as usize;
        let layers = vec![Buffer::from(vec![0; base]), Buffer::from(vec![0; base * 3])];
        let answer = session.send(Frame::new(layers, deadline))?;
        let reply = answer.await?;
        println!(
            "frame {number}: {} bytes to the base, budget {} of {}, answer {:?}",
            base, budget.base, budget.total, reply.payload
        );
    }
    println!("estimate: {}", session.estimate().p50);

    client.shutdown(Code::NoError).await;
    server.shutdown(Code::GoingAway).await;
    serving.await?;
    Ok(())
}

/// Serves what one client asks for.
async fn serve(peer: Peer) {
    while let Some(event) = peer.next_event().await {
        let PeerEvent::Session(offer) = event else { continue };
        let Ok(session) = offer.decide(&policy()) else { continue };
        tokio::spawn(async move {
            while let Some(mut request) = session.next_request().await {
                // A tail would run here, first on the base, then on all layers.
                let Ok(layers) = request.layers().await else { continue };
                let payload = Buffer::from(format!("{} layers", layers.len()));
                // The client may have given the frame up.
                let _ = request.reply(Reply { payload, ..Reply::default() });
            }
        });
    }
}

fn tensor() -> TensorSchema {
    TensorSchema { element: ElementType::F32, dims: vec![1, 64, 8, 8] }
}

fn policy() -> Policy {
    let cut = ServedCut {
        cut: CutId(1),
        tensors: vec![tensor()],
        codecs: vec![(CodecId::RAW, None)],
        tail: Micros::from_millis(2),
    };
    Policy { models: vec![ServedModel { model: MODEL, cuts: vec![cut] }], tenants: Tenants::Any }
}

/// Asks for a session with one operating point.
fn open() -> Open {
    let point = Point {
        id: PointId(1),
        cut: CutId(1),
        codec: CodecId::RAW,
        profile: None,
        fallback: Fallback::No,
        layers: 2,
        tensors: vec![tensor()],
        head: Micros::from_millis(5),
        tail: Micros::ZERO,
        rates: vec![RateEntry {
            rate: RateIndex(0),
            base: Bytes::new(4_000),
            total: Bytes::new(16_000),
        }],
    };
    Open {
        session: SessionId(0),
        replay: Replay::Harmless,
        model: MODEL,
        tenant: String::new(),
        deadline: Micros::from_millis(300),
        period: Micros::from_millis(100),
        points: vec![point],
    }
}
