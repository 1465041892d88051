//! The three loops of a relay.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::error::RelayError;
use super::socket::{is_quiet, towards};
use super::state::{Due, Known, Shared, Upstream};
use crate::Direction;

/// Hands out what has arrived, until the relay stops.
pub(super) fn deliver(shared: &Shared) {
    let mut due = Vec::new();
    loop {
        shared.wait(&mut due);
        if due.is_empty() {
            return;
        }
        let mut failures = 0;
        let mut late = Vec::with_capacity(due.len());
        for Due { direction, client, upstream, mut packet } in due.drain(..) {
            if let Some(flip) = packet.flip {
                flip.apply(&mut packet.payload);
            }
            late.push(shared.now().since(packet.at));
            let sent = match direction {
                Direction::Up => upstream.socket.send(&packet.payload),
                Direction::Down => shared.listener.send_to(&packet.payload, client),
            };
            failures += u64::from(sent.is_err_and(|error| !is_quiet(&error)));
        }
        let mut state = shared.state();
        state.failures += failures;
        late.into_iter().for_each(|late| state.lateness.add(late));
    }
}

/// Takes in what clients send, and makes paths for new ones.
pub(super) fn listen(shared: &Arc<Shared>) {
    let mut buffer = vec![0; LARGEST];
    while !shared.is_stopped() {
        match shared.listener.recv_from(&mut buffer) {
            Ok((length, client)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                if shared.send(client, Direction::Up, bytes) == Known::Yes {
                    continue;
                }
                match connect(shared, client) {
                    Ok(upstream) => {
                        shared.admit(client, upstream);
                        shared.send(client, Direction::Up, bytes);
                    }
                    Err(_) => shared.state().failures += 1,
                }
            }
            Err(error) => failed(shared, &error),
        }
    }
}

/// Opens a socket to the server for a client, and starts the thread that takes in its answers.
pub(super) fn connect(
    shared: &Arc<Shared>,
    client: SocketAddr,
) -> Result<Arc<Upstream>, RelayError> {
    let server = shared.config.server;
    let socket = towards(server).map_err(|source| RelayError::Server { server, source })?;
    let address = socket.local_addr().map_err(|source| RelayError::Server { server, source })?;
    let upstream = Arc::new(Upstream::new(socket, address));
    let (own_shared, own) = (Arc::clone(shared), Arc::clone(&upstream));
    let thread = thread::Builder::new()
        .name("relay-answers".into())
        .spawn(move || answers(&own_shared, &own, client))
        .map_err(RelayError::Thread)?;
    shared.keep_thread(thread);
    Ok(upstream)
}

/// Takes in what the server sends to one client, until its socket is given up.
fn answers(shared: &Shared, upstream: &Upstream, client: SocketAddr) {
    let mut buffer = vec![0; LARGEST];
    while !upstream.is_closed() && !shared.is_stopped() {
        match upstream.socket.recv(&mut buffer) {
            // A router that has forgotten a port drops what still comes to it.
            Ok(_) if upstream.is_closed() => return,
            Ok(length) => {
                shared.send(client, Direction::Down, buffer.get(..length).unwrap_or_default());
            }
            Err(error) => failed(shared, &error),
        }
    }
}

fn failed(shared: &Shared, error: &io::Error) {
    if !is_quiet(error) {
        shared.state().failures += 1;
        // A socket that fails for good must not keep a core busy.
        thread::sleep(Duration::from_millis(1));
    }
}

/// The largest datagram.
const LARGEST: usize = 65_536;
