//! `aiflow cuts`: where a model can be divided.

use std::path::PathBuf;

use aiflow::evaluation::data::Part;
use aiflow::runtime::cut::{self, Cut, CutError, CutList, CutOptions, Verified};
use aiflow::runtime::graph::{DimChoice, InputError};
use anyhow::{Result, anyhow};
use clap::Args;
use serde::Serialize;

use crate::args::{EngineArgs, Format, PreprocessArgs};
use crate::model::{LoadedModel, OpenData, parse_dim, preprocess, shape};
use crate::output;
use crate::progress::Progress;

/// List where a model can be cut, what crosses there, and the proof of each cut
#[derive(Debug, Args)]
pub(crate) struct Cuts {
    /// ONNX file
    model: PathBuf,
    /// Data set whose samples the cuts are proved on as well, such as cifar10:DIR
    #[arg(long, value_name = "SPEC")]
    data: Option<String>,
    /// Samples of the data set to prove with
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Most tensors that a cut may have
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    max_tensors: u8,
    /// List the cuts that another one makes pointless as well
    #[arg(long)]
    all: bool,
    /// Size of a dimension that the model leaves open; may be repeated
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = parse_dim)]
    dims: Vec<(String, usize)>,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: Format,
}

/// All that is known of a model's cuts, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    model: String,
    model_id: String,
    data: Option<String>,
    total_flops: u64,
    input_elements: u64,
    cuts: Vec<Record>,
    dominated: Vec<Record>,
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize)]
struct Refused {
    tensors: Vec<String>,
    reason: String,
}

/// One cut, as JSON.
#[derive(Debug, Serialize)]
struct Record {
    cut: String,
    tensors: Vec<String>,
    operators: Vec<String>,
    shapes: Vec<Vec<usize>>,
    elements: u64,
    raw_bytes: u64,
    side_bytes: u64,
    flops_before: u64,
    flops_after: u64,
    flops_share: f64,
    verified: Verified,
    dominated_by: Option<String>,
    tail_state: Vec<String>,
}

impl Cuts {
    pub(crate) fn run(self) -> Result<()> {
        let model = LoadedModel::open(&self.model, self.engine.engine)?;
        let data = match &self.data {
            Some(spec) => {
                let preprocess = preprocess(&self.preprocess, &self.model)?;
                Some(OpenData::open(spec, Part::Train, preprocess)?)
            }
            None => None,
        };
        let samples = match &data {
            Some(data) => data.samples(&model, self.samples as usize)?.inputs,
            None => Vec::new(),
        };
        let sizes = self.dims.iter().cloned();
        let dims = sizes.fold(DimChoice::new(), |dims, (name, size)| dims.with(name, size));
        let mut options =
            CutOptions::default().with_dims(dims).with_max_tensors(self.max_tensors.into());
        if self.all {
            options = options.with_dominated();
        }
        let found = {
            let _progress = Progress::new("looking for cuts and proving them");
            cut::search(&model.graph, &model.program, &samples, &options).map_err(advise)?
        };
        if self.format.json {
            let data = data.as_ref().map(|data| data.set.name().to_owned());
            return output::json(&Report::new(&model, data, &found));
        }
        self.print(&model, &found)
    }

    fn print(&self, model: &LoadedModel, found: &CutList) -> Result<()> {
        output::text(&format!(
            "{}: {:.1} MFLOP, {} input values",
            model.name,
            found.total_flops as f64 / 1e6,
            found.input_elements
        ))?;
        if found.cuts.is_empty() {
            return output::text("No cut was found: every frontier is too wide or not provable.");
        }
        output::table(&table(&found.cuts), &[])?;
        if !found.dominated.is_empty() {
            output::heading("Dominated: another cut sends no more and leaves no more to compute")?;
            output::table(&table(&found.dominated), &[])?;
        }
        for refused in &found.refused {
            output::text(&format!("refused {}: {}", refused.tensors.join(" + "), refused.error))?;
        }
        let proved = "Every cut was proved: tail(head(x)) was compared with the whole model on";
        let (real, random) = found
            .cuts
            .first()
            .map_or((0, 0), |cut| (cut.verified.real_inputs, cut.verified.random_inputs));
        output::text(&format!("{proved} {real} real and {random} random inputs."))
    }
}

impl Report {
    fn new(model: &LoadedModel, data: Option<String>, found: &CutList) -> Self {
        let refused = found.refused.iter().map(|refused| Refused {
            tensors: refused.tensors.clone(),
            reason: refused.error.to_string(),
        });
        Self {
            model: model.name.clone(),
            model_id: model.id.to_string(),
            data,
            total_flops: found.total_flops,
            input_elements: found.input_elements,
            cuts: found.cuts.iter().map(Record::new).collect(),
            dominated: found.dominated.iter().map(Record::new).collect(),
            refused: refused.collect(),
        }
    }
}

impl Record {
    fn new(cut: &Cut) -> Self {
        Self {
            cut: cut.id.to_string(),
            tensors: cut.tensors.iter().map(|tensor| tensor.name.clone()).collect(),
            operators: cut.tensors.iter().map(|tensor| tensor.operator.clone()).collect(),
            shapes: cut.tensors.iter().map(|tensor| tensor.dims.clone()).collect(),
            elements: cut.elements(),
            raw_bytes: cut.raw_bytes,
            side_bytes: cut.side_bytes(),
            flops_before: cut.flops_head,
            flops_after: cut.flops_tail,
            flops_share: share(cut),
            verified: cut.verified,
            dominated_by: cut.dominated_by.map(|id| id.to_string()),
            tail_state: cut.tail_state.clone(),
        }
    }
}

/// Says how to give a size to a dimension that the model leaves open.
fn advise(error: CutError) -> anyhow::Error {
    let open = match &error {
        CutError::Input(InputError::OpenDimension { symbol, .. }) => Some(symbol.clone()),
        _ => None,
    };
    let error = anyhow::Error::from(error);
    match open {
        Some(symbol) => {
            anyhow!("{error} with --dim {symbol}=SIZE, or give real inputs with --data")
        }
        None => error,
    }
}

/// Lists cuts for a terminal.
pub(crate) fn table(cuts: &[Cut]) -> String {
    let mut heading = vec!["cut", "tensors", "shape", "raw bytes", "before", "after", "difference"];
    if cuts.iter().any(|cut| cut.dominated_by.is_some()) {
        heading.push("remark");
    }
    let mut table = output::new_table(&heading, &[3, 4, 5, 6]);
    for cut in cuts {
        let shapes: Vec<String> = cut.tensors.iter().map(|tensor| shape(&tensor.dims)).collect();
        let note = cut.dominated_by.map(|by| format!("dominated by {by}"));
        let cells = [
            cut.id.to_string(),
            cut.tensor_names().join("\n"),
            shapes.join("\n"),
            (cut.raw_bytes + cut.side_bytes()).to_string(),
            format!("{:.1} %", 100.0 * share(cut)),
            format!("{:.1} %", 100.0 - 100.0 * share(cut)),
            difference(&cut.verified),
        ];
        table.add_row(cells.into_iter().chain(note).collect::<Vec<_>>());
    }
    table.to_string()
}

/// Returns the share of the operations that lie before a cut, 0 to 1.
pub(crate) fn share(cut: &Cut) -> f64 {
    cut.flops_head as f64 / (cut.flops_head + cut.flops_tail).max(1) as f64
}

fn difference(verified: &Verified) -> String {
    let both = [verified.max_abs_difference_real, verified.max_abs_difference_random];
    match both.into_iter().flatten().reduce(f32::max) {
        Some(0.0) => "0".to_owned(),
        Some(difference) => format!("{difference:.1e}"),
        None => "–".to_owned(),
    }
}
