//! Vectors of frames.

use aiflow_codec::bitstream::{
    Coder, Frame, FrameForm, FrameHeader, FrameMode, ProfileTag, TensorHeader, Version, write_frame,
};
use aiflow_codec::limits::DecodeLimits;
use aiflow_codec::tensor::{Dims, ElementType};

use crate::text::{list, refused};
use crate::vector_file::{Case, to_hex};

fn tensor_header(sizes: &[usize], element: ElementType) -> TensorHeader {
    TensorHeader {
        version: Version::CURRENT,
        element,
        dims: Dims::new(sizes).expect("a small shape"),
        profile: ProfileTag([0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe]),
    }
}

fn lossy(coder: Coder, rate_index: u8, tensor: Option<TensorHeader>) -> FrameHeader {
    FrameHeader { mode: FrameMode::Lossy, coder, rate_index, tensor }
}

pub(crate) fn written(header: &FrameHeader, layers: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(header, layers, &mut bytes).expect("a consistent header");
    bytes
}

pub(crate) fn form_name(form: FrameForm) -> &'static str {
    match form {
        FrameForm::Session => "session",
        FrameForm::SelfContained => "self-contained",
    }
}

/// A case with all fields of a frame, of which `layers` are present.
fn fields(name: &str, header: &FrameHeader, layers: &[&[u8]], bytes: &[u8]) -> Case {
    let case = Case::new(name)
        .with("form", form_name(header.form()))
        .with("bytes", to_hex(bytes))
        .with("mode", header.mode.name())
        .with("coder", header.coder.name())
        .with("q", header.rate_index)
        .with("layers", list(layers.iter().map(|layer| to_hex(layer))));
    let Some(tensor) = header.tensor else { return case };
    case.with("version", tensor.version)
        .with("type", tensor.element.name())
        .with("dims", list(tensor.dims.as_slice()))
        .with("profile", tensor.profile)
}

pub(crate) fn frames() -> Vec<Case> {
    let other = |mode, tensor| FrameHeader { mode, coder: Coder::Fast, rate_index: 0, tensor };
    let no_profile = TensorHeader {
        profile: ProfileTag::NONE,
        version: Version { minor: 15, ..Version::CURRENT },
        ..tensor_header(&[2], ElementType::F16)
    };
    let cases: Vec<(&str, FrameHeader, &[&[u8]])> = vec![
        ("session, one layer", lossy(Coder::Fast, 40, None), &[&[1, 2, 3]]),
        ("session, an empty layer", lossy(Coder::High, 255, None), &[&[]]),
        ("session, four layers", lossy(Coder::High, 7, None), &[&[9; 3], &[8], &[], &[7; 130]]),
        ("session, raw", other(FrameMode::Raw, None), &[&[0, 0, 0x80, 0x3f]]),
        (
            "self-contained, one layer",
            lossy(Coder::High, 12, Some(tensor_header(&[64, 8, 8], ElementType::F32))),
            &[&[1, 2, 3]],
        ),
        (
            "self-contained, eight layers, a scalar",
            lossy(Coder::Fast, 0, Some(tensor_header(&[], ElementType::Bf16))),
            &[&[1], &[2], &[3], &[4], &[5], &[6], &[7], &[8]],
        ),
        (
            "self-contained, eight dimensions, one of them 0",
            lossy(
                Coder::Fast,
                1,
                Some(tensor_header(&[300, 1, 2, 3, 4, 5, 6, 0], ElementType::F16)),
            ),
            &[&[5]],
        ),
        (
            "self-contained, raw, a newer minor version",
            other(FrameMode::Raw, Some(no_profile)),
            &[&[0, 0x3c, 0, 0xfc]],
        ),
    ];
    cases
        .into_iter()
        .map(|(name, header, layers)| fields(name, &header, layers, &written(&header, layers)))
        .collect()
}

pub(crate) fn prefixes() -> Vec<Case> {
    let layers: [&[u8]; 3] = [&[1, 2, 3], &[4, 5], &[6, 7, 8, 9]];
    let tensor = tensor_header(&[3, 3], ElementType::F32);
    let mut cases = Vec::new();
    for header in [lossy(Coder::High, 20, None), lossy(Coder::High, 20, Some(tensor))] {
        let bytes = written(&header, &layers);
        let ends = [bytes.len() - 6, bytes.len() - 4, bytes.len()];
        let mut add = |name: &str, bytes: &[u8], present: usize| {
            let name = format!("{}, {name}", form_name(header.form()));
            let case = fields(&name, &header, &layers[..present], bytes).with("present", present);
            let result = Frame::parse(bytes, header.form(), &DecodeLimits::default());
            cases.push(refused(case, "stopped", result));
        };
        add("cut after the first layer", &bytes[..ends[0]], 1);
        add("cut inside the second layer", &bytes[..ends[0] + 1], 1);
        add("cut after the second layer", &bytes[..ends[1]], 2);
        add("cut inside the last layer", &bytes[..ends[2] - 1], 2);
        let mut damaged = bytes.clone();
        damaged[ends[0]] ^= 0x40;
        add("a bit of the second layer is flipped", &damaged, 1);
    }
    cases
}

pub(crate) fn frame_errors() -> Vec<Case> {
    let session = written(&lossy(Coder::Fast, 40, None), &[&[1, 2, 3], &[4]]);
    let tensor = tensor_header(&[64, 8, 8], ElementType::F32);
    let contained = written(&lossy(Coder::High, 12, Some(tensor)), &[&[1, 2, 3]]);
    let changed = |bytes: &[u8], at: usize, value: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = value;
        bytes
    };
    let huge = |at: usize| {
        let mut bytes = contained.clone();
        bytes.splice(at..at + 1, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        bytes
    };
    let cases = [
        (FrameForm::Session, "nothing", vec![]),
        (FrameForm::Session, "the top bit is set", changed(&session, 0, 0x81)),
        (FrameForm::Session, "mode 3", changed(&session, 0, 0x60)),
        (FrameForm::Session, "coder 2", changed(&session, 0, 0x11)),
        (FrameForm::Session, "a lossless frame with a coder", changed(&session, 0, 0x28)),
        (FrameForm::Session, "a raw frame with a rate index", changed(&session, 0, 0x40)),
        (FrameForm::Session, "q is changed", changed(&session, 1, 41)),
        (FrameForm::Session, "a checksum is changed", changed(&session, 3, 0)),
        (FrameForm::Session, "cut inside the checksums", session[..8].to_vec()),
        (FrameForm::Session, "cut inside the first layer", session[..12].to_vec()),
        (FrameForm::SelfContained, "another first byte", changed(&contained, 0, 0xae)),
        (FrameForm::SelfContained, "major version 1", changed(&contained, 1, 0x10)),
        (FrameForm::SelfContained, "element type 3", changed(&contained, 3, 0x33)),
        (FrameForm::SelfContained, "nine dimensions", changed(&contained, 3, 0x09)),
        (FrameForm::SelfContained, "a profile byte is changed", changed(&contained, 4, 0)),
        (FrameForm::SelfContained, "a lossless frame with a profile", changed(&contained, 2, 0x20)),
        (FrameForm::SelfContained, "too many elements", huge(12)),
        (FrameForm::SelfContained, "a layer longer than the frame", huge(16)),
        (FrameForm::SelfContained, "a byte follows", [contained.as_slice(), &[0]].concat()),
    ];
    cases
        .into_iter()
        .map(|(form, name, bytes)| {
            let case = Case::new(&format!("{}: {name}", form_name(form)))
                .with("form", form_name(form))
                .with("bytes", to_hex(&bytes));
            refused(case, "error", Frame::parse(&bytes, form, &DecodeLimits::default()))
        })
        .collect()
}
