//! Bytes with their meaning.

use aiflow_transport::negotiate::agree;
use aiflow_transport::wire::{
    ChannelLevel, CodecId, ControlMessage, Input, Limit, Limits, Role, SconeSupport, Setup, encode,
    inspect,
};
use aiflow_units::Micros;

use crate::samples::{all, message, open, setup, varint};
use crate::vector_file::{Case, to_hex};

pub(crate) fn integers() -> Vec<Case> {
    let values = [
        0,
        37,
        63,
        64,
        15_293,
        16_383,
        16_384,
        494_878_333,
        (1 << 30) - 1,
        1 << 30,
        151_288_809_941_952_652,
        (1 << 62) - 1,
    ];
    let case = |value: u64| {
        Case::new(&format!("{value}"))
            .with("section", "1.3")
            .with("input", "varint")
            .with("bytes", to_hex(&varint(value)))
            .with("value", value)
    };
    values.map(case).into()
}

fn meaning(name: &str, section: &str, input: Input, bytes: &[u8]) -> Case {
    let fields = inspect(input, bytes, &Limits::default());
    let fields = fields.unwrap_or_else(|error| panic!("{name}: {error}"));
    let case = Case::new(name)
        .with("section", section)
        .with("input", input.name())
        .with("bytes", to_hex(bytes));
    fields.rows().iter().fold(case, |case, (name, value)| case.with(name, value))
}

pub(crate) fn messages() -> Vec<Case> {
    let samples = all();
    samples
        .iter()
        .map(|sample| meaning(sample.name, sample.section, sample.input, &sample.bytes))
        .collect()
}

pub(crate) fn unknown() -> Vec<Case> {
    let open = encode(&open()).expect("an OPEN that may be sent");
    let with_parameters = [&open[..], &[0x21, 2, 0xaa, 0xbb, 0x3f, 0]].concat();
    let cases = [
        ("an odd message is ignored", "4.2", Input::Control, message(0x21, &[0xab, 0xcd])),
        ("a large odd number", "4.5", Input::Control, message(0x21 + 0x1f * 1000, &[])),
        ("an odd message among requests", "4.2", Input::Request, message(0x2b, &[1])),
        ("an odd message among answers", "4.2", Input::Answer, message(0x3f, &[1, 2])),
        ("an odd message among probes", "4.2", Input::Probe, message(0x5f, &[])),
        ("a parameter is skipped", "4.3", Input::Control, message(0, &[0x3f, 3, 9, 9, 9, 0, 1, 1])),
        ("parameters in any order", "4.3", Input::Control, message(0, &[3, 1, 1, 0, 1, 0])),
        ("a limit is skipped", "5.1.2", Input::Control, message(0, &[1, 4, 3, 2, 0x3f, 0])),
        ("no codec at all", "5.1.3", Input::Control, message(0, &[2, 0])),
        ("a reserved codec", "4.5", Input::Control, message(0, &[2, 2, 0x21, 0])),
        ("a reason means unspecified", "5.2", Input::Control, message(2, &[3, 1, 0, 9, 2, 1, 2])),
        ("a code means INTERNAL", "16.1", Input::Control, message(6, &[3, 1, 0x21])),
        ("parameters after an OPEN", "6.4", Input::Request, message(0x24, &with_parameters)),
        ("parameters after RESUME_OK", "6.8", Input::Answer, message(0x36, &[0, 4, 2, 9, 0x21, 0])),
    ];
    cases
        .into_iter()
        .map(|(name, section, input, bytes)| meaning(name, section, input, &bytes))
        .collect()
}

pub(crate) fn agreements() -> Vec<Case> {
    let plain = Setup::default();
    let server = Setup {
        role: Role::Tail,
        limits: Limits::default().with(Limit::FramesInFlight, 8).with(Limit::ProbeInterval, 9000),
        codecs: vec![CodecId::RAW, CodecId::AIFLOW],
        channel_level: ChannelLevel::Report,
        report_interval: Micros::from_millis(50),
        scone: SconeSupport::Read,
        ..Setup::default()
    };
    let tail = Setup { role: Role::Tail, ..Setup::default() };
    let head = Setup { role: Role::Head, ..Setup::default() };
    let other = Setup { codecs: vec![CodecId::FCM], ..Setup::default() };
    let none = Setup { codecs: Vec::new(), ..Setup::default() };
    let cases = [
        ("defaults on both sides", plain.clone(), plain.clone()),
        ("the lesser of everything", setup(), server.clone()),
        ("a client that may do either", plain.clone(), server),
        ("nobody sends frames", tail.clone(), tail),
        ("nobody answers frames", head.clone(), head),
        ("no codec in common", plain.clone(), other),
        ("no codec at all", none, plain),
    ];
    cases.into_iter().map(|(name, client, server)| agreement(name, &client, &server)).collect()
}

fn agreement(name: &str, client: &Setup, server: &Setup) -> Case {
    let bytes = |setup: &Setup| {
        let message = ControlMessage::Setup(setup.clone());
        to_hex(&message.encode().expect("a SETUP that may be sent"))
    };
    let case = Case::new(name)
        .with("section", "8.1")
        .with("input", "setups")
        .with("client", bytes(client))
        .with("server", bytes(server));
    match agree(client, server) {
        Ok(agreement) => {
            let fields = agreement.fields();
            fields.rows().iter().fold(case, |case, (name, value)| case.with(name, value))
        }
        Err(code) => case.with("refused", code.name()),
    }
}
