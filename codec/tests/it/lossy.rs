//! Damaged lossy frames and profiles.

use aiflow_codec::bitstream::{
    Frame, FrameForm, FrameHeader, ProfileTag, TensorHeader, write_frame,
};
use aiflow_codec::error::DecodeErrorKind;
use aiflow_codec::limits::Limit;
use aiflow_codec::{DecodeLimits, Decoder, Dims, Effort, Profile};

use crate::sample::{decoder, frame, profile};

const FORMS: [FrameForm; 2] = [FrameForm::Session, FrameForm::SelfContained];

/// One frame of each kind of layer.
fn frames(form: FrameForm) -> Vec<Vec<u8>> {
    vec![frame(form, Effort::Fast, 1), frame(form, Effort::High, 1), frame(form, Effort::High, 3)]
}

#[test]
fn every_truncation_is_refused_or_gives_the_whole_layers() {
    for form in FORMS {
        for bytes in frames(form) {
            let mut decoder = decoder(form);
            let mut out = Vec::new();
            decoder.decode(&bytes, &mut out).unwrap();
            let whole = Frame::parse(&bytes, form, &DecodeLimits::default()).unwrap();
            let base = whole.layer_offset(0) + whole.layers()[0].len();
            for cut in 0..bytes.len() {
                let error = decoder.decode(&bytes[..cut], &mut out).unwrap_err();
                assert!(error.offset <= cut && out.is_empty(), "cut at {cut}: {error}");
                let prefix = decoder.decode_prefix(&bytes[..cut], &mut out);
                assert_eq!(prefix.is_ok(), cut >= base && whole.layers().len() > 1, "cut at {cut}");
            }
        }
    }
}

#[test]
fn every_single_bit_flip_is_refused() {
    for form in FORMS {
        for mut bytes in frames(form) {
            let mut decoder = decoder(form);
            let mut out = Vec::new();
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(decoder.decode(&bytes, &mut out).is_err(), "{form:?} bit {bit}");
                assert!(out.is_empty());
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}

#[test]
fn damaged_layers_behind_valid_checksums_never_panic() {
    let form = FrameForm::Session;
    for bytes in frames(form) {
        let whole = Frame::parse(&bytes, form, &DecodeLimits::default()).unwrap();
        let mut decoder = decoder(form);
        for (index, layer) in whole.layers().iter().enumerate() {
            for bit in 0..layer.len() * 8 {
                let mut damaged = layer.to_vec();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let mut layers = whole.layers().to_vec();
                layers[index] = &damaged;
                let mut bytes = Vec::new();
                write_frame(whole.header(), &layers, &mut bytes).unwrap();
                let mut out = Vec::new();
                match decoder.decode(&bytes, &mut out) {
                    Ok(_) => assert!(out.iter().all(|value| value.is_finite())),
                    // Rarely: a code without redundancy gives every payload a meaning.
                    Err(error) => assert!(error.offset <= bytes.len(), "{error}"),
                }
            }
        }
    }
}

/// The self-contained header of a frame, changed.
fn rewritten(change: impl Fn(&mut TensorHeader)) -> Vec<u8> {
    let bytes = frame(FrameForm::SelfContained, Effort::High, 1);
    let whole = Frame::parse(&bytes, FrameForm::SelfContained, &DecodeLimits::default()).unwrap();
    let mut tensor = whole.header().tensor.unwrap();
    change(&mut tensor);
    let header = FrameHeader { tensor: Some(tensor), ..*whole.header() };
    let mut out = Vec::new();
    write_frame(&header, whole.layers(), &mut out).unwrap();
    out
}

#[test]
fn another_profile_or_shape_is_named_as_the_reason() {
    let kind = |bytes: &[u8]| {
        decoder(FrameForm::SelfContained).decode(bytes, &mut Vec::new()).unwrap_err().kind
    };
    let other = rewritten(|tensor| tensor.profile = ProfileTag([9; 8]));
    assert_eq!(kind(&other), DecodeErrorKind::WrongProfile);
    let channels = rewritten(|tensor| tensor.dims = Dims::new(&[1, 5, 4, 4]).unwrap());
    assert_eq!(kind(&channels), DecodeErrorKind::ShapeMismatch);
    let huge = rewritten(|tensor| tensor.dims = Dims::new(&[1, 4, 1 << 15, 1 << 15]).unwrap());
    assert_eq!(kind(&huge), DecodeErrorKind::LimitExceeded(Limit::Elements));
    let empty = rewritten(|tensor| tensor.dims = Dims::new(&[1, 4, 0, 4]).unwrap());
    assert!(decoder(FrameForm::SelfContained).decode(&empty, &mut Vec::new()).is_err());
}

#[test]
fn damaged_profiles_are_refused() {
    let limits = DecodeLimits::default();
    let mut bytes = profile().to_bytes();
    for cut in (0..64).chain((64..bytes.len()).step_by(97)) {
        let error = Profile::from_bytes(&bytes[..cut], &limits).unwrap_err();
        assert!(error.offset <= cut, "cut at {cut}: {error}");
    }
    for bit in (0..512).chain((512..bytes.len() * 8).step_by(131)) {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Profile::from_bytes(&bytes, &limits).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    let small = limits.with_max_profile_bytes(bytes.len() - 1);
    let error = Profile::from_bytes(&bytes, &small).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::LimitExceeded(Limit::ProfileBytes));
}

#[test]
fn damaged_profiles_behind_a_valid_checksum_never_panic() {
    let limits = DecodeLimits::default();
    let bytes = profile().to_bytes();
    let end = bytes.len() - 4;
    let session = frame(FrameForm::Session, Effort::High, 1);
    let fast = frame(FrameForm::Session, Effort::Fast, 1);
    let mut accepted = 0;
    for at in (5..160).chain((160..end).step_by(101)) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x81;
        let checksum = crc32c::crc32c(&bytes[..end]).to_le_bytes();
        bytes[end..].copy_from_slice(&checksum);
        match Profile::from_bytes(&bytes, &limits) {
            Err(error) => assert!(error.offset <= bytes.len(), "{error}"),
            Ok(profile) => {
                accepted += 1;
                let dims = *profile.dims();
                let mut decoder = Decoder::new(profile.into(), limits)
                    .with_session(dims, aiflow_codec::ElementType::F32);
                for frame in [&session, &fast] {
                    let mut out = Vec::new();
                    if decoder.decode(frame, &mut out).is_ok() {
                        assert_eq!(out.len(), dims.elements());
                    }
                }
            }
        }
    }
    assert!(accepted > 0, "no damage was harmless, so nothing was decoded");
}
