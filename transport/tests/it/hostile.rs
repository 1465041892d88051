//! Bytes that a peer should not have sent: cut short, damaged, absurd.

use aiflow_transport::error::{Code, ErrorKind, ProtocolError};
use aiflow_transport::wire::{
    Answer, ControlMessage, Envelope, Framer, Input, Limit, Limits, Probe, Received, Request,
    inspect,
};

use crate::samples::{all, message, varint};

/// The first byte of the payload of a message.
fn payload_start(bytes: &[u8]) -> usize {
    let mut framer = Framer::new(&Limits::default());
    framer.push(bytes);
    framer.next_message().expect("a sound frame").expect("a whole message").offset as usize
}

fn judge(input: Input, bytes: &[u8]) -> Result<(), ProtocolError> {
    inspect(input, bytes, &Limits::default()).map(|_| ())
}

#[test]
fn a_start_of_a_message_is_never_a_message() {
    for sample in all() {
        for end in 0..sample.bytes.len() {
            let error = judge(sample.input, &sample.bytes[..end]).expect_err(sample.name);
            assert_eq!(error.kind, ErrorKind::Truncated, "{} cut to {end}", sample.name);
            assert!(error.offset <= end as u64);
        }
    }
}

#[test]
fn a_content_that_is_cut_short_is_refused_with_an_offset_inside() {
    for sample in all().iter().filter(|sample| sample.input != Input::Stream) {
        let start = payload_start(&sample.bytes);
        for end in start..sample.bytes.len() {
            let cut = message(u64::from(sample.bytes[0]), &sample.bytes[start..end]);
            // Content that is a list to its end may be whole at several places.
            if let Err(error) = judge(sample.input, &cut) {
                assert_eq!(error.code(), Code::FormatError, "{} cut to {end}", sample.name);
                assert!(error.offset <= cut.len() as u64);
            } else {
                let list = ["SETUP", "STATS_OK", "AUTH"];
                assert!(list.iter().any(|name| sample.name.starts_with(name)), "{}", sample.name);
            }
        }
    }
}

#[test]
fn a_byte_after_the_end_is_refused_where_it_stands() {
    for sample in all().iter().filter(|sample| sample.input != Input::Stream) {
        let end = sample.bytes.len() as u64;
        let more = [&sample.bytes[..], &[0]].concat();
        let error = judge(sample.input, &more).expect_err(sample.name);
        assert_eq!((error.kind, error.offset), (ErrorKind::TrailingBytes, end));

        let start = payload_start(&sample.bytes);
        let inside = [&sample.bytes[start..], &[0]].concat();
        let bytes = message(u64::from(sample.bytes[0]), &inside);
        let Err(error) = judge(sample.input, &bytes) else {
            assert!(sample.name.starts_with("AUTH"), "{} took a byte more", sample.name);
            continue;
        };
        assert_eq!(error.code(), Code::FormatError, "{}", sample.name);
    }
}

/// Decodes and encodes once more; what is decodable must come back with the same meaning.
fn again(input: Input, bytes: &[u8]) {
    let limits = Limits::default();
    let Ok(fields) = inspect(input, bytes, &limits) else { return };
    if input == Input::Stream {
        return;
    }
    let mut framer = Framer::new(&limits);
    framer.push(bytes);
    let envelope = framer.next_message().expect("sound").expect("whole");
    if let Some(encoded) = encode_again(input, &envelope, &limits) {
        assert_eq!(inspect(input, &encoded, &limits), Ok(fields));
    }
}

fn encode_again(input: Input, envelope: &Envelope, limits: &Limits) -> Option<bytes::Bytes> {
    fn message<T>(received: Result<Received<T>, ProtocolError>) -> Option<T> {
        match received.expect("it was decoded before") {
            Received::Message(message) => Some(message),
            Received::Ignored(_) => None,
        }
    }
    let encoded = match input {
        Input::Control => message(ControlMessage::decode(envelope, limits))?.encode(),
        Input::Request => message(Request::decode(envelope, limits))?.encode(),
        Input::Answer => message(Answer::decode(envelope, limits))?.encode(),
        _ => message(Probe::decode(envelope, limits))?.encode(),
    };
    Some(encoded.expect("what was accepted can be written"))
}

#[test]
fn flipped_bits_never_panic_and_keep_errors_inside() {
    for sample in all() {
        let mut bytes = sample.bytes.to_vec();
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Err(error) = judge(sample.input, &bytes) {
                assert!(error.offset <= bytes.len() as u64, "{}: {error}", sample.name);
            }
            again(sample.input, &bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn every_byte_as_every_other_never_panics() {
    for sample in all().iter().filter(|sample| sample.bytes.len() < 64) {
        let mut bytes = sample.bytes.to_vec();
        for place in 0..bytes.len() {
            let kept = bytes[place];
            for value in 0..=255 {
                bytes[place] = value;
                again(sample.input, &bytes);
            }
            bytes[place] = kept;
        }
    }
}

#[test]
fn absurd_lengths_are_refused_before_anything_is_taken() {
    for sample in all().iter().filter(|sample| sample.input != Input::Stream) {
        let start = payload_start(&sample.bytes);
        let content = &sample.bytes[start..];
        for place in 0..content.len() {
            for length in [0x3fff, 0x3fff_ffff, (1 << 62) - 1] {
                let payload =
                    [&content[..place], &varint(length)[..], &content[place + 1..]].concat();
                let bytes = message(u64::from(sample.bytes[0]), &payload);
                again(sample.input, &bytes);
            }
        }
    }
}

#[test]
fn an_announced_length_takes_no_memory() {
    let limits = Limits::default();
    let mut framer = Framer::new(&limits);
    framer.push(&[&varint(0x0d)[..], &varint(limits.message_bytes() as u64)[..]].concat());
    assert_eq!(framer.next_message(), Ok(None));
    assert_eq!(framer.buffered(), 5);
    let mut framer = Framer::new(&limits);
    framer.push(&[&varint(0x0d)[..], &varint(limits.message_bytes() as u64 + 1)[..]].concat());
    let error = framer.next_message().expect_err("one byte above the limit");
    assert_eq!(error.kind, ErrorKind::LimitExceeded(Limit::MessageBytes));
    assert_eq!((error.code(), error.offset), (Code::ExcessiveLoad, 1));
}

#[test]
fn pieces_of_any_size_give_the_same_messages() {
    let limits = Limits::default();
    let samples: Vec<_> =
        all().into_iter().filter(|sample| sample.input == Input::Control).collect();
    let stream: Vec<u8> = samples.iter().flat_map(|sample| sample.bytes.to_vec()).collect();
    for size in [1, 2, 3, 7, 64, 1000, stream.len()] {
        let mut framer = Framer::new(&limits);
        let mut found = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            while let Some(envelope) = framer.next_message().expect("sound messages") {
                let start = envelope.start as usize;
                let end = envelope.offset as usize + envelope.payload.len();
                assert_eq!(&stream[envelope.offset as usize..end], &envelope.payload[..]);
                found.push(stream[start..end].to_vec());
            }
            assert!(framer.buffered() < limits.message_bytes() + 16);
        }
        assert_eq!(framer.finish(), Ok(()));
        let expected: Vec<_> = samples.iter().map(|sample| sample.bytes.to_vec()).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn the_end_of_a_stream_inside_a_message_is_noticed() {
    let mut framer = Framer::at(1, &Limits::default());
    framer.push(&message(0x08, &[3, 1, 9]));
    framer.push(&[0x08, 3]);
    assert!(framer.next_message().expect("sound").is_some());
    assert_eq!(framer.next_message(), Ok(None));
    let error = framer.finish().expect_err("three bytes are missing");
    assert_eq!((error.kind, error.offset), (ErrorKind::Truncated, 8));
}
