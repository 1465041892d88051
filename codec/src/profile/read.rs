//! How a profile is read: every size is checked before it is used (`spec/profile.md`).
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::format::{MAGIC, VERSION, unzigzag};
use super::{Anchor, NO_ID, Profile, id_of};
use crate::bitstream::Reader;
use crate::coder::fast::{ACTIVITIES, DENSITIES, FastModel, component_classes, group_classes};
use crate::coder::lanes_of;
use crate::coder::refine::REFINE_TABLES;
use crate::confidence::ConfidenceHead;
use crate::context::token::TOKENS;
use crate::context::{
    ContextModel, MAX_BIAS, MAX_SCALE_EDGES, MAX_WEIGHT_SUM, Prediction, SCALE_INPUTS, neighbours,
};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::layout::Layout;
use crate::limits::{DecodeLimits, Limit};
use crate::quantise::Costs;
use crate::rans::{CdfSet, RansDecoder};
use crate::rate::RateIndex;
use crate::reconstruct::{CENTROIDS, Centroids};
use crate::restore::{Restoration, taps};
use crate::tensor::Dims;
use crate::transform::{Matrix, Transform, TransformKind};

const SECTION_HEAD: &str = "profile.md 2";
const SECTION_PACKED: &str = "profile.md 3";
const SECTION_TRANSFORM: &str = "profile.md 4";
const SECTION_ANCHOR: &str = "profile.md 5";
const SECTION_CONFIDENCE: &str = "profile.md 6";
/// Largest number of channels or components.
const MAX_COMPONENTS: usize = 1 << 14;

/// A reader that charges every decoded byte to a budget.
struct Source<'a> {
    reader: Reader<'a>,
    limits: DecodeLimits,
    spent: usize,
}

pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Profile, DecodeError> {
    limits.check(Limit::ProfileBytes, bytes.len(), 0, SECTION_HEAD)?;
    let truncated = DecodeError::new(DecodeErrorKind::Truncated, bytes.len(), SECTION_HEAD);
    let mut reader = Reader::new(bytes, SECTION_HEAD);
    if reader.array::<4>()? != MAGIC {
        return Err(DecodeError::new(DecodeErrorKind::BadMagic, 0, SECTION_HEAD));
    }
    let version = reader.u8()?;
    if version >> 4 != VERSION >> 4 {
        let kind =
            DecodeErrorKind::UnsupportedVersion { major: version >> 4, minor: version & 0x0f };
        return Err(DecodeError::new(kind, 4, SECTION_HEAD));
    }
    let end = bytes.len().checked_sub(4).filter(|&end| end >= 5).ok_or(truncated)?;
    let (content, checksum) = bytes.split_at(end);
    if crc32c::crc32c(content).to_le_bytes() != checksum {
        let kind = DecodeErrorKind::Checksum { layer: 0 };
        return Err(DecodeError::new(kind, end, SECTION_HEAD));
    }
    let rest = content.get(5..).ok_or(truncated)?;
    let mut source =
        Source { reader: Reader::at(rest, 5, SECTION_HEAD), limits: *limits, spent: 0 };
    let mut profile = source.profile()?;
    source.reader.expect_end()?;
    profile.id = id_of(bytes);
    Ok(profile)
}

impl Source<'_> {
    fn profile(&mut self) -> Result<Profile, DecodeError> {
        let layout = Layout::from_code(self.reader.u8()?)
            .ok_or_else(|| self.reader.error(DecodeErrorKind::ReservedBits))?;
        let dims = self.dims()?;
        let range = (self.float()?, self.float()?);
        let base_step = self.finite()?;
        if range.0.is_nan() || range.1.is_nan() || range.0 > range.1 || base_step <= 0.0 {
            return Err(self.invalid());
        }
        self.reader.set_section(SECTION_TRANSFORM);
        let transform = self.transform()?;
        let fits = layout.grid(dims.as_slice()).map(|grid| grid.components);
        if fits != Some(transform.channels()) {
            return Err(self.reader.error(DecodeErrorKind::ShapeMismatch));
        }
        self.reader.set_section(SECTION_ANCHOR);
        let count = self.reader.u8()?;
        let mut anchors: Vec<Anchor> = Vec::new();
        for _ in 0..count {
            let anchor = self.anchor(layout, &transform)?;
            if let Some(last) = anchors.last() {
                if last.rate >= anchor.rate {
                    return Err(self.reader.error(DecodeErrorKind::NonCanonical));
                }
                // Refinement layers cross anchors, so all must mean the same by a level.
                let same = last.model.prediction == anchor.model.prediction;
                if !same || last.model.signed != anchor.model.signed {
                    return Err(self.invalid());
                }
            }
            anchors.push(anchor);
        }
        if anchors.is_empty() {
            return Err(self.invalid());
        }
        self.reader.set_section(SECTION_CONFIDENCE);
        let confidence = self.confidence(transform.channels())?;
        Ok(Profile { layout, dims, range, base_step, transform, anchors, confidence, id: NO_ID })
    }

    fn dims(&mut self) -> Result<Dims, DecodeError> {
        let at = self.reader.offset();
        let rank = usize::from(self.reader.u8()?);
        let mut sizes = Vec::new();
        for _ in 0..rank.min(Dims::MAX_RANK) {
            sizes.push(usize::try_from(self.reader.varint_u32()?).unwrap_or(usize::MAX));
        }
        let mismatch = DecodeError::new(DecodeErrorKind::ShapeMismatch, at, SECTION_HEAD);
        if rank > Dims::MAX_RANK {
            return Err(mismatch);
        }
        let dims = Dims::new(&sizes).map_err(|_| mismatch)?;
        self.limits.check(Limit::Elements, dims.elements(), at, SECTION_HEAD)?;
        Ok(dims)
    }

    fn transform(&mut self) -> Result<Transform, DecodeError> {
        let channels = self.count(MAX_COMPONENTS)?;
        let mean = self.floats(channels)?;
        let kind = match self.reader.u8()? {
            0 => {
                let gains = self.floats(channels)?;
                if gains.iter().any(|&g| g <= 0.0) {
                    return Err(self.invalid());
                }
                TransformKind::Diagonal { gains }
            }
            1 => {
                let components = self.count(channels)?;
                let analysis = self.matrix(components, channels)?;
                let synthesis = self.matrix(channels, components)?;
                TransformKind::Dense { analysis, synthesis }
            }
            _ => return Err(self.reader.error(DecodeErrorKind::ReservedBits)),
        };
        Ok(Transform { kind, mean })
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Result<Matrix, DecodeError> {
        let scales = self.floats(rows)?;
        let entries = self.words(rows.saturating_mul(columns))?;
        Ok(Matrix { rows, columns, scales, entries })
    }

    fn anchor(&mut self, layout: Layout, transform: &Transform) -> Result<Anchor, DecodeError> {
        let components = transform.components();
        let rate = RateIndex::new(self.reader.u8()?).ok_or_else(|| self.invalid())?;
        let lambda = self.finite()?;
        let model = self.model(layout, components)?;
        let centroids = self.centroids(components)?;
        let refinement = self.tables(&[0, REFINE_TABLES], TOKENS)?;
        let fast = FastModel {
            masks: self.tables(&[group_classes(components).saturating_mul(ACTIVITIES)], 256)?,
            values: self
                .tables(&[component_classes(components).saturating_mul(DENSITIES)], TOKENS)?,
            centroids: self.centroids(components)?,
        };
        let restoration = self.restoration(layout, components, transform.channels())?;
        let costs = Costs::of(&model.tables);
        let refinement_costs = Costs::of(&refinement);
        Ok(Anchor {
            rate,
            lambda,
            model,
            centroids,
            refinement,
            fast,
            restoration,
            costs,
            refinement_costs,
        })
    }

    fn model(&mut self, layout: Layout, components: usize) -> Result<ContextModel, DecodeError> {
        let tools = self.reader.u8()?;
        let prediction = Prediction::from_code(tools & 0x0f)
            .filter(|_| tools >> 5 == 0)
            .ok_or_else(|| self.reader.error(DecodeErrorKind::ReservedBits))?;
        let signed = tools & 0x10 != 0;
        let mut bias = Vec::new();
        for _ in 0..components {
            bias.push(unzigzag(self.reader.varint_u32()?));
        }
        let square = components.saturating_mul(components);
        let predicted = if prediction == Prediction::None { 0 } else { square };
        let spatial = self.words(predicted.saturating_mul(neighbours(layout)))?;
        let channel = self.words(predicted)?;
        let scale = self.words(components.saturating_mul(SCALE_INPUTS))?;
        let scale = scale
            .chunks_exact(SCALE_INPUTS)
            .map(|row| row.try_into().unwrap_or_default())
            .collect();
        let edges = usize::from(self.reader.u8()?);
        let mut scale_edges = Vec::new();
        for _ in 0..edges {
            scale_edges.push(unzigzag(self.reader.varint_u32()?));
        }
        let shrink = self.reader.array::<4>()?.map(|b| b as i8);
        let classes = ContextModel::value_classes(prediction);
        let expected = classes.saturating_mul(edges.saturating_add(1));
        let tables = self.tables(&[expected], TOKENS)?;
        let ascending = scale_edges.is_sorted();
        let closed_is_signed = prediction != Prediction::ClosedLoop || signed;
        if edges > MAX_SCALE_EDGES || !ascending || !closed_is_signed {
            return Err(self.invalid());
        }
        let model = ContextModel {
            layout,
            prediction,
            signed,
            components,
            spatial,
            channel,
            bias,
            scale,
            scale_edges,
            shrink,
            tables,
        };
        if within_bounds(&model) { Ok(model) } else { Err(self.invalid()) }
    }

    fn centroids(&mut self, components: usize) -> Result<Centroids, DecodeError> {
        let bytes = self.packed(components.saturating_mul(CENTROIDS))?;
        let offsets = bytes
            .chunks_exact(CENTROIDS)
            .map(|row| <[u8; CENTROIDS]>::try_from(row).unwrap_or_default().map(|b| b as i8))
            .collect();
        Ok(Centroids { offsets })
    }

    fn restoration(
        &mut self,
        layout: Layout,
        components: usize,
        channels: usize,
    ) -> Result<Option<Restoration>, DecodeError> {
        match self.reader.u8()? {
            0 => Ok(None),
            1 => {
                let bias = self.floats(channels)?;
                let scales = self.floats(channels)?;
                let taps = taps(layout);
                let size = taps.saturating_mul(components).saturating_mul(channels);
                let entries = self.packed(size)?.into_iter().map(|b| b as i8).collect();
                Ok(Some(Restoration { taps, components, channels, bias, scales, entries }))
            }
            _ => Err(self.reader.error(DecodeErrorKind::ReservedBits)),
        }
    }

    fn confidence(&mut self, channels: usize) -> Result<Option<ConfidenceHead>, DecodeError> {
        match self.reader.u8()? {
            0 => return Ok(None),
            1 => {}
            _ => return Err(self.reader.error(DecodeErrorKind::ReservedBits)),
        }
        let classes = self.count(MAX_COMPONENTS)?;
        let weights = self.matrix(classes, channels.saturating_mul(2).saturating_add(1))?;
        let shifts = usize::from(self.reader.u8()?);
        let borders = self.floats(shifts.saturating_sub(1))?;
        let shifts: Vec<i8> = self.reader.take(shifts)?.iter().map(|&b| b as i8).collect();
        if shifts.is_empty() || !borders.is_sorted() {
            return Err(self.invalid());
        }
        Ok(Some(ConfidenceHead { weights, borders, shifts }))
    }

    /// A set of tables of one of the expected sizes, every table with `alphabet` symbols.
    fn tables(&mut self, expected: &[usize], alphabet: usize) -> Result<CdfSet, DecodeError> {
        let at = self.reader.offset();
        let set = CdfSet::read(&mut self.reader, &self.limits)?;
        self.reader.set_section(SECTION_ANCHOR);
        let fits = expected.contains(&set.len());
        if !fits || set.tables().iter().any(|table| table.alphabet() != alphabet) {
            return Err(DecodeError::new(DecodeErrorKind::InvalidTable, at, SECTION_ANCHOR));
        }
        Ok(set)
    }

    fn count(&mut self, most: usize) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.reader.varint_u32()?).unwrap_or(usize::MAX);
        if count == 0 || count > most { Err(self.invalid()) } else { Ok(count) }
    }

    fn float(&mut self) -> Result<f32, DecodeError> {
        Ok(f32::from_le_bytes(self.reader.array()?))
    }

    fn finite(&mut self) -> Result<f32, DecodeError> {
        let value = self.float()?;
        if value.is_finite() { Ok(value) } else { Err(self.invalid()) }
    }

    fn floats(&mut self, count: usize) -> Result<Vec<f32>, DecodeError> {
        let bytes = self.reader.take(count.saturating_mul(4))?;
        let floats =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap_or_default()));
        let floats: Vec<f32> = floats.collect();
        if floats.iter().all(|v| v.is_finite()) { Ok(floats) } else { Err(self.invalid()) }
    }

    fn words(&mut self, count: usize) -> Result<Vec<i16>, DecodeError> {
        let high = self.packed(count)?;
        let low = self.packed(count)?;
        let join = |(h, l): (u8, u8)| {
            let zigzag = u16::from_be_bytes([h, l]);
            ((zigzag >> 1) as i16) ^ -((zigzag & 1) as i16)
        };
        Ok(high.into_iter().zip(low).map(join).collect())
    }

    /// Bytes that are stored or entropy coded; charged to the budget before they are allocated.
    fn packed(&mut self, count: usize) -> Result<Vec<u8>, DecodeError> {
        let at = self.reader.offset();
        self.spent = self.spent.saturating_add(count);
        self.limits.check(Limit::ProfileBytes, self.spent, at, SECTION_PACKED)?;
        match self.reader.u8()? {
            0 => Ok(self.reader.take(count)?.to_vec()),
            1 => {
                let set = CdfSet::read(&mut self.reader, &self.limits)?;
                self.reader.set_section(SECTION_PACKED);
                let invalid = DecodeError::new(DecodeErrorKind::InvalidTable, at, SECTION_PACKED);
                let [table] = set.tables() else { return Err(invalid) };
                let length = usize::try_from(self.reader.varint_u32()?).unwrap_or(usize::MAX);
                let start = self.reader.offset();
                let payload = self.reader.take(length)?;
                let mut rans =
                    RansDecoder::new(payload, lanes_of(length)).map_err(|e| e.shifted(start))?;
                let mut out = vec![0; count];
                for slot in &mut out {
                    *slot = rans.symbol(table);
                }
                rans.finish().map_err(|e| e.shifted(start))?;
                Ok(out)
            }
            _ => Err(self.reader.error(DecodeErrorKind::ReservedBits)),
        }
    }

    fn invalid(&self) -> DecodeError {
        self.reader.error(DecodeErrorKind::InvalidSymbol)
    }
}

/// Whether no prediction can leave 32 bits.
fn within_bounds(model: &ContextModel) -> bool {
    let bias_fits = model.bias.iter().all(|b| b.unsigned_abs() <= MAX_BIAS);
    let mut sums = vec![0u32; model.components];
    for row in [&model.spatial, &model.channel] {
        for weights in row.chunks_exact(model.components.max(1)) {
            for (sum, w) in sums.iter_mut().zip(weights) {
                *sum = sum.saturating_add(u32::from(w.unsigned_abs()));
            }
        }
    }
    bias_fits && sums.iter().all(|&sum| sum <= MAX_WEIGHT_SUM)
}
