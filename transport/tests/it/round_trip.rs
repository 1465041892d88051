//! What is written is read back, for any values; and what a header costs.

use aiflow_transport::error::EncodeError;
use aiflow_transport::wire::*;
use aiflow_units::{BitRate, Bytes, Micros};
use proptest::prelude::*;

use crate::samples::{frame, report};

mod strategies;

/// Writes a message, cuts it out of a stream again and reads it.
macro_rules! round_trip {
    ($kind:ident, $message:expr) => {{
        let limits = Limits::default();
        let message = $message;
        let bytes = message.encode().expect("a message that may be sent");
        let mut framer = Framer::new(&limits);
        framer.push(&bytes);
        let envelope = framer.next_message().expect("a sound frame").expect("a whole message");
        prop_assert_eq!(framer.finish(), Ok(()));
        let read = $kind::decode(&envelope, &limits).expect("what was written can be read");
        prop_assert_eq!(read, Received::Message(message));
    }};
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn control_messages(message in strategies::control()) {
        round_trip!(ControlMessage, message);
    }

    #[test]
    fn requests(message in strategies::request()) {
        round_trip!(Request, message);
    }

    #[test]
    fn answers(message in strategies::answer()) {
        round_trip!(Answer, message);
    }

    #[test]
    fn probes(message in strategies::probe()) {
        round_trip!(Probe, message);
    }

    #[test]
    fn headers(frame in strategies::frame(), result in strategies::result()) {
        let limits = Limits::default();
        let bytes = encode(&frame).expect("a header");
        let whole = Prefix::Whole(frame, bytes.len());
        prop_assert_eq!(decode_prefix(&bytes, &limits), Ok(whole));
        let more = [&bytes[..], b"payload"].concat();
        prop_assert_eq!(decode_prefix(&more, &limits), Ok(whole));
        for end in 0..bytes.len() {
            let start = decode_prefix::<FrameHeader>(&bytes[..end], &limits);
            prop_assert_eq!(start, Ok(Prefix::Partial));
        }
        let bytes = encode(&result).expect("a header");
        prop_assert_eq!(decode_prefix(&bytes, &limits), Ok(Prefix::Whole(result, bytes.len())));
    }

    #[test]
    fn integers(value in 0..=MAX_VARINT) {
        let mut writer = Writer::new();
        writer.varint("value", value);
        let bytes = writer.finish().expect("62 bits");
        prop_assert_eq!(bytes.len(), varint_len(value));
        let mut reader = Reader::new(&bytes, "protocol.md 1.3");
        prop_assert_eq!(reader.varint(), Ok(value));
        prop_assert_eq!(reader.expect_end(), Ok(()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for input in Input::ALL {
            if let Err(error) = inspect(input, &bytes, &Limits::default()) {
                prop_assert!(error.offset <= bytes.len() as u64);
            }
        }
    }

    #[test]
    fn reserved_numbers_are_reserved(seed in any::<u64>()) {
        let mut grease = Grease::new(seed);
        for _ in 0..20 {
            let (number, message) = (grease.number(), grease.message());
            prop_assert!(Grease::is_reserved(number) && Grease::is_reserved(message));
            prop_assert!(message % 2 == 1 && number <= MAX_VARINT);
            prop_assert!(grease.value().len() < 16);
        }
    }
}

#[test]
fn a_frame_costs_at_most_24_bytes() {
    let limits = Limits::default();
    // A thousand sessions, a year of frames at 30 per second, the largest frame, an hour of age.
    let costly = FrameHeader {
        session: SessionId(1000),
        epoch: Epoch(10_000),
        sequence: Sequence(30 * 86_400 * 365),
        layer: LayerIndex(7),
        layers: 8,
        point: PointId(63),
        rate: RateIndex(63),
        deadline: Micros::from_secs(16),
        age: Micros::from_secs(1000),
        flags: FrameFlags::FINAL,
        length: limits.frame_bytes(),
    };
    let bytes = encode_start(StreamType::Frame, &costly).expect("a header");
    assert_eq!(bytes.len(), 23);
    let usual = encode_start(StreamType::Frame, &frame()).expect("a header");
    assert_eq!(usual.len(), 22);
    assert!(usual.len() * 200 <= 16_384, "0.5 % of a payload of 16 KiB");
}

#[test]
fn a_report_costs_at_most_47_bytes() {
    assert_eq!(encode(&report()).expect("a report").len(), 39);
    let costly = ChannelReport {
        sequence: Sequence((1 << 30) - 1),
        interval: Micros::from_millis(16_383),
        rate_p50: BitRate::kilobits_per_second((1 << 30) - 1),
        rate_p10: BitRate::kilobits_per_second((1 << 30) - 1),
        delivery_rate: BitRate::kilobits_per_second((1 << 30) - 1),
        min_rtt: Micros::new((1 << 30) - 1),
        srtt: Micros::new((1 << 30) - 1),
        rttvar: Micros::new((1 << 30) - 1),
        loss: Permyriad::ONE,
        marked: Permyriad::ONE,
        queue_delay: Micros::new((1 << 30) - 1),
        backlog: Bytes::from_kib((1 << 14) - 1),
        flags: ReportFlags::STALE,
        advice: BitRate::kilobits_per_second((1 << 30) - 1),
        age: Micros::from_millis(16_383),
    };
    let message = ControlMessage::ChannelReport(costly);
    assert_eq!(encode(&costly).expect("a report").len(), 47);
    assert_eq!(message.encode().expect("a message").len(), 49);
}

#[test]
fn reports_are_rounded_to_the_careful_side() {
    let limits = Limits::default();
    let report = ChannelReport {
        interval: Micros::new(100_001),
        rate_p50: BitRate::bits_per_second(999_999),
        rate_p10: BitRate::bits_per_second(1),
        loss: Permyriad::from_ppm(1),
        marked: Permyriad::from_ppm(2_000_000),
        backlog: Bytes::new(1),
        age: Micros::new(1),
        ..ChannelReport::default()
    };
    let bytes = encode(&report).expect("a report");
    let read: ChannelReport = decode(&bytes, &limits).expect("what was written can be read");
    assert_eq!(read.interval, Micros::from_millis(101));
    assert_eq!(read.rate_p50, BitRate::kilobits_per_second(999));
    assert_eq!(read.rate_p10, BitRate::kilobits_per_second(1), "known does not become unknown");
    assert_eq!((read.loss.ppm(), read.marked.ppm()), (100, 1_000_000));
    assert_eq!(read.backlog, Bytes::from_kib(1));
    assert_eq!(read.age, Micros::from_millis(1));
}

#[test]
fn deadlines_are_never_made_longer() {
    let limits = Limits::default();
    for (deadline, expected) in [(0, 0), (1, 1000), (999, 1000), (1999, 1000), (2000, 2000)] {
        let header = FrameHeader { deadline: Micros::new(deadline), ..frame() };
        let bytes = encode(&header).expect("a header");
        let read: FrameHeader = decode(&bytes, &limits).expect("what was written can be read");
        assert_eq!(read.deadline, Micros::new(expected), "{deadline}");
    }
    let header = FrameHeader { age: Micros::from_millis(200), ..frame() };
    assert_eq!(header.time_left(), Some(Micros::from_millis(100)));
    assert_eq!(FrameHeader { deadline: Micros::ZERO, ..header }.time_left(), None);
}

#[test]
fn what_no_peer_would_accept_is_not_written() {
    let field = |error: EncodeError| match error {
        EncodeError::TooLarge { field, .. } | EncodeError::Invalid { field, .. } => field,
        other => panic!("{other}"),
    };
    let refused = |message: ControlMessage| field(message.encode().expect_err("a fault"));
    let (session, epoch) = (SessionId(1 << 62), Epoch(0));
    assert_eq!(refused(ControlMessage::Accept(Accept { session, epoch })), "session");
    let goaway = Goaway { requests: 0, drain: Micros::ZERO, redirect: "x".repeat(1025) };
    assert_eq!(refused(ControlMessage::Goaway(goaway)), "redirect");
    let setup = Setup { codecs: vec![CodecId::RAW, CodecId::RAW], ..Setup::default() };
    assert_eq!(refused(ControlMessage::Setup(setup)), "CODECS");
    let setup = Setup { grease: Some((0x22, Default::default())), ..Setup::default() };
    assert_eq!(refused(ControlMessage::Setup(setup)), "grease");
    let interval = Setup { report_interval: Micros::from_millis(49), ..Setup::default() };
    assert_eq!(refused(ControlMessage::Setup(interval)), "REPORT_INTERVAL");
    let low = Setup { limits: Limits::default().with(Limit::Points, 1), ..Setup::default() };
    assert_eq!(refused(ControlMessage::Setup(low)), "points");
    let reconf = Reconf {
        session: SessionId(0),
        epoch: Epoch(1),
        effective: Sequence(0),
        reason: Reason::Channel,
        active: PointId(1),
        points: vec![PointId(2), PointId(1)],
    };
    assert_eq!(refused(ControlMessage::Reconf(reconf)), "points");
    let layers = FrameHeader { layer: LayerIndex(3), layers: 3, ..frame() };
    assert_eq!(field(encode(&layers).expect_err("a fault")), "layers");
}

#[test]
fn limits_agree_and_have_a_floor() {
    let floor = Limits::floor();
    assert_eq!(floor.validate(), Ok(()));
    assert_eq!(Limits::default().validate(), Ok(()));
    assert_eq!(floor.agreed_with(&Limits::default()), floor);
    for limit in Limit::ALL {
        let range = limit.least()..=limit.most();
        assert!(range.contains(&limit.default_value()), "{limit}");
        for outside in [limit.least() - 1, limit.most() + 1] {
            assert!(Limits::default().with(limit, outside).validate().is_err(), "{limit}");
        }
    }
}
