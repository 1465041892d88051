//! One or more of every message and stream header, with values that peers really send.

use aiflow_transport::error::Code;
use aiflow_transport::wire::*;
use aiflow_units::{BitRate, Bytes, Micros};
use bytes::Bytes as Buffer;

/// Bytes that are accepted.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) section: &'static str,
    pub(crate) input: Input,
    pub(crate) bytes: Buffer,
}

/// All samples.
pub(crate) fn all() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name, section, input, bytes: Result<Buffer, _>| {
        let bytes = bytes.unwrap_or_else(|error| panic!("{name}: {error}"));
        samples.push(Sample { name, section, input, bytes });
    };
    for (name, section, message) in control() {
        add(name, section, Input::Control, message.encode());
    }
    for (name, section, message) in requests() {
        add(name, section, Input::Request, message.encode());
    }
    for (name, section, message) in answers() {
        add(name, section, Input::Answer, message.encode());
    }
    let probe = Probe {
        target: BitRate::megabits_per_second(25),
        cap: Bytes::from_kib(64),
        duration: Micros::from_millis(500),
    };
    add("PROBE: 25 Mbit/s for half a second", "7.4", Input::Probe, probe.encode());
    for (name, header) in frames() {
        add(name, "7.1", Input::Stream, encode_start(StreamType::Frame, &header));
    }
    for (name, header) in results() {
        add(name, "7.2", Input::Stream, encode_start(StreamType::Result, &header));
    }
    for kind in [StreamType::Control, StreamType::Padding, StreamType::Request, StreamType::Probe] {
        add(kind.name(), "3.3", Input::Stream, encode(&kind));
    }
    samples
}

pub(crate) fn setup() -> Setup {
    Setup {
        role: Role::Head,
        limits: Limits::default().with(Limit::Sessions, 4).with(Limit::FrameBytes, 1 << 22),
        codecs: vec![CodecId::AIFLOW, CodecId::RAW, CodecId(0x40)],
        channel_level: ChannelLevel::Probe,
        report_interval: Micros::from_millis(200),
        static_capabilities: Values::new().with(capability::TIER, 0).with(capability::CORES, 4),
        dynamic_capabilities: Some(DynamicCapabilities {
            validity: Micros::from_secs(5),
            values: Values::new().with(load::PROCESSOR, 3500).with(load::BATTERY, 8100),
        }),
        token: Some(Token { kind: TokenKind::Jwt, bytes: Buffer::from_static(b"e30.e30.c2ln") }),
        implementation: "aiflow/0.1".into(),
        scone: SconeSupport::Read,
        grease: None,
    }
}

pub(crate) fn control() -> Vec<(&'static str, &'static str, ControlMessage)> {
    let mut all = setups();
    all.extend(changes());
    all.extend(endings());
    all.extend(reports());
    all
}

fn setups() -> Vec<(&'static str, &'static str, ControlMessage)> {
    let greased = Setup { grease: Some((0x21, Buffer::from_static(b"?"))), ..Setup::default() };
    let token = Token { kind: TokenKind::Opaque, bytes: Buffer::from_static(b"renewed") };
    vec![
        ("SETUP: nothing but defaults", "5.1", ControlMessage::Setup(Setup::default())),
        ("SETUP: every parameter", "5.1", ControlMessage::Setup(setup())),
        ("SETUP: a reserved parameter", "4.5", ControlMessage::Setup(greased)),
        ("AUTH: another token", "5.9", ControlMessage::Auth(Auth { token })),
    ]
}

fn changes() -> Vec<(&'static str, &'static str, ControlMessage)> {
    let (session, epoch) = (SessionId(3), Epoch(1));
    let reconf = Reconf {
        session,
        epoch,
        effective: Sequence(1042),
        reason: Reason::Channel,
        active: PointId(2),
        points: vec![PointId(0), PointId(2), PointId(7)],
    };
    let reject = Reject { session, epoch, code: Code::Glare };
    let retire = Retire { session, epoch, last: Sequence(1 << 31) };
    vec![
        ("RECONF: three points", "5.2", ControlMessage::Reconf(reconf)),
        ("ACCEPT", "5.3", ControlMessage::Accept(Accept { session, epoch })),
        ("REJECT: glare", "5.4", ControlMessage::Reject(reject)),
        ("RETIRE: a long session", "5.5", ControlMessage::Retire(retire)),
    ]
}

fn endings() -> Vec<(&'static str, &'static str, ControlMessage)> {
    let session = SessionId(3);
    let range = |first, last| SequenceRange { first: Sequence(first), last: Sequence(last) };
    let ranges = vec![range(0, 0), range(2, 9), range(400, 400)];
    let nowhere = Goaway { requests: 0, drain: Micros::ZERO, redirect: String::new() };
    let redirect = "https://edge-2.example:4433".to_owned();
    let elsewhere = Goaway { requests: 9, drain: Micros::from_secs(2), redirect };
    let ticket = Ticket {
        session,
        lifetime: Micros::from_secs(3600),
        early: EarlyFrames::Allowed,
        ticket: Buffer::from_static(&[0xa5; 16]),
    };
    let cancel = Cancel { session, code: Code::Superseded, ranges };
    vec![
        ("GOAWAY: nowhere else to go", "5.6", ControlMessage::Goaway(nowhere)),
        ("GOAWAY: to another server", "5.6", ControlMessage::Goaway(elsewhere)),
        ("CANCEL: three ranges", "5.7", ControlMessage::Cancel(cancel)),
        ("TICKET: for an hour", "5.8", ControlMessage::Ticket(ticket)),
    ]
}

fn reports() -> Vec<(&'static str, &'static str, ControlMessage)> {
    let answered = FrameReport {
        session: SessionId(3),
        sequence: Sequence(77),
        layers: 2,
        since_previous: Micros::new(100_412),
        transfer: Micros::new(23_020),
        wait: Micros::new(350),
        decode: Micros::new(1800),
        infer: Micros::new(9100),
        status: Code::NoError,
    };
    let late = FrameReport {
        sequence: Sequence(78),
        layers: 0,
        wait: Micros::ZERO,
        decode: Micros::ZERO,
        infer: Micros::ZERO,
        status: Code::TooLate,
        ..answered
    };
    vec![
        ("CHANNEL_REPORT: nothing known", "5.10", ControlMessage::ChannelReport(unknown_report())),
        ("CHANNEL_REPORT: a loaded LTE link", "5.10", ControlMessage::ChannelReport(report())),
        ("FRAME_REPORT: answered", "5.11", ControlMessage::FrameReport(answered)),
        ("FRAME_REPORT: too late", "5.11", ControlMessage::FrameReport(late)),
    ]
}

fn unknown_report() -> ChannelReport {
    ChannelReport { flags: ReportFlags::STALE, ..ChannelReport::default() }
}

/// What a loaded LTE link looks like.
pub(crate) fn report() -> ChannelReport {
    ChannelReport {
        sequence: Sequence(20_000),
        interval: Micros::from_millis(100),
        rate_p50: BitRate::kilobits_per_second(18_400),
        rate_p10: BitRate::kilobits_per_second(9200),
        delivery_rate: BitRate::kilobits_per_second(17_100),
        min_rtt: Micros::new(58_200),
        srtt: Micros::new(94_000),
        rttvar: Micros::new(11_300),
        loss: Permyriad::from_ppm(1250),
        marked: Permyriad::ZERO,
        queue_delay: Micros::new(35_800),
        backlog: Bytes::from_kib(24),
        flags: ReportFlags::APP_LIMITED.and(ReportFlags::PROBING),
        advice: BitRate::kilobits_per_second(30_000),
        age: Micros::from_millis(12),
    }
}

pub(crate) fn points() -> Vec<Point> {
    let map = TensorSchema { element: ElementType::F32, dims: vec![1, 128, 28, 28] };
    let skip = TensorSchema { element: ElementType::F16, dims: vec![1, 64] };
    let entry = |rate, base, total| RateEntry {
        rate: RateIndex(rate),
        base: Bytes::new(base),
        total: Bytes::new(total),
    };
    let layered = Point {
        id: PointId(0),
        cut: CutId(5),
        codec: CodecId::AIFLOW,
        profile: Some(ProfileHash([0xc7; 32])),
        fallback: Fallback::No,
        layers: 3,
        tensors: vec![map.clone(), skip],
        head: Micros::new(6200),
        tail: Micros::ZERO,
        rates: vec![entry(8, 700, 2100), entry(16, 1500, 4800), entry(24, 4100, 12_300)],
    };
    let raw = Point {
        id: PointId(300),
        cut: CutId(0),
        codec: CodecId::RAW,
        profile: None,
        fallback: Fallback::Yes,
        layers: 1,
        tensors: vec![TensorSchema { element: ElementType::U8, dims: vec![] }],
        head: Micros::ZERO,
        tail: Micros::new(31_000),
        rates: vec![entry(0, 401_408, 401_408)],
    };
    vec![layered, raw]
}

pub(crate) fn open() -> Open {
    Open {
        session: SessionId(3),
        replay: Replay::Harmless,
        model: ModelId([0x5e; 32]),
        tenant: "plant-7".into(),
        deadline: Micros::from_millis(300),
        period: Micros::from_millis(100),
        points: points(),
    }
}

pub(crate) fn requests() -> Vec<(&'static str, &'static str, Request)> {
    let model = ModelId([0x5e; 32]);
    let resume = Resume {
        session: SessionId(0),
        epoch: Epoch(4),
        next: Sequence(9001),
        ticket: Buffer::from_static(&[0xa5; 16]),
    };
    let small = Open { points: points().split_off(1), tenant: String::new(), ..open() };
    vec![
        ("HEALTH: live", "6.2", Request::Health(Health::Live)),
        ("HEALTH: ready", "6.2", Request::Health(Health::Ready)),
        ("HEALTH: a model", "6.2", Request::Health(Health::Model(model))),
        ("METADATA: the server", "6.3", Request::Metadata(Metadata::Server)),
        ("METADATA: a model", "6.3", Request::Metadata(Metadata::Model(model))),
        ("OPEN: two points", "6.4", Request::Open(open())),
        ("OPEN: raw tensors", "6.4", Request::Open(small)),
        ("RESUME", "6.8", Request::Resume(resume)),
        ("STATS: the server", "6.9", Request::Stats(Stats::Server)),
        ("STATS: a session", "6.9", Request::Stats(Stats::Session(SessionId(3)))),
    ]
}

pub(crate) fn answers() -> Vec<(&'static str, &'static str, Answer)> {
    let server = ServerMetadata {
        name: "aiflow".into(),
        version: "0.1.0".into(),
        extensions: vec!["early-exit".into()],
        models: vec![ModelId([0x5e; 32])],
    };
    let info = |name: &str, dims: &[Option<u32>]| TensorInfo {
        name: name.into(),
        element: ElementType::F32,
        dims: dims.to_vec(),
    };
    let model = ModelMetadata {
        model: ModelId([0x5e; 32]),
        name: "resnet18".into(),
        versions: vec!["1".into(), "2".into()],
        platform: "onnx".into(),
        inputs: vec![info("image", &[None, Some(3), Some(224), Some(224)])],
        outputs: vec![info("logits", &[None, Some(1000)])],
    };
    let accepted = |point, tail| AcceptedPoint { point: PointId(point), tail: Micros::new(tail) };
    let open = OpenAnswer {
        session: SessionId(3),
        points: vec![accepted(300, 31_000), accepted(0, 12_000)],
    };
    let resume = ResumeAnswer {
        session: SessionId(0),
        epoch: Epoch(4),
        active: PointId(2),
        answered: Sequence(8999),
    };
    let values = Values::new()
        .with(statistic::FRAMES, 9001)
        .with(statistic::RESULTS, 8990)
        .with(statistic::PAYLOAD_BYTES, 31_457_280)
        .with(0x4000, 1);
    let refusal = Refusal {
        code: Code::ProfileMismatch,
        retry_after: Micros::ZERO,
        reason: "the profile of cut 5 was learned anew".into(),
    };
    let later = Refusal {
        code: Code::NotReady,
        retry_after: Micros::from_millis(1500),
        reason: String::new(),
    };
    vec![
        ("HEALTH_OK: no", "6.2", Answer::Health(HealthAnswer::No)),
        ("HEALTH_OK: yes", "6.2", Answer::Health(HealthAnswer::Yes)),
        ("METADATA_OK: the server", "6.3", Answer::Metadata(MetadataAnswer::Server(server))),
        ("METADATA_OK: a model", "6.3", Answer::Metadata(MetadataAnswer::Model(model))),
        ("OPEN_OK: two points", "6.7", Answer::Open(open)),
        ("RESUME_OK", "6.8", Answer::Resume(resume)),
        ("STATS_OK: one number is unknown", "6.9", Answer::Stats(StatsAnswer { values })),
        ("STATS_OK: nothing", "6.9", Answer::Stats(StatsAnswer::default())),
        ("ERROR: another profile", "6.10", Answer::Refusal(refusal)),
        ("ERROR: come back later", "6.10", Answer::Refusal(later)),
    ]
}

/// A base layer of a frame in a session that has run for hours.
pub(crate) fn frame() -> FrameHeader {
    FrameHeader {
        session: SessionId(3),
        epoch: Epoch(70),
        sequence: Sequence(864_000),
        layer: LayerIndex::BASE,
        layers: 3,
        point: PointId(2),
        rate: RateIndex(24),
        deadline: Micros::from_millis(300),
        age: Micros::new(21_400),
        flags: FrameFlags::NONE,
        length: Bytes::new(40_321),
    }
}

pub(crate) fn frames() -> Vec<(&'static str, FrameHeader)> {
    let last = FrameHeader {
        layer: LayerIndex(2),
        flags: FrameFlags::FINAL.and(FrameFlags::TRUNCATABLE),
        age: Micros::new(38_000),
        ..frame()
    };
    let first = FrameHeader {
        session: SessionId(0),
        epoch: Epoch::FIRST,
        sequence: Sequence(0),
        layers: 1,
        point: PointId(0),
        rate: RateIndex(0),
        deadline: Micros::ZERO,
        age: Micros::ZERO,
        flags: FrameFlags::FINAL,
        length: Bytes::new(1500),
        ..frame()
    };
    let again = FrameHeader { flags: FrameFlags::AGAIN.and(FrameFlags::DEPENDS), ..frame() };
    let empty = FrameHeader { length: Bytes::ZERO, ..frame() };
    vec![
        ("FRAME: the base of three layers", frame()),
        ("FRAME: the last of three layers", last),
        ("FRAME: one layer, no deadline", first),
        ("FRAME: sent again", again),
        ("FRAME: no payload", empty),
    ]
}

pub(crate) fn results() -> Vec<(&'static str, ResultHeader)> {
    let result = ResultHeader {
        session: SessionId(3),
        epoch: Epoch(70),
        sequence: Sequence(864_000),
        status: Code::NoError,
        flags: ResultFlags::NONE,
        layers: 3,
        wait: Micros::new(120),
        decode: Micros::new(1800),
        infer: Micros::new(9100),
        length: Bytes::new(4000),
    };
    let early = ResultHeader {
        flags: ResultFlags::EARLY_EXIT.and(ResultFlags::PROVISIONAL),
        layers: 1,
        ..result
    };
    let damaged = ResultHeader {
        status: Code::DecodeFailed,
        layers: 0,
        infer: Micros::ZERO,
        length: Bytes::ZERO,
        ..result
    };
    vec![
        ("RESULT: the whole network", result),
        ("RESULT: an early exit, a better one follows", early),
        ("RESULT: the frame was damaged", damaged),
    ]
}

/// Writes a message of any type and content.
pub(crate) fn message(number: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = varint(number);
    out.extend(varint(payload.len() as u64));
    out.extend_from_slice(payload);
    out
}

/// Writes an integer.
pub(crate) fn varint(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let length = varint_len(value);
    let mut out = bytes[8 - length..].to_vec();
    out[0] |= (length.trailing_zeros() as u8) << 6;
    out
}
