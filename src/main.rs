//! The `aiflow` command line.
fn main() {}
