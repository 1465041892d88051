//! Learning the profiles of several cuts, and telling what came of it.

use aiflow::codec::learn::LearnConfig;
use aiflow::runtime::cut::{Cut, SplitModel};
use aiflow::runtime::learning::{LearnedTensor, NamedInputs, learn_cut};
use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::model::{LoadedModel, shape};
use crate::output;

/// A cut with what was learned for its tensors.
pub(crate) struct LearnedCut {
    pub(crate) split: SplitModel,
    pub(crate) tensors: Vec<LearnedTensor>,
}

/// What was learned for one tensor, as JSON and as a row of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) cut: String,
    tensor: String,
    shape: Vec<usize>,
    raw_bytes: u64,
    tools: String,
    chosen: Option<String>,
    bytes_at_target_loss: Option<f64>,
    target_loss: f64,
    rate_index_at_target_loss: Option<u8>,
    profile_bytes: usize,
    profile_id: String,
    zeros: f64,
    weighted: bool,
    weight_spread: Option<f64>,
    weight_correlation: Option<f64>,
    candidates: Vec<Candidate>,
}

/// A combination of tools that was tried, as JSON.
#[derive(Clone, Debug, Serialize)]
struct Candidate {
    name: String,
    bytes_at_target_loss: f64,
    chosen: bool,
}

/// Learns the profiles of `cuts` one after the other. `progress` gets what is being done and the
/// finished share, 0 to 1.
pub(crate) fn learn(
    model: &LoadedModel,
    cuts: Vec<Cut>,
    inputs: &[NamedInputs],
    config: &LearnConfig,
    threads: usize,
    progress: &dyn Fn(&str, f32),
) -> Result<Vec<LearnedCut>> {
    let count = cuts.len() as f32;
    let mut learned = Vec::with_capacity(cuts.len());
    for (index, cut) in cuts.into_iter().enumerate() {
        let id = cut.id;
        let own = |what: &str, share: f32| {
            progress(&format!("{id}: {what}"), (index as f32 + share) / count);
        };
        let split = SplitModel::new(model.program.clone(), &model.graph, cut);
        let tensors = learn_cut(&split, inputs, config, threads, &own)
            .with_context(|| format!("learning cut {id}"))?;
        learned.push(LearnedCut { split, tensors });
    }
    Ok(learned)
}

impl LearnedCut {
    /// Tells what was learned, one record for each tensor.
    pub(crate) fn records(&self, target_loss: f64) -> Vec<Record> {
        let cut = self.split.cut();
        let record = |(tensor, learned): (&aiflow::runtime::cut::CutTensor, &LearnedTensor)| {
            let report = &learned.report;
            let chosen = report.candidates.iter().find(|candidate| candidate.chosen);
            let candidate = |tried: &aiflow::codec::learn::CandidateReport| Candidate {
                name: tried.name.clone(),
                bytes_at_target_loss: tried.bytes,
                chosen: tried.chosen,
            };
            Record {
                cut: cut.id.to_string(),
                tensor: tensor.name.clone(),
                shape: tensor.dims.clone(),
                raw_bytes: 4 * tensor.elements(),
                tools: learned.profile.tools(),
                chosen: chosen.map(|candidate| candidate.name.clone()),
                bytes_at_target_loss: chosen.map(|candidate| candidate.bytes),
                target_loss,
                rate_index_at_target_loss: chosen.map(|candidate| candidate.rate.get()),
                profile_bytes: learned.profile.to_bytes().len(),
                profile_id: learned.profile.id().to_string(),
                zeros: report.zeros,
                weighted: report.weighted,
                weight_spread: report.weight_spread,
                weight_correlation: report.weight_correlation,
                candidates: report.candidates.iter().map(candidate).collect(),
            }
        };
        cut.tensors.iter().zip(&self.tensors).map(record).collect()
    }
}

/// Lists what was learned for a terminal.
pub(crate) fn table(records: &[Record]) -> String {
    let target = records.first().map_or(0.0, |record| record.target_loss);
    let at_target = format!("bytes at KL {target}");
    let heading = ["cut", "shape", "raw bytes", &at_target, "tools chosen", "profile bytes"];
    let mut table = output::new_table(&heading, &[2, 3, 5]);
    for record in records {
        let weights = if record.weighted { ", task weights" } else { "" };
        table.add_row([
            record.cut.clone(),
            shape(&record.shape),
            record.raw_bytes.to_string(),
            record
                .bytes_at_target_loss
                .map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.0}")),
            format!("{}{weights}", record.tools),
            record.profile_bytes.to_string(),
        ]);
    }
    table.to_string()
}

/// Task loss, in nats of KL divergence, at which tools are compared: about 95 to 97 % of the answers
/// stay as they were.
pub(crate) const TARGET_LOSS: f64 = 0.01;
