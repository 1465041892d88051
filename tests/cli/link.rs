//! Frames over emulated links: records, pages, and traces that are none.

use serde_json::Value;

use crate::work::Work;

/// The fields that every record has, beside its trace and policy.
const FIGURES: [&str; 10] = [
    "frames",
    "base_on_time",
    "bytes_in_deadline",
    "capacity_bytes",
    "base_delay_ms_p50",
    "base_delay_ms_p95",
    "estimate_error_p50",
    "estimate_error_p90",
    "over_estimate_share",
    "switches",
];

#[test]
fn there_is_one_record_for_each_trace_and_policy() {
    let work = Work::new();
    // Two seconds at 8 Mbit/s: a packet of 1,500 bytes every 1.5 ms.
    let opportunities: String =
        (1..=2000).filter(|ms| ms % 3 != 0).map(|ms| format!("{ms}\n")).collect();
    work.write("drive.trace", opportunities.as_bytes());
    let words = "link --trace drive.trace lte-like:7 --seconds 6 --json --html page.html";
    let records = work.json(words);
    let records: Vec<&Value> = records.as_array().expect("a list").iter().collect();
    let text = |record: &Value, field: &str| record[field].as_str().expect("a text").to_owned();
    let names: Vec<_> =
        records.iter().map(|record| (text(record, "trace"), text(record, "policy"))).collect();
    let policies = ["aiflow", "moq-rate", "static-best", "quinn-stream", "oracle"];
    let pairs = |trace: &str| policies.map(|policy| (trace.to_owned(), policy.to_owned()));
    assert_eq!(names, [pairs("drive.trace"), pairs("lte-like:7")].concat());
    for record in &records {
        let figure = |name: &str| {
            record[name].as_f64().unwrap_or_else(|| panic!("{name} is missing: {record}"))
        };
        assert!(FIGURES.iter().all(|name| figure(name) >= 0.0), "{record}");
        for share in ["base_on_time", "over_estimate_share"] {
            assert!(figure(share) <= 1.0, "{share}: {record}");
        }
        assert!((45.0..=60.0).contains(&figure("frames")), "{record}");
        assert!(figure("bytes_in_deadline") <= 1.02 * figure("capacity_bytes"), "{record}");
        assert!(figure("base_delay_ms_p50") <= figure("base_delay_ms_p95"), "{record}");
    }
    let own = |field: &str| records[0][field].as_f64().expect("a number");
    assert!(own("base_on_time") > 0.95 && own("estimate_error_p50") < 0.1, "{}", records[0]);

    let page = std::fs::read_to_string(work.path("page.html")).expect("the page");
    assert!(
        page.starts_with("<!DOCTYPE html>")
            && page.contains("<svg")
            && page.contains("drive.trace")
    );
    assert!(!page.contains("http") && !page.contains("<script"), "it needs nothing beside itself");
    assert_eq!(work.names(), ["drive.trace", "page.html"]);
}

#[test]
fn equal_runs_are_equal_and_tables_tell_the_same() {
    let work = Work::new();
    let words = "link --trace const:4mbit --policy aiflow,static-50 --seconds 5 --rtt 20ms --deadline 300 --fps 20";
    let records = || work.json(&format!("{words} --json"));
    let first = records();
    assert_eq!(first, records());
    let share = 100.0 * first[0]["base_on_time"].as_f64().expect("a share");
    let table = work.done(words);
    for word in ["const:4mbit", "aiflow", "static-50", "In words", &format!("{share:.1} %")] {
        assert!(table.contains(word), "{word} is missing:\n{table}");
    }
}

#[test]
fn what_is_no_trace_is_refused_with_a_reason() {
    let work = Work::new();
    work.write("empty", b"");
    work.write("words", b"12\nhello\n14\n");
    work.write("backwards", b"12\n9\n14\n");
    work.write("binary", &[0xff, 0xfe, 0x00, 0x31]);
    work.write("silent", b"0 0\n5 0\n");
    let cases = [
        ("--trace nowhere", "nowhere"),
        ("--trace empty", "empty"),
        ("--trace words", "line 2"),
        ("--trace backwards", "line 2"),
        ("--trace binary", "binary"),
        ("--trace silent", "silent"),
        ("--trace .", "cannot"),
        ("--trace const:fast", "const:fast"),
        ("--trace const:0mbit", "const:0mbit"),
        ("--trace lte-like:x", "lte-like:x"),
        ("--trace const:1mbit --policy best", "static-PERCENT"),
        ("--trace const:1mbit --seconds 1", "--seconds"),
        ("", "--trace"),
        ("--constant --trace const:1mbit", "--constant"),
    ];
    for (words, reason) in cases {
        let ran = work.run(&format!("link {words}"));
        assert!(matches!(ran.code, Some(1 | 2)) && ran.out.is_empty(), "{words}: {:?}", ran.code);
        assert!(ran.error.contains(reason), "{words} is not explained:\n{}", ran.error);
        assert!(!ran.error.contains("panicked"), "{}", ran.error);
    }
}
