//! Layers of levels: any payload in a valid container, decoded with a learned profile.
#![no_main]

use aiflow_codec::bitstream::{Coder, FrameMode, write_frame};
use aiflow_codec::Decoder;
use aiflow_codec::tensor::{Dims, ElementType};
use aiflow_fuzz::{SHAPE, byte, limits, parts, profile, session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let dims = Dims::new(&SHAPE).unwrap();
    let mut contained = Decoder::new(profile(), limits());
    let mut out = Vec::new();
    if let Err(error) = contained.decode(data, &mut out) {
        assert!(error.offset <= data.len());
    }

    let mut rest = data;
    let choice = byte(&mut rest);
    let coder = if choice & 8 == 0 { Coder::Fast } else { Coder::High };
    let header = session(FrameMode::Lossy, coder, byte(&mut rest));
    let layers = parts(rest, usize::from(choice & 7) + 1);
    let mut bytes = Vec::new();
    write_frame(&header, &layers, &mut bytes).unwrap();

    let mut decoder = Decoder::new(profile(), limits()).with_session(dims, ElementType::F32);
    let mut integers = Vec::new();
    let whole = decoder.decode(&bytes, &mut out);
    match whole {
        Ok(info) => {
            assert_eq!((out.len(), info.bytes), (dims.elements(), bytes.len()));
            assert!(out.iter().all(|value| value.is_finite()));
        }
        Err(error) => assert!(error.offset <= bytes.len()),
    }
    assert_eq!(decoder.decode_integers(&bytes, &mut integers).is_ok(), whole.is_ok());
    let cut = bytes.len() * usize::from(choice) / 256;
    if let Ok(info) = decoder.decode_prefix(&bytes[..cut], &mut out) {
        assert_eq!((out.len(), info.mode), (dims.elements(), FrameMode::Lossy));
    }
});
