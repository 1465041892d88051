//! An OPEN to the points that are served (`protocol.md` 8.2), and what a RECONF may ask for (8.3).

use aiflow_units::Micros;

use super::Agreement;
use crate::error::Code;
use crate::wire::{
    AcceptedPoint, CodecId, CutId, Fallback, ModelId, Open, OpenAnswer, Point, PointId,
    ProfileHash, Reconf, TensorSchema,
};

/// A cut of a model that a server continues from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedCut {
    /// The cut.
    pub cut: CutId,
    /// What crosses it.
    pub tensors: Vec<TensorSchema>,
    /// The codecs that it is served with, each with the profile for this cut; `None` for codecs
    /// without profiles. Several profiles of one codec are several entries.
    pub codecs: Vec<(CodecId, Option<ProfileHash>)>,
    /// How long the tail takes; zero for unknown.
    pub tail: Micros,
}

/// A model that a server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedModel {
    /// The model.
    pub model: ModelId,
    /// Its cuts.
    pub cuts: Vec<ServedCut>,
}

/// On whose behalf sessions may be opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tenants {
    /// Anybody's who may connect.
    #[default]
    Any,
    /// These, by name.
    Only(Vec<String>),
}

/// What a server serves to one client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Its models.
    pub models: Vec<ServedModel>,
    /// On whose behalf.
    pub tenants: Tenants,
}

/// Chooses the points of an OPEN that are served, in the order of the offer, the active one first:
/// the first that is not one to fall back on.
///
/// # Errors
/// [`Code::Unauthorized`] for another tenant, [`Code::ModelUnknown`], and if no point is served
/// the reason of the point that came furthest: [`Code::SplitRejected`] for its cut,
/// [`Code::CodecUnknown`], [`Code::ProfileMismatch`], [`Code::MalformedTensor`], or
/// [`Code::ExcessiveLoad`] where its layers or its smallest frame are above the limits.
pub fn choose(open: &Open, agreement: &Agreement, policy: &Policy) -> Result<OpenAnswer, Code> {
    if let Tenants::Only(names) = &policy.tenants
        && !names.contains(&open.tenant)
    {
        return Err(Code::Unauthorized);
    }
    let model = policy.models.iter().find(|served| served.model == open.model);
    let model = model.ok_or(Code::ModelUnknown)?;
    let mut points = Vec::new();
    let mut active = None;
    let mut reason = Step::Cut;
    for point in &open.points {
        match judge(point, model, agreement) {
            Ok(tail) => {
                if active.is_none() && point.fallback == Fallback::No {
                    active = Some(points.len());
                }
                points.push(AcceptedPoint { point: point.id, tail });
            }
            Err(step) => reason = reason.max(step),
        }
    }
    if points.is_empty() {
        return Err(reason.code());
    }
    if let Some(start) = points.get_mut(..=active.unwrap_or_default()) {
        start.rotate_right(1);
    }
    Ok(OpenAnswer { session: open.session, points })
}

/// How far a point came before it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Cut,
    Codec,
    Profile,
    Tensors,
    Size,
}

impl Step {
    const fn code(self) -> Code {
        match self {
            Self::Cut => Code::SplitRejected,
            Self::Codec => Code::CodecUnknown,
            Self::Profile => Code::ProfileMismatch,
            Self::Tensors => Code::MalformedTensor,
            Self::Size => Code::ExcessiveLoad,
        }
    }
}

/// Returns how long the tail of a point takes, or where it was refused.
fn judge(point: &Point, model: &ServedModel, agreement: &Agreement) -> Result<Micros, Step> {
    let cut = model.cuts.iter().find(|served| served.cut == point.cut).ok_or(Step::Cut)?;
    let mut served = cut.codecs.iter().filter(|(codec, _)| *codec == point.codec).peekable();
    if served.peek().is_none() || !agreement.knows(point.codec) {
        return Err(Step::Codec);
    }
    if !served.any(|(_, profile)| *profile == point.profile) {
        return Err(Step::Profile);
    }
    if cut.tensors != point.tensors {
        return Err(Step::Tensors);
    }
    let smallest = point.rates.iter().map(|entry| entry.base).min().unwrap_or_default();
    if point.layers > agreement.limits.layers() || smallest > agreement.limits.frame_bytes() {
        return Err(Step::Size);
    }
    Ok(cut.tail)
}

/// Checks that a RECONF asks for points of the set that OPEN_OK named.
///
/// # Errors
/// [`Code::SplitRejected`] for any other point.
pub fn judge_reconf(reconf: &Reconf, accepted: &[PointId]) -> Result<(), Code> {
    if reconf.points.iter().all(|point| accepted.contains(point)) {
        Ok(())
    } else {
        Err(Code::SplitRejected)
    }
}
