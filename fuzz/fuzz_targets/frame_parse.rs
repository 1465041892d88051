//! Frames of both forms: any bytes, and any layers in a valid container.
#![no_main]

use aiflow_codec::bitstream::{
    Coder, Frame, FrameForm, FrameMode, ProfileTag, TensorHeader, Version, inspect, write_frame,
};
use aiflow_codec::tensor::{Dims, ElementType};
use aiflow_fuzz::{byte, limits, parts, session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for form in [FrameForm::Session, FrameForm::SelfContained] {
        match Frame::parse_prefix(data, form, &limits()) {
            Err(error) => assert!(error.offset <= data.len()),
            Ok(prefix) if prefix.stopped.is_none() => {
                let mut again = Vec::new();
                write_frame(prefix.frame.header(), prefix.frame.layers(), &mut again).unwrap();
                assert_eq!(again, data, "a frame has one form only");
            }
            Ok(prefix) => assert!(!prefix.frame.layers().is_empty()),
        }
    }
    let read: usize = inspect(data, &limits()).rows.iter().map(|row| row.length).sum();
    assert!(read <= data.len());

    let mut data = data;
    let choice = byte(&mut data);
    let mut header = session(FrameMode::Lossy, Coder::High, byte(&mut data));
    if choice & 8 != 0 {
        let sizes: Vec<usize> = (0..choice >> 5).map(|_| byte(&mut data) as usize % 4).collect();
        header.tensor = Some(TensorHeader {
            version: Version::CURRENT,
            element: ElementType::F16,
            dims: Dims::new(&sizes).unwrap(),
            profile: ProfileTag([choice; 8]),
        });
    }
    let layers = parts(data, usize::from(choice & 7) + 1);
    let mut bytes = Vec::new();
    write_frame(&header, &layers, &mut bytes).unwrap();
    if bytes.len() <= limits().max_frame_bytes() {
        let frame = Frame::parse(&bytes, header.form(), &limits()).unwrap();
        assert_eq!((frame.header(), frame.layers()), (&header, layers.as_slice()));
    }
});
