//! Files that a command is asked to write: looked at before the work, and never in the way of results.

use crate::work::{Work, bundle, model};

/// Every command that writes files.
fn commands(file: &str) -> Vec<String> {
    let (bundle, model) = (bundle(), model());
    vec![
        format!("demo -o {file}"),
        format!("bench {bundle} --data scenes:9@1 --csv ok.csv --html {file}"),
        format!("bench {bundle} --data scenes:9@1 --json {file}"),
        format!("bench --end-to-end missing.toml --requests-csv {file}"),
        format!("link --trace const:1mbit --html {file}"),
        format!("plan {bundle} --bandwidth 1mbit --csv {file}"),
        format!("profile {bundle} -o {file}"),
        format!("run --bundle {bundle} --data scenes:9@1 --local --html {file}"),
        format!("encode {bundle} --cut c06 --data scenes:4@7 --rate 24 -o {file}"),
        format!("decode {bundle} frame -o {file}"),
        format!("learn {model} --data scenes:40@5 -o {file}"),
    ]
}

/// Requires that a command refuses its file at once, in one line with all of `parts`.
fn refused(work: &Work, words: &str, parts: &[&str]) {
    let ran = work.run(words);
    assert_eq!(ran.code, Some(1), "aiflow {words}: {}", ran.error);
    assert_eq!(ran.out, "", "aiflow {words} has begun its work");
    assert_eq!(ran.error.lines().count(), 1, "aiflow {words}: {}", ran.error);
    for part in parts {
        assert!(ran.error.contains(part), "aiflow {words}: no `{part}` in: {}", ran.error);
    }
    assert!(!ran.error.contains(".aiflow-"), "a temporary name: {}", ran.error);
}

#[test]
fn what_cannot_be_written_is_refused_before_the_work() {
    let work = Work::new();
    std::fs::create_dir(work.path("folder")).expect("a folder");
    let before = work.names();
    for words in commands("none/x") {
        refused(&work, &words, &["cannot write none/x", "make it or name another"]);
    }
    // The folder of a bundle is another matter.
    for words in commands("folder").iter().filter(|words| !words.starts_with("learn")) {
        refused(&work, words, &["cannot write folder", "it is a folder; name a file"]);
    }
    assert_eq!(work.names(), before);
}

/// A limit on the size of files stands for a disk that is full: the page is too large, the rows are not.
#[cfg(unix)]
#[test]
fn results_are_shown_and_the_other_files_written_when_one_cannot_be() {
    let work = Work::new();
    let aiflow = env!("CARGO_BIN_EXE_aiflow");
    let words = format!(
        "bench {} --data scenes:9@1 --cuts c07 --methods learned --draws 10 --html big.html \
         --summary-csv small.csv",
        bundle()
    );
    let script = format!("trap '' XFSZ; ulimit -f 4; exec {aiflow} {words}");
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(work.path(""))
        .output()
        .expect("a shell");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("cannot write big.html") && error.lines().count() == 1, "{error}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("learned"));
    assert_eq!(work.names(), ["small.csv"]);
}

#[test]
fn a_bench_counts_the_samples_that_were_learned_from_and_no_others() {
    let work = Work::new();
    work.done(&format!(
        "learn {} --data scenes:40@5 --samples 20 --cuts c07 --without-sheet -o few.bundle",
        model()
    ));
    let words = "bench few.bundle --data scenes:40@5 --methods learned --draws 10";
    refused(&work, words, &["20 samples", "were learned from"]);
    // Behind those that were learned from, nothing is shared.
    work.done(&words.replace("scenes:40@5", "scenes:40@5?offset=20"));
}
