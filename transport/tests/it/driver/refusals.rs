//! Peers that do not fit together part before the first frame, and both know why.

use std::sync::Arc;

use aiflow_transport::driver::{
    ClientCertificates, ClientConfig, ConnectError, ConnectionError, EarlyData, Endpoint, Peer,
    PeerEvent, Roots, ServerConfig, SessionError,
};
use aiflow_transport::wire::{ModelId, ProfileHash, Token, TokenKind};
use aiflow_transport::{ClosedBy, Code, PeerIdentity};
use quinn::crypto::rustls::QuicClientConfig;
use tokio::time::timeout;

use super::world::{
    LONG, NAME, World, anywhere, client_config, identity, open, policy, protocol, server_config,
};

/// How a connection ended for one side, whether it was ever established or not.
async fn end(attempt: Result<Peer, ConnectError>) -> ConnectionError {
    match attempt {
        Ok(peer) => timeout(LONG, peer.closed()).await.expect("in time"),
        Err(ConnectError::Connection(error)) => error,
        Err(other) => panic!("{other}"),
    }
}

/// Lets a client connect to a server; returns how both sides see the end: client, server.
async fn ends(server: ServerConfig, client: ClientConfig) -> (ConnectionError, ConnectionError) {
    let server = Endpoint::server(anywhere(), server).expect("loopback takes sockets");
    let endpoint = Endpoint::client(anywhere()).expect("loopback takes sockets");
    let address = server.local_address().expect("it is bound");
    let accept = async { end(server.accept().await.expect("somebody knocks").await).await };
    let connect = async { end(endpoint.connect(address, NAME, &client).await).await };
    tokio::join!(connect, accept)
}

#[tokio::test]
async fn a_server_that_is_not_believed() {
    let (wrong, right) = (identity(), identity());
    let (client, server) = ends(server_config(&wrong), client_config(&right)).await;
    for (seen, by) in [(client, ClosedBy::Local), (server, ClosedBy::Peer)] {
        assert!(
            matches!(seen, ConnectionError::Certificate { by: who, .. } if who == by),
            "{seen:?}"
        );
        assert_eq!(seen.code(), Code::Unauthorized);
    }
}

/// A server that wants certificates which `believed` vouches for.
fn strict(server: &aiflow_transport::driver::Identity, believed: &Roots) -> ServerConfig {
    let clients = Some((believed.clone(), ClientCertificates::Required));
    ServerConfig::new(server.clone(), clients, EarlyData::Refused)
        .expect("sound identities")
        .with_protocol(protocol())
}

#[tokio::test]
async fn a_client_without_certificate() {
    let (server, device) = (identity(), identity());
    let config = strict(&server, &Roots::of(&device));
    let (client, server) = ends(config, client_config(&server)).await;
    for (seen, by) in [(client, ClosedBy::Peer), (server, ClosedBy::Local)] {
        let ConnectionError::Certificate { alert, by: who } = seen else { panic!("{seen:?}") };
        assert_eq!((alert.name(), who), ("certificate_required", by));
    }
}

#[tokio::test]
async fn a_client_with_a_certificate_of_somebody_else() {
    let (server, device, other) = (identity(), identity(), identity());
    let config = strict(&server, &Roots::of(&device));
    let client = ClientConfig::new(&Roots::of(&server), Some(other), EarlyData::Refused)
        .expect("sound identities");
    let (client, server) = ends(config, client).await;
    for seen in [client, server] {
        assert!(matches!(seen, ConnectionError::Certificate { .. }), "{seen:?}");
    }
}

#[tokio::test]
async fn a_client_with_the_right_certificate_is_known() {
    let (server, device) = (identity(), identity());
    let config = strict(&server, &Roots::of(&device));
    let client = ClientConfig::new(&Roots::of(&server), Some(device.clone()), EarlyData::Refused)
        .expect("sound identities")
        .with_protocol(protocol());
    let world = World::with(config, client).await;
    world.at_client.greeted().await.expect("the server welcomes the device");
    assert_eq!(world.at_server.identity().certificate, Some(device.certificate()));
}

fn token(secret: &'static [u8]) -> Token {
    Token { kind: TokenKind::Opaque, bytes: secret.into() }
}

#[tokio::test]
async fn a_wrong_token() {
    let identity = identity();
    let check = |_: &PeerIdentity, shown: Option<&Token>| match shown {
        Some(shown) if *shown == token(b"right") => Ok(()),
        _ => Err(Code::Unauthorized),
    };
    for secret in [&b"wrong"[..], b"right"] {
        let server = server_config(&identity).with_authorizer(check);
        let client = client_config(&identity).with_protocol(protocol().with_token(token(secret)));
        if secret == b"right" {
            let world = World::with(server, client).await;
            world.at_client.greeted().await.expect("the server welcomes the token");
            continue;
        }
        let (client, server) = ends(server, client).await;
        let code = Code::Unauthorized;
        assert_eq!(client, ConnectionError::Closed { code, by: ClosedBy::Peer });
        assert_eq!(server, ConnectionError::Closed { code, by: ClosedBy::Local });
    }
}

#[tokio::test]
async fn a_token_that_the_application_checks() {
    let identity = identity();
    let always = protocol().with_verification(aiflow_transport::Verification::Always);
    let client = client_config(&identity).with_protocol(protocol().with_token(token(b"shown")));
    let server = server_config(&identity).with_protocol(always);
    let world = World::with(server, client).await;
    let Some(PeerEvent::Token(check)) = world.at_server.next_event().await else {
        panic!("the token comes first")
    };
    assert_eq!(check.token(), Some(&token(b"shown")));
    check.deny(Code::TokenExpired);
    let (here, there) = tokio::join!(world.at_client.closed(), world.at_server.closed());
    assert_eq!((here.code(), there.code()), (Code::TokenExpired, Code::TokenExpired));
}

#[tokio::test]
async fn an_unknown_version() {
    let identity = identity();
    let server = Endpoint::server(anywhere(), server_config(&identity)).expect("a socket");
    let address = server.local_address().expect("it is bound");
    let accept = async { end(server.accept().await.expect("somebody knocks").await).await };
    let connect = async {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(identity.certificate().to_vec().into()).expect("a sound certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the version is known")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"aiflow/99".to_vec()];
        let tls = QuicClientConfig::try_from(tls).expect("an initial cipher suite");
        let endpoint = quinn::Endpoint::client(anywhere()).expect("a socket");
        let config = quinn::ClientConfig::new(Arc::new(tls));
        let connecting = endpoint.connect_with(config, address, NAME).expect("an address");
        ConnectionError::from(&connecting.await.expect_err("the server refuses"))
    };
    let (client, server) = tokio::join!(connect, accept);
    assert_eq!(client, ConnectionError::Version { by: ClosedBy::Peer });
    assert_eq!(server, ConnectionError::Version { by: ClosedBy::Local });
}

#[tokio::test]
async fn models_and_profiles_that_are_not_served() {
    let world = World::new().await;
    let mut of_model = open();
    of_model.model = ModelId([8; 32]);
    let mut of_profile = open();
    for point in &mut of_profile.points {
        point.profile = Some(ProfileHash([1; 32]));
    }
    let cases = [(of_model, Code::ModelUnknown), (of_profile, Code::ProfileMismatch)];
    for (offer, wanted) in cases {
        let serve = async {
            loop {
                if let Some(PeerEvent::Session(offer)) = world.at_server.next_event().await {
                    return offer.decide(&policy());
                }
            }
        };
        let (client, server) = tokio::join!(world.at_client.open(offer), serve);
        let refused = |error| matches!(error, SessionError::Ended { code, .. } if code == wanted);
        assert!(client.is_err_and(refused) && server.is_err_and(refused), "{wanted}");
    }
    // The connection is as good as before.
    world.session().await;
}
