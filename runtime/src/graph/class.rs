//! What each value depends on: this decides what may be replicated and what has to be sent.

use super::{Graph, Node, ValueId};
use crate::value::ElementKind;

/// What a value depends on, from least to most.
///
/// Values below [`Data`](Self::Data) are never part of a cut: they are cheap and are computed on
/// both sides of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueClass {
    /// On the model alone: weights, and what is computed from weights.
    Constant,
    /// On the dimensions of the graph inputs as well: shape arithmetic.
    Dims,
    /// On the content of integer or truth-value graph inputs as well, without touching a float
    /// weight: masks and positions.
    Side,
    /// On everything else: the data path.
    Data,
}

/// Classifies every value.
pub(super) fn classify(graph: &mut Graph) {
    // Beside the class of the content: the class of the dimensions, which `Shape` reads.
    let mut extent = vec![ValueClass::Constant; graph.values.len()];
    let mut trained: Vec<bool> = graph.values().map(|id| is_trained(graph, id)).collect();
    for &input in &graph.inputs.clone() {
        let integral = !matches!(graph.kind(input), Some(ElementKind::F32) | None);
        graph.values[input.index()].class =
            if integral { ValueClass::Side } else { ValueClass::Data };
        extent[input.index()] = ValueClass::Dims;
    }
    for index in 0..graph.nodes.len() {
        let node = &graph.nodes[index];
        let learned = node.uses().any(|id| trained[id.index()]);
        let (content, dims) = classify_node(graph, node, &extent, learned);
        let outputs: Vec<ValueId> = node.results().collect();
        for output in outputs {
            graph.values[output.index()].class = content;
            extent[output.index()] = dims;
            trained[output.index()] = learned;
        }
    }
}

/// Returns the class of the content and of the dimensions of a node's results.
fn classify_node(
    graph: &Graph,
    node: &Node,
    extent: &[ValueClass],
    learned: bool,
) -> (ValueClass, ValueClass) {
    let content_of = |id: ValueId| graph.class(id);
    let highest = |classes: &mut dyn Iterator<Item = ValueClass>| {
        classes.max().unwrap_or(ValueClass::Constant)
    };
    let content = highest(&mut node.uses().map(content_of));
    let extents = highest(&mut node.uses().map(|id| extent[id.index()]));
    if !node.is_standard() || node.has_body || draws_at_random(node) {
        // Nothing is known of such an operator; a body may loop as often as its data says.
        let random = if draws_at_random(node) { ValueClass::Data } else { content };
        let content = if random > ValueClass::Dims { ValueClass::Data } else { random };
        return (content, content.max(extents));
    }
    match node.op.as_str() {
        "Shape" | "Size" => (extents, ValueClass::Constant),
        "NonZero" | "Unique" | "Compress" | "NonMaxSuppression" | "StringSplit" => {
            (content, content.max(extents))
        }
        // The first input is data, the others say how large the result is.
        "Reshape" | "Expand" | "Slice" | "Tile" | "Pad" | "Resize" | "Upsample" | "TopK"
        | "OneHot" | "Split" | "Squeeze" | "Unsqueeze" | "CenterCropPad" => {
            let sizes = node.inputs.iter().skip(1).flatten();
            (content, extents.max(highest(&mut sizes.map(|&id| content_of(id)))))
        }
        "ConstantOfShape" | "Range" => (content, content),
        _ if content == ValueClass::Side && learned => (ValueClass::Data, extents),
        _ => (content, extents),
    }
}

/// Tells whether a value is a weight that was trained, and not a parameter of a mask.
pub(super) fn is_trained(graph: &Graph, id: ValueId) -> bool {
    let large = graph.weight(id).is_some_and(|weight| weight.elements() > SMALL_CONSTANT);
    large && graph.kind(id) == Some(ElementKind::F32)
}

fn draws_at_random(node: &Node) -> bool {
    node.op.starts_with("Random") || matches!(node.op.as_str(), "Multinomial" | "Bernoulli")
}

/// Elements up to which a float constant counts as a parameter of a mask or of positions (a scale,
/// a minus infinity, the frequencies of rotary positions) and not as a weight.
const SMALL_CONSTANT: u64 = 128;
