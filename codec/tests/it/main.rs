//! Tests of the codec through its public interface.

mod corruption;
mod levels;
#[cfg(feature = "learn")]
mod lossy;
#[cfg(feature = "learn")]
mod sample;
mod vector_file;
mod vectors;
