//! Measured traces, where `AIFLOW_DATA` names the folder that holds them.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use aiflow_netsim::Trace;
use aiflow_units::{BitRate, Micros};

use crate::figures::measure;

/// Returns the folder of traces, or says on standard error that `test` is skipped.
fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("AIFLOW_DATA").map(|data| PathBuf::from(data).join("traces"));
    if folder.is_none() {
        // Not a macro: what those print, the harness keeps for tests that fail.
        let _ = writeln!(std::io::stderr(), "skipped: {test}, AIFLOW_DATA is not set");
    }
    folder
}

/// Reads the traces whose names contain `part`, in the order of their names.
fn traces(folder: PathBuf, part: &str) -> Vec<(String, Trace)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut traces: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.contains(part))
        .map(|(name, path)| {
            let text = fs::read_to_string(path).unwrap();
            let trace = Trace::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, trace)
        })
        .collect();
    traces.sort_by(|left, right| left.0.cmp(&right.0));
    traces
}

#[test]
fn lte_drives_have_the_known_statistics() {
    let Some(folder) = folder("lte_drives_have_the_known_statistics") else { return };
    let traces = traces(folder.join("mahimahi"), "-LTE-");
    assert_eq!(traces.len(), 5);
    for (name, trace) in traces {
        let seconds = (trace.period().get() / 1_000_000).min(140);
        let figures = measure(&trace, seconds);
        assert!((0.5..20.0).contains(&figures.mean), "{name}: {figures:?}");
        assert!((0.013..0.14).contains(&figures.outages), "{name}: {figures:?}");
        assert!(figures.error_p50 < 0.30 && figures.error_p90 < 1.10, "{name}: {figures:?}");
    }
}

#[test]
fn opportunities_are_all_there() {
    let Some(folder) = folder("opportunities_are_all_there") else { return };
    for (name, trace) in traces(folder.join("mahimahi"), "ATT-LTE-driving-2016.down") {
        assert_eq!(trace.period(), Micros::from_millis(120_002), "{name}");
        let expected = 45_604 * 1500 * 8_000_000 / 120_002_000;
        assert_eq!(trace.mean(), BitRate::bits_per_second(expected), "{name}");
    }
}

#[test]
fn rides_parse_and_have_plausible_rates() {
    let Some(folder) = folder("rides_parse_and_have_plausible_rates") else { return };
    let traces = traces(folder.join("hsdpa"), "norway_");
    assert!(traces.len() >= 40);
    for (name, trace) in traces {
        assert!(trace.period() > Micros::from_secs(30), "{name}");
        let mean = trace.mean();
        let megabit = BitRate::megabits_per_second(1);
        assert!(mean.get() * 5 > megabit.get() && mean < BitRate::megabits_per_second(7), "{mean}");
    }
}
