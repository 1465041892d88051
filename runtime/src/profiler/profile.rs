//! What was measured on one machine, as it is stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Machine, Timing};
use crate::bundle::{FormatVersion, Payload};
use crate::cut::CutId;
use crate::onnx::ModelId;

/// How long the parts of one model and the coding of what crosses its cuts take on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineProfile {
    /// Always [`MachineProfile::FORMAT`].
    pub format: String,
    /// Version of the format.
    pub version: FormatVersion,
    /// Name of the model in reports.
    pub model_name: String,
    /// Name of the model's content; a profile of another model is of no use.
    pub model: ModelId,
    /// The machine and the engine.
    pub machine: Machine,
    /// Different samples that were run.
    pub samples: u32,
    /// Rounds through all parts; each part ran some times in each round.
    pub rounds: u32,
    /// Why measuring ended.
    pub ended: Ended,
    /// The whole model at once.
    pub whole: Timing,
    /// From the picture to the input tensor; `None` where inputs are given as tensors.
    pub prepare: Option<Timing>,
    /// Head and tail of each cut, from the input towards the output.
    pub cuts: Vec<CutTiming>,
    /// Parts between neighbouring cuts, of which everything else is made.
    pub segments: Vec<SegmentTiming>,
    /// Encoding and decoding.
    pub codings: Vec<CodingTiming>,
    /// What was odd while measuring, for people.
    pub warnings: Vec<String>,
}

/// Both sides of one cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutTiming {
    /// The cut.
    pub cut: CutId,
    /// From the input to the cut.
    pub head: Timing,
    /// From the cut to the output.
    pub tail: Timing,
}

/// A part between two neighbouring cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentTiming {
    /// Where it starts; `None` at the input.
    pub from: Option<CutId>,
    /// Where it ends; `None` at the output.
    pub to: Option<CutId>,
    /// How long it takes.
    pub time: Timing,
}

/// One way to code what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodingTiming {
    /// What is coded, and how.
    pub payload: Payload,
    /// All tensors of a cut, or the picture.
    pub encode: Timing,
    /// Back to tensors, or to a picture.
    pub decode: Timing,
}

/// Why measuring ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Every median was known well enough.
    Settled,
    /// The rounds or the time that were allowed had passed.
    Limit,
}

impl MachineProfile {
    /// What [`MachineProfile::format`] says.
    pub const FORMAT: &'static str = "aiflow-machine-profile";

    /// The version that this crate writes.
    pub const VERSION: FormatVersion = FormatVersion { major: 1, minor: 0 };

    /// Finds the timing of both sides of a cut.
    pub fn cut(&self, id: CutId) -> Option<&CutTiming> {
        self.cuts.iter().find(|timing| timing.cut == id)
    }

    /// Returns the segments that lead from one cut to another, from the later back to the earlier;
    /// `None` stands for the input as `from` and for the output as `to`. Nothing where the cuts do
    /// not lie on one chain.
    pub fn chain(&self, from: Option<CutId>, to: Option<CutId>) -> Option<Vec<&SegmentTiming>> {
        let mut chain = Vec::new();
        let mut at = to;
        // A chain is never longer than the list, whatever a file says.
        for _ in 0..=self.segments.len() {
            if at.is_some() && at == from {
                return Some(chain);
            }
            let segment = self.segments.iter().find(|segment| segment.to == at)?;
            chain.push(segment);
            at = segment.from;
            if at.is_none() {
                return from.is_none().then_some(chain);
            }
        }
        None
    }

    /// Returns what it costs to stop at a cut and to start again: a run of two segments takes this
    /// much less than each of them alone.
    ///
    /// It is the median over all cuts of what head and segment take more than the next head, and what
    /// segment and tail take more than the tail before: a few microseconds for handing tensors over.
    pub fn joint(&self) -> Duration {
        let mut joints: Vec<f64> = Vec::new();
        for segment in &self.segments {
            let (Some(from), Some(to)) = (segment.from, segment.to) else { continue };
            let Some((before, after)) = self.cut(from).zip(self.cut(to)) else { continue };
            let seconds = |timing: &Timing| timing.typical().as_secs_f64();
            let own = seconds(&segment.time);
            joints.push(seconds(&before.head) + own - seconds(&after.head));
            joints.push(own + seconds(&after.tail) - seconds(&before.tail));
        }
        joints.sort_by(f64::total_cmp);
        let middle = joints.get(joints.len() / 2).copied().unwrap_or(0.0);
        Duration::from_secs_f64(middle.clamp(0.0, 3600.0))
    }

    /// Returns how far the sum of all segments, less the joints between them, is from the measured head
    /// and tail of a cut, as a share of those: 0.05 when the segments together take 5 % longer.
    pub fn segment_error(&self, cut: CutId) -> Option<f64> {
        let joint = self.joint().as_secs_f64();
        let sum = |chain: Vec<&SegmentTiming>| -> f64 {
            let segments = chain.iter().map(|segment| segment.time.typical().as_secs_f64());
            segments.sum::<f64>() - joint * chain.len().saturating_sub(1) as f64
        };
        let timing = self.cut(cut)?;
        let segments = sum(self.chain(None, Some(cut))?) + sum(self.chain(Some(cut), None)?);
        let measured = timing.head.typical() + timing.tail.typical();
        Some(segments / measured.as_secs_f64().max(1e-9) - 1.0)
    }
}
