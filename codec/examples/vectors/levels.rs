//! Vectors of profiles and lossy frames.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use aiflow_codec::bitstream::{
    Frame, FrameForm, FrameHeader, ProfileTag, TensorHeader, write_frame,
};
use aiflow_codec::{
    DecodeLimits, Decoder, Dims, Effort, ElementType, Encoder, EncoderConfig, Profile, RateTarget,
    TensorView,
};

use crate::container::form_name;
use crate::sample::{features, learned, smooth_features, sparse_features};
use crate::text::{list, refused};
use crate::vector_file::{Case, folder, to_hex};

type Features = fn() -> Vec<Vec<f32>>;

/// The profiles of the vectors: file name, shape and features.
const PROFILES: [(&str, &[usize], Features); 4] = [
    ("0.1_map.afp", &[1, 4, 4, 4], features),
    ("0.1_tokens.afp", &[1, 16, 4], features),
    ("0.1_sparse.afp", &[1, 4, 4, 4], sparse_features),
    ("0.1_restored.afp", &[1, 1, 8, 8], smooth_features),
];

fn path_of(file: &str) -> PathBuf {
    folder().join("profile").join(file)
}

/// Learns and writes the profiles that are missing.
pub(crate) fn write_profiles() -> io::Result<()> {
    std::fs::create_dir_all(folder().join("profile"))?;
    for (file, sizes, features) in PROFILES {
        if !path_of(file).exists() {
            let dims = Dims::new(sizes).expect("a small shape");
            std::fs::write(path_of(file), learned(&dims, &features()).to_bytes())?;
        }
    }
    Ok(())
}

fn load(file: &str) -> Arc<Profile> {
    let bytes = std::fs::read(path_of(file)).expect("the profile was written before");
    Arc::new(Profile::from_bytes(&bytes, &DecodeLimits::default()).expect("the present format"))
}

pub(crate) fn profiles() -> Vec<Case> {
    let mut cases = Vec::new();
    for (file, _, _) in PROFILES {
        let profile = load(file);
        cases.push(
            Case::new(file)
                .with("file", file)
                .with("sha256", profile.id())
                .with("dims", list(profile.dims().as_slice()))
                .with("rates", list(profile.rates().map(|rate| rate.get()))),
        );
        let bytes = profile.to_bytes();
        let mut damaged = |name: &str, key: &str, value: usize, bytes: &[u8]| {
            let case = Case::new(&format!("{file}: {name}")).with("file", file).with(key, value);
            let result = Profile::from_bytes(bytes, &DecodeLimits::default());
            cases.push(refused(case, "error", result));
        };
        for cut in [0, 3, 4, 8, bytes.len() / 2, bytes.len() - 1] {
            damaged(&format!("cut at {cut}"), "cut", cut, &bytes[..cut]);
        }
        for (name, bit) in [
            ("magic", 0),
            ("major version", 39),
            ("content", 400),
            ("checksum", bytes.len() * 8 - 1),
        ] {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            damaged(&format!("a bit of the {name} is flipped"), "flip", bit, &bytes);
        }
    }
    cases
}

/// One kind of frame.
struct Kind {
    form: FrameForm,
    effort: Effort,
    layers: u8,
    /// Which of the profile's rates.
    rate: usize,
}

fn encoded(profile: &Arc<Profile>, kind: &Kind, feature: &[f32]) -> Vec<u8> {
    let config = EncoderConfig::default()
        .with_effort(kind.effort)
        .with_layers(kind.layers)
        .with_form(kind.form);
    let rate = profile.rates().nth(kind.rate).expect("a profile has several rates");
    let tensor = TensorView::f32(profile.dims(), feature).expect("the shape of the profile");
    let mut bytes = Vec::new();
    Encoder::new(Arc::clone(profile), config)
        .encode(&tensor, RateTarget::Index(rate), &mut bytes)
        .expect("a finite feature");
    bytes
}

fn decoder(profile: &Arc<Profile>, form: FrameForm) -> Decoder {
    let decoder = Decoder::new(Arc::clone(profile), DecodeLimits::default());
    match form {
        FrameForm::Session => decoder.with_session(*profile.dims(), ElementType::F32),
        FrameForm::SelfContained => decoder,
    }
}

fn inputs(name: &str, file: &str, profile: &Profile, form: FrameForm, bytes: &[u8]) -> Case {
    Case::new(name)
        .with("file", file)
        .with("form", form_name(form))
        .with("dims", list(profile.dims().as_slice()))
        .with("bytes", to_hex(bytes))
}

/// A case with what the bytes decode to.
fn decoded(name: &str, file: &str, form: FrameForm, bytes: &[u8]) -> Case {
    let profile = load(file);
    let mut decoder = decoder(&profile, form);
    let mut values = Vec::new();
    let info = decoder.decode_prefix(bytes, &mut values).expect("layer 0 is whole");
    let case = inputs(name, file, &profile, form, bytes)
        .with("present", info.layers)
        .with("values", list(&values));
    let mut integers = Vec::new();
    match decoder.decode_integers(bytes, &mut integers) {
        Ok(_) => case.with("integers", list(&integers)),
        Err(_) => case,
    }
}

pub(crate) fn levels() -> Vec<Case> {
    let sum = |feature: &Vec<f32>| feature.iter().sum::<f32>();
    let mut cases = Vec::new();
    for (file, _, features) in PROFILES {
        let profile = load(file);
        let mut features = features();
        features.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
        for (index, feature) in features.iter().take(2).enumerate() {
            for form in [FrameForm::Session, FrameForm::SelfContained] {
                for (effort, layers, rate) in [
                    (Effort::Fast, 1, 0),
                    (Effort::High, 1, 0),
                    (Effort::High, 1, 2),
                    (Effort::High, 3, 0),
                ] {
                    let kind = Kind { form, effort, layers, rate };
                    let bytes = encoded(&profile, &kind, feature);
                    let name = format!(
                        "{file}: feature {index}, {}, {effort:?}, {layers} layers, rate {rate}",
                        form_name(form)
                    );
                    cases.push(decoded(&name, file, form, &bytes));
                    if layers == 3 {
                        let frame = Frame::parse(&bytes, form, &DecodeLimits::default())
                            .expect("a whole frame");
                        let cut =
                            bytes.len() - frame.layers().last().map_or(0, |layer| layer.len());
                        cases.push(decoded(&format!("{name}, cut"), file, form, &bytes[..cut]));
                    }
                }
            }
        }
    }
    cases
}

pub(crate) fn level_errors() -> Vec<Case> {
    let (file, _, _) = PROFILES[0];
    let profile = load(file);
    let feature = vec![1.0; profile.dims().elements()];
    let form = FrameForm::SelfContained;
    let kind = Kind { form, effort: Effort::High, layers: 1, rate: 0 };
    let bytes = encoded(&profile, &kind, &feature);
    let frame = Frame::parse(&bytes, form, &DecodeLimits::default()).expect("a whole frame");
    let tensor = frame.header().tensor.expect("a self-contained header");
    let rewritten = |tensor: TensorHeader, rate_index: u8, layers: &[&[u8]]| {
        let header = FrameHeader { tensor: Some(tensor), rate_index, ..*frame.header() };
        let mut bytes = Vec::new();
        write_frame(&header, layers, &mut bytes).expect("a consistent header");
        bytes
    };
    let shape =
        |sizes: &[usize]| TensorHeader { dims: Dims::new(sizes).expect("countable"), ..tensor };
    let q = frame.header().rate_index;
    let layers = frame.layers();
    let longer = [layers[0], &[1, 2, 3, 4, 5]].concat();
    let cases = [
        (
            "another profile",
            rewritten(TensorHeader { profile: ProfileTag([7; 8]), ..tensor }, q, layers),
        ),
        ("other channels", rewritten(shape(&[1, 5, 4, 4]), q, layers)),
        ("another layout", rewritten(shape(&[4]), q, layers)),
        ("too many elements", rewritten(shape(&[1, 4, 1 << 14, 1 << 14]), q, layers)),
        ("a rate index above 63", rewritten(tensor, 64, layers)),
        ("bytes after the last symbol", rewritten(tensor, q, &[&longer])),
        ("a payload that starts with zero", rewritten(tensor, q, &[&[0, 1]])),
    ];
    cases
        .into_iter()
        .map(|(name, bytes)| {
            let result = decoder(&profile, form).decode_prefix(&bytes, &mut Vec::new());
            refused(inputs(name, file, &profile, form, &bytes), "error", result)
        })
        .collect()
}

/// A flat map of which four lanes take fewer bytes than the 2,048 that mean four lanes, one lane more.
pub(crate) fn filled() -> Vec<Case> {
    let (file, form) = ("0.1_restored.afp", FrameForm::SelfContained);
    let profile = load(file);
    let dims = Dims::new(&[1, 1, 38, 200]).expect("a small shape");
    let mut feature = vec![0.0; dims.elements()];
    feature[dims.elements() - 1] = 3.0;
    let tensor = TensorView::f32(&dims, &feature).expect("the shape");
    let rate = profile.rates().find(|rate| rate.get() == 11).expect("a rate of the profile");
    let config = EncoderConfig::default().with_effort(Effort::High).with_form(form);
    let mut bytes = Vec::new();
    Encoder::new(Arc::clone(&profile), config)
        .encode(&tensor, RateTarget::Index(rate), &mut bytes)
        .expect("a finite feature");
    let frame = Frame::parse(&bytes, form, &DecodeLimits::default()).expect("a whole frame");
    let payload = frame.layers()[0];
    assert!(payload.len() == 2048 && payload.ends_with(&[0; 4]), "no frame for this vector");
    let rewritten = |payload: &[u8]| {
        let mut bytes = Vec::new();
        write_frame(frame.header(), &[payload], &mut bytes).expect("a consistent header");
        bytes
    };
    let other = [&payload[..2047], &[1]].concat();
    let longer = [payload, &[0; 2]].concat();
    let mut cases = vec![decoded("words 0 behind the last symbol", file, form, &bytes)];
    for (name, payload) in [("another word than 0", other), ("words 0 in 2,050 bytes", longer)] {
        let bytes = rewritten(&payload);
        let result = decoder(&profile, form).decode_prefix(&bytes, &mut Vec::new());
        cases.push(refused(inputs(name, file, &profile, form, &bytes), "error", result));
    }
    cases
}
