use std::fs;

use prost::Message as _;
use prost::bytes::Bytes;

use super::proto::{ModelProto, StringStringEntryProto, TensorProto};
use super::{ModelError, ModelFile};
use crate::digest::Digest;
use crate::fixtures;
use crate::graph::Graph;

fn small() -> Vec<u8> {
    fixtures::small_cnn()
}

/// Parses, changes and writes a model.
fn changed(bytes: &[u8], change: impl FnOnce(&mut ModelProto)) -> Vec<u8> {
    let mut proto = ModelProto::decode(bytes).expect("a fixture can be parsed");
    change(&mut proto);
    proto.encode_to_vec()
}

fn with_weight(change: impl FnOnce(&mut TensorProto)) -> Result<ModelFile, ModelError> {
    ModelFile::from_bytes(changed(&small(), |proto| {
        let graph = proto.graph.as_mut().expect("the fixture has a graph");
        change(&mut graph.initializer[0]);
    }))
}

#[test]
fn a_model_is_named_by_its_content() {
    let model = ModelFile::from_bytes(small()).expect("the fixture is a model");
    assert_eq!(*model.id().digest(), Digest::of(&small()));
    let other = with_weight(|weight| {
        let mut raw = weight.raw_data.take().expect("weights are raw").to_vec();
        raw[0] ^= 1;
        weight.raw_data = Some(Bytes::from(raw));
    });
    assert_ne!(other.expect("still a model").id(), model.id());
}

#[test]
fn weights_are_not_copied() {
    let model = ModelFile::from_bytes(small()).expect("the fixture is a model");
    let file = model.bytes().as_ptr_range();
    for weight in &model.graph_proto().initializer {
        let data = weight.raw_data.as_ref().expect("weights are raw").as_ptr_range();
        assert!(file.contains(&data.start) && data.end <= file.end, "{:?}", weight.name);
    }
}

#[test]
fn writing_keeps_what_was_read() {
    for bytes in [small(), fixtures::conditional(), fixtures::decoder_step()] {
        assert_eq!(changed(&bytes, |_| ()), bytes);
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = ModelFile::open("no/such/model.onnx").expect_err("there is no such file");
    assert!(matches!(error, ModelError::NotFound { .. }));
    assert_eq!(error.to_string(), "no model at no/such/model.onnx: give the path of an ONNX file");
}

#[test]
fn other_files_are_told_from_models() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in [
        ("empty", &b""[..]),
        ("text", b"This is a text file.\nIt has two lines.\n"),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0 \0\0\0 "),
        ("archive", b"PK\x03\x04\x14\0\0\0\x08\0"),
        ("zeros", &[0; 64]),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("a file can be written");
        let error = ModelFile::open(&path).expect_err(name);
        assert!(matches!(error, ModelError::NotOnnx { .. }), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(matches!(ModelFile::open(folder.path()), Err(ModelError::Read { .. })));
}

#[test]
fn every_truncation_is_an_error() {
    let whole = fixtures::conditional();
    let mut short = 0;
    for length in 0..whole.len() {
        match ModelFile::from_bytes(whole[..length].to_vec()) {
            Err(ModelError::Truncated { needed, present, .. }) => {
                assert!(needed > present && present == length as u64);
                short += 1;
            }
            Err(ModelError::NotOnnx { .. }) => {}
            other => panic!("{length} bytes: {other:?}"),
        }
    }
    // Nearly all of the file is the graph, which says how long it is.
    assert!(short * 10 > whole.len() * 9, "{short} of {}", whole.len());
}

#[test]
fn no_flipped_bit_panics() {
    let whole = fixtures::conditional();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(model) = ModelFile::from_bytes(bytes) {
            // Either is fine, as long as it comes back.
            let _ = Graph::new(&model);
        }
    }
}

#[test]
fn weights_that_contradict_themselves_are_refused() {
    let refused = |result: Result<ModelFile, ModelError>, what: &str| {
        let error = result.expect_err(what);
        assert!(matches!(error, ModelError::Tensor { .. }), "{what}: {error}");
        assert!(error.to_string().contains("`conv0.w`"), "{error}");
    };
    refused(with_weight(|w| w.dims[0] = -1), "a negative dimension");
    refused(with_weight(|w| w.dims[0] += 1), "a dimension too large");
    refused(with_weight(|w| w.dims = vec![i64::MAX; 3]), "dimensions that overflow");
    refused(with_weight(|w| w.raw_data = Some(Bytes::new())), "no data");
    refused(with_weight(|w| w.raw_data = None), "no data at all");
    refused(with_weight(|w| w.data_type = Some(8)), "raw strings");
}

/// Moves the first weight of the model into another file.
fn externalised(location: &str) -> (Vec<u8>, Vec<u8>) {
    let mut data = Vec::new();
    let bytes = changed(&small(), |proto| {
        let weight = &mut proto.graph.as_mut().expect("a graph").initializer[0];
        data.extend_from_slice(&[7; 16]);
        let raw = weight.raw_data.take().expect("weights are raw");
        data.extend_from_slice(&raw);
        weight.data_location = Some(1);
        let length = raw.len().to_string();
        for (key, value) in [("location", location), ("offset", "16"), ("length", &length)] {
            weight.external_data.push(StringStringEntryProto {
                key: Some(key.to_owned()),
                value: Some(value.to_owned()),
            });
        }
    });
    (bytes, data)
}

#[test]
fn weights_in_another_file_belong_to_the_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.onnx");
    let (bytes, mut data) = externalised("weights.bin");
    fs::write(&path, &bytes).expect("a file can be written");

    let error = ModelFile::open(&path).expect_err("the weights are missing");
    assert!(matches!(error, ModelError::ExternalData { .. }), "{error}");
    assert!(error.to_string().contains("weights.bin"), "{error}");

    let weights = folder.path().join("weights.bin");
    fs::write(&weights, &data[..data.len() - 1]).expect("a file can be written");
    assert!(matches!(ModelFile::open(&path), Err(ModelError::ExternalData { .. })));

    fs::write(&weights, &data).expect("a file can be written");
    let model = ModelFile::open(&path).expect("the weights are there");
    assert!(model.has_external_data());
    data[20] ^= 1;
    fs::write(&weights, &data).expect("a file can be written");
    let other = ModelFile::open(&path).expect("the weights are there");
    assert_ne!(model.id(), other.id(), "the weights are part of the name");

    assert!(matches!(ModelFile::from_bytes(bytes), Err(ModelError::ExternalData { .. })));
}

#[test]
fn weights_outside_the_folder_are_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).expect("a folder can be made");
    let absolute = folder.path().join("weights.bin");
    for location in ["../weights.bin", absolute.to_str().expect("a path in UTF-8"), ""] {
        let (bytes, data) = externalised(location);
        fs::write(&absolute, data).expect("a file can be written");
        let path = inner.join("model.onnx");
        fs::write(&path, bytes).expect("a file can be written");
        let error = ModelFile::open(&path).expect_err(location);
        assert!(error.to_string().contains("not a path inside"), "{error}");
    }
}
