//! Labelled pictures and tensors from files and generators.

mod picture;

pub use picture::Picture;
