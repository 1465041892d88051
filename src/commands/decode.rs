//! `aiflow decode`: a frame to a feature, and on to the model's answer.

use std::path::PathBuf;
use std::sync::Arc;

use aiflow::codec::bitstream::{Frame, FrameForm, FrameMode, ProfileTag, TensorHeader};
use aiflow::codec::lossless::decode_lossless_f32;
use aiflow::codec::{DecodeLimits, Decoder, FrameInfo, Profile, RateIndex};
use aiflow::runtime::Tensor;
use aiflow::runtime::bundle::BundleCut;
use aiflow::runtime::cut::CutId;
use anyhow::{Context as _, Result, anyhow, bail};
use clap::{ArgGroup, Args};
use serde::Serialize;

use crate::answer::{Answer, answers};
use crate::args::{EngineArgs, Format};
use crate::bundle::LoadedBundle;
use crate::commands::encode::numbered;
use crate::model::shape;
use crate::quantity::count;
use crate::{files, npy, output};

/// Decode frames to features, and finish the model's work on them
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["output", "finish"])))]
pub(crate) struct Decode {
    /// Bundle that `aiflow learn` wrote
    bundle: PathBuf,
    /// Frames; one for each tensor of the cut
    #[arg(required = true, value_name = "FRAME")]
    frames: Vec<PathBuf>,
    /// Write the feature as an array; with several frames FILE.0, FILE.1, ...
    #[arg(short, long, value_name = "FILE.npy")]
    output: Option<PathBuf>,
    /// Run the tail of the cut and print the answer
    #[arg(long)]
    finish: bool,
    /// Decode the layers that are there of a frame that was cut off
    #[arg(long)]
    prefix: bool,
    /// Cut of the frames; only needed to finish from lossless frames, which name no profile
    #[arg(long, value_name = "ID")]
    cut: Option<CutId>,
    /// The model, where it is neither in the bundle nor beside it
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: Format,
}

/// A frame after decoding.
struct Decoded {
    /// Cut and tensor that its profile belongs to; `None` for frames without a profile.
    place: Option<(CutId, usize)>,
    values: Vec<f32>,
    dims: Vec<usize>,
    info: FrameInfo,
}

/// One frame, as JSON.
#[derive(Debug, Serialize)]
struct Record {
    file: String,
    cut: Option<String>,
    shape: Vec<usize>,
    mode: &'static str,
    rate_index: Option<u8>,
    layers: u8,
    bytes: usize,
    written: Option<String>,
}

/// What was decoded, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    frames: Vec<Record>,
    answers: Vec<Answer>,
}

impl Decode {
    pub(crate) fn run(self) -> Result<()> {
        let count = self.frames.len();
        let paths = self
            .output
            .iter()
            .flat_map(|path| (0..count).map(move |index| numbered(path, index, count)));
        files::check(&paths.collect::<Vec<_>>())?;
        let loaded = LoadedBundle::open(&self.bundle, self.model.as_deref(), self.engine.engine)?;
        let mut decoded = Vec::with_capacity(self.frames.len());
        for path in &self.frames {
            let limit = DecodeLimits::default().max_frame_bytes() as u64;
            let bytes = files::read(path, limit)?;
            let frame = self.decode(&loaded, &bytes);
            decoded.push(frame.with_context(|| path.display().to_string())?);
        }
        let answers = if self.finish { self.answer(&loaded, &decoded)? } else { Vec::new() };
        let mut frames = Vec::with_capacity(count);
        for (index, (path, frame)) in self.frames.iter().zip(&decoded).enumerate() {
            let written = self.output.as_ref().map(|output| numbered(output, index, count));
            if let Some(written) = &written {
                npy::write(written, &frame.dims, &frame.values)?;
            }
            let lossy = frame.info.mode == FrameMode::Lossy;
            frames.push(Record {
                file: path.display().to_string(),
                cut: frame.place.map(|(cut, _)| cut.to_string()),
                shape: frame.dims.clone(),
                mode: frame.info.mode.name(),
                rate_index: lossy.then_some(frame.info.rate.get()),
                layers: frame.info.layers,
                bytes: frame.info.bytes,
                written: written.map(|path| path.display().to_string()),
            });
        }
        let report = Report { frames, answers };
        if self.format.json { output::json(&report) } else { report.print() }
    }

    fn decode(&self, loaded: &LoadedBundle, bytes: &[u8]) -> Result<Decoded> {
        let limits = DecodeLimits::default();
        let parse = if self.prefix {
            Frame::parse_prefix(bytes, FrameForm::SelfContained, &limits).map(|found| found.frame)
        } else {
            Frame::parse(bytes, FrameForm::SelfContained, &limits)
        };
        let frame = parse?;
        let header = frame.header().tensor.context("the frame does not name its shape")?;
        let dims = header.dims.as_slice().to_vec();
        let mut values = Vec::new();
        if frame.header().mode != FrameMode::Lossy {
            decode_lossless_f32(&frame, header.element, &header.dims, &limits, &mut values)?;
            let mode = frame.header().mode;
            let info = FrameInfo { mode, rate: RateIndex::MIN, layers: 1, bytes: bytes.len() };
            return Ok(Decoded { place: None, values, dims, info });
        }
        let (cut, tensor, profile) = find_profile(loaded, &header)?;
        let mut decoder = Decoder::new(profile, limits);
        let info = if self.prefix {
            decoder.decode_prefix(bytes, &mut values)?
        } else {
            decoder.decode(bytes, &mut values)?
        };
        Ok(Decoded { place: Some((cut, tensor)), values, dims, info })
    }

    /// Runs the tail on the features of the frames.
    fn answer(&self, loaded: &LoadedBundle, frames: &[Decoded]) -> Result<Vec<Answer>> {
        let named = frames.iter().find_map(|frame| frame.place).map(|(cut, _)| cut);
        let id = self.cut.or(named).context(
            "these frames name no profile, so their cut is not known; name it with --cut",
        )?;
        let cut = loaded.cut(id)?.cut();
        let wanted = cut.tensors.len();
        if frames.len() != wanted {
            bail!(
                "cut {id} has {}, {} given; give one each",
                count(wanted, "tensor"),
                match frames.len() {
                    1 => "1 frame was".to_owned(),
                    given => format!("{given} frames were"),
                }
            );
        }
        let mut features: Vec<Option<Tensor>> = vec![None; wanted];
        for (index, frame) in frames.iter().enumerate() {
            let (of, place) = frame.place.unwrap_or((id, index));
            if of != id {
                bail!("the frames are of different cuts: {of} and {id}");
            }
            let tensor = Tensor::from_shape_vec(frame.dims.as_slice(), frame.values.clone())?;
            if features.get_mut(place).and_then(|slot| slot.replace(tensor)).is_some() {
                bail!("two of the frames are of the same tensor of cut {id}");
            }
        }
        let features: Vec<Tensor> = features.into_iter().flatten().collect();
        let outputs = loaded.split(cut).tail(&features).context("running the tail")?;
        Ok(answers(&cut.tail_outputs, &outputs))
    }
}

/// Finds the profile that a frame names, with its cut and tensor.
fn find_profile(
    loaded: &LoadedBundle,
    header: &TensorHeader,
) -> Result<(CutId, usize, Arc<Profile>)> {
    let of_cut = |cut: BundleCut<'_>, tag: ProfileTag| {
        let profiles = cut.entry().profiles.iter();
        let ids = profiles.map(|profile| *profile.file.sha256.as_bytes());
        ids.enumerate().find(|(_, id)| id.starts_with(&tag.0)).map(|(index, _)| index)
    };
    for cut in loaded.bundle.cuts() {
        let Some(index) = of_cut(cut, header.profile) else { continue };
        let bytes = cut.profiles().nth(index).context("the profile is not in the bundle")?;
        let profile = Profile::from_bytes(bytes, &DecodeLimits::default())
            .with_context(|| format!("the profile of cut {}", cut.cut().id))?;
        return Ok((cut.cut().id, index, Arc::new(profile)));
    }
    Err(anyhow!(
        "the frame was coded with profile {}, which is not in this bundle; take the bundle that it \
         was encoded with",
        header.profile
    ))
}

impl Report {
    fn print(&self) -> Result<()> {
        for frame in &self.frames {
            let rate = frame.rate_index.map_or_else(String::new, |rate| format!(", rate {rate}"));
            let cut = frame.cut.as_ref().map_or_else(String::new, |cut| format!(", cut {cut}"));
            output::text(&format!(
                "{}: {}{cut}, {}{rate}, layers {}, {} bytes",
                frame.file,
                shape(&frame.shape),
                frame.mode,
                frame.layers,
                frame.bytes
            ))?;
            if let Some(written) = &frame.written {
                output::text(&format!("written: {written}"))?;
            }
        }
        self.answers.iter().try_for_each(|answer| output::text(&answer.to_string()))
    }
}
