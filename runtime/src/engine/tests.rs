use std::sync::Arc;

use ndarray::ArrayD;
use prost::Message as _;

use super::{Engine, EngineChoice, LoadError, Program, RtenEngine, RunError, Threads, discover};
use crate::fixtures;
use crate::graph::{DimChoice, Graph, RandomSource};
use crate::onnx::ModelFile;
use crate::onnx::proto::{ModelProto, NodeProto};
use crate::parallel_map;
use crate::value::Value;

fn load(bytes: Vec<u8>) -> Arc<dyn Program> {
    let model = ModelFile::from_bytes(bytes).expect("the fixture is a model");
    RtenEngine::new().load(&model).expect("the engine runs the fixture")
}

fn picture() -> Value {
    Value::F32(ArrayD::from_shape_fn(vec![1, 4, 8, 8], |i| (i[1] + i[2] * i[3]) as f32 / 50.0))
}

#[test]
fn any_part_can_be_run() {
    let program = load(fixtures::residual_block());
    let whole = program.run(&[("x", picture())], &["r0", "r1", "logits"]).expect("the whole");
    let part = program
        .run(&[("r0", whole[0].clone()), ("r1", whole[1].clone())], &["logits", "r1", "logits"]);
    let part = part.expect("a part");
    assert_eq!(part, [whole[2].clone(), whole[1].clone(), whole[2].clone()]);
}

#[test]
fn a_part_never_goes_behind_what_is_fed() {
    let program = load(fixtures::residual_block());
    let r1 = program.run(&[("x", picture())], &["r1"]).expect("the head").remove(0);
    let error = program.run(&[("r1", r1)], &["logits"]).expect_err("r0 is missing");
    assert!(
        matches!(&error, RunError::MissingInput { fetch, .. } if fetch == &["logits"]),
        "{error}"
    );
}

#[test]
fn wrong_names_and_shapes_are_named() {
    let program = load(fixtures::residual_block());
    let error = program.run(&[("x", picture())], &["nowhere"]).expect_err("no such value");
    assert!(matches!(&error, RunError::UnknownValue { name } if name == "nowhere"), "{error}");
    let error = program.run(&[("nowhere", picture())], &["y"]).expect_err("no such value");
    assert!(matches!(error, RunError::UnknownValue { .. }), "{error}");
    let flat = Value::F32(ArrayD::zeros(vec![1, 256]));
    let error = program.run(&[("x", flat)], &["logits"]).expect_err("another rank");
    assert!(error.to_string().contains('x'), "{error}");
}

#[test]
fn integers_beyond_32_bits_are_refused() {
    let program = load(fixtures::decoder_step());
    let token = Value::I64(ArrayD::from_elem(vec![1, 1], 1 << 40));
    let error = program.run(&[("token", token)], &["embedded"]).expect_err("too large");
    assert!(matches!(&error, RunError::InvalidInput { name, .. } if name == "token"), "{error}");
}

#[test]
fn element_types_are_those_of_the_file() {
    let program = load(fixtures::conditional());
    let x = Value::F32(ArrayD::ones(vec![1, 8]));
    let truth = program.run(&[("x", x)], &["positive"]).expect("the head").remove(0);
    assert!(matches!(truth, Value::Bool(_)), "{truth:?}");
    let program = load(fixtures::decoder_step());
    let past = Value::F32(ArrayD::zeros(vec![1, 2, 5, 8]));
    let position = program.run(&[("past_key.0", past)], &["position"]).expect("a shape").remove(0);
    assert_eq!(position, Value::I64(ndarray::arr1(&[5]).into_dyn()));
}

#[test]
fn weights_in_another_file_are_loaded() {
    use crate::onnx::proto::StringStringEntryProto;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut proto = ModelProto::decode(fixtures::small_cnn().as_slice()).expect("a model");
    let mut data = Vec::new();
    for weight in &mut proto.graph.as_mut().expect("a graph").initializer {
        let raw = weight.raw_data.take().expect("weights are raw");
        weight.data_location = Some(1);
        for (key, value) in [
            ("location", "weights.bin".to_owned()),
            ("offset", data.len().to_string()),
            ("length", raw.len().to_string()),
        ] {
            let entry = StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) };
            weight.external_data.push(entry);
        }
        data.extend_from_slice(&raw);
    }
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, proto.encode_to_vec()).expect("a file can be written");
    std::fs::write(folder.path().join("weights.bin"), data).expect("a file can be written");
    let model = ModelFile::open(&path).expect("the weights are there");
    let x = [("x", Value::F32(ArrayD::ones(vec![1, 3, 16, 16])))];
    let expected = load(fixtures::small_cnn()).run(&x, &["logits"]).expect("the model runs");
    for choice in [EngineChoice::Rten, EngineChoice::Fastest] {
        let engine = choice.open(Threads::default()).expect("an engine");
        let program = engine.load(&model).expect("the model loads");
        let found = program.run(&x, &["logits"]).expect("the model runs");
        let pairs = expected[0].to_f64().into_iter().zip(found[0].to_f64());
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4), "{choice}");
        let part = program.run(&x, &["pool0"]).expect("a part runs");
        assert_eq!(part[0].dims(), [1, 8, 8, 8]);
    }
}

#[test]
fn every_missing_operator_is_listed() {
    let mut proto = ModelProto::decode(fixtures::conditional().as_slice()).expect("a model");
    let graph = proto.graph.as_mut().expect("a graph");
    graph.node[2].op_type = Some("Imaginary".to_owned());
    for node in &mut graph.node {
        for branch in node.attribute.iter_mut().filter_map(|a| a.g.as_mut()) {
            branch.node[0].op_type = Some("Invented".to_owned());
            branch.node[0].domain = Some("com.example".to_owned());
        }
    }
    let model = ModelFile::from_bytes(proto.encode_to_vec()).expect("a model");
    let Err(error) = RtenEngine::new().load(&model) else { panic!("there is no such operator") };
    let LoadError::Unsupported { operators, .. } = &error else { panic!("{error}") };
    let listed: Vec<(&str, usize)> =
        operators.iter().map(|o| (o.operator.as_str(), o.nodes.len())).collect();
    assert_eq!(listed, [("Imaginary", 1), ("com.example.Invented", 2)]);
    assert_eq!(
        error.to_string(),
        "rten cannot run the given bytes: it lacks Imaginary (`Relu:a`), \
         com.example.Invented (`Add:then_out`, `Neg:else_out`); \
         use the engine ort (see `aiflow doctor`), or export the model without them"
    );
}

/// The small network with a dropout before its last layer, with these inputs and outputs.
fn with_dropout(inputs: &[&str], outputs: &[&str]) -> ModelFile {
    let mut proto = ModelProto::decode(fixtures::small_cnn().as_slice()).expect("a model");
    let graph = proto.graph.as_mut().expect("a graph");
    let last = graph.node.last_mut().expect("a node");
    last.input[0] = outputs[0].to_owned();
    let mut dropout = last.clone();
    dropout.op_type = Some("Dropout".to_owned());
    dropout.attribute.clear();
    dropout.input = inputs.iter().map(|&i| i.to_owned()).collect();
    dropout.output = outputs.iter().map(|&o| o.to_owned()).collect();
    graph.node.insert(graph.node.len() - 1, dropout);
    ModelFile::from_bytes(proto.encode_to_vec()).expect("a model")
}

#[test]
fn a_dropout_passes_its_input_on() {
    let x = Value::F32(ArrayD::from_shape_fn(vec![1, 3, 16, 16], |i| (i[2] * i[3]) as f32));
    let run = |model: &ModelFile| {
        let program = RtenEngine::new().load(model).expect("the engine runs it");
        program.run(&[("x", x.clone())], &["logits"]).expect("the model runs")
    };
    let plain = run(&ModelFile::from_bytes(fixtures::small_cnn()).expect("a model"));
    assert_eq!(run(&with_dropout(&["flat"], &["kept"])), plain);
    assert_eq!(run(&with_dropout(&["flat", "", ""], &["kept", "mask"])), plain);
    // The weights of the last layer are no constant false, so this one would train.
    let trains = with_dropout(&["flat", "", "fc.b"], &["kept"]);
    assert!(matches!(RtenEngine::new().load(&trains), Err(LoadError::Unsupported { .. })));
}

#[test]
fn convolutions_may_leave_their_kernel_unwritten() {
    let x = Value::F32(ArrayD::from_shape_fn(vec![1, 3, 16, 16], |i| (i[2] * i[3]) as f32));
    let run = |bytes| load(bytes).run(&[("x", x.clone())], &["logits"]).expect("the model runs");
    let mut proto = ModelProto::decode(fixtures::small_cnn().as_slice()).expect("a model");
    let graph = proto.graph.as_mut().expect("a graph");
    let is_convolution = |node: &&mut NodeProto| node.op_type.as_deref() == Some("Conv");
    for node in graph.node.iter_mut().filter(is_convolution) {
        assert_eq!(node.attribute[0].name.as_deref(), Some("kernel_shape"));
        node.attribute.remove(0);
    }
    assert_eq!(run(proto.encode_to_vec()), run(fixtures::small_cnn()));
}

#[test]
fn threads_may_share_a_program() {
    let program = load(fixtures::small_cnn());
    let run = |i: usize| {
        let mut source = RandomSource::new(i as u64);
        let x = source.value(crate::ElementKind::F32, &[1, 3, 16, 16]);
        program.run(&[("x", x)], &["logits"]).expect("the model runs")
    };
    assert_eq!(parallel_map(24, 3, run), parallel_map(24, 1, run));
}

#[test]
fn the_number_of_threads_changes_no_result() {
    let model = ModelFile::from_bytes(fixtures::residual_block()).expect("a model");
    let run = |threads| {
        let engine = EngineChoice::Rten.open(Threads::new(threads)).expect("built in");
        let program = engine.load(&model).expect("the fixture loads");
        program.run(&[("x", picture())], &["logits"]).expect("the model runs")
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn states_may_be_empty() {
    let program = load(fixtures::decoder_step());
    let graph = Graph::new(&ModelFile::from_bytes(fixtures::decoder_step()).expect("a model"));
    let graph = graph.expect("a graph");
    let choice = DimChoice::new().with("P", 0);
    let inputs = graph.random_inputs(&mut RandomSource::new(1), &choice).expect("inputs");
    let inputs: Vec<(&str, Value)> =
        inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let present = program.run(&inputs, &["present_key.1"]).expect("the first token");
    assert_eq!(present[0].dims(), [1, 2, 1, 8]);
}

#[test]
fn the_built_in_engine_is_always_found() {
    let found = discover();
    assert_eq!(found[0].name, "rten");
    assert!(found[0].available && found[0].how_to_get.is_empty());
    let lock = include_str!("../../../Cargo.lock");
    let locked = format!("name = \"rten\"\nversion = \"{}\"", RtenEngine::VERSION);
    assert!(lock.contains(&locked), "the version is not the one that is built in");
    assert_eq!(found[1].name, "ort");
    assert_eq!(found[1].available, found[1].how_to_get.is_empty());
}

#[test]
fn engines_are_chosen_by_name() {
    for choice in [EngineChoice::Rten, EngineChoice::Ort, EngineChoice::Fastest] {
        assert_eq!(choice.to_string().parse(), Ok(choice));
    }
    assert!("tract".parse::<EngineChoice>().is_err());
    let fastest = EngineChoice::Fastest.open(Threads::default()).expect("one is built in");
    let expected = if discover()[1].available { "ort" } else { "rten" };
    assert_eq!(fastest.name(), expected);
}
