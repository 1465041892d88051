//! Cases of the protocol: bytes with the names and values of their fields.

use std::collections::BTreeMap;

use aiflow::transport::error::ProtocolError;
use aiflow::transport::negotiate::agree;
use aiflow::transport::wire::{
    ControlMessage, Fields, Framer, Input, Limits, Reader, Received, Setup, inspect,
};
use anyhow::{Context as _, Result, bail, ensure};

use super::Case;

/// What a case means: all its fields that are no input.
type Meaning = BTreeMap<String, String>;

pub(super) fn check(case: &Case) -> Result<()> {
    let found = match case.text("input")? {
        "varint" => {
            let bytes = case.bytes("bytes")?;
            let mut reader = Reader::new(&bytes, "vectors");
            let value = reader.varint().and_then(|value| reader.expect_end().map(|()| value));
            value.map_or_else(refused, |value| row("value", value))
        }
        "setups" => match agree(&setup(case, "client")?, &setup(case, "server")?) {
            Ok(agreement) => meaning(&agreement.fields()),
            Err(code) => row("refused", code.name()),
        },
        name => {
            let input = Input::ALL.into_iter().find(|input| input.name() == name);
            let input = input.with_context(|| format!("`input` is {name}"))?;
            let fields = inspect(input, &case.bytes("bytes")?, &Limits::default());
            fields.map_or_else(refused, |fields| meaning(&fields))
        }
    };
    let inputs = ["input", "bytes", "client", "server", "section"];
    let mut expected: Meaning = case.fields.clone();
    expected.retain(|key, _| !inputs.contains(&key.as_str()));
    for (key, value) in &found {
        ensure!(expected.get(key) == Some(value), "`{key}` is {value}");
    }
    let missing = expected.keys().find(|key| !found.contains_key(*key));
    ensure!(missing.is_none(), "`{}` is not found", missing.map_or("", String::as_str));
    Ok(())
}

fn meaning(fields: &Fields) -> Meaning {
    fields.rows().iter().map(|(name, value)| (name.clone(), value.trim().to_owned())).collect()
}

fn row(name: &str, value: impl ToString) -> Meaning {
    Meaning::from([(name.to_owned(), value.to_string())])
}

fn refused(error: ProtocolError) -> Meaning {
    let mut rows = row("error", format_args!("{} {}", error.kind.name(), error.offset));
    rows.extend(row("code", error.code().name()));
    rows
}

fn setup(case: &Case, key: &str) -> Result<Setup> {
    let limits = Limits::default();
    let mut framer = Framer::new(&limits);
    framer.push(&case.bytes(key)?);
    let envelope = framer.next_message()?.with_context(|| format!("`{key}` is cut short"))?;
    match ControlMessage::decode(&envelope, &limits)? {
        Received::Message(ControlMessage::Setup(setup)) => Ok(setup),
        _ => bail!("`{key}` is no SETUP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_and_errors_are_compared() {
        let text = "[right]\ninput = control\nbytes = 04020301\nmessage = ACCEPT\nsession = 3\n\
                    epoch = 1\n[wrong]\ninput = control\nbytes = 04020301\nmessage = ACCEPT\n\
                    session = 3\nepoch = 2\n[missing]\ninput = varint\nbytes = 25\nvalue = 37\n\
                    more = 1\n[refused]\ninput = control\nbytes = 040103\nerror = truncated 3\n\
                    code = FORMAT_ERROR\n[accepted]\ninput = varint\nbytes = 25\n\
                    error = truncated 0\ncode = FORMAT_ERROR\n";
        let cases = super::super::parse(text).expect("a file in good order");
        let results: Vec<bool> = cases.iter().map(|case| check(case).is_ok()).collect();
        assert_eq!(results, [true, false, false, true, false]);
    }
}
