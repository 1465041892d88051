//! Writing a part of a model as a model of its own.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use crate::engine::RunError;
use crate::graph::{Graph, captured_names};
use crate::onnx::ModelFile;
use crate::onnx::proto::{
    DimensionProto, GraphProto, ModelProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, data_type,
};
use crate::value::{ElementKind, Value};

/// Cuts parts out of one model.
pub(super) struct Extractor {
    model: ModelFile,
    /// Which node computes a value.
    producers: BTreeMap<String, usize>,
    inputs: BTreeSet<String>,
}

/// A part: what goes in, what comes out, and which nodes it has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    /// Names of the values that go in, with their element types and numbers of dimensions.
    pub(super) signature: Vec<(String, ElementKind, usize)>,
    /// Names of the values that go in.
    pub(super) inputs: Vec<String>,
    /// Names of the values that come out.
    pub(super) outputs: Vec<String>,
    nodes: Vec<usize>,
    weights: BTreeSet<String>,
}

impl Extractor {
    pub(super) fn new(model: &ModelFile, graph: &Graph) -> Self {
        let mut producers = BTreeMap::new();
        for (index, node) in model.graph_proto().node.iter().enumerate() {
            for output in node.output.iter().filter(|name| !name.is_empty()) {
                producers.insert(output.clone(), index);
            }
        }
        let inputs = graph.inputs().iter().map(|&id| graph.value_name(id).to_owned()).collect();
        Self { model: model.clone(), producers, inputs }
    }

    /// Plans the part that computes `fetch` from `feeds`; feeds that it does not need are left out.
    pub(super) fn part(&self, feeds: &[(&str, Value)], fetch: &[&str]) -> Result<Part, RunError> {
        let proto = self.model.graph_proto();
        let mut nodes = BTreeSet::new();
        let mut weights = BTreeSet::new();
        let mut used = BTreeSet::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut stack: Vec<&str> = fetch.to_vec();
        while let Some(name) = stack.pop() {
            if !seen.insert(name) {
                continue;
            }
            if feeds.iter().any(|(fed, _)| *fed == name) {
                used.insert(name);
            } else if let Some(&index) = self.producers.get(name) {
                nodes.insert(index);
                let Some(node) = proto.node.get(index) else { continue };
                stack.extend(node.input.iter().filter(|n| !n.is_empty()).map(String::as_str));
                stack.extend(captured_names(node));
            } else if self.inputs.contains(name) {
                return Err(RunError::MissingInput {
                    fetch: fetch.iter().map(|&n| n.to_owned()).collect(),
                    message: format!("`{name}` was not fed"),
                });
            } else if self.is_weight(name) {
                weights.insert(name.to_owned());
            } else {
                return Err(RunError::UnknownValue { name: name.to_owned() });
            }
        }
        let signature = feeds.iter().filter(|(name, _)| used.contains(name));
        let signature: Vec<_> = signature
            .map(|(name, value)| ((*name).to_owned(), value.kind(), value.dims().len()))
            .collect();
        Ok(Part {
            inputs: signature.iter().map(|(name, ..)| name.clone()).collect(),
            signature,
            outputs: fetch.iter().map(|&name| name.to_owned()).collect(),
            nodes: nodes.into_iter().collect(),
            weights,
        })
    }

    fn is_weight(&self, name: &str) -> bool {
        let proto = self.model.graph_proto();
        let sparse = proto.sparse_initializer.iter().filter_map(|s| s.values.as_ref());
        proto.initializer.iter().chain(sparse).any(|t| t.name.as_deref() == Some(name))
    }

    /// Returns the whole model as it is.
    pub(super) fn whole(&self) -> &[u8] {
        self.model.bytes()
    }

    /// Writes a part.
    pub(super) fn write(&self, part: &Part) -> Vec<u8> {
        let whole = self.model.graph_proto();
        let is_used =
            |name: &Option<String>| name.as_ref().is_some_and(|name| part.weights.contains(name));
        let initializer = whole.initializer.iter().filter(|t| is_used(&t.name)).cloned();
        let sparse = whole.sparse_initializer.iter();
        let sparse = sparse.filter(|s| s.values.as_ref().is_some_and(|v| is_used(&v.name)));
        let declared = |name: &str, list: &[ValueInfoProto]| {
            list.iter().find(|info| info.name.as_deref() == Some(name)).cloned()
        };
        let input = part.signature.iter().map(|(name, kind, rank)| {
            declared(name, &whole.input).unwrap_or_else(|| value_info(name, *kind, *rank))
        });
        let output = part.outputs.iter().map(|name| {
            let unknown = || ValueInfoProto { name: Some(name.clone()), r#type: None };
            declared(name, &whole.output).unwrap_or_else(unknown)
        });
        let graph = GraphProto {
            node: part.nodes.iter().filter_map(|&i| whole.node.get(i).cloned()).collect(),
            name: whole.name.clone(),
            initializer: initializer.collect(),
            input: input.collect(),
            output: output.collect(),
            sparse_initializer: sparse.cloned().collect(),
            ..GraphProto::default()
        };
        let proto = self.model.proto();
        let model = ModelProto {
            ir_version: proto.ir_version,
            opset_import: proto.opset_import.clone(),
            functions: proto.functions.clone(),
            graph: Some(graph),
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }
}

/// Describes an inner value: its element type, and a shape of which only the rank is known.
fn value_info(name: &str, kind: ElementKind, rank: usize) -> ValueInfoProto {
    let elem_type = match kind {
        ElementKind::F32 => data_type::FLOAT,
        ElementKind::I64 => data_type::INT64,
        ElementKind::I32 => data_type::INT32,
        ElementKind::I8 => data_type::INT8,
        ElementKind::U8 => data_type::UINT8,
        ElementKind::Bool => data_type::BOOL,
    };
    let shape = TensorShapeProto { dim: vec![DimensionProto::default(); rank] };
    let tensor = TensorTypeProto { elem_type: Some(elem_type), shape: Some(shape) };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { tensor_type: Some(tensor), ..TypeProto::default() }),
    }
}
