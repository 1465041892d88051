//! Commands that need no bundle.

use aiflow::runtime::fixtures::{self, EncoderSize};

use crate::work::{Work, model};

#[test]
fn cuts_lists_proved_cuts() {
    let work = Work::new();
    let table = work.done(&format!("cuts {}", model()));
    assert!(table.contains("c01") && table.contains("64x6x6"), "{table}");
    let found = work.json(&format!("cuts {} --data scenes:8@3 --json", model()));
    let cuts = found["cuts"].as_array().expect("a list");
    assert!(cuts.len() >= 4, "{} cuts", cuts.len());
    let mut before = 0;
    for cut in cuts {
        assert_eq!(cut["verified"]["real_inputs"], 4);
        let difference = cut["verified"]["max_abs_difference_real"].as_f64().expect("a number");
        assert!(difference < 1e-4, "{cut}");
        let (head, tail) = (cut["flops_before"].as_u64(), cut["flops_after"].as_u64());
        let (head, tail) = (head.expect("a count"), tail.expect("a count"));
        assert!(head > before, "cuts come from the input towards the output");
        assert_eq!(head + tail, found["total_flops"].as_u64().expect("a count"));
        before = head;
    }
    assert_eq!(cuts.last().expect("a cut")["raw_bytes"], 256);
}

#[test]
fn dominated_cuts_name_the_better_one() {
    let work = Work::new();
    let found = work.json(&format!("cuts {} --all --max-tensors 1 --json", model()));
    let dominated = found["dominated"].as_array().expect("a list");
    assert!(!dominated.is_empty());
    for cut in dominated {
        assert!(cut["cut"].as_str().is_some_and(|id| id.starts_with('d')));
        let by = cut["dominated_by"].as_str().expect("a name");
        let listed = found["cuts"].as_array().expect("a list");
        assert!(listed.iter().any(|cut| cut["cut"] == by), "{by}");
    }
}

#[test]
fn open_dimensions_are_given_by_name() {
    let work = Work::new();
    work.write("encoder.onnx", &fixtures::transformer_encoder(EncoderSize::default()));
    let found = work.json("cuts encoder.onnx --dim T=6 --json");
    let cuts = found["cuts"].as_array().expect("a list");
    let shape = |cut: &serde_json::Value| cut["shapes"][0] == serde_json::json!([1, 6, 16]);
    assert!(cuts.iter().any(shape), "{found}");
}

#[test]
fn doctor_knows_the_built_in_engine() {
    let work = Work::new();
    let report = work.json("doctor --json");
    let engines = report["engines"].as_array().expect("a list");
    let rten = engines.iter().find(|engine| engine["name"] == "rten").expect("built in");
    assert_eq!(rten["available"], true);
    let ort = engines.iter().find(|engine| engine["name"] == "ort").expect("looked for");
    let advice = ort["how_to_get"].as_str().expect("a text");
    assert_eq!(advice.is_empty(), ort["available"].as_bool().expect("yes or no"));
    assert!(work.done("doctor").contains("rten"));
}

#[test]
fn help_names_every_command() {
    let work = Work::new();
    let help = work.done("--help");
    for command in
        ["demo", "cuts", "learn", "bench", "encode", "decode", "inspect", "doctor", "vectors"]
    {
        assert!(help.contains(command), "{command} is missing in\n{help}");
        let own = work.done(&format!("{command} --help"));
        assert!(own.contains("--json"), "{command} has no --json");
    }
    assert!(work.done("--version").starts_with("aiflow "));
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let program = env!("CARGO_BIN_EXE_aiflow");
    let line = format!("{program} cuts {} --json | head -c 10; exit ${{PIPESTATUS[0]}}", model());
    let ran = std::process::Command::new("bash").args(["-c", &line]).output().expect("bash");
    assert_eq!(ran.status.code(), Some(0));
    assert!(ran.stderr.is_empty());
}

#[test]
fn frozen_vectors_hold() {
    let work = Work::new();
    let folder = format!("{}/spec/vectors", env!("CARGO_MANIFEST_DIR"));
    let report = work.json(&format!("vectors {folder} --json"));
    assert!(report["cases"].as_u64().is_some_and(|cases| cases > 20), "{report}");
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(0), "{report}");
    assert_eq!(report["unknown"].as_array().map(Vec::len), Some(0), "{report}");
}
