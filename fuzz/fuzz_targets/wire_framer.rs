//! Streams of messages in pieces of any size: the pieces make no difference.
#![no_main]

use aiflow_fuzz::byte;
use aiflow_transport::error::ProtocolError;
use aiflow_transport::wire::{ControlMessage, Envelope, Framer, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::floor();
    let mut data = data;
    let mut sizes = [(); 8].map(|()| 1 + usize::from(byte(&mut data)));
    let whole = read(data, &[data.len().max(1)], &limits);
    assert_eq!(read(data, &sizes, &limits), whole);
    sizes.reverse();
    assert_eq!(read(data, &sizes, &limits), whole);
});

/// Everything that came out, and how it ended.
type Outcome = (Vec<Envelope>, Result<(), ProtocolError>);

fn read(data: &[u8], sizes: &[usize], limits: &Limits) -> Outcome {
    let mut framer = Framer::new(limits);
    let mut envelopes: Vec<Envelope> = Vec::new();
    let (mut rest, mut sizes) = (data, sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |size| *size).min(rest.len());
        let (piece, after) = rest.split_at(size);
        rest = after;
        framer.push(piece);
        loop {
            match framer.next_message() {
                Ok(Some(envelope)) => {
                    let end = envelope.offset as usize + envelope.payload.len();
                    assert_eq!(envelope.payload, data[envelope.offset as usize..end]);
                    if let Err(error) = ControlMessage::decode(&envelope, limits) {
                        assert!((envelope.start..=end as u64).contains(&error.offset));
                    }
                    envelopes.push(envelope);
                }
                Ok(None) => break,
                Err(error) => return (envelopes, Err(error)),
            }
        }
        assert!(framer.buffered() < limits.message_bytes() + 16);
    }
    (envelopes, framer.finish())
}
