//! Bad input gives one line that says what is wrong, exit code 1, and leaves nothing behind.

use std::path::Path;

use aiflow::runtime::fixtures::{self, EncoderSize, ModelBuilder, TensorKind};
use aiflow::runtime::graph::Dim;

use crate::work::{Ran, Work, bundle, model};

/// Requires a failure with one line that contains every one of `parts`.
fn failed(ran: &Ran, words: &str, parts: &[&str]) {
    assert_eq!(ran.code, Some(1), "aiflow {words}: {}", ran.error);
    assert_eq!(ran.error.lines().count(), 1, "aiflow {words}: {}", ran.error);
    assert!(ran.error.starts_with("error: "), "{}", ran.error);
    for part in parts {
        assert!(ran.error.contains(part), "aiflow {words}: no `{part}` in: {}", ran.error);
    }
}

#[test]
fn models_that_are_none() {
    let work = Work::new();
    let bytes = std::fs::read(model()).expect("the shipped model");
    work.write("text.onnx", b"this is no model");
    work.write("empty.onnx", b"");
    work.write("short.onnx", &bytes[..bytes.len() / 2]);
    work.write("odd.onnx", &odd_operator());
    std::fs::create_dir(work.path("folder.onnx")).expect("a folder");
    let before = work.names();
    let table: [(&str, &[&str]); 6] = [
        ("folder.onnx", &["folder.onnx", "give the path of an ONNX file"]),
        ("missing.onnx", &["missing.onnx", "no model"]),
        ("text.onnx", &["text.onnx", "not an ONNX model"]),
        ("empty.onnx", &["empty.onnx"]),
        ("short.onnx", &["short.onnx", "cut short"]),
        ("odd.onnx", &["odd.onnx", "Frobnicate", "lacks"]),
    ];
    for (file, parts) in table {
        for words in
            [format!("cuts {file}"), format!("learn {file} --data scenes:20@1 -o out.bundle")]
        {
            failed(&work.run(&words), &words, parts);
        }
    }
    assert_eq!(work.names(), before);
}

/// A model with an operator that no engine has.
fn odd_operator() -> Vec<u8> {
    let mut model = ModelBuilder::new(1);
    let input = model.input("x", TensorKind::Float, &[Dim::Fixed(1), Dim::Fixed(4)]);
    let odd = model.node("odd", "Frobnicate", &[&input]);
    model.output(&odd, TensorKind::Float);
    model.build()
}

#[test]
fn data_that_does_not_fit() {
    let work = Work::new();
    let model = model();
    work.write("other.npy", &npy(&[4, 3, 20, 20]));
    let mut text = npy(&[4, 3, 48, 48]);
    let kind = text.windows(3).position(|part| part == b"<f4").expect("the kind");
    text[kind + 1] = b'U';
    work.write("text.npy", &text);
    work.write("wide.toml", b"input = \"input\"\nsize = [32, 32]\n");
    work.write("name.toml", b"input = \"picture\"\nsize = [48, 48]\n");
    work.write("fault.toml", b"input = \"input\"\nsize = [48]\n");
    std::fs::create_dir(work.path("empty")).expect("a folder");
    std::fs::copy(&model, work.path("unnamed.onnx")).expect("a copy");
    let before = work.names();
    let table: [(&str, &[&str]); 12] = [
        ("--data nothing", &["unknown data set `nothing`", "scenes:COUNT@SEED"]),
        ("--data scenes:0@1", &["no sample"]),
        ("--data scenes:9@1?offset=9", &["no sample", "options"]),
        ("--data scenes:5", &["scenes:COUNT@SEED"]),
        ("--data cifar10:nowhere", &["nowhere"]),
        ("--data imagefolder:empty", &["empty"]),
        ("--data npy:missing.npy", &["missing.npy"]),
        ("--data npy:text.npy", &["text.npy", "float32", "convert the file"]),
        ("--data npy:other.npy", &["[1, 3, 20, 20]", "`input`", "[N, 3, 48, 48]", "save an array"]),
        ("--data scenes:9@1 --preprocess wide.toml", &["48x48", "32x32"]),
        ("--data scenes:9@1 --preprocess name.toml", &["`input`", "picture"]),
        ("--data scenes:9@1 --preprocess fault.toml", &["fault.toml", "line 2"]),
    ];
    for (flags, parts) in table {
        for words in [
            format!("cuts {model} {flags}"),
            format!("learn {model} {flags} -o out.bundle"),
            format!("bench {} {flags}", bundle()),
        ] {
            failed(&work.run(&words), &words, parts);
        }
    }
    let words = "cuts unnamed.onnx --data scenes:4@1";
    failed(&work.run(words), words, &["MODEL.toml", "--preset"]);
    work.write("open.onnx", &fixtures::transformer_encoder(EncoderSize::default()));
    let words = "cuts open.onnx";
    failed(&work.run(words), words, &["--dim", "=SIZE"]);
    std::fs::remove_file(work.path("open.onnx")).expect("an own file");
    let words = format!("cuts {model} --data scenes:4@1 --preset nobody");
    failed(&work.run(&words), &words, &["nobody", "scenes-cnn"]);
    assert_eq!(work.names(), before);
}

/// An array of zeros.
fn npy(dims: &[usize]) -> Vec<u8> {
    let sizes = dims.iter().map(|size| format!("{size},")).collect::<String>();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes})}}");
    header.push_str(&" ".repeat(117 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + 4 * dims.iter().product::<usize>(), 0);
    bytes
}

#[test]
fn learning_that_cannot_be_done() {
    let work = Work::new();
    let model = model();
    work.write("file", b"");
    std::fs::create_dir(work.path("folder")).expect("a folder");
    let before = work.names();
    let table: [(&str, &[&str]); 6] = [
        ("--cuts c99 -o out.bundle", &["c99", "c01"]),
        ("--cuts c07 --samples 3 -o out.bundle", &["3", "16"]),
        ("-o nowhere/out.bundle", &["nowhere/out.bundle"]),
        ("-o file", &["file", "exists"]),
        ("-o folder", &["folder", "exists"]),
        ("-o folder --replace --cuts c07", &["folder", "not a bundle"]),
    ];
    for (flags, parts) in table {
        let words = format!("learn {model} --data scenes:20@1 {flags}");
        failed(&work.run(&words), &words, parts);
    }
    assert_eq!(work.names(), before);
}

#[test]
fn bundles_that_are_damaged() {
    let work = Work::new();
    let damaged = |file: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let folder = work.path("damaged.bundle");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("an own folder");
        }
        copy(Path::new(bundle()), &folder);
        let path = folder.join(file);
        let mut bytes = std::fs::read(&path).expect("a file of the bundle");
        change(&mut bytes);
        std::fs::write(&path, bytes).expect("a file of the bundle");
    };
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let words = "bench damaged.bundle --data scenes:9@1";
    damaged("profiles/c07.0.afp", &flip);
    failed(&work.run(words), words, &["c07.0.afp", "learn it again"]);
    damaged("model/scenes-cnn.onnx", &flip);
    failed(&work.run(words), words, &["scenes-cnn.onnx"]);
    damaged("bundle.json", &|bytes| bytes.truncate(bytes.len() / 2));
    failed(&work.run(words), words, &["bundle.json", "line"]);
    damaged("bundle.json", &|bytes| {
        let text = String::from_utf8_lossy(bytes).replace("\"major\": 1", "\"major\": 9");
        *bytes = text.into_bytes();
    });
    failed(&work.run(words), words, &["version 9"]);
    let words = "bench missing.bundle --data scenes:9@1";
    failed(&work.run(words), words, &["missing.bundle", "aiflow learn"]);
    let words = format!("bench {} --data scenes:40@5", bundle());
    failed(&work.run(&words), &words, &["40 samples", "learned from"]);
    let words = format!("bench {} --data scenes:9@1 --methods learned,nothing", bundle());
    failed(&work.run(&words), &words, &["`nothing`", "int4+zstd"]);
    let words = format!("bench {} --data scenes:9@1 --model {}", bundle(), other_model(&work));
    failed(&work.run(&words), &words, &["another model"]);
    assert_eq!(work.names(), ["damaged.bundle", "other.onnx"]);
}

fn other_model(work: &Work) -> String {
    work.write("other.onnx", &fixtures::small_cnn());
    "other.onnx".to_owned()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("a readable entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

#[test]
fn frames_that_are_damaged() {
    let work = Work::new();
    let bundle = bundle();
    work.done(&format!("encode {bundle} --cut c06 --data scenes:4@7 --rate 24 -o a.afr"));
    let frame = std::fs::read(work.path("a.afr")).expect("the frame");
    let changed = |at: usize| {
        let mut bytes = frame.clone();
        bytes[at] ^= 1;
        bytes
    };
    work.write("flipped.afr", &changed(frame.len() - 1));
    work.write("foreign.afr", &changed(5));
    work.write("short.afr", &frame[..frame.len() - 1]);
    work.write("text.afr", b"no frame");
    work.write("empty", b"");
    work.write("wrong.npy", &npy(&[1, 3, 6, 6]));
    let before = work.names();
    let table: [(&str, &[&str]); 6] = [
        ("flipped.afr", &["flipped.afr", "checksum", "at byte"]),
        ("short.afr", &["short.afr", "at byte"]),
        ("text.afr", &["text.afr", "does not start"]),
        ("missing.afr", &["missing.afr"]),
        ("a.afr a.afr --finish", &["c06", "1 tensor"]),
        ("a.afr --cut c07 --finish", &["different cuts"]),
    ];
    for (flags, parts) in table {
        let words = format!("decode {bundle} {flags} -o out.npy");
        failed(&work.run(&words), &words, parts);
    }
    let words = format!("decode {bundle} foreign.afr -o out.npy");
    assert_eq!(work.run(&words).code, Some(1));
    for file in ["flipped.afr", "short.afr", "text.afr", "missing.afr"] {
        let words = format!("inspect {file}");
        failed(&work.run(&words), &words, &[file]);
    }
    // What is none of ours is not laid out as if it were.
    for file in ["text.afr", "empty", "wrong.npy"] {
        let words = format!("inspect {file}");
        let ran = work.run(&words);
        failed(&ran, &words, &[file, "aiflow learn", "aiflow encode"]);
        assert_eq!(ran.out, "", "aiflow {words}");
    }
    let table: [(&str, &[&str]); 4] = [
        ("--cut c01 --data scenes:4@7 --rate 9", &["c01", "c06"]),
        ("--cut c06 --data scenes:4@7 --max-bytes 3", &["3", "bytes"]),
        ("--cut c06 --data scenes:4@7 --index 4 --rate 9", &["no sample 4"]),
        ("--cut c06 --tensor wrong.npy --rate 9", &["c06", "108"]),
    ];
    for (flags, parts) in table {
        let words = format!("encode {bundle} {flags} -o out.afr");
        failed(&work.run(&words), &words, parts);
    }
    assert_eq!(work.names(), before);
}

#[test]
fn commands_that_are_not_understood() {
    let work = Work::new();
    for words in [
        "",
        "frobnicate",
        "cuts",
        "cuts --frobnicate model.onnx",
        "learn model.onnx -o out.bundle",
        "learn model.onnx --data scenes:9@1 -o out.bundle --target-loss -1",
        "encode b --cut c01 --data scenes:9@1 -o f",
        "encode b --cut c01 --data scenes:9@1 --rate 64 -o f",
        "encode b --cut c01 --data scenes:9@1 --rate 9 --lossless -o f",
        "decode b f",
        "run --bundle b --data scenes:9@1 --slowdown 0",
        "run --bundle b --data scenes:9@1 --slowdown nan",
        "run --bundle b --data scenes:9@1 --deadline 5mm",
        "link --trace const:1mbit --rtt 11s",
        "link --trace const:1mbit --deadline 0",
    ] {
        let ran = work.run(words);
        assert_eq!(ran.code, Some(2), "aiflow {words}: {}", ran.error);
        assert!(ran.error.contains("--help"), "aiflow {words}: {}", ran.error);
        assert_eq!(ran.out, "");
    }
    assert_eq!(work.names(), Vec::<String>::new());
}
