//! Two cores without I/O: a carrier of twenty lines moves the bytes between them, and time is a
//! number.
//!
//! `cargo run -p aiflow-transport --no-default-features --example core`
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;

use aiflow_transport::wire::{
    AcceptedPoint, CodecId, CutId, ElementType, Fallback, ModelId, Open, Point, PointId, RateEntry,
    RateIndex, Replay, SessionId, TensorSchema,
};
use aiflow_transport::{
    Config, Connection, Event, Frame, Outcome, PeerIdentity, Reply, Side, Stream, Transmit,
};
use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

fn main() -> Result<(), Box<dyn Error>> {
    let mut now = Timestamp::ORIGIN;
    let mut client = Connection::new(Config::default(), Side::Client, now)?;
    let mut server = Connection::new(Config::default(), Side::Server, now)?;
    client.handle_connected(PeerIdentity::default(), now);
    server.handle_connected(PeerIdentity::default(), now);
    let mut sent = None;
    let mut done = None;
    while done.is_none() && now < Timestamp::from_origin(Micros::from_secs(1)) {
        // Each step takes a millisecond, and so does each way.
        now = now.after(Micros::from_millis(1));
        carry(&mut client, &mut server, now);
        carry(&mut server, &mut client, now);
        while let Some(event) = client.poll_event() {
            match event {
                Event::Ready(_) => drop(client.open(open())?),
                Event::SessionOpened { session, .. } => {
                    let deadline = now.after(Micros::from_millis(300));
                    let layers =
                        vec![Buffer::from_static(&[1; 900]), Buffer::from_static(&[2; 400])];
                    sent = Some(client.send(session, Frame::new(layers, deadline), now)?);
                }
                Event::Ended { request, outcome } if Some(request) == sent => done = Some(outcome),
                _ => {}
            }
        }
        while let Some(event) = server.poll_event() {
            match event {
                Event::SessionOffered(offer) => {
                    let point = AcceptedPoint { point: PointId(1), tail: Micros::ZERO };
                    server.admit(offer.session, vec![point], now)?;
                }
                Event::Layer(layer) if layer.header.layer.0 + 1 == layer.header.layers => {
                    let payload = Buffer::from_static(b"a cat");
                    server.reply(layer.request, Reply { payload, ..Reply::default() }, now)?;
                }
                _ => {}
            }
        }
    }
    match done {
        Some(Outcome::Result(reply)) => println!("at {now}: {:?}", reply.payload),
        other => println!("no result: {other:?}"),
    }
    Ok(())
}

/// Moves what one core wants written to the other one. Streams are never short of room here; a real
/// carrier answers with what it took, and says when it is blocked.
fn carry(from: &mut Connection, to: &mut Connection, now: Timestamp) {
    let there = |stream: Stream| match stream.is_local() {
        true => Stream::remote(stream.number()),
        false => Stream::local(stream.number()),
    };
    from.handle_timeout(now);
    while let Some(transmit) = from.poll_transmit(now) {
        match transmit {
            Transmit::Open { stream, direction, .. } => {
                to.handle_opened(there(stream), direction, now)
            }
            Transmit::Write { stream, data, end } => {
                from.written(stream, data.len());
                to.handle_data(there(stream), data.to_contiguous(), end, now);
            }
            Transmit::Reset { stream, code } => to.handle_reset(there(stream), code, now),
            Transmit::Stop { stream, code } => to.handle_stop(there(stream), code, now),
            Transmit::Close { code, .. } => to.handle_closed(code, now),
            _ => {}
        }
    }
}

/// Asks for a session with one operating point.
fn open() -> Open {
    let point = Point {
        id: PointId(1),
        cut: CutId(1),
        codec: CodecId::RAW,
        profile: None,
        fallback: Fallback::No,
        layers: 2,
        tensors: vec![TensorSchema { element: ElementType::F32, dims: vec![1, 10] }],
        head: Micros::ZERO,
        tail: Micros::ZERO,
        rates: vec![RateEntry {
            rate: RateIndex(0),
            base: Bytes::new(900),
            total: Bytes::new(1_300),
        }],
    };
    Open {
        session: SessionId(0),
        replay: Replay::Harmless,
        model: ModelId([1; 32]),
        tenant: String::new(),
        deadline: Micros::from_millis(300),
        period: Micros::from_millis(100),
        points: vec![point],
    }
}
