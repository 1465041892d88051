//! aiflow-evaluation
