//! Payloads of lossless frames, and tensors made of any bits.
#![no_main]

use aiflow_codec::bitstream::{Coder, Frame, FrameForm, FrameMode, write_frame};
use aiflow_codec::lossless::{decode_lossless, encode_lossless};
use aiflow_codec::tensor::{Dims, ElementType, TensorView};
use aiflow_fuzz::{byte, limits, session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut payload = data;
    let element = [ElementType::F32, ElementType::F16][usize::from(byte(&mut payload) & 1)];
    let count = usize::from(byte(&mut payload)) * 20;
    let dims = Dims::new(&[count]).unwrap();
    let mut bytes = Vec::new();
    write_frame(&session(FrameMode::Lossless, Coder::Fast, 0), &[payload], &mut bytes).unwrap();
    if let Ok(frame) = Frame::parse(&bytes, FrameForm::Session, &limits()) {
        match decode_lossless(&frame, element, &dims, &limits()) {
            Ok(elements) => assert_eq!(elements.len(), count * element.size()),
            Err(error) => assert!(error.offset <= bytes.len()),
        }
    }

    let (quads, _) = data.as_chunks::<4>();
    let values: Vec<f32> = quads.iter().map(|&quad| f32::from_le_bytes(quad)).collect();
    let dims = Dims::new(&[values.len()]).unwrap();
    let mut bytes = Vec::new();
    let tensor = TensorView::f32(&dims, &values).unwrap();
    encode_lossless(&tensor, FrameForm::Session, &mut bytes).unwrap();
    if let Ok(frame) = Frame::parse(&bytes, FrameForm::Session, &limits()) {
        let elements = decode_lossless(&frame, ElementType::F32, &dims, &limits()).unwrap();
        assert_eq!(elements, quads.as_flattened());
    }
});
