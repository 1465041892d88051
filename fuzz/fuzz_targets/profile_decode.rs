//! Profiles: any content behind a valid checksum; what is accepted must also decode frames safely.
#![no_main]

use std::sync::Arc;

use aiflow_codec::bitstream::{Coder, FrameMode, write_frame};
use aiflow_codec::Decoder;
use aiflow_codec::Profile;
use aiflow_codec::tensor::ElementType;
use aiflow_fuzz::{limits, sealed_profile, session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = Profile::from_bytes(data, &limits()) {
        assert!(error.offset <= data.len());
    }
    let sealed = sealed_profile(data);
    let profile = match Profile::from_bytes(&sealed, &limits()) {
        Ok(profile) => Arc::new(profile),
        Err(error) => return assert!(error.offset <= sealed.len()),
    };
    let again = Profile::from_bytes(&profile.to_bytes(), &limits()).unwrap();
    assert_eq!(again.to_bytes(), profile.to_bytes());

    let payload = &data[data.len() - data.len().min(64)..];
    let mut decoder = Decoder::new(Arc::clone(&profile), limits())
        .with_session(*profile.dims(), ElementType::F32);
    let rates: Vec<u8> = profile.rates().map(|rate| rate.get()).collect();
    for coder in [Coder::Fast, Coder::High] {
        for &rate in rates.iter().take(2) {
            let mut bytes = Vec::new();
            let header = session(FrameMode::Lossy, coder, rate);
            write_frame(&header, &[payload], &mut bytes).unwrap();
            let mut out = Vec::new();
            if decoder.decode(&bytes, &mut out).is_ok() {
                assert_eq!(out.len(), profile.dims().elements());
            }
        }
    }
});
