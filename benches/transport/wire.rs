//! Bytes on the wire beside those of the frames (T3).

use bytes::Bytes;
use serde_json::json;

use crate::{Failure, Row, Servers, ours, raw};

/// Frames of each kind.
const COUNT: usize = 1_000;

pub(crate) async fn measure(servers: &Servers) -> Result<Vec<Row>, Failure> {
    let raw = raw::Client::connect(&servers.identity, servers.raw).await?;
    let ours = ours::Client::connect(&servers.identity, servers.ours).await?;
    let size = 16 << 10;
    let payload = Bytes::from(vec![0x5a; size]);
    // Packets have found their size by then.
    for _ in 0..50 {
        raw.ask(payload.clone()).await?;
        ours.ask(payload.clone()).await?;
    }
    let before = (raw.connection.stats().udp_tx.bytes, ours.peer.quic_statistics().udp_tx.bytes);
    let counted = ours.peer.statistics();
    for _ in 0..COUNT {
        raw.ask(payload.clone()).await?;
        ours.ask(payload.clone()).await?;
    }
    let theirs = raw.connection.stats().udp_tx.bytes - before.0;
    let own = ours.peer.quic_statistics().udp_tx.bytes - before.1;
    let after = ours.peer.statistics();
    let bytes = after.frame_bytes.saturating_sub(counted.frame_bytes).get();
    let layers = after.layers_sent - counted.layers_sent;
    let header = (bytes - layers * size as u64) as f64 / layers as f64;
    let other = after.other_bytes.saturating_sub(counted.other_bytes).get() as f64 / COUNT as f64;
    let share = own as f64 / theirs as f64 - 1.0;
    let header_row = Row {
        target: "T3",
        what: "header of a layer of 16 KiB".into(),
        ours: format!("{header:.1} B"),
        raw: "-".into(),
        verdict: format!("{:.2} % of it; {other:.1} B of control per frame", header / 163.84),
        goal: "<= 24 B per frame and layer",
        met: header <= 24.0,
        json: json!({
            "figure": "header", "bytes_per_layer": header, "control_per_frame": other,
        }),
    };
    let wire_row = Row {
        target: "T3",
        what: "UDP bytes sent per frame of 16 KiB".into(),
        ours: format!("{:.0} B", own as f64 / COUNT as f64),
        raw: format!("{:.0} B", theirs as f64 / COUNT as f64),
        verdict: format!("{:+.2} %", share * 100.0),
        goal: "<= 0.5 % more at 16 KiB",
        met: share <= 0.005,
        json: json!({
            "figure": "wire", "ours_bytes": own as f64 / COUNT as f64,
            "raw_bytes": theirs as f64 / COUNT as f64, "added_share": share,
        }),
    };
    Ok(vec![header_row, wire_row])
}
