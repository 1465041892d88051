//! What a study found, in plain sentences.

use super::number;
use crate::curve::{Bound, CutRecord, INT_K, INT_K_MSE, RatioRecord, Study};
use crate::rival::{Family, family};

const AT_95: &str = "bytes_at_95_agreement";
const AT_KL: &str = "bytes_at_kl_0_03";
const WEBP: &str = "webp-input";

/// Returns the learned method that reports speak of: `learned` where it was measured, else the
/// first that no rival is called by.
pub(crate) fn lead_method(study: &Study) -> Option<&str> {
    let learned = || {
        let names = study.summaries.iter().map(|summary| summary.method.as_str());
        names.filter(|name| family(name) == Family::Learned)
    };
    learned().find(|name| *name == "learned").or_else(|| learned().next())
}

/// Orders methods for a reader: the codec, its variants, the simple rivals, recipes, pictures.
pub(crate) fn rank(method: &str, lead: Option<&str>) -> u8 {
    match method {
        _ if Some(method) == lead => 0,
        INT_K => 2,
        INT_K_MSE => 3,
        _ => match family(method) {
            Family::Learned => 1,
            Family::Recipe => 4,
            Family::Input => 5,
            _ => SINGLE_WIDTHS,
        },
    }
}

/// Rank of what `int-k` covers and of methods without a curve.
pub(crate) const SINGLE_WIDTHS: u8 = 6;

/// Returns the ratio of the lead method to a rival on a cut, if it was measured.
pub(crate) fn ratio_to<'a>(
    study: &'a Study,
    cut: &str,
    against: &str,
    target: &str,
) -> Option<&'a RatioRecord> {
    let lead = lead_method(study)?;
    study.ratios.iter().find(|ratio| {
        ratio.cut == cut
            && ratio.method == lead
            && ratio.against == against
            && ratio.target == target
    })
}

/// Says in plain sentences what the study found, wins and losses alike.
#[must_use]
pub fn findings(study: &Study) -> Vec<String> {
    let mut sentences = vec![setting(study)];
    let Some(lead) = lead_method(study) else { return sentences };
    sentences.extend(best_cut(study, lead));
    sentences.extend(middle_cut(study, lead));
    sentences.extend(against_int(study));
    sentences.extend(against_picture(study));
    sentences.extend(against_recipes(study, lead));
    sentences
}

fn setting(study: &Study) -> String {
    let top1 = study.reference_top1.map_or(String::new(), |top1| {
        format!(" The uncompressed model is right on {}.", number::percent(top1))
    });
    format!(
        "{} was measured at {} on {} test samples of {}; codecs learned from {} other samples.{top1}",
        study.model,
        count(study.cuts.len(), "cut"),
        number::thousands(study.n as u64),
        study.dataset,
        number::thousands(study.calibration_n as u64),
    )
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Names the cut where 95 % agreement costs the fewest bytes.
fn best_cut(study: &Study, lead: &str) -> Option<String> {
    let (cut, bytes) = study
        .cuts
        .iter()
        .filter_map(|cut| Some((cut, bytes_at(study, &cut.cut, lead)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let webp =
        study.summaries.iter().find(|s| s.method == WEBP).and_then(|s| s.bytes_at_95_agreement);
    let picture = webp
        .map_or(String::new(), |webp| format!("; the input as WebP needs {} for that", unit(webp)));
    Some(format!(
        "95 % agreement with the uncompressed model costs fewest bytes at {}: {}, {} of {}{picture}.",
        place(cut),
        unit(bytes),
        number::percent(bytes / cut.raw_bytes.max(1) as f64),
        unit(cut.raw_bytes as f64),
    ))
}

/// Says what the cut nearest to half of the operations costs beside its rivals; nothing where there is
/// none in the middle.
fn middle_cut(study: &Study, lead: &str) -> Option<String> {
    let distance = |cut: &&CutRecord| (cut.flops_share - 0.5).abs();
    let cut = study.cuts.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    if distance(&cut) > MIDDLE {
        return None;
    }
    let bytes = bytes_at(study, &cut.cut, lead)?;
    let rivals: Vec<String> =
        [(cut.cut.as_str(), INT_K, "int-k"), ("input", WEBP, "WebP of the input")]
            .iter()
            .filter_map(|(place, method, name)| {
                Some(format!("{name} needs {}", unit(bytes_at(study, place, method)?)))
            })
            .collect();
    (!rivals.is_empty()).then(|| {
        format!(
            "At {}, the cut nearest to half of the operations, it costs {}; {}.",
            place(cut),
            unit(bytes),
            rivals.join(", "),
        )
    })
}

fn bytes_at(study: &Study, cut: &str, method: &str) -> Option<f64> {
    let summary = study.summaries.iter().find(|s| s.cut == cut && s.method == method)?;
    summary.bytes_at_95_agreement.or_else(|| summary.at_most.get(AT_95).copied())
}

fn unit(bytes: f64) -> String {
    format!("{} bytes", number::bytes(bytes))
}

fn place(cut: &CutRecord) -> String {
    format!("{} ({}, after {:.0} % of the operations)", cut.cut, cut.shape, 100.0 * cut.flops_share)
}

/// Ratios of the lead method to one rival over all cuts; 95 % agreement where it is known, else KL.
fn ratios<'a>(study: &'a Study, against: &'a str) -> Vec<(&'a CutRecord, &'a RatioRecord)> {
    let known = |cut: &'a CutRecord| {
        let exact = |target| {
            ratio_to(study, &cut.cut, against, target).filter(|ratio| ratio.bound == Bound::Exact)
        };
        Some((cut, exact(AT_95).or_else(|| exact(AT_KL))?))
    };
    study.cuts.iter().filter_map(known).collect()
}

fn quality(ratio: &RatioRecord) -> &'static str {
    if ratio.target == AT_95 { "95 % agreement" } else { "a KL divergence of 0.03" }
}

fn against_int(study: &Study) -> Option<String> {
    let ratios = ratios(study, INT_K);
    let best = ratios.iter().min_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio))?;
    let worst = ratios.iter().max_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio))?;
    Some(if ratios.len() == 1 {
        format!(
            "Against the best of int8 to int2 with any clip, lz4 or zstd it takes {} the bytes at {}, for {}.",
            number::ratio(best.1.ratio),
            place(best.0),
            quality(best.1),
        )
    } else {
        format!(
            "Against the best of int8 to int2 with any clip, lz4 or zstd it takes between {} ({}) and {} ({}) \
             the bytes, at 95 % agreement where measured and at a KL divergence of 0.03 elsewhere.",
            number::ratio(best.1.ratio),
            best.0.cut,
            number::ratio(worst.1.ratio),
            worst.0.cut,
        )
    })
}

fn against_picture(study: &Study) -> Option<String> {
    let ratios = ratios(study, WEBP);
    let best = ratios.iter().min_by(|a, b| a.1.ratio.total_cmp(&b.1.ratio))?;
    let losing: Vec<&str> =
        ratios.iter().filter(|r| r.1.ratio >= 1.0).map(|r| r.0.cut.as_str()).collect();
    let winning = ratios.iter().find(|r| r.1.ratio < 1.0);
    let mut text = match winning {
        Some(first) => format!(
            "It beats WebP of the input from {} on; at {2} it takes {1} the bytes for {3}.",
            place(first.0),
            number::ratio(best.1.ratio),
            best.0.cut,
            quality(best.1),
        ),
        None => "At no cut does it beat WebP of the input.".to_owned(),
    };
    if !losing.is_empty() && winning.is_some() {
        text.push_str(&format!(" Sending the picture is cheaper at {}.", losing.join(", ")));
    }
    Some(text)
}

fn against_recipes(study: &Study, lead: &str) -> Option<String> {
    let parts: Vec<String> = ["kvtc", "turboquant", "clip-ecsq"]
        .iter()
        .filter_map(|recipe| {
            let field = format!("bd_rate_vs_{recipe}");
            let rates: Vec<(&str, f64)> = study
                .summaries
                .iter()
                .filter(|summary| summary.method == lead)
                .filter_map(|summary| Some((summary.cut.as_str(), *summary.bd_rates.get(&field)?)))
                .collect();
            let low = rates.iter().map(|rate| rate.1).reduce(f64::min)?;
            let high = rates.iter().map(|rate| rate.1).reduce(f64::max)?;
            let (low, high) = (number::signed_percent(low), number::signed_percent(high));
            let range = if low == high { low } else { format!("{low} to {high}") };
            let lost: Vec<&str> = rates.iter().filter(|r| r.1 > 0.0).map(|r| r.0).collect();
            let lost = match lost.as_slice() {
                [] => String::new(),
                cuts => format!(" (more at {})", cuts.join(", ")),
            };
            Some(format!("{recipe} {range}{lost}"))
        })
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "Bytes at equal KL against the published recipes (BD-rate over all cuts, negative is \
             fewer): {}.",
            parts.join(", "),
        )
    })
}

/// A cut is in the middle when it leaves 35 to 65 % of the operations to the device.
const MIDDLE: f64 = 0.15;
