//! Runs the frozen vectors of the specification.

use aiflow_codec::bitstream::{Coder, Frame, FrameForm, FrameMode, Reader};
use aiflow_codec::error::DecodeError;
use aiflow_codec::limits::DecodeLimits;
use aiflow_codec::lossless::decode_lossless;
use aiflow_codec::rans::{CdfSet, CdfTable, Lanes, RansDecoder, RansEncoder};
use aiflow_codec::tensor::{Dims, ElementType};

use crate::vector_file::{Case, folder, from_text};

/// Runs all cases of an area and requires that there are some.
pub(crate) fn run_area(area: &str, run: impl Fn(&Case)) {
    let mut count = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder().join(area))
        .expect("the area exists")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        for case in from_text(&text) {
            let place = format!("{}: {}", file.display(), case.name);
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&case)));
            assert!(result.is_ok(), "{place} failed");
            count += 1;
        }
    }
    assert!(count > 0, "no vectors for {area}");
}

/// Compares with the error that the case asks for; returns whether it asks for one.
pub(crate) fn expect_error<T: std::fmt::Debug>(
    case: &Case,
    key: &str,
    found: &Result<T, DecodeError>,
) -> bool {
    let Some(expected) = case.get(key) else { return false };
    let error = found.as_ref().expect_err("the input has to be refused");
    assert_eq!(format!("{} {}", error.kind.name(), error.offset), expected);
    true
}

fn tables_of(case: &Case) -> CdfSet {
    let tables = case.lists::<u16>("tables");
    CdfSet::new(tables.iter().map(|table| CdfTable::new(table).unwrap()).collect()).unwrap()
}

fn lanes_of(case: &Case) -> Lanes {
    let count = case.number("lanes") as usize;
    Lanes::ALL.into_iter().find(|lanes| lanes.count() == count).expect("1, 4 or 32 lanes")
}

pub(crate) fn form_of(case: &Case) -> FrameForm {
    match case.text("form") {
        "session" => FrameForm::Session,
        "self-contained" => FrameForm::SelfContained,
        other => panic!("unknown form {other}"),
    }
}

fn element_of(case: &Case) -> ElementType {
    let all = [ElementType::F32, ElementType::F16, ElementType::Bf16];
    all.into_iter().find(|element| element.name() == case.text("type")).expect("an element type")
}

#[test]
fn varints() {
    run_area("varint", |case| {
        let bytes = case.bytes("bytes");
        let mut reader = Reader::new(&bytes, "test");
        let value = reader.varint_u64();
        if !expect_error(case, "error", &value) {
            assert_eq!(value, Ok(case.number("value")));
            assert_eq!(reader.expect_end(), Ok(()));
        }
    });
}

#[test]
fn rans_symbols() {
    run_area("rans", |case| {
        let payload = case.bytes("payload");
        if case.get("counts").is_some() {
            return uniform_bits(case, &payload);
        }
        let set = tables_of(case);
        let contexts: Vec<u16> = case.numbers("contexts");
        let mut symbols = vec![0; contexts.len()];
        let result = RansDecoder::new(&payload, lanes_of(case)).and_then(|mut decoder| {
            decoder.decode_batch(&set, &contexts, &mut symbols)?;
            decoder.finish()
        });
        if expect_error(case, "error", &result) {
            return;
        }
        assert_eq!(result, Ok(()));
        assert_eq!(symbols, case.numbers::<u8>("symbols"));
        let mut encoder = RansEncoder::new();
        encoder.push_batch(&set, &contexts, &symbols).unwrap();
        let mut again = Vec::new();
        encoder.finish(lanes_of(case), &mut again);
        assert_eq!(again, payload);
    });
}

fn uniform_bits(case: &Case, payload: &[u8]) {
    let counts: Vec<u32> = case.numbers("counts");
    let values: Vec<u32> = case.numbers("values");
    let mut decoder = RansDecoder::new(payload, lanes_of(case)).unwrap();
    let found: Vec<u32> = counts.iter().map(|&count| decoder.bits(count)).collect();
    assert_eq!(found, values);
    assert_eq!(decoder.finish(), Ok(()));
    let mut encoder = RansEncoder::new();
    counts.iter().zip(&values).for_each(|(&count, &value)| encoder.push_bits(value, count));
    let mut again = Vec::new();
    encoder.finish(lanes_of(case), &mut again);
    assert_eq!(again, payload);
}

#[test]
fn stored_tables() {
    run_area("tables", |case| {
        let bytes = case.bytes("bytes");
        let mut reader = Reader::new(&bytes, "test");
        let set = CdfSet::read(&mut reader, &DecodeLimits::default());
        if !expect_error(case, "error", &set) {
            assert_eq!(set, Ok(tables_of(case)));
            assert_eq!(reader.expect_end(), Ok(()));
        }
    });
}

#[test]
fn frames() {
    run_area("frame", |case| {
        let bytes = case.bytes("bytes");
        let form = form_of(case);
        let limits = DecodeLimits::default();
        if case.get("error").is_some() {
            expect_error(case, "error", &Frame::parse(&bytes, form, &limits));
            return;
        }
        let prefix = Frame::parse_prefix(&bytes, form, &limits).unwrap();
        let whole = Frame::parse(&bytes, form, &limits);
        if !expect_error(case, "stopped", &whole) {
            assert_eq!(whole, Ok(prefix.frame));
        }
        check_fields(case, &prefix.frame);
    });
}

fn check_fields(case: &Case, frame: &Frame<'_>) {
    let header = frame.header();
    let mode = match header.mode {
        FrameMode::Lossy => "lossy",
        FrameMode::Lossless => "lossless",
        FrameMode::Raw => "raw",
    };
    let coder = match header.coder {
        Coder::Fast => "fast",
        Coder::High => "high",
    };
    assert_eq!((mode, coder), (case.text("mode"), case.text("coder")));
    assert_eq!(u64::from(header.rate_index), case.number("q"));
    assert_eq!(frame.layers(), case.byte_strings("layers"));
    let present =
        case.get("present").map_or(frame.announced_layers(), |text| text.parse().unwrap());
    assert_eq!(frame.layers().len(), present);
    if let Some(tensor) = header.tensor {
        assert_eq!(tensor.version.to_string(), case.text("version"));
        assert_eq!(tensor.element, element_of(case));
        assert_eq!(tensor.dims.as_slice(), case.numbers::<usize>("dims"));
        assert_eq!(tensor.profile.to_string(), case.text("profile"));
    }
}

#[test]
fn lossless_frames() {
    run_area("lossless", |case| {
        let bytes = case.bytes("bytes");
        let limits = DecodeLimits::default();
        let dims = Dims::new(&case.numbers::<usize>("dims")).unwrap();
        let elements = Frame::parse(&bytes, form_of(case), &limits)
            .and_then(|frame| decode_lossless(&frame, element_of(case), &dims, &limits));
        if !expect_error(case, "error", &elements) {
            assert_eq!(elements, Ok(case.bytes("elements")));
        }
    });
}
