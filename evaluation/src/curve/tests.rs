//! Points, summaries and ratios from outputs whose answers are known.

use super::*;
use crate::statistics::{Resamples, SplitMix64};

const SAMPLES: usize = 400;
const CLASSES: usize = 5;

/// Logits with a clear winner on most samples, and labels that are right on 90 %.
fn reference() -> (Reference, Vec<Vec<f32>>) {
    let mut random = SplitMix64::new(11);
    let rows: Vec<Vec<f32>> = (0..SAMPLES)
        .map(|i| {
            let mut row: Vec<f32> =
                (0..CLASSES).map(|_| random.below(1000) as f32 / 500.0).collect();
            row[i % CLASSES] += 3.0;
            row
        })
        .collect();
    let label = |i: usize| if i.is_multiple_of(10) { (i + 1) % CLASSES } else { i % CLASSES };
    let labels: Vec<Option<usize>> = (0..SAMPLES).map(|i| Some(label(i))).collect();
    (Reference::new(rows.clone(), &labels).unwrap(), rows)
}

/// Outputs behind a codec that costs `bytes` and adds noise in proportion to their inverse.
fn measured(cut: &str, method: &str, bytes: usize, noise: f32) -> Measured {
    let (reference, rows) = reference();
    let mut random = SplitMix64::new(bytes as u64);
    let outputs: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| {
            row.iter().map(|v| v + noise * (random.below(2001) as f32 / 1000.0 - 1.0)).collect()
        })
        .collect();
    let sizes: Vec<usize> = (0..SAMPLES).map(|i| bytes - 2 + i % 5).collect();
    let input = PointInput {
        model: "m",
        cut,
        method,
        setting: "",
        features: 1_000,
        outputs: &outputs,
        sizes: &sizes,
        encode_us: 1.0,
        decode_us: 2.0,
        profile_bytes: bytes,
    };
    measure_point(&reference, &resamples(), &input).unwrap()
}

fn resamples() -> Resamples {
    Resamples::new(SAMPLES, 100, 5)
}

fn curve(cut: &str, method: &str, factor: f64) -> Vec<Measured> {
    [100.0, 200.0, 400.0, 800.0]
        .iter()
        .zip([4.0, 2.0, 1.0, 0.5])
        .map(|(bytes, noise)| measured(cut, method, (bytes * factor) as usize, noise))
        .collect()
}

#[test]
fn a_point_counts_what_it_should() {
    let (reference, rows) = reference();
    let mut outputs = rows;
    for row in outputs.iter_mut().take(40) {
        row.rotate_right(1);
    }
    let sizes = vec![50; SAMPLES];
    let input = PointInput {
        model: "m",
        cut: "c01",
        method: "learned",
        setting: "q=1",
        features: 800,
        outputs: &outputs,
        sizes: &sizes,
        encode_us: 1.5,
        decode_us: 2.5,
        profile_bytes: 7,
    };
    let record = measure_point(&reference, &resamples(), &input).unwrap().record;
    assert!((record.agreement - 0.9).abs() < 1e-12);
    assert_eq!(record.bytes_mean, 50.0);
    assert_eq!(record.bytes_p99, 50.0);
    assert_eq!(record.bits_per_feature, 0.5);
    assert!((reference.top1().unwrap() - 0.9).abs() < 1e-12);
    // Of the 40 rotated samples 36 were right and 4, labelled with the next class, become right.
    assert!((record.top1.unwrap() - 328.0 / 400.0).abs() < 1e-12);
    assert!((record.top1_drop.unwrap() - 0.08).abs() < 1e-12);
    assert!(record.kl > 0.1);
    assert!(record.agreement_low.unwrap() < 0.9 && record.agreement_high.unwrap() > 0.9);
    assert!(record.top1_drop_low.unwrap() < 0.08 && record.top1_drop_high.unwrap() > 0.08);
}

#[test]
fn half_the_bytes_is_seen_in_ratio_and_bd_rate() {
    let mut points = curve("c01", "learned", 1.0);
    points.extend(curve("c01", "kvtc", 2.0));
    points.extend(curve("input", "webp-input", 8.0));
    let summaries = summarise(&points, &reference().0, &resamples());
    let methods: Vec<(&str, &str)> =
        summaries.summaries.iter().map(|s| (s.cut.as_str(), s.method.as_str())).collect();
    assert_eq!(methods, [("c01", "learned"), ("c01", "kvtc"), ("input", "webp-input")]);
    let learned = &summaries.summaries[0];
    // Noise is drawn anew for each size, so the curves differ a little beyond the factor.
    let against_kvtc = learned.bd_rates["bd_rate_vs_kvtc"];
    assert!((against_kvtc + 50.0).abs() < 6.0, "{against_kvtc}");
    assert_eq!(learned.best_baseline.as_deref(), Some("kvtc"));
    assert_eq!(learned.bd_rate_vs_best_baseline, Some(against_kvtc));
    assert!(learned.bd_rates.contains_key("bd_rate_agreement_vs_webp-input"));
    assert!(summaries.ratios.iter().all(|ratio| ratio.method == "learned"));
    let kl = summaries
        .ratios
        .iter()
        .find(|r| r.against == "kvtc" && r.target == "bytes_at_95_agreement")
        .unwrap();
    assert_eq!(kl.bound, Bound::Exact);
    assert!((kl.ratio - 0.5).abs() < 0.08, "{kl:?}");
    assert!(kl.ratio_low.unwrap() <= kl.ratio && kl.ratio <= kl.ratio_high.unwrap());
}

#[test]
fn int_k_takes_the_smallest_payload_of_each_width() {
    let points = [
        measured("c01", "int4", 500, 0.5),
        measured("c01", "int4+zstd", 300, 0.5),
        measured("c01", "int2+lz4", 120, 3.0),
        measured("c01", "int2", 250, 3.0),
    ];
    let summaries = summarise(&points, &reference().0, &resamples());
    let int_k = summaries.summaries.iter().find(|s| s.method == INT_K).unwrap();
    assert_eq!(int_k.settings, 2);
    let bytes = int_k.bytes_at_95_agreement.unwrap();
    assert!((120.0..300.0).contains(&bytes), "{bytes}");
    let plain = summaries.summaries.iter().find(|s| s.method == INT_K_MSE).unwrap();
    assert_eq!(plain.bytes_at_95_agreement, int_k.bytes_at_95_agreement);
    let single = summaries.summaries.iter().find(|s| s.method == "int4+zstd").unwrap();
    assert_eq!(single.bytes_at_95_agreement, None);
    assert!((single.at_most["bytes_at_95_agreement"] - 300.0).abs() < 1e-6);
    assert!(summaries.ratios.is_empty());
}

#[test]
fn int_k_drops_what_others_beat_and_its_plain_sister_the_wide_clips() {
    let mut points = vec![
        measured("c01", "int4+zstd", 300, 0.5),
        measured("c01", "int3", 400, 1.0),
        measured("c01", "int2+zstd", 120, 3.0),
    ];
    let mut wide = measured("c01", "int4+zstd", 200, 1.0);
    wide.record.setting = "clip=2".to_owned();
    points.push(wide);
    let summaries = summarise(&points, &reference().0, &resamples());
    let bytes = |method: &str| {
        let found = summaries.summaries.iter().find(|s| s.method == method).unwrap();
        found.bytes_at_kl_0_03.unwrap()
    };
    assert!(bytes(INT_K) < 0.9 * bytes(INT_K_MSE), "{} {}", bytes(INT_K), bytes(INT_K_MSE));
}

#[test]
fn targets_out_of_range_are_bounds_or_absent() {
    let mut points = curve("c01", "learned", 1.0);
    points.push(measured("c01", "clip-ecsq", 90, 0.4));
    points.push(measured("c01", "clip-ecsq", 150, 0.2));
    let summaries = summarise(&points, &reference().0, &resamples());
    let recipe = &summaries.summaries[1];
    assert_eq!(recipe.bytes_at_95_agreement, None);
    assert!((recipe.at_most["bytes_at_95_agreement"] - 90.0).abs() < 1e-6);
    let bounds: Vec<&RatioRecord> =
        summaries.ratios.iter().filter(|r| r.target == "bytes_at_95_agreement").collect();
    assert!(bounds.iter().all(|r| r.bound == Bound::AtLeast && r.ratio > 1.0), "{bounds:?}");
    assert_eq!(bounds.len(), 1);
}

#[test]
fn ablation_states_what_a_missing_stage_costs() {
    let full = curve("c01", "learned", 1.0);
    let without = curve("c01", "learned-without-contexts", 1.5);
    let records = ablation(&full, &[("contexts", &without)]);
    assert_eq!(records[0].stage, "full");
    assert_eq!(records[0].delta_at_kl_0_03, Some(0.0));
    let delta = records[1].bd_rate.unwrap();
    assert!((delta - 50.0).abs() < 12.0, "{records:?}");
    assert!(ablation(&[], &[]).is_empty());
}

#[test]
fn summaries_survive_json() {
    let mut points = curve("c01", "learned", 1.0);
    points.extend(curve("c01", "kvtc", 2.0));
    let summaries = summarise(&points, &reference().0, &resamples());
    let text = serde_json::to_string(&summaries.summaries).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for field in [
        "bytes_at_minus_1_point",
        "bytes_at_99_agreement",
        "bytes_at_97_agreement",
        "bytes_at_95_agreement",
        "bytes_at_kl_0_03",
        "bd_rate_vs_best_baseline",
        "bd_rate_vs_kvtc",
        "profile_bytes",
    ] {
        assert!(value[0].get(field).is_some(), "{field} is missing from {text}");
    }
    let back: Vec<SummaryRecord> = serde_json::from_str(&text).unwrap();
    assert_eq!(back.len(), summaries.summaries.len());
    assert_eq!(back[0].bd_rates.len(), summaries.summaries[0].bd_rates.len());
}

#[test]
fn lists_of_another_length_are_refused() {
    let (reference, rows) = reference();
    let input = PointInput {
        model: "m",
        cut: "c01",
        method: "learned",
        setting: "",
        features: 1,
        outputs: &rows,
        sizes: &[1, 2, 3],
        encode_us: 0.0,
        decode_us: 0.0,
        profile_bytes: 0,
    };
    let error = measure_point(&reference, &resamples(), &input).unwrap_err();
    assert!(error.to_string().starts_with("sizes: 3 entries"), "{error}");
    let fewer = Resamples::new(10, 10, 1);
    let input = PointInput { sizes: &[1; SAMPLES], ..input };
    assert!(measure_point(&reference, &fewer, &input).is_err());
}
