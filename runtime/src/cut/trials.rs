//! The inputs that cuts are verified with.

use std::sync::Arc;

use super::{Cut, CutError, CutOptions, Inputs, SplitModel, Verified, verify};
use crate::engine::Program;
use crate::graph::{Graph, RandomSource};
use crate::value::Value;

/// The inputs that cuts are verified with, and what the whole model gives for them.
pub(super) struct Trials {
    /// The input that everything is measured on.
    pub(super) first: Inputs,
    real: Vec<Trial>,
    random: Vec<Trial>,
}

struct Trial {
    inputs: Inputs,
    outputs: Inputs,
}

impl Trials {
    /// Draws the random inputs and runs the whole model on all of them.
    pub(super) fn new(
        graph: &Graph,
        program: &Arc<dyn Program>,
        samples: &[Inputs],
        options: &CutOptions,
    ) -> Result<Self, CutError> {
        let mut source = RandomSource::new(options.seed);
        let mut random: Vec<Inputs> = Vec::new();
        for _ in 0..options.random_inputs.max(u32::from(samples.is_empty())) {
            random.push(match samples.first() {
                Some(sample) => {
                    sample.iter().map(|(name, v)| (name.clone(), source.like(v))).collect()
                }
                None => graph.random_inputs(&mut source, &options.dims)?,
            });
        }
        let first = samples.first().or(random.first()).cloned().unwrap_or_default();
        let names: Vec<&str> = graph.outputs().iter().map(|&id| graph.value_name(id)).collect();
        let run = |inputs: Inputs| -> Result<Trial, CutError> {
            let outputs = program.run(&borrowed(&inputs), &names)?;
            let outputs = names.iter().map(|n| (*n).to_owned()).zip(outputs).collect();
            Ok(Trial { inputs, outputs })
        };
        let real: Vec<Trial> = samples.iter().cloned().map(run).collect::<Result<_, _>>()?;
        let random: Vec<Trial> = random.into_iter().map(run).collect::<Result<_, _>>()?;
        // Numbers drawn at random may well be beyond what a model is made for.
        let counts = if real.is_empty() { &random } else { &real };
        for (sample, trial) in counts.iter().enumerate() {
            let nan = |value: &Value| value.to_f64().iter().any(|number| number.is_nan());
            if let Some((output, _)) = trial.outputs.iter().find(|(_, value)| nan(value)) {
                return Err(CutError::NotANumber { output: output.clone(), sample });
            }
        }
        Ok(Self { first, real, random })
    }

    /// Runs head and tail of `cut` on every input.
    pub(super) fn verify(
        &self,
        graph: &Graph,
        program: &Arc<dyn Program>,
        cut: &Cut,
    ) -> Result<Verified, CutError> {
        let split = SplitModel::new(Arc::clone(program), graph, cut.clone());
        let worst = |trials: &[Trial]| -> Result<Option<f32>, CutError> {
            let mut worst = None;
            for trial in trials {
                let difference =
                    verify::difference(&split, &borrowed(&trial.inputs), &trial.outputs)?;
                worst = Some(worst.map_or(difference, |w: f32| w.max(difference)));
            }
            Ok(worst)
        };
        Ok(Verified {
            max_abs_difference_real: worst(&self.real)?,
            max_abs_difference_random: worst(&self.random)?,
            real_inputs: u32::try_from(self.real.len()).unwrap_or(u32::MAX),
            random_inputs: u32::try_from(self.random.len()).unwrap_or(u32::MAX),
        })
    }
}

/// Lends names; programs take values of their own.
pub(super) fn borrowed(inputs: &Inputs) -> Vec<(&str, Value)> {
    inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}
