//! Chooses the predictor and the form of each plane, and writes the frame.

use super::words::words_of;
use super::{CHUNK, PLANE_CODED, PLANE_CONSTANT, PLANE_STORED, Predictor, context_mask};
use crate::bitstream::{
    Coder, FrameForm, FrameHeader, FrameMode, ProfileTag, TensorHeader, Version, write_frame,
    write_varint,
};
use crate::error::EncodeError;
use crate::rans::{CdfSet, CdfTable, Lanes, RansEncoder, Span};
use crate::tensor::{TensorData, TensorView};

/// Appends a lossless frame of `tensor` to `out`, or a raw one where that is not larger, and
/// returns the mode that was taken.
///
/// # Errors
/// [`EncodeError::LimitExceeded`] for tensors of 4 GiB and more.
pub fn encode_lossless(
    tensor: &TensorView<'_>,
    form: FrameForm,
    out: &mut Vec<u8>,
) -> Result<FrameMode, EncodeError> {
    let header = |mode| FrameHeader {
        mode,
        coder: Coder::Fast,
        rate_index: 0,
        tensor: (form == FrameForm::SelfContained).then(|| TensorHeader {
            version: Version::CURRENT,
            element: tensor.element(),
            dims: *tensor.dims(),
            profile: ProfileTag::NONE,
        }),
    };
    let raw_size = tensor.dims().elements() * tensor.element().size();
    let coded = code_planes(tensor);
    if coded.len() < raw_size {
        write_frame(&header(FrameMode::Lossless), &[&coded], out)?;
        return Ok(FrameMode::Lossless);
    }
    let mut raw = Vec::with_capacity(raw_size);
    match tensor.data() {
        TensorData::F32(data) => raw.extend(data.iter().flat_map(|value| value.to_le_bytes())),
        TensorData::F16(data) => raw.extend(data.iter().flat_map(|value| value.to_le_bytes())),
        TensorData::Bf16(data) => raw.extend(data.iter().flat_map(|value| value.to_le_bytes())),
    }
    write_frame(&header(FrameMode::Raw), &[&raw], out)?;
    Ok(FrameMode::Raw)
}

/// The number of elements that are judged together for the choice of the predictor.
const BLOCK: usize = 1024;

/// How often each byte occurs in one plane: below any other byte, and below zeros only.
type Histogram = [[u32; 256]; 2];

/// How one plane will be represented, and an estimate of its size.
struct Plan {
    form: PlaneForm,
    bits: u64,
}

enum PlaneForm {
    Stored,
    Constant(u8),
    Coded(CdfSet),
}

/// The payload of a lossless frame.
fn code_planes(tensor: &TensorView<'_>) -> Vec<u8> {
    let words = words_of(tensor.data());
    let planes = tensor.element().size();
    if words.is_empty() {
        return Vec::new();
    }
    let predictor = choose_predictor(&words, planes);
    let residuals: Vec<u32> = residuals(&words, 0, predictor, planes).collect();
    let mut histograms = vec![[[0; 256]; 2]; planes];
    count(residuals.iter().copied(), &mut histograms);
    let mut out = vec![predictor.code()];
    let mut contexts = vec![1; words.len()];
    let mut coder = RansEncoder::new();
    for (index, histogram) in histograms.iter().enumerate() {
        let plan = plan_plane(histogram, words.len() as u64);
        let shift = 8 * (planes - 1 - index);
        let bytes: Vec<u8> = residuals.iter().map(|&word| (word >> shift) as u8).collect();
        write_plane(&plan, &bytes, &contexts, &mut coder, &mut out);
        for (context, &byte) in contexts.iter_mut().zip(&bytes) {
            *context &= u16::from(byte == 0);
        }
    }
    out
}

/// The predictor with the smallest planes; ties go to the simpler one.
///
/// Large tensors are judged by a part of them: every sixteenth block.
fn choose_predictor(words: &[u32], planes: usize) -> Predictor {
    let stride = if words.len() > 64 * BLOCK { 16 } else { 1 };
    let size = |&predictor: &Predictor| -> u64 {
        let mut histograms = vec![[[0; 256]; 2]; planes];
        let mut counted = 0;
        for (index, block) in words.chunks(BLOCK).enumerate().step_by(stride) {
            let before = words[..index * BLOCK].last().copied().unwrap_or(0);
            count(residuals(block, before, predictor, planes), &mut histograms);
            counted += block.len() as u64;
        }
        histograms.iter().map(|histogram| plan_plane(histogram, counted).bits).sum()
    };
    Predictor::ALL.into_iter().min_by_key(size).unwrap_or(Predictor::None)
}

fn residuals(
    words: &[u32],
    before: u32,
    predictor: Predictor,
    planes: usize,
) -> impl Iterator<Item = u32> {
    let width = 8 * planes as u32;
    words.iter().scan(before, move |before, &word| {
        Some(predictor.residual(word, core::mem::replace(before, word), width))
    })
}

/// Adds the bytes of all planes, top first, to their histograms.
fn count(residuals: impl Iterator<Item = u32>, histograms: &mut [Histogram]) {
    let top = 8 * histograms.len().saturating_sub(1);
    for word in residuals {
        let mut zeros = 1;
        for (index, histogram) in histograms.iter_mut().enumerate() {
            let byte = (word >> (top - 8 * index)) as u8;
            histogram[zeros][usize::from(byte)] += 1;
            zeros &= usize::from(byte == 0);
        }
    }
}

fn plan_plane(histogram: &Histogram, count: u64) -> Plan {
    let mut merged = histogram[0];
    merged.iter_mut().zip(histogram[1]).for_each(|(sum, count)| *sum += count);
    let mut present = (0..=255_u8).filter(|&byte| merged[usize::from(byte)] > 0);
    if let (Some(byte), None) = (present.next(), present.next()) {
        return Plan { form: PlaneForm::Constant(byte), bits: 16 };
    }
    let mut best = Plan { form: PlaneForm::Stored, bits: 8 + 8 * count };
    for histograms in [&[merged][..], &histogram[..]] {
        let Some(tables) = exact_tables(histograms) else { continue };
        for precision in [3, 5, 8] {
            let Some((set, bits)) = fit(histograms, &tables, precision) else { continue };
            if bits < best.bits {
                best = Plan { form: PlaneForm::Coded(set), bits };
            }
        }
    }
    best
}

/// The best table of each histogram; `None` if one of them is empty.
fn exact_tables(histograms: &[[u32; 256]]) -> Option<Vec<CdfTable>> {
    let table = |histogram: &[u32; 256]| {
        let alphabet = histogram.iter().rposition(|&count| count > 0)? + 1;
        CdfTable::from_present_counts(&histogram[..alphabet]).ok()
    };
    histograms.iter().map(table).collect()
}

/// The tables with rounded frequencies, and the size of the plane with them in bits.
fn fit(histograms: &[[u32; 256]], tables: &[CdfTable], precision: u32) -> Option<(CdfSet, u64)> {
    let rounded = tables.iter().map(|table| table.rounded(precision)).collect();
    let set = CdfSet::new(rounded).ok()?;
    let mut q16 = 0_u64;
    for (histogram, table) in histograms.iter().zip(set.tables()) {
        for (symbol, &count) in (0..=255_u8).zip(histogram) {
            let cost = table.span(symbol).map_or(0, Span::cost_q16);
            q16 += u64::from(count) * u64::from(cost);
        }
    }
    let mut stored = Vec::new();
    set.write(&mut stored);
    // The plane header, the length of the payload and the states.
    let extra = 8 * (1 + 4 + 3 * Lanes::for_bits(q16 >> 16).count() as u64);
    Some((set, (q16 >> 16) + 8 * stored.len() as u64 + extra))
}

fn write_plane(
    plan: &Plan,
    bytes: &[u8],
    contexts: &[u16],
    coder: &mut RansEncoder,
    out: &mut Vec<u8>,
) {
    let first = out.len();
    match &plan.form {
        PlaneForm::Constant(byte) => {
            out.extend([PLANE_CONSTANT, *byte]);
            return;
        }
        PlaneForm::Coded(set) => {
            coder.clear();
            let mask = context_mask(set);
            let mut masked = [0; CHUNK];
            let mut complete = true;
            for (bytes, contexts) in bytes.chunks(CHUNK).zip(contexts.chunks(CHUNK)) {
                masked.iter_mut().zip(contexts).for_each(|(to, from)| *to = from & mask);
                complete &= coder.push_batch(set, &masked, bytes).is_ok();
            }
            let lanes = Lanes::for_bits(plan.bits);
            out.push(PLANE_CODED | (lanes.code() << 2));
            set.write(out);
            let mut payload = Vec::new();
            coder.finish(lanes, &mut payload);
            write_varint(payload.len() as u64, out);
            out.append(&mut payload);
            // The estimate may be a few bytes off: storing bounds the size in any case.
            if complete && out.len() - first <= bytes.len() {
                return;
            }
            out.truncate(first);
        }
        PlaneForm::Stored => {}
    }
    out.push(PLANE_STORED);
    out.extend_from_slice(bytes);
}
