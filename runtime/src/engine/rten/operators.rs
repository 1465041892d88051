//! Which operators of a model the engine lacks: all of them, not only the first.

use std::collections::BTreeSet;

use ::rten::{LoadError as RtenLoadError, LoadErrorKind, ModelOptions};
use prost::Message as _;

use super::RtenEngine;
use crate::engine::{LoadError, UnsupportedOperator};
use crate::onnx::ModelFile;
use crate::onnx::proto::{GraphProto, ModelProto, NodeProto};

/// Explains why the engine did not take `model`.
pub(super) fn explain(model: &ModelFile, error: RtenLoadError) -> LoadError {
    let refused = |message: String| LoadError::Refused {
        engine: RtenEngine::NAME,
        origin: model.origin().to_owned(),
        message,
    };
    if error.kind() != LoadErrorKind::OperatorInvalid {
        return refused(error.to_string());
    }
    let mut missing = BTreeSet::new();
    for operator in operators(model) {
        if !is_known(model, &operator) {
            missing.insert(operator);
        }
    }
    if missing.is_empty() {
        return refused(error.to_string());
    }
    LoadError::Unsupported {
        engine: RtenEngine::NAME,
        origin: model.origin().to_owned(),
        operators: list(model, &missing),
        advice: "use the engine ort (see `aiflow doctor`), or export the model without them",
    }
}

/// Domain and name of an operator.
type Operator = (String, String);

fn operator(node: &NodeProto) -> Operator {
    let domain = node.domain.clone().filter(|d| d != "ai.onnx").unwrap_or_default();
    (domain, node.op_type.clone().unwrap_or_default())
}

fn operators(model: &ModelFile) -> BTreeSet<Operator> {
    let mut found = BTreeSet::new();
    visit(model.graph_proto(), &mut |node| {
        found.insert(operator(node));
    });
    found
}

fn visit<'a>(graph: &'a GraphProto, see: &mut dyn FnMut(&'a NodeProto)) {
    for node in &graph.node {
        see(node);
        for attribute in &node.attribute {
            for body in attribute.g.iter().chain(&attribute.graphs) {
                visit(body, see);
            }
        }
    }
}

/// Tries a model with this one operator in it.
///
/// The engine has no list that could be asked. A node without inputs and attributes may be refused
/// for what it lacks, so only a complaint about the operator itself counts.
fn is_known(model: &ModelFile, (domain, name): &Operator) -> bool {
    let node = NodeProto {
        output: vec!["probe".to_owned()],
        op_type: Some(name.clone()),
        domain: (!domain.is_empty()).then(|| domain.clone()),
        ..NodeProto::default()
    };
    let probe = ModelProto {
        ir_version: model.proto().ir_version,
        opset_import: model.proto().opset_import.clone(),
        graph: Some(GraphProto { node: vec![node], ..GraphProto::default() }),
        ..ModelProto::default()
    };
    let mut options = ModelOptions::with_all_ops();
    options.enable_optimization(false);
    match options.load(probe.encode_to_vec()) {
        Ok(_) => true,
        Err(error) => !COMPLAINTS.iter().any(|c| error.to_string().contains(c)),
    }
}

fn list(model: &ModelFile, missing: &BTreeSet<Operator>) -> Vec<UnsupportedOperator> {
    let mut listed: Vec<UnsupportedOperator> = Vec::new();
    visit(model.graph_proto(), &mut |node| {
        let key = operator(node);
        if !missing.contains(&key) {
            return;
        }
        let (domain, name) = key;
        let shown = if domain.is_empty() { name } else { format!("{domain}.{name}") };
        let first_output = node.output.first().cloned().unwrap_or_default();
        let node_name = node.name.clone().filter(|n| !n.is_empty()).unwrap_or(first_output);
        match listed.iter_mut().find(|entry| entry.operator == shown) {
            Some(entry) => entry.nodes.push(node_name),
            None => {
                listed.push(UnsupportedOperator { operator: shown, nodes: vec![node_name] });
            }
        }
    });
    listed
}

/// Words in the engine's messages that mean "no such operator", rather than "badly used".
const COMPLAINTS: [&str; 3] =
    ["operator not supported", "operator not enabled", "later are supported"];
