//! Pieces of cases.

use aiflow_codec::error::DecodeError;

use crate::vector_file::Case;

/// Repeatable numbers for test data.
pub(crate) fn numbers(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    }
}

pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if words.is_empty() { "-".into() } else { words.join(" ") }
}

pub(crate) fn refused<T>(case: Case, key: &str, result: Result<T, DecodeError>) -> Case {
    match result {
        Ok(_) => panic!("`{}` is not refused", case.name),
        Err(error) => case.with(key, format!("{} {}", error.kind.name(), error.offset)),
    }
}
