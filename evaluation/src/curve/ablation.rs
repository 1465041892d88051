//! What each stage of the codec brings.

use super::measure::Measured;
use super::record::AblationRecord;
use super::series::Series;
use super::target::{Axis, Target};
use crate::statistics::{QualityRange, RateCurve, bd_rate};

/// Compares the whole codec on one cut with variants that each leave one stage out.
///
/// The first record is the whole codec, named `full`; the others follow in the given order.
#[must_use]
pub fn ablation(full: &[Measured], without: &[(&str, &[Measured])]) -> Vec<AblationRecord> {
    let Some(first) = full.first() else { return Vec::new() };
    let whole = Curves::new(full);
    let record = |stage: &str, curves: &Curves| {
        let bytes = curves.bytes(Target::Kl003);
        let delta = bytes.zip(whole.bytes(Target::Kl003)).map(|(a, b)| 100.0 * (a / b - 1.0));
        let rate = curves.kl.as_ref().zip(whole.kl.as_ref());
        AblationRecord {
            model: first.record.model.clone(),
            cut: first.record.cut.clone(),
            stage: stage.to_owned(),
            bytes_at_kl_0_03: bytes,
            bytes_at_95_agreement: curves.bytes(Target::Agreement95),
            delta_at_kl_0_03: delta,
            bd_rate: rate.and_then(|(test, anchor)| bd_rate(test, anchor, QualityRange::LOG_KL)),
        }
    };
    let others = without.iter().map(|(stage, points)| record(stage, &Curves::new(points)));
    std::iter::once(record("full", &whole)).chain(others).collect()
}

struct Curves {
    kl: Option<RateCurve>,
    agreement: Option<RateCurve>,
}

impl Curves {
    fn new(points: &[Measured]) -> Self {
        let series = Series { name: String::new(), points: points.iter().collect() };
        Self { kl: series.curve(Axis::LogKl), agreement: series.curve(Axis::Agreement) }
    }

    fn bytes(&self, target: Target) -> Option<f64> {
        let curve = match target.axis() {
            Axis::LogKl => self.kl.as_ref()?,
            _ => self.agreement.as_ref()?,
        };
        curve.crossing(target.quality(None)?).bytes()
    }
}
