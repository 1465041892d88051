//! The fields of the fast coder.

use super::{SECTION_ANCHOR, Source, counted};
use crate::coder::fast::{Bands, CLASS_LENGTHS, FastModel, MAX_CLASSES, Width, complete};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::layout::Layout;

impl Source<'_> {
    /// Codes whose every word is checked, so that none needs a check when it is used.
    pub(super) fn fast(
        &mut self,
        layout: Layout,
        components: usize,
    ) -> Result<FastModel, DecodeError> {
        let width = Width::from_bits(self.reader.u8()?)
            .ok_or_else(|| self.reader.error(DecodeErrorKind::ReservedBits))?;
        self.note("width", || width.bits().to_string(), "fast coder: bits of a digit");
        let classes = usize::from(self.reader.u8()?);
        self.note("classes", || classes.to_string(), "fast coder: kinds of bands");
        if classes == 0 || classes > MAX_CLASSES {
            return Err(self.invalid());
        }
        let class_of = self.packed(Bands::count_of(layout, components))?;
        self.note("class", || counted(class_of.len()), "fast coder: class of each band");
        if class_of.iter().any(|&class| usize::from(class) >= classes) {
            return Err(self.invalid());
        }
        let at = self.reader.offset();
        let lengths = self.packed(classes.saturating_mul(CLASS_LENGTHS))?;
        self.note("lengths", || counted(lengths.len()), "fast coder: lengths of the codes");
        if !lengths.chunks(CLASS_LENGTHS).all(complete) {
            return Err(DecodeError::new(DecodeErrorKind::InvalidTable, at, SECTION_ANCHOR));
        }
        let centroids = self.centroids(components)?;
        self.note("fast_centroids", || counted(components), "as centroids, for the fast coder");
        Ok(FastModel { width, class_of, lengths, centroids })
    }
}
