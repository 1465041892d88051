//! From protobuf messages to a checked graph.

use std::collections::BTreeMap;

use super::node::Attribute;
use super::{Dim, Graph, Node, NodeId, Source, ValueClass, ValueData, ValueId, Weight};
use super::{body, class, kind, order};
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, ValueInfoProto};
use crate::onnx::{ModelError, ModelFile, small_integers};
use crate::value::ElementKind;

/// Builds the graph of `model`.
pub(super) fn build(model: &ModelFile) -> Result<Graph, ModelError> {
    let proto = model.graph_proto();
    let refuse = |problem: String| ModelError::Graph { origin: model.origin().to_owned(), problem };
    let sorted = order::topological(proto).map_err(refuse)?;
    let mut builder = Builder::default();
    builder.weights(proto).map_err(refuse)?;
    builder.inputs(proto).map_err(refuse)?;
    for index in sorted {
        if let Some(node) = proto.node.get(index) {
            builder.node(node).map_err(refuse)?;
        }
    }
    let mut graph = builder.finish(proto).map_err(refuse)?;
    kind::infer(&mut graph, proto);
    class::classify(&mut graph);
    Ok(graph)
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    values: Vec<ValueData>,
    by_name: BTreeMap<String, ValueId>,
    inputs: Vec<ValueId>,
}

impl Builder {
    fn define(&mut self, name: &str, source: Source) -> Result<ValueId, String> {
        let id = ValueId::new(self.values.len());
        if self.by_name.insert(name.to_owned(), id).is_some() {
            return Err(format!("the name `{name}` is defined twice"));
        }
        self.values.push(ValueData {
            name: name.to_owned(),
            source,
            users: Vec::new(),
            kind: None,
            dims: None,
            class: ValueClass::Constant,
        });
        Ok(id)
    }

    fn weights(&mut self, proto: &GraphProto) -> Result<(), String> {
        for tensor in &proto.initializer {
            let name = tensor.name.as_deref().unwrap_or_default();
            let id = self.define(name, Source::Initializer(weight(&tensor.dims)))?;
            self.values[id.index()].kind = kind::of_onnx(tensor.data_type);
        }
        for sparse in &proto.sparse_initializer {
            let Some(values) = &sparse.values else { continue };
            let name = values.name.as_deref().unwrap_or_default();
            let id = self.define(name, Source::Initializer(weight(&sparse.dims)))?;
            self.values[id.index()].kind = kind::of_onnx(values.data_type);
        }
        Ok(())
    }

    fn inputs(&mut self, proto: &GraphProto) -> Result<(), String> {
        for input in &proto.input {
            let name = input.name.as_deref().unwrap_or_default();
            if name.is_empty() {
                return Err("a graph input has no name".to_owned());
            }
            // Old files list their weights among the inputs.
            let is_weight = self
                .by_name
                .get(name)
                .is_some_and(|id| matches!(self.values[id.index()].source, Source::Initializer(_)));
            if is_weight {
                continue;
            }
            let id = self.define(name, Source::Input)?;
            self.values[id.index()].dims = declared_dims(input);
            self.inputs.push(id);
        }
        Ok(())
    }

    /// Takes a `Constant` node as what it is, a weight; returns whether it was one.
    fn constant(&mut self, proto: &NodeProto) -> Result<bool, String> {
        let standard = matches!(proto.domain.as_deref().unwrap_or_default(), "" | "ai.onnx");
        let [output] = proto.output.as_slice() else { return Ok(false) };
        if !standard || proto.op_type.as_deref() != Some("Constant") || output.is_empty() {
            return Ok(false);
        }
        let Some(attribute) = proto.attribute.first() else { return Ok(false) };
        let (weight, kind) = match (attribute.name.as_deref().unwrap_or_default(), &attribute.t) {
            ("value", Some(tensor)) => (weight(&tensor.dims), kind::of_onnx(tensor.data_type)),
            ("value_float", _) => (Weight { dims: Vec::new() }, Some(ElementKind::F32)),
            ("value_int", _) => (Weight { dims: Vec::new() }, Some(ElementKind::I64)),
            ("value_floats", _) => {
                (Weight { dims: vec![attribute.floats.len() as u64] }, Some(ElementKind::F32))
            }
            ("value_ints", _) => {
                (Weight { dims: vec![attribute.ints.len() as u64] }, Some(ElementKind::I64))
            }
            _ => return Ok(false),
        };
        let id = self.define(output, Source::Initializer(weight))?;
        self.values[id.index()].kind = kind;
        Ok(true)
    }

    fn node(&mut self, proto: &NodeProto) -> Result<(), String> {
        if self.constant(proto)? {
            return Ok(());
        }
        let id = NodeId::new(self.nodes.len());
        let first = proto.output.iter().find(|o| !o.is_empty());
        let name = proto.name.as_ref().filter(|n| !n.is_empty()).or(first);
        let name = name.cloned().unwrap_or_else(|| format!("node {}", id.index()));
        let find = |used: &str| {
            let found = self.by_name.get(used).copied();
            found.ok_or_else(|| format!("node `{name}` uses `{used}`, which nothing defines"))
        };
        let inputs: Vec<Option<ValueId>> = proto
            .input
            .iter()
            .map(|used| if used.is_empty() { Ok(None) } else { find(used).map(Some) })
            .collect::<Result<_, _>>()?;
        let captures: Vec<ValueId> =
            body::captured_names(proto).into_iter().map(find).collect::<Result<_, _>>()?;
        for used in inputs.iter().flatten().chain(&captures) {
            let users = &mut self.values[used.index()].users;
            if users.last() != Some(&id) {
                users.push(id);
            }
        }
        let mut outputs = Vec::with_capacity(proto.output.len());
        for output in &proto.output {
            let defined = !output.is_empty();
            outputs.push(defined.then(|| self.define(output, Source::Node(id))).transpose()?);
        }
        self.nodes.push(Node {
            name,
            op: proto.op_type.clone().unwrap_or_default(),
            domain: proto.domain.clone().unwrap_or_default(),
            inputs,
            captures,
            outputs,
            attributes: proto.attribute.iter().filter_map(attribute).collect(),
            has_body: body::bodies(proto).next().is_some(),
            body_weights: body::bodies(proto).map(body::weight_elements).sum(),
        });
        Ok(())
    }

    fn finish(self, proto: &GraphProto) -> Result<Graph, String> {
        let find = |output: &ValueInfoProto| {
            let name = output.name.as_deref().unwrap_or_default();
            let found = self.by_name.get(name).copied();
            found.ok_or_else(|| format!("nothing defines the graph output `{name}`"))
        };
        let outputs = proto.output.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Graph {
            outputs,
            nodes: self.nodes,
            values: self.values,
            by_name: self.by_name,
            inputs: self.inputs,
        })
    }
}

fn weight(dims: &[i64]) -> Weight {
    Weight { dims: dims.iter().map(|&d| u64::try_from(d).unwrap_or(0)).collect() }
}

fn attribute(proto: &AttributeProto) -> Option<(String, Attribute)> {
    let name = proto.name.clone()?;
    let value = if let Some(value) = proto.i {
        Attribute::Int(value)
    } else if let Some(value) = proto.f {
        Attribute::Float(value)
    } else if let Some(text) = &proto.s {
        Attribute::Text(String::from_utf8_lossy(text).into_owned())
    } else if let Some(values) = proto.t.as_ref().and_then(small_integers) {
        Attribute::Ints(values)
    } else if !proto.ints.is_empty() {
        Attribute::Ints(proto.ints.clone())
    } else {
        return None;
    };
    Some((name, value))
}

fn declared_dims(info: &ValueInfoProto) -> Option<Vec<Dim>> {
    let shape = info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?;
    let dim = |d: &crate::onnx::proto::DimensionProto| match (d.dim_value, &d.dim_param) {
        (Some(value), _) if value >= 0 => Dim::Fixed(usize::try_from(value).unwrap_or(0)),
        (_, Some(symbol)) => Dim::Open(symbol.clone()),
        _ => Dim::Open(String::new()),
    };
    Some(shape.dim.iter().map(dim).collect())
}
