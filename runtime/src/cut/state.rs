//! Which graph inputs are the state that earlier runs left behind.

use super::CutError;
use crate::graph::{Graph, ValueId};
use crate::value::ElementKind;

/// How state inputs are told from other inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StatePairs {
    /// By the names that exporters give: `past_key_values.0.key` with `present.0.key`, `past_k`
    /// with `present_k`, `state` with `stateN`, `x_in` with `x_out`.
    #[default]
    ByName,
    /// As listed: names of an input and of the output that becomes it in the next run.
    Listed(Vec<(String, String)>),
}

impl StatePairs {
    /// Finds the pairs in a graph.
    pub(super) fn resolve(&self, graph: &Graph) -> Result<Vec<(ValueId, ValueId)>, CutError> {
        match self {
            Self::ByName => Ok(by_name(graph)),
            Self::Listed(pairs) => pairs
                .iter()
                .map(|(input, output)| {
                    let pair = (
                        graph.value(input).filter(|&id| graph.is_input(id)),
                        graph.value(output).filter(|&id| graph.is_output(id)),
                    );
                    let (Some(i), Some(o)) = pair else {
                        let (input, output) = (input.clone(), output.clone());
                        return Err(CutError::UnknownState { input, output });
                    };
                    Ok((i, o))
                })
                .collect(),
        }
    }
}

fn by_name(graph: &Graph) -> Vec<(ValueId, ValueId)> {
    let mut pairs = Vec::new();
    for &input in graph.inputs() {
        if graph.kind(input) != Some(ElementKind::F32) {
            continue;
        }
        let name = graph.value_name(input);
        let output = graph.outputs().iter().copied().find(|&output| {
            let taken = pairs.iter().any(|&(_, other)| other == output);
            !taken && output != input && is_next(name, graph.value_name(output))
        });
        if let Some(output) = output {
            pairs.push((input, output));
        }
    }
    pairs
}

/// Tells whether `output` is how an exporter would call the next `input`.
fn is_next(input: &str, output: &str) -> bool {
    let replaced = [("past_key_values", "present"), ("past", "present"), ("past", "new")]
        .iter()
        .any(|(from, to)| input.contains(from) && input.replacen(from, to, 1) == output);
    let suffixed = ["N", "_n", "_out", "_new", "_next"]
        .iter()
        .any(|suffix| output.strip_suffix(suffix) == Some(input));
    let prefixed =
        ["new_", "next_", "out_"].iter().any(|prefix| output.strip_prefix(prefix) == Some(input));
    let renamed = [("_in", "_out"), ("_prev", "_next")].iter().any(|(from, to)| {
        let stem = input.strip_suffix(from);
        stem.is_some_and(|stem| !stem.is_empty() && output.strip_suffix(to) == Some(stem))
    });
    replaced || suffixed || prefixed || renamed
}

#[cfg(test)]
mod tests {
    use super::is_next;

    #[test]
    fn names_that_exporters_give_are_paired() {
        for (input, output) in [
            ("past_key_values.0.key", "present.0.key"),
            ("past_k.1", "present_k.1"),
            ("state", "stateN"),
            ("h_in", "h_out"),
            ("h", "new_h"),
        ] {
            assert!(is_next(input, output), "{input} -> {output}");
        }
        for (input, output) in [("input", "output"), ("x", "y"), ("past_k.0", "present_k.1")] {
            assert!(!is_next(input, output), "{input} -> {output}");
        }
    }
}
