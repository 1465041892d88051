//! Points that form one curve.

use std::collections::BTreeMap;

use super::measure::Measured;
use super::target::{Axis, Target};
use crate::rival::{Family, family};
use crate::statistics::{Crossing, Interval, RateCurve};

/// Name of the series of the best points of `int8` to `int2` with any lossless stage and any clip:
/// the strongest that uniform quantisers can do.
pub const INT_K: &str = "int-k";

/// Name of the series of the smallest payload of each width of `int8` to `int2` at its
/// least-squares clip: what a user of a common quantiser gets.
pub const INT_K_MSE: &str = "int-k-mse";

/// Setting of the least-squares clip.
const MSE_CLIP: &str = "clip=1";

/// All settings of one method on one cut.
#[derive(Debug)]
pub(crate) struct Series<'a> {
    pub(crate) name: String,
    pub(crate) points: Vec<&'a Measured>,
}

impl<'a> Series<'a> {
    /// Groups the points of one cut by method, in order of appearance, and adds the two series of
    /// integer widths.
    pub(crate) fn group(points: &[&'a Measured]) -> Vec<Self> {
        let mut series: Vec<Self> = Vec::new();
        for point in points {
            let name = &point.record.method;
            match series.iter_mut().find(|series| series.name == *name) {
                Some(found) => found.points.push(point),
                None => series.push(Self { name: name.clone(), points: vec![point] }),
            }
        }
        let smallest = smallest_integers(points);
        let is_plain = |point: &&Measured| matches!(point.record.setting.as_str(), MSE_CLIP | "");
        let plain: Vec<&Measured> = smallest.iter().copied().filter(is_plain).collect();
        for (name, points) in [(INT_K, smallest), (INT_K_MSE, plain)] {
            if !points.is_empty() {
                series.push(Self { name: name.to_owned(), points });
            }
        }
        series
    }

    /// Returns whether the series belongs to the learned codec.
    pub(crate) fn is_learned(&self) -> bool {
        family(&self.name) == Family::Learned
    }

    /// Returns whether others are compared with the series: a rival's curve. The integer widths
    /// count together, since each alone is a stretch of what `int-k` covers.
    pub(crate) fn is_anchor(&self) -> bool {
        let whole = match family(&self.name) {
            Family::Learned | Family::Float => false,
            Family::Int => matches!(self.name.as_str(), INT_K | INT_K_MSE),
            Family::Recipe | Family::Input => true,
        };
        whole && self.points.len() > 1
    }

    /// Returns the curve on an axis.
    pub(crate) fn curve(&self, axis: Axis) -> Option<RateCurve> {
        self.rate_curve(
            self.points
                .iter()
                .filter_map(|point| Some((point.record.bytes_mean, axis.quality(&point.record)?))),
        )
    }

    /// Returns the curve on an axis as one bootstrap draw sees it.
    fn draw_curve(&self, axis: Axis, draw: usize) -> Option<RateCurve> {
        self.rate_curve(self.points.iter().filter_map(|point| {
            let draws = &point.draws;
            let quality = match axis {
                Axis::Top1 => *draws.top1.as_ref()?.get(draw)?,
                Axis::Agreement => *draws.agreement.get(draw)?,
                Axis::LogKl => Axis::of_kl(*draws.kl.get(draw)?),
            };
            Some((*draws.bytes.get(draw)?, quality))
        }))
    }

    /// Builds the curve of points. A series of several quantisers keeps its best points only:
    /// pooled with those that others beat, it would look weaker than it is.
    fn rate_curve(&self, points: impl Iterator<Item = (f64, f64)>) -> Option<RateCurve> {
        if self.name == INT_K {
            RateCurve::new(undominated(points.collect()))
        } else {
            RateCurve::new(points)
        }
    }

    /// Returns where the series reaches each target, on the whole and on every draw.
    pub(crate) fn crossings(&self, reference: &ReferenceTop1) -> BTreeMap<Target, Crossings> {
        let mut all = BTreeMap::new();
        for axis in Axis::ALL {
            let curve = self.curve(axis);
            let targets = || Target::ALL.into_iter().filter(|target| target.axis() == axis);
            for target in targets() {
                let quality = target.quality(reference.whole);
                let whole = match (&curve, quality) {
                    (Some(curve), Some(quality)) => curve.crossing(quality),
                    _ => Crossing::Unreached,
                };
                all.insert(target, Crossings { whole, draws: Vec::new() });
            }
            // One point never lies between two: there is nothing to draw.
            if self.points.len() < 2 {
                continue;
            }
            for draw in 0..reference.draw_count {
                let curve = self.draw_curve(axis, draw);
                for target in targets() {
                    let quality = target.quality(reference.of_draw(draw));
                    let bytes =
                        curve.as_ref().zip(quality).and_then(|(c, q)| c.crossing(q).bytes());
                    if let Some(found) = all.get_mut(&target) {
                        found.draws.push(bytes);
                    }
                }
            }
        }
        all
    }
}

/// Returns for each integer width and clip the point with the fewest bytes; lossless stages do not
/// change the quality.
fn smallest_integers<'a>(points: &[&'a Measured]) -> Vec<&'a Measured> {
    let mut best: BTreeMap<(&str, &str), &Measured> = BTreeMap::new();
    for point in points.iter().filter(|point| family(&point.record.method) == Family::Int) {
        let method = point.record.method.as_str();
        let width = method.split_once('+').map_or(method, |(width, _)| width);
        let kept = best.entry((width, point.record.setting.as_str())).or_insert(point);
        if point.record.bytes_mean < kept.record.bytes_mean {
            *kept = point;
        }
    }
    best.into_values().collect()
}

/// Keeps the points that no other beats in both bytes and quality.
fn undominated(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut best = f64::NEG_INFINITY;
    points.retain(|(_, quality)| {
        let better = *quality > best;
        best = best.max(*quality);
        better
    });
    points
}

/// Top-1 of the uncompressed model, on the whole and on every draw.
#[derive(Debug)]
pub(crate) struct ReferenceTop1 {
    pub(crate) whole: Option<f64>,
    pub(crate) draws: Option<Vec<f64>>,
    pub(crate) draw_count: usize,
}

impl ReferenceTop1 {
    fn of_draw(&self, draw: usize) -> Option<f64> {
        self.draws.as_ref()?.get(draw).copied()
    }
}

/// Where one series reaches one target.
#[derive(Debug)]
pub(crate) struct Crossings {
    pub(crate) whole: Crossing,
    /// Bytes on every draw, where known.
    pub(crate) draws: Vec<Option<f64>>,
}

impl Crossings {
    /// Returns the interval of the bytes.
    pub(crate) fn interval(&self) -> Option<Interval> {
        interval_of(self.draws.iter().copied())
    }

    /// Returns the interval of the ratio to another series, paired by draw.
    pub(crate) fn ratio_interval(&self, other: &Self) -> Option<Interval> {
        interval_of(self.draws.iter().zip(&other.draws).map(|(a, b)| Some((*a)? / (*b)?)))
    }
}

/// Share of draws that must reach a target before an interval is stated: with fewer, the missing
/// ones would hide its end.
const MIN_SHARE: f64 = 0.975;

fn interval_of(draws: impl ExactSizeIterator<Item = Option<f64>>) -> Option<Interval> {
    let count = draws.len();
    let known: Vec<f64> = draws.flatten().collect();
    (count > 0 && known.len() as f64 >= MIN_SHARE * count as f64)
        .then(|| Interval::of_draws(&known))
        .flatten()
}
