//! Frames, sessions, connections and endpoints that end.

use std::time::Duration;

use aiflow_transport::driver::{AnswerError, ConnectionError, PeerEvent, Progress, SessionError};
use aiflow_transport::wire::{
    Health, HealthAnswer, Metadata, MetadataAnswer, ServerMetadata, Stats, StatsAnswer,
};
use aiflow_transport::{ClosedBy, Code, Frame, Question, Reply};
use aiflow_units::Micros;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::world::{LONG, World, echo, frame, layer, open};

#[tokio::test]
async fn who_drops_the_answer_gives_the_frame_up() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    let flags = aiflow_transport::wire::FrameFlags::NONE;
    let two_layers = Frame::new(vec![layer(100, 0), layer(100, 1)], session.after(LONG));
    let answer = session.send(two_layers.with_flags(flags)).expect("the session is open");
    let mut request = served.next_request().await.expect("the base arrives");
    drop(answer);
    let abandoned = async {
        loop {
            match request.next().await {
                Some(Progress::Abandoned(code)) => return Some(code),
                Some(_) => {}
                None => return None,
            }
        }
    };
    // The second layer completes the frame unless the news of the cancellation is faster.
    let code = timeout(LONG, abandoned).await.expect("in time");
    assert!(matches!(code, None | Some(Code::Cancelled)), "{code:?}");
    while !request.is_abandoned() {
        tokio::task::yield_now().await;
    }
    assert!(request.reply(Reply::default()).is_err(), "nobody waits");
    assert_eq!(world.at_client.statistics().cancelled, 1);
}

#[tokio::test]
async fn what_is_late_is_not_answered() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    // Nothing can be sent before this deadline.
    let answer = session.send(Frame::new(vec![layer(100_000, 0)], session.now()));
    let late = timeout(LONG, answer.expect("the session is open")).await.expect("in time");
    assert_eq!(late, Err(AnswerError::Deadline));
    let counted = world.at_client.statistics();
    assert_eq!((counted.deadlines, counted.layers_sent, counted.layers_unsent), (1, 0, 1));

    // The server takes longer than the client waits.
    let soon = session.after(Duration::from_millis(20));
    let answer = session.send(Frame::new(vec![layer(1_000, 0)], soon)).expect("it is open");
    let request = served.next_request().await.expect("the frame arrives");
    assert_eq!(timeout(LONG, answer).await.expect("in time"), Err(AnswerError::Deadline));
    drop(request);
}

#[tokio::test]
async fn a_request_that_fails_says_why() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    for code in [Code::DecodeFailed, Code::Internal] {
        let answer = session.send(frame(&session, vec![layer(10, 0)])).expect("it is open");
        let request = served.next_request().await.expect("the frame arrives");
        match code {
            Code::Internal => drop(request),
            other => request.fail(other).expect("the client waits"),
        }
        assert_eq!(timeout(LONG, answer).await.expect("in time"), Err(AnswerError::Failed(code)));
    }
}

#[tokio::test]
async fn questions_are_answered() {
    let world = World::new().await;
    let server = ServerMetadata {
        name: "edge".into(),
        version: "1".into(),
        extensions: Vec::new(),
        models: vec![super::world::MODEL],
    };
    let known = MetadataAnswer::Server(server);
    let answers = async {
        use aiflow_transport::wire::Answer;
        for _ in 0..3 {
            let Some(PeerEvent::Asked(asked)) = world.at_server.next_event().await else {
                panic!("the client asks")
            };
            let answer = match asked.question() {
                Question::Health(Health::Ready) => Answer::Health(HealthAnswer::Yes),
                Question::Metadata(_) => Answer::Metadata(known.clone()),
                _ => Answer::Stats(StatsAnswer::default()),
            };
            asked.answer(&answer).expect("the client waits");
        }
        // Nobody answers the last one.
        drop(world.at_server.next_event().await);
    };
    let asks = async {
        let peer = &world.at_client;
        assert_eq!(peer.health(Health::Ready).await, Ok(HealthAnswer::Yes));
        assert_eq!(peer.metadata(Metadata::Server).await.as_ref(), Ok(&known));
        assert_eq!(peer.stats(Stats::Server).await, Ok(StatsAnswer::default()));
        peer.health(Health::Live).await
    };
    let (last, ()) = timeout(LONG, async { tokio::join!(asks, answers) }).await.expect("in time");
    assert!(last.is_err_and(|error| error.to_string().contains("UNSUPPORTED")));
}

#[tokio::test]
async fn who_goes_away_finishes_first() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    let answer = session.send(frame(&session, vec![layer(5_000, 0)])).expect("it is open");
    let request = served.next_request().await.expect("the frame arrives");
    world.at_server.go_away("aiflow://elsewhere", Micros::from_secs(10)).expect("it is valid");
    loop {
        match timeout(LONG, world.at_client.next_event()).await.expect("in time") {
            Some(PeerEvent::GoingAway(goaway)) => {
                assert_eq!(goaway.redirect, "aiflow://elsewhere");
                break;
            }
            Some(_) => {}
            None => panic!("the connection closed before"),
        }
    }
    assert!(matches!(world.at_client.open(open()).await, Err(SessionError::Call(_))));
    echo(request).await;
    assert!(timeout(LONG, answer).await.expect("in time").is_ok());
    drop(session);
    let (here, there) = tokio::join!(world.at_client.closed(), world.at_server.closed());
    let code = Code::NoError;
    assert_eq!(here, ConnectionError::Closed { code, by: ClosedBy::Peer });
    assert_eq!(there, ConnectionError::Closed { code, by: ClosedBy::Local });
}

#[tokio::test]
async fn the_last_handle_closes_the_connection() {
    let World { server, client, at_server, at_client } = World::new().await;
    drop((at_client, client));
    let why = timeout(LONG, at_server.closed()).await.expect("in time");
    assert_eq!(why, ConnectionError::Closed { code: Code::NoError, by: ClosedBy::Peer });
    drop(server);
}

#[tokio::test]
async fn everything_that_waits_hears_of_the_end() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    let answer = session.send(frame(&session, vec![layer(5_000, 0)])).expect("it is open");
    let mut request = served.next_request().await.expect("the frame arrives");
    let ends = async {
        tokio::join!(
            answer,
            session.next_change(),
            served.next_request(),
            served.next_change(),
            world.at_server.closed(),
            world.at_client.closed(),
        )
    };
    let close = async { world.at_client.close(Code::Cancelled) };
    let (ends, ()) = timeout(LONG, async { tokio::join!(ends, close) }).await.expect("in time");
    assert_eq!(ends.0, Err(AnswerError::Failed(Code::Cancelled)));
    assert!(ends.1.is_none() && ends.2.is_none() && ends.3.is_none());
    assert_eq!((ends.4.code(), ends.5.code()), (Code::Cancelled, Code::Cancelled));
    assert!(request.next().await.is_none_or(|end| end == Progress::Abandoned(Code::Cancelled)));
    assert!(session.send(frame(&session, vec![layer(1, 0)])).is_err());
    assert!(world.at_client.open(open()).await.is_err());
}

#[test]
fn shutdown_leaves_nothing_running() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let world = World::new().await;
        let (session, served) = world.session().await;
        let answer = session.send(frame(&session, vec![layer(50_000, 0)])).expect("it is open");
        assert!(Handle::current().metrics().num_alive_tasks() >= 6);
        let both = async {
            tokio::join!(world.client.shutdown(Code::NoError), world.server.shutdown(Code::NoError))
        };
        timeout(LONG, both).await.expect("in time");
        assert!(answer.await.is_err());
        drop((session, served, world));
        let idle = async {
            while Handle::current().metrics().num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, idle).await.expect("all tasks end");
    });
}
