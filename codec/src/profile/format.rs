//! How a profile is written (`spec/profile.md`).

use super::{Anchor, Profile};
use crate::bitstream::write_varint;
use crate::coder::fast::{CLASS_LENGTHS, FastModel};
use crate::confidence::ConfidenceHead;
use crate::context::ContextModel;
use crate::rans::{CdfSet, CdfTable, RansEncoder};
use crate::reconstruct::Centroids;
use crate::restore::Restoration;
use crate::transform::{Matrix, Transform, TransformKind};

/// The first bytes of a profile.
pub const MAGIC: [u8; 4] = *b"AFPR";
/// Version byte: major number in the high half.
pub const VERSION: u8 = 0x01;

/// Appends the parts of a profile in the order of the specification.
pub(crate) fn write(profile: &Profile) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.push(VERSION);
    out.push(profile.layout.code());
    let dims = profile.dims.as_slice();
    out.push(dims.len() as u8);
    dims.iter().for_each(|&d| write_varint(d as u64, &mut out));
    for value in [profile.range.0, profile.range.1, profile.base_step] {
        out.extend(value.to_le_bytes());
    }
    write_transform(&profile.transform, &mut out);
    out.push(profile.anchors.len() as u8);
    for anchor in &profile.anchors {
        write_anchor(anchor, &mut out);
    }
    write_confidence(profile.confidence.as_ref(), &mut out);
    let checksum = crc32c::crc32c(&out);
    out.extend(checksum.to_le_bytes());
    out
}

fn write_transform(transform: &Transform, out: &mut Vec<u8>) {
    write_varint(transform.mean.len() as u64, out);
    write_floats(&transform.mean, out);
    match &transform.kind {
        TransformKind::Diagonal { gains } => {
            out.push(0);
            write_floats(gains, out);
        }
        TransformKind::Dense { analysis, synthesis } => {
            out.push(1);
            write_varint(analysis.rows as u64, out);
            write_matrix(analysis, out);
            write_matrix(synthesis, out);
        }
    }
}

/// Entries and scales; the shape is known from what came before.
fn write_matrix(matrix: &Matrix, out: &mut Vec<u8>) {
    write_floats(&matrix.scales, out);
    write_words(&matrix.entries, out);
}

fn write_anchor(anchor: &Anchor, out: &mut Vec<u8>) {
    out.push(anchor.rate.get());
    out.extend(anchor.lambda.to_le_bytes());
    write_model(&anchor.model, out);
    write_centroids(&anchor.centroids, out);
    anchor.refinement.write(out);
    write_fast(&anchor.fast, out);
    write_restoration(anchor.restoration.as_ref(), out);
}

fn write_model(model: &ContextModel, out: &mut Vec<u8>) {
    out.push(model.prediction.code() | (u8::from(model.signed) << 4));
    for &bias in &model.bias {
        write_varint(u64::from(zigzag(bias)), out);
    }
    write_words(&model.spatial, out);
    write_words(&model.channel, out);
    let scale: Vec<i16> = model.scale.iter().flatten().copied().collect();
    write_words(&scale, out);
    out.push(model.scale_edges.len() as u8);
    for &edge in &model.scale_edges {
        write_varint(u64::from(zigzag(edge)), out);
    }
    out.extend(model.shrink.map(|s| s as u8));
    model.tables.write(out);
}

fn write_centroids(centroids: &Centroids, out: &mut Vec<u8>) {
    let bytes: Vec<u8> = centroids.offsets.iter().flatten().map(|&o| o as u8).collect();
    write_packed(&bytes, out);
}

fn write_fast(fast: &FastModel, out: &mut Vec<u8>) {
    out.push(fast.width.bits() as u8);
    out.push((fast.lengths.len() / CLASS_LENGTHS) as u8);
    write_packed(&fast.class_of, out);
    write_packed(&fast.lengths, out);
    write_centroids(&fast.centroids, out);
}

fn write_restoration(restoration: Option<&Restoration>, out: &mut Vec<u8>) {
    let Some(filter) = restoration else {
        out.push(0);
        return;
    };
    out.push(1);
    write_floats(&filter.bias, out);
    write_floats(&filter.scales, out);
    let bytes: Vec<u8> = filter.entries.iter().map(|&e| e as u8).collect();
    write_packed(&bytes, out);
}

fn write_confidence(head: Option<&ConfidenceHead>, out: &mut Vec<u8>) {
    let Some(head) = head else {
        out.push(0);
        return;
    };
    out.push(1);
    write_varint(head.weights.rows as u64, out);
    write_matrix(&head.weights, out);
    out.push(head.shifts.len() as u8);
    write_floats(&head.borders, out);
    out.extend(head.shifts.iter().map(|&s| s as u8));
}

fn write_floats(values: &[f32], out: &mut Vec<u8>) {
    values.iter().for_each(|v| out.extend(v.to_le_bytes()));
}

/// 16-bit entries as two byte planes, high bytes first.
fn write_words(values: &[i16], out: &mut Vec<u8>) {
    let plane = |index: usize| -> Vec<u8> {
        // Zigzag keeps the high plane of small values at zero for both signs.
        values.iter().map(|&v| ((v << 1) ^ (v >> 15)).to_be_bytes()[index]).collect()
    };
    write_packed(&plane(0), out);
    write_packed(&plane(1), out);
}

/// Bytes whose count the reader knows: stored, or entropy coded with a table of their own.
fn write_packed(bytes: &[u8], out: &mut Vec<u8>) {
    let mut coded = Vec::new();
    if pack(bytes, &mut coded).is_some() && coded.len() < bytes.len() {
        out.push(1);
        out.extend(coded);
    } else {
        out.push(0);
        out.extend_from_slice(bytes);
    }
}

fn pack(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut counts = [0u32; 256];
    bytes.iter().for_each(|&b| counts[usize::from(b)] += 1);
    let table = CdfTable::from_present_counts(&counts).ok()?;
    CdfSet::new(vec![table.clone()]).ok()?.write(out);
    let mut rans = RansEncoder::new();
    for &byte in bytes {
        rans.push(table.span(byte)?);
    }
    let mut payload = Vec::new();
    crate::coder::finish(&mut rans, &mut payload);
    write_varint(payload.len() as u64, out);
    out.extend(payload);
    Some(())
}

pub(crate) const fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

pub(crate) const fn unzigzag(value: u32) -> i32 {
    ((value >> 1) as i32) ^ -((value & 1) as i32)
}
