//! The outlines that can be drawn, each a test of one point in integers.

/// The unit of shape coordinates: every class fits a circle of about this radius.
pub(super) const UNIT: i32 = 1024;

/// An outline in its own coordinates, `UNIT` being its radius.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outline {
    Disc,
    Ring,
    Square,
    Triangle,
    Star,
    Cross,
    Arrow,
    Crescent,
    Hexagon,
    Spiral,
    Key,
    Heart,
    /// An endless bar along the first axis; clutter and occluders only.
    Bar,
    /// Everything on one side of the second axis; occluders and horizons only.
    Edge,
}

/// The outlines that have a label, in the order of the labels.
pub(super) const LABELLED: [Outline; 12] = [
    Outline::Disc,
    Outline::Ring,
    Outline::Square,
    Outline::Triangle,
    Outline::Star,
    Outline::Cross,
    Outline::Arrow,
    Outline::Crescent,
    Outline::Hexagon,
    Outline::Spiral,
    Outline::Key,
    Outline::Heart,
];

impl Outline {
    /// Returns whether the point (`u`, `v`) lies inside.
    pub(super) fn contains(self, u: i32, v: i32) -> bool {
        match self {
            Outline::Disc => near(u, v, 900),
            Outline::Ring => near(u, v, 940) && !near(u, v, 540),
            Outline::Square => u.abs().max(v.abs()) <= 760,
            Outline::Triangle => TRIANGLE.iter().all(|&n| along(n, u, v) <= 512),
            Outline::Star => STAR.iter().filter(|&&n| along(n, u, v) <= 340).count() >= 4,
            Outline::Cross => u.abs().max(v.abs()) <= 900 && u.abs().min(v.abs()) <= 250,
            Outline::Arrow => arrow(u, v),
            Outline::Crescent => near(u, v, 950) && !near(u - 420, v, 760),
            Outline::Hexagon => HEXAGON.iter().all(|&n| along(n, u, v).abs() <= 820),
            Outline::Spiral => spiral(u + 200, v),
            Outline::Key => key(u, v),
            Outline::Heart => heart(u, v - 60),
            Outline::Bar => v.abs() <= UNIT,
            Outline::Edge => v >= 0,
        }
    }
}

/// Unit normals with 14 fraction bits; the sides of a regular triangle.
const TRIANGLE: [(i32, i32); 3] = [(0, 16384), (-14189, -8192), (14189, -8192)];

/// Directions of the five points: a star is what lies beyond at most one of its five lines.
const STAR: [(i32, i32); 5] =
    [(16384, 0), (5063, 15582), (-13255, 9630), (-13255, -9630), (5063, -15582)];

/// Half of the normals of a regular hexagon; the others are their opposites.
const HEXAGON: [(i32, i32); 3] = [(16384, 0), (8192, 14189), (-8192, 14189)];

fn along(normal: (i32, i32), u: i32, v: i32) -> i32 {
    (normal.0 * u + normal.1 * v) >> 14
}

fn near(u: i32, v: i32, radius: i32) -> bool {
    u * u + v * v <= radius * radius
}

fn arrow(u: i32, v: i32) -> bool {
    let shaft = (-920..=150).contains(&u) && v.abs() <= 200;
    let head = (60..=960).contains(&u) && v.abs() * 900 <= (960 - u) * 640;
    shaft || head
}

/// Half circles about two centres in turn: each half turn widens the radius by half the pitch.
fn spiral(u: i32, v: i32) -> bool {
    const PITCH: i32 = 400;
    const HALF_WIDTH: i32 = 90;
    let (u, first) = if v >= 0 { (u, 150) } else { (u - PITCH / 2, 150 + PITCH / 2) };
    (0..2).any(|turn| {
        let radius = first + turn * PITCH;
        near(u, v, radius + HALF_WIDTH) && !near(u, v, radius - HALF_WIDTH)
    })
}

fn key(u: i32, v: i32) -> bool {
    let bow = near(u + 540, v, 430) && !near(u + 540, v, 200);
    let shaft = (-160..=960).contains(&u) && v.abs() <= 110;
    let teeth = (0..=430).contains(&v) && ((480..=640).contains(&u) || (800..=960).contains(&u));
    bow || shaft || teeth
}

fn heart(u: i32, v: i32) -> bool {
    u.abs() + v.abs() <= 720 || near(u.abs() - 360, v + 360, 509)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labelled_outlines_fit_their_circle_and_are_large_enough_to_see() {
        for outline in LABELLED {
            let mut inside = 0;
            for v in (-1200..=1200).step_by(20) {
                for u in (-1200..=1200).step_by(20) {
                    if outline.contains(u, v) {
                        inside += 1;
                        assert!(near(u, v, 1120), "{outline:?} reaches ({u}, {v})");
                    }
                }
            }
            let share = f64::from(inside) * 400.0 / f64::from(UNIT * UNIT);
            assert!((0.6..=3.0).contains(&share), "{outline:?} covers {share}");
        }
    }

    #[test]
    fn points_that_tell_neighbouring_classes_apart() {
        assert!(Outline::Disc.contains(0, 0) && !Outline::Ring.contains(0, 0));
        assert!(Outline::Square.contains(750, 750) && !Outline::Hexagon.contains(750, 750));
        assert!(Outline::Star.contains(1000, 0) && !Outline::Star.contains(-1000, 0));
        assert!(!Outline::Crescent.contains(500, 0) && Outline::Crescent.contains(-600, 0));
    }
}
