//! What a node costs: floating-point operations from real dimensions.

use super::{Attribute, Graph, Node, Shapes};

/// Counts the operations of `node`.
///
/// A multiply-add counts as two. Convolutions, matrix products and recurrences are exact; pooling
/// counts one per window element, an elementwise operator one per result element, a normalisation
/// or softmax four per input element, an interpolation four per result element. Moving data is
/// free. A control-flow node counts two per weight that its bodies reach: a lower bound, since the
/// dimensions inside them are not known.
pub(super) fn of(graph: &Graph, node: &Node, shapes: &Shapes) -> u64 {
    let cost = Cost { graph, node, shapes };
    if node.has_body() {
        return cost.body();
    }
    match node.op() {
        "Conv" | "FusedConv" => cost.conv(0, 1, 2),
        "ConvInteger" => cost.conv(0, 1, usize::MAX),
        "QLinearConv" => cost.conv(0, 3, 8),
        "ConvTranspose" => cost.conv_transpose(),
        "Gemm" => cost.gemm(),
        "MatMul" | "MatMulInteger" | "FusedMatMul" => 2 * cost.output() * cost.last(0),
        "QLinearMatMul" => 2 * cost.output() * cost.last(0),
        "Einsum" => cost.einsum(),
        "LSTM" | "GRU" | "RNN" => cost.recurrence(),
        "MaxPool" | "AveragePool" | "LpPool" => cost.output() * cost.window(),
        "Softmax"
        | "LogSoftmax"
        | "LayerNormalization"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "LpNormalization"
        | "LRN" => 4 * cost.input(0),
        "BatchNormalization" => 2 * cost.output(),
        "Resize" | "Upsample" | "GridSample" => 4 * cost.output(),
        "Sum" | "Max" | "Min" | "Mean" => {
            cost.output() * (node.inputs().len() as u64).saturating_sub(1).max(1)
        }
        op if op.starts_with("Reduce") || op.starts_with("Global") || op.starts_with("Arg") => {
            cost.input(0)
        }
        op if is_layout(op) => 0,
        _ => cost.output(),
    }
}

/// Tells whether an operator only moves data.
pub(crate) fn is_layout(op: &str) -> bool {
    matches!(
        op,
        "Identity"
            | "Reshape"
            | "Flatten"
            | "Squeeze"
            | "Unsqueeze"
            | "Transpose"
            | "Concat"
            | "Slice"
            | "Split"
            | "Pad"
            | "Gather"
            | "GatherND"
            | "GatherElements"
            | "Expand"
            | "Tile"
            | "Shape"
            | "Size"
            | "Cast"
            | "CastLike"
            | "Constant"
            | "ConstantOfShape"
            | "Range"
            | "ScatterND"
            | "ScatterElements"
            | "DepthToSpace"
            | "SpaceToDepth"
            | "Dropout"
            | "EyeLike"
            | "OneHot"
            | "Compress"
            | "NonZero"
            | "Trilu"
            | "SplitToSequence"
            | "SequenceAt"
            | "SequenceConstruct"
            | "SequenceEmpty"
            | "SequenceInsert"
            | "ConcatFromSequence"
            | "Optional"
    )
}

struct Cost<'a> {
    graph: &'a Graph,
    node: &'a Node,
    shapes: &'a Shapes,
}

impl Cost<'_> {
    /// Dimensions of an input; empty for one that is left out.
    fn dims(&self, input: usize) -> &[usize] {
        let id = self.node.inputs().get(input).copied().flatten();
        id.and_then(|id| self.shapes.dims(id)).unwrap_or_default()
    }

    fn input(&self, input: usize) -> u64 {
        let id = self.node.inputs().get(input).copied().flatten();
        id.map_or(0, |id| self.shapes.elements(id))
    }

    fn has(&self, input: usize) -> bool {
        matches!(self.node.inputs().get(input), Some(Some(_)))
    }

    fn output(&self) -> u64 {
        self.node.results().map(|id| self.shapes.elements(id)).max().unwrap_or(0)
    }

    fn last(&self, input: usize) -> u64 {
        self.dims(input).last().copied().unwrap_or(1) as u64
    }

    fn conv(&self, _data: usize, weight: usize, bias: usize) -> u64 {
        let per_output = product(self.dims(weight).get(1..).unwrap_or_default());
        let bias = if self.has(bias) { self.output() } else { 0 };
        2 * self.output() * per_output + bias
    }

    fn conv_transpose(&self) -> u64 {
        let per_input = product(self.dims(1).get(1..).unwrap_or_default());
        let bias = if self.has(2) { self.output() } else { 0 };
        2 * self.input(0) * per_input + bias
    }

    fn gemm(&self) -> u64 {
        let depth = match (self.dims(0), self.node.int("transA").unwrap_or(0)) {
            ([depth, _], 1) | ([_, depth], _) => *depth as u64,
            _ => 1,
        };
        let bias = if self.has(2) { self.output() } else { 0 };
        2 * self.output() * depth + bias
    }

    fn einsum(&self) -> u64 {
        let Some(Attribute::Text(equation)) = self.node.attribute("equation") else {
            return self.output();
        };
        let mut sizes = std::collections::BTreeMap::new();
        let terms = equation.split("->").next().unwrap_or_default();
        for (position, term) in terms.split(',').enumerate() {
            let labels = term.chars().filter(|c| c.is_alphabetic());
            sizes.extend(labels.zip(self.dims(position).iter().copied()));
        }
        2 * sizes.values().map(|&size| size as u64).product::<u64>()
    }

    fn recurrence(&self) -> u64 {
        let steps_and_batch = product(self.dims(0).get(..2).unwrap_or_default());
        2 * steps_and_batch * (product(self.dims(1)) + product(self.dims(2)))
    }

    fn window(&self) -> u64 {
        let sizes = self.node.ints("kernel_shape").unwrap_or_default();
        sizes.iter().map(|&size| u64::try_from(size).unwrap_or(1)).product()
    }

    fn body(&self) -> u64 {
        let captured = self.node.captures().iter().filter_map(|&id| self.graph.weight(id));
        2 * (self.node.body_weights + captured.map(|weight| weight.elements()).sum::<u64>())
    }
}

fn product(dims: &[usize]) -> u64 {
    dims.iter().map(|&d| d as u64).product()
}
