use aiflow_units::{Micros, Timestamp};

use crate::cut::CutId;
use crate::tier::{ClientId, Place, QueueLimits, RefusalReason, Span, Work, WorkQueue};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_origin(Micros::from_millis(millis))
}

fn tail(cut: u16) -> Span {
    Span::tail(Place::Cut(CutId::listed(cut)))
}

fn work(item: u32, cut: u16, arrived: u64, deadline: u64) -> Work<u32> {
    let client = ClientId(u64::from(item) % 4);
    let (arrived, deadline) = (at(arrived), at(deadline));
    Work { client, span: tail(cut), deadline, arrived, item }
}

fn items(work: &[Work<u32>]) -> Vec<u32> {
    work.iter().map(|work| work.item).collect()
}

#[test]
fn the_earliest_deadline_goes_first_with_its_own_kind() {
    let mut queue = WorkQueue::new(QueueLimits::default().with_batch(3));
    for (item, cut, deadline) in [(1, 1, 500), (2, 2, 300), (3, 1, 200), (4, 1, 400), (5, 1, 450)] {
        queue.offer(work(item, cut, 0, deadline), at(0)).expect("room");
    }
    assert_eq!(items(&queue.take(at(1)).batch), [3, 4, 5]);
    assert_eq!(items(&queue.take(at(1)).batch), [2]);
    assert_eq!(items(&queue.take(at(1)).batch), [1]);
    let empty = queue.take(at(1));
    assert!(empty.batch.is_empty() && empty.again.is_none());
    assert_eq!(queue.running(), 5);
    queue.done(tail(1), &[3, 0, 1].map(ClientId), Micros::from_millis(9));
    queue.done(tail(1), &[ClientId(1)], Micros::from_millis(3));
    queue.done(tail(2), &[ClientId(2)], Micros::from_millis(3));
    assert!(queue.is_idle());
}

#[test]
fn late_work_is_not_started_and_hopeless_work_not_taken() {
    let mut queue = WorkQueue::new(QueueLimits::default().with_batch(1));
    queue.offer(work(1, 1, 0, 100), at(0)).expect("room");
    assert_eq!(items(&queue.take(at(0)).batch), [1]);
    queue.done(tail(1), &[ClientId(1)], Micros::from_millis(20));
    // A request of this part is known to take 20 ms now.
    queue.offer(work(2, 1, 0, 100), at(20)).expect("it can be done");
    queue.offer(work(3, 1, 0, 100), at(20)).expect("it can be done");
    let (refusal, back) = queue.offer(work(4, 1, 0, 79), at(60)).expect_err("no time is left");
    assert_eq!((refusal.reason, back.item), (RefusalReason::TooLate, 4));
    let (refusal, _) = queue.offer(work(4, 1, 0, 110), at(60)).expect_err("two go before it");
    assert_eq!(refusal.reason, RefusalReason::TooLate);
    let taken = queue.take(at(90));
    assert_eq!((items(&taken.late), items(&taken.batch)), (vec![2, 3], vec![]));
    assert!(queue.is_idle());
}

#[test]
fn limits_hold_for_all_and_for_each() {
    let limits = QueueLimits::default().with_batch(8).with_waiting(3).with_per_client(2);
    let mut queue = WorkQueue::new(limits);
    for item in [0, 4] {
        queue.offer(work(item, 1, 0, 1000), at(0)).expect("room");
    }
    let (refusal, _) = queue.offer(work(8, 1, 0, 1000), at(0)).expect_err("a third of one client");
    assert_eq!(refusal.reason, RefusalReason::ClientFull);
    assert!(refusal.retry_after > Micros::ZERO);
    queue.offer(work(1, 1, 0, 1000), at(0)).expect("another client");
    let (refusal, _) = queue.offer(work(2, 1, 0, 1000), at(0)).expect_err("a fourth");
    assert_eq!(refusal.reason, RefusalReason::Full);
    // What runs counts for its client, not for the queue.
    assert_eq!(queue.take(at(1)).batch.len(), 3);
    assert!(queue.offer(work(2, 1, 0, 1000), at(1)).is_ok());
    assert!(queue.offer(work(12, 1, 0, 1000), at(1)).is_err());
    queue.done(tail(1), &[0, 0, 1].map(ClientId), Micros::ZERO);
    assert!(queue.offer(work(12, 1, 0, 1000), at(1)).is_ok());
    queue.drain();
    let (refusal, _) = queue.offer(work(3, 1, 0, 1000), at(1)).expect_err("it drains");
    assert_eq!(refusal.reason, RefusalReason::Draining);
    assert_eq!(queue.take(at(2)).batch.len(), 2);
}

#[test]
fn requests_are_held_back_for_others_only_so_long() {
    let limits = QueueLimits::default().with_batch(2).with_wait(Micros::from_millis(5));
    let mut queue = WorkQueue::new(limits);
    queue.offer(work(1, 1, 0, 1000), at(0)).expect("room");
    let taken = queue.take(at(1));
    assert!(taken.batch.is_empty());
    assert_eq!(taken.again, Some(at(5)));
    queue.offer(work(2, 2, 2, 1000), at(2)).expect("room");
    assert!(queue.take(at(2)).batch.is_empty());
    queue.offer(work(3, 1, 3, 1000), at(3)).expect("room");
    assert_eq!(items(&queue.take(at(3)).batch), [1, 3]);
    assert_eq!(items(&queue.take(at(7)).batch), [2]);
    // One whose deadline does not allow the wait goes at once.
    queue.offer(work(4, 1, 8, 10), at(8)).expect("room");
    assert_eq!(items(&queue.take(at(8)).batch), [4]);
}

#[test]
fn cancelled_work_is_gone() {
    let mut queue = WorkQueue::new(QueueLimits::default().with_batch(8).with_per_client(1));
    queue.offer(work(1, 1, 0, 1000), at(0)).expect("room");
    queue.offer(work(2, 1, 0, 1000), at(0)).expect("room");
    assert_eq!(items(&queue.cancel(|item| *item == 1)), [1]);
    queue.offer(work(5, 1, 0, 1000), at(0)).expect("its client has room again");
    assert_eq!(items(&queue.take(at(1)).batch), [2, 5]);
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn a_clock_that_jumps_loses_no_request() {
    let mut queue = WorkQueue::new(QueueLimits::default().with_wait(Micros::from_millis(5)));
    queue.offer(work(1, 1, 100, 400), at(100)).expect("room");
    queue.offer(Work { deadline: Timestamp::MAX, ..work(2, 1, 100, 0) }, at(100)).expect("room");
    // Back before they came: they wait as though they had just come.
    let taken = queue.take(at(0));
    assert!(taken.late.is_empty() && taken.batch.len() <= 1);
    let mut all = items(&taken.batch);
    queue.done(tail(1), &taken.batch.iter().map(|w| w.client).collect::<Vec<_>>(), Micros::ZERO);
    // A year ahead: what had a deadline is late, the other one is done.
    let taken = queue.take(at(31_536_000_000));
    all.extend(items(&taken.late).into_iter().chain(items(&taken.batch)));
    all.sort_unstable();
    assert_eq!(all, [1, 2]);
    queue.done(tail(1), &taken.batch.iter().map(|w| w.client).collect::<Vec<_>>(), Micros::ZERO);
    assert!(queue.is_idle() && queue.backlog() < Micros::from_secs(1));
    queue.offer(work(3, 1, 0, 500), at(200)).expect("it goes on");
}
