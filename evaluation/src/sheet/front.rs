//! Which points stay.

use aiflow_runtime::bundle::{
    CodingEffort, FeatureCoding, FrameRate, OperatingPoint, Payload, PictureFormat, TaskLoss,
};
use aiflow_runtime::cut::CutId;

use super::SheetCut;

/// Keeps the points that some machine and some channel would choose, in their order.
///
/// A point goes when another one sends no more bytes, loses no more by any measure, takes no more
/// work to code, and lies no later in the model: then only a device faster than its server would
/// want it. Of neighbours in a series whose bytes hardly differ one goes as well. The lossless point
/// of every cut stays: it is what a budget of zero has.
pub(super) fn front(points: Vec<OperatingPoint>, cuts: &[SheetCut]) -> Vec<OperatingPoint> {
    let ranks: Vec<Rank> = points.iter().map(|point| Rank::of(point, cuts)).collect();
    let kept = |index: usize, point: &OperatingPoint| {
        let Some(own) = ranks.get(index) else { return false };
        let others = points.iter().zip(&ranks).enumerate();
        is_lossless(point)
            || !others.filter(|(other, _)| *other != index).any(|(other, (rival, rank))| {
                let equal = rank == own && covers(point, rival) && covers(rival, point);
                rank.is_no_worse(own) && covers(rival, point) && (!equal || other < index)
            })
    };
    let front: Vec<OperatingPoint> = points
        .iter()
        .enumerate()
        .filter(|(index, point)| kept(*index, point))
        .map(|(_, point)| point.clone())
        .collect();
    thinned(front)
}

/// Tells whether one point sends no more bytes and loses no more than another.
fn covers(rival: &OperatingPoint, point: &OperatingPoint) -> bool {
    let (a, b): (&TaskLoss, &TaskLoss) = (&rival.loss, &point.loss);
    let no_more = |a: Option<f64>, b: Option<f64>| a.zip(b).is_none_or(|(a, b)| a <= b);
    rival.bytes_mean <= point.bytes_mean
        && rival.bytes_p95 <= point.bytes_p95
        && a.kl <= b.kl
        && no_more(a.disagreement, b.disagreement)
        && no_more(a.top1_drop, b.top1_drop)
}

fn is_lossless(point: &OperatingPoint) -> bool {
    matches!(point.payload, Payload::Feature { coding: FeatureCoding::Lossless, .. })
}

/// What a point costs beside bytes and loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rank {
    /// Place in the model, 0 for the input.
    place: usize,
    /// Values that are coded.
    values: u64,
    /// What codes them; only within one kind do efforts compare.
    kind: Kind,
    effort: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Picture(PictureFormat),
    Plain,
    Learned,
}

impl Rank {
    fn of(point: &OperatingPoint, cuts: &[SheetCut]) -> Self {
        match point.payload {
            Payload::Picture(coding) => Self {
                place: 0,
                values: 0,
                kind: Kind::Picture(coding.format),
                effort: coding.effort.unwrap_or(0),
            },
            Payload::Feature { cut, coding } => {
                let own = |other: &SheetCut| other.split.cut().id == cut;
                let place = cuts.iter().position(own).map_or(usize::MAX, |place| place + 1);
                let values = cuts.iter().find(|other| own(other));
                let (kind, effort) = match coding {
                    FeatureCoding::Raw => (Kind::Plain, 0),
                    FeatureCoding::Lossless => (Kind::Plain, 1),
                    FeatureCoding::Learned { effort: CodingEffort::Fast, .. } => (Kind::Learned, 0),
                    FeatureCoding::Learned { effort: CodingEffort::High, .. } => (Kind::Learned, 1),
                };
                let values = values.map_or(u64::MAX, |cut| cut.split.cut().elements());
                Self { place, values, kind, effort }
            }
        }
    }

    fn is_no_worse(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.place <= other.place
            && self.values <= other.values
            && self.effort <= other.effort
    }
}

/// What a series is: points that differ in nothing but their rate or quality.
type Series = (Option<CutId>, Option<PictureFormat>, u8, Option<FrameRate>);

fn series(payload: &Payload) -> Series {
    match *payload {
        Payload::Picture(coding) => (None, Some(coding.format), coding.effort.unwrap_or(0), None),
        Payload::Feature { cut, coding: FeatureCoding::Learned { effort, rate, .. } } => {
            (Some(cut), None, effort as u8, Some(rate))
        }
        Payload::Feature { cut, coding } => {
            (Some(cut), None, 10 + u8::from(coding == FeatureCoding::Raw), None)
        }
    }
}

/// Drops points whose bytes hardly differ from those of the one kept before in their series.
fn thinned(points: Vec<OperatingPoint>) -> Vec<OperatingPoint> {
    let mut kept: Vec<OperatingPoint> = Vec::with_capacity(points.len());
    for point in points {
        let own = series(&point.payload);
        let before = kept.iter().rev().find(|other| series(&other.payload) == own);
        let close = before.is_some_and(|before| {
            let ratio = before.bytes_mean / point.bytes_mean.max(1e-9);
            (1.0 / CLOSE..CLOSE).contains(&ratio)
        });
        if !close || is_lossless(&point) {
            kept.push(point);
        }
    }
    kept
}

/// Neighbours nearer than this are one point.
const CLOSE: f64 = 1.1;
