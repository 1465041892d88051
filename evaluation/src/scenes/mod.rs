//! Procedural labelled pictures, so that everything runs with no download.
//!
//! Each picture shows one of twelve objects in any pose, size, colour and texture, on a textured
//! ground, among clutter, partly hidden, in uneven light, through a soft and noisy camera. Pictures
//! depend on the seed and their index alone, and are computed with integers, so that they are the
//! same on every machine and in every version: a test holds their checksum.

mod canvas;
mod compose;
mod random;
mod shape;
#[cfg(test)]
mod tests;
mod texture;
mod trig;

use crate::data::Picture;
use random::Random;

/// Width and height of every picture in pixels.
///
/// 48 leaves a small network enough to look at, while one inference takes about a millisecond.
pub const SIDE: usize = 48;

/// Names of the classes, in the order of their labels.
pub const CLASSES: [&str; 12] = [
    "disc", "ring", "square", "triangle", "star", "cross", "arrow", "crescent", "hexagon",
    "spiral", "key", "heart",
];

/// A set of procedural pictures, named by its seed.
///
/// Sets of different seeds share no picture; a longer set begins with the pictures of a shorter one.
/// Every run of twelve pictures (from a multiple of twelve) shows every class once, in mixed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenes {
    count: usize,
    seed: u64,
}

impl Scenes {
    /// Makes the set of `count` pictures of a seed. Nothing is drawn before it is asked for.
    pub fn new(count: usize, seed: u64) -> Scenes {
        Scenes { count, seed }
    }

    /// Returns the number of pictures.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the label of a picture: an index into [`CLASSES`].
    pub fn label(&self, index: usize) -> usize {
        let run = index / CLASSES.len();
        let mut random = Random::new(!self.seed, run as u64);
        let mut order: [usize; CLASSES.len()] = std::array::from_fn(|class| class);
        for last in (1..order.len()).rev() {
            order.swap(last, random.between(0, last as i32) as usize);
        }
        order[index % CLASSES.len()]
    }

    /// Draws a picture: [`SIDE`] squared, RGB. Takes some 0.2 milliseconds.
    pub fn picture(&self, index: usize) -> Picture {
        let mut random = Random::new(self.seed, index as u64);
        let pixels = compose::compose(self.label(index), &mut random);
        Picture { width: SIDE, height: SIDE, channels: 3, pixels }
    }
}
