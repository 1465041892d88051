//! Links of constant rate, under virtual time (T5).

use aiflow_evaluation::link::ConstantRecord;
use aiflow_units::{BitRate, Micros};
use serde_json::json;

use crate::{Failure, Row};

/// Sends as fast as possible over the grid of links, a row for each rate.
pub(crate) fn measure() -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for megabits in ConstantRecord::RATES {
        let rate = BitRate::megabits_per_second(megabits);
        let links =
            ConstantRecord::RTTS.map(|rtt| ConstantRecord::measure(rate, Micros::from_millis(rtt)));
        let links = links.into_iter().collect::<Result<Vec<_>, _>>()?;
        let each = |value: fn(&ConstantRecord) -> f64| {
            links.iter().map(|link| format!("{:.4}", value(link))).collect::<Vec<_>>()
        };
        let worst = links.iter().map(ConstantRecord::of_raw).fold(f64::MAX, f64::min);
        let mean = |value: fn(&ConstantRecord) -> f64| {
            links.iter().map(value).sum::<f64>() / links.len().max(1) as f64
        };
        let shares = links.iter().map(|link| format!("{:.1}", link.of_raw() * 100.0));
        let shares: Vec<_> = shares.collect();
        rows.push(Row {
            target: "T5",
            what: format!("{megabits} Mbit/s, round trips of 10/50/100/200 ms"),
            ours: format!("{:.2} Mbit/s", mean(|link| link.goodput_mbps)),
            raw: format!("{:.2} Mbit/s", mean(|link| link.raw_mbps)),
            verdict: format!("{} %", shares.join(" / ")),
            goal: ">= 97 % of raw on each",
            met: worst >= 0.97,
            json: json!({
                "figure": "constant", "rate_mbps": megabits, "rtt_ms": ConstantRecord::RTTS,
                "ours_mbps": each(|link| link.goodput_mbps),
                "raw_mbps": each(|link| link.raw_mbps), "worst_ratio": worst,
            }),
        });
    }
    Ok(rows)
}
