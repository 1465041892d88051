//! Looking into tiers while they run, and what is said about those that cannot be reached.

use std::process::Command;

use serde_json::Value;

use crate::tiers::serve;
use crate::work::{Work, bundle, model};

#[test]
fn tiers_tell_what_happens_on_standard_error_and_as_qlog() {
    let work = Work::new();
    let served = serve(&work, "--qlog logs");
    let words = format!(
        "run --connect {} --trust id/certificate.pem --bundle {} --data scenes:2@8 --cut c07 --lossless \
         --deadline 2s --json --log debug --qlog logs",
        served.address,
        bundle()
    );
    let ran = work.run(&words);
    assert_eq!(ran.code, Some(0), "{}", ran.error);
    assert!(ran.error.contains("aiflow"), "nothing was told: {}", ran.error);
    assert!(serde_json::from_str::<Value>(&ran.out).is_ok(), "results stay JSON: {}", ran.out);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(work.path("logs")).expect("the folder was made") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("JSON is text");
        let texts: Vec<Value> = text
            .split('\u{1e}')
            .skip(1)
            .map(|text| serde_json::from_str(text).expect("a JSON text"))
            .collect();
        assert!(texts.len() > 1, "no event in {}", path.display());
        assert!(texts[0]["trace"]["event_schemas"].is_array(), "{}", texts[0]);
        let named =
            |event: &Value| event["name"].as_str().is_some_and(|n| n.starts_with("aiflow:"));
        assert!(texts[1..].iter().all(named));
        found.push(path.file_name().expect("a name").to_string_lossy().into_owned());
    }
    found.sort();
    assert!(found.len() == 2 && found[0].starts_with("run-") && found[1].starts_with("serve-"));
}

/// Starts the program and returns its exit code and what it said.
fn both(work: &Work, commands: [String; 2]) -> [(Option<i32>, String); 2] {
    let start = |words: &String| {
        Command::new(env!("CARGO_BIN_EXE_aiflow"))
            .args(words.split_whitespace())
            .current_dir(work.path(""))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts")
    };
    commands.each_ref().map(start).map(|child| {
        let output = child.wait_with_output().expect("it ends");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    })
}

#[test]
fn a_server_that_cannot_be_used_is_named_with_what_to_do() {
    let work = Work::new();
    let served = serve(&work, "");
    // The certificate of another server vouches for that one only.
    let elsewhere = Work::new();
    drop(serve(&elsewhere, ""));
    let other = elsewhere.path("id/certificate.pem").display().to_string();
    let run = |address: &str, trust: &str| {
        format!(
            "run --connect {address} --trust {trust} --bundle {} --data scenes:1@8 --cut c07",
            bundle()
        )
    };
    let (address, silent) = (served.address.to_string(), "127.0.0.1:9");
    let ran = both(&work, [run(&address, &other), run(silent, "id/certificate.pem")]);
    for (code, error) in &ran {
        assert_eq!((*code, error.lines().count()), (Some(1), 1), "{error}");
    }
    let [(_, distrusted), (_, nobody)] = ran;
    for part in [address.as_str(), "certificate", "--trust", "--name"] {
        assert!(distrusted.contains(part), "no `{part}` in: {distrusted}");
    }
    for part in [silent, "aiflow serve"] {
        assert!(nobody.contains(part), "no `{part}` in: {nobody}");
    }
}

#[test]
fn an_edge_with_nobody_behind_it_says_so() {
    let work = Work::new();
    let started = Command::new(env!("CARGO_BIN_EXE_aiflow"))
        .args(["serve", "--role", "edge", "--bundle", bundle(), "--listen", "127.0.0.1:0"])
        .args(["--identity", "id"])
        .current_dir(work.path(""))
        .stdout(std::process::Stdio::piped())
        .spawn();
    let mut process = crate::tiers::Process(started.expect("the program starts"));
    let lines = std::io::BufReader::new(process.0.stdout.take().expect("a pipe"));
    let lines = std::io::BufRead::lines(lines).map_while(Result::ok);
    let before: Vec<String> = lines.take_while(|line| !line.starts_with("serving ")).collect();
    assert!(before.iter().any(|line| line.contains("--upstream")), "{before:?}");
}

#[test]
fn a_budget_holds_for_all_tensors_of_a_cut_together() {
    let work = Work::new();
    work.done(&format!(
        "learn {} --data scenes:16@5 --cuts d024 --without-sheet -o two.bundle",
        model()
    ));
    let words = "encode two.bundle --cut d024 --data scenes:4@7 --max-bytes 900 -o f --json";
    let frames = work.json(words);
    let bytes = |frame: &Value| frame["bytes"].as_u64().expect("a number");
    let sizes: Vec<u64> = frames.as_array().expect("a list").iter().map(bytes).collect();
    let sum: u64 = sizes.iter().sum();
    assert!(sizes.len() == 2 && sum <= 900 && sum > 450, "{sizes:?}");
    let file = std::fs::metadata(work.path("f.1")).expect("a frame").len();
    assert_eq!(file, sizes[1]);
    let ran = work.run(&words.replace("900", "9"));
    assert_eq!(ran.code, Some(1));
    assert!(ran.error.contains("2 tensors of cut d024"), "{}", ran.error);
}
