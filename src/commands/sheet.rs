//! `aiflow sheet`: measure what each way to use the cuts of a bundle costs.

use std::path::PathBuf;

use aiflow::evaluation::data::Part;
use aiflow::runtime::bundle::{Bundle, Existing};
use anyhow::{Result, bail};
use clap::Args;

use crate::args::{EngineArgs, Format, PreprocessArgs, ThreadArgs};
use crate::bundle::LoadedBundle;
use crate::model::OpenData;
use crate::progress::Progress;
use crate::{files, output, sheet};

/// Measure the plan sheet of a bundle: bytes and loss of every way to use its cuts
///
/// The sheet is written into the bundle, where `aiflow plan` and peers read it. Measure it on samples
/// that neither the network nor the profiles have seen, and not on those that a bench will use: a
/// network's own training pictures look several times easier than new ones.
#[derive(Debug, Args)]
pub(crate) struct Sheet {
    /// Bundle that `aiflow learn` wrote
    bundle: PathBuf,
    /// Data set to measure on; its training part unless it says #test. Without it the sheet that is
    /// there is shown
    #[arg(long, value_name = "SPEC")]
    data: Option<String>,
    /// Measure on the first N samples only
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// The model, where it is neither in the bundle nor beside it
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: Format,
}

impl Sheet {
    pub(crate) fn run(self) -> Result<()> {
        let loaded = LoadedBundle::open(&self.bundle, self.model.as_deref(), self.engine.engine)?;
        let bundle = match &self.data {
            Some(spec) => {
                files::check_folder(&self.bundle)?;
                let measured = self.measure(&loaded, spec)?;
                measured.write(&self.bundle, Existing::Replace)?;
                measured
            }
            None => loaded.bundle,
        };
        let Some(sheet) = bundle.plan_sheet() else {
            bail!("the bundle has no plan sheet; measure one with --data SPEC");
        };
        if self.format.json {
            return output::json(sheet);
        }
        output::table(&sheet::table(sheet), &[])?;
        output::text(&sheet::summary(sheet))
    }

    fn measure(&self, loaded: &LoadedBundle, spec: &str) -> Result<Bundle> {
        let preprocess = loaded.preprocess(&self.preprocess)?;
        let data = OpenData::open(spec, Part::Train, preprocess.clone())?;
        let limit = self.limit as usize;
        if let Some(learned) = &loaded.bundle.manifest().provenance {
            let used = usize::try_from(learned.samples).unwrap_or(usize::MAX);
            // Where the calibration data is not at hand, nothing can be compared.
            let from = OpenData::open(&learned.data, Part::Train, preprocess);
            let shared = from.map_or(0, |from| sheet::shared((&from, 0..used), (&data, 0..limit)));
            if shared > 0 {
                bail!(
                    "{shared} samples of {} were learned from; measure the sheet on others, such as \
                     the same with ?offset={used}",
                    data.set.name()
                );
            }
        }
        let samples = sheet::samples(&data, &loaded.model, 0..limit)?;
        let bar = Progress::new("measuring the plan sheet");
        sheet::with_sheet(
            loaded.bundle.clone(),
            &loaded.model,
            &samples,
            (data.set.name(), data.preprocess.as_ref()),
            self.threads.count(),
            &|what, share| bar.update(what, share),
        )
    }
}
