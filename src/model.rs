//! A loaded model, and data for it.

use std::path::Path;
use std::sync::Arc;

use aiflow::evaluation::bench::Samples;
use aiflow::evaluation::data::{self, DataError, DataSpec, Dataset, Part, Preprocess};
use aiflow::runtime::cut::{Cut, SplitModel};
use aiflow::runtime::engine::{EngineChoice, Threads};
use aiflow::runtime::graph::{Dim, Graph, InputSpec};
use aiflow::runtime::learning::NamedInputs;
use aiflow::runtime::{ElementKind, ModelFile, ModelId, Program, Tensor, Value};
use anyhow::{Result, anyhow, bail};

use crate::args::PreprocessArgs;

/// A model that an engine has loaded.
pub(crate) struct LoadedModel {
    /// Name in reports: the file's, without its ending.
    pub(crate) name: String,
    /// Identity.
    pub(crate) id: ModelId,
    /// Its graph.
    pub(crate) graph: Graph,
    /// What runs it.
    pub(crate) program: Arc<dyn Program>,
}

impl LoadedModel {
    /// Opens a model file.
    pub(crate) fn open(path: &Path, engine: EngineChoice) -> Result<Self> {
        Self::open_read(path, &ModelFile::open(path)?, engine)
    }

    /// Loads a model that was read from `path`, which names it.
    pub(crate) fn open_read(path: &Path, file: &ModelFile, engine: EngineChoice) -> Result<Self> {
        let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
        Self::new(name, file, engine)
    }

    /// Loads a model that was read.
    pub(crate) fn new(name: String, file: &ModelFile, engine: EngineChoice) -> Result<Self> {
        let graph = Graph::new(file)?;
        let program = engine.open(Threads::default())?.load(file)?;
        Ok(Self { name, id: file.id(), graph, program })
    }

    /// Divides the model at a cut.
    pub(crate) fn split(&self, cut: &Cut) -> SplitModel {
        SplitModel::new(self.program.clone(), &self.graph, cut.clone())
    }

    /// Turns a sample into the element type of an input.
    fn typed(&self, name: &str, sample: Tensor, data: &str) -> Result<Value> {
        let specs = self.graph.input_specs();
        let kind = specs.iter().find(|spec| spec.name == name).and_then(|spec| spec.kind);
        let kind = kind.unwrap_or(ElementKind::F32);
        Value::from_floats(sample, kind).ok_or_else(|| {
            anyhow!(
                "the input `{name}` takes {kind:?} and {data} holds other numbers; give whole numbers \
                 in its range"
            )
        })
    }

    /// Checks that one sample fits what the model says about its inputs.
    fn check(&self, sample: &[(String, Value)], data: &str) -> Result<()> {
        let specs = self.graph.input_specs();
        for spec in &specs {
            let Some((_, value)) = sample.iter().find(|(name, _)| *name == spec.name) else {
                let given: Vec<&str> = sample.iter().map(|(name, _)| name.as_str()).collect();
                bail!(
                    "the model needs an input `{}` and {data} gives {}; a data set can feed models \
                     with one input, named by `input` of the preprocessing",
                    spec.name,
                    given.join(", ")
                );
            };
            if !fits(spec, value.dims()) {
                // Arrays are taken as they are, pictures are prepared.
                let advice = match data.starts_with("npy:") {
                    true => "save an array with one such sample in each row",
                    false => "choose the preprocessing of this model with --preset or --preprocess",
                };
                bail!(
                    "{data} gives {:?} for the input `{}`, the model takes {}; {advice}",
                    value.dims(),
                    spec.name,
                    wanted(spec)
                );
            }
        }
        Ok(())
    }
}

/// An open data set with the preprocessing that it was opened with.
pub(crate) struct OpenData {
    pub(crate) set: Box<dyn Dataset>,
    pub(crate) preprocess: Option<Preprocess>,
}

impl OpenData {
    /// Opens a data set for a model.
    pub(crate) fn open(spec: &str, part: Part, preprocess: Option<Preprocess>) -> Result<Self> {
        let spec: DataSpec = spec.parse()?;
        match data::open(&spec.or_part(part), preprocess.as_ref()) {
            Ok(set) => Ok(Self { set, preprocess }),
            Err(error @ DataError::NoPreprocess { .. }) => {
                bail!("{error}, or choose one with --preset or --preprocess")
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads one sample, with its inputs by name, and checks that the model takes it.
    pub(crate) fn sample(
        &self,
        model: &LoadedModel,
        index: usize,
    ) -> Result<(aiflow::evaluation::data::Sample, NamedInputs)> {
        let mut sample = self.set.sample(index)?;
        let input = std::mem::take(&mut sample.input);
        Ok((sample, self.fed(model, input)?))
    }

    /// Reads one sample as inputs by name and checks that the model takes it.
    pub(crate) fn inputs(&self, model: &LoadedModel, index: usize) -> Result<NamedInputs> {
        self.fed(model, self.set.sample(index)?.input)
    }

    /// Names a sample as the model does, in the element type that it takes.
    fn fed(&self, model: &LoadedModel, input: Tensor) -> Result<NamedInputs> {
        let name = self.input_name(model)?;
        let value = model.typed(&name, input, self.set.name())?;
        let inputs = vec![(name, value)];
        model.check(&inputs, self.set.name())?;
        Ok(inputs)
    }

    /// Reads the first `limit` samples and checks that the model takes them.
    pub(crate) fn samples(&self, model: &LoadedModel, limit: usize) -> Result<Samples> {
        let input = self.input_name(model)?;
        let mut samples = Samples::read(self.set.as_ref(), &input, limit)?;
        for sample in &mut samples.inputs {
            for (name, value) in sample.iter_mut() {
                if let Value::F32(floats) = value {
                    *value = model.typed(name, std::mem::take(floats), self.set.name())?;
                }
            }
            model.check(sample, self.set.name())?;
        }
        if samples.is_empty() {
            bail!("data set `{}` has no sample; check its options", self.set.name());
        }
        Ok(samples)
    }

    /// Returns the input that the data is for.
    fn input_name(&self, model: &LoadedModel) -> Result<String> {
        let inputs = model.graph.input_specs();
        Ok(match (&self.preprocess, inputs.as_slice()) {
            (Some(preprocess), _) => preprocess.input().to_owned(),
            (None, [first, ..]) => first.name.clone(),
            (None, []) => bail!("the model has no input"),
        })
    }
}

/// Finds the preprocessing: what the flags name, else the file beside the model, else its preset.
pub(crate) fn preprocess(args: &PreprocessArgs, model: &Path) -> Result<Option<Preprocess>> {
    if let Some(file) = &args.preprocess {
        return Ok(Some(Preprocess::read(file)?));
    }
    let Some(name) = &args.preset else { return Ok(Preprocess::for_model(model)?) };
    let known = || Preprocess::preset_names().collect::<Vec<_>>().join(", ");
    let found = Preprocess::preset(name);
    found.map(Some).ok_or_else(|| anyhow!("no preset is called `{name}`; there are {}", known()))
}

/// Reads `NAME=SIZE`.
pub(crate) fn parse_dim(text: &str) -> Result<(String, usize), String> {
    let pair = text.split_once('=').and_then(|(name, size)| {
        Some((name.to_owned(), size.parse::<usize>().ok().filter(|&size| size > 0)?))
    });
    pair.ok_or_else(|| "write NAME=SIZE, such as tokens=16".to_owned())
}

/// Shows dimensions without the batch, such as `64x8x8`.
pub(crate) fn shape(dims: &[usize]) -> String {
    let inner = if dims.len() > 1 { dims.get(1..).unwrap_or_default() } else { dims };
    inner.iter().map(ToString::to_string).collect::<Vec<_>>().join("x")
}

fn fits(spec: &InputSpec, dims: &[usize]) -> bool {
    let Some(wanted) = &spec.dims else { return true };
    let same = |(wanted, &found): (&Dim, &usize)| match wanted {
        Dim::Fixed(size) => *size == found,
        Dim::Open(_) => true,
    };
    wanted.len() == dims.len() && wanted.iter().zip(dims).all(same)
}

fn wanted(spec: &InputSpec) -> String {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Open(symbol) if symbol.is_empty() => "any".to_owned(),
        Dim::Open(symbol) => symbol.clone(),
    };
    let dims = spec.dims.iter().flatten().map(dim).collect::<Vec<_>>();
    format!("[{}]", dims.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_fits_where_fixed_sizes_agree() {
        let dims = vec![Dim::Open("N".into()), Dim::Fixed(3), Dim::Open(String::new())];
        let spec = InputSpec { name: "x".into(), kind: None, dims: Some(dims) };
        assert!(fits(&spec, &[1, 3, 9]));
        assert!(!fits(&spec, &[1, 1, 9]));
        assert!(!fits(&spec, &[1, 3]));
        assert_eq!(wanted(&spec), "[N, 3, any]");
    }

    #[test]
    fn sizes_are_named_pairs() {
        assert_eq!(parse_dim("a=3"), Ok(("a".to_owned(), 3)));
        assert!(parse_dim("a").is_err() && parse_dim("a=0").is_err() && parse_dim("a=b").is_err());
        assert_eq!(shape(&[1, 64, 8, 8]), "64x8x8");
        assert_eq!(shape(&[7]), "7");
    }
}
