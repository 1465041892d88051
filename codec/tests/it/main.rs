//! Tests of the codec through its public interface.

mod corruption;
mod vector_file;
mod vectors;
