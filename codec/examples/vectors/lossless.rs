//! Vectors of raw and lossless frames.

use aiflow_codec::bitstream::{Coder, Frame, FrameForm, FrameHeader, FrameMode};
use aiflow_codec::limits::DecodeLimits;
use aiflow_codec::lossless::{decode_lossless, encode_lossless};
use aiflow_codec::tensor::{Dims, ElementType, TensorView};
use half::{bf16, f16};

use crate::container::{form_name, written};
use crate::text::{list, numbers, refused};
use crate::vector_file::{Case, to_hex};

fn lossless_case(name: &str, form: FrameForm, tensor: &TensorView<'_>, raw: &[u8]) -> Case {
    let mut bytes = Vec::new();
    let mode = encode_lossless(tensor, form, &mut bytes).expect("a small tensor");
    Case::new(&format!("{name} ({})", mode.name()))
        .with("form", form_name(form))
        .with("type", tensor.element().name())
        .with("dims", list(tensor.dims().as_slice()))
        .with("bytes", to_hex(&bytes))
        .with("elements", to_hex(raw))
}

pub(crate) fn lossless() -> Vec<Case> {
    let mut next = numbers(3);
    let mut sparse = |count: usize| -> Vec<f32> {
        (0..count).map(|_| (next() % 4096) as f32 / 1024.0 - 2.5).map(|v| v.max(0.0)).collect()
    };
    let special = [0x7fc0_0001, 0xffc1_2345, 0x7f80_0000, 0xff80_0000, 0x8000_0000_u32, 0, 1];
    let f32_cases = [
        ("empty", vec![0, 4], vec![]),
        ("a scalar", vec![], vec![1.5]),
        ("special values", vec![7, 12], special.map(f32::from_bits).repeat(12)),
        ("zeros", vec![100], vec![0.0; 100]),
        ("sparse", vec![4, 8, 8], sparse(256)),
        (
            "a line of bit patterns",
            vec![200],
            (0..200).map(|i| f32::from_bits(0x3f80_0000 + 3 * i)).collect(),
        ),
    ];
    let mut cases = Vec::new();
    for (name, sizes, values) in f32_cases {
        let dims = Dims::new(&sizes).expect("a small shape");
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = TensorView::f32(&dims, &values).expect("the shape of the values");
        for form in [FrameForm::Session, FrameForm::SelfContained] {
            let name = format!("f32, {}, {name}", form_name(form));
            cases.push(lossless_case(&name, form, &tensor, &raw));
        }
    }
    let values = sparse(2600);
    let dims = Dims::new(&[2600]).expect("a small shape");
    let halves: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
    let raw: Vec<u8> = halves.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = TensorView::f16(&dims, &halves).expect("the shape of the values");
    cases.push(lossless_case("f16, sparse", FrameForm::Session, &tensor, &raw));
    let brains: Vec<bf16> = values.iter().map(|&value| bf16::from_f32(value)).collect();
    let raw: Vec<u8> = brains.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = TensorView::bf16(&dims, &brains).expect("the shape of the values");
    cases.push(lossless_case("bf16, sparse", FrameForm::Session, &tensor, &raw));
    cases
}

pub(crate) fn lossless_errors() -> Vec<Case> {
    let header = |mode| FrameHeader { mode, coder: Coder::Fast, rate_index: 0, tensor: None };
    let dims = Dims::new(&[6]).expect("a small shape");
    // Two planes of f16: constant zero, then two tables of one certain symbol each.
    let coded = [0, 1, 0, 2, 2, 0x00, 0x00, 0x00, 0x00, 0];
    let payloads: [(&str, FrameMode, &[u8]); 10] = [
        ("a raw layer that is too short", FrameMode::Raw, &[0; 11]),
        ("a raw layer that is too long", FrameMode::Raw, &[0; 13]),
        ("an empty layer", FrameMode::Lossless, &[]),
        ("predictor 3", FrameMode::Lossless, &[3, 1, 0, 1, 0]),
        ("form 3", FrameMode::Lossless, &[0, 3, 0, 1, 0]),
        ("lanes of a constant plane", FrameMode::Lossless, &[0, 5, 0, 1, 0]),
        ("a stored plane that is too short", FrameMode::Lossless, &[0, 1, 0, 0, 1, 2, 3]),
        ("a byte follows", FrameMode::Lossless, &[0, 1, 0, 1, 0, 9]),
        ("a coded plane without tables", FrameMode::Lossless, &[0, 1, 0, 2, 0, 0]),
        ("a coded plane without its payload", FrameMode::Lossless, &coded[..9]),
    ];
    let lossy = ("a lossy frame", FrameMode::Lossy, &[0; 12][..]);
    payloads
        .into_iter()
        .chain([lossy])
        .map(|(name, mode, payload)| {
            let bytes = written(&header(mode), &[payload]);
            let limits = DecodeLimits::default();
            let result = Frame::parse(&bytes, FrameForm::Session, &limits)
                .and_then(|frame| decode_lossless(&frame, ElementType::F16, &dims, &limits));
            let case = Case::new(name)
                .with("form", "session")
                .with("type", "f16")
                .with("dims", "6")
                .with("bytes", to_hex(&bytes));
            refused(case, "error", result)
        })
        .collect()
}
