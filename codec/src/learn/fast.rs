//! Fits the fast coder of an anchor: classes of bands, digits, codes, centroids.

use super::anchor::Material;
use crate::coder::fast::{
    Band, Bands, CLASS_LENGTHS, CONTEXTS, ESCAPE_GROUP, EXCESS_TOKENS, FastModel, GROUP_SYMBOLS,
    MAX_CLASSES, Width, activities, excess_token, lengths_of, to_bands,
};
use crate::context::token::MAX_LEVEL;
use crate::encoder::FAST_ROUNDING;
use crate::reconstruct::{CENTROIDS, Centroids};

/// Groups that a class should see: fewer bands have a class of their own where there is less to learn from.
const CLASS_GROUPS: usize = 20_000;
/// Pseudo-count with which a code leans on the counts of all classes.
const PRIOR: f64 = 24.0;
/// Share of a group below which it has no word: an escape is shorter.
const RARE: f64 = 1.0 / 4096.0;
/// Counts per occurrence, so that the prior is not lost in rounding.
const UNITS: f64 = 4096.0;
/// Bits that a symbol more is worth: it takes time.
const SYMBOL_BITS: f64 = 0.25;

/// Counts of a class: groups in each context, then tokens of excesses.
type Counts = Vec<u64>;

/// Fits the fast coder at a step.
pub(crate) fn fit(material: &Material<'_>, signed: bool, step: f32) -> FastModel {
    let bands = Bands::new(material.layout, material.grid);
    let mut sums = vec![[(0.0, 0.0); CENTROIDS]; material.grid.components];
    let mut samples = Vec::with_capacity(material.components.len());
    for sample in material.components {
        let levels: Vec<i32> = sample.iter().map(|y| level_of(y / step, signed)).collect();
        count_centroids(sample, &levels, step, signed, &mut sums);
        let mut banded = Vec::new();
        to_bands(material.layout, material.grid, &levels, &mut banded);
        samples.push(banded);
    }
    let class_of = classify(bands, &samples);
    let fitted = Width::ALL.map(|width| {
        let counts = count(width, signed, bands, &class_of, &samples);
        let lengths = lengths_of_classes(&counts);
        let bits = bits_of(&counts, &lengths);
        (bits, width, lengths)
    });
    let best = fitted.into_iter().min_by(|a, b| a.0.total_cmp(&b.0));
    let (_, width, lengths) = best.unwrap_or_default();
    let offsets = sums
        .iter()
        .map(|row| row.map(|(sum, n)| (64.0 * sum / (n + 4.0)).round().clamp(-127.0, 127.0) as i8));
    FastModel { width, class_of, lengths, centroids: Centroids { offsets: offsets.collect() } }
}

fn level_of(y: f32, signed: bool) -> i32 {
    let level = (y.abs() + FAST_ROUNDING).min(MAX_LEVEL as f32) as i32;
    if y >= 0.0 {
        level
    } else if signed {
        -level
    } else {
        0
    }
}

/// Bands that are equally active share a class.
fn classify(bands: Bands, samples: &[Vec<i32>]) -> Vec<u8> {
    let mut active = vec![0u64; bands.count];
    for sample in samples {
        for (sum, levels) in active.iter_mut().zip(sample.chunks_exact(bands.elements.max(1))) {
            *sum += levels.iter().map(|level| u64::from(level.unsigned_abs().min(4))).sum::<u64>();
        }
    }
    let groups = samples.len() * bands.count * bands.elements / Width::Two.levels();
    let classes = (groups / CLASS_GROUPS).clamp(1, MAX_CLASSES).min(bands.count.max(1));
    let mut order: Vec<usize> = (0..bands.count).collect();
    order.sort_by_key(|&band| (active[band], band));
    let mut class_of = vec![0; bands.count];
    for (rank, band) in order.into_iter().enumerate() {
        class_of[band] = (rank * classes / bands.count) as u8;
    }
    class_of
}

fn count(
    width: Width,
    signed: bool,
    bands: Bands,
    class_of: &[u8],
    samples: &[Vec<i32>],
) -> Vec<Counts> {
    let classes = class_of.iter().max().map_or(1, |&last| usize::from(last) + 1);
    let mut counts = vec![vec![0; CLASS_LENGTHS]; classes];
    let activity_of = activities(width, signed);
    let mut band = Band::default();
    for sample in samples {
        for (levels, &class) in sample.chunks_exact(bands.elements.max(1)).zip(class_of) {
            let counts = &mut counts[usize::from(class)];
            band.split(width, signed, levels);
            band.visit(bands.above(width), &activity_of, |context, group| {
                counts[context * GROUP_SYMBOLS + usize::from(group)] += 1;
            });
            for &excess in band.excesses() {
                counts[CONTEXTS * GROUP_SYMBOLS + excess_token(excess).0] += 1;
            }
        }
    }
    counts
}

/// Code lengths of all classes; each code leans on what all classes together say of its context.
fn lengths_of_classes(counts: &[Counts]) -> Vec<u8> {
    let mut all = vec![0f64; CLASS_LENGTHS];
    for class in counts {
        all.iter_mut().zip(class).for_each(|(sum, &n)| *sum += n as f64);
    }
    let mut lengths = Vec::with_capacity(counts.len() * CLASS_LENGTHS);
    for class in counts {
        let (groups, excesses) = class.split_at(CONTEXTS * GROUP_SYMBOLS);
        let (all_groups, all_excesses) = all.split_at(CONTEXTS * GROUP_SYMBOLS);
        let contexts = groups.chunks(GROUP_SYMBOLS).zip(all_groups.chunks(GROUP_SYMBOLS));
        for (counts, all) in contexts {
            lengths.extend(lengths_of(&group_weights(&leaning(counts, all))));
        }
        let weights = leaning(excesses, all_excesses);
        let weights = weights.iter().map(|n| (n * UNITS) as u64 + 1);
        lengths.extend(lengths_of(&weights.collect::<Vec<u64>>()));
    }
    lengths
}

/// Counts and a share of the counts of all classes.
fn leaning(counts: &[u64], all: &[f64]) -> Vec<f64> {
    let total: f64 = all.iter().sum::<f64>().max(1.0);
    counts.iter().zip(all).map(|(&n, share)| n as f64 + PRIOR * share / total).collect()
}

/// Weights of groups: rare ones leave theirs to the escape.
fn group_weights(expected: &[f64]) -> Vec<u64> {
    let total: f64 = expected.iter().sum();
    let mut weights = vec![0; GROUP_SYMBOLS];
    let mut escaped = 0.0;
    for (weight, &n) in weights.iter_mut().zip(expected).take(ESCAPE_GROUP) {
        if n > RARE * total {
            *weight = (n * UNITS) as u64 + 1;
        } else {
            escaped += n;
        }
    }
    weights[ESCAPE_GROUP] = (escaped * UNITS) as u64 + 1;
    weights
}

/// Bits of everything that was counted, with something for each symbol.
fn bits_of(counts: &[Counts], lengths: &[u8]) -> f64 {
    let mut bits = 0.0;
    for (counts, lengths) in counts.iter().zip(lengths.chunks(CLASS_LENGTHS)) {
        let (groups, excesses) = counts.split_at(CONTEXTS * GROUP_SYMBOLS);
        let (group_lengths, excess_lengths) = lengths.split_at(CONTEXTS * GROUP_SYMBOLS);
        let contexts = groups.chunks(GROUP_SYMBOLS).zip(group_lengths.chunks(GROUP_SYMBOLS));
        for (counts, lengths) in contexts {
            for (&n, &length) in counts.iter().zip(lengths) {
                let escaped = lengths[ESCAPE_GROUP] + 8;
                let length = if length > 0 { length } else { escaped };
                bits += n as f64 * (f64::from(length) + SYMBOL_BITS);
            }
        }
        for (token, (&n, &length)) in excesses.iter().zip(excess_lengths).enumerate() {
            let raw = if token < 8 { 0.0 } else { token as f64 - 5.0 };
            bits += n as f64 * (f64::from(length) + raw + SYMBOL_BITS);
        }
    }
    debug_assert_eq!(EXCESS_TOKENS, CLASS_LENGTHS - CONTEXTS * GROUP_SYMBOLS);
    bits
}

fn count_centroids(
    sample: &[f32],
    levels: &[i32],
    step: f32,
    signed: bool,
    sums: &mut [[(f64, f64); CENTROIDS]],
) {
    let c = sums.len();
    for (i, (&y, &level)) in sample.iter().zip(levels).enumerate() {
        if level == 0 && signed {
            continue;
        }
        let y = f64::from(y / step);
        let along = if level < 0 { -y } else { y };
        let slot = &mut sums[i % c][level.unsigned_abs().min(3) as usize];
        slot.0 += along - f64::from(level.unsigned_abs());
        slot.1 += 1.0;
    }
}
