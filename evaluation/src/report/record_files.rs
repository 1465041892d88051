//! JSON and CSV.

use std::path::Path;

use serde::Serialize;

use super::atomic::write_atomically;
use crate::curve::{PointRecord, Study, SummaryRecord};
use crate::error::ReportError;

/// Writes the whole study as one JSON object.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_json(path: &Path, study: &Study) -> Result<(), ReportError> {
    let mut bytes = serde_json::to_vec_pretty(study)
        .map_err(|error| ReportError::Format { format: "JSON", source: Box::new(error) })?;
    bytes.push(b'\n');
    write_atomically(path, &bytes)
}

/// Writes one CSV row per measured point, with a header of field names.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_points_csv(path: &Path, points: &[PointRecord]) -> Result<(), ReportError> {
    write_csv(path, points.iter())
}

/// Writes one CSV row per cut and method with the figures that all methods have.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_summaries_csv(path: &Path, summaries: &[SummaryRecord]) -> Result<(), ReportError> {
    write_csv(path, summaries.iter().map(SummaryRow::from))
}

/// Writes one CSV row per record, with a header of field names.
pub(crate) fn write_rows<R: Serialize>(path: &Path, rows: &[R]) -> Result<(), ReportError> {
    write_csv(path, rows.iter())
}

fn write_csv<R: Serialize>(path: &Path, rows: impl Iterator<Item = R>) -> Result<(), ReportError> {
    let failed = |source| ReportError::Format { format: "CSV", source };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|error| failed(Box::new(error)))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(Box::new(error.into_error())))?;
    write_atomically(path, &bytes)
}

/// The fields of a summary that fit a table: maps have no columns.
#[derive(Serialize)]
struct SummaryRow<'a> {
    model: &'a str,
    cut: &'a str,
    method: &'a str,
    settings: usize,
    bytes_at_minus_1_point: Option<f64>,
    bytes_at_99_agreement: Option<f64>,
    bytes_at_97_agreement: Option<f64>,
    bytes_at_95_agreement: Option<f64>,
    bytes_at_kl_0_03: Option<f64>,
    bd_rate_vs_best_baseline: Option<f64>,
    best_baseline: Option<&'a str>,
    profile_bytes: usize,
}

impl<'a> From<&'a SummaryRecord> for SummaryRow<'a> {
    fn from(record: &'a SummaryRecord) -> Self {
        Self {
            model: &record.model,
            cut: &record.cut,
            method: &record.method,
            settings: record.settings,
            bytes_at_minus_1_point: record.bytes_at_minus_1_point,
            bytes_at_99_agreement: record.bytes_at_99_agreement,
            bytes_at_97_agreement: record.bytes_at_97_agreement,
            bytes_at_95_agreement: record.bytes_at_95_agreement,
            bytes_at_kl_0_03: record.bytes_at_kl_0_03,
            bd_rate_vs_best_baseline: record.bd_rate_vs_best_baseline,
            best_baseline: record.best_baseline.as_deref(),
            profile_bytes: record.profile_bytes,
        }
    }
}
