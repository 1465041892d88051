//! Qualities at which methods are compared.

use super::record::PointRecord;

/// Quality that a curve runs over; greater is better on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    /// Share of right classes.
    Top1,
    /// Share of samples with the class of the uncompressed model.
    Agreement,
    /// Negative natural logarithm of the mean KL divergence.
    LogKl,
}

/// Divergence below which outputs count as equal.
const MIN_KL: f64 = 1e-9;

impl Axis {
    /// All axes.
    pub const ALL: [Self; 3] = [Self::Top1, Self::Agreement, Self::LogKl];

    /// Returns the quality of a point, `None` where it was not measured.
    #[must_use]
    pub fn quality(self, point: &PointRecord) -> Option<f64> {
        match self {
            Self::Top1 => point.top1,
            Self::Agreement => Some(point.agreement),
            Self::LogKl => Some(Self::of_kl(point.kl)),
        }
    }

    pub(crate) fn of_kl(kl: f64) -> f64 {
        -kl.max(MIN_KL).ln()
    }
}

/// A quality at which bytes are read off every curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// One point (0.01) less top-1 than the uncompressed model.
    MinusOnePoint,
    /// 99 % agreement.
    Agreement99,
    /// 97 % agreement.
    Agreement97,
    /// 95 % agreement.
    Agreement95,
    /// A mean KL divergence of 0.03 nats.
    Kl003,
}

impl Target {
    /// All targets, in the order of reports.
    pub const ALL: [Self; 5] =
        [Self::MinusOnePoint, Self::Agreement99, Self::Agreement97, Self::Agreement95, Self::Kl003];

    /// Returns the name of the field in a summary record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MinusOnePoint => "bytes_at_minus_1_point",
            Self::Agreement99 => "bytes_at_99_agreement",
            Self::Agreement97 => "bytes_at_97_agreement",
            Self::Agreement95 => "bytes_at_95_agreement",
            Self::Kl003 => "bytes_at_kl_0_03",
        }
    }

    /// Returns the axis that the target lies on.
    #[must_use]
    pub const fn axis(self) -> Axis {
        match self {
            Self::MinusOnePoint => Axis::Top1,
            Self::Agreement99 | Self::Agreement97 | Self::Agreement95 => Axis::Agreement,
            Self::Kl003 => Axis::LogKl,
        }
    }

    /// Returns the quality on that axis, given the top-1 of the uncompressed model.
    #[must_use]
    pub fn quality(self, reference_top1: Option<f64>) -> Option<f64> {
        match self {
            Self::MinusOnePoint => reference_top1.map(|top1| top1 - 0.01),
            Self::Agreement99 => Some(0.99),
            Self::Agreement97 => Some(0.97),
            Self::Agreement95 => Some(0.95),
            Self::Kl003 => Some(Axis::of_kl(0.03)),
        }
    }
}
