//! Measuring the plan sheet of a bundle.

use std::collections::BTreeSet;
use std::ops::Range;

use aiflow::evaluation::bench::Samples;
use aiflow::evaluation::data::Preprocess;
use aiflow::evaluation::sheet::{self, SheetCut, SheetData};
use aiflow::runtime::bundle::{Bundle, FeatureCoding, Payload, PlanSheet};
use anyhow::{Result, bail};

use crate::bundle::profiles;
use crate::model::{LoadedModel, OpenData};
use crate::output;

/// Measures the plan sheet of all cuts of a bundle that have profiles, and returns the bundle with it.
pub(crate) fn with_sheet(
    bundle: Bundle,
    model: &LoadedModel,
    samples: &Samples,
    data: (&str, Option<&Preprocess>),
    threads: usize,
    progress: &dyn Fn(&str, f32),
) -> Result<Bundle> {
    let mut cuts = Vec::new();
    for cut in bundle.cuts().filter(|cut| cut.profiles().next().is_some()) {
        cuts.push(SheetCut { split: model.split(cut.cut()), profiles: profiles(cut)? });
    }
    if cuts.is_empty() {
        bail!("the bundle has no profiles; learn it again");
    }
    let (name, preprocess) = data;
    let data = SheetData { name, samples, preprocess };
    let sheet = sheet::measure(&data, &cuts, threads, progress)?;
    Ok(bundle.with_plan_sheet(sheet)?)
}

/// Reads samples for a sheet: those of a range of the data set, as far as it has them.
pub(crate) fn samples(
    data: &OpenData,
    model: &LoadedModel,
    range: Range<usize>,
) -> Result<Samples> {
    let mut samples = data.samples(model, range.end)?;
    let first = range.start.min(samples.len());
    samples.inputs.drain(..first);
    samples.labels.drain(..first);
    samples.pictures.drain(..first);
    Ok(samples)
}

/// Counts the samples that are in a range of one set and in a range of another.
pub(crate) fn shared(
    learned: (&OpenData, Range<usize>),
    measured: (&OpenData, Range<usize>),
) -> usize {
    let origins = |(data, range): (&OpenData, Range<usize>)| -> BTreeSet<(String, usize)> {
        (range.start..range.end.min(data.set.len()))
            .filter_map(|index| data.set.origin(index))
            .map(|origin| (origin.source.to_owned(), origin.index))
            .collect()
    };
    origins(learned).intersection(&origins(measured)).count()
}

/// Lists a plan sheet for a terminal.
pub(crate) fn table(sheet: &PlanSheet) -> String {
    let heading = ["sent", "how", "bytes", "p95", "KL", "changed", "at most", "top-1 lost"];
    let mut table = output::new_table(&heading, &[2, 3, 4, 5, 6, 7]);
    let mut last = String::new();
    for point in &sheet.points {
        let (sent, how) = words(&point.payload);
        let loss = &point.loss;
        table.add_row([
            if sent == last { String::new() } else { sent.clone() },
            how,
            format!("{:.0}", point.bytes_mean),
            format!("{:.0}", point.bytes_p95),
            format!("{:.4}", loss.kl),
            percent(loss.disagreement),
            percent(loss.disagreement_upper),
            percent(loss.top1_drop),
        ]);
        last = sent;
    }
    table.to_string()
}

/// Says what is sent, and how it is coded.
pub(crate) fn words(payload: &Payload) -> (String, String) {
    match payload {
        Payload::Picture(coding) => ("picture".to_owned(), coding.to_string()),
        Payload::Feature { cut, coding } => (cut.to_string(), coding.to_string()),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

/// Says in one line what a sheet has.
pub(crate) fn summary(sheet: &PlanSheet) -> String {
    let pictures = sheet.points.iter().filter(|p| matches!(p.payload, Payload::Picture(_))).count();
    let learned = sheet.points.iter().filter(|point| {
        matches!(point.payload, Payload::Feature { coding: FeatureCoding::Learned { .. }, .. })
    });
    format!(
        "Plan sheet: {} points ({pictures} of the picture, {} of the learned codec), measured on {} \
         samples of {}.",
        sheet.points.len(),
        learned.count(),
        sheet.samples,
        sheet.data
    )
}
