//! Telling what the planner chose: sentences, tables, JSON, maps.

use aiflow::evaluation::report::{PlanMap, PlanRecord, PlanReport};
use aiflow::runtime::planner::{Account, Explanation, Plan, Stage};
use aiflow::units::{BitRate, Micros};
use serde::Serialize;

use crate::output;
use crate::planning::{Asked, Planning, Shares};
use crate::quantity::{self, LossBudget};

/// What was chosen, in words and rows.
pub(crate) struct Told {
    sentences: Vec<String>,
    heading: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A plan, as JSON.
#[derive(Debug, Serialize)]
struct PlanJson {
    placement: String,
    how: String,
    time_us: u64,
    likely_us: u64,
    loss: f64,
    bytes: u64,
    device_millijoules: f64,
    terms: Vec<TermJson>,
}

/// A stage of a plan, as JSON.
#[derive(Debug, Serialize)]
struct TermJson {
    stage: &'static str,
    tier: &'static str,
    time_us: u64,
}

/// The choice with its runners-up, as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    plan: PlanJson,
    /// Expected time over that of the better plan that does not divide the model.
    ratio_to_trivial: f64,
    in_time: Option<bool>,
    looked_at: usize,
    too_lossy: usize,
    runners_up: Vec<PlanJson>,
    trivial: Vec<PlanJson>,
}

impl Told {
    /// Puts an explanation into words.
    pub(crate) fn new(planning: &Planning, explained: &Explanation, budget: LossBudget) -> Self {
        let chosen = &explained.chosen.plan;
        let place = planning.place(chosen.placement);
        let how = planning.how(chosen);
        let what = match place.as_str() {
            "device" => "Everything on the device".to_owned(),
            "picture" => format!("The picture to the server as {how}"),
            cut => format!("Cut at {cut}, coded {how}"),
        };
        let mut sentences = vec![format!(
            "{what}: {} expected ({} nine times in ten), {} on the link, {}.",
            chosen.time,
            chosen.likely,
            chosen.bytes,
            quantity::loss(chosen.loss, budget.measure),
        )];
        let ratio = ratio(explained);
        if let Some(trivial) = fastest_trivial(explained) {
            let name = planning.place(trivial.placement);
            let how = planning.how(trivial);
            let verdict = match ratio {
                ..0.995 => format!("{:.2}x of that", ratio),
                _ => "no cut does better".to_owned(),
            };
            sentences.push(format!(
                "Without any cut the best is {name}{}{how}: {}; {verdict}.",
                if how.is_empty() { "" } else { " as " },
                trivial.time
            ));
        }
        if explained.in_time == Some(false) {
            sentences.push("No plan meets the deadline; this is the fastest.".to_owned());
        }
        sentences.push(format!(
            "{} plans were looked at, {} of them lose more than is allowed ({budget}).",
            explained.looked_at, explained.too_lossy
        ));
        let heading = [
            "plan", "how", "time", "likely", "bytes", "loss", "device", "coding", "network",
            "server", "reply",
        ];
        let accounts = [&explained.chosen].into_iter().chain(&explained.runners_up);
        let row = |account: &Account| row(planning, account, budget);
        Self {
            sentences,
            heading: heading.map(str::to_owned).to_vec(),
            rows: accounts.map(row).collect(),
        }
    }

    /// Returns the plain sentences.
    pub(crate) fn sentences(&self) -> &[String] {
        &self.sentences
    }

    /// Lists the plan and its runners-up.
    pub(crate) fn terms_table(&self) -> String {
        let heading: Vec<&str> = self.heading.iter().map(String::as_str).collect();
        let mut table = output::new_table(&heading, &[2, 3, 4, 5, 6, 7, 8, 9, 10]);
        self.rows.iter().for_each(|row| {
            table.add_row(row.clone());
        });
        table.to_string()
    }

    /// Lists the stages of the plan.
    pub(crate) fn stages_table(&self, planning: &Planning, explained: &Explanation) -> String {
        let mut table = output::new_table(&["stage", "where", "time"], &[2]);
        for term in terms(planning, &explained.chosen) {
            let sign = if term.stage == Stage::Overlap.name() { "-" } else { "" };
            let time = Micros::new(term.time_us);
            table.add_row([term.stage.to_owned(), term.tier.to_owned(), format!("{sign}{time}")]);
        }
        table.to_string()
    }

    /// Returns everything as JSON.
    pub(crate) fn record(&self, planning: &Planning, explained: &Explanation) -> Record {
        let plan = |account: &Account| PlanJson {
            placement: planning.place(account.plan.placement),
            how: planning.how(&account.plan),
            time_us: account.plan.time.get(),
            likely_us: account.plan.likely.get(),
            loss: account.plan.loss,
            bytes: account.plan.bytes.get(),
            device_millijoules: account.plan.energy,
            terms: terms(planning, account),
        };
        Record {
            plan: plan(&explained.chosen),
            ratio_to_trivial: ratio(explained),
            in_time: explained.in_time,
            looked_at: explained.looked_at,
            too_lossy: explained.too_lossy,
            runners_up: explained.runners_up.iter().map(plan).collect(),
            trivial: explained.trivial.iter().map(plan).collect(),
        }
    }

    /// Returns the page.
    pub(crate) fn page(
        &self,
        model: &str,
        lead: String,
        planning: &Planning,
        grid: &Grid,
        maps: Vec<PlanMap>,
    ) -> PlanReport {
        let mut findings = self.sentences.clone();
        findings.extend(maps.iter().map(gains));
        PlanReport {
            model: model.to_owned(),
            lead,
            findings,
            terms: (self.heading.clone(), self.rows.clone()),
            cuts: planning.table.cuts().iter().map(ToString::to_string).collect(),
            sweep: grid.sweep(planning),
            maps,
        }
    }
}

/// Says what cuts gain on a map.
fn gains(map: &PlanMap) -> String {
    let count = map.records.len().max(1) as f64;
    let wins = map.records.iter().filter(|record| record.ratio() < 0.97).count();
    let balanced: Vec<f64> =
        map.records.iter().filter(|record| record.is_balanced()).map(PlanRecord::ratio).collect();
    let mean = balanced.iter().sum::<f64>() / balanced.len().max(1) as f64;
    if wins == 0 {
        return format!("{}: in no cell does a cut win by 3 % or more.", map.title);
    }
    let best = map.records.iter().map(PlanRecord::ratio).fold(1.0, f64::min);
    let at_balance = match balanced.len() {
        0 => "no cell is balanced".to_owned(),
        cells => {
            format!("at the {cells} balanced ones it takes {mean:.2}x of the better on average")
        }
    };
    format!(
        "{}: a cut wins by at least 3 % on {:.0} % of the cells, at best with {best:.2}x; {at_balance}.",
        map.title,
        100.0 * wins as f64 / count
    )
}

/// The axes of the maps.
pub(crate) struct Grid {
    asked: Asked,
    rates: Vec<u64>,
    trips: Vec<u64>,
    speeds: Vec<u64>,
}

impl Grid {
    /// The usual ranges, with what was asked for as the fixed third.
    pub(crate) fn around(asked: Asked) -> Self {
        let rates = (0..24).map(|step| 50e3 * 4096.0_f64.powf(f64::from(step) / 23.0));
        Self {
            asked,
            rates: rates.map(rounded).collect(),
            trips: vec![1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300],
            speeds: vec![50, 40, 30, 25, 20, 15, 10, 7, 5, 4, 3, 2],
        }
    }

    /// Plans every cell.
    pub(crate) fn maps(&self, planning: &Planning) -> Vec<PlanMap> {
        let speed = self.asked.device_speed;
        let by_trip: Vec<(String, Asked)> = self
            .trips
            .iter()
            .map(|&trip| {
                (format!("{trip} ms"), Asked { rtt: Micros::from_millis(trip), ..self.asked })
            })
            .collect();
        let by_speed: Vec<(String, Asked)> = self
            .speeds
            .iter()
            .map(|&part| {
                (format!("1/{part}"), Asked { device_speed: 1.0 / part as f64, ..self.asked })
            })
            .collect();
        vec![
            self.map(
                planning,
                format!("Bandwidth and round trip, device at {speed:.3} of the profiled speed"),
                "round trip",
                by_trip,
            ),
            self.map(
                planning,
                format!("Bandwidth and device speed, round trip {}", self.asked.rtt),
                "speed of the device",
                by_speed,
            ),
        ]
    }

    fn map(
        &self,
        planning: &Planning,
        title: String,
        up: &str,
        rows: Vec<(String, Asked)>,
    ) -> PlanMap {
        let bandwidth = |&rate: &u64| BitRate::bits_per_second(rate);
        let records = rows.iter().flat_map(|(_, row)| {
            let own = |rate| planning.record(Asked { bandwidth: bandwidth(rate), ..*row });
            self.rates.iter().map(own)
        });
        PlanMap {
            title,
            across: "bandwidth in Mbit/s".to_owned(),
            up: up.to_owned(),
            columns: self.rates.iter().map(|&rate| megabits(rate)).collect(),
            records: records.collect(),
            rows: rows.into_iter().map(|(label, _)| label).collect(),
        }
    }

    /// Plans what was asked for, over the bandwidths.
    fn sweep(&self, planning: &Planning) -> Vec<PlanRecord> {
        let bandwidth = |&rate: &u64| BitRate::bits_per_second(rate);
        let rates = self.rates.iter().map(bandwidth);
        rates.map(|bandwidth| planning.record(Asked { bandwidth, ..self.asked })).collect()
    }
}

fn row(planning: &Planning, account: &Account, budget: LossBudget) -> Vec<String> {
    let Plan { placement, time, likely, loss, bytes, .. } = account.plan;
    let shares = Shares::of(account);
    let ms = |time: Micros| format!("{:.1}", time.get() as f64 / 1e3);
    let mut row = vec![planning.place(placement), planning.how(&account.plan)];
    row.extend([ms(time), ms(likely), bytes.get().to_string()]);
    row.push(quantity::loss(loss, budget.measure));
    let parts = [shares.device, shares.coding, shares.network, shares.server, shares.reply];
    row.extend(parts.map(ms));
    row
}

fn terms(planning: &Planning, account: &Account) -> Vec<TermJson> {
    let names = planning.tier_names();
    let tier = |tier: usize| names.get(tier).copied().unwrap_or("server");
    let term = |term: &aiflow::runtime::planner::Term| TermJson {
        stage: term.stage.name(),
        tier: tier(term.tier),
        time_us: term.time.get(),
    };
    account.terms.iter().map(term).collect()
}

fn fastest_trivial(explained: &Explanation) -> Option<&Plan> {
    explained.trivial.iter().map(|account| &account.plan).min_by_key(|plan| plan.time)
}

fn ratio(explained: &Explanation) -> f64 {
    let trivial = fastest_trivial(explained).map_or(u64::MAX, |plan| plan.time.get());
    explained.chosen.plan.time.get() as f64 / trivial.max(1) as f64
}

/// Rounds to two digits.
fn rounded(rate: f64) -> u64 {
    let step = 10f64.powf(rate.log10().floor() - 1.0);
    ((rate / step).round() * step) as u64
}

fn megabits(rate: u64) -> String {
    let megabits = rate as f64 / 1e6;
    match megabits {
        0.0..1.0 => format!("{megabits:.2}").trim_start_matches('0').to_owned(),
        1.0..10.0 => format!("{megabits:.1}"),
        _ => format!("{megabits:.0}"),
    }
}
