//! The operating points of a plan sheet in the order of the model.

use crate::bundle::{OperatingPoint, Payload, PlanSheet, TaskLoss};
use crate::cut::CutId;

/// A place along a model: the input, a cut, or the output. Later places have more behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u16);

impl Position {
    /// The input of the model.
    pub const INPUT: Self = Self(0);

    /// Returns the place in the order, 0 for the input.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn new(index: usize) -> Self {
        Self(u16::try_from(index).unwrap_or(u16::MAX))
    }
}

/// Names an operating point of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointId(u16);

impl PointId {
    /// Returns the place in [`Table::points`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn new(index: usize) -> Self {
        Self(u16::try_from(index).unwrap_or(u16::MAX))
    }
}

/// Which loss a budget is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossMeasure {
    /// Mean divergence from the whole model's outputs, in nats.
    Divergence,
    /// Share of answers that differ from the whole model's. The default: it needs no labels and
    /// means something to people.
    #[default]
    Disagreement,
    /// An upper bound of that share, with the confidence of the sheet.
    DisagreementBound,
    /// Top-1 of the whole model minus top-1, as a share.
    Top1Drop,
    /// An upper bound of that drop, with the confidence of the sheet.
    Top1DropBound,
}

impl LossMeasure {
    /// Takes the loss of a point; `None` when the sheet has none of this kind.
    pub fn of(self, loss: &TaskLoss) -> Option<f64> {
        let loss = match self {
            Self::Divergence => Some(loss.kl),
            Self::Disagreement => loss.disagreement,
            Self::DisagreementBound => loss.disagreement_upper,
            Self::Top1Drop => loss.top1_drop,
            Self::Top1DropBound => loss.top1_drop_upper,
        };
        // Chance may make a lossy point look better than the whole model.
        loss.map(|loss| loss.max(0.0))
    }
}

/// Why a plan sheet cannot be planned with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The sheet does not have the loss that the budget is about.
    #[error(
        "the plan sheet has no {measure:?} for `{payload}`: give the budget as another loss, or \
         measure the sheet on samples with labels"
    )]
    NoLoss {
        /// The loss that is missing.
        measure: LossMeasure,
        /// The point.
        payload: Payload,
    },
    /// A point is of a cut that is not in the list.
    #[error("the plan sheet names cut {cut}, which is not in the list of cuts")]
    UnknownCut {
        /// The cut.
        cut: CutId,
    },
    /// The sheet has too many points.
    #[error("the plan sheet has {found} points, at most {most} can be planned with")]
    TooMany {
        /// Points of the sheet.
        found: usize,
        /// Points that can be named.
        most: usize,
    },
}

/// One operating point, ready for planning.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePoint {
    /// What is sent.
    pub payload: Payload,
    /// Where in the model it crosses; a picture crosses at the input.
    pub at: Position,
    /// Mean bytes.
    pub bytes: f64,
    /// Standard deviation of the bytes, as the 95th percentile gives it.
    pub bytes_deviation: f64,
    /// The loss that the budget is about.
    pub loss: f64,
}

/// The operating points of one model in the order of the model, with one kind of loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    cuts: Vec<CutId>,
    points: Vec<TablePoint>,
    measure: LossMeasure,
}

impl Table {
    /// Orders the points of a sheet. `cuts` are those of the bundle, from the input towards the
    /// output.
    ///
    /// # Errors
    /// When a point lacks the loss, or its cut is not in the list.
    pub fn new(
        sheet: &PlanSheet,
        cuts: &[CutId],
        measure: LossMeasure,
    ) -> Result<Self, TableError> {
        let (found, most) = (sheet.points.len(), PlanSheet::MOST_POINTS);
        if found > most || cuts.len() > most {
            return Err(TableError::TooMany { found: found.max(cuts.len()), most });
        }
        let point = |point: &OperatingPoint| {
            let at = match point.payload {
                Payload::Picture(_) => Position::INPUT,
                Payload::Feature { cut, .. } => {
                    let place = cuts.iter().position(|&other| other == cut);
                    Position::new(place.ok_or(TableError::UnknownCut { cut })? + 1)
                }
            };
            let payload = point.payload;
            let loss = measure.of(&point.loss).ok_or(TableError::NoLoss { measure, payload })?;
            let above = (point.bytes_p95 - point.bytes_mean).max(0.0);
            let bytes_deviation = above / Z95;
            Ok(TablePoint { payload, at, bytes: point.bytes_mean, bytes_deviation, loss })
        };
        let mut points = sheet.points.iter().map(point).collect::<Result<Vec<_>, _>>()?;
        points.sort_by(|a, b| {
            a.at.cmp(&b.at).then(a.bytes.total_cmp(&b.bytes)).then(a.payload.cmp(&b.payload))
        });
        Ok(Self { cuts: cuts.to_vec(), points, measure })
    }

    /// Returns the points, from the input towards the output.
    pub fn points(&self) -> &[TablePoint] {
        &self.points
    }

    /// Finds a point.
    pub fn point(&self, id: PointId) -> Option<&TablePoint> {
        self.points.get(id.index())
    }

    /// Finds the point with a payload.
    pub fn find(&self, payload: &Payload) -> Option<PointId> {
        let place = self.points.iter().position(|point| point.payload == *payload);
        place.map(PointId::new)
    }

    /// Returns the cuts, from the input towards the output.
    pub fn cuts(&self) -> &[CutId] {
        &self.cuts
    }

    /// Returns the cut at a place; `None` for the input and the output.
    pub fn cut_at(&self, position: Position) -> Option<CutId> {
        self.cuts.get(position.index().checked_sub(1)?).copied()
    }

    /// Returns which loss the points have.
    pub const fn measure(&self) -> LossMeasure {
        self.measure
    }

    /// Lists all places in their order: the input, the cuts, the output.
    pub fn positions(&self) -> impl Iterator<Item = Position> + use<> {
        (0..self.cuts.len() + 2).map(Position::new)
    }

    /// Returns the place of the output.
    pub fn output(&self) -> Position {
        Position::new(self.cuts.len() + 1)
    }
}

/// Standard deviations from the mean to the 95th percentile of a normal distribution.
const Z95: f64 = 1.6449;
