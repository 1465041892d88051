//! The table that matters: how fast the codec is beside zstd level 3 and a memory copy.
//!
//! `cargo bench -p aiflow-benches --bench ratios -- --json FILE` writes it as JSON too. All
//! operations take turns, so that a busy machine slows them alike, and the shortest time of each
//! counts: whatever else runs only ever adds.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aiflow_benches::{Setup, relative_error};
use aiflow_codec::{Effort, Restore};

/// Turns of every operation.
const ROUNDS: usize = 60;
/// Operations longer than this get a tenth of the turns.
const LONG: Duration = Duration::from_millis(30);

type Failure = Box<dyn std::error::Error>;

/// A timed operation.
struct Operation<'a> {
    name: &'static str,
    /// What its speed is compared with.
    rival: &'static str,
    run: Box<dyn FnMut() -> Result<(), Failure> + 'a>,
    times: Vec<Duration>,
}

impl<'a> Operation<'a> {
    fn new(
        name: &'static str,
        rival: &'static str,
        run: impl FnMut() -> Result<(), Failure> + 'a,
    ) -> Self {
        Self { name, rival, run: Box::new(run), times: Vec::new() }
    }

    fn turn(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        (self.run)()?;
        self.times.push(start.elapsed());
        Ok(())
    }

    fn best(&self) -> Duration {
        self.times.iter().min().copied().unwrap_or_default()
    }
}

const ZSTD_ENCODE: &str = "zstd-3 int8 encode";
const ZSTD_DECODE: &str = "zstd-3 int8 decode";
const COPY: &str = "copy f32";

fn rivals<'a>(setup: &'a Setup) -> Result<Vec<Operation<'a>>, Failure> {
    let mut compressor = zstd::bulk::Compressor::new(3)?;
    let packed = compressor.compress(&setup.int8)?;
    let mut decompressor = zstd::bulk::Decompressor::new()?;
    let mut compressed = Vec::with_capacity(setup.int8.len() + 1024);
    let mut unpacked = Vec::with_capacity(setup.int8.len());
    let mut copy = setup.feature.clone();
    Ok(vec![
        Operation::new(COPY, ZSTD_DECODE, move || {
            black_box(&mut copy).copy_from_slice(black_box(&setup.feature));
            Ok(())
        }),
        Operation::new(ZSTD_ENCODE, ZSTD_ENCODE, move || {
            compressed.clear();
            compressor.compress_to_buffer(black_box(&setup.int8), &mut compressed)?;
            Ok(())
        }),
        Operation::new(ZSTD_DECODE, ZSTD_DECODE, move || {
            unpacked.clear();
            decompressor.decompress_to_buffer(black_box(&packed), &mut unpacked)?;
            Ok(())
        }),
    ])
}

/// zstd with what it takes to get from floats to bytes and back.
fn whole_rivals<'a>(setup: &'a Setup) -> Result<Vec<Operation<'a>>, Failure> {
    let mut compressor = zstd::bulk::Compressor::new(3)?;
    let packed = compressor.compress(&setup.int8)?;
    let mut decompressor = zstd::bulk::Decompressor::new()?;
    let mut compressed = Vec::with_capacity(setup.int8.len() + 1024);
    let mut bytes: Vec<u8> = Vec::with_capacity(setup.int8.len());
    let mut unpacked = Vec::with_capacity(setup.int8.len());
    let mut values: Vec<f32> = Vec::with_capacity(setup.int8.len());
    let unit = setup.unit;
    Ok(vec![
        Operation::new("int8 + zstd-3 encode", ZSTD_ENCODE, move || {
            bytes.clear();
            let gain = 1.0 / unit;
            bytes.extend(black_box(&setup.feature).iter().map(|v| (v * gain + 0.5) as u8));
            compressed.clear();
            compressor.compress_to_buffer(&bytes, &mut compressed)?;
            Ok(())
        }),
        Operation::new("int8 + zstd-3 decode", ZSTD_DECODE, move || {
            unpacked.clear();
            decompressor.decompress_to_buffer(black_box(&packed), &mut unpacked)?;
            values.clear();
            values.extend(unpacked.iter().map(|&level| f32::from(level) * unit));
            black_box(&values);
            Ok(())
        }),
    ])
}

fn effort<'a>(
    setup: &'a Setup,
    effort: Effort,
    names: [&'static str; 4],
) -> Result<Vec<Operation<'a>>, Failure> {
    let [encode, integers, plain, restored] = names;
    let mut encoder = setup.encoder(effort);
    let mut out = Vec::new();
    let mut operations = vec![Operation::new(encode, ZSTD_ENCODE, move || {
        out.clear();
        setup.encode(&mut encoder, &mut out)
    })];
    let frame = setup.frame(effort)?;
    let (mut decoder, bytes) = (setup.decoder(Restore::Off), frame.clone());
    let mut levels = Vec::new();
    operations.push(Operation::new(integers, ZSTD_DECODE, move || {
        decoder.decode_integers(black_box(&bytes), &mut levels)?;
        Ok(())
    }));
    let restores = !setup.profile.tools().contains("not restored");
    let variants = [(plain, Restore::Off, true), (restored, Restore::On, restores)];
    for (name, restore, _) in variants.into_iter().filter(|&(_, _, exists)| exists) {
        let (mut decoder, bytes) = (setup.decoder(restore), frame.clone());
        let mut values = Vec::new();
        operations.push(Operation::new(name, ZSTD_DECODE, move || {
            decoder.decode(black_box(&bytes), &mut values)?;
            Ok(())
        }));
    }
    Ok(operations)
}

fn describe(setup: &Setup) -> Result<(), Failure> {
    let zeros = setup.feature.iter().filter(|&&v| v == 0.0).count();
    let share = 100.0 * zeros as f64 / setup.feature.len() as f64;
    println!(
        "feature {:?}: {} elements, {share:.1} % zeros; profile: {}; rate index {}",
        setup.dims.as_slice(),
        setup.feature.len(),
        setup.profile.tools(),
        setup.rate.get()
    );
    let packed = zstd::bulk::compress(&setup.int8, 3)?;
    println!("{:<24} {:>8} bytes", "zstd-3 int8", packed.len());
    for (name, effort) in [("fast", Effort::Fast), ("high", Effort::High)] {
        let frame = setup.frame(effort)?;
        let mut out = Vec::new();
        setup.decoder(Restore::On).decode(&frame, &mut out)?;
        let error = 100.0 * relative_error(&setup.feature, &out);
        println!("{name:<24} {:>8} bytes, squared error {error:.2} %", frame.len());
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--json").skip(1);
    let json = arguments.next();
    let setup = Setup::new()?;
    describe(&setup)?;
    let mut operations = rivals(&setup)?;
    operations.extend(whole_rivals(&setup)?);
    let fast = ["fast encode", "fast decode to integers", "fast decode", "fast decode, restored"];
    operations.extend(effort(&setup, Effort::Fast, fast)?);
    let high = ["high encode", "high decode to integers", "high decode", "high decode, restored"];
    operations.extend(effort(&setup, Effort::High, high)?);
    for round in 0..ROUNDS {
        for operation in &mut operations {
            let long = operation.times.first().is_some_and(|&first| first > LONG);
            if !long || round % 10 == 0 {
                operation.turn()?;
            }
        }
    }
    let best = |name: &str| {
        let found = operations.iter().find(|operation| operation.name == name);
        found.map_or(f64::NAN, |operation| operation.best().as_secs_f64())
    };
    println!("{:<24} {:>10} {:>10} {:>9} {:>9}", "", "us", "M/s", "x zstd", "x copy");
    let mut records = Vec::new();
    for operation in &operations {
        let seconds = operation.best().as_secs_f64();
        let rate = setup.feature.len() as f64 / seconds / 1e6;
        let (zstd, copy) = (best(operation.rival) / seconds, best(COPY) / seconds);
        let name = operation.name;
        println!("{name:<24} {:>10.1} {rate:>10.1} {zstd:>9.3} {copy:>9.4}", seconds * 1e6);
        records.push(serde_json::json!({
            "operation": operation.name,
            "microseconds": seconds * 1e6,
            "million_elements_per_second": rate,
            "speed_over_zstd": zstd,
            "speed_over_copy": copy,
        }));
    }
    if let Some(path) = json {
        std::fs::write(path, serde_json::to_string_pretty(&records)?)?;
    }
    Ok(())
}
