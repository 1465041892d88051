//! The map of where a cut wins, with the scenarios that were measured on it.

use super::chart::escape;
use super::heat::{Heat, HeatCell, HeatPoint, Shade};
use super::number;
use super::page::markup::section;
use super::plan_map::short;
use crate::end_to_end::{CutMap, MapCell, Policy, ScenarioRun};
use crate::statistics::quantile;

/// Returns the section: one panel for each pair of machines; nothing without maps.
pub(super) fn maps_section(maps: &[CutMap], runs: &[ScenarioRun]) -> Option<String> {
    let panels: String = maps.iter().map(|map| panel(map, runs)).collect();
    let words = "<p><b>Computed</b> by the model of the planner, from the profile of this machine and the \
        plan sheet, on steady links: what is chosen within the loss budget, and below the name of a cut its \
        expected time over that of the better of everything on the device and the upload of the picture. Outlined cells \
        are balanced: these two lie within a factor of 1.3. <b>Measured</b> are the dots: a scenario at its \
        round trip and mean rate, with the share that aiflow really took of the better of the two; a line \
        spans the middle 80 % of the rates of a drive.</p>";
    let key = |colour: &str, what: &str| {
        format!("<span><i class=\"map-key\" style=\"background:{colour}\"></i>{what}</span>")
    };
    let legend = [
        key(&Shade::Still.fill(), "everything on the device"),
        key(&Shade::Whole.fill(), "the picture is sent"),
        key(&Shade::Ratio(0.95).fill(), "a cut, 0.95 of the better"),
        key(&Shade::Ratio(0.6).fill(), "a cut, 0.60 of the better"),
    ];
    let body = format!(
        "{words}<div class=\"legend\">{}</div><div class=\"panels\">{panels}</div>",
        legend.concat()
    );
    (!maps.is_empty()).then(|| section("cut-map", "Where a cut wins", &body))
}

fn panel(map: &CutMap, runs: &[ScenarioRun]) -> String {
    let on_it = |run: &&ScenarioRun| map.has(&run.scenario);
    let mut points: Vec<HeatPoint> =
        runs.iter().filter(on_it).filter_map(|run| point(map, run)).collect();
    // Labels of neighbours stand on different sides.
    points.sort_by(|a, b| a.across[1].total_cmp(&b.across[1]));
    let rates = map.bandwidths.iter().map(|rate| rate.get());
    let title = title(map);
    let columns = map.bandwidths.len().max(1);
    let heat = Heat {
        description: format!("Where a cut wins: {title}"),
        width: WIDTH,
        points,
        across: "bandwidth, Mbit/s".to_owned(),
        up: "round trip, ms".to_owned(),
        columns: rates.map(megabits).collect(),
        rows: map.rtts.iter().map(|rtt| format!("{}", rtt.get() / 1000)).collect(),
        cells: map
            .cells
            .iter()
            .enumerate()
            .map(|(index, own)| cell(own, map, index % columns, index / columns))
            .collect(),
    };
    let budget = escape(&map.max_loss.to_string());
    format!(
        "<figure><figcaption>{title} <small>loss at most {budget}</small></figcaption>{}</figure>",
        heat.svg()
    )
}

fn title(map: &CutMap) -> String {
    let server = match map.server_slowdown {
        1.0 => "this machine".to_owned(),
        slow => format!("1/{slow:.0} of this machine"),
    };
    format!("device at 1/{:.0} of the server, server at {server}", map.device_slowdown)
}

fn cell(own: &MapCell, map: &CutMap, column: usize, row: usize) -> HeatCell {
    let (shade, below) = match own.place.as_str() {
        "device" => (Shade::Still, String::new()),
        "picture" => (Shade::Whole, String::new()),
        _ => (Shade::Ratio(own.ratio()), format!("{:.2}", own.ratio())),
    };
    let rate = map.bandwidths.get(column).map_or(0, |rate| rate.get());
    let rtt = map.rtts.get(row).map_or(0, |rtt| rtt.get() / 1000);
    let picture = own.picture_ms.map_or("none".to_owned(), |time| format!("{time:.1} ms"));
    let title = format!(
        "{} at {rtt} ms: {} {}, {:.1} ms; device {:.1} ms, WebP {picture}",
        number::rate(rate),
        own.place,
        own.coding,
        own.chosen_ms,
        own.device_ms,
    );
    HeatCell { shade, text: short(&own.place), below, outlined: own.is_balanced(), title }
}

/// Places a scenario on its map; nothing where aiflow was not measured.
fn point(map: &CutMap, run: &ScenarioRun) -> Option<HeatPoint> {
    let own = run.policies.iter().find(|own| own.record.policy == Policy::Aiflow)?;
    let rates: Vec<f64> = own.requests.iter().map(|own| own.channel_bps as f64).collect();
    let columns: Vec<f64> = map.bandwidths.iter().map(|rate| rate.get() as f64).collect();
    let rows: Vec<f64> = map.rtts.iter().map(|rtt| rtt.get() as f64).collect();
    let at = |share: f64| Some(place(&columns, quantile(&rates, share)?));
    let mean = place(&columns, own.record.channel_bps_mean);
    let ratio = own.record.over_trivial.map_or(String::new(), |ratio| format!(" {ratio:.2}"));
    Some(HeatPoint {
        across: [at(0.1)?.min(mean), mean, at(0.9)?.max(mean)],
        up: place(&rows, 1e3 * own.record.rtt_ms),
        label: format!("{}{ratio}", run.scenario.name),
        title: format!(
            "{}, measured: {:.1} ms on average, {}",
            run.scenario.name,
            own.record.latency_ms_mean,
            super::end_to_end_table::places(&own.record),
        ),
    })
}

/// Returns where a value lies among those of cells, in cells from the first one's edge; at most at the
/// edges.
fn place(values: &[f64], value: f64) -> f64 {
    let above = values.partition_point(|own| *own < value);
    let (Some(high), Some(low)) = (values.get(above), values.get(above.wrapping_sub(1))) else {
        return if above == 0 { 0.5 } else { values.len() as f64 - 0.5 };
    };
    above as f64 - 0.5 + (value / low).ln() / (high / low).ln()
}

/// A rate in Mbit/s, as short as it goes.
fn megabits(bits: u64) -> String {
    let value = bits as f64 / 1e6;
    if value < 1.0 { format!("{value:.2}") } else { format!("{value:.1}").replace(".0", "") }
}

/// Width of one panel: two stand beside each other on a wide page.
const WIDTH: f64 = 620.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_among_the_cells() {
        let cells = [1.0, 10.0, 100.0];
        assert_eq!(place(&cells, 0.1), 0.5);
        assert!((place(&cells, 1.0) - 0.5).abs() < 1e-12);
        assert!((place(&cells, 10.0) - 1.5).abs() < 1e-12);
        assert!((place(&cells, 10_f64.powf(1.5)) - 2.0).abs() < 1e-12);
        assert_eq!(place(&cells, 1e9), 2.5);
        assert_eq!(megabits(63_000), "0.06");
        assert_eq!(megabits(1_600_000), "1.6");
        assert_eq!(megabits(10_000_000), "10");
    }
}
