//! Writes pictures of the `scenes` generator into one file, to train with or to look at.
//!
//! `cargo run --release -p aiflow-evaluation --example scenes_export -- COUNT SEED FILE`
//!
//! A file that ends in `.png` or `.jpg` becomes a sheet with one row for each class. Every other file
//! becomes records of one label byte and 48 x 48 x 3 bytes, rows of RGB.

#![expect(clippy::print_stderr, reason = "this is a command")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use aiflow_evaluation::scenes::{CLASSES, SIDE, Scenes};
use image::{ImageFormat, RgbImage};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [count, seed, file] => count.parse().ok().zip(seed.parse().ok()).zip(Some(file)),
        _ => None,
    };
    let Some(((count, seed), file)) = parsed else {
        eprintln!("usage: scenes_export COUNT SEED FILE");
        return ExitCode::from(2);
    };
    let scenes = Scenes::new(count, seed);
    let written = match ImageFormat::from_path(file) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => sheet(&scenes, file, format),
        _ => records(&scenes, file),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn records(scenes: &Scenes, file: &str) -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(File::create(file)?);
    for index in 0..scenes.count() {
        out.write_all(&[scenes.label(index) as u8])?;
        out.write_all(&scenes.picture(index).pixels)?;
    }
    Ok(out.flush()?)
}

fn sheet(scenes: &Scenes, file: &str, format: ImageFormat) -> Result<(), Box<dyn Error>> {
    let columns = scenes.count().div_ceil(CLASSES.len());
    let step = SIDE + 2;
    let mut sheet = RgbImage::new((columns * step) as u32, (CLASSES.len() * step) as u32);
    for index in 0..scenes.count() {
        let side = SIDE as u32;
        let picture = RgbImage::from_raw(side, side, scenes.picture(index).pixels);
        let picture = picture.ok_or("a picture has the wrong size")?;
        let (column, row) = (index / CLASSES.len(), scenes.label(index));
        let (x, y) = ((column * step) as i64, (row * step) as i64);
        image::imageops::replace(&mut sheet, &picture, x, y);
    }
    Ok(sheet.save_with_format(file, format)?)
}
