//! What engines need not know: values asked for twice, and values that are fed and asked for.

use super::RunError;
use crate::value::Value;

/// Asks `run` for each value of `fetch` that is not fed, once; puts the answers in order.
pub(super) fn distinct(
    feeds: &[(&str, Value)],
    fetch: &[&str],
    run: impl FnOnce(&[&str]) -> Result<Vec<Value>, RunError>,
) -> Result<Vec<Value>, RunError> {
    let fed = |name: &str| feeds.iter().find(|(n, _)| *n == name).map(|(_, value)| value);
    let mut wanted: Vec<&str> = Vec::with_capacity(fetch.len());
    for name in fetch {
        if fed(name).is_none() && !wanted.contains(name) {
            wanted.push(name);
        }
    }
    let results = if wanted.is_empty() { Vec::new() } else { run(&wanted)? };
    if fetch.len() == wanted.len() {
        return Ok(results);
    }
    let computed = |name: &str| {
        let place = wanted.iter().position(|w| *w == name)?;
        results.get(place)
    };
    let value = |name: &&str| {
        let value = fed(name).or_else(|| computed(name)).cloned();
        value.ok_or_else(|| RunError::UnknownValue { name: (*name).to_owned() })
    };
    fetch.iter().map(value).collect()
}
