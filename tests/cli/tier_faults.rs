//! What goes wrong between processes, and what comes of it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::tiers::{Served, answered, outputs, serve};
use crate::work::{Work, bundle};

/// A device that runs in the background.
fn device(work: &Work, words: &str) -> std::process::Child {
    let common = format!("run --bundle {} --data scenes:60@8 --json {words}", bundle());
    Command::new(env!("CARGO_BIN_EXE_aiflow"))
        .args(common.split_whitespace())
        .current_dir(work.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Waits until a server has answered some requests.
fn wait_for(served: &Served, answers: u64) {
    let begun = Instant::now();
    while answered(served) < answers {
        assert!(begun.elapsed() < Duration::from_secs(60), "the server answers nothing");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn result(device: std::process::Child) -> Value {
    let output = device.wait_with_output().expect("it ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_server_that_is_killed_costs_a_device_no_answer_and_another_one_takes_over() {
    let work = Work::new();
    let alone = work.json(&format!("run --bundle {} --data scenes:60@8 --local --json", bundle()));
    let (first, second) = (serve(&work, ""), serve(&work, ""));
    let (a, b) = (first.address, second.address);
    let words = format!(
        "--connect {a} --connect {b} --trust id/certificate.pem --cut c07 --lossless --period 25ms"
    );
    let device = device(&work, &words);
    wait_for(&first, 5);
    // As hard as it gets: nobody is told.
    drop(first);
    let run = result(device);
    assert_eq!(outputs(&run), outputs(&alone));
    assert!(answered(&second) >= 10, "{}", answered(&second));
    let requests = run["requests"].as_array().expect("a list");
    let fell_back: Vec<_> = requests.iter().filter(|r| !r["fallback"].is_null()).collect();
    assert!(!fell_back.is_empty() && fell_back.len() <= 40, "{}", fell_back.len());
    for request in requests {
        assert!(request["total_us"].as_u64() < Some(500_000), "{request}");
    }
    assert!(requests.last().expect("a request")["fallback"].is_null());
}

#[test]
fn an_interrupted_server_sends_its_devices_away_before_it_ends() {
    let work = Work::new();
    let (mut first, second) = (serve(&work, ""), serve(&work, ""));
    let (a, b) = (first.address, second.address);
    let words = format!(
        "--connect {a} --connect {b} --trust id/certificate.pem --cut c07 --lossless --period 25ms"
    );
    let device = device(&work, &words);
    wait_for(&first, 5);
    let pid = first.process.0.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
    assert!(sent.success());
    let run = result(device);
    assert_eq!(run["summary"]["fallbacks"], 0, "{}", run["summary"]);
    assert!(answered(&second) >= 10);
    let ended = first.process.0.wait().expect("it ends");
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_bundle_with_a_flipped_byte_is_served_by_nobody() {
    let work = Work::new();
    let source = std::path::Path::new(bundle());
    let mut files = Vec::new();
    files_in(source, &mut files);
    assert!(files.len() >= 3, "{files:?}");
    let copy = work.path("flipped.bundle");
    for victim in &files {
        for file in &files {
            let target = copy.join(file.strip_prefix(source).expect("a file of the bundle"));
            std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
            std::fs::copy(file, &target).expect("a copy");
        }
        let target = copy.join(victim.strip_prefix(source).expect("a file of the bundle"));
        let mut bytes = std::fs::read(&target).expect("the file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        std::fs::write(&target, bytes).expect("the file");
        for words in [
            "serve --bundle flipped.bundle --listen 127.0.0.1:0 --identity other",
            "run --bundle flipped.bundle --data scenes:1@8 --local",
        ] {
            let ran = work.run(words);
            assert_eq!(ran.code, Some(1), "{} {words}: {}", victim.display(), ran.error);
            assert_eq!(ran.error.lines().count(), 1, "{}", ran.error);
        }
    }
}

fn files_in(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files_in(&path, found) } else { found.push(path) }
    }
}

/// A limit on the size of files stands for a disk that is full: writing fails in the middle.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_report_before_it_and_nothing_else() {
    let work = Work::new();
    work.write("report.html", b"the one before");
    let before = work.names();
    let aiflow = env!("CARGO_BIN_EXE_aiflow");
    let words = format!("run --bundle {} --data scenes:30@8 --local --html report.html", bundle());
    let script = format!("trap '' XFSZ; ulimit -f 4; exec {aiflow} {words}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(work.path("")).output();
    let output = output.expect("a shell");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("report.html") && error.lines().count() == 1, "{error}");
    // What was found is said all the same.
    assert!(String::from_utf8_lossy(&output.stdout).contains("30 requests"));
    assert_eq!(work.names(), before);
    let kept = std::fs::read(work.path("report.html")).expect("the report");
    assert_eq!(kept, b"the one before");
    // The same words with room for the report.
    work.done(&words);
    let page = std::fs::read_to_string(work.path("report.html")).expect("the report");
    assert!(page.contains("Where the time of requests went") && page.ends_with("</html>\n"));
}

/// Results that nobody can take are a failure that is said.
#[cfg(target_os = "linux")]
#[test]
fn results_that_do_not_fit_are_a_failure() {
    let work = Work::new();
    let aiflow = env!("CARGO_BIN_EXE_aiflow");
    let words = format!("run --bundle {} --data scenes:3@8 --local --json", bundle());
    let script = format!("exec {aiflow} {words} > /dev/full");
    let output = Command::new("sh").args(["-c", &script]).current_dir(work.path("")).output();
    let output = output.expect("a shell");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("standard output") && error.lines().count() == 1, "{error}");
}

#[test]
fn several_requests_under_way_are_told_in_their_order() {
    let work = Work::new();
    let served = serve(&work, "--workers 2");
    let words = format!(
        "run --connect {} --trust id/certificate.pem --bundle {} --data scenes:30@8 --cut c06 \
         --lossless --in-flight 4 --json",
        served.address,
        bundle()
    );
    let run = work.json(&words);
    let alone = work.json(&format!("run --bundle {} --data scenes:30@8 --local --json", bundle()));
    assert_eq!(outputs(&run), outputs(&alone));
    assert_eq!(run["summary"]["fallbacks"], 0);
    let parts = &run["requests"][3]["trace"];
    let names: Vec<_> = parts.as_array().expect("parts").iter().map(|part| &part["part"]).collect();
    for name in ["capture", "head", "encode", "queue", "wire", "wait", "decode", "tail", "reply"] {
        assert!(names.iter().any(|found| *found == name), "{name}: {names:?}");
    }
    // Where there is no terminal, the view is plain lines.
    let plain = work.done(&words.replace(" --json", ""));
    assert!(plain.contains("Mbit/s") && plain.contains("c06 lossless"), "{plain}");
    assert!(plain.lines().last().is_some_and(|line| line.starts_with("30 requests")), "{plain}");
    // As PNG the picture comes without a loss, so the answers are the same.
    let png = work.json(&words.replace("--cut c06 --lossless", "--picture png"));
    assert_eq!(outputs(&png), outputs(&alone));
    assert!(png["summary"]["bytes_mean"].as_f64() > Some(0.0));
}
