//! Links of constant rate, and links that change once.

use aiflow::evaluation::link::{ConstantRecord, StepRecord};
use aiflow::units::{BitRate, Micros};
use anyhow::Result;
use serde::Serialize;

use crate::args::Format;
use crate::output;
use crate::progress::Progress;

/// What was found on all of them.
#[derive(Serialize)]
struct Records {
    links: Vec<ConstantRecord>,
    steps: Vec<StepRecord>,
}

pub(super) fn run(format: &Format) -> Result<()> {
    let records = measure()?;
    if format.json {
        return output::json(&records);
    }
    output::heading("As fast as possible over links of constant rate")?;
    output::table(&links_table(&records.links), &[])?;
    output::heading("A fall to a quarter of the rate, and the rise back")?;
    output::table(&steps_table(&records.steps), &[])?;
    output::heading("In words")?;
    for sentence in findings(&records) {
        output::text(&format!("• {sentence}"))?;
    }
    Ok(())
}

fn measure() -> Result<Records> {
    let bar = Progress::new("starting");
    let (rates, rtts) = (ConstantRecord::RATES, ConstantRecord::RTTS);
    let all = (rates.len() * rtts.len() + StepRecord::RATES.len()) as f32;
    let mut records = Records { links: Vec::new(), steps: Vec::new() };
    for rate in rates {
        for rtt in rtts {
            bar.update(&format!("{rate} Mbit/s, {rtt} ms"), records.links.len() as f32 / all);
            let rate = BitRate::megabits_per_second(rate);
            records.links.push(ConstantRecord::measure(rate, Micros::from_millis(rtt))?);
        }
    }
    for rate in StepRecord::RATES {
        let done = records.links.len() + records.steps.len();
        bar.update(&format!("{rate} Mbit/s and a quarter of it"), done as f32 / all);
        records.steps.push(StepRecord::measure(BitRate::megabits_per_second(rate))?);
    }
    Ok(records)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn links_table(links: &[ConstantRecord]) -> String {
    let heading =
        ["Mbit/s", "round trip", "bare QUIC", "frames", "of it", "estimate", "p95", "window/rtt"];
    let mut table = output::new_table(&heading, &[0, 1, 2, 3, 4, 5, 6, 7]);
    for link in links {
        table.add_row([
            format!("{:.0}", link.rate_mbps),
            format!("{:.0} ms", link.rtt_ms),
            format!("{:.2}", link.raw_mbps),
            format!("{:.2}", link.goodput_mbps),
            percent(link.of_raw()),
            percent(link.estimate_error_p50),
            percent(link.estimate_error_p95),
            percent(link.window_error_p50),
        ]);
    }
    table.to_string()
}

fn steps_table(steps: &[StepRecord]) -> String {
    let heading = ["Mbit/s", "round trip", "fall followed", "rise followed", "bases on time"];
    let mut table = output::new_table(&heading, &[0, 1, 2, 3, 4]);
    let span = |millis: Option<f64>| millis.map_or("never".to_owned(), |it| format!("{it:.0} ms"));
    for step in steps {
        table.add_row([
            format!("{:.0} → {:.0}", step.high_mbps, step.low_mbps),
            format!("{:.0} ms", step.rtt_ms),
            span(step.fall_ms),
            span(step.rise_ms),
            percent(step.base_on_time),
        ]);
    }
    table.to_string()
}

/// Says what the worst of all links is, beside what it should be.
fn findings(records: &Records) -> Vec<String> {
    let links = &records.links;
    let highest = |value: fn(&ConstantRecord) -> f64| links.iter().map(value).fold(0.0, f64::max);
    let least =
        |value: fn(&ConstantRecord) -> f64| links.iter().map(value).fold(f64::INFINITY, f64::min);
    let better = least(|link| link.window_error_p50 / link.estimate_error_p50.max(1e-4));
    let slowest = |value: fn(&StepRecord) -> Option<f64>| {
        let spans = records.steps.iter().map(|step| value(step).unwrap_or(f64::INFINITY));
        spans.fold(0.0, f64::max)
    };
    vec![
        format!(
            "frames deliver at least {} of what bare QUIC delivers in the same 20 seconds \
             (target: 97 %).",
            percent(least(ConstantRecord::of_raw)),
        ),
        format!(
            "the estimate is off by {} at most in the median and by {} at the 95th percentile \
             (targets: 5 and 10 %), {better:.1} times less than window over round trip (target: 3).",
            percent(highest(|link| link.estimate_error_p50)),
            percent(highest(|link| link.estimate_error_p95)),
        ),
        format!(
            "a fall is followed within {:.0} ms (target: 300), a rise within {:.0} ms (target: \
             2000).",
            slowest(|step| step.fall_ms),
            slowest(|step| step.rise_ms),
        ),
    ]
}
