//! The end-to-end bench: real connections over an emulated link.

use serde_json::Value;

use crate::plan::ready;
use crate::work::Work;

const SCENARIOS: &str = r#"
data = "scenes:12@21"
policies = ["device", "cut-int8+lz4", "aiflow"]
[defaults]
rtt = "4ms"
rate = 20
seconds = 0.5
max-loss = "20%"
deadline = "500ms"
[[scenario]]
name = "near"
trace = "const:20mbit"
[[scenario]]
name = "chain"
trace = "lte-like:3@8mbit"
edge = "2ms"
load = 20
"#;

#[test]
fn policies_are_measured_on_the_same_trace_and_pictures() {
    let work = ready();
    work.write("two.toml", SCENARIOS.as_bytes());
    let files = "--json r.json --csv r.csv --requests-csv q.csv --html r.html";
    let text = work.done(&format!("bench b.bundle --end-to-end two.toml {files}"));
    assert!(text.contains("aiflow") && text.contains("everything on the device"), "{text}");
    let read = |name: &str| std::fs::read_to_string(work.path(name)).expect("a written file");
    let records: Value = serde_json::from_str(&read("r.json")).expect("JSON");
    let records = records.as_array().expect("a list");
    let names: Vec<(&str, &str)> = records
        .iter()
        .filter_map(|record| Some((record["scenario"].as_str()?, record["policy"].as_str()?)))
        .collect();
    let policies = ["device", "cut-int8+lz4", "aiflow"];
    let expected: Vec<_> =
        ["near", "chain"].into_iter().flat_map(|s| policies.map(|policy| (s, policy))).collect();
    assert_eq!(names, expected);
    for record in records {
        for key in [
            "requests",
            "latency_ms_mean",
            "latency_ms_p95",
            "top1",
            "agreement",
            "bytes_mean",
            "deadline_misses",
            "regret_mean",
            "regret_p95",
            "switches",
        ] {
            assert!(record[key].is_number(), "{key}: {record}");
        }
        let answered = record["requests"].as_u64().expect("a count");
        let skipped = record["skipped"].as_u64().expect("a count");
        assert!(answered >= 1 && answered + skipped == 10, "{record}");
        let local = record["policy"] == "device";
        assert!(!local || record["bytes_mean"] == 0.0, "{record}");
        // The device loses nothing against the whole model, which is what it runs.
        assert!(!local || record["agreement"] == 1.0, "{record}");
        let rival = record["policy"] == "cut-int8+lz4";
        assert!(!rival || record["bytes_mean"].as_f64() > Some(100.0), "{record}");
    }
    assert_eq!(read("r.csv").lines().count(), 7);
    assert!(read("q.csv").lines().count() > 6);
    let page = read("r.html");
    assert!(page.ends_with("</html>\n") && page.contains("<svg") && !page.contains("<script"));
    // The map of where a cut wins has the scenario on it.
    assert!(page.contains("id=\"cut-map\"") && page.contains("class=\"spot\""));
}

#[test]
fn samples_that_something_was_made_from_are_refused() {
    let work = ready();
    let learned = learned_from(&work);
    for (data, what) in [(learned.as_str(), "learned from"), ("scenes:24@8", "plan sheet")] {
        let scenario = "rtt = \"4ms\"\n[[scenario]]\nname = \"a\"\ntrace = \"const:20mbit\"\n";
        let text = format!("data = \"{data}\"\n[defaults]\n{scenario}");
        work.write("s.toml", text.as_bytes());
        let ran = work.run("bench b.bundle --end-to-end s.toml");
        assert!(ran.code == Some(1) && ran.error.contains(what), "{data}: {}", ran.error);
    }
}

/// The data that a bundle names as what it was learned from.
fn learned_from(work: &Work) -> String {
    let manifest = std::fs::read(work.path("b.bundle/bundle.json")).expect("the manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    manifest["provenance"]["data"].as_str().expect("a name").to_owned()
}

#[test]
fn a_wrong_scenario_file_is_explained() {
    let work = Work::new();
    let failed = |text: &str| {
        work.write("s.toml", text.as_bytes());
        let ran = work.run("bench --end-to-end s.toml");
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{text}");
        ran.error
    };
    let error = failed("[[scenario]]\nname = \"a\"\ntrace = \"const:1mbit\"\nspeed = 3\n");
    assert!(error.contains("s.toml, line 4") && error.contains("speed"), "{error}");
    let error = failed("[[scenario]]\nname = \"a\"\ntrace = \"const:1mbit\"\n");
    assert!(error.contains("names no bundle"), "{error}");
    let error = failed("[[scenario]]\nname = \"a\"\ntrace = \"no.trace\"\n");
    assert!(error.contains("no.trace"), "{error}");
    let error =
        failed("bundle = \"no.bundle\"\n[[scenario]]\nname = \"a\"\ntrace = \"const:1mbit\"\n");
    assert!(error.contains("names no data"), "{error}");
    let ran = work.run("bench --end-to-end nothing.toml");
    assert!(ran.code == Some(1) && ran.error.contains("nothing.toml"), "{}", ran.error);
    let ran = work.run("bench");
    assert!(ran.code == Some(2) && ran.error.contains("BUNDLE"), "{}", ran.error);
}
