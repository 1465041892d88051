//! How a picture is put together: background, clutter, the object, what hides it, light, camera.

use super::SIDE;
use super::canvas::{Canvas, Mask, Mirror, PIXEL, Placement};
use super::random::Random;
use super::shape::{LABELLED, Outline};
use super::texture::{Colour, Texture};
use super::trig;

/// Draws one picture that shows the outline `label`; rows of RGB bytes.
pub(super) fn compose(label: usize, random: &mut Random) -> Vec<u8> {
    let palette = Palette::draw(random);
    let ground = Texture::draw(random, palette.ground);
    let mut canvas = Canvas::filled(|x, y| ground.at(x, y));
    if random.chance(1, 3) {
        horizon(&mut canvas, &palette, random);
    }
    for _ in 0..random.between(2, 6) {
        clutter(&mut canvas, &palette, random);
    }
    let object = object(LABELLED[label], &mut canvas, &palette, random);
    for _ in 0..random.between(0, 2) {
        speck(&mut canvas, random);
    }
    if random.chance(2, 5) {
        occlude(&mut canvas, &object, random);
    }
    light(&mut canvas, random);
    canvas.blur(random.between(0, 4));
    let sigma = random.between(2 * 16, 11 * 16);
    canvas.expose(sigma, random)
}

/// The colours of one picture: the object stands off from the ground, by little at times.
struct Palette {
    ground: [Colour; 2],
    object: [Colour; 2],
}

impl Palette {
    fn draw(random: &mut Random) -> Palette {
        let ground = colour(random);
        let ground = [ground, near(ground, 70, random)];
        let mut object = colour(random);
        for _ in 0..24 {
            if ground.iter().all(|&other| distance(object, other) >= 110) {
                break;
            }
            object = colour(random);
        }
        Palette { ground, object: [object, near(object, 36, random)] }
    }
}

/// Returns a colour that is seldom as bright as paint: a grey, then up to 56 more or less of each.
fn colour(random: &mut Random) -> Colour {
    near([random.between(28, 228); 3], 56, random)
}

/// Returns a colour within `spread` of another in each channel.
fn near(colour: Colour, spread: i32, random: &mut Random) -> Colour {
    colour.map(|value| (value + random.between(-spread, spread)).clamp(12, 250))
}

/// Sums the differences of the channels, 0..=765.
fn distance(a: Colour, b: Colour) -> i32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}

/// Returns a random point of the canvas.
fn anywhere(random: &mut Random) -> (i32, i32) {
    let side = SIDE as i32 * PIXEL;
    (random.between(0, side), random.between(0, side))
}

/// A second ground, as where a wall meets a floor.
fn horizon(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let angle = random.between(0, trig::TURN - 1);
    let placement = Placement::new(anywhere(random), (PIXEL, PIXEL), angle, 0, Mirror::No);
    let mask = Mask::of(Outline::Edge, &placement.endless());
    let colours = palette.ground.map(|ground| near(ground, 40, random));
    let texture = Texture::draw(random, colours);
    canvas.lay(&mask, 16, |x, y| texture.at(x, y));
}

/// Something that is not the object: a pebble, a splinter or a thin line, behind everything.
fn clutter(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let angle = random.between(0, trig::TURN - 1);
    let centre = anywhere(random);
    let paint =
        if random.chance(1, 2) { colour(random) } else { near(palette.ground[0], 60, random) };
    let strength = random.between(8, 16);
    let mask = if random.chance(2, 5) {
        let width = random.between(PIXEL / 3, PIXEL);
        let bar = Placement::new(centre, (PIXEL, width), angle, 0, Mirror::No);
        Mask::of(Outline::Bar, &bar.endless())
    } else {
        let outline = if random.chance(1, 2) { Outline::Disc } else { Outline::Triangle };
        let radii = (random.between(2 * PIXEL, 5 * PIXEL), random.between(PIXEL, 3 * PIXEL));
        Mask::of(outline, &Placement::new(centre, radii, angle, 0, Mirror::No))
    };
    canvas.lay(&mask, strength, |_, _| paint);
}

/// A small thing in front of the object.
fn speck(canvas: &mut Canvas, random: &mut Random) {
    let radii = (random.between(PIXEL, 3 * PIXEL), random.between(PIXEL / 2, 2 * PIXEL));
    let angle = random.between(0, trig::TURN - 1);
    let placement = Placement::new(anywhere(random), radii, angle, 0, Mirror::No);
    let paint = colour(random);
    canvas.lay(&Mask::of(Outline::Disc, &placement), 16, |_, _| paint);
}

/// The object with its shadow; returns the part of the canvas it covers.
fn object(outline: Outline, canvas: &mut Canvas, palette: &Palette, random: &mut Random) -> Mask {
    let middle = SIDE as i32 * PIXEL / 2;
    let radius = random.between(10 * PIXEL, 18 * PIXEL);
    let room = (middle - radius).clamp(0, 9 * PIXEL);
    let centre = (middle + random.between(-room, room), middle + random.between(-room, room));
    let squeezed = radius * random.between(78, 100) / 100;
    let mirror = if random.chance(1, 2) { Mirror::Yes } else { Mirror::No };
    let angle = random.between(0, trig::TURN - 1);
    let shear = random.between(-trig::ONE / 5, trig::ONE / 5);
    let placement = Placement::new(centre, (radius, squeezed), angle, shear, mirror);
    let mask = Mask::of(outline, &placement);

    if random.chance(1, 2) {
        let (dx, dy) =
            (random.between(-3 * PIXEL, 3 * PIXEL), random.between(-3 * PIXEL, 3 * PIXEL));
        let depth = random.between(3, 8);
        canvas.lay(&Mask::of(outline, &placement.shifted(dx, dy)), depth, |_, _| [8; 3]);
    }
    let texture = Texture::draw(random, palette.object);
    canvas.lay(&mask, 16, |x, y| texture.at(x, y));
    mask
}

/// A bar or a wall in front of the object; left out where it would hide more than a third of it.
fn occlude(canvas: &mut Canvas, object: &Mask, random: &mut Random) {
    let angle = random.between(0, trig::TURN - 1);
    let centre = anywhere(random);
    let outline = if random.chance(2, 3) { Outline::Bar } else { Outline::Edge };
    let width = random.between(3 * PIXEL / 2, 4 * PIXEL);
    let placement = Placement::new(centre, (PIXEL, width), angle, 0, Mirror::No);
    let mask = Mask::of(outline, &placement.endless());
    let base = colour(random);
    let colours = [base, near(base, 40, random)];
    let texture = Texture::draw(random, colours);
    if object.hidden_by(&mask) * 3 <= object.area() {
        canvas.lay(&mask, 16, |x, y| texture.at(x, y));
    }
}

/// Light from one side, brighter or darker, slightly coloured, with a lens that darkens the rim.
fn light(canvas: &mut Canvas, random: &mut Random) {
    let angle = random.between(0, trig::TURN - 1);
    let (c, s) = (trig::cos(angle), trig::sin(angle));
    let slope = random.between(0, 110);
    let level = random.between(170, 290);
    let rim = random.between(0, 70);
    let tint = [0; 3].map(|_| random.between(228, 268));
    let half = SIDE as i32 * PIXEL / 2;
    canvas.shine(tint, |x, y| {
        let (x, y) = (x - half, y - half);
        let along = (x * c + y * s) >> 14;
        let off_axis = (x * x + y * y) / half;
        (level + along * slope / half - off_axis * rim / (2 * half)).clamp(40, 400)
    });
}

#[cfg(test)]
mod tests {
    use super::super::canvas::FULL;
    use super::*;

    #[test]
    fn palettes_set_the_object_off_from_the_ground() {
        let mut random = Random::new(9, 9);
        let close = (0..500)
            .filter(|_| {
                let palette = Palette::draw(&mut random);
                palette.ground.iter().any(|&ground| distance(ground, palette.object[0]) < 110)
            })
            .count();
        assert!(close <= 5, "{close} of 500 objects are hard to see");
    }

    #[test]
    fn occluders_leave_at_least_two_thirds_of_the_object() {
        let mut random = Random::new(4, 4);
        let placement = Placement::new((24 * PIXEL, 24 * PIXEL), (900, 900), 0, 0, Mirror::No);
        let object = Mask::of(Outline::Disc, &placement);
        assert!((object.area() / FULL - 483).abs() < 12, "{}", object.area());
        let before = Canvas::filled(|_, _| [1; 3]).expose(0, &mut random);
        for _ in 0..50 {
            let mut canvas = Canvas::filled(|_, _| [1; 3]);
            occlude(&mut canvas, &object, &mut random);
            let after = canvas.expose(0, &mut random);
            let pixels = before.chunks(3).zip(after.chunks(3)).enumerate();
            let hidden = pixels
                .filter(|(_, (a, b))| a != b)
                .filter(|(index, _)| {
                    let (x, y) = ((index % SIDE) as i32 - 24, (index / SIDE) as i32 - 24);
                    x * x + y * y < 100
                })
                .count();
            assert!(hidden <= 260, "{hidden} of 305 inner pixels are hidden");
        }
    }
}
