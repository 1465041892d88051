//! Runs the frozen vectors of profiles and of lossy frames.

use std::sync::Arc;

use aiflow_codec::bitstream::FrameForm;
use aiflow_codec::{DecodeLimits, Decoder, Dims, ElementType, Profile};

use crate::vector_file::{Case, folder};
use crate::vectors::{expect_error, form_of, run_area};

/// The profile file of a case, cut or changed where the case says so.
fn profile_bytes(case: &Case) -> Vec<u8> {
    let path = folder().join("profile").join(case.text("file"));
    let mut bytes = std::fs::read(path).expect("the profile of the case");
    if case.get("cut").is_some() {
        bytes.truncate(case.number("cut") as usize);
    }
    if case.get("flip").is_some() {
        let bit = case.number("flip") as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    bytes
}

fn profile_of(case: &Case) -> Arc<Profile> {
    let limits = DecodeLimits::default();
    Arc::new(Profile::from_bytes(&profile_bytes(case), &limits).expect("a whole profile"))
}

#[test]
fn profiles() {
    run_area("profile", |case| {
        let bytes = profile_bytes(case);
        let profile = Profile::from_bytes(&bytes, &DecodeLimits::default());
        if expect_error(case, "error", &profile) {
            return;
        }
        let profile = profile.unwrap();
        assert_eq!(profile.id().to_string(), case.text("sha256"));
        assert_eq!(profile.dims().as_slice(), case.numbers::<usize>("dims"));
        let rates: Vec<u8> = profile.rates().map(|rate| rate.get()).collect();
        assert_eq!(rates, case.numbers::<u8>("rates"));
        assert_eq!(profile.to_bytes(), bytes, "a profile is stored in one way only");
    });
}

#[test]
fn lossy_frames() {
    run_area("levels", |case| {
        let bytes = case.bytes("bytes");
        let mut decoder = Decoder::new(profile_of(case), DecodeLimits::default());
        if form_of(case) == FrameForm::Session {
            let dims = Dims::new(&case.numbers::<usize>("dims")).unwrap();
            decoder = decoder.with_session(dims, ElementType::F32);
        }
        let mut values = Vec::new();
        let info = decoder.decode_prefix(&bytes, &mut values);
        if expect_error(case, "error", &info) {
            return;
        }
        let info = info.unwrap();
        assert_eq!(u64::from(info.layers), case.number("present"));
        check_values(case, &values);
        if case.get("integers").is_some() {
            let mut integers = Vec::new();
            decoder.decode_integers(&bytes, &mut integers).unwrap();
            assert_eq!(integers, case.numbers::<i32>("integers"));
        }
    });
}

/// Section 10 allows an error of 1e-4 of the largest magnitude.
fn check_values(case: &Case, values: &[f32]) {
    let expected: Vec<f32> = case.numbers("values");
    assert_eq!(values.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (index, (value, expected)) in values.iter().zip(&expected).enumerate() {
        let error = (value - expected).abs();
        assert!(error <= 1e-4 * largest, "value {index} is {value}, not {expected}");
    }
}
