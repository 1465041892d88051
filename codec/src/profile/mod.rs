//! Profiles: what the codec learned for one feature of one cut.

mod format;
mod inspect;
mod read;

use sha2::{Digest, Sha256};

use crate::bitstream::ProfileTag;
use crate::coder::fast::FastModel;
use crate::confidence::ConfidenceHead;
use crate::context::ContextModel;
use crate::error::DecodeError;
use crate::layout::{Grid, Layout};
use crate::limits::DecodeLimits;
use crate::quantise::Costs;
use crate::rans::CdfSet;
use crate::rate::RateIndex;
use crate::reconstruct::Centroids;
use crate::restore::{Filter, Restoration};
use crate::tensor::Dims;
use crate::transform::Transform;

pub use format::{MAGIC, VERSION};
pub use inspect::{ProfileInspection, inspect};

/// The content hash of a profile: SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProfileId([u8; 32]);

impl ProfileId {
    /// The whole hash.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight bytes: what self-contained frames carry.
    #[must_use]
    pub fn tag(&self) -> ProfileTag {
        let mut tag = [0; 8];
        tag.iter_mut().zip(self.0).for_each(|(slot, byte)| *slot = byte);
        ProfileTag(tag)
    }
}

impl std::fmt::Display for ProfileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for ProfileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProfileId({self})")
    }
}

/// Everything that was fitted at one rate index.
#[derive(Clone, Debug, PartialEq)]
pub struct Anchor {
    /// The rate index of the fit; frames use the nearest anchor.
    pub(crate) rate: RateIndex,
    /// Squared steps per bit that the encoder should trade; a hint.
    pub(crate) lambda: f32,
    pub(crate) model: ContextModel,
    pub(crate) centroids: Centroids,
    /// Tables that refine the next coarser anchor's levels.
    pub(crate) refinement: CdfSet,
    pub(crate) fast: FastModel,
    pub(crate) restoration: Option<Restoration>,
    /// Derived from the tables, not stored.
    pub(crate) costs: Costs,
    pub(crate) refinement_costs: Costs,
}

/// What the codec learned for one feature of one cut of one model.
///
/// Immutable and named by its content: [`Profile::id`] is the SHA-256 of [`Profile::to_bytes`]. One
/// profile serves every rate index. Share it by `Arc` between encoders and decoders.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    pub(crate) layout: Layout,
    /// Shape that the profile was learned for; other map sizes and token counts are coded too.
    pub(crate) dims: Dims,
    /// Smallest and largest value of the feature, infinite where unbounded.
    pub(crate) range: (f32, f32),
    /// Step of rate index 0, in weighted component units.
    pub(crate) base_step: f32,
    pub(crate) transform: Transform,
    /// By rising rate index; at least one.
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) confidence: Option<ConfidenceHead>,
    pub(crate) id: ProfileId,
}

impl Profile {
    /// Reads a profile and checks every table once; what was accepted is trusted afterwards.
    ///
    /// # Errors
    /// Truncation, a bad magic number or version, a checksum that does not match, a table that is
    /// no distribution, sizes beyond `limits`: with the byte offset and the section of
    /// `spec/profile.md`.
    pub fn from_bytes(bytes: &[u8], limits: &DecodeLimits) -> Result<Self, DecodeError> {
        read::read(bytes, limits)
    }

    /// The profile as it is stored. Reading it back gives an equal profile.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        format::write(self)
    }

    /// The content hash.
    #[must_use]
    pub const fn id(&self) -> ProfileId {
        self.id
    }

    /// The kind of feature.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The shape that the profile was learned for.
    #[must_use]
    pub const fn dims(&self) -> &Dims {
        &self.dims
    }

    /// The rate indices at which the profile was fitted, rising. Any index may be used; between
    /// the first and the last it was measured.
    pub fn rates(&self) -> impl Iterator<Item = RateIndex> + '_ {
        self.anchors.iter().map(|anchor| anchor.rate)
    }

    /// The quantiser step of a rate index, in weighted component units.
    #[must_use]
    pub fn step(&self, rate: RateIndex) -> f32 {
        self.base_step * rate.factor()
    }

    /// The head that adapts the rate of a frame to the model's confidence, where one was learned.
    #[must_use]
    pub const fn confidence(&self) -> Option<&ConfidenceHead> {
        self.confidence.as_ref()
    }

    /// Names of the tools that were chosen: transform, prediction of each anchor, restoration.
    #[must_use]
    pub fn tools(&self) -> String {
        use crate::context::Prediction;
        use crate::transform::TransformKind;
        let transform = match self.transform.kind {
            TransformKind::Diagonal { .. } => "channels",
            TransformKind::Dense { .. } => "KLT",
        };
        let prediction = match self.anchors.last().map(|a| a.model.prediction) {
            Some(Prediction::Context) => "conditional mean",
            Some(Prediction::ClosedLoop) => "closed loop",
            _ => "no prediction",
        };
        let restored = self.anchors.iter().any(|a| a.restoration.is_some());
        let restoration = if restored { "restored" } else { "not restored" };
        format!("{transform}, {prediction}, {restoration}")
    }

    /// Grid of the tensor's channels for dimensions, when the profile codes such a tensor.
    #[must_use]
    pub(crate) fn channel_grid(&self, dims: &[usize]) -> Option<Grid> {
        let grid = self.layout.grid(dims)?;
        (grid.components == self.transform.channels()).then_some(grid)
    }

    /// The anchor nearest to a rate index; the finer one of two equally near.
    pub(crate) fn anchor(&self, rate: RateIndex) -> Option<&Anchor> {
        self.anchors.iter().min_by_key(|anchor| anchor.rate.get().abs_diff(rate.get()))
    }

    /// The restoration at a rate: blended from the anchors around it.
    pub(crate) fn filter(&self, rate: RateIndex) -> Option<Filter> {
        let q = rate.get();
        let above = self.anchors.iter().find(|anchor| anchor.rate.get() >= q);
        let below = self.anchors.iter().rev().find(|anchor| anchor.rate.get() <= q);
        let (low, high) = (below.or(above)?, above.or(below)?);
        let span = f32::from(high.rate.get() - low.rate.get());
        match (&low.restoration, &high.restoration) {
            (Some(low_filter), Some(high_filter)) if span > 0.0 => {
                let share = f32::from(q - low.rate.get()) / span;
                Some(low_filter.prepare(Some((high_filter, share))))
            }
            _ => Some(self.anchor(rate)?.restoration.as_ref()?.prepare(None)),
        }
    }

    /// Sets the id from the content.
    #[cfg(feature = "learn")]
    pub(crate) fn sealed(mut self) -> Self {
        self.id = id_of(&self.to_bytes());
        self
    }
}

pub(crate) fn id_of(bytes: &[u8]) -> ProfileId {
    ProfileId(Sha256::digest(bytes).into())
}

pub(crate) const NO_ID: ProfileId = ProfileId([0; 32]);
