//! Tests of the protocol through its public interface.

#[cfg(feature = "quinn")]
mod driver;
mod hostile;
mod registry;
mod round_trip;
#[allow(dead_code, reason = "shared with the generators of vectors and seeds")]
mod samples;
#[allow(dead_code, reason = "shared with the generator of the vectors")]
mod vector_file;
mod vectors;
