//! Frames there, results back.

use aiflow_transport::driver::Answer;
use tokio::time::timeout;

use super::world::{LONG, World, echo, frame, layer};

#[tokio::test]
async fn a_frame_is_answered() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    let layers = vec![layer(40_000, 1), layer(3, 2), layer(100_000, 3)];
    let sent: Vec<u8> = layers.concat();
    let answer = session.send(frame(&session, layers)).expect("the session is open");
    let serve = async { echo(served.next_request().await.expect("a frame arrives")).await };
    let (reply, ()) = timeout(LONG, async { tokio::join!(answer, serve) }).await.expect("in time");
    let reply = reply.expect("the server answered");
    assert_eq!((reply.payload.to_vec(), reply.layers), (sent, 3));
    let (here, there) = (world.at_client.statistics(), world.at_server.statistics());
    assert_eq!((here.frames_sent, here.layers_sent, here.results), (1, 3, 1));
    assert_eq!((there.frames_received, there.layers_received), (1, 3));
}

#[tokio::test]
async fn sessions_do_not_mix() {
    let world = World::new().await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(world.session().await);
    }
    for (_, served) in &sessions {
        let served = served.clone();
        tokio::spawn(async move {
            while let Some(request) = served.next_request().await {
                tokio::spawn(echo(request));
            }
        });
    }
    let mut answers: Vec<(u8, Answer)> = Vec::new();
    for round in 0..8 {
        for (number, (session, _)) in sessions.iter().enumerate() {
            let salt = round * 8 + number as u8;
            let layers = vec![layer(5_000, salt), layer(20_000, salt)];
            let sent = session.submit(frame(session, layers)).await;
            answers.push((salt, sent.expect("the session is open")));
        }
    }
    for (salt, answer) in answers {
        let reply = timeout(LONG, answer).await.expect("in time").expect("the server answered");
        assert_eq!(reply.payload, [layer(5_000, salt), layer(20_000, salt)].concat());
    }
}
