//! Writes pictures of the `scenes` generator into one raw file, for training outside Rust.
//!
//! `cargo run --release -p aiflow-evaluation --example scenes_export -- COUNT SEED FILE`
//!
//! Each record is one label byte and 48 x 48 x 3 bytes, rows of RGB.

#![expect(clippy::print_stderr, reason = "this is a command")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use aiflow_evaluation::scenes::Scenes;

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
    match export(&Scenes::new(count, seed), file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn export(scenes: &Scenes, file: &str) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for index in 0..scenes.count() {
        out.write_all(&[scenes.label(index) as u8])?;
        out.write_all(&scenes.picture(index).pixels)?;
    }
    out.flush()
}
