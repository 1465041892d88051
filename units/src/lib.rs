//! aiflow-units
