//! Explains a frame field by field.

use core::fmt::Display;
use core::ops::Range;

use super::frame::Frame;
use super::header::{FrameForm, MAGIC};
use crate::error::DecodeError;
use crate::limits::DecodeLimits;

/// One field of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRow {
    /// The name of the field in the specification.
    pub name: &'static str,
    /// The offset of its first byte.
    pub offset: usize,
    /// Its size in bytes.
    pub length: usize,
    /// Its value as text.
    pub value: String,
    /// What the value means.
    pub meaning: &'static str,
}

/// The fields of a frame as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The form that was recognised by the first byte.
    pub form: FrameForm,
    /// The fields in the order of the bytes.
    pub rows: Vec<FieldRow>,
    /// Why reading stopped, if it did before the end.
    pub error: Option<DecodeError>,
}

/// Lists the fields of a frame of either form, also of a damaged one.
///
/// The form is recognised by the first byte: the top bit is set in the self-contained form only.
pub fn inspect(bytes: &[u8], limits: &DecodeLimits) -> Inspection {
    let form = match bytes.first() {
        Some(&MAGIC) => FrameForm::SelfContained,
        _ => FrameForm::Session,
    };
    let mut rows = Vec::new();
    let error = match Frame::parse_traced(bytes, form, limits, &mut rows) {
        Ok(prefix) => prefix.stopped,
        Err(error) => Some(error),
    };
    Inspection { form, rows, error }
}

/// Is told of each field that the parser reads, so that there is one parser only.
pub(super) trait Trace {
    /// Notes a field.
    fn field(
        &mut self,
        name: &'static str,
        bytes: Range<usize>,
        value: &dyn Display,
        meaning: &'static str,
    );
}

/// Notes nothing.
pub(super) struct NoTrace;

impl Trace for NoTrace {
    #[inline]
    fn field(&mut self, _: &'static str, _: Range<usize>, _: &dyn Display, _: &'static str) {}
}

impl Trace for Vec<FieldRow> {
    fn field(
        &mut self,
        name: &'static str,
        bytes: Range<usize>,
        value: &dyn Display,
        meaning: &'static str,
    ) {
        let value = value.to_string();
        self.push(FieldRow { name, offset: bytes.start, length: bytes.len(), value, meaning });
    }
}
