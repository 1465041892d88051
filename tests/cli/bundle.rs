//! Learning a bundle, and everything that is done with one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::work::{Work, bundle, learn_words};

/// All files below a folder by their path.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            let inner = contents(&path).into_iter();
            files.extend(inner.map(|(name, bytes)| (format!("{}/{name}", path.display()), bytes)));
        } else {
            files.insert(path.display().to_string(), std::fs::read(&path).expect("a file"));
        }
    }
    let prefix = format!("{}/", folder.display());
    files.into_iter().map(|(name, bytes)| (name.replace(&prefix, ""), bytes)).collect()
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let work = Work::new();
    work.done(&format!("{} --threads 1", learn_words("again.bundle")));
    let (first, second) = (contents(Path::new(bundle())), contents(&work.path("again.bundle")));
    assert!(first.contains_key("bundle.json") && first.contains_key("profiles/c07.0.afp"));
    assert!(first == second, "bundles differ");
    assert_eq!(work.names(), ["again.bundle"]);
}

#[test]
fn bench_writes_records_of_every_kind() {
    let work = Work::new();
    let methods = "learned,int4+zstd,webp-input";
    let words = format!("bench {} --data scenes:40@6 --draws 50 --methods {methods}", bundle());
    let table = work.done(&format!("{words} --html r.html --csv r.csv --json r.json"));
    assert!(table.contains("learned") && table.contains("written: r.html"), "{table}");
    let page = std::fs::read_to_string(work.path("r.html")).expect("the page");
    assert!(page.contains("</html>") && !page.contains("http://www.") && !page.contains("src="));
    let rows = std::fs::read_to_string(work.path("r.csv")).expect("the rows");
    assert!(rows.starts_with("model,cut,method,setting"), "{rows}");
    let text = std::fs::read_to_string(work.path("r.json")).expect("the records");
    let written: Value = serde_json::from_str(&text).expect("JSON");
    for name in [
        "model",
        "cut",
        "method",
        "setting",
        "bytes_mean",
        "bytes_p99",
        "bits_per_feature",
        "top1",
        "agreement",
        "kl",
        "n",
        "encode_us",
        "decode_us",
    ] {
        let points = written["points"].as_array().expect("a list");
        assert!(points.iter().all(|point| !point[name].is_null()), "{name}");
    }
    for name in ["bytes_at_minus_1_point", "bytes_at_99_agreement", "bytes_at_kl_0_03"] {
        let summaries = written["summaries"].as_array().expect("a list");
        assert!(summaries.iter().all(|summary| summary.get(name).is_some()), "{name}");
    }
    let printed = work.json(&format!("{words} --json"));
    let drop_times = |mut study: Value| {
        for point in study["points"].as_array_mut().expect("a list") {
            point["encode_us"] = Value::Null;
            point["decode_us"] = Value::Null;
        }
        study
    };
    assert_eq!(drop_times(printed), drop_times(written));
}

#[test]
fn a_frame_goes_to_a_file_and_back_to_an_answer() {
    let work = Work::new();
    let bundle = bundle();
    let words = format!("encode {bundle} --cut c06 --data scenes:10@7 --index 3 --json -o a.afr");
    let frame = work.json(&format!("{words} --rate 16"));
    let size = std::fs::metadata(work.path("a.afr")).expect("the frame").len();
    assert_eq!(frame[0]["bytes"], size);
    let answer = work.json(&format!("decode {bundle} a.afr -o a.npy --finish --json"));
    assert_eq!(answer["frames"][0]["cut"], "c06");
    let class = answer["answers"][0]["classes"][0]["class"].clone();
    assert!(class.is_u64(), "{answer}");

    // The decoded feature is an array that can be encoded without any loss.
    work.done(&format!("encode {bundle} --cut c06 --tensor a.npy --lossless -o b.afr"));
    let again = work.json(&format!("decode {bundle} b.afr -o b.npy --cut c06 --finish --json"));
    assert_eq!(again["answers"][0]["classes"][0]["class"], class);
    let read = |name: &str| std::fs::read(work.path(name)).expect("an array");
    assert!(read("a.npy") == read("b.npy"), "lossless");
}

#[test]
fn byte_limits_and_layers_hold() {
    let work = Work::new();
    let bundle = bundle();
    let words = format!("encode {bundle} --cut c06 --data scenes:4@7 --json -o a.afr");
    let small = work.json(&format!("{words} --max-bytes 90"));
    assert!(small[0]["bytes"].as_u64().is_some_and(|bytes| bytes <= 90), "{small}");
    let layered = work.json(&format!("{words} --rate 16 --layers 3"));
    assert_eq!(layered[0]["layers"], 3);

    // Half of a layered frame still decodes, and says how much of it there was.
    let whole = std::fs::read(work.path("a.afr")).expect("the frame");
    work.write("half.afr", &whole[..whole.len() * 2 / 3]);
    assert_eq!(work.run(&format!("decode {bundle} half.afr -o x.npy")).code, Some(1));
    let half = work.json(&format!("decode {bundle} half.afr --prefix -o x.npy --json"));
    let layers = half["frames"][0]["layers"].as_u64().expect("a count");
    assert!((1..3).contains(&layers), "{half}");
}

#[test]
fn inspect_explains_frames_profiles_and_bundles() {
    let work = Work::new();
    let bundle = bundle();
    work.done(&format!("encode {bundle} --cut c07 --data scenes:4@7 --rate 16 -o a.afr"));
    let frame = work.json("inspect a.afr --json");
    assert_eq!(frame["kind"], "self-contained frame");
    covers(&frame);
    let profile = work.json(&format!("inspect {bundle}/profiles/c07.0.afp --json"));
    assert_eq!(profile["kind"], "profile");
    covers(&profile);
    let manifest = work.json(&format!("inspect {bundle} --json"));
    assert_eq!(manifest["format"], "aiflow-bundle");
    assert_eq!(manifest, work.json(&format!("inspect {bundle}/bundle.json --json")));
    assert!(work.done(&format!("inspect {bundle}")).contains("profiles/c06.0.afp"));
    assert!(work.done("inspect a.afr").contains("CRC32C"));
}

/// Fields follow each other without gaps; a heading covers the fields after it.
fn covers(report: &Value) {
    let mut end = 0;
    for field in report["fields"].as_array().expect("a list") {
        assert_eq!(field["offset"], end, "{field}");
        if field["name"] != "anchor" {
            end += field["length"].as_u64().expect("a length");
        }
    }
    assert_eq!(report["bytes"], end);
}
