//! Runs the frozen vectors of the protocol.

use aiflow_transport::error::ProtocolError;
use aiflow_transport::negotiate::agree;
use aiflow_transport::wire::{
    ControlMessage, Framer, Input, Limits, Reader, Received, Setup, inspect,
};

use crate::vector_file::{Case, folder, from_text};

fn cases() -> Vec<(String, Case)> {
    let mut files: Vec<_> = std::fs::read_dir(folder().join("protocol"))
        .expect("the area exists")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        for case in from_text(&text) {
            cases.push((format!("{}: {}", file.display(), case.name), case));
        }
    }
    cases
}

fn setup_of(bytes: &[u8]) -> Setup {
    let limits = Limits::default();
    let mut framer = Framer::new(&limits);
    framer.push(bytes);
    let envelope = framer.next_message().expect("sound").expect("whole");
    match ControlMessage::decode(&envelope, &limits) {
        Ok(Received::Message(ControlMessage::Setup(setup))) => setup,
        other => panic!("no SETUP: {other:?}"),
    }
}

/// Returns what a case should give and what it gives.
fn run(case: &Case) -> (String, String) {
    match case.text("input") {
        "varint" => {
            let bytes = case.bytes("bytes");
            let mut reader = Reader::new(&bytes, "protocol.md 1.3");
            let value = reader.varint().and_then(|value| reader.expect_end().map(|()| value));
            compare(case, value.map(|value| format!("value = {value}\n")))
        }
        "setups" => {
            let setups = [case.bytes("client"), case.bytes("server")].map(|bytes| setup_of(&bytes));
            let found = match agree(&setups[0], &setups[1]) {
                Ok(agreement) => agreement.fields().to_string(),
                Err(code) => format!("refused = {}\n", code.name()),
            };
            (expected(case), found)
        }
        name => {
            let input = Input::ALL.into_iter().find(|input| input.name() == name);
            let bytes = case.bytes("bytes");
            let input = input.expect("a kind of input");
            let found = inspect(input, &bytes, &Limits::default());
            compare(case, found.map(|fields| fields.to_string()))
        }
    }
}

/// The meaning of a case: all fields that are no input.
fn expected(case: &Case) -> String {
    let inputs = ["input", "bytes", "client", "server", "section"];
    let rows = case.fields.iter().filter(|(key, _)| !inputs.contains(&key.as_str()));
    rows.map(|(key, value)| format!("{key} = {value}\n")).collect()
}

fn compare(case: &Case, found: Result<String, ProtocolError>) -> (String, String) {
    let found = found.unwrap_or_else(|error| {
        let (name, code) = (error.kind.name(), error.code().name());
        format!("error = {name} {}\ncode = {code}\n", error.offset)
    });
    (expected(case), found)
}

#[test]
fn every_vector_holds() {
    for (place, case) in cases() {
        let (expected, found) = run(&case);
        let lines = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.trim_end().to_owned()).collect()
        };
        assert_eq!(lines(&expected), lines(&found), "{place}");
    }
}

#[test]
fn there_are_enough_and_each_cites_a_section() {
    let text = std::fs::read_to_string(folder().join("../protocol.md")).expect("the text");
    let (mut accepted, mut refused) = (0, 0);
    for (place, case) in cases() {
        let section = case.text("section");
        let number =
            |line: &str| line.trim_start_matches('#').split_whitespace().next() == Some(section);
        let found = text.lines().any(|line| line.starts_with("###") && number(line));
        assert!(found, "{place} cites section {section}, which is not there");
        let error = case.get("error").is_some() || case.get("refused").is_some();
        *(if error { &mut refused } else { &mut accepted }) += 1;
    }
    assert!(accepted >= 40, "{accepted} accepted");
    assert!(refused >= 60, "{refused} refused");
}
