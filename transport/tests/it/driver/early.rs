//! Data before the end of the handshake.

use std::sync::Arc;

use aiflow_transport::driver::{
    ClientConfig, EarlyData, Endpoint, Identity, Peer, PeerEvent, Resumption, Roots, ServedSession,
    ServerConfig, Session, TicketKey,
};
use aiflow_transport::wire::{Open, Replay};
use aiflow_transport::{Code, Early};
use aiflow_units::Micros;
use tokio::time::timeout;

use super::world::{LONG, NAME, anywhere, echo, frame, identity, layer, open, policy, protocol};

fn server_config(identity: &Identity, key: &Arc<TicketKey>) -> ServerConfig {
    ServerConfig::new(identity.clone(), None, EarlyData::Allowed)
        .expect("a sound identity")
        .with_protocol(protocol())
        .with_tickets(Arc::clone(key), Micros::from_secs(600))
}

async fn meet(server: &Endpoint, client: &Endpoint, config: &ClientConfig) -> (Peer, Peer) {
    let address = server.local_address().expect("it is bound");
    let accept = async { server.accept().await.expect("somebody knocks").await };
    let (here, there) = tokio::join!(client.connect(address, NAME, config), accept);
    (here.expect("a connection"), there.expect("a connection"))
}

async fn next_session(peer: &Peer) -> ServedSession {
    loop {
        match peer.next_event().await.expect("the client asks") {
            PeerEvent::Session(offer) => return offer.decide(&policy()).expect("it is served"),
            PeerEvent::Resume(offer) => return offer.decide(&policy()).expect("it is served"),
            _ => {}
        }
    }
}

/// Opens a session and waits for its ticket; returns what is needed to go on with it.
async fn first_visit(
    (at_client, at_server): (Peer, Peer),
    replay: Replay,
) -> (Resumption, Peer, Peer) {
    let open = Open { replay, ..open() };
    let (session, served) = tokio::join!(at_client.open(open), next_session(&at_server));
    let session: Session = session.expect("it is served");
    let answer = session.send(frame(&session, vec![layer(100, 0)])).expect("it is open");
    let serve = async { echo(served.next_request().await.expect("a frame")).await };
    let (reply, ()) = tokio::join!(answer, serve);
    reply.expect("an answer");
    (session.resumption().expect("the ticket comes before the answer"), at_client, at_server)
}

/// Goes on with a session before the handshake is over, and has a frame answered.
async fn go_on(at_client: &Peer, at_server: &Peer, left: &Resumption) -> (Session, ServedSession) {
    let session = at_client.resume_at_once(left).expect("early data is allowed");
    let answer = session.send(frame(&session, vec![layer(300, 1)])).expect("frames may follow");
    let serve = async {
        let served = next_session(at_server).await;
        echo(served.next_request().await.expect("a frame")).await;
        served
    };
    let (reply, served) =
        timeout(LONG, async { tokio::join!(answer, serve) }).await.expect("in time");
    assert_eq!(reply.expect("an answer").payload, layer(300, 1));
    session.opened().await.expect("the server goes on with it");
    (session, served)
}

#[tokio::test]
async fn a_resumed_session_needs_no_round_trip() {
    let (identity, key) = (identity(), Arc::new(TicketKey::random().expect("randomness")));
    let server = Endpoint::server(anywhere(), server_config(&identity, &key)).expect("a socket");
    let client = Endpoint::client(anywhere()).expect("a socket");
    let config = ClientConfig::new(&Roots::of(&identity), None, EarlyData::Allowed)
        .expect("sound roots")
        .with_protocol(protocol());
    let pair = meet(&server, &client, &config).await;
    assert_eq!(pair.0.identity().early, Early::Complete);
    let (left, at_client, at_server) = first_visit(pair, Replay::Harmless).await;
    at_client.close(Code::NoError);
    at_server.closed().await;

    let (at_client, at_server) = meet(&server, &client, &config).await;
    assert_eq!(at_client.identity().early, Early::Early);
    let _sessions = go_on(&at_client, &at_server, &left).await;
    at_client.greeted().await.expect("the handshake completes");
}

#[tokio::test]
async fn a_server_that_forgot_everything_is_met_as_if_for_the_first_time() {
    let (identity, key) = (identity(), Arc::new(TicketKey::random().expect("randomness")));
    let server = Endpoint::server(anywhere(), server_config(&identity, &key)).expect("a socket");
    let client = Endpoint::client(anywhere()).expect("a socket");
    let config = ClientConfig::new(&Roots::of(&identity), None, EarlyData::Allowed)
        .expect("sound roots")
        .with_protocol(protocol());
    let pair = meet(&server, &client, &config).await;
    let (left, at_client, at_server) = first_visit(pair, Replay::Harmless).await;
    at_client.close(Code::NoError);
    at_server.closed().await;

    // The restarted server knows the key of the tickets, but none of the TLS sessions.
    let server = Endpoint::server(anywhere(), server_config(&identity, &key)).expect("a socket");
    let (at_client, at_server) = meet(&server, &client, &config).await;
    // What was sent before it was known is sent again, under the same numbers.
    let _sessions = go_on(&at_client, &at_server, &left).await;
    let statistics = at_client.statistics();
    assert_eq!((statistics.frames_sent, statistics.failed), (1, 0), "{statistics:?}");
}
