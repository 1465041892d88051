//! Values of keys, and what is said about wrong ones.

use std::path::Path;
use std::str::FromStr;

use aiflow_units::Micros;

use super::super::error::ScenarioError;
use super::quantity::{Scalar, number, slowness, time};

/// Reads the keys of one scenario; a key that is not set gives nothing.
pub(super) struct Keys<'a> {
    pub(super) path: &'a Path,
    pub(super) scenario: &'a str,
}

impl Keys<'_> {
    pub(super) fn time(
        &self,
        key: &'static str,
        value: &Option<Scalar>,
    ) -> Result<Option<Micros>, ScenarioError> {
        self.read(key, value, |text| time(text).map_err(str::to_owned))
    }

    pub(super) fn slowness(
        &self,
        key: &'static str,
        value: &Option<Scalar>,
    ) -> Result<Option<f64>, ScenarioError> {
        self.read(key, value, |text| slowness(text).map_err(str::to_owned))
    }

    pub(super) fn number(
        &self,
        key: &'static str,
        value: &Option<Scalar>,
        low: f64,
        high: f64,
    ) -> Result<Option<f64>, ScenarioError> {
        let reason = || format!("write a number from {low} to {high}");
        self.read(key, value, |text| number(text, low, high).ok_or_else(reason))
    }

    pub(super) fn parsed<T: FromStr>(
        &self,
        key: &'static str,
        value: &Option<Scalar>,
        reason: &str,
    ) -> Result<Option<T>, ScenarioError> {
        self.read(key, value, |text| text.parse().map_err(|_| reason.to_owned()))
    }

    pub(super) fn one_of<T: Copy>(
        &self,
        key: &'static str,
        value: &Option<Scalar>,
        known: &[(&str, T)],
    ) -> Result<Option<T>, ScenarioError> {
        let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" or ");
        self.read(key, value, |text| {
            let found = known.iter().find(|(name, _)| *name == text);
            found.map(|(_, value)| *value).ok_or_else(|| format!("write {}", names()))
        })
    }

    pub(super) fn wrong(&self, key: &'static str, value: &str, reason: &str) -> ScenarioError {
        ScenarioError::Value {
            path: self.path.to_owned(),
            scenario: self.scenario.to_owned(),
            key,
            value: value.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn read<T>(
        &self,
        key: &'static str,
        value: &Option<Scalar>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ScenarioError> {
        let Some(text) = value.as_ref().map(Scalar::text) else { return Ok(None) };
        read(&text).map(Some).map_err(|reason| self.wrong(key, &text, &reason))
    }
}
