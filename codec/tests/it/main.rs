//! Tests of the codec through its public interface.

mod corruption;
mod levels;
#[cfg(feature = "learn")]
mod lossy;
#[cfg(feature = "learn")]
#[allow(dead_code, reason = "shared with the generator of the vectors")]
mod sample;
#[allow(dead_code, reason = "shared with the generator of the vectors, which also writes")]
mod vector_file;
mod vectors;
