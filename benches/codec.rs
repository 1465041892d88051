//! Criterion benches of the codec, of zstd level 3 on the int8 version, and of a memory copy.
#![allow(missing_docs, reason = "criterion's macros define undocumented items")]

use std::hint::black_box;
use std::time::Duration;

use aiflow_benches::{Setup, Symbols};
use aiflow_codec::rans::{Lanes, RansDecoder, RansEncoder};
use aiflow_codec::{Effort, Restore};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn rivals(c: &mut Criterion, setup: &Setup) {
    let mut group = c.benchmark_group("rival");
    group.throughput(Throughput::Elements(setup.feature.len() as u64));
    let mut compressor = zstd::bulk::Compressor::new(3).expect("level 3 exists");
    group.bench_function("zstd-3 int8 encode", |b| {
        b.iter(|| compressor.compress(black_box(&setup.int8)).expect("enough memory"));
    });
    let packed = compressor.compress(&setup.int8).expect("enough memory");
    let mut decompressor = zstd::bulk::Decompressor::new().expect("enough memory");
    group.bench_function("zstd-3 int8 decode", |b| {
        b.iter(|| {
            decompressor.decompress(black_box(&packed), setup.int8.len()).expect("own bytes")
        });
    });
    let mut copy = setup.feature.clone();
    group.bench_function("copy f32", |b| {
        b.iter(|| black_box(&mut copy).copy_from_slice(black_box(&setup.feature)));
    });
    group.finish();
}

fn efforts(c: &mut Criterion, setup: &Setup) {
    for (name, effort) in [("fast", Effort::Fast), ("high", Effort::High)] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(setup.feature.len() as u64));
        let mut encoder = setup.encoder(effort);
        let mut frame = Vec::new();
        group.bench_function("encode", |b| {
            b.iter(|| {
                frame.clear();
                setup.encode(&mut encoder, &mut frame).expect("a finite feature");
            });
        });
        let frame = setup.frame(effort).expect("a finite feature");
        let mut decoder = setup.decoder(Restore::Off);
        let mut integers = Vec::new();
        group.bench_function("decode to integers", |b| {
            b.iter(|| {
                decoder.decode_integers(black_box(&frame), &mut integers).expect("own bytes")
            });
        });
        let mut values = Vec::new();
        for (name, restore) in [("decode", Restore::Off), ("decode and restore", Restore::On)] {
            let mut decoder = setup.decoder(restore);
            group.bench_function(name, |b| {
                b.iter(|| decoder.decode(black_box(&frame), &mut values).expect("own bytes"));
            });
        }
        group.finish();
    }
}

fn entropy_coder(c: &mut Criterion) {
    let Symbols { tables, contexts, symbols } = Symbols::new().expect("counts make tables");
    let mut group = c.benchmark_group("rans");
    group.throughput(Throughput::Elements(symbols.len() as u64));
    let mut encoder = RansEncoder::new();
    let mut out = vec![0; symbols.len()];
    for lanes in Lanes::ALL {
        let mut payload = Vec::new();
        group.bench_function(format!("encode, {} lanes", lanes.count()), |b| {
            b.iter(|| {
                encoder.clear();
                payload.clear();
                encoder.push_batch(&tables, &contexts, &symbols).expect("known symbols");
                encoder.finish(lanes, &mut payload);
            });
        });
        group.bench_function(format!("decode, {} lanes", lanes.count()), |b| {
            b.iter(|| {
                let mut decoder = RansDecoder::new(&payload, lanes).expect("own bytes");
                decoder.decode_batch(&tables, &contexts, &mut out).expect("known tables");
            });
        });
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    let setup = Setup::new().expect("synthetic features can be learned");
    rivals(c, &setup);
    efforts(c, &setup);
    entropy_coder(c);
}

criterion_group! {
    name = codec;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = all
}
criterion_main!(codec);
