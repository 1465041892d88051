//! How a profile is read: every size is checked before it is used (`spec/profile.md`).
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fast;

use super::format::{MAGIC, VERSION, unzigzag};
use super::{Anchor, NO_ID, Profile, id_of};
use crate::bitstream::{FieldRow, Reader};
use crate::coder::refine::REFINE_TABLES;
use crate::coder::{end, lanes_of};
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
/// Bytes of magic number and version.
pub(super) const ENVELOPE: usize = 5;
/// Largest number of channels or components.
const MAX_COMPONENTS: usize = 1 << 14;

/// A reader that charges every decoded byte to a budget, and notes fields when it is told to.
struct Source<'a> {
    reader: Reader<'a>,
    limits: DecodeLimits,
    spent: usize,
    rows: Option<&'a mut Vec<FieldRow>>,
    /// Where the last noted field ended.
    noted: usize,
}

pub(super) fn read(bytes: &[u8], limits: &DecodeLimits) -> Result<Profile, DecodeError> {
    let content = check_envelope(bytes, limits)?;
    let mut profile = read_content(content, limits, None)?;
    profile.id = id_of(bytes);
    Ok(profile)
}

/// Checks size, magic number, version and checksum; returns what lies between version and checksum.
pub(super) fn check_envelope<'a>(
    bytes: &'a [u8],
    limits: &DecodeLimits,
) -> Result<&'a [u8], DecodeError> {
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
    let end = bytes.len().checked_sub(4).filter(|&end| end >= ENVELOPE).ok_or(truncated)?;
    let (content, checksum) = bytes.split_at(end);
    if crc32c::crc32c(content).to_le_bytes() != checksum {
        let kind = DecodeErrorKind::Checksum { layer: 0 };
        return Err(DecodeError::new(kind, end, SECTION_HEAD));
    }
    content.get(ENVELOPE..).ok_or(truncated)
}

/// Reads what lies between version and checksum; `rows` receives the fields one by one.
pub(super) fn read_content(
    content: &[u8],
    limits: &DecodeLimits,
    rows: Option<&mut Vec<FieldRow>>,
) -> Result<Profile, DecodeError> {
    let reader = Reader::at(content, ENVELOPE, SECTION_HEAD);
    let mut source = Source { reader, limits: *limits, spent: 0, rows, noted: ENVELOPE };
    let profile = source.profile()?;
    source.reader.expect_end()?;
    Ok(profile)
}

impl Source<'_> {
    fn profile(&mut self) -> Result<Profile, DecodeError> {
        let layout = Layout::from_code(self.reader.u8()?)
            .ok_or_else(|| self.reader.error(DecodeErrorKind::ReservedBits))?;
        self.note("layout", || format!("{layout:?}"), "kind of feature");
        let dims = self.dims()?;
        let range = (self.float()?, self.float()?);
        self.note("low, high", || format!("{} to {}", range.0, range.1), "range of the feature");
        let base_step = self.finite()?;
        self.note("base_step", || base_step.to_string(), "quantiser step of rate index 0");
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
        self.note("anchors", || count.to_string(), "rate indices with tables of their own");
        let mut anchors: Vec<Anchor> = Vec::new();
        for index in 0..count {
            let heading =
                self.open("anchor", || index.to_string(), "all that follows for one rate");
            let anchor = self.anchor(layout, &transform)?;
            self.close(heading);
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
        let text = || format!("{:?}", dims.as_slice());
        self.note("rank, dimensions", text, "shape that was learned from");
        Ok(dims)
    }

    fn transform(&mut self) -> Result<Transform, DecodeError> {
        let channels = self.count(MAX_COMPONENTS)?;
        self.note("channels", || channels.to_string(), "channels of the feature");
        let mean = self.floats(channels)?;
        self.note("mean", || span(&mean), "subtracted before analysis");
        let kind = self.reader.u8()?;
        let named = || if kind == 0 { "0 diagonal" } else { "1 dense" }.to_owned();
        self.note("kind", named, "transform");
        let kind = match kind {
            0 => {
                let gains = self.floats(channels)?;
                self.note("gain", || span(&gains), "weight of each channel");
                if gains.iter().any(|&g| g <= 0.0) {
                    return Err(self.invalid());
                }
                TransformKind::Diagonal { gains }
            }
            1 => {
                let components = self.count(channels)?;
                self.note("components", || components.to_string(), "what is kept of them");
                let analysis = self.matrix(components, channels)?;
                self.note("analysis", || size_of(&analysis), "channels to components");
                let synthesis = self.matrix(channels, components)?;
                self.note("synthesis", || size_of(&synthesis), "components to channels");
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
        self.note("rate", || rate.get().to_string(), "rate index of the fit");
        let lambda = self.finite()?;
        self.note("lambda", || lambda.to_string(), "squared steps per bit, for encoders");
        let model = self.model(layout, components)?;
        let centroids = self.centroids(components)?;
        self.note("centroids", || counted(components), "where in its cell a level is put back");
        let refinement = self.tables(&[0, REFINE_TABLES], TOKENS)?;
        self.note("refinement", || tables_of(&refinement), "codes further layers");
        let fast = self.fast(layout, components)?;
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
        let named =
            || format!("{prediction:?}, {}", if signed { "signed" } else { "not negative" });
        self.note("tools", named, "prediction and sign of the levels");
        let mut bias = Vec::new();
        for _ in 0..components {
            bias.push(unzigzag(self.reader.varint_u32()?));
        }
        self.note("bias", || counted(components), "constant part of each prediction");
        let square = components.saturating_mul(components);
        let predicted = if prediction == Prediction::None { 0 } else { square };
        let spatial = self.words(predicted.saturating_mul(neighbours(layout)))?;
        self.note("spatial", || counted(spatial.len()), "weights of neighbouring positions");
        let channel = self.words(predicted)?;
        self.note("channel", || counted(channel.len()), "weights within a position");
        let scale = self.words(components.saturating_mul(SCALE_INPUTS))?;
        let scale = scale
            .chunks_exact(SCALE_INPUTS)
            .map(|row| row.try_into().unwrap_or_default())
            .collect();
        self.note("spread", || counted(components), "weights of the estimated spread");
        let edges = usize::from(self.reader.u8()?);
        let mut scale_edges = Vec::new();
        for _ in 0..edges {
            scale_edges.push(unzigzag(self.reader.varint_u32()?));
        }
        self.note("edges", || format!("{scale_edges:?}"), "borders of the classes of spread");
        let shrink = self.reader.array::<4>()?.map(|b| b as i8);
        self.note("shrink", || format!("{shrink:?}"), "how far to trust large predictions");
        let classes = ContextModel::value_classes(prediction);
        let expected = classes.saturating_mul(edges.saturating_add(1));
        let tables = self.tables(&[expected], TOKENS)?;
        self.note("tables", || tables_of(&tables), "codes the levels of the base layer");
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
        let present = self.reader.u8()?;
        self.note("restoration", || present.to_string(), "filter at the receiver: 1 when there");
        match present {
            0 => Ok(None),
            1 => {
                let bias = self.floats(channels)?;
                self.note("restoration_bias", || span(&bias), "constant correction, in steps");
                let scales = self.floats(channels)?;
                self.note("restoration_scale", || span(&scales), "unit of each channel's entries");
                let taps = taps(layout);
                let size = taps.saturating_mul(components).saturating_mul(channels);
                let entries = self.packed(size)?.into_iter().map(|b| b as i8).collect();
                self.note("restoration_entries", || counted(size), "weights of the neighbourhood");
                Ok(Some(Restoration { taps, components, channels, bias, scales, entries }))
            }
            _ => Err(self.reader.error(DecodeErrorKind::ReservedBits)),
        }
    }

    fn confidence(&mut self, channels: usize) -> Result<Option<ConfidenceHead>, DecodeError> {
        let present = self.reader.u8()?;
        self.note("confidence", || present.to_string(), "head that moves the rate: 1 when there");
        match present {
            0 => return Ok(None),
            1 => {}
            _ => return Err(self.reader.error(DecodeErrorKind::ReservedBits)),
        }
        let classes = self.count(MAX_COMPONENTS)?;
        let weights = self.matrix(classes, channels.saturating_mul(2).saturating_add(1))?;
        self.note("classes, weights", || size_of(&weights), "linear head on pooled features");
        let shifts = usize::from(self.reader.u8()?);
        let borders = self.floats(shifts.saturating_sub(1))?;
        self.note("shifts, border", || format!("{borders:?}"), "borders of the uncertainty, nats");
        let shifts: Vec<i8> = self.reader.take(shifts)?.iter().map(|&b| b as i8).collect();
        self.note("shift", || format!("{shifts:?}"), "added to the rate index in each class");
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
        self.spent = self.spent.saturating_add(set.memory());
        self.limits.check(Limit::ProfileBytes, self.spent, at, SECTION_ANCHOR)?;
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
            ((zigzag >> 1) as i16) ^ ((zigzag & 1) as i16).wrapping_neg()
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
                end(rans, length).map_err(|e| e.shifted(start))?;
                Ok(out)
            }
            _ => Err(self.reader.error(DecodeErrorKind::ReservedBits)),
        }
    }

    /// Notes what was read since the last noted field.
    fn note(&mut self, name: &'static str, value: impl FnOnce() -> String, meaning: &'static str) {
        let (start, end) = (self.noted, self.reader.offset());
        self.noted = end;
        if let Some(rows) = &mut self.rows {
            let length = end.saturating_sub(start);
            rows.push(FieldRow { name, offset: start, length, value: value(), meaning });
        }
    }

    /// Notes the start of a group of fields; returns the row of its heading.
    fn open(
        &mut self,
        name: &'static str,
        value: impl FnOnce() -> String,
        meaning: &'static str,
    ) -> usize {
        self.note(name, value, meaning);
        self.rows.as_ref().map_or(0, |rows| rows.len()).saturating_sub(1)
    }

    /// Notes the end of a group of fields.
    fn close(&mut self, heading: usize) {
        let end = self.reader.offset();
        let rows = self.rows.as_mut();
        if let Some(row) = rows.and_then(|rows| rows.get_mut(heading)) {
            row.length = end.saturating_sub(row.offset);
        }
    }

    fn invalid(&self) -> DecodeError {
        self.reader.error(DecodeErrorKind::InvalidSymbol)
    }
}

/// Shows how many numbers there are and where they lie.
fn span(values: &[f32]) -> String {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if values.is_empty() { counted(0) } else { format!("{}: {low} to {high}", values.len()) }
}

fn counted(count: usize) -> String {
    count.to_string()
}

fn size_of(matrix: &Matrix) -> String {
    format!("{}x{}", matrix.rows, matrix.columns)
}

fn tables_of(set: &CdfSet) -> String {
    let symbols = set.tables().first().map_or(0, |table| table.alphabet());
    format!("{} tables of {symbols} symbols", set.len())
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
