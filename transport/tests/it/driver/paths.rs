//! Other addresses, other connections, the same session.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use aiflow_transport::channel::Flags;
use aiflow_transport::driver::{
    Backoff, Change, ClientConfig, Endpoint, Identity, PeerEvent, Reconnecting, Restored,
    ServedSession, Session, TicketKey,
};
use aiflow_transport::wire::{Epoch, PointId, Reason};
use aiflow_transport::{Code, Reply};
use aiflow_units::Micros;
use bytes::Bytes as Buffer;
use tokio::time::timeout;

use super::world::{
    LONG, NAME, World, anywhere, client_config, echo, frame, identity, layer, open, policy,
    server_config,
};

#[tokio::test]
async fn a_session_moves_with_its_client() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    let round = async |salt| {
        let answer = session.send(frame(&session, vec![layer(30_000, salt)]));
        let serve = async { echo(served.next_request().await.expect("a frame")).await };
        let (reply, ()) = tokio::join!(answer.expect("the session is open"), serve);
        reply.expect("the server answers")
    };
    for salt in 0..8 {
        round(salt).await;
    }
    let before = world.at_server.remote_address();
    assert!(!session.estimate().flags.contains(Flags::STALE), "{:?}", session.estimate());
    world.client.rebind(anywhere()).expect("another port is free");
    assert!(session.estimate().flags.contains(Flags::STALE));
    let reply = timeout(LONG, round(9)).await.expect("in time");
    assert_eq!(reply.payload, layer(30_000, 9));
    assert_ne!(world.at_server.remote_address(), before);
    assert_eq!((session.epoch(), session.ended()), (Epoch(0), None));
}

/// Serves sessions until the endpoint is shut down: agrees to all changes, and answers frames with
/// the epoch.
async fn serve(identity: &Identity, key: &Arc<TicketKey>, address: SocketAddr) -> Endpoint {
    let config = server_config(identity).with_tickets(Arc::clone(key), Micros::from_secs(600));
    // The socket of an earlier server is there until its last handle is gone.
    let endpoint = loop {
        match Endpoint::server(address, config.clone()) {
            Ok(endpoint) => break endpoint,
            Err(error) if error.kind() == ErrorKind::AddrInUse => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let accepting = endpoint.clone();
    tokio::spawn(async move {
        while let Some(arriving) = accepting.accept().await {
            let Ok(peer) = arriving.await else { continue };
            tokio::spawn(async move {
                while let Some(event) = peer.next_event().await {
                    let served = match event {
                        PeerEvent::Session(offer) => offer.decide(&policy()),
                        PeerEvent::Resume(offer) => offer.decide(&policy()),
                        _ => continue,
                    };
                    if let Ok(served) = served {
                        tokio::spawn(serve_session(served));
                    }
                }
            });
        }
    });
    endpoint
}

async fn serve_session(served: ServedSession) {
    loop {
        tokio::select! {
            change = served.next_change() => match change {
                Some(Change::Proposed { epoch, .. }) => {
                    served.accept(epoch).expect("the proposal stands");
                }
                Some(_) => {}
                None => return,
            },
            request = served.next_request() => {
                let Some(request) = request else { return };
                let payload = served.epoch().0.to_string().into();
                // The client may have gone with the server.
                let _ = request.reply(Reply { payload, ..Reply::default() });
            }
        }
    }
}

fn reconnecting(client: &Endpoint, server: &Endpoint, config: ClientConfig) -> Reconnecting {
    let address = server.local_address().expect("it is bound");
    let backoff = Backoff::default().with_first(Micros::from_millis(10)).with_attempts(20);
    Reconnecting::new(client.clone(), address, NAME, config, open()).with_backoff(backoff)
}

/// Sends a frame; returns its number and the answer.
async fn ask(session: &Session) -> (u64, Buffer) {
    let answer = session.send(frame(session, vec![layer(100, 0)])).expect("it is open");
    let number = answer.request().sequence.0;
    let reply = timeout(LONG, answer).await.expect("in time").expect("the server answers");
    (number, reply.payload)
}

#[tokio::test]
async fn a_session_survives_a_restart_of_the_server() {
    let (identity, key) = (identity(), Arc::new(TicketKey::random().expect("randomness")));
    let server = serve(&identity, &key, anywhere()).await;
    let address = server.local_address().expect("it is bound");
    let client = Endpoint::client(anywhere()).expect("loopback takes sockets");
    let mut link = reconnecting(&client, &server, client_config(&identity));

    let (session, how) = link.session().await.expect("the server admits it");
    assert_eq!((how, ask(&session).await), (Restored::Opened, (0, "0".into())));
    session
        .reconfigure(PointId(2), vec![PointId(1), PointId(2)], Reason::Application)
        .expect("both points were agreed on");
    while session.epoch() == Epoch(0) {
        session.next_change().await.expect("the session lives");
    }
    // The ticket that remembers the change comes before this answer.
    assert_eq!(ask(&session).await, (1, "1".into()));

    server.shutdown(Code::GoingAway).await;
    drop(server);
    timeout(LONG, session.next_change()).await.expect("in time");
    assert_eq!(session.ended().expect("the server went").code(), Code::GoingAway);
    let server = serve(&identity, &key, address).await;
    let (session, how) = timeout(LONG, link.session()).await.expect("in time").expect("resumed");
    assert_eq!(how, Restored::Resumed);
    assert_eq!((session.epoch(), session.active()), (Epoch(1), Some(PointId(2))));
    assert_eq!(ask(&session).await, (2, "1".into()));
    assert_eq!(link.session().await.expect("it is there").1, Restored::Kept);

    // A server with another key takes no ticket of this one: the session begins anew.
    server.shutdown(Code::GoingAway).await;
    drop(server);
    let other = Arc::new(TicketKey::random().expect("randomness"));
    let _server = serve(&identity, &other, address).await;
    let (session, how) = timeout(LONG, link.session()).await.expect("in time").expect("opened");
    assert_eq!((how, session.epoch()), (Restored::Opened, Epoch(0)));
}
