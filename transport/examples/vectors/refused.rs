//! Bytes that have to be refused, with the error that was worked out by hand.

use aiflow_transport::error::ProtocolError;
use aiflow_transport::wire::{Input, Limits, Reader, inspect};

use crate::samples::{message, varint};
use crate::vector_file::{Case, to_hex};

/// Name, section, what it is, its bytes, the kind and the offset of the error.
type Row = (&'static str, &'static str, Input, Vec<u8>, &'static str, u64);

fn cases(rows: Vec<Row>) -> Vec<Case> {
    rows.into_iter()
        .map(|(name, section, input, bytes, kind, offset)| {
            let found = inspect(input, &bytes, &Limits::default()).map(|_| ());
            case(name, section, input.name(), &bytes, (kind, offset), found)
        })
        .collect()
}

/// Builds a case after checking that this implementation agrees.
fn case(
    name: &str,
    section: &str,
    input: &str,
    bytes: &[u8],
    (kind, offset): (&str, u64),
    found: Result<(), ProtocolError>,
) -> Case {
    let error = found.expect_err(name);
    assert_eq!((error.kind.name(), error.offset), (kind, offset), "{name}");
    Case::new(name)
        .with("section", section)
        .with("input", input)
        .with("bytes", to_hex(bytes))
        .with("error", format_args!("{kind} {offset}"))
        .with("code", error.code().name())
}

pub(crate) fn integers() -> Vec<Case> {
    let rows: [(&str, &[u8], &str, u64); 8] = [
        ("nothing", &[], "truncated", 0),
        ("one of two bytes", &[0x40], "truncated", 0),
        ("three of four bytes", &[0x80, 0, 0], "truncated", 0),
        ("seven of eight bytes", &[0xc0, 0, 0, 0, 0, 0, 0], "truncated", 0),
        ("1 in two bytes", &[0x40, 1], "non-minimal", 0),
        ("16383 in four bytes", &[0x80, 0, 0x3f, 0xff], "non-minimal", 0),
        ("2^30 - 1 in eight bytes", &[0xc0, 0, 0, 0, 0x3f, 0xff, 0xff, 0xff], "non-minimal", 0),
        ("a byte after it", &[0, 0], "trailing-bytes", 1),
    ];
    let row = |(name, bytes, kind, offset): (&str, &[u8], &str, u64)| {
        let mut reader = Reader::new(bytes, "protocol.md 1.3");
        let found = reader.varint().and_then(|_| reader.expect_end());
        case(name, "1.3", "varint", bytes, (kind, offset), found)
    };
    rows.map(row).into()
}

pub(crate) fn framing() -> Vec<Case> {
    use Input::{Answer, Control, Probe, Request, Stream};
    let above = [&[0x0d][..], &varint(65_537)].concat();
    let two = [message(0x04, &[3, 1]), message(0x04, &[3, 2])].concat();
    cases(vec![
        ("nothing on a control stream", "4.1", Control, vec![], "truncated", 0),
        ("a type without a length", "4.1", Control, vec![8], "truncated", 1),
        ("a length that is cut", "4.1", Control, vec![8, 0x40], "truncated", 2),
        ("a content that is cut", "4.1", Control, vec![8, 3, 3, 0], "truncated", 4),
        ("a type in two bytes", "1.3", Control, vec![0x40, 8, 0], "non-minimal", 0),
        ("a length in two bytes", "1.3", Control, vec![8, 0x40, 3, 3, 0, 9], "non-minimal", 1),
        ("a length above the limit", "4.1", Control, above, "limit-exceeded", 1),
        ("an even type", "4.2", Control, message(0x12, &[]), "unknown-message", 0),
        ("an even reserved type", "4.2", Control, message(0x40, &[]), "unknown-message", 0),
        (
            "an even type on a request stream",
            "4.2",
            Request,
            message(0x2c, &[]),
            "unknown-message",
            0,
        ),
        ("a request on a control stream", "4.2", Control, message(0x20, &[0]), "unexpected", 0),
        ("SETUP on a request stream", "4.2", Request, message(0, &[]), "unexpected", 0),
        ("an answer in place of a request", "4.2", Request, message(0x30, &[1]), "unexpected", 0),
        ("a request in place of an answer", "4.2", Answer, message(0x20, &[0]), "unexpected", 0),
        ("PROBE on a request stream", "4.2", Request, message(0x2a, &[1, 1, 1]), "unexpected", 0),
        ("HEALTH on a probe stream", "4.2", Probe, message(0x20, &[0]), "unexpected", 0),
        (
            "two messages where one belongs",
            "6.1",
            Request,
            [message(0x20, &[0]), two.clone()].concat(),
            "trailing-bytes",
            3,
        ),
        ("a stream without a type", "3.3", Stream, vec![], "truncated", 0),
        ("a type of a stream that is cut", "3.3", Stream, vec![0x40], "truncated", 1),
        ("an unknown type of a stream", "3.3", Stream, vec![4], "unknown-stream", 0),
        ("a reserved type of a stream", "4.5", Stream, vec![0x21], "unknown-stream", 0),
        ("a type of a stream in two bytes", "1.3", Stream, vec![0x40, 1], "non-minimal", 0),
    ])
}

/// A SETUP with these parameters.
fn setup_of(payload: &[u8]) -> Vec<u8> {
    message(0x00, payload)
}

pub(crate) fn setup() -> Vec<Case> {
    use Input::Control;
    let many: Vec<u8> = (0x100..0x141).flat_map(|id| [varint(id), vec![0]].concat()).collect();
    let codecs: Vec<u8> = (0..65).flat_map(varint).collect();
    let codecs = [&[2][..], &varint(codecs.len() as u64), &codecs].concat();
    let long = [&[8][..], &varint(129), &[b'x'; 129]].concat();
    let token = [&[7][..], &varint(8194), &[0; 8194]].concat();
    let rows = vec![
        ("ROLE twice", "4.3", setup_of(&[0, 1, 0, 0, 1, 1]), "duplicate", 5),
        ("an unknown parameter twice", "4.3", setup_of(&[0x21, 0, 0x21, 0]), "duplicate", 4),
        ("65 parameters", "4.3", setup_of(&many), "too-many", 195),
        ("a parameter that is cut", "4.3", setup_of(&[0, 5]), "truncated", 3),
        ("a parameter without a length", "4.3", setup_of(&[0]), "truncated", 3),
        ("ROLE 3", "5.1.1", setup_of(&[0, 1, 3]), "invalid-value", 4),
        ("ROLE with a byte more", "5.1.1", setup_of(&[0, 2, 0, 0]), "trailing-bytes", 5),
        ("ROLE without a value", "5.1.1", setup_of(&[0, 0]), "truncated", 4),
        ("no sessions at all", "5.1.2", setup_of(&[1, 2, 3, 0]), "invalid-value", 5),
        ("17 layers", "5.1.2", setup_of(&[1, 2, 8, 17]), "invalid-value", 5),
        ("limits out of order", "5.1.2", setup_of(&[1, 4, 4, 8, 3, 2]), "order", 6),
        ("a limit twice", "5.1.2", setup_of(&[1, 4, 3, 2, 3, 2]), "duplicate", 6),
        ("a limit without a value", "5.1.2", setup_of(&[1, 1, 3]), "truncated", 5),
        ("a codec twice", "5.1.3", setup_of(&[2, 2, 1, 1]), "duplicate", 5),
        ("65 codecs", "5.1.3", setup_of(&codecs), "too-many", 70),
        ("CHANNEL_LEVEL 3", "5.1.4", setup_of(&[3, 1, 3]), "invalid-value", 4),
        ("reports every 49 ms", "5.1.5", setup_of(&[4, 1, 49]), "invalid-value", 4),
        ("reports every 1001 ms", "5.1.5", setup_of(&[4, 2, 0x43, 0xe9]), "invalid-value", 4),
        ("capabilities out of order", "4.4", setup_of(&[5, 4, 2, 1, 1, 1]), "order", 6),
        ("a capability twice", "4.4", setup_of(&[5, 4, 1, 1, 1, 1]), "duplicate", 6),
        ("no validity", "5.1.7", setup_of(&[6, 0]), "truncated", 4),
        ("a token of kind 3", "5.1.8", setup_of(&[7, 2, 3, 0x41]), "invalid-value", 4),
        ("a token without bytes", "5.1.8", setup_of(&[7, 1, 0]), "missing", 5),
        ("a token of 8193 bytes", "5.1.8", setup_of(&token), "too-many", 7),
        ("a name that is not UTF-8", "5.1.9", setup_of(&[8, 1, 0xff]), "invalid-text", 4),
        ("a name of 129 bytes", "5.1.9", setup_of(&long), "too-many", 6),
        ("SCONE with a value", "5.1.10", setup_of(&[9, 1, 0]), "trailing-bytes", 4),
    ];
    let row = |(name, section, bytes, kind, offset)| (name, section, Control, bytes, kind, offset);
    cases(rows.into_iter().map(row).collect())
}

pub(crate) fn control() -> Vec<Case> {
    use Input::Control;
    let points: Vec<u8> = (0..65).flat_map(varint).collect();
    let many = [&[3, 1, 0, 1, 2][..], &varint(65), &points].concat();
    let wide = [&[3, 1, 0, 1][..], &varint(65_536), &[1], &varint(65_536)].concat();
    let far = [&[0, 0][..], &varint(1025), &[b'x'; 1025]].concat();
    let ranges = [&[3, 8][..], &varint(65), &[1; 130]].concat();
    let beyond = [&[3, 8, 1][..], &varint((1 << 62) - 1), &[1]].concat();
    let ticket = [&[3, 5, 0][..], &varint(1025), &[1; 1025]].concat();
    let mut reserved = [0; 15];
    reserved[12] = 0x10;
    let lossy = [&[0; 8][..], &varint(10_001), &[0; 6]].concat();
    let layers = [&[3, 1][..], &varint(256), &[0; 6]].concat();
    let rows = vec![
        ("RECONF without points", "5.2", message(2, &[3, 1, 0, 1, 2, 0]), "missing", 7),
        ("RECONF: points out of order", "5.2", message(2, &[3, 1, 0, 1, 2, 2, 2, 0]), "order", 9),
        ("RECONF: a point twice", "5.2", message(2, &[3, 1, 0, 1, 2, 2, 2, 2]), "duplicate", 9),
        (
            "RECONF: an active point outside",
            "5.2",
            message(2, &[3, 1, 0, 1, 5, 1, 2]),
            "invalid-value",
            6,
        ),
        ("RECONF: point 65536", "5.2", message(2, &wide), "invalid-value", 6),
        ("RECONF: 65 points", "5.2", message(2, &many), "limit-exceeded", 8),
        ("ACCEPT with a byte more", "5.3", message(4, &[3, 1, 0]), "trailing-bytes", 4),
        ("ACCEPT without an epoch", "5.3", message(4, &[3]), "truncated", 3),
        ("REJECT without a code", "5.4", message(6, &[3, 1]), "truncated", 4),
        ("RETIRE without a frame", "5.5", message(8, &[3, 1]), "truncated", 4),
        ("GOAWAY: an address that is cut", "5.6", message(0x0a, &[0, 0, 5]), "truncated", 4),
        ("GOAWAY: a line feed", "5.6", message(0x0a, &[0, 0, 1, 0x0a]), "invalid-text", 5),
        ("GOAWAY: an address of 1025 bytes", "5.6", message(0x0a, &far), "too-many", 5),
        ("CANCEL without ranges", "5.7", message(0x0c, &[3, 8, 0]), "missing", 4),
        ("CANCEL: 65 ranges", "5.7", message(0x0c, &ranges), "too-many", 5),
        ("CANCEL: frame 2^62", "5.7", message(0x0c, &beyond), "invalid-value", 5),
        ("TICKET: early 2", "5.8", message(0x0e, &[3, 5, 2, 1, 9]), "reserved-bits", 4),
        ("TICKET without a ticket", "5.8", message(0x0e, &[3, 5, 0, 0]), "missing", 5),
        ("TICKET of 1025 bytes", "5.8", message(0x0e, &ticket), "too-many", 6),
        ("AUTH without anything", "5.9", message(0x10, &[]), "truncated", 2),
        ("AUTH without a token", "5.9", message(0x10, &[0]), "missing", 3),
        ("CHANNEL_REPORT: a reserved flag", "5.10", message(0x0d, &reserved), "reserved-bits", 14),
        ("CHANNEL_REPORT: more than all lost", "5.10", message(0x0d, &lossy), "invalid-value", 10),
        ("CHANNEL_REPORT without an age", "5.10", message(0x0d, &[0; 14]), "truncated", 16),
        ("CHANNEL_REPORT with a field more", "5.10", message(0x0d, &[0; 16]), "trailing-bytes", 17),
        ("FRAME_REPORT: 256 layers", "5.11", message(0x0f, &layers), "invalid-value", 4),
        ("FRAME_REPORT without a status", "5.11", message(0x0f, &[0; 8]), "truncated", 10),
    ];
    let row = |(name, section, bytes, kind, offset)| (name, section, Control, bytes, kind, offset);
    cases(rows.into_iter().map(row).collect())
}

/// An OPEN with these points; their count stands at byte 39, the first one at byte 40, as long as
/// all is shorter than 64 bytes, and one byte later otherwise.
fn open_of(count: u64, points: &[u8]) -> Vec<u8> {
    let start = [&[3, 0][..], &[0x5e; 32], &[0, 0, 0]].concat();
    message(0x24, &[&start[..], &varint(count), points].concat())
}

/// A point whose bytes are replaced from `place` on.
fn point_with(place: usize, bytes: &[u8]) -> Vec<u8> {
    open_of(1, &[&POINT[..place], bytes].concat())
}

/// Point 1, cut 0, codec 0, no flags, one layer, one tensor of type 1 without dimensions, no
/// costs, one rate: index 0, 5 bytes.
const POINT: [u8; 13] = [1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 5];

pub(crate) fn requests() -> Vec<Case> {
    let mut rows = opens();
    rows.extend(points());
    rows.extend(others());
    cases(rows)
}

fn opens() -> Vec<Row> {
    use Input::Request;
    let text = [&[3, 0][..], &[0x5e; 32], &[1, 0xff]].concat();
    let tenant = [&[3, 0][..], &[0x5e; 32], &varint(129), &[b'x'; 129]].concat();
    let twice = [POINT, POINT].concat();
    let after = [&POINT[..], &[0x21, 0, 0x21, 0]].concat();
    vec![
        ("OPEN: replay 2", "6.4", Request, message(0x24, &[3, 2]), "reserved-bits", 3),
        ("OPEN: a model that is cut", "6.4", Request, message(0x24, &[3, 0, 1]), "truncated", 4),
        (
            "OPEN: a tenant that is not UTF-8",
            "6.4",
            Request,
            message(0x24, &text),
            "invalid-text",
            37,
        ),
        ("OPEN: a tenant of 129 bytes", "6.4", Request, message(0x24, &tenant), "too-many", 37),
        ("OPEN without points", "6.4", Request, open_of(0, &[]), "missing", 39),
        ("OPEN: 65 points", "6.4", Request, open_of(65, &[0; 65]), "limit-exceeded", 40),
        ("OPEN: fewer points than announced", "6.4", Request, open_of(2, &POINT), "truncated", 53),
        ("OPEN: a point twice", "6.4", Request, open_of(2, &twice), "duplicate", 54),
        ("OPEN: a parameter twice", "4.3", Request, open_of(1, &after), "duplicate", 55),
    ]
}

fn points() -> Vec<Row> {
    use Input::Request;
    let large = [&[2][..], &varint((1 << 30) - 1), &varint((1 << 30) - 1)].concat();
    let hidden = [&[3, 0][..], &varint((1 << 30) - 1), &varint((1 << 30) - 1)].concat();
    let side = [&[1][..], &varint(1 << 32)].concat();
    let indices = [&[0, 0, 2][..], &varint(255), &[5, 0, 5]].concat();
    let index = [&[0, 0, 1][..], &varint(256), &[5]].concat();
    vec![
        ("point: a reserved flag", "6.5", Request, point_with(3, &[4]), "reserved-bits", 43),
        ("point: a profile that is cut", "6.5", Request, point_with(3, &[1, 9]), "truncated", 44),
        ("point: no layers", "6.5", Request, point_with(4, &[0]), "invalid-value", 44),
        ("point: 9 layers", "6.5", Request, point_with(4, &[9]), "limit-exceeded", 44),
        ("point: 17 layers", "6.5", Request, point_with(4, &[17]), "invalid-value", 44),
        ("point: no tensors", "6.5", Request, point_with(5, &[0]), "missing", 45),
        ("point: 9 tensors", "6.5", Request, point_with(5, &[9]), "too-many", 45),
        (
            "point: an unknown element type",
            "6.6",
            Request,
            point_with(6, &[14]),
            "invalid-value",
            46,
        ),
        ("point: 9 dimensions", "6.6", Request, point_with(7, &[9]), "too-many", 47),
        ("point: a dimension of 2^32", "6.6", Request, point_with(7, &side), "invalid-value", 48),
        ("point: 2^60 elements", "6.6", Request, point_with(7, &large), "too-many", 47),
        (
            "point: 2^60 elements behind a zero",
            "6.6",
            Request,
            point_with(7, &hidden),
            "too-many",
            47,
        ),
        ("point: no rates", "6.5", Request, point_with(10, &[0]), "missing", 50),
        ("point: 65 rates", "6.5", Request, point_with(10, &varint(65)), "too-many", 50),
        ("point: rate 256", "6.5", Request, point_with(8, &index), "invalid-value", 51),
        (
            "point: rate 255 and one after it",
            "6.5",
            Request,
            point_with(8, &indices),
            "invalid-value",
            54,
        ),
    ]
}

fn others() -> Vec<Row> {
    use Input::{Answer, Probe, Request};
    let values: Vec<u8> = (0..65).flat_map(|id| [varint(id), vec![0]].concat()).collect();
    let reason = [&[3, 0][..], &varint(257), &[b'x'; 257]].concat();
    let active = [&[0, 4][..], &varint(65_536), &[5]].concat();
    let name = [&[0][..], &varint(257), &[b'x'; 257]].concat();
    let slow = [&[1, 1][..], &varint(1001)].concat();
    vec![
        ("HEALTH: scope 3", "6.2", Request, message(0x20, &[3]), "invalid-value", 2),
        ("HEALTH: a model that is cut", "6.2", Request, message(0x20, &[2, 9]), "truncated", 3),
        ("HEALTH with a byte more", "6.2", Request, message(0x20, &[0, 0]), "trailing-bytes", 3),
        ("HEALTH_OK 2", "6.2", Answer, message(0x30, &[2]), "invalid-value", 2),
        ("METADATA: scope 2", "6.3", Request, message(0x22, &[2]), "invalid-value", 2),
        ("METADATA_OK: scope 2", "6.3", Answer, message(0x32, &[2]), "invalid-value", 2),
        ("METADATA_OK: a name of 257 bytes", "6.3", Answer, message(0x32, &name), "too-many", 4),
        ("OPEN_OK without points", "6.7", Answer, message(0x34, &[3, 0]), "missing", 3),
        (
            "OPEN_OK: a point twice",
            "6.7",
            Answer,
            message(0x34, &[3, 2, 1, 0, 1, 0]),
            "duplicate",
            6,
        ),
        ("RESUME without a ticket", "6.8", Request, message(0x26, &[0, 4, 5, 0]), "missing", 5),
        ("RESUME_OK: point 65536", "6.8", Answer, message(0x36, &active), "invalid-value", 4),
        ("STATS: scope 2", "6.9", Request, message(0x28, &[2]), "invalid-value", 2),
        ("STATS_OK out of order", "4.4", Answer, message(0x38, &[2, 1, 1, 1]), "order", 4),
        ("STATS_OK: 65 values", "4.4", Answer, message(0x38, &values), "too-many", 131),
        ("ERROR: NO_ERROR", "6.10", Answer, message(0x3a, &[0, 0, 0]), "invalid-value", 2),
        ("ERROR: a reason of 257 bytes", "6.10", Answer, message(0x3a, &reason), "too-many", 5),
        (
            "ERROR: half a character",
            "6.10",
            Answer,
            message(0x3a, &[3, 0, 1, 0xc3]),
            "invalid-text",
            5,
        ),
        ("PROBE: rate 0", "7.4", Probe, message(0x2a, &[0, 1, 1]), "invalid-value", 2),
        ("PROBE: no bytes", "7.4", Probe, message(0x2a, &[1, 0, 1]), "invalid-value", 3),
        ("PROBE: no time", "7.4", Probe, message(0x2a, &[1, 1, 0]), "invalid-value", 4),
        ("PROBE: 1001 ms", "7.4", Probe, message(0x2a, &slow), "invalid-value", 4),
    ]
}

pub(crate) fn streams() -> Vec<Case> {
    use Input::Stream;
    let above = varint((1 << 26) + 1);
    let rate = [&[1, 0, 0, 0, 0, 0][..], &varint(256)].concat();
    cases(vec![
        ("FRAME: layer 1 of 1", "7.1", Stream, vec![1, 0, 0, 0, 0x10], "invalid-value", 4),
        ("FRAME: 9 layers", "7.1", Stream, vec![1, 0, 0, 0, 8], "limit-exceeded", 4),
        ("FRAME: rate 256", "7.1", Stream, rate, "invalid-value", 6),
        (
            "FRAME: a reserved flag",
            "7.1",
            Stream,
            vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0x10],
            "reserved-bits",
            9,
        ),
        (
            "FRAME: a payload above the limit",
            "7.1",
            Stream,
            [&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &above].concat(),
            "limit-exceeded",
            10,
        ),
        ("FRAME: no length", "7.1", Stream, vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0], "truncated", 10),
        ("RESULT: a reserved flag", "7.2", Stream, vec![2, 0, 0, 0, 0, 4], "reserved-bits", 5),
        (
            "RESULT: a payload above the limit",
            "7.2",
            Stream,
            [&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &above].concat(),
            "limit-exceeded",
            10,
        ),
        ("RESULT: a status that is cut", "7.2", Stream, vec![2, 0, 0, 0, 0x40], "truncated", 5),
    ])
}
