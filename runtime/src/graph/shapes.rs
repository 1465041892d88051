//! The real dimensions of every value, found by running the model once.

use super::{Graph, Source, ValueId};
use crate::engine::{Program, RunError};
use crate::value::{ElementKind, Value};

/// Dimensions and element types of the values of one run, and what each node cost in it.
#[derive(Clone, Debug)]
pub struct Shapes {
    values: Vec<Option<Fact>>,
    flops: Vec<u64>,
    inputs: Vec<(String, Vec<usize>)>,
}

#[derive(Clone, Debug)]
struct Fact {
    dims: Vec<usize>,
    kind: ElementKind,
}

/// Why shapes cannot be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// A graph input was not given.
    #[error("the model's input `{name}` was not given")]
    MissingInput {
        /// Name of the input.
        name: String,
    },
    /// The model does not run on the inputs.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl Shapes {
    /// Runs the model once on `inputs` and keeps the dimensions of everything it computes.
    ///
    /// All intermediate values are held at the same time: a few hundred megabytes for a detector
    /// at full resolution.
    ///
    /// # Errors
    /// When an input is missing or the model does not run on the inputs.
    pub fn measure(
        graph: &Graph,
        program: &dyn Program,
        inputs: &[(&str, Value)],
    ) -> Result<Self, ShapeError> {
        for &input in graph.inputs() {
            let name = graph.value_name(input);
            if !inputs.iter().any(|(given, _)| *given == name) {
                return Err(ShapeError::MissingInput { name: name.to_owned() });
            }
        }
        let computed: Vec<ValueId> = graph
            .nodes()
            .iter()
            .filter(|n| !n.yields_no_tensor())
            .flat_map(|n| n.results())
            .collect();
        let names: Vec<&str> = computed.iter().map(|&id| graph.value_name(id)).collect();
        let results = program.run(inputs, &names)?;
        let mut values = vec![None; graph.value_count()];
        let fact = |value: &Value| Some(Fact { dims: value.dims().to_vec(), kind: value.kind() });
        for (id, value) in computed.iter().zip(&results) {
            values[id.index()] = fact(value);
        }
        for (name, value) in inputs {
            if let Some(id) = graph.value(name) {
                values[id.index()] = fact(value);
            }
        }
        for id in graph.values() {
            if let (Source::Initializer(weight), Some(kind)) =
                (&graph.data(id).source, graph.kind(id))
            {
                let dims = weight.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
                values[id.index()] = Some(Fact { dims, kind });
            }
        }
        let inputs = inputs.iter().map(|(n, v)| ((*n).to_owned(), v.dims().to_vec())).collect();
        let mut shapes = Self { values, flops: Vec::new(), inputs };
        shapes.flops = graph.nodes().iter().map(|n| super::flops::of(graph, n, &shapes)).collect();
        Ok(shapes)
    }

    /// Returns the dimensions of a value; `None` for one that is no tensor.
    pub fn dims(&self, id: ValueId) -> Option<&[usize]> {
        self.values.get(id.index())?.as_ref().map(|fact| fact.dims.as_slice())
    }

    /// Returns the element type that the engine handed out.
    pub fn kind(&self, id: ValueId) -> Option<ElementKind> {
        self.values.get(id.index())?.as_ref().map(|fact| fact.kind)
    }

    /// Returns the number of elements of a value; 0 for one that is no tensor.
    pub fn elements(&self, id: ValueId) -> u64 {
        self.dims(id).map_or(0, |dims| dims.iter().map(|&d| d as u64).product())
    }

    /// Returns the floating-point operations of a node: two per multiply-add, one per element of
    /// an elementwise result, none for moving data.
    pub fn flops(&self, node: super::NodeId) -> u64 {
        self.flops.get(node.index()).copied().unwrap_or(0)
    }

    /// Returns the operations of all nodes together.
    pub fn total_flops(&self) -> u64 {
        self.flops.iter().sum()
    }

    /// Returns the dimensions of the graph inputs of the run.
    pub fn inputs(&self) -> &[(String, Vec<usize>)] {
        &self.inputs
    }
}
