//! The procedural pictures as a data set.

use super::Origin;
use super::error::DataError;
use super::picture::Picture;
use super::pictures::PictureSource;
use crate::scenes::{CLASSES, Scenes};

/// Pictures of [`Scenes`] with the name of their seed.
pub(super) struct Generated {
    scenes: Scenes,
    name: String,
}

impl Generated {
    /// Names the pictures after their seed: a longer set begins with the same ones.
    pub(super) fn new(count: usize, seed: u64) -> Generated {
        Generated { scenes: Scenes::new(count, seed), name: format!("scenes:@{seed}") }
    }
}

impl PictureSource for Generated {
    fn len(&self) -> usize {
        self.scenes.count()
    }

    fn is_divided(&self) -> bool {
        true
    }

    fn class_names(&self) -> Vec<String> {
        CLASSES.map(str::to_owned).to_vec()
    }

    fn label(&self, index: usize) -> Option<usize> {
        Some(self.scenes.label(index))
    }

    fn origin(&self, index: usize) -> Origin<'_> {
        Origin { source: &self.name, index }
    }

    fn picture(&self, index: usize) -> Result<Picture, DataError> {
        Ok(self.scenes.picture(index))
    }
}
