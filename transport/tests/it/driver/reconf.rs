//! Changes of the operating point, from both sides.

use aiflow_transport::Code;
use aiflow_transport::driver::Change;
use aiflow_transport::wire::{Epoch, PointId, Reason};
use tokio::time::timeout;

use super::world::{LONG, World, echo, frame, layer};

const BOTH: [PointId; 2] = [PointId(1), PointId(2)];

#[tokio::test]
async fn the_tail_is_warm_before_the_switch() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    assert_eq!((session.active(), served.active()), (Some(PointId(1)), Some(PointId(1))));
    session.reconfigure(PointId(2), BOTH.into(), Reason::Channel).expect("it was agreed on");
    let proposed = timeout(LONG, served.next_change()).await.expect("in time");
    let Some(Change::Proposed { epoch, active, points, reason }) = proposed else {
        panic!("{proposed:?}")
    };
    assert_eq!((epoch, active, reason), (Epoch(1), PointId(2), Reason::Channel));
    assert_eq!(points, BOTH);

    // Frames flow while the server gets ready, in the old epoch.
    let answer = session.send(frame(&session, vec![layer(1_000, 0)])).expect("it is open");
    let request = served.next_request().await.expect("the frame arrives");
    assert_eq!((request.header().epoch, request.header().point), (Epoch(0), PointId(1)));
    echo(request).await;
    assert!(answer.await.is_ok());
    assert_eq!(session.epoch(), Epoch(0));

    served.accept(epoch).expect("the proposal stands");
    let switched = timeout(LONG, session.next_change()).await.expect("in time");
    assert!(matches!(switched, Some(Change::Switched { epoch: Epoch(1), .. })), "{switched:?}");
    let answer = session.send(frame(&session, vec![layer(1_000, 1)])).expect("it is open");
    let request = served.next_request().await.expect("the frame arrives");
    assert_eq!((request.header().epoch, request.header().point), (Epoch(1), PointId(2)));
    echo(request).await;
    assert!(answer.await.is_ok());
}

#[tokio::test]
async fn a_proposal_may_be_turned_down() {
    let world = World::new().await;
    let (session, served) = world.session().await;
    served.reconfigure(PointId(2), BOTH.into(), Reason::ServerLoad).expect("it was agreed on");
    let proposed = timeout(LONG, session.next_change()).await.expect("in time");
    let Some(Change::Proposed { epoch, .. }) = proposed else { panic!("{proposed:?}") };
    session.reject(epoch, Code::SplitRejected).expect("the proposal stands");
    let rejected = timeout(LONG, served.next_change()).await.expect("in time");
    assert_eq!(rejected, Some(Change::Rejected { epoch, code: Code::SplitRejected }));
    assert_eq!((session.epoch(), served.epoch()), (Epoch(0), Epoch(0)));
    assert!(session.reconfigure(PointId(9), vec![], Reason::Application).is_err());
}
