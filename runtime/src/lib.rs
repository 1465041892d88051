//! aiflow-runtime
