//! Tests of the codec through its public interface.

mod corruption;
#[cfg(feature = "learn")]
mod lossy;
#[cfg(feature = "learn")]
mod sample;
mod vector_file;
mod vectors;
