//! Element types: declared ones, and those that follow from the operators.

use std::collections::BTreeMap;

use super::Graph;
use crate::onnx::proto::{GraphProto, ValueInfoProto, data_type};
use crate::value::ElementKind;

/// Translates an ONNX element type; `None` for those that no engine here hands out.
pub(crate) fn of_onnx(kind: Option<i32>) -> Option<ElementKind> {
    match kind? {
        data_type::FLOAT | data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE => {
            Some(ElementKind::F32)
        }
        data_type::INT64 => Some(ElementKind::I64),
        data_type::INT32 => Some(ElementKind::I32),
        data_type::INT8 => Some(ElementKind::I8),
        data_type::UINT8 => Some(ElementKind::U8),
        data_type::BOOL => Some(ElementKind::Bool),
        _ => None,
    }
}

/// Fills in the element type of every value for which it is declared or follows.
pub(super) fn infer(graph: &mut Graph, proto: &GraphProto) {
    let mut declared: BTreeMap<&str, ElementKind> = BTreeMap::new();
    for info in proto.input.iter().chain(&proto.output).chain(&proto.value_info) {
        if let (Some(name), Some(kind)) = (info.name.as_deref(), declared_kind(info)) {
            declared.insert(name, kind);
        }
    }
    for value in &mut graph.values {
        value.kind = value.kind.or_else(|| declared.get(value.name.as_str()).copied());
    }
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        let outputs: Vec<_> = node.results().collect();
        for (position, output) in outputs.into_iter().enumerate() {
            if graph.values[output.index()].kind.is_none() {
                graph.values[output.index()].kind = result_kind(graph, index, position);
            }
        }
    }
}

fn declared_kind(info: &ValueInfoProto) -> Option<ElementKind> {
    of_onnx(info.r#type.as_ref()?.tensor_type.as_ref()?.elem_type)
}

fn result_kind(graph: &Graph, index: usize, position: usize) -> Option<ElementKind> {
    let node = &graph.nodes[index];
    let input = |i: usize| graph.kind(node.inputs.get(i).copied().flatten()?);
    match node.op.as_str() {
        "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" | "NonMaxSuppression" => {
            Some(ElementKind::I64)
        }
        "TopK" if position == 1 => Some(ElementKind::I64),
        "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "And" | "Or" | "Xor"
        | "Not" | "IsNaN" | "IsInf" => Some(ElementKind::Bool),
        "Cast" => of_onnx(node.int("to").and_then(|to| i32::try_from(to).ok())),
        "Where" => input(1),
        // The fill value is kept when it is an integer; its default is a float zero.
        "ConstantOfShape" => {
            Some(node.ints("value").map_or(ElementKind::F32, |_| ElementKind::I64))
        }
        "QuantizeLinear" | "DynamicQuantizeLinear" | "MatMulInteger" | "ConvInteger" => None,
        "DequantizeLinear" => Some(ElementKind::F32),
        _ if node.has_body => None,
        _ => input(0),
    }
}
