//! What all policies share: the model, its bundle, the samples and their reference answers.

use std::sync::Arc;

use aiflow_runtime::Value;
use aiflow_runtime::bundle::Bundle;
use aiflow_runtime::cut::CutId;
use aiflow_runtime::engine::Program;
use aiflow_runtime::graph::Graph;
use aiflow_runtime::learning::NamedInputs;
use aiflow_runtime::planner::{LossMeasure, Table};
use aiflow_runtime::profiler::MachineProfile;
use aiflow_runtime::tier::{Answer, AnswerForm, ModelParts, Place};

use super::error::EndToEndError;
use crate::bench::Samples;
use crate::data::{Picture, Preprocess};

/// A model that was loaded, what was learned for it, and what it is asked.
pub struct Stage {
    /// The bundle, with a plan sheet.
    pub bundle: Bundle,
    /// What runs the model; weights are held once.
    pub program: Arc<dyn Program>,
    /// The model's graph.
    pub graph: Graph,
    /// Times of this machine.
    pub profile: MachineProfile,
    /// How pictures become inputs; without it no picture is sent.
    pub preprocess: Option<Preprocess>,
    /// What is asked, in this order, again and again.
    pub samples: Samples,
    /// What rivals are calibrated on; others than the samples.
    pub calibration: Vec<NamedInputs>,
}

/// A stage with what was worked out once for all policies.
pub(super) struct Ready<'a> {
    pub(super) stage: &'a Stage,
    /// First class of the whole model for each sample.
    pub(super) reference: Vec<Option<u32>>,
    pub(super) inputs: Vec<NamedInputs>,
    pub(super) pictures: Vec<Option<Arc<Picture>>>,
}

impl Stage {
    /// Puts the operating points in order.
    pub(super) fn table(&self, measure: LossMeasure) -> Result<Table, EndToEndError> {
        let sheet = self.bundle.plan_sheet().ok_or(EndToEndError::NoSheet)?;
        Ok(Table::new(sheet, &self.cuts(), measure)?)
    }

    pub(super) fn cuts(&self) -> Vec<CutId> {
        self.bundle.cuts().map(|cut| cut.cut().id).collect()
    }

    /// Takes the model apart anew: weights and the loaded program are shared.
    pub(super) fn parts(&self) -> Result<ModelParts, EndToEndError> {
        Ok(ModelParts::new(&self.bundle, Arc::clone(&self.program), self.graph.clone())?)
    }
}

impl<'a> Ready<'a> {
    /// Answers the first `most` samples with the whole model.
    pub(super) fn new(stage: &'a Stage, most: usize) -> Result<Self, EndToEndError> {
        if stage.samples.is_empty() {
            return Err(EndToEndError::NoSamples);
        }
        let parts = stage.parts()?;
        let used = stage.samples.len().min(most.max(1));
        let inputs: Vec<NamedInputs> = stage.samples.inputs.iter().take(used).cloned().collect();
        let mut reference = Vec::with_capacity(used);
        for input in &inputs {
            let named: Vec<(&str, Value)> =
                input.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            let crossing = parts.head(&named, Place::Input)?;
            let outputs = parts.tail(Place::Input, &crossing)?;
            reference.push(Answer::new(outputs, AnswerForm::Classes(1)).class());
        }
        let pictures = stage.samples.pictures.iter().take(used);
        let pictures = pictures.map(|picture| picture.clone().map(Arc::new)).collect();
        Ok(Self { stage, reference, inputs, pictures })
    }

    /// Returns which sample a request is about.
    pub(super) fn sample(&self, request: usize) -> usize {
        request % self.inputs.len().max(1)
    }

    pub(super) fn label(&self, sample: usize) -> Option<usize> {
        self.stage.samples.labels.get(sample).copied().flatten()
    }
}
