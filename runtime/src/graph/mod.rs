//! The graph of a model: nodes, values, who uses what, and what depends on what.
//!
//! A [`Graph`] is read-only and holds no weights. Names that the bodies of control-flow nodes
//! (`If`, `Loop`, `Scan`) capture from outside count as uses of the node that has the body.

mod body;
mod build;
mod class;
mod flops;
mod input;
mod kind;
mod node;
mod order;
mod shapes;

pub(crate) use self::body::captured_names;
pub use self::class::ValueClass;
pub use self::input::{Dim, DimChoice, InputError, InputSpec, RandomSource};
pub use self::node::{Attribute, Node, NodeId, ValueId};
pub use self::shapes::{ShapeError, Shapes};

use std::collections::BTreeMap;

use crate::onnx::{ModelError, ModelFile};
use crate::value::ElementKind;

/// The main graph of a model.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    values: Vec<ValueData>,
    by_name: BTreeMap<String, ValueId>,
    inputs: Vec<ValueId>,
    outputs: Vec<ValueId>,
}

/// What is known of one value.
#[derive(Clone, Debug)]
struct ValueData {
    name: String,
    source: Source,
    users: Vec<NodeId>,
    kind: Option<ElementKind>,
    dims: Option<Vec<Dim>>,
    class: ValueClass,
}

/// Where a value comes from.
#[derive(Clone, Debug)]
enum Source {
    /// Given to every run.
    Input,
    /// A weight.
    Initializer(Weight),
    /// Computed by a node.
    Node(NodeId),
}

/// What is kept of a weight.
#[derive(Clone, Debug)]
struct Weight {
    dims: Vec<u64>,
}

impl Weight {
    fn elements(&self) -> u64 {
        self.dims.iter().fold(1, |product, &dim| product.saturating_mul(dim))
    }
}

impl Graph {
    /// Reads the graph of a model.
    ///
    /// # Errors
    /// When a node uses a name that nothing defines, a name is defined twice, or nodes depend on
    /// each other in a circle.
    pub fn new(model: &ModelFile) -> Result<Self, ModelError> {
        build::build(model)
    }

    /// Returns the nodes in topological order: inputs of a node come from nodes before it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns one node.
    ///
    /// # Panics
    /// When `id` is not of this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Returns the number of values.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// Returns the identifiers of all values.
    pub fn values(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.values.len()).map(ValueId::new)
    }

    /// Looks a value up by its name.
    pub fn value(&self, name: &str) -> Option<ValueId> {
        self.by_name.get(name).copied()
    }

    /// Returns the name of a value.
    pub fn value_name(&self, id: ValueId) -> &str {
        &self.data(id).name
    }

    /// Returns the node that computes a value; `None` for graph inputs and weights.
    pub fn producer(&self, id: ValueId) -> Option<NodeId> {
        match self.data(id).source {
            Source::Node(node) => Some(node),
            Source::Input | Source::Initializer(_) => None,
        }
    }

    /// Returns the nodes that use a value, also from inside their bodies.
    pub fn users(&self, id: ValueId) -> &[NodeId] {
        &self.data(id).users
    }

    /// Returns the inputs of the graph, without those that are weights.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// Returns the outputs of the graph.
    pub fn outputs(&self) -> &[ValueId] {
        &self.outputs
    }

    /// Returns what a value depends on.
    pub fn class(&self, id: ValueId) -> ValueClass {
        self.data(id).class
    }

    /// Returns the element type, where the file declares it or it follows from the operators.
    pub fn kind(&self, id: ValueId) -> Option<ElementKind> {
        self.data(id).kind
    }

    /// Returns name, element type and dimensions of each graph input.
    pub fn input_specs(&self) -> Vec<InputSpec> {
        let spec = |&id: &ValueId| InputSpec {
            name: self.value_name(id).to_owned(),
            kind: self.kind(id),
            dims: self.data(id).dims.clone(),
        };
        self.inputs.iter().map(spec).collect()
    }

    /// Tells whether a value is an input of the graph.
    pub fn is_input(&self, id: ValueId) -> bool {
        matches!(self.data(id).source, Source::Input)
    }

    /// Tells whether a value is an output of the graph.
    pub fn is_output(&self, id: ValueId) -> bool {
        self.outputs.contains(&id)
    }

    /// Tells whether a node does a network's real work: products, a recurrence, or a body with
    /// weights.
    pub(crate) fn multiplies(&self, id: NodeId) -> bool {
        let node = self.node(id);
        let weighs = |&id: &ValueId| class::is_trained(self, id);
        node.multiplies() || node.body_weights > 0 || node.captures.iter().any(weighs)
    }

    fn data(&self, id: ValueId) -> &ValueData {
        &self.values[id.index()]
    }

    fn weight(&self, id: ValueId) -> Option<&Weight> {
        match &self.data(id).source {
            Source::Initializer(weight) => Some(weight),
            Source::Input | Source::Node(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
