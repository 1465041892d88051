//! The bench: bytes against accuracy at every cut, ours and all rivals, on the same samples.
//!
//! Encode and decode really happen, the tail runs on what was decoded, sizes are those of the
//! bytes. Rivals learn from the same calibration samples as the profiles; the test samples are
//! others. Frames are counted in session form: profile and shape agreed beforehand, rate index and
//! checksum in every frame. Rivals carry neither shape nor checksum.

mod learned;
mod runner;
mod subject;

use std::sync::Arc;

use aiflow_codec::Profile;
use aiflow_codec::learn::{LearnConfig, Stage};
use aiflow_runtime::cut::{SplitError, SplitModel};
use aiflow_runtime::learning::{self, LearningError};

pub use self::learned::{LearnedCodec, Use};
pub use self::subject::Samples;
use self::subject::{Subject, flatten};
use crate::curve::{CutRecord, Measured, Reference, Study, ablation, summarise};
use crate::data::{DataError, Preprocess};
use crate::error::{MeasureError, RivalError};
use crate::rival::{self, Calibration, FeatureCodec};
use crate::statistics::Resamples;

/// Why a bench could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A sample could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A codec failed.
    #[error(transparent)]
    Codec(#[from] RivalError),
    /// The outputs cannot be compared.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// A side of a cut did not run.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The model did not run on the samples, or an ablation could not be learned.
    #[error(transparent)]
    Learning(#[from] LearningError),
    /// A codec decoded to another number of values.
    #[error("a codec decoded to another number of values than the tensor has")]
    DecodedShape,
    /// There is nothing to measure.
    #[error("no test samples or no cuts were given")]
    NoSamples,
    /// The set has no pictures, so picture codecs cannot be measured.
    #[error("the test set has no pictures; leave out the methods that end in -input")]
    NoPictures,
    /// A cut has another number of profiles than tensors.
    #[error("cut {cut} has {tensors} tensors but {profiles} profiles; learn the bundle again")]
    Profiles {
        /// The cut.
        cut: String,
        /// Its tensors.
        tensors: usize,
        /// The profiles given.
        profiles: usize,
    },
}

/// What a bench measures.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Samples run at the same time.
    pub threads: usize,
    /// Methods to run, exact names or prefixes ended by `*`; empty for all.
    pub methods: Vec<String>,
    /// Bootstrap draws of the intervals.
    pub draws: usize,
    /// Whether every stage of the codec is left out once and measured.
    pub ablation: Ablation,
    /// How the profiles were learned: ablations repeat it.
    pub learn: LearnConfig,
}

/// Whether ablations are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ablation {
    /// No ablation: it learns every cut once per stage again.
    #[default]
    Skip,
    /// One variant per stage at every cut.
    Run,
}

impl Default for BenchOptions {
    /// One thread, all methods, 1,000 draws, no ablation.
    fn default() -> Self {
        Self {
            threads: 1,
            methods: Vec::new(),
            draws: 1_000,
            ablation: Ablation::Skip,
            learn: LearnConfig::default(),
        }
    }
}

impl BenchOptions {
    fn wants(&self, method: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => method.starts_with(prefix),
            None => pattern == method,
        };
        self.methods.is_empty() || self.methods.iter().any(matches)
    }
}

/// A cut with its profiles, one per tensor.
pub struct BenchCut {
    /// The divided model.
    pub split: SplitModel,
    /// Profiles in the order of the cut's tensors.
    pub profiles: Vec<Arc<Profile>>,
}

/// What all points of a run share.
pub(crate) struct Context<'a> {
    pub(crate) model: &'a str,
    pub(crate) threads: usize,
    pub(crate) reference: &'a Reference,
    pub(crate) resamples: &'a Resamples,
}

/// The samples of a bench.
pub struct BenchData<'a> {
    /// Name of the model in records.
    pub model: &'a str,
    /// Name of the test set in records.
    pub dataset: &'a str,
    /// Samples that nothing was learned from.
    pub test: &'a Samples,
    /// Samples that rivals learn from.
    pub calibration: &'a Samples,
    /// How pictures become inputs; without it, picture codecs are not measured.
    pub preprocess: Option<&'a Preprocess>,
}

/// Seed of the bootstrap.
const SEED: u64 = 0x5EED;

/// Measures every wanted method at every cut.
///
/// `progress` gets what is being measured and the finished share, 0 to 1.
///
/// # Errors
/// When samples cannot be read, the model does not run on them or is no classifier, or a codec fails.
pub fn run(
    data: &BenchData<'_>,
    cuts: &[BenchCut],
    options: &BenchOptions,
    progress: &dyn Fn(&str, f32),
) -> Result<Study, BenchError> {
    let first = cuts.first().ok_or(BenchError::NoSamples)?;
    progress("running the whole model", 0.0);
    let outputs = whole(&first.split, data.test, options.threads)?;
    let reference = Reference::new(outputs, &data.test.labels)?;
    let resamples = Resamples::new(data.test.len(), options.draws, SEED);
    let context = Context {
        model: data.model,
        threads: options.threads,
        reference: &reference,
        resamples: &resamples,
    };
    let mut points = input_points(&context, data, &first.split, options, progress)?;
    let mut study = Study {
        model: data.model.to_owned(),
        dataset: data.dataset.to_owned(),
        n: data.test.len(),
        calibration_n: data.calibration.len(),
        reference_top1: reference.top1(),
        ..Study::default()
    };
    for (index, cut) in cuts.iter().enumerate() {
        let share = |name: &str, done: f32| {
            let own = (index as f32 + done) / cuts.len() as f32;
            progress(&format!("{}: {name}", cut.split.cut().id), 0.05 + 0.95 * own);
        };
        study.cuts.push(cut_record(cut));
        let (measured, ablations) = cut_points(&context, data, cut, options, &share)?;
        points.extend(measured);
        study.ablations.extend(ablations);
    }
    let summaries = summarise(&points, &reference, &resamples);
    study.summaries = summaries.summaries;
    study.ratios = summaries.ratios;
    study.points = points.into_iter().map(|p| p.record).collect();
    Ok(study)
}

fn whole(
    split: &SplitModel,
    samples: &Samples,
    threads: usize,
) -> Result<Vec<Vec<f32>>, BenchError> {
    let run = |i: usize| -> Result<Vec<f32>, BenchError> {
        let named: Vec<_> =
            samples.inputs[i].iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
        Ok(flatten(&split.whole_with(&named)?))
    };
    aiflow_runtime::parallel_map(samples.len(), threads, run).into_iter().collect()
}

fn input_points(
    context: &Context<'_>,
    data: &BenchData<'_>,
    split: &SplitModel,
    options: &BenchOptions,
    progress: &dyn Fn(&str, f32),
) -> Result<Vec<Measured>, BenchError> {
    let Some(preprocess) = data.preprocess else { return Ok(Vec::new()) };
    if data.test.pictures.iter().any(Option::is_none) {
        return Ok(Vec::new());
    }
    let codecs = rival::picture_codecs();
    let wanted: Vec<_> = codecs.iter().filter(|codec| options.wants(codec.name())).collect();
    let mut points = Vec::with_capacity(wanted.len());
    for (i, codec) in wanted.iter().enumerate() {
        let text = format!("{} {}", codec.name(), codec.setting());
        progress(&text, 0.05 * i as f32 / wanted.len() as f32);
        points.push(runner::picture_point(context, split, data.test, preprocess, codec.as_ref())?);
    }
    Ok(points)
}

fn cut_record(cut: &BenchCut) -> CutRecord {
    let meta = cut.split.cut();
    let shape = |dims: &[usize]| {
        let inner: Vec<String> = dims.iter().skip(1).map(ToString::to_string).collect();
        inner.join("x")
    };
    let shapes: Vec<String> = meta.tensors.iter().map(|t| shape(&t.dims)).collect();
    let total = (meta.flops_head + meta.flops_tail).max(1);
    CutRecord {
        cut: meta.id.to_string(),
        label: meta.tensor_names().join(" + "),
        shape: shapes.join(" + "),
        features: meta.elements() as usize,
        raw_bytes: meta.raw_bytes,
        flops_share: meta.flops_head as f64 / total as f64,
    }
}

type CutPoints = (Vec<Measured>, Vec<crate::curve::AblationRecord>);

fn cut_points(
    context: &Context<'_>,
    data: &BenchData<'_>,
    cut: &BenchCut,
    options: &BenchOptions,
    progress: &dyn Fn(&str, f32),
) -> Result<CutPoints, BenchError> {
    let tensors = cut.split.cut().tensors.len();
    if tensors != cut.profiles.len() {
        let (cut_id, profiles) = (cut.split.cut().id.to_string(), cut.profiles.len());
        return Err(BenchError::Profiles { cut: cut_id, tensors, profiles });
    }
    progress("features", 0.0);
    let subject = Subject::new(&cut.split, &data.test.inputs, context.threads)?;
    let calibration = Subject::new(&cut.split, &data.calibration.inputs, context.threads)?;
    let mut points = Vec::new();
    let mut learned_points = Vec::new();
    for with in Use::ALL.into_iter().filter(|with| options.wants(with.method())) {
        progress(with.method(), 0.05);
        let per_tensor: Vec<Vec<LearnedCodec>> =
            cut.profiles.iter().map(|p| LearnedCodec::settings(p, with)).collect();
        let measured = curve(context, &subject, &per_tensor)?;
        if with == Use::High {
            learned_points.clone_from(&measured);
        }
        points.extend(measured);
    }
    let names: Vec<&str> = rival::methods().filter(|name| options.wants(name)).collect();
    for (i, name) in names.iter().enumerate() {
        progress(name, 0.3 + 0.4 * i as f32 / names.len() as f32);
        let mut per_tensor = Vec::with_capacity(tensors);
        for (index, dims) in calibration.dims.iter().enumerate() {
            let rows: Vec<Vec<f32>> =
                calibration.features.iter().map(|f| f[index].iter().copied().collect()).collect();
            let material = Calibration::new(rows.iter().map(Vec::as_slice), dims)?;
            per_tensor.push(rival::calibrate(name, &material)?);
        }
        points.extend(curve_boxed(context, &subject, &per_tensor)?);
    }
    let mut records = Vec::new();
    if options.ablation == Ablation::Run {
        let mut variants: Vec<(&str, Vec<Measured>)> = Vec::new();
        for (i, stage) in Stage::ALL.into_iter().enumerate() {
            progress(&format!("without {}", stage.name()), 0.7 + 0.05 * i as f32);
            variants.push((stage.name(), without(context, data, cut, &subject, options, stage)?));
        }
        let variants: Vec<(&str, &[Measured])> =
            variants.iter().map(|(name, points)| (*name, points.as_slice())).collect();
        records = ablation(&learned_points, &variants);
    }
    Ok((points, records))
}

/// Learns a cut without one stage and measures it.
fn without(
    context: &Context<'_>,
    data: &BenchData<'_>,
    cut: &BenchCut,
    subject: &Subject<'_>,
    options: &BenchOptions,
    stage: Stage,
) -> Result<Vec<Measured>, BenchError> {
    let config = options.learn.clone().without(stage);
    let (inputs, config) = data.calibration.to_learn(data.preprocess, config);
    let learned = learning::learn_cut(&cut.split, &inputs, &config, context.threads, &|_, _| {})?;
    let per_tensor: Vec<Vec<LearnedCodec>> = learned
        .into_iter()
        .map(|tensor| {
            let settings = LearnedCodec::settings(&Arc::new(tensor.profile), Use::High);
            let name = format!("learned-without-{}", stage.name());
            settings.into_iter().map(|codec| codec.named(&name)).collect()
        })
        .collect();
    curve(context, subject, &per_tensor)
}

/// Measures the settings of a method; tensors of a cut move through their settings together.
fn curve<C: FeatureCodec>(
    context: &Context<'_>,
    subject: &Subject<'_>,
    per_tensor: &[Vec<C>],
) -> Result<Vec<Measured>, BenchError> {
    let settings = per_tensor.iter().map(Vec::len).min().unwrap_or(0);
    (0..settings)
        .map(|i| {
            let codecs: Vec<&dyn FeatureCodec> =
                per_tensor.iter().map(|codecs| &codecs[i] as &dyn FeatureCodec).collect();
            runner::feature_point(context, subject, &codecs)
        })
        .collect()
}

fn curve_boxed(
    context: &Context<'_>,
    subject: &Subject<'_>,
    per_tensor: &[Vec<Box<dyn FeatureCodec>>],
) -> Result<Vec<Measured>, BenchError> {
    let settings = per_tensor.iter().map(Vec::len).min().unwrap_or(0);
    (0..settings)
        .map(|i| {
            let codecs: Vec<&dyn FeatureCodec> =
                per_tensor.iter().map(|codecs| codecs[i].as_ref()).collect();
            runner::feature_point(context, subject, &codecs)
        })
        .collect()
}
