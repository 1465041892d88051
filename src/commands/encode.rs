//! `aiflow encode`: a feature to a frame.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aiflow::codec::bitstream::FrameForm;
use aiflow::codec::lossless::encode_lossless;
use aiflow::codec::{
    Dims, Effort, Encoder, EncoderConfig, FrameInfo, Profile, RateIndex, RateTarget, TensorView,
};
use aiflow::evaluation::data;
use aiflow::runtime::Tensor;
use aiflow::runtime::cut::{CutId, CutTensor};
use anyhow::{Context as _, Result, bail};
use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;

use crate::args::{EngineArgs, Format, PreprocessArgs};
use crate::bundle::{LoadedBundle, profiles};
use crate::files;
use crate::model::{OpenData, shape};
use crate::output;
use crate::quantity::count as count_of;

/// Run the head of a cut on a sample, or take a feature, and encode it as a frame
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("source").required(true).args(["data", "tensor"])))]
#[command(group(ArgGroup::new("size").required(true).args(["rate", "max_bytes", "lossless"])))]
pub(crate) struct Encode {
    /// Bundle that `aiflow learn` wrote
    bundle: PathBuf,
    /// Cut, such as c03
    #[arg(long, value_name = "ID")]
    cut: CutId,
    /// Data set with the sample to run the head on
    #[arg(long, value_name = "SPEC")]
    data: Option<String>,
    /// Feature to encode, as an array; once for each tensor of the cut
    #[arg(long, value_name = "FILE.npy")]
    tensor: Vec<PathBuf>,
    /// Which sample of the data set, counted from 0
    #[arg(long, value_name = "I", default_value_t = 0)]
    index: usize,
    /// Rate index: 0 is nearly lossless, 63 the coarsest, 8 steps double the quantiser's step
    #[arg(long, value_name = "Q", value_parser = clap::value_parser!(u8).range(0..=63))]
    rate: Option<u8>,
    /// The finest rate at which the frames of all tensors together fit into so many bytes
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<usize>,
    /// Keep every bit
    #[arg(long)]
    lossless: bool,
    /// Move the rate by how sure the model seems of its answer
    #[arg(long, requires = "rate")]
    adapt: bool,
    /// Layers: a receiver may stop after any of them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    layers: u8,
    /// How hard to work for fewer bytes
    #[arg(long, value_enum, default_value_t)]
    effort: Work,
    /// File for the frame; with several tensors FRAME.0, FRAME.1, ...
    #[arg(short, long, value_name = "FRAME")]
    output: PathBuf,
    /// The model, where it is neither in the bundle nor beside it
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: Format,
}

/// A tensor of the cut with its profile and its values.
type Part<'a> = (&'a CutTensor, &'a Arc<Profile>, &'a Tensor);

/// A frame with what is said of it.
type Coded = (Vec<u8>, FrameInfo);

/// How hard the encoder works.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Work {
    /// No prediction, no optimised rounding
    Fast,
    /// The smallest frames
    #[default]
    High,
}

/// One frame, as JSON.
#[derive(Debug, Serialize)]
struct Record {
    file: String,
    cut: String,
    tensor: String,
    shape: Vec<usize>,
    mode: &'static str,
    rate_index: Option<u8>,
    layers: u8,
    bytes: usize,
    raw_bytes: usize,
    bits_per_feature: f64,
    profile_id: String,
}

impl Encode {
    pub(crate) fn run(self) -> Result<()> {
        let loaded = LoadedBundle::open(&self.bundle, self.model.as_deref(), self.engine.engine)?;
        let cut = loaded.cut(self.cut)?;
        let profiles = profiles(cut)?;
        let count = cut.cut().tensors.len();
        let paths: Vec<PathBuf> =
            (0..count).map(|index| numbered(&self.output, index, count)).collect();
        files::check(&paths)?;
        let features = match &self.data {
            Some(spec) => self.head(&loaded, spec)?,
            None => self.tensors()?,
        };
        let tensors = &cut.cut().tensors;
        if features.len() != tensors.len() {
            let (have, want) = (features.len(), tensors.len());
            bail!(
                "cut {} has {}, {have} were given; repeat --tensor for each",
                self.cut,
                count_of(want, "tensor")
            );
        }
        let mut records = Vec::with_capacity(tensors.len());
        let mut frames = Vec::with_capacity(tensors.len());
        let parts: Vec<Part<'_>> = tensors
            .iter()
            .zip(&profiles)
            .zip(&features)
            .map(|((tensor, profile), feature)| (tensor, profile, feature))
            .collect();
        let coded = match (self.max_bytes, parts.len()) {
            (Some(most), 2..) => self.together(&parts, most)?,
            _ => self.frames(&parts, self.target())?,
        };
        for ((&(tensor, profile, feature), (frame, info)), path) in
            parts.iter().zip(coded).zip(paths)
        {
            records.push(Record::new(&path, self.cut, &tensor.name, feature, profile, info));
            frames.push((path, frame));
        }
        for (path, frame) in frames {
            files::write(&path, &frame)?;
        }
        if self.format.json { output::json(&records) } else { print(&records) }
    }

    /// Runs the head on the chosen sample.
    fn head(&self, loaded: &LoadedBundle, spec: &str) -> Result<Vec<Tensor>> {
        let preprocess = loaded.preprocess(&self.preprocess)?;
        let data = OpenData::open(spec, data::Part::Test, preprocess)?;
        let inputs = data.inputs(&loaded.model, self.index)?;
        let named: Vec<_> =
            inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let split = loaded.split(loaded.cut(self.cut)?.cut());
        Ok(split.head_with(&named)?.features)
    }

    /// Reads the features that were given as files.
    fn tensors(&self) -> Result<Vec<Tensor>> {
        let read = |path: &PathBuf| {
            let data = OpenData::open(&format!("npy:{}", path.display()), data::Part::All, None)?;
            Ok(data.set.sample(self.index)?.input)
        };
        self.tensor.iter().map(read).collect()
    }

    /// Returns what the flags ask for; `None` is lossless.
    fn target(&self) -> Option<RateTarget> {
        match (self.rate.and_then(RateIndex::new), self.max_bytes) {
            (Some(rate), _) if self.adapt => Some(RateTarget::Confidence(rate)),
            (Some(rate), _) => Some(RateTarget::Index(rate)),
            (None, most) => most.map(RateTarget::MaxBytes),
        }
    }

    /// Encodes every tensor of the cut.
    fn frames(&self, parts: &[Part<'_>], target: Option<RateTarget>) -> Result<Vec<Coded>> {
        let frame = |&(tensor, profile, feature): &Part<'_>| {
            self.frame(profile, feature, target)
                .with_context(|| format!("encoding {} of cut {}", tensor.name, self.cut))
        };
        parts.iter().map(frame).collect()
    }

    /// Encodes several tensors at the finest rate at which all of them fit into `most` bytes.
    fn together(&self, parts: &[Part<'_>], most: usize) -> Result<Vec<Coded>> {
        let at = |rate: u8| {
            let coded = self.frames(parts, RateIndex::new(rate).map(RateTarget::Index))?;
            let bytes: usize = coded.iter().map(|(frame, _)| frame.len()).sum();
            anyhow::Ok((coded, bytes))
        };
        let (mut best, least) = at(RateIndex::MAX.get())?;
        if least > most {
            bail!(
                "the {} tensors of cut {} need {least} bytes together at the coarsest rate, --max-bytes \
                 gives {most}; give more",
                parts.len(),
                self.cut
            );
        }
        let (mut finest, mut fits) = (0, RateIndex::MAX.get());
        while finest < fits {
            let middle = finest.midpoint(fits);
            let (coded, bytes) = at(middle)?;
            if bytes <= most {
                (best, fits) = (coded, middle);
            } else {
                finest = middle + 1;
            }
        }
        Ok(best)
    }

    fn frame(
        &self,
        profile: &Arc<Profile>,
        feature: &Tensor,
        target: Option<RateTarget>,
    ) -> Result<Coded> {
        let dims = Dims::new(feature.shape())?;
        let values: Vec<f32> = feature.iter().copied().collect();
        let view = TensorView::f32(&dims, &values)?;
        let mut frame = Vec::new();
        let Some(target) = target else {
            let mode = encode_lossless(&view, FrameForm::SelfContained, &mut frame)?;
            let bytes = frame.len();
            let info = FrameInfo { mode, rate: RateIndex::MIN, layers: 1, bytes };
            return Ok((frame, info));
        };
        let effort = match self.effort {
            Work::Fast => Effort::Fast,
            Work::High => Effort::High,
        };
        let config = EncoderConfig::default().with_effort(effort).with_layers(self.layers);
        let info = Encoder::new(Arc::clone(profile), config).encode(&view, target, &mut frame)?;
        Ok((frame, info))
    }
}

impl Record {
    fn new(
        path: &Path,
        cut: CutId,
        tensor: &str,
        feature: &Tensor,
        profile: &Profile,
        info: FrameInfo,
    ) -> Self {
        let lossy = info.mode == aiflow::codec::bitstream::FrameMode::Lossy;
        Self {
            file: path.display().to_string(),
            cut: cut.to_string(),
            tensor: tensor.to_owned(),
            shape: feature.shape().to_vec(),
            mode: info.mode.name(),
            rate_index: lossy.then_some(info.rate.get()),
            layers: info.layers,
            bytes: info.bytes,
            raw_bytes: 4 * feature.len(),
            bits_per_feature: 8.0 * info.bytes as f64 / feature.len().max(1) as f64,
            profile_id: profile.id().to_string(),
        }
    }
}

/// Returns the path itself for one file, and numbered ones for several.
pub(crate) fn numbered(path: &Path, index: usize, count: usize) -> PathBuf {
    if count == 1 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{index}"));
    name.into()
}

fn print(records: &[Record]) -> Result<()> {
    let heading =
        ["file", "tensor", "shape", "mode", "rate", "layers", "bytes", "raw", "bits/value"];
    let mut table = output::new_table(&heading, &[4, 5, 6, 7, 8]);
    for record in records {
        table.add_row([
            record.file.clone(),
            record.tensor.clone(),
            shape(&record.shape),
            record.mode.to_owned(),
            record.rate_index.map_or_else(|| "–".to_owned(), |rate| rate.to_string()),
            record.layers.to_string(),
            record.bytes.to_string(),
            record.raw_bytes.to_string(),
            format!("{:.3}", record.bits_per_feature),
        ]);
    }
    output::table(&table.to_string(), &[])
}
