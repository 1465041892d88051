use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;

use super::{Dim, DimChoice, Graph, InputError, RandomSource, ShapeError, Shapes, ValueClass};
use crate::engine::{Engine, Program, RtenEngine};
use crate::fixtures::{self, EncoderSize};
use crate::onnx::proto::{GraphProto, ModelProto};
use crate::onnx::{ModelError, ModelFile};
use crate::value::{ElementKind, Value};

fn load(bytes: Vec<u8>) -> (Graph, Arc<dyn Program>) {
    let model = ModelFile::from_bytes(bytes).expect("the fixture is a model");
    let program = RtenEngine::new().load(&model).expect("the engine runs the fixture");
    (Graph::new(&model).expect("the fixture has a graph"), program)
}

fn changed(bytes: &[u8], change: impl FnOnce(&mut GraphProto)) -> Result<Graph, ModelError> {
    let mut proto = ModelProto::decode(bytes).expect("a fixture can be parsed");
    change(proto.graph.as_mut().expect("the fixture has a graph"));
    Graph::new(&ModelFile::from_bytes(proto.encode_to_vec()).expect("still a model"))
}

fn shapes(graph: &Graph, program: &dyn Program, choice: &DimChoice) -> Shapes {
    let inputs = graph.random_inputs(&mut RandomSource::new(1), choice).expect("inputs");
    let inputs: Vec<(&str, Value)> =
        inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    Shapes::measure(graph, program, &inputs).expect("the model runs")
}

#[test]
fn names_used_in_bodies_are_uses() {
    let (graph, _) = load(fixtures::conditional());
    let chosen = graph.value("chosen").and_then(|id| graph.producer(id)).expect("a node");
    let captures: Vec<&str> =
        graph.node(chosen).captures().iter().map(|&id| graph.value_name(id)).collect();
    assert_eq!(captures, ["a", "h"]);
    let a = graph.value("a").expect("a value");
    assert!(graph.users(a).contains(&chosen), "{:?}", graph.users(a));
}

#[test]
fn an_unsorted_file_is_sorted() {
    let graph = changed(&fixtures::conditional(), |graph| graph.node.reverse());
    let graph = graph.expect("order does not matter");
    let mut known: Vec<_> = graph.inputs().to_vec();
    for node in graph.nodes() {
        for used in node.uses().filter(|&id| graph.producer(id).is_some()) {
            assert!(known.contains(&used), "{} too early", node.name());
        }
        known.extend(node.results());
    }
}

#[test]
fn contradictions_in_the_graph_are_named() {
    let message = |change: fn(&mut GraphProto)| {
        let error = changed(&fixtures::residual_block(), change).expect_err("a contradiction");
        error.to_string()
    };
    let undefined = message(|graph| graph.node[1].input[0] = "nowhere".to_owned());
    assert!(undefined.contains("uses `nowhere`, which nothing defines"), "{undefined}");
    let twice = message(|graph| graph.node[1].output[0] = "conv0".to_owned());
    assert!(twice.contains("`conv0` is defined twice"), "{twice}");
    let circle = message(|graph| graph.node[0].input[0] = "r1".to_owned());
    assert!(circle.contains("depends on itself"), "{circle}");
    let output = message(|graph| graph.output[0].name = Some("nowhere".to_owned()));
    assert!(output.contains("graph output `nowhere`"), "{output}");
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let graph = changed(&fixtures::small_cnn(), |graph| {
        let last = graph.node.last().cloned().expect("a node");
        graph.node.pop();
        let mut at = last.input[0].clone();
        for i in 0..100_000 {
            let mut node = graph.node[1].clone();
            (node.input, node.output) = (vec![at], vec![format!("step{i}")]);
            node.name = None;
            at = node.output[0].clone();
            graph.node.push(node);
        }
        graph.node.reverse();
        graph.output[0].name = Some(at);
    });
    assert!(graph.expect("a long chain").nodes().len() > 100_000);
}

#[test]
fn classes_say_what_values_depend_on() {
    let (graph, _) = load(fixtures::transformer_encoder(EncoderSize::default()));
    let class = |name: &str| graph.class(graph.value(name).expect(name));
    assert_eq!(class("tokens.w"), ValueClass::Constant);
    assert_eq!(class("length"), ValueClass::Dims);
    assert_eq!(class("places"), ValueClass::Dims, "a table cut to the length");
    assert_eq!(class("layer1.split"), ValueClass::Dims, "a shape inside the network");
    assert_eq!(class("attention_mask"), ValueClass::Side);
    assert_eq!(class("mask.bias"), ValueClass::Side);
    assert_eq!(class("embedded"), ValueClass::Data, "a look-up in trained numbers");
    assert_eq!(class("layer0.out"), ValueClass::Data);
}

#[test]
fn element_types_follow_from_operators() {
    let (graph, _) = load(fixtures::transformer_encoder(EncoderSize::default()));
    let kind = |name: &str| graph.kind(graph.value(name).expect(name));
    assert_eq!(kind("length.all"), Some(ElementKind::I64));
    assert_eq!(kind("mask.wide"), Some(ElementKind::I64));
    assert_eq!(kind("mask.float"), Some(ElementKind::F32));
    assert_eq!(kind("layer0.softmax"), Some(ElementKind::F32));
    let (graph, _) = load(fixtures::conditional());
    assert_eq!(graph.kind(graph.value("positive").expect("a value")), Some(ElementKind::Bool));
}

#[test]
fn operations_are_counted_from_real_dimensions() {
    let (graph, program) = load(fixtures::small_cnn());
    let shapes = shapes(&graph, program.as_ref(), &DimChoice::new());
    let flops: BTreeMap<&str, u64> = graph
        .nodes()
        .iter()
        .enumerate()
        .map(|(i, node)| (node.name(), shapes.flops(super::NodeId::new(i))))
        .collect();
    // Two per multiply-add of a 3x3 window over 3 channels, one per bias.
    assert_eq!(flops["Conv:conv0"], 8 * 16 * 16 * (2 * 27 + 1));
    assert_eq!(flops["Relu:relu0"], 8 * 16 * 16);
    assert_eq!(flops["MaxPool:pool0"], 8 * 8 * 8 * 4);
    assert_eq!(flops["Conv:conv1"], 16 * 8 * 8 * (2 * 72 + 1));
    assert_eq!(flops["GlobalAveragePool:pooled"], 16 * 4 * 4);
    assert_eq!(flops["Flatten:flat"], 0);
    assert_eq!(flops["Gemm:logits"], 10 * (2 * 16 + 1));
    assert_eq!(shapes.total_flops(), flops.values().sum::<u64>());
    assert_eq!(shapes.dims(graph.value("pool1").expect("a value")), Some(&[1, 16, 4, 4][..]));
}

#[test]
fn a_missing_input_is_named() {
    let (graph, program) = load(fixtures::small_cnn());
    let error = Shapes::measure(&graph, program.as_ref(), &[]).expect_err("no input");
    assert!(matches!(&error, ShapeError::MissingInput { name } if name == "x"), "{error}");
}

#[test]
fn open_dimensions_need_a_size() {
    let (graph, _) = load(fixtures::decoder_step());
    let mut source = RandomSource::new(1);
    let error = graph.random_inputs(&mut source, &DimChoice::new()).expect_err("P is open");
    assert_eq!(
        error,
        InputError::OpenDimension {
            input: "past_key.0".to_owned(),
            axis: 2,
            symbol: "P".to_owned()
        }
    );
    let inputs = graph.random_inputs(&mut source, &DimChoice::new().with("P", 3)).expect("inputs");
    assert_eq!(inputs[1].1.dims(), [1, 2, 3, 8]);
    let specs = graph.input_specs();
    assert_eq!(specs[1].dims.as_deref().expect("dimensions")[2], Dim::Open("P".to_owned()));
}

#[test]
fn random_inputs_are_the_same_everywhere() {
    let mut source = RandomSource::new(7);
    // SplitMix64 from seed 7, by hand.
    assert_eq!(source.bits(), 0x63cb_e1e4_5932_0dd7);
    let draw = |seed| RandomSource::new(seed).value(ElementKind::F32, &[1000]);
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    let numbers = draw(1).to_f64();
    let mean = numbers.iter().sum::<f64>() / 1000.0;
    let variance = numbers.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1000.0;
    assert!(mean.abs() < 0.1 && (variance - 1.0).abs() < 0.15, "{mean} {variance}");
}

#[test]
fn drawn_inputs_are_like_their_example() {
    let mut source = RandomSource::new(3);
    let example = ndarray::arr1(&[5i64, 9, 7]).into_dyn();
    let Value::I64(drawn) = source.like(&Value::I64(example)) else { panic!("another kind") };
    assert!(drawn.iter().all(|v| (5..=9).contains(v)), "{drawn}");
    let example = ndarray::Array1::from_elem(4000, 3.0f32).into_dyn();
    let drawn = source.like(&Value::F32(example)).to_f64();
    assert!(drawn.iter().all(|&v| v == 3.0), "no deviation, none drawn");
    let empty = Value::zeros(ElementKind::I32, &[0, 4]);
    assert_eq!(source.like(&empty).dims(), [0, 4]);
}
