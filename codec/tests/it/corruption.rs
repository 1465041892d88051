//! Damaged and hostile frames: an error with a place, never a panic, never a wrong tensor.

use aiflow_codec::bitstream::{
    Coder, Frame, FrameForm, FrameHeader, FrameMode, inspect, write_frame,
};
use aiflow_codec::error::{DecodeError, DecodeErrorKind};
use aiflow_codec::limits::{DecodeLimits, Limit};
use aiflow_codec::lossless::{decode_lossless, encode_lossless};
use aiflow_codec::tensor::{Dims, ElementType, TensorView};

const FORMS: [FrameForm; 2] = [FrameForm::Session, FrameForm::SelfContained];

/// A small sparse feature and its shape.
fn feature() -> (Dims, Vec<f32>) {
    let values = (0..240_u32).map(|i| if i % 3 == 0 { i as f32 / 16.0 } else { 0.0 }).collect();
    (Dims::new(&[6, 5, 8]).unwrap(), values)
}

fn lossless_frame(form: FrameForm) -> Vec<u8> {
    let (dims, values) = feature();
    let mut bytes = Vec::new();
    let tensor = TensorView::f32(&dims, &values).unwrap();
    assert_eq!(encode_lossless(&tensor, form, &mut bytes), Ok(FrameMode::Lossless));
    bytes
}

fn decode(bytes: &[u8], form: FrameForm, limits: &DecodeLimits) -> Result<Vec<u8>, DecodeError> {
    let (dims, _) = feature();
    let frame = Frame::parse(bytes, form, limits)?;
    decode_lossless(&frame, ElementType::F32, &dims, limits)
}

#[test]
fn every_truncation_of_a_frame_is_refused_inside_of_it() {
    for form in FORMS {
        let bytes = lossless_frame(form);
        for cut in 0..bytes.len() {
            let error = decode(&bytes[..cut], form, &DecodeLimits::default()).unwrap_err();
            assert!(error.offset <= cut, "{form:?} cut at {cut}: {error}");
        }
    }
}

#[test]
fn every_single_bit_flip_of_a_frame_is_refused() {
    for form in FORMS {
        let mut bytes = lossless_frame(form);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let result = decode(&bytes, form, &DecodeLimits::default());
            assert!(result.is_err(), "{form:?} bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn payloads_with_a_valid_checksum_are_read_without_panic() {
    let good = lossless_frame(FrameForm::Session);
    let limits = DecodeLimits::default();
    let payload = Frame::parse(&good, FrameForm::Session, &limits).unwrap().layers()[0].to_vec();
    let header =
        FrameHeader { mode: FrameMode::Lossless, coder: Coder::Fast, rate_index: 0, tensor: None };
    let mut refused = 0;
    let mut damaged = Vec::new();
    for at in 0..payload.len() {
        for change in [1, 0x10, 0x80, 0xff] {
            let mut payload = payload.clone();
            payload[at] ^= change;
            damaged.push(payload);
        }
        damaged.push(payload[..at].to_vec());
    }
    let total = damaged.len();
    for payload in damaged {
        let mut bytes = Vec::new();
        write_frame(&header, &[&payload], &mut bytes).unwrap();
        match decode(&bytes, FrameForm::Session, &limits) {
            Ok(elements) => assert_eq!(elements.len(), 960),
            Err(error) => {
                assert!(error.offset <= bytes.len(), "{error}");
                refused += 1;
            }
        }
    }
    // Stored planes and constants take any byte; the entropy coder checks itself.
    assert!(refused > total / 2, "{refused} of {total} were refused");
}

#[test]
fn absurd_sizes_are_refused_by_the_limits() {
    let refused = |bytes: &[u8], limits: &DecodeLimits| {
        Frame::parse(bytes, FrameForm::SelfContained, limits).unwrap_err().kind
    };
    let limits = DecodeLimits::default();
    let start = [0xaf, 0x01, 0x20];
    let no_profile = [0; 8];
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for rank in 1..=8 {
        let mut bytes = start.to_vec();
        bytes.push(rank);
        bytes.extend(no_profile);
        (0..rank).for_each(|_| bytes.extend(huge));
        bytes.extend([0, 1, 0, 0, 0, 0, 0]);
        let kind = DecodeErrorKind::LimitExceeded(Limit::Elements);
        assert_eq!(refused(&bytes, &limits), kind, "{rank} dimensions");
    }
    // A layer that claims four gigabytes.
    let mut bytes = start.to_vec();
    bytes.push(0);
    bytes.extend(no_profile);
    bytes.push(0);
    bytes.extend(huge);
    bytes.extend([0; 4]);
    assert_eq!(refused(&bytes, &limits), DecodeErrorKind::Truncated);
    // A frame of more bytes than allowed is not even looked at.
    let kind = DecodeErrorKind::LimitExceeded(Limit::FrameBytes);
    assert_eq!(refused(&bytes, &limits.with_max_frame_bytes(bytes.len() - 1)), kind);
}

#[test]
fn a_session_shape_beyond_the_limit_is_refused_before_decoding() {
    let bytes = lossless_frame(FrameForm::Session);
    let limits = DecodeLimits::default().with_max_elements(239);
    let error = decode(&bytes, FrameForm::Session, &limits).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::LimitExceeded(Limit::Elements));
}

#[test]
fn inspection_of_damaged_frames_accounts_for_every_byte_read() {
    let bytes = lossless_frame(FrameForm::SelfContained);
    for cut in 0..=bytes.len() {
        let inspection = inspect(&bytes[..cut], &DecodeLimits::default());
        let read: usize = inspection.rows.iter().map(|row| row.length).sum();
        assert!(read <= cut);
        assert_eq!(inspection.error.is_none(), cut == bytes.len());
    }
}
