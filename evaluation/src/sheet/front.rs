//! Which points stay.

use aiflow_runtime::bundle::{
    CodingEffort, FeatureCoding, OperatingPoint, Payload, PictureFormat, TaskLoss,
};

use super::SheetCut;

/// Keeps the points that some machine and some channel would choose, in their order.
///
/// A point goes when another one sends no more bytes, loses no more, takes no more work to code, and
/// lies no later in the model: then only a device faster than its server would want it. "No more"
/// leaves room for what few samples cannot tell apart ([`covers`]). What is raw or lossless stays at
/// every cut: it is what a budget of zero has.
pub(super) fn front(points: Vec<OperatingPoint>, cuts: &[SheetCut]) -> Vec<OperatingPoint> {
    let ranks: Vec<Rank> = points.iter().map(|point| Rank::of(point, cuts)).collect();
    let mut order: Vec<(usize, &OperatingPoint, &Rank)> =
        points.iter().zip(&ranks).enumerate().map(|(i, (point, rank))| (i, point, rank)).collect();
    // The easiest first, so that what is kept covers what comes later and not the other way round.
    order.sort_by(|(i, a, a_rank), (j, b, b_rank)| {
        let easy = |rank: &Rank| (rank.place, rank.values, rank.effort);
        easy(a_rank).cmp(&easy(b_rank)).then(a.bytes_mean.total_cmp(&b.bytes_mean)).then(i.cmp(j))
    });
    let mut kept: Vec<(usize, &OperatingPoint, &Rank)> = Vec::new();
    for (index, point, rank) in order {
        let covered =
            kept.iter().any(|(_, rival, own)| own.is_no_worse(rank) && covers(rival, point));
        if rank.kind == Kind::Plain || !covered {
            kept.push((index, point, rank));
        }
    }
    kept.sort_by_key(|(index, ..)| *index);
    kept.into_iter().map(|(_, point, _)| point.clone()).collect()
}

/// Tells whether one point sends no more bytes and loses no more than another: up to 4 % of the bytes,
/// a tenth of the divergence and a fifth of a per cent of the answers.
fn covers(rival: &OperatingPoint, point: &OperatingPoint) -> bool {
    let (a, b): (&TaskLoss, &TaskLoss) = (&rival.loss, &point.loss);
    let no_more = |a: Option<f64>, b: Option<f64>| a.zip(b).is_none_or(|(a, b)| a <= b + 0.002);
    rival.bytes_mean <= 1.04 * point.bytes_mean
        && a.kl <= 1.1 * b.kl + 1e-4
        && no_more(a.disagreement, b.disagreement)
        && no_more(a.top1_drop, b.top1_drop)
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
