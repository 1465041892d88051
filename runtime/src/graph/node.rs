//! Nodes and the identifiers of nodes and values.

use std::collections::BTreeMap;

/// Names a node of one [`Graph`](super::Graph): its place in topological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// Names a value of one [`Graph`](super::Graph).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(u32);

impl NodeId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the place in [`Graph::nodes`](super::Graph::nodes).
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl ValueId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Returns the place in tables with one entry per value.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An attribute, as far as shapes and costs need it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// Integers.
    Ints(Vec<i64>),
    /// A float.
    Float(f32),
    /// A text.
    Text(String),
}

/// One operator application.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) domain: String,
    pub(super) inputs: Vec<Option<ValueId>>,
    pub(super) captures: Vec<ValueId>,
    pub(super) outputs: Vec<Option<ValueId>>,
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) has_body: bool,
    pub(super) body_weights: u64,
}

impl Node {
    /// Returns the name, or the name of the first output where the file gives none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the operator, such as `Conv`.
    pub fn op(&self) -> &str {
        &self.op
    }

    /// Returns the domain of the operator; empty for the standard ones.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the inputs by position; `None` where an optional one is left out.
    pub fn inputs(&self) -> &[Option<ValueId>] {
        &self.inputs
    }

    /// Returns the values that the node's bodies use from outside, in order of first use.
    pub fn captures(&self) -> &[ValueId] {
        &self.captures
    }

    /// Returns the outputs by position; `None` where nobody reads one.
    pub fn outputs(&self) -> &[Option<ValueId>] {
        &self.outputs
    }

    /// Returns everything that the node needs: its inputs, then what its bodies capture.
    pub fn uses(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.inputs.iter().copied().flatten().chain(self.captures.iter().copied())
    }

    /// Returns the outputs that have a name.
    pub fn results(&self) -> impl Iterator<Item = ValueId> + '_ {
        self.outputs.iter().copied().flatten()
    }

    /// Returns an attribute.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    /// Returns an integer attribute.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attributes.get(name) {
            Some(&Attribute::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// Returns an attribute of several integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attributes.get(name) {
            Some(Attribute::Ints(values)) => Some(values),
            _ => None,
        }
    }

    /// Tells whether the node runs a body: `If`, `Loop`, `Scan` and the like.
    pub fn has_body(&self) -> bool {
        self.has_body
    }

    /// Tells whether the operator does a network's real work: products of matrices or windows, a
    /// recurrence, or something that is not known here. Bodies are not looked into.
    pub(super) fn multiplies(&self) -> bool {
        let op = self.op.as_str();
        !self.is_standard()
            || ["Conv", "MatMul", "QLinearConv", "QLinearMatMul"].iter().any(|p| op.starts_with(p))
            || matches!(op, "Gemm" | "Einsum" | "LSTM" | "GRU" | "RNN" | "Attention")
    }

    /// Tells whether the results are sequences or optionals, which no engine hands out.
    pub(super) fn yields_no_tensor(&self) -> bool {
        let op = self.op.as_str();
        matches!(op, "SplitToSequence" | "Optional")
            || (op.starts_with("Sequence") && !matches!(op, "SequenceAt" | "SequenceLength"))
    }

    pub(super) fn is_standard(&self) -> bool {
        matches!(self.domain.as_str(), "" | "ai.onnx")
    }
}
