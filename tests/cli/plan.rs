//! From a bundle to a plan: sheet, profile, plan.

use std::path::Path;

use serde_json::Value;

use crate::work::{Work, bundle, learn_words};

/// A copy of the small bundle that a test may change.
fn copy(work: &Work) {
    copy_folder(Path::new(bundle()), &work.path("b.bundle"));
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a file");
        }
    }
}

/// The small bundle with a sheet and a profile.
pub(crate) fn ready() -> Work {
    let work = Work::new();
    copy(&work);
    work.done("sheet b.bundle --data scenes:24@8");
    work.done("profile b.bundle --budget 1 --samples 1");
    work
}

#[test]
fn a_sheet_is_measured_into_the_bundle() {
    let work = Work::new();
    copy(&work);
    let manifest = || std::fs::read(work.path("b.bundle/bundle.json")).expect("the manifest");
    let before: Value = serde_json::from_slice(&manifest()).expect("JSON");
    assert!(before["plan_sheet"].is_null(), "no sample was left to measure one");
    let ran = work.run("sheet b.bundle");
    assert!(ran.code == Some(1) && ran.error.contains("has no plan sheet"), "{}", ran.error);
    let ran = work.run("sheet b.bundle --data scenes:60@5");
    assert!(ran.code == Some(1) && ran.error.contains("40 samples"), "{}", ran.error);

    let table = work.done("sheet b.bundle --data scenes:24@8 --threads 1");
    assert!(table.contains("c06") && table.contains("webp") && table.contains("24 samples"));
    let first = manifest();
    let sheet = work.json("sheet b.bundle --json");
    let points = sheet["points"].as_array().expect("points");
    assert!((10..200).contains(&points.len()), "{}", points.len());
    for name in ["bytes_mean", "bytes_p95", "payload", "loss"] {
        assert!(points.iter().all(|point| !point[name].is_null()), "{name}");
    }
    work.done("sheet b.bundle --data scenes:24@8 --threads 3");
    assert!(manifest() == first, "the same samples give the same sheet");
    assert_eq!(work.names(), ["b.bundle"]);
}

#[test]
fn learning_measures_a_sheet_where_samples_are_left() {
    let work = Work::new();
    let words = learn_words("b.bundle").replace("c06,c07", "c07");
    let learned = work.json(&format!("{words} --sheet-data scenes:12@9 --json"));
    assert!(learned["sheet_points"].as_u64().is_some_and(|points| points > 5), "{learned}");
    assert_eq!(work.json("sheet b.bundle --json")["samples"], 12);
    let ran = work.run(&format!("{words} --replace --sheet-data scenes:12@5"));
    assert!(ran.code == Some(1) && ran.error.contains("were learned from"), "{}", ran.error);
}

#[test]
fn a_profile_has_every_part_and_adds_up() {
    let work = Work::new();
    copy(&work);
    let ran = work.run("plan b.bundle --bandwidth 5mbit");
    assert!(ran.code == Some(1) && ran.error.contains("aiflow profile"), "{}", ran.error);
    let profile = work.json("profile b.bundle --budget 1 --samples 2 --json");
    assert_eq!(work.names(), ["b.bundle", "b.bundle.profile.json"]);
    let path = work.path("b.bundle.profile.json");
    let written = std::fs::read(&path).expect("the profile");
    assert_eq!(serde_json::from_slice::<Value>(&written).expect("JSON"), profile);
    assert_eq!(profile["cuts"].as_array().expect("cuts").len(), 2);
    assert_eq!(profile["segments"].as_array().expect("segments").len(), 3);
    assert!(profile["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0));
    let whole = profile["whole"]["p50_us"].as_f64().expect("a time");
    let cut = &profile["cuts"][0];
    let time = |side: &str| cut[side]["p10_us"].as_f64().expect("a time");
    assert!(whole > 0.0 && time("head") > 0.0 && time("tail") > 0.0);
    let codings = profile["codings"].as_array().expect("codings");
    assert!(codings.iter().any(|coding| coding["payload"]["kind"] == "picture"));
    assert!(codings.iter().any(|coding| coding["payload"]["coding"]["effort"] == "fast"));

    let ran = work.run("plan b.bundle --bandwidth 5mbit");
    assert!(ran.code == Some(1) && ran.error.contains("aiflow sheet"), "{}", ran.error);
    work.write("b.bundle.profile.json", b"{}");
    let ran = work.run("plan b.bundle --bandwidth 5mbit");
    assert!(ran.code == Some(1) && ran.error.contains("measure it again"), "{}", ran.error);
}

#[test]
fn plans_follow_the_channel_and_keep_the_budget() {
    let work = ready();
    let plan = |words: &str| work.json(&format!("plan b.bundle {words} --json"));
    let slow = plan("--bandwidth 1kbit --rtt 500ms --device-speed 1");
    assert_eq!(slow["plan"]["placement"], "device", "{slow}");
    assert_eq!(slow["plan"]["bytes"], 0);
    let fast = plan("--bandwidth 1gbit --rtt 0ms --device-speed 1/1000 --max-loss 100%");
    assert_eq!(fast["plan"]["placement"], "picture", "{fast}");
    let strict = plan("--bandwidth 1gbit --rtt 0ms --device-speed 1/1000 --max-loss 0nats");
    assert_eq!(strict["plan"]["loss"], 0.0, "{strict}");
    assert!(strict["too_lossy"].as_u64().expect("a count") > 0);
    let late = plan("--bandwidth 1kbit --rtt 1s --device-speed 1/1000 --deadline 1us");
    assert_eq!(late["in_time"], false, "{late}");
    let three = plan("--bandwidth 5mbit --rtt 5ms --edge 1/2@100mbit,2ms");
    assert!(three["looked_at"].as_u64() > fast["looked_at"].as_u64(), "{three}");
    for answer in [&slow, &fast, &strict, &three] {
        assert!(answer["ratio_to_trivial"].as_f64().expect("a ratio") <= 1.0, "{answer}");
        let terms = answer["plan"]["terms"].as_array().expect("terms");
        let time = |term: &Value| term["time_us"].as_i64().expect("a time");
        let sum: i64 = terms
            .iter()
            .map(|term| if term["stage"] == "overlap" { -time(term) } else { time(term) })
            .sum();
        let total = answer["plan"]["time_us"].as_i64().expect("a time");
        assert!((sum - total).unsigned_abs() <= terms.len() as u64, "{answer}");
    }
}

#[test]
fn the_map_is_one_page_and_a_row_for_each_cell() {
    let work = ready();
    let words = "plan b.bundle --bandwidth 2mbit --explain --html m.html --csv m.csv";
    let text = work.done(words);
    assert!(text.contains("plans were looked at") && text.contains("written: m.html"), "{text}");
    assert!(text.contains("compute") && text.contains("device"), "{text}");
    let page = std::fs::read_to_string(work.path("m.html")).expect("the page");
    assert!(page.contains("</html>") && page.contains("round trip") && page.contains("<rect"));
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"));
    let rows = std::fs::read_to_string(work.path("m.csv")).expect("the rows");
    assert!(rows.starts_with("bandwidth_bps,rtt_us,device_speed,placement"), "{rows}");
    assert_eq!(rows.lines().count(), 1 + 2 * 24 * 12);
}

#[test]
fn quantities_that_mean_nothing_are_usage_errors() {
    let work = Work::new();
    for words in [
        "plan b.bundle",
        "plan b.bundle --bandwidth 5",
        "plan b.bundle --bandwidth 5mbit --rtt fast",
        "plan b.bundle --bandwidth 5mbit --device-speed 1/0",
        "plan b.bundle --bandwidth 5mbit --max-loss 3",
        "plan b.bundle --bandwidth 5mbit --edge 1/2",
        "plan b.bundle --bandwidth 5mbit --pieces 0",
        "profile b.bundle --budget 0",
    ] {
        let ran = work.run(words);
        assert_eq!(ran.code, Some(2), "aiflow {words}: {}", ran.error);
    }
}
