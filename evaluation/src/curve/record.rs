//! Records as they stand in JSON and CSV.
//!
//! Shares (`top1`, `agreement`) run from 0 to 1, bytes are per sample, KL is in nats, times are
//! microseconds per sample. Bounds `_low` and `_high` are 95 % paired bootstrap intervals.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::Interval;

/// One measured point: one method at one setting on one cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointRecord {
    /// Model name.
    pub model: String,
    /// Cut id; `input` for methods that send the picture.
    pub cut: String,
    /// Method name, such as `learned` or `int4+zstd`.
    pub method: String,
    /// Setting within the method; empty when there is only one.
    pub setting: String,
    /// Number of test samples.
    pub n: usize,
    /// Mean payload with everything that is sent.
    pub bytes_mean: f64,
    /// Lower bound of the mean payload.
    pub bytes_low: Option<f64>,
    /// Upper bound of the mean payload.
    pub bytes_high: Option<f64>,
    /// 99 % quantile of the payload.
    pub bytes_p99: f64,
    /// Mean payload in bits for each value of the feature.
    pub bits_per_feature: f64,
    /// Share of samples whose class is the label; absent without labels.
    pub top1: Option<f64>,
    /// Lower bound of `top1`.
    pub top1_low: Option<f64>,
    /// Upper bound of `top1`.
    pub top1_high: Option<f64>,
    /// Top-1 of the uncompressed model minus `top1`.
    pub top1_drop: Option<f64>,
    /// Lower bound of `top1_drop`, paired by sample.
    pub top1_drop_low: Option<f64>,
    /// Upper bound of `top1_drop`, paired by sample.
    pub top1_drop_high: Option<f64>,
    /// Share of samples with the class of the uncompressed model.
    pub agreement: f64,
    /// Lower bound of `agreement`.
    pub agreement_low: Option<f64>,
    /// Upper bound of `agreement`.
    pub agreement_high: Option<f64>,
    /// Mean KL divergence of the output from that of the uncompressed model.
    pub kl: f64,
    /// Lower bound of `kl`.
    pub kl_low: Option<f64>,
    /// Upper bound of `kl`.
    pub kl_high: Option<f64>,
    /// Time to encode one sample.
    pub encode_us: f64,
    /// Time to decode one sample.
    pub decode_us: f64,
    /// Bytes that both sides hold beforehand.
    pub profile_bytes: usize,
}

/// Summary of one method on one cut over all its settings.
///
/// A figure is absent where the measured points do not reach it; nothing is extrapolated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryRecord {
    /// Model name.
    pub model: String,
    /// Cut id.
    pub cut: String,
    /// Method name, or one of the series [`INT_K`](super::INT_K) and
    /// [`INT_K_MSE`](super::INT_K_MSE).
    pub method: String,
    /// Number of measured settings.
    pub settings: usize,
    /// Bytes at one point (0.01) less top-1 than the uncompressed model.
    pub bytes_at_minus_1_point: Option<f64>,
    /// Bytes at 99 % agreement.
    pub bytes_at_99_agreement: Option<f64>,
    /// Bytes at 97 % agreement.
    pub bytes_at_97_agreement: Option<f64>,
    /// Bytes at 95 % agreement.
    pub bytes_at_95_agreement: Option<f64>,
    /// Bytes at a mean KL divergence of 0.03 nats.
    pub bytes_at_kl_0_03: Option<f64>,
    /// Where even the smallest setting is better than asked: its bytes, by field name.
    pub at_most: BTreeMap<String, f64>,
    /// 95 % intervals of the figures above, by field name.
    pub intervals: BTreeMap<String, Interval>,
    /// Largest profile over the settings.
    pub profile_bytes: usize,
    /// BD-rate in percent over KL against the rival that leaves the least gain.
    pub bd_rate_vs_best_baseline: Option<f64>,
    /// Which rival that is.
    pub best_baseline: Option<String>,
    /// BD-rate in percent over KL (`bd_rate_vs_NAME`) and over agreement
    /// (`bd_rate_agreement_vs_NAME`) against each rival.
    #[serde(flatten)]
    pub bd_rates: BTreeMap<String, f64>,
}

/// Says how a ratio is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Both sides were measured on both sides of the target.
    Exact,
    /// The rival is better than the target even at its smallest: the true ratio is at least this.
    AtLeast,
    /// The method is better than the target even at its smallest: the true ratio is at most this.
    AtMost,
}

/// Bytes of a learned method divided by those of a rival, at equal quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RatioRecord {
    /// Model name.
    pub model: String,
    /// Cut id of the learned method.
    pub cut: String,
    /// Learned method.
    pub method: String,
    /// Rival; the input rivals are the same for every cut.
    pub against: String,
    /// Target, named as the field of [`SummaryRecord`], such as `bytes_at_95_agreement`.
    pub target: String,
    /// Ratio of bytes; below 1 the learned method wins.
    pub ratio: f64,
    /// How to read the ratio.
    pub bound: Bound,
    /// Lower bound of an exact ratio.
    pub ratio_low: Option<f64>,
    /// Upper bound of an exact ratio.
    pub ratio_high: Option<f64>,
}

/// What one stage of the codec brings on one cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AblationRecord {
    /// Model name.
    pub model: String,
    /// Cut id.
    pub cut: String,
    /// Stage that was left out; `full` for the whole codec.
    pub stage: String,
    /// Bytes at a mean KL of 0.03 nats without the stage.
    pub bytes_at_kl_0_03: Option<f64>,
    /// Bytes at 95 % agreement without the stage.
    pub bytes_at_95_agreement: Option<f64>,
    /// Percent more bytes at a KL of 0.03 without the stage than with it.
    pub delta_at_kl_0_03: Option<f64>,
    /// BD-rate over KL in percent without the stage against with it.
    pub bd_rate: Option<f64>,
}

/// A cut as far as reports need it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CutRecord {
    /// Cut id.
    pub cut: String,
    /// What the reader recognises: tensor names or a description.
    pub label: String,
    /// Shape or shapes, such as `64x8x8`.
    pub shape: String,
    /// Number of values that cross the cut.
    pub features: usize,
    /// Bytes of the feature in single precision.
    pub raw_bytes: u64,
    /// Share of the model's operations that lie before the cut, 0 to 1.
    pub flops_share: f64,
}

/// Everything that one run of the bench found out about one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Model name.
    pub model: String,
    /// Test data.
    pub dataset: String,
    /// Number of test samples.
    pub n: usize,
    /// Number of calibration samples.
    pub calibration_n: usize,
    /// Top-1 of the uncompressed model; absent without labels.
    pub reference_top1: Option<f64>,
    /// Cuts by rising depth.
    pub cuts: Vec<CutRecord>,
    /// One record per cut, method and setting.
    pub points: Vec<PointRecord>,
    /// One record per cut and method.
    pub summaries: Vec<SummaryRecord>,
    /// Ratios of the learned methods to their rivals.
    pub ratios: Vec<RatioRecord>,
    /// What each stage brings.
    pub ablations: Vec<AblationRecord>,
    /// Remarks for the reader, one sentence each.
    pub notes: Vec<String>,
}
