//! Profiles of machines for people: tables, and what was odd.

use std::time::Duration;

use aiflow::evaluation::bench::Samples;
use aiflow::evaluation::data::Preprocess;
use aiflow::evaluation::sheet;
use aiflow::runtime::bundle::{CodingEffort, FeatureCoding, Payload};
use aiflow::runtime::profiler::{Clock, CodingTiming, MachineProfile, Schedule, Timing};
use anyhow::Result;

use crate::output;

/// Times turning a picture into the model's input; nothing where there are no pictures.
pub(crate) fn preparing(
    samples: &Samples,
    preprocess: &Preprocess,
    schedule: &Schedule,
    clock: &dyn Clock,
) -> Result<Option<Timing>> {
    let Some(work) = sheet::preparing(samples, preprocess) else { return Ok(None) };
    let measured = schedule.run(&mut [work], clock, &|_| {})?;
    Ok(measured.timings.first().copied())
}

/// Lists the parts of a profile.
pub(crate) fn parts_table(profile: &MachineProfile) -> String {
    let heading = ["cut", "segment before", "head", "tail", "head + tail", "segments off by"];
    let mut table = output::new_table(&heading, &[1, 2, 3, 4, 5]);
    for timing in &profile.cuts {
        let own =
            |segment: &&aiflow::runtime::profiler::SegmentTiming| segment.to == Some(timing.cut);
        let segment = profile.segments.iter().find(own);
        let (head, tail) = (timing.head.typical(), timing.tail.typical());
        table.add_row([
            timing.cut.to_string(),
            segment.map_or_else(|| "–".to_owned(), |segment| middle(&segment.time)),
            middle(&timing.head),
            middle(&timing.tail),
            shown(head + tail),
            profile.segment_error(timing.cut).map_or_else(|| "–".to_owned(), signed),
        ]);
    }
    let whole = ["whole", "", "", "", &middle(&profile.whole), ""].map(str::to_owned);
    table.add_row(whole);
    if let Some(prepare) = &profile.prepare {
        let row = ["picture to input", "", &middle(prepare), "", "", ""].map(str::to_owned);
        table.add_row(row);
    }
    table.to_string()
}

/// Lists what coding takes: for each cut the middle rate that was timed.
pub(crate) fn codings_table(profile: &MachineProfile) -> String {
    let heading = ["sent", "lossless", "fast", "high"];
    let mut table = output::new_table(&heading, &[1, 2, 3]);
    let both = |timing: Option<&CodingTiming>| {
        timing.map_or_else(
            || "–".to_owned(),
            |timing| {
                format!("{} / {}", shown(timing.encode.typical()), shown(timing.decode.typical()))
            },
        )
    };
    for cut in profile.cuts.iter().map(|timing| timing.cut) {
        let learned = |wanted: CodingEffort| {
            let mut own: Vec<(u8, &CodingTiming)> = profile
                .codings
                .iter()
                .filter_map(|timing| match timing.payload {
                    Payload::Feature {
                        cut: other,
                        coding: FeatureCoding::Learned { rate_index, effort, .. },
                    } if other == cut && effort == wanted => Some((rate_index, timing)),
                    _ => None,
                })
                .collect();
            own.sort_by_key(|(rate, _)| *rate);
            own.get(own.len() / 2).map(|(_, timing)| *timing)
        };
        let lossless = Payload::Feature { cut, coding: FeatureCoding::Lossless };
        let lossless = profile.codings.iter().find(|timing| timing.payload == lossless);
        if lossless.is_none() {
            continue;
        }
        let cells = [lossless, learned(CodingEffort::Fast), learned(CodingEffort::High)];
        table.add_row([vec![cut.to_string()], cells.map(both).to_vec()].concat());
    }
    for timing in &profile.codings {
        if let Payload::Picture(coding) = timing.payload {
            let name = coding.to_string();
            let cells = [name, both(Some(timing)), String::new(), String::new()];
            table.add_row(cells);
        }
    }
    table.to_string()
}

/// Says what was odd about a profile: parts that others disturbed, and segments that do not add up.
pub(crate) fn warnings(profile: &MachineProfile) -> Vec<String> {
    let mut found = Vec::new();
    let parts = profile.cuts.iter().flat_map(|timing| [&timing.head, &timing.tail]);
    let noisy = parts.clone().chain([&profile.whole]).filter(|timing| timing.is_noisy()).count();
    let all = parts.count() + 1;
    if noisy > 0 {
        found.push(format!(
            "{noisy} of {all} parts were held up by other programs, and their lower quantiles are taken; close \
             them and measure again"
        ));
    }
    let off = profile
        .cuts
        .iter()
        .filter_map(|timing| Some((timing.cut, profile.segment_error(timing.cut)?)));
    let worst = off.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    if let Some((cut, error)) = worst.filter(|(_, error)| error.abs() > MOST_OFF) {
        found.push(format!(
            "the segments add up to {} of head and tail of {cut}; plans for three tiers are off by as \
             much",
            signed(error)
        ));
    }
    found
}

/// Segments that are off by more than this do not add up.
const MOST_OFF: f64 = 0.1;

fn middle(timing: &Timing) -> String {
    format!("{} ({})", shown(timing.typical()), shown(timing.p90()))
}

/// Writes a time in microseconds or milliseconds with three digits that count.
pub(crate) fn shown(time: Duration) -> String {
    let micros = time.as_nanos() as f64 / 1e3;
    match micros {
        0.0..10.0 => format!("{micros:.1} µs"),
        10.0..1000.0 => format!("{micros:.0} µs"),
        1000.0..10_000.0 => format!("{:.2} ms", micros / 1e3),
        10_000.0..1e6 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

fn signed(share: f64) -> String {
    format!("{:+.1} %", 100.0 * share)
}
