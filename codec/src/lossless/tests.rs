use half::{bf16, f16};
use proptest::prelude::*;

use super::*;
use crate::bitstream::{
    Coder, Frame, FrameForm, FrameHeader, FrameMode, frame_overhead, write_frame,
};
use crate::error::DecodeErrorKind;
use crate::limits::{DecodeLimits, Limit};
use crate::tensor::{Dims, ElementType, TensorView};

fn limits() -> DecodeLimits {
    DecodeLimits::default()
}

fn bytes_of<const N: usize>(elements: impl Iterator<Item = [u8; N]>) -> Vec<u8> {
    elements.flatten().collect()
}

/// Encodes, decodes, compares all bits, and returns mode and frame size.
fn round_trip(tensor: &TensorView<'_>, raw: &[u8], form: FrameForm) -> (FrameMode, usize) {
    let mut bytes = Vec::new();
    let mode = encode_lossless(tensor, form, &mut bytes).unwrap();
    let frame = Frame::parse(&bytes, form, &limits()).unwrap();
    assert_eq!(frame.header().mode, mode);
    let decoded = decode_lossless(&frame, tensor.element(), tensor.dims(), &limits()).unwrap();
    assert!(decoded == raw, "the bits differ");
    let overhead = frame_overhead(frame.header(), &[frame.layers()[0].len()]);
    assert!(bytes.len() <= raw.len() + overhead);
    (mode, bytes.len())
}

fn round_trip_f32(values: &[f32]) -> (FrameMode, usize) {
    let dims = Dims::new(&[values.len()]).unwrap();
    let raw = bytes_of(values.iter().map(|value| value.to_le_bytes()));
    let tensor = TensorView::f32(&dims, values).unwrap();
    round_trip(&tensor, &raw, FrameForm::SelfContained);
    round_trip(&tensor, &raw, FrameForm::Session)
}

/// Any bits, with runs of zeros and repetitions as features have them.
fn any_bits() -> impl Strategy<Value = Vec<u32>> {
    let part = prop_oneof![
        any::<u32>().prop_map(|bits| vec![bits]),
        (any::<u32>(), 1_usize..60).prop_map(|(bits, count)| vec![bits; count]),
        (1_usize..60).prop_map(|count| vec![0; count]),
        prop::collection::vec(0x3f00_0000_u32..0x4080_0000, 1..60),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_f32_comes_back_bit_by_bit(bits in any_bits()) {
        let values: Vec<f32> = bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        round_trip_f32(&values);
    }

    #[test]
    fn any_half_comes_back_bit_by_bit(bits in any_bits()) {
        let dims = Dims::new(&[bits.len()]).unwrap();
        let raw = bytes_of(bits.iter().map(|&bits| (bits as u16).to_le_bytes()));
        let halves: Vec<f16> = bits.iter().map(|&bits| f16::from_bits(bits as u16)).collect();
        round_trip(&TensorView::f16(&dims, &halves).unwrap(), &raw, FrameForm::Session);
        let brains: Vec<bf16> = bits.iter().map(|&bits| bf16::from_bits(bits as u16)).collect();
        round_trip(&TensorView::bf16(&dims, &brains).unwrap(), &raw, FrameForm::Session);
    }

    #[test]
    fn hostile_payloads_give_errors_with_a_place(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        first in 0_u8..4,
        plane in 0_u8..12,
    ) {
        let mut payload = payload;
        payload.splice(0..payload.len().min(2), [first, plane]);
        let header =
            FrameHeader { mode: FrameMode::Lossless, coder: Coder::Fast, rate_index: 0, tensor: None };
        let mut bytes = Vec::new();
        write_frame(&header, &[&payload], &mut bytes).unwrap();
        let frame = Frame::parse(&bytes, FrameForm::Session, &limits()).unwrap();
        let dims = Dims::new(&[37]).unwrap();
        match decode_lossless(&frame, ElementType::F16, &dims, &limits()) {
            Ok(decoded) => prop_assert_eq!(decoded.len(), 74),
            Err(error) => prop_assert!(error.offset <= bytes.len()),
        }
    }
}

/// A feature after a ReLU: zeros and positive values of a narrow range of exponents.
fn feature(count: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| (next() + next() + next() - 1.7).max(0.0)).collect()
}

#[test]
fn sparse_features_shrink() {
    let values = feature(20_000);
    let zeros = values.iter().filter(|&&value| value == 0.0).count();
    let (mode, size) = round_trip_f32(&values);
    assert_eq!(mode, FrameMode::Lossless);
    // Each value that is not zero keeps about 23 bits of mantissa and some of exponent; zeros cost
    // less than a bit.
    let bound = (values.len() - zeros) * 26 / 8 + values.len() / 8 + 500;
    assert!(size < bound, "{size} bytes for {zeros} zeros, bound {bound}");
}

#[test]
fn smooth_sequences_use_a_predictor() {
    let values: Vec<f32> =
        (0..4000_u32).map(|step| f32::from_bits(0x3f80_0000 + 3 * step)).collect();
    let (mode, size) = round_trip_f32(&values);
    assert_eq!(mode, FrameMode::Lossless);
    assert!(size < 200, "{size} bytes for a straight line");
}

#[test]
fn noise_and_tiny_tensors_fall_back_to_raw() {
    let mut state = 9_u64;
    let noise: Vec<f32> = (0..3000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f32::from_bits((state >> 32) as u32)
        })
        .collect();
    assert_eq!(round_trip_f32(&noise), (FrameMode::Raw, 12_006));
    assert_eq!(round_trip_f32(&[]), (FrameMode::Raw, 6));
    assert_eq!(round_trip_f32(&[1.5]), (FrameMode::Raw, 10));
}

#[test]
fn special_values_keep_their_bits() {
    let special = [0x7fc0_0001, 0xffc1_2345, 0x7f80_0000, 0xff80_0000, 0x8000_0000, 0, 1];
    let values: Vec<f32> =
        special.iter().cycle().take(700).map(|&bits| f32::from_bits(bits)).collect();
    let (mode, size) = round_trip_f32(&values);
    assert_eq!(mode, FrameMode::Lossless);
    assert!(size < 1400, "{size}");
}

#[test]
fn values_come_back_as_f32() {
    let halves: Vec<f16> = [1.5, -2.0, f32::INFINITY, 0.0].map(f16::from_f32).repeat(50);
    let dims = Dims::new(&[4, 50]).unwrap();
    let mut bytes = Vec::new();
    let tensor = TensorView::f16(&dims, &halves).unwrap();
    encode_lossless(&tensor, FrameForm::SelfContained, &mut bytes).unwrap();
    let frame = Frame::parse(&bytes, FrameForm::SelfContained, &limits()).unwrap();
    let mut out = Vec::new();
    decode_lossless_f32(&frame, ElementType::F16, &dims, &limits(), &mut out).unwrap();
    assert_eq!(out, [1.5, -2.0, f32::INFINITY, 0.0].repeat(50));
}

#[test]
fn agreements_and_limits_are_checked_first() {
    let dims = Dims::new(&[2, 3]).unwrap();
    let mut bytes = Vec::new();
    let tensor = TensorView::f32(&dims, &[0.0; 6]).unwrap();
    encode_lossless(&tensor, FrameForm::SelfContained, &mut bytes).unwrap();
    let frame = Frame::parse(&bytes, FrameForm::SelfContained, &limits()).unwrap();
    let kind = |element, sizes: &[usize], limits: &DecodeLimits| {
        decode_lossless(&frame, element, &Dims::new(sizes).unwrap(), limits).unwrap_err().kind
    };
    assert_eq!(kind(ElementType::F16, &[2, 3], &limits()), DecodeErrorKind::ShapeMismatch);
    assert_eq!(kind(ElementType::F32, &[3, 2], &limits()), DecodeErrorKind::ShapeMismatch);
    let small = limits().with_max_elements(5);
    let exceeded = DecodeErrorKind::LimitExceeded(Limit::Elements);
    assert_eq!(kind(ElementType::F32, &[2, 3], &small), exceeded);

    let header =
        FrameHeader { mode: FrameMode::Lossy, coder: Coder::Fast, rate_index: 0, tensor: None };
    let mut bytes = Vec::new();
    write_frame(&header, &[&[1]], &mut bytes).unwrap();
    let frame = Frame::parse(&bytes, FrameForm::Session, &limits()).unwrap();
    let error = decode_lossless(&frame, ElementType::F32, &dims, &limits()).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::WrongMode);
}
