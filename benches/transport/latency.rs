//! The time from sending one frame to its answer, one at a time (T2).

use std::time::Instant;

use bytes::Bytes;
use serde_json::json;

use crate::{Failure, Row, Servers, median, ours, quantile, raw};

pub(crate) async fn measure(servers: &Servers, rounds: usize) -> Result<Vec<Row>, Failure> {
    let raw = raw::Client::connect(&servers.identity, servers.raw).await?;
    let ours = ours::Client::connect(&servers.identity, servers.ours).await?;
    let mut rows = Vec::new();
    for (name, size) in [("1 KiB", 1 << 10), ("64 KiB", 64 << 10)] {
        let payload = Bytes::from(vec![0x5a; size]);
        let (mut own, mut theirs, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds * 8 {
            let (mut here, mut there) = (Vec::new(), Vec::new());
            for _ in 0..25 {
                let start = Instant::now();
                raw.ask(payload.clone()).await?;
                there.push(start.elapsed().as_secs_f64() * 1e6);
                let start = Instant::now();
                ours.ask(payload.clone()).await?;
                here.push(start.elapsed().as_secs_f64() * 1e6);
            }
            added.push(median(&mut here) - median(&mut there));
            own.extend(here);
            theirs.extend(there);
        }
        let (p50, raw50) = (median(&mut own), median(&mut theirs));
        let (p99, raw99) = (quantile(&mut own, 0.99), quantile(&mut theirs, 0.99));
        let added = median(&mut added);
        rows.push(Row {
            target: "T2",
            what: format!("frame of {name} to answer, p50 / p99"),
            ours: format!("{p50:.0} / {p99:.0} us"),
            raw: format!("{raw50:.0} / {raw99:.0} us"),
            verdict: format!("{added:+.0} us (median of paired medians)"),
            goal: "p50 <= 50 us more",
            met: added <= 50.0,
            json: json!({
                "figure": "latency", "frame_bytes": size, "ours_p50_us": p50, "ours_p99_us": p99,
                "raw_p50_us": raw50, "raw_p99_us": raw99, "added_p50_us": added,
            }),
        });
    }
    Ok(rows)
}
