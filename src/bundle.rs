//! Bundles with their model loaded, and the choice of cuts.

use std::path::Path;
use std::sync::Arc;

use aiflow::codec::{DecodeLimits, Profile};
use aiflow::evaluation::data::Preprocess;
use aiflow::runtime::bundle::{Bundle, BundleCut};
use aiflow::runtime::cut::{Cut, CutId, SplitModel};
use aiflow::runtime::engine::EngineChoice;
use anyhow::{Context as _, Result, anyhow, bail};

use crate::args::PreprocessArgs;
use crate::model::{self, LoadedModel};

/// A bundle with the model that it was learned for.
pub(crate) struct LoadedBundle {
    pub(crate) bundle: Bundle,
    pub(crate) model: LoadedModel,
}

impl LoadedBundle {
    /// Opens a bundle and its model: the one at `model` when a path is given.
    pub(crate) fn open(path: &Path, model: Option<&Path>, engine: EngineChoice) -> Result<Self> {
        let bundle = Bundle::open(path)?;
        let file = bundle.model(model, &[])?;
        let model = LoadedModel::new(bundle.manifest().model.name.clone(), &file, engine)?;
        Ok(Self { bundle, model })
    }

    /// Returns how pictures become inputs: what the flags say, else what the bundle says.
    pub(crate) fn preprocess(&self, args: &PreprocessArgs) -> Result<Option<Preprocess>> {
        if args.preset.is_some() || args.preprocess.is_some() {
            return model::preprocess(args, Path::new(""));
        }
        let stored = &self.bundle.manifest().preprocessing;
        if stored.is_null() {
            return Ok(None);
        }
        let read = serde_json::from_value(stored.clone());
        read.map(Some).context("the preprocessing in the bundle is not understood; learn it again")
    }

    /// Finds a cut by its name.
    pub(crate) fn cut(&self, id: CutId) -> Result<BundleCut<'_>> {
        let known = || self.bundle.cuts().map(|cut| cut.cut().id.to_string()).collect::<Vec<_>>();
        let found = self.bundle.cut(id);
        found.ok_or_else(|| anyhow!("the bundle has no cut {id}; it has {}", known().join(", ")))
    }

    /// Divides the model at a cut.
    pub(crate) fn split(&self, cut: &Cut) -> SplitModel {
        self.model.split(cut)
    }
}

/// Reads the profiles of a cut.
pub(crate) fn profiles(cut: BundleCut<'_>) -> Result<Vec<Arc<Profile>>> {
    let id = cut.cut().id;
    let limits = DecodeLimits::default();
    let names = cut.entry().profiles.iter().map(|profile| profile.file.path.as_str());
    let read = |(bytes, name): (&[u8], &str)| {
        let profile = Profile::from_bytes(bytes, &limits);
        profile.map(Arc::new).with_context(|| format!("the profile {name} of cut {id}"))
    };
    let profiles: Vec<_> = cut.profiles().zip(names).map(read).collect::<Result<_>>()?;
    if profiles.len() != cut.cut().tensors.len() {
        bail!("cut {id} of the bundle has no profiles; learn it again with --cuts {id}");
    }
    Ok(profiles)
}

/// Which cuts a command works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CutSelection {
    All,
    Named(Vec<CutId>),
}

impl CutSelection {
    /// Keeps the chosen ones, in the order of `cuts`.
    pub(crate) fn choose(&self, cuts: Vec<Cut>) -> Result<Vec<Cut>> {
        let Self::Named(wanted) = self else { return Ok(cuts) };
        if let Some(missing) = wanted.iter().find(|&&id| cuts.iter().all(|cut| cut.id != id)) {
            let known: Vec<String> = cuts.iter().map(|cut| cut.id.to_string()).collect();
            bail!("there is no cut {missing}; there are {}", known.join(", "));
        }
        Ok(cuts.into_iter().filter(|cut| wanted.contains(&cut.id)).collect())
    }

    /// Tells whether a dominated cut was asked for, which are not listed otherwise.
    pub(crate) fn names_dominated(&self) -> bool {
        matches!(self, Self::Named(ids) if ids.iter().any(|id| id.to_string().starts_with('d')))
    }
}

impl std::str::FromStr for CutSelection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" {
            return Ok(Self::All);
        }
        let ids = text.split(',').map(|id| id.trim().parse::<CutId>());
        let ids = ids.collect::<Result<Vec<_>, _>>();
        ids.map(Self::Named).map_err(|error| format!("{error}; write all, or c03,c07"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_chosen_by_name() {
        assert_eq!("all".parse(), Ok(CutSelection::All));
        let named: CutSelection = "c01, d002".parse().expect("two names");
        assert_eq!(named, CutSelection::Named(vec![CutId::listed(1), CutId::dominated(2)]));
        assert!(named.names_dominated() && !CutSelection::All.names_dominated());
        assert!("c1x".parse::<CutSelection>().is_err());
        let error = named.choose(Vec::new()).expect_err("no cut").to_string();
        assert!(error.contains("no cut c01"), "{error}");
    }
}
