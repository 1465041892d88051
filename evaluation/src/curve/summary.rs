//! Summaries and ratios over all points of one model.

use std::collections::BTreeMap;

use super::measure::Measured;
use super::outcome::Reference;
use super::record::{Bound, RatioRecord, SummaryRecord};
use super::series::{Crossings, ReferenceTop1, Series};
use super::target::{Axis, Target};
use crate::statistics::{Crossing, QualityRange, Resamples, bd_rate};

/// Cut id of the methods that send the input picture.
pub(crate) const INPUT_CUT: &str = "input";

/// What [`summarise`] returns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summaries {
    /// One record per cut and method, and per cut one for `int-k`.
    pub summaries: Vec<SummaryRecord>,
    /// Every learned method against every rival with a curve, at every target both reach.
    pub ratios: Vec<RatioRecord>,
}

/// Summarises all points of one model. Points of the cut `input` are rivals at every cut.
#[must_use]
pub fn summarise(points: &[Measured], reference: &Reference, resamples: &Resamples) -> Summaries {
    let top1 = ReferenceTop1 {
        whole: reference.top1(),
        draws: reference.correct().and_then(|correct| resamples.means(&correct)),
        draw_count: resamples.draws(),
    };
    let input = located(points, INPUT_CUT, &top1);
    let mut result = Summaries::default();
    for cut in cuts(points) {
        if cut == INPUT_CUT {
            result.summaries.extend(input.iter().map(|own| own.summary(&input)));
            continue;
        }
        let local = located(points, cut, &top1);
        let all: Vec<&Located<'_>> = local.iter().chain(&input).collect();
        for own in &local {
            result.summaries.push(own.summary(all.iter().copied()));
            if own.series.is_learned() {
                result.ratios.extend(own.ratios(all.iter().copied()));
            }
        }
    }
    result
}

/// Returns the cuts in order of appearance.
fn cuts(points: &[Measured]) -> Vec<&str> {
    let mut cuts: Vec<&str> = Vec::new();
    for point in points {
        if !cuts.contains(&point.record.cut.as_str()) {
            cuts.push(&point.record.cut);
        }
    }
    cuts
}

/// A series with where it reaches the targets.
struct Located<'a> {
    series: Series<'a>,
    crossings: BTreeMap<Target, Crossings>,
}

fn located<'a>(points: &'a [Measured], cut: &str, top1: &ReferenceTop1) -> Vec<Located<'a>> {
    let members: Vec<&Measured> = points.iter().filter(|point| point.record.cut == cut).collect();
    let locate = |series: Series<'a>| {
        let crossings = series.crossings(top1);
        Located { series, crossings }
    };
    Series::group(&members).into_iter().map(locate).collect()
}

impl Located<'_> {
    fn summary<'b>(&self, others: impl IntoIterator<Item = &'b Located<'b>>) -> SummaryRecord {
        let bytes = |target| self.crossings.get(&target).and_then(|c| c.whole.bytes());
        let at_most = self.crossings.iter().filter_map(|(target, c)| match c.whole {
            Crossing::AtMost(bytes) => Some((target.name().to_owned(), bytes)),
            _ => None,
        });
        let intervals = self.crossings.iter().filter_map(|(target, c)| {
            c.whole.bytes()?;
            Some((target.name().to_owned(), c.interval()?))
        });
        let (mut bd_rates, mut best) = (BTreeMap::new(), None);
        for other in others {
            let name = &other.series.name;
            if !other.series.is_anchor() || *name == self.series.name {
                continue;
            }
            if let Some(rate) = self.bd_rate(other, Axis::Agreement, QualityRange::AGREEMENT) {
                bd_rates.insert(format!("bd_rate_agreement_vs_{name}"), rate);
            }
            if let Some(rate) = self.bd_rate(other, Axis::LogKl, QualityRange::LOG_KL) {
                bd_rates.insert(format!("bd_rate_vs_{name}"), rate);
                if best.as_ref().is_none_or(|(least_gain, _)| rate > *least_gain) {
                    best = Some((rate, name.clone()));
                }
            }
        }
        let records = || self.series.points.iter().map(|point| &point.record);
        SummaryRecord {
            model: records().next().map(|record| record.model.clone()).unwrap_or_default(),
            cut: records().next().map(|record| record.cut.clone()).unwrap_or_default(),
            method: self.series.name.clone(),
            settings: self.series.points.len(),
            bytes_at_minus_1_point: bytes(Target::MinusOnePoint),
            bytes_at_99_agreement: bytes(Target::Agreement99),
            bytes_at_97_agreement: bytes(Target::Agreement97),
            bytes_at_95_agreement: bytes(Target::Agreement95),
            bytes_at_kl_0_03: bytes(Target::Kl003),
            at_most: at_most.collect(),
            intervals: intervals.collect(),
            profile_bytes: records().map(|record| record.profile_bytes).max().unwrap_or(0),
            bd_rate_vs_best_baseline: best.as_ref().map(|(rate, _)| *rate),
            best_baseline: best.map(|(_, name)| name),
            bd_rates,
        }
    }

    fn bd_rate(&self, other: &Located<'_>, axis: Axis, range: QualityRange) -> Option<f64> {
        bd_rate(&self.series.curve(axis)?, &other.series.curve(axis)?, range)
    }

    fn ratios<'b>(&self, others: impl IntoIterator<Item = &'b Located<'b>>) -> Vec<RatioRecord> {
        let mut ratios = Vec::new();
        for other in others {
            if !other.series.is_anchor() {
                continue;
            }
            ratios.extend(Target::ALL.into_iter().filter_map(|target| self.ratio(other, target)));
        }
        ratios
    }

    fn ratio(&self, other: &Located<'_>, target: Target) -> Option<RatioRecord> {
        let (own, rival) = (self.crossings.get(&target)?, other.crossings.get(&target)?);
        let (ratio, bound) = match (own.whole, rival.whole) {
            (Crossing::At(a), Crossing::At(b)) => (a / b, Bound::Exact),
            (Crossing::At(a), Crossing::AtMost(b)) => (a / b, Bound::AtLeast),
            (Crossing::AtMost(a), Crossing::At(b)) => (a / b, Bound::AtMost),
            _ => return None,
        };
        let interval = (bound == Bound::Exact).then(|| own.ratio_interval(rival)).flatten();
        let record = &self.series.points.first()?.record;
        Some(RatioRecord {
            model: record.model.clone(),
            cut: record.cut.clone(),
            method: self.series.name.clone(),
            against: other.series.name.clone(),
            target: target.name().to_owned(),
            ratio,
            bound,
            ratio_low: interval.map(|interval| interval.low),
            ratio_high: interval.map(|interval| interval.high),
        })
    }
}
