//! Readers that are slower than writers.

use std::time::Duration;

use aiflow_transport::Frame;
use aiflow_transport::driver::{Endpoint, SocketBuffers, Tuning};
use aiflow_transport::wire::{Limit, Limits};
use aiflow_units::Bytes;
use tokio::time::timeout;

use super::world::{
    LONG, World, anywhere, client_config, echo, identity, layer, protocol, server_config,
};

/// Bytes that one side lets wait.
const ROOM: u64 = 256 * 1024;

#[tokio::test]
async fn a_slow_reader_holds_the_writer_back() {
    let identity = identity();
    let limits = Limits::default()
        .with(Limit::BufferedBytes, ROOM)
        .with(Limit::FrameBytes, ROOM)
        .with(Limit::FramesInFlight, 256);
    let tuning = Tuning::default().with_receive_window(Bytes::new(ROOM));
    let server =
        server_config(&identity).with_protocol(protocol().with_limits(limits)).with_tuning(tuning);
    let wide = Limits::default().with(Limit::FramesInFlight, 256);
    let client = client_config(&identity).with_protocol(protocol().with_limits(wide));
    let world = World::with(server, client).await;
    let (session, served) = world.session().await;

    // 8 MiB for a server that takes nothing.
    let (size, count) = (64 * 1024, 128);
    let mut answers = Vec::new();
    let fill = async {
        for salt in 0..count {
            let due = session.after(LONG);
            let frame = Frame::new(vec![layer(size, salt)], due);
            answers.push((salt, session.submit(frame).await.expect("the session is open")));
        }
    };
    let stopped = tokio::time::timeout(Duration::from_millis(200), fill).await;
    assert!(stopped.is_err(), "the writer goes on for ever");
    let here = world.at_client.statistics();
    let sent = here.frames_sent * size as u64;
    assert!(sent <= ROOM, "{sent} bytes are under way to a peer that has room for {ROOM}");

    // A writer that does not keep to what was advertised is held by QUIC.
    let taken = sent.saturating_sub(here.backlog.get());
    assert!(taken <= 2 * ROOM, "{taken} bytes left for a reader that has room for {ROOM}");

    // Once it takes what is there, everything flows.
    let first = answers.len() as u8;
    let serve = async {
        for _ in 0..count {
            echo(served.next_request().await.expect("a frame arrives")).await;
        }
    };
    let collect = async {
        for (salt, answer) in answers {
            assert_eq!(answer.await.expect("the server answers").payload, layer(size, salt));
        }
        for salt in first..count {
            let frame = Frame::new(vec![layer(size, salt)], session.after(LONG));
            let answer = session.submit(frame).await.expect("the session is open");
            assert_eq!(answer.await.expect("the server answers").payload, layer(size, salt));
        }
    };
    timeout(LONG, async { tokio::join!(serve, collect) }).await.expect("in time");
}

#[tokio::test]
async fn sockets_say_what_they_hold() {
    let small = SocketBuffers { send: Bytes::from_kib(32), receive: Bytes::from_kib(32) };
    let endpoint = Endpoint::bind(anywhere(), None, small).expect("a socket");
    assert!(endpoint.socket_buffers().covers(&small));
    let endpoint = Endpoint::client(anywhere()).expect("a socket");
    assert!(endpoint.socket_buffers().covers(&small), "{:?}", endpoint.socket_buffers());
}
