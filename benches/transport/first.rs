//! Round trips until a first frame can be sent (T4), over a path of 50 ms.

use std::time::Instant;

use aiflow_netsim::LinkConfig;
use aiflow_netsim::relay::{Relay, RelayConfig};
use aiflow_transport::driver::{EarlyData, Endpoint};
use aiflow_units::Micros;
use bytes::Bytes;
use serde_json::json;

use crate::{Failure, Row, Servers, anywhere, median, ours, raw};

/// The round trip of the path, in seconds.
const ROUND: f64 = 0.05;

/// What computing and timers may take, in round trips: 5 ms.
const SLACK: f64 = 0.1;

/// Starts a path to a server.
fn path(server: std::net::SocketAddr) -> Result<Relay, Failure> {
    let half = LinkConfig::new().with_delay(Micros::from_millis(25));
    Ok(Relay::start(RelayConfig::new(server).with_links(half.clone(), half).with_max_paths(64))?)
}

pub(crate) async fn measure(servers: &Servers, rounds: usize) -> Result<Vec<Row>, Failure> {
    let (to_raw, to_ours) = (path(servers.raw)?, path(servers.ours)?);
    let payload = Bytes::from_static(&[1; 400]);
    let (mut theirs, mut new, mut resumed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        let client = raw::Client::connect(&servers.identity, to_raw.address()).await?;
        client.ask(payload.clone()).await?;
        // The answer takes the round trip that the frame begins.
        theirs.push(start.elapsed().as_secs_f64() / ROUND - 1.0);

        let endpoint = Endpoint::client(anywhere())?;
        let config = ours::config(&servers.identity, EarlyData::Allowed)?;
        let start = Instant::now();
        let peer = endpoint.connect(to_ours.address(), "localhost", &config).await?;
        let session = peer.open(ours::open()).await?;
        let due = session.after(std::time::Duration::from_secs(9));
        let frame = aiflow_transport::Frame::new(vec![payload.clone()], due);
        session.send(frame.clone())?.await?;
        new.push(start.elapsed().as_secs_f64() / ROUND - 1.0);
        let left = session.resumption().ok_or("the server gives tickets")?;
        drop((session, peer));

        let start = Instant::now();
        let peer = endpoint.connect(to_ours.address(), "localhost", &config).await?;
        let session = peer.resume_at_once(&left)?;
        let due = session.after(std::time::Duration::from_secs(9));
        session.send(aiflow_transport::Frame::new(vec![payload.clone()], due))?.await?;
        resumed.push(start.elapsed().as_secs_f64() / ROUND - 1.0);
    }
    let (theirs, new, resumed) = (median(&mut theirs), median(&mut new), median(&mut resumed));
    Ok(vec![Row {
        target: "T4",
        what: "round trips until a first frame leaves".into(),
        ours: format!("{new:.2} / {resumed:.2}"),
        raw: format!("{theirs:.2}"),
        verdict: "new with handshake and OPEN / resumed".into(),
        goal: "1 after connecting / 0",
        met: new <= 2.0 + SLACK && resumed <= SLACK,
        json: json!({
            "figure": "first", "new_rtts": new, "resumed_rtts": resumed, "raw_rtts": theirs,
        }),
    }])
}
