//! Writes the seeds of the corpus, so that the fuzzer starts from inputs that are accepted.

use std::io;
use std::path::Path;

use aiflow_codec::bitstream::{Coder, Frame, FrameForm, FrameMode, write_frame};
use aiflow_codec::lossless::encode_lossless;
use aiflow_codec::rans::{CdfSet, CdfTable, Lanes, RansEncoder};
use aiflow_codec::tensor::{Dims, TensorView};
use aiflow_codec::{Effort, Encoder, EncoderConfig, Profile, RateTarget};
use aiflow_fuzz::{SHAPE, features, limits, profile, sealed_profile, session};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let write = |target: &str, name: &str, bytes: &[u8]| -> io::Result<()> {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)
    };
    for form in [FrameForm::Session, FrameForm::SelfContained] {
        let name = if form == FrameForm::Session { "session" } else { "contained" };
        for (effort, label) in [(Effort::Fast, "fast"), (Effort::High, "high")] {
            let bytes = lossy(form, effort, 1);
            write("frame_decode", &format!("{name}-{label}"), &bytes)?;
            write("frame_parse", &format!("{name}-{label}"), &bytes)?;
        }
    }
    for (effort, layers, coder) in
        [(Effort::Fast, 1, 0), (Effort::High, 1, 8), (Effort::High, 3, 8)]
    {
        let bytes = lossy(FrameForm::Session, effort, layers);
        let content = content_of(&bytes, coder);
        write("frame_decode", &format!("content-seed-{coder}-{layers}"), &content)?;
    }
    let bytes = profile().to_bytes();
    let content = &bytes[5..bytes.len() - 4];
    assert_eq!(sealed_profile(content), bytes, "the seed is what the target builds");
    Profile::from_bytes(&bytes, &limits()).expect("the limits admit the profile");
    write("profile_decode", "small-profile", content)?;
    write("rans_table", "three-tables", &tables_and_payload())?;
    write("lossless_decode", "sparse", &lossless_payload())?;
    write("netsim_trace", "opportunities", b"# a drive\n0\n3\n3\n7\n20\n")?;
    write("netsim_trace", "rates", b"0.0\t2.521\n0.81 0\r\n1.28000020981 2.8631\n")?;
    write("netsim_link", "trace-with-everything", &link_and_calls(0b1111_1110))?;
    write("netsim_link", "constant", &link_and_calls(0b0000_0001))?;
    Ok(())
}

fn lossy(form: FrameForm, effort: Effort, layers: u8) -> Vec<u8> {
    let config = EncoderConfig::default().with_effort(effort).with_form(form).with_layers(layers);
    let mut encoder = Encoder::new(profile(), config);
    let dims = Dims::new(&SHAPE).expect("a small shape");
    let features = features(24);
    let sum = |feature: &&Vec<f32>| feature.iter().sum::<f32>();
    let feature = features.iter().max_by(|a, b| sum(a).total_cmp(&sum(b))).expect("24 features");
    let tensor = TensorView::f32(&dims, feature).expect("the shape of the features");
    let rate = profile().rates().next().expect("a profile has rates");
    let mut bytes = Vec::new();
    encoder.encode(&tensor, RateTarget::Index(rate), &mut bytes).expect("a finite tensor");
    bytes
}

/// The layers of a session frame as the `frame_decode` target takes them apart.
fn content_of(bytes: &[u8], coder: u8) -> Vec<u8> {
    let frame = Frame::parse(bytes, FrameForm::Session, &limits()).expect("a whole frame");
    let layers = frame.layers();
    let mut content = vec![coder | (layers.len() as u8 - 1), frame.header().rate_index];
    for (index, layer) in layers.iter().enumerate() {
        if index + 1 < layers.len() {
            content.push(layer.len() as u8);
        }
        content.extend_from_slice(layer);
    }
    content
}

fn tables_and_payload() -> Vec<u8> {
    let tables = [&[9, 4, 2, 1][..], &[1; 16], &[1000, 1]];
    let tables = tables.map(|counts| CdfTable::from_counts(counts).expect("a few counts"));
    let set = CdfSet::new(tables.into()).expect("three tables");
    let mut bytes = Vec::new();
    set.write(&mut bytes);
    let mut encoder = RansEncoder::new();
    let contexts: Vec<u16> = (0..200).map(|index| index * 7 % 3).collect();
    let symbols: Vec<u8> = (0..200).map(|index| u8::from(index % 5 == 0)).collect();
    encoder.push_batch(&set, &contexts, &symbols).expect("symbols of the tables");
    encoder.finish(Lanes::One, &mut bytes);
    bytes
}

/// A link with the impairments of `choice`, and calls that send bursts and then wait.
fn link_and_calls(choice: u8) -> Vec<u8> {
    let parameters = [choice, 40, 20, 30, 20, 100, 10, 60, 3, 9];
    let calls = (0..60).flat_map(|call: u8| [call % 7 * 36, call.wrapping_mul(41)]);
    parameters.into_iter().chain(calls).collect()
}

fn lossless_payload() -> Vec<u8> {
    let values: Vec<f32> = (0..200).map(|i| if i % 3 == 0 { i as f32 } else { 0.0 }).collect();
    let dims = Dims::new(&[values.len()]).expect("a small shape");
    let tensor = TensorView::f32(&dims, &values).expect("the shape of the values");
    let mut bytes = Vec::new();
    encode_lossless(&tensor, FrameForm::Session, &mut bytes).expect("a small tensor");
    let frame = Frame::parse(&bytes, FrameForm::Session, &limits()).expect("a whole frame");
    let mut checked = Vec::new();
    let header = session(FrameMode::Lossless, Coder::Fast, 0);
    write_frame(&header, frame.layers(), &mut checked).expect("one layer");
    assert_eq!(checked, bytes, "the seed is what the target builds");
    [&[0, 10], frame.layers()[0]].concat()
}
