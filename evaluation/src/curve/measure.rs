//! One measured point.

use super::outcome::{Outcome, Reference};
use super::record::PointRecord;
use crate::error::MeasureError;
use crate::statistics::{Interval, Resamples, quantile};

/// What the driver knows about one point after running it.
#[derive(Debug, Clone, Copy)]
pub struct PointInput<'a> {
    /// Model name.
    pub model: &'a str,
    /// Cut id; `input` for methods that send the picture.
    pub cut: &'a str,
    /// Method name.
    pub method: &'a str,
    /// Setting within the method.
    pub setting: &'a str,
    /// Number of values that cross the cut for each sample.
    pub features: usize,
    /// Output of the tail for each sample, in the order of the reference.
    pub outputs: &'a [Vec<f32>],
    /// Payload of each sample in bytes, with everything that is sent.
    pub sizes: &'a [usize],
    /// Microseconds to encode one sample.
    pub encode_us: f64,
    /// Microseconds to decode one sample.
    pub decode_us: f64,
    /// Bytes that both sides hold beforehand.
    pub profile_bytes: usize,
}

/// A point with its bootstrap draws, from which summaries take their intervals.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The record that is written.
    pub record: PointRecord,
    /// The same figures on every draw.
    pub draws: Draws,
}

/// Means of one point on every bootstrap draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    pub(crate) bytes: Vec<f64>,
    pub(crate) agreement: Vec<f64>,
    pub(crate) kl: Vec<f64>,
    pub(crate) top1: Option<Vec<f64>>,
}

/// Turns the outputs and sizes behind one codec into a point with its intervals.
///
/// # Errors
/// Refuses lists that do not have one entry per sample of the reference and of the resamples.
pub fn measure_point(
    reference: &Reference,
    resamples: &Resamples,
    point: &PointInput<'_>,
) -> Result<Measured, MeasureError> {
    let expected = reference.samples();
    for (what, found) in [("sizes", point.sizes.len()), ("resamples", resamples.samples())] {
        if found != expected {
            return Err(MeasureError::Count { what, expected, found });
        }
    }
    let outcomes = reference.compare(point.outputs)?;
    let bytes: Vec<f64> = point.sizes.iter().map(|size| *size as f64).collect();
    let columns = Columns::new(bytes, &outcomes);
    let draws = columns.draws(resamples);
    let drop_interval = columns
        .correct
        .as_ref()
        .and_then(|correct| resamples.difference_interval(reference.correct().as_ref()?, correct));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let bytes_mean = mean(&columns.bytes);
    let top1 = columns.correct.as_ref().map(|correct| mean(correct));
    let bytes_interval = Interval::of_draws(&draws.bytes);
    let agreement_interval = Interval::of_draws(&draws.agreement);
    let kl_interval = Interval::of_draws(&draws.kl);
    let top1_interval = draws.top1.as_ref().and_then(|top1| Interval::of_draws(top1));
    let record = PointRecord {
        model: point.model.to_owned(),
        cut: point.cut.to_owned(),
        method: point.method.to_owned(),
        setting: point.setting.to_owned(),
        n: expected,
        bytes_mean,
        bytes_low: bytes_interval.map(|i| i.low),
        bytes_high: bytes_interval.map(|i| i.high),
        bytes_p99: quantile(&columns.bytes, 0.99).unwrap_or(bytes_mean),
        bits_per_feature: 8.0 * bytes_mean / point.features.max(1) as f64,
        top1,
        top1_low: top1_interval.map(|i| i.low),
        top1_high: top1_interval.map(|i| i.high),
        top1_drop: reference.top1().zip(top1).map(|(before, after)| before - after),
        top1_drop_low: drop_interval.map(|i| i.low),
        top1_drop_high: drop_interval.map(|i| i.high),
        agreement: mean(&columns.agrees),
        agreement_low: agreement_interval.map(|i| i.low),
        agreement_high: agreement_interval.map(|i| i.high),
        kl: mean(&columns.kl),
        kl_low: kl_interval.map(|i| i.low),
        kl_high: kl_interval.map(|i| i.high),
        encode_us: point.encode_us,
        decode_us: point.decode_us,
        profile_bytes: point.profile_bytes,
    };
    Ok(Measured { record, draws })
}

/// Per-sample figures of one point.
struct Columns {
    bytes: Vec<f64>,
    agrees: Vec<f64>,
    kl: Vec<f64>,
    correct: Option<Vec<f64>>,
}

impl Columns {
    fn new(bytes: Vec<f64>, outcomes: &[Outcome]) -> Self {
        let one = |yes: bool| f64::from(u8::from(yes));
        Self {
            bytes,
            agrees: outcomes.iter().map(|outcome| one(outcome.agrees)).collect(),
            kl: outcomes.iter().map(|outcome| outcome.kl).collect(),
            correct: outcomes.iter().map(|outcome| outcome.correct.map(one)).collect(),
        }
    }

    fn draws(&self, resamples: &Resamples) -> Draws {
        let mut lists: Vec<&[f64]> = vec![&self.bytes, &self.agrees, &self.kl];
        lists.extend(self.correct.as_deref());
        let mut means = resamples.means_of(&lists).unwrap_or_default().into_iter();
        let mut next = || means.next().unwrap_or_default();
        Draws {
            bytes: next(),
            agreement: next(),
            kl: next(),
            top1: self.correct.is_some().then(next),
        }
    }
}
