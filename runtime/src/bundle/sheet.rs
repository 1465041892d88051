//! The plan sheet: what each way to use the cuts of a model costs in bytes and in task loss.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cut::CutId;

/// The operating points of one model that are worth having, with what was measured at each.
///
/// Sizes and losses depend on the samples alone, so the sheet is the same on every machine; how long
/// coding and computing take stands in the profile of a machine. Only points remain that some
/// machine and some channel would choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSheet {
    /// The data set, as it is named on the command line: other samples than those learned from.
    pub data: String,
    /// Samples that every point was measured on.
    pub samples: u64,
    /// Probability that a bound ending in `_upper` holds, 0 to 1.
    pub confidence: f64,
    /// Share of samples that the whole model gets right; `None` without labels.
    pub top1: Option<f64>,
    /// The points: pictures first, then features from the input towards the output.
    pub points: Vec<OperatingPoint>,
}

/// One way to hand a request from one tier to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// What is sent.
    pub payload: Payload,
    /// Mean bytes of one request; all tensors of a cut together, headers of frames included.
    pub bytes_mean: f64,
    /// 95th percentile of the bytes of one request.
    pub bytes_p95: f64,
    /// What the task loses.
    pub loss: TaskLoss,
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Payload {
    /// The input picture; the receiver runs the whole model.
    Picture(PictureCoding),
    /// The tensors of a cut.
    Feature {
        /// The cut.
        cut: CutId,
        /// How its tensors are coded.
        coding: FeatureCoding,
    },
}

/// A format of pictures with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PictureCoding {
    /// The format.
    pub format: PictureFormat,
    /// Quality, 0 to 100; `None` where nothing is lost.
    pub quality: Option<u8>,
    /// Effort of the encoder, 0 (fastest) to 9, where the format knows one.
    pub effort: Option<u8>,
}

/// Formats of pictures that peers know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PictureFormat {
    /// PNG: every pixel is kept.
    Png,
    /// Baseline JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

/// How the tensors of a cut are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum FeatureCoding {
    /// 32-bit floats as they are.
    Raw,
    /// Every bit is kept.
    Lossless,
    /// The learned codec.
    Learned {
        /// Rate index, 0 to 63; larger is coarser.
        rate_index: u8,
        /// How much work the coder does.
        effort: CodingEffort,
        /// What sets the rate of a single frame.
        rate: FrameRate,
    },
}

/// How much work the learned codec does per value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodingEffort {
    /// No prediction.
    Fast,
    /// The smallest frames.
    High,
}

/// What sets the rate of a single frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameRate {
    /// The rate index alone.
    Fixed,
    /// The profile's confidence head moves each frame around the rate index.
    Confidence,
}

/// How far the answers are from those of the whole model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskLoss {
    /// Mean Kullback-Leibler divergence in nats; for other outputs than classes the squared error
    /// relative to the energy.
    pub kl: f64,
    /// Share of samples with another first class; `None` without classes.
    pub disagreement: Option<f64>,
    /// The share is at most this, with the confidence of the sheet.
    pub disagreement_upper: Option<f64>,
    /// Top-1 of the whole model minus top-1 here, as a share; `None` without labels.
    pub top1_drop: Option<f64>,
    /// The drop is at most this, with the confidence of the sheet.
    pub top1_drop_upper: Option<f64>,
}

impl PlanSheet {
    /// The most points that a sheet may have; a reader refuses more.
    pub const MOST_POINTS: usize = 4096;

    /// Says what is wrong with the sheet of a model with these cuts; `None` when nothing is.
    pub(super) fn problem(&self, cuts: &[CutId]) -> Option<String> {
        if self.points.len() > Self::MOST_POINTS {
            let (found, most) = (self.points.len(), Self::MOST_POINTS);
            return Some(format!("its plan sheet has {found} points, at most {most} are read"));
        }
        if !(0.0..=1.0).contains(&self.confidence) {
            return Some("the confidence of its plan sheet is no probability".to_owned());
        }
        let wrong = |what: &str, point: &OperatingPoint| {
            Some(format!("the operating point `{}` of its plan sheet has {what}", point.payload))
        };
        let mut before: Vec<Payload> = Vec::with_capacity(self.points.len());
        for point in &self.points {
            if !point.is_sound() {
                return wrong("a number that is none", point);
            }
            if let Payload::Feature { cut, coding } = point.payload {
                if !cuts.contains(&cut) {
                    return wrong("a cut that the bundle does not have", point);
                }
                if matches!(coding, FeatureCoding::Learned { rate_index: 64.., .. }) {
                    return wrong("a rate index above 63", point);
                }
            }
            before.push(point.payload);
        }
        before.sort_unstable();
        let twice = before.windows(2).find(|pair| pair.first() == pair.get(1));
        let twice = twice.and_then(|pair| pair.first())?;
        Some(format!("the operating point `{twice}` stands in its plan sheet twice"))
    }
}

impl OperatingPoint {
    /// Tells whether all numbers are numbers in their range.
    fn is_sound(&self) -> bool {
        let TaskLoss { kl, disagreement, disagreement_upper, top1_drop, top1_drop_upper } =
            self.loss;
        let sizes = [self.bytes_mean, self.bytes_p95, kl];
        let shares = [disagreement, disagreement_upper].into_iter().flatten();
        let drops = [top1_drop, top1_drop_upper].into_iter().flatten();
        sizes.iter().all(|number| (0.0..=LARGEST).contains(number))
            && shares.into_iter().all(|share| (0.0..=1.0).contains(&share))
            && drops.into_iter().all(|drop| (-1.0..=1.0).contains(&drop))
    }
}

/// Larger sizes and losses than this are no measurements.
const LARGEST: f64 = 1e15;

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture(coding) => coding.fmt(f),
            Self::Feature { cut, coding } => write!(f, "{cut} {coding}"),
        }
    }
}

impl fmt::Display for PictureCoding {
    /// Writes the format and its settings, such as `webp 80/4`: quality, then effort.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.format.name())?;
        match (self.quality, self.effort) {
            (Some(quality), Some(effort)) => write!(f, " {quality}/{effort}"),
            (Some(quality), None) => write!(f, " {quality}"),
            (None, Some(effort)) => write!(f, " /{effort}"),
            (None, None) => Ok(()),
        }
    }
}

impl PictureFormat {
    /// Returns the name that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }
}

impl fmt::Display for FeatureCoding {
    /// Writes the coding, such as `q24`, `q24 fast` or `q24 sure` for frames whose confidence
    /// moves their rate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str("raw"),
            Self::Lossless => f.write_str("lossless"),
            Self::Learned { rate_index, effort, rate } => {
                write!(f, "q{rate_index}")?;
                if *effort == CodingEffort::Fast {
                    f.write_str(" fast")?;
                }
                if *rate == FrameRate::Confidence {
                    f.write_str(" sure")?;
                }
                Ok(())
            }
        }
    }
}
