use proptest::prelude::*;

use super::*;
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::limits::{DecodeLimits, Limit};
use crate::tensor::{Dims, ElementType};

const LIMITS: fn() -> DecodeLimits = DecodeLimits::default;

fn session(mode: FrameMode) -> FrameHeader {
    FrameHeader { mode, coder: Coder::Fast, rate_index: 0, tensor: None }
}

fn self_contained(sizes: &[usize]) -> FrameHeader {
    let tensor = TensorHeader {
        version: Version::CURRENT,
        element: ElementType::F32,
        dims: Dims::new(sizes).unwrap(),
        profile: ProfileTag([1, 2, 3, 4, 5, 6, 7, 8]),
    };
    FrameHeader { mode: FrameMode::Lossy, coder: Coder::High, rate_index: 42, tensor: Some(tensor) }
}

fn written(header: &FrameHeader, layers: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write_frame(header, layers, &mut out).unwrap();
    out
}

fn kind_of(bytes: &[u8], form: FrameForm) -> DecodeErrorKind {
    Frame::parse(bytes, form, &LIMITS()).unwrap_err().kind
}

fn any_header() -> impl Strategy<Value = FrameHeader> {
    let tensor = (
        prop::collection::vec(0_usize..300, 0..=8),
        prop::sample::select(vec![ElementType::F32, ElementType::F16, ElementType::Bf16]),
        any::<[u8; 8]>(),
        0_u8..16,
    )
        .prop_filter_map("too many elements", |(sizes, element, profile, minor)| {
            let dims = Dims::new(&sizes).ok().filter(|dims| dims.elements() <= 1 << 26)?;
            let version = Version { minor, ..Version::CURRENT };
            Some(TensorHeader { version, element, dims, profile: ProfileTag(profile) })
        });
    let coder = prop::sample::select(vec![Coder::Fast, Coder::High]);
    (coder, any::<u8>(), prop::option::of(tensor)).prop_map(|(coder, rate_index, tensor)| {
        FrameHeader { mode: FrameMode::Lossy, coder, rate_index, tensor }
    })
}

proptest! {
    #[test]
    fn frames_come_back(
        header in any_header(),
        layers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..=8),
    ) {
        let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
        let bytes = written(&header, &layers);
        let frame = Frame::parse(&bytes, header.form(), &LIMITS()).unwrap();
        prop_assert_eq!(frame.header(), &header);
        prop_assert_eq!(frame.layers(), layers.as_slice());
        prop_assert_eq!(frame.announced_layers(), layers.len());
        let payload: usize = layers.iter().map(|layer| layer.len()).sum();
        let lengths: Vec<usize> = layers.iter().map(|layer| layer.len()).collect();
        prop_assert_eq!(bytes.len(), payload + frame_overhead(&header, &lengths));
        prop_assert_eq!(frame.layer_offset(0), bytes.len() - payload);
    }

    #[test]
    fn every_prefix_gives_its_whole_layers(
        header in any_header(),
        layers in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..=8),
    ) {
        let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
        let bytes = written(&header, &layers);
        let mut end = bytes.len() - layers.iter().map(|layer| layer.len()).sum::<usize>();
        let ends: Vec<usize> =
            layers.iter().map(|layer| { end += layer.len(); end }).collect();
        for cut in 0..=bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            match Frame::parse_prefix(&bytes[..cut], header.form(), &LIMITS()) {
                Ok(prefix) => {
                    prop_assert_eq!(prefix.frame.layers(), &layers[..whole]);
                    prop_assert_eq!(prefix.stopped.is_none(), whole == layers.len());
                }
                Err(error) => {
                    prop_assert_eq!(whole, 0);
                    prop_assert!(error.offset <= cut);
                }
            }
            let all = Frame::parse(&bytes[..cut], header.form(), &LIMITS());
            prop_assert_eq!(all.is_ok(), cut == bytes.len());
        }
    }

    #[test]
    fn every_single_bit_flip_is_detected(
        header in any_header(),
        layers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 1..=4),
    ) {
        let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
        let mut bytes = written(&header, &layers);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Frame::parse(&bytes, header.form(), &LIMITS()).is_err(), "bit {}", bit);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn any_bytes_are_parsed_or_refused_with_a_place(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for form in [FrameForm::Session, FrameForm::SelfContained] {
            if let Err(error) = Frame::parse(&bytes, form, &LIMITS()) {
                prop_assert!(error.offset <= bytes.len());
                prop_assert!(error.section.starts_with("codec.md "));
            }
        }
        let inspection = inspect(&bytes, &LIMITS());
        let mut next = 0;
        for row in &inspection.rows {
            prop_assert_eq!(row.offset, next);
            next += row.length;
        }
        prop_assert!(next == bytes.len() || inspection.error.is_some());
    }

    #[test]
    fn varints_are_canonical(value in any::<u64>(), shift in 0_u32..64) {
        let value = value >> shift;
        let mut bytes = Vec::new();
        write_varint(value, &mut bytes);
        prop_assert_eq!(bytes.len(), varint_len(value));
        let mut reader = Reader::new(&bytes, "s");
        prop_assert_eq!(reader.varint_u64(), Ok(value));
        prop_assert_eq!(reader.expect_end(), Ok(()));
        let narrow = Reader::new(&bytes, "s").varint_u32().ok();
        prop_assert_eq!(narrow, u32::try_from(value).ok());
        let last = bytes.len() - 1;
        bytes[last] |= 0x80;
        bytes.push(0);
        prop_assert!(Reader::new(&bytes, "s").varint_u64().is_err());
    }

    #[test]
    fn bit_strings_come_back(parts in prop::collection::vec((any::<u32>(), 0_u32..=32, 0_u32..40), 0..50)) {
        let mut writer = BitWriter::new();
        for &(value, count, zeros) in &parts {
            writer.bits(value, count);
            writer.unary(zeros);
        }
        let mut bytes = Vec::new();
        let bits = writer.len();
        writer.finish(&mut bytes);
        prop_assert_eq!(bytes.len(), bits.div_ceil(8));
        let mut reader = Reader::new(&bytes, "s");
        let mut string = BitReader::new(&mut reader);
        for &(value, count, zeros) in &parts {
            let mask = u64::from(value) & ((1_u64 << count) - 1);
            prop_assert_eq!(string.bits(count).map(u64::from), Ok(mask));
            prop_assert_eq!(string.unary(40), Ok(zeros));
        }
        string.finish().unwrap();
        prop_assert_eq!(reader.expect_end(), Ok(()));
    }
}

#[test]
fn overheads_are_those_promised() {
    assert_eq!(written(&session(FrameMode::Lossy), &[&[]]).len(), 6);
    assert_eq!(frame_overhead(&session(FrameMode::Lossy), &[5000]), 6);
    let header = self_contained(&[127, 127, 127]);
    assert_eq!(written(&header, &[&[0; 127]]).len() - 127, 21);
    assert!(frame_overhead(&header, &[2_000_000]) <= 23);
}

#[test]
fn reserved_values_are_refused_at_their_byte() {
    let good = written(&session(FrameMode::Lossy), &[&[9]]);
    for (flags, kind) in [
        (0x80, DecodeErrorKind::BadMagic),
        (0x60, DecodeErrorKind::ReservedBits),
        (0x10, DecodeErrorKind::ReservedBits),
        (0x18, DecodeErrorKind::ReservedBits),
    ] {
        let mut bytes = good.clone();
        bytes[0] = flags;
        let error = Frame::parse(&bytes, FrameForm::Session, &LIMITS()).unwrap_err();
        assert_eq!(error, DecodeError::new(kind, 0, "codec.md 4.1"));
    }
    // A lossless or raw frame has neither coder nor rate index nor further layers.
    for bytes in [[0x28, 0], [0x20, 1], [0x21, 0], [0x40, 7]] {
        assert_eq!(kind_of(&bytes, FrameForm::Session), DecodeErrorKind::ReservedBits);
    }
}

#[test]
fn self_contained_headers_are_checked_field_by_field() {
    let good = written(&self_contained(&[4, 4]), &[&[7; 3]]);
    let change = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        let error = Frame::parse(&bytes, FrameForm::SelfContained, &LIMITS()).unwrap_err();
        (error.kind, error.offset)
    };
    assert_eq!(change(0, 0xAE), (DecodeErrorKind::BadMagic, 0));
    let version = DecodeErrorKind::UnsupportedVersion { major: 1, minor: 2 };
    assert_eq!(change(1, 0x12), (version, 1));
    assert_eq!(change(3, 0x32), (DecodeErrorKind::ReservedBits, 3));
    assert_eq!(change(3, 0x09), (DecodeErrorKind::ReservedBits, 3));
    assert_eq!(change(12, 5), (DecodeErrorKind::Checksum { layer: 0 }, 20));
    // A newer minor version is accepted by the version rule; only the checksum tells.
    assert_eq!(change(1, 0x0f), (DecodeErrorKind::Checksum { layer: 0 }, 20));
}

#[test]
fn limits_are_enforced_before_anything_is_read() {
    let bytes = written(&self_contained(&[1000, 1000]), &[&[1], &[2]]);
    let limited = |limits: DecodeLimits| {
        Frame::parse(&bytes, FrameForm::SelfContained, &limits).unwrap_err().kind
    };
    let exceeded = DecodeErrorKind::LimitExceeded;
    assert_eq!(limited(LIMITS().with_max_elements(999_999)), exceeded(Limit::Elements));
    assert_eq!(limited(LIMITS().with_max_frame_bytes(10)), exceeded(Limit::FrameBytes));
    assert_eq!(limited(LIMITS().with_max_layers(1)), exceeded(Limit::Layers));
    let huge = [0xAF, 0x01, 0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 15, 255, 255, 1];
    assert_eq!(kind_of(&huge, FrameForm::SelfContained), exceeded(Limit::Elements));
}

#[test]
fn writing_refuses_contradictions_and_leaves_the_output() {
    let mut out = vec![5];
    let mut header = session(FrameMode::Raw);
    header.rate_index = 3;
    assert!(matches!(write_frame(&header, &[&[]], &mut out), Err(EncodeError::Header(_))));
    let header = session(FrameMode::Lossy);
    let none = EncodeError::LimitExceeded(Limit::Layers);
    assert_eq!(write_frame(&header, &[], &mut out), Err(none));
    assert_eq!(write_frame(&header, &[&[][..]; 9], &mut out), Err(none));
    let mut header = self_contained(&[1]);
    header.mode = FrameMode::Lossless;
    header.coder = Coder::Fast;
    header.rate_index = 0;
    let error = write_frame(&header, &[&[]], &mut out).unwrap_err();
    assert_eq!(error, EncodeError::Header("a lossless or raw frame names no profile"));
    assert_eq!(out, [5]);
}

#[test]
fn inspection_names_fields_and_stops_at_damage() {
    let bytes = written(&self_contained(&[64, 8, 8]), &[&[1, 2], &[3]]);
    let inspection = inspect(&bytes, &LIMITS());
    assert_eq!((inspection.form, inspection.error), (FrameForm::SelfContained, None));
    let names: Vec<&str> = inspection.rows.iter().map(|row| row.name).collect();
    assert_eq!(
        names,
        [
            "magic",
            "version",
            "flags",
            "type",
            "profile",
            "dimension",
            "dimension",
            "dimension",
            "q",
            "length",
            "length",
            "crc",
            "crc",
            "layer",
            "layer"
        ]
    );
    assert_eq!(inspection.rows[2].value, "0x09: lossy, high, 2 layers");
    assert_eq!(inspection.rows[4].value, "0102030405060708");
    let cut = inspect(&bytes[..bytes.len() - 1], &LIMITS());
    assert_eq!(cut.rows.len(), names.len() - 1);
    assert_eq!(cut.error.unwrap().kind, DecodeErrorKind::Truncated);
}
