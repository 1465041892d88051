//! The registries of the specification against the tables of the code: text and code cannot drift.

use std::path::Path;

use aiflow_transport::error::{Code, ErrorKind};
use aiflow_transport::wire::{
    ChannelReport, CodecId, FrameHeader, Grease, Limit, Limits, MessageKind, ParameterId,
    Permyriad, ReportFlags, Sequence, StreamType, capability, decode, encode, load, statistic,
};
use aiflow_units::{BitRate, Bytes, Micros};
use toml::{Table, Value};

fn spec(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The entries of a registry.
fn registry(name: &str) -> Vec<Table> {
    let table: Table = spec(&format!("registry/{name}.toml")).parse().expect("a TOML file");
    let entries = table.get("entry").and_then(Value::as_array).expect("entries");
    entries.iter().map(|entry| entry.as_table().expect("a table").clone()).collect()
}

fn text<'a>(entry: &'a Table, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{entry:?} has no {key}"))
}

fn number(entry: &Table, key: &str) -> u64 {
    let value = entry.get(key).and_then(Value::as_integer);
    value.unwrap_or_else(|| panic!("{entry:?} has no {key}")) as u64
}

/// Checks that numbers ascend, none is reserved for greasing, and each has a text.
fn check_numbers(entries: &[Table]) {
    let numbers: Vec<u64> = entries.iter().map(|entry| number(entry, "number")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(!numbers.iter().any(|&number| Grease::is_reserved(number)), "{numbers:?}");
    assert!(entries.iter().all(|entry| !text(entry, "text").is_empty()));
}

/// Checks that a heading of the specification has this number, and ends with this title.
fn check_section(section: &str, title: &str) {
    let spec = spec("protocol.md");
    let found = spec.lines().filter(|line| line.starts_with('#')).any(|line| {
        let heading = line.trim_start_matches('#').trim();
        heading.split_once(' ').is_some_and(|(number, rest)| {
            number == section && rest.split([' ', ',']).any(|word| word == title)
        })
    });
    assert!(found, "protocol.md has no section {section} on {title}");
}

#[test]
fn errors() {
    let entries = registry("errors");
    check_numbers(&entries);
    let found: Vec<_> = entries
        .iter()
        .map(|entry| {
            let words = ["name", "actor", "scope", "text"].map(|key| text(entry, key));
            (number(entry, "number"), words)
        })
        .collect();
    let expected: Vec<_> = Code::ALL
        .iter()
        .map(|code| {
            let words = [code.name(), code.actor().name(), code.scope().name(), code.text()];
            (code.number(), words)
        })
        .collect();
    assert_eq!(found, expected);
    let spec = spec("protocol.md");
    for code in Code::ALL {
        let row = format!("| 0x{:02x} | {} |", code.number(), code.name());
        assert!(spec.contains(&row), "protocol.md lacks the row `{row}`");
    }
}

#[test]
fn streams() {
    let entries = registry("streams");
    check_numbers(&entries);
    let found: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                number(entry, "number"),
                text(entry, "name"),
                text(entry, "direction") == "bidirectional",
            )
        })
        .collect();
    let expected =
        StreamType::ALL.map(|kind| (kind.number(), kind.name(), kind.is_bidirectional()));
    assert_eq!(found, expected);
}

#[test]
fn messages() {
    let entries = registry("messages");
    check_numbers(&entries);
    let found: Vec<_> = entries
        .iter()
        .map(|entry| (number(entry, "number"), text(entry, "name"), text(entry, "place")))
        .collect();
    let expected = MessageKind::ALL.map(|kind| (kind.number(), kind.name(), kind.place().name()));
    assert_eq!(found, expected);
    let spec = spec("protocol.md");
    for (entry, kind) in entries.iter().zip(MessageKind::ALL) {
        let (name, place) = (kind.name(), kind.place().name());
        let row =
            format!("| {:#04x} | {name} | {place} | {} |", kind.number(), text(entry, "section"));
        assert!(spec.contains(&row), "protocol.md lacks the row `{row}`");
        assert_eq!(format!("protocol.md {}", text(entry, "section")), kind.section());
        check_section(text(entry, "section"), kind.name());
    }
}

#[test]
fn parameters() {
    let entries = registry("parameters");
    check_numbers(&entries);
    let found: Vec<_> =
        entries.iter().map(|entry| (number(entry, "number"), text(entry, "name"))).collect();
    assert_eq!(found, ParameterId::ALL.map(|id| (id.number(), id.name())));
    for entry in &entries {
        check_section(text(entry, "section"), text(entry, "name"));
    }
}

#[test]
fn limits() {
    let entries = registry("limits");
    check_numbers(&entries);
    let keys = ["number", "default", "least", "most"];
    let found: Vec<_> = entries
        .iter()
        .map(|entry| (text(entry, "name"), keys.map(|key| number(entry, key))))
        .collect();
    let expected = Limit::ALL.map(|limit| {
        let values = [limit.number(), limit.default_value(), limit.least(), limit.most()];
        (limit.name(), values)
    });
    assert_eq!(found, expected);
    let spec = spec("protocol.md");
    for limit in Limit::ALL {
        let row = format!("| {:#04x} | `{limit}` |", limit.number());
        assert!(spec.contains(&row), "protocol.md lacks the row `{row}`");
    }
}

#[test]
fn kinds_of_errors() {
    let kinds = [
        ErrorKind::Truncated,
        ErrorKind::TrailingBytes,
        ErrorKind::NonMinimal,
        ErrorKind::InvalidValue,
        ErrorKind::ReservedBits,
        ErrorKind::InvalidText,
        ErrorKind::Duplicate,
        ErrorKind::Order,
        ErrorKind::Missing,
        ErrorKind::TooMany,
        ErrorKind::LimitExceeded(Limit::Points),
        ErrorKind::UnknownMessage,
        ErrorKind::UnknownStream,
        ErrorKind::Unexpected,
    ];
    let spec = spec("protocol.md");
    for kind in kinds {
        let (start, end) =
            (format!("| `{}` |", kind.name()), format!("| {} |", kind.code().name()));
        let row = spec.lines().find(|line| line.starts_with(&start) && line.ends_with(&end));
        assert!(row.is_some(), "protocol.md lacks a row `{start} .. {end}`");
    }
}

/// Every file of code below a folder.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(std::fs::read_to_string(&path).expect("a readable file"));
        }
    }
}

#[test]
fn sections_that_the_code_cites_are_there() {
    let spec = spec("protocol.md");
    let heading = |line: &str| {
        let number = line.trim_start_matches('#').split_whitespace().next()?;
        line.starts_with('#').then(|| number.trim_end_matches('.').to_owned())
    };
    let headings: Vec<String> = spec.lines().filter_map(heading).collect();
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut cited = 0;
    for rest in files.iter().flat_map(|file| file.split("protocol.md").skip(1)) {
        let rest = rest.trim_start_matches(['`', ' ']);
        let number: String =
            rest.chars().take_while(|sign| sign.is_ascii_digit() || *sign == '.').collect();
        let number = number.trim_end_matches('.');
        if number.is_empty() {
            continue;
        }
        assert!(headings.iter().any(|heading| heading == number), "there is no section {number}");
        cited += 1;
    }
    assert!(cited > 60, "only {cited} citations were found");
}

#[test]
fn codecs() {
    let entries = registry("codecs");
    check_numbers(&entries);
    let found: Vec<_> = entries
        .iter()
        .map(|entry| (text(entry, "name"), CodecId(number(entry, "number"))))
        .collect();
    let expected = [
        ("RAW", CodecId::RAW),
        ("AIFLOW", CodecId::AIFLOW),
        ("FCM", CodecId::FCM),
        ("JPEG", CodecId::JPEG),
        ("WEBP", CodecId::WEBP),
        ("PNG", CodecId::PNG),
        ("LABEL", CodecId::LABEL),
    ];
    assert_eq!(found, expected);
}

#[test]
fn capabilities() {
    let entries = registry("capabilities");
    let of = |kind: &str| -> Vec<(String, u64)> {
        let entries: Vec<Table> =
            entries.iter().filter(|entry| text(entry, "kind") == kind).cloned().collect();
        check_numbers(&entries);
        entries.iter().map(|e| (text(e, "name").to_owned(), number(e, "number"))).collect()
    };
    let owned = |rows: &[(&str, u64)]| -> Vec<(String, u64)> {
        rows.iter().map(|&(name, number)| (name.to_owned(), number)).collect()
    };
    let expected = [
        ("TIER", capability::TIER),
        ("MEMORY", capability::MEMORY),
        ("SPEED", capability::SPEED),
        ("CORES", capability::CORES),
        ("ACCELERATORS", capability::ACCELERATORS),
        ("ANSWER_CLASSES", capability::ANSWER_CLASSES),
    ];
    assert_eq!(of("static"), owned(&expected));
    let expected = [
        ("PROCESSOR", load::PROCESSOR),
        ("FREE_MEMORY", load::FREE_MEMORY),
        ("QUEUE", load::QUEUE),
        ("BATTERY", load::BATTERY),
        ("SLOWDOWN", load::SLOWDOWN),
    ];
    assert_eq!(of("dynamic"), owned(&expected));
}

#[test]
fn statistics() {
    let entries = registry("statistics");
    check_numbers(&entries);
    let found: Vec<_> =
        entries.iter().map(|entry| (text(entry, "name"), number(entry, "number"))).collect();
    let expected = [
        ("FRAMES", statistic::FRAMES),
        ("RESULTS", statistic::RESULTS),
        ("LATE", statistic::LATE),
        ("CANCELLED", statistic::CANCELLED),
        ("DAMAGED", statistic::DAMAGED),
        ("PAYLOAD_BYTES", statistic::PAYLOAD_BYTES),
        ("WASTED_BYTES", statistic::WASTED_BYTES),
        ("RECONFS", statistic::RECONFS),
        ("SERVICE_P50", statistic::SERVICE_P50),
        ("SERVICE_P95", statistic::SERVICE_P95),
        ("SESSIONS", statistic::SESSIONS),
        ("UPTIME", statistic::UPTIME),
    ];
    assert_eq!(found, expected);
}

/// Sets one field of a report to 7 units of its registry entry.
fn report_with(name: &str, unit: &str) -> ChannelReport {
    let mut report = ChannelReport::default();
    let rate = |unit| match unit {
        "kbit/s" => BitRate::kilobits_per_second(7),
        other => panic!("{other} is no unit of a rate"),
    };
    let time = |unit| match unit {
        "us" => Micros::new(7),
        "ms" => Micros::from_millis(7),
        other => panic!("{other} is no unit of a time"),
    };
    match name {
        "sequence" => report.sequence = Sequence(7),
        "interval" => report.interval = time(unit),
        "rate_p50" => report.rate_p50 = rate(unit),
        "rate_p10" => report.rate_p10 = rate(unit),
        "delivery_rate" => report.delivery_rate = rate(unit),
        "min_rtt" => report.min_rtt = time(unit),
        "srtt" => report.srtt = time(unit),
        "rttvar" => report.rttvar = time(unit),
        "loss" if unit == "1/10000" => report.loss = Permyriad::new(7),
        "marked" if unit == "1/10000" => report.marked = Permyriad::new(7),
        "queue_delay" => report.queue_delay = time(unit),
        "backlog" if unit == "KiB" => report.backlog = Bytes::from_kib(7),
        "flags" => {
            let first = ReportFlags::APP_LIMITED.and(ReportFlags::PROBING);
            report.flags = first.and(ReportFlags::STALE);
        }
        "advice" => report.advice = rate(unit),
        "age" => report.age = time(unit),
        other => panic!("{other} is no field of the code, or its unit {unit} is not"),
    }
    report
}

#[test]
fn report_fields() {
    let entries = registry("report-fields");
    assert_eq!(encode(&ChannelReport::default()).expect("a report").len(), entries.len());
    for (position, entry) in entries.iter().enumerate() {
        assert_eq!(number(entry, "position"), position as u64);
        let report = report_with(text(entry, "name"), text(entry, "unit"));
        let mut expected = vec![0; entries.len()];
        expected[position] = 7;
        assert_eq!(encode(&report).expect("a report"), expected, "{entry:?}");
    }
}

#[test]
fn extensions_hold_numbers_that_nothing_else_has() {
    for entry in registry("extensions") {
        assert!(["defined", "reserved"].contains(&text(&entry, "status")), "{entry:?}");
        if let Some(parameter) = entry.get("parameter").and_then(Value::as_integer) {
            assert_eq!(ParameterId::from_number(parameter as u64), None, "{entry:?}");
        }
        if let Some(flag) = entry.get("frame_flag").and_then(Value::as_integer) {
            let mut header = vec![0, 0, 0, 0, 0, 0, 0, 0];
            header.extend([flag as u8, 0]);
            let read = decode::<FrameHeader>(&header, &Limits::default());
            let error = read.expect_err("the flag is not given to anything else");
            assert_eq!((error.kind.name(), error.offset), ("reserved-bits", 8), "{entry:?}");
        }
    }
}
