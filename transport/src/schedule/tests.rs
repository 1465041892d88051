use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::{Backlog, Content, Outgoing, Rank, Scheduler, Written};
use crate::Code;
use crate::connection::{Chunk, Direction, End, Priority, RequestId, Stream, Transmit};
use crate::wire::{Sequence, SessionId};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_origin(Micros::from_millis(millis))
}

fn request(sequence: u64) -> RequestId {
    RequestId::new(SessionId(0), Sequence(sequence))
}

fn layer(sequence: u64, layer: u8, deadline: u64, size: usize) -> Outgoing {
    let priority = if layer == 0 { Priority::Base } else { Priority::Enhancement };
    let rank = Rank { priority, deadline: at(deadline), order: sequence, layer };
    Outgoing::uni(rank, Content::Layer(request(sequence)))
        .with_chunk(Buffer::from(vec![sequence as u8; size]))
        .with_fin()
}

fn message(size: usize) -> Outgoing {
    let outgoing = Outgoing::uni(Rank::timeless(Priority::Control), Content::Other);
    outgoing.with_chunk(Buffer::from(vec![0; size]))
}

/// Takes everything and returns (stream, bytes) of each write.
fn drain(queue: &mut Scheduler, now: u64) -> Vec<(Stream, usize)> {
    let mut writes = Vec::new();
    while let Some(transmit) = queue.poll(at(now), at(now)) {
        if let Transmit::Write { stream, data, .. } = transmit {
            writes.push((stream, data.len()));
            queue.written(stream, data.len());
        }
    }
    writes
}

#[test]
fn kinds_then_deadlines_then_layers() {
    let mut queue = Scheduler::default();
    let padding = Outgoing::uni(Rank::timeless(Priority::Padding), Content::Padding);
    let padding = queue.open(padding.with_chunk(Buffer::from_static(&[0; 9])));
    let late_two = queue.open(layer(1, 2, 300, 10));
    let late_one = queue.open(layer(1, 1, 300, 10));
    let soon_one = queue.open(layer(2, 1, 200, 10));
    let late_base = queue.open(layer(1, 0, 300, 10));
    let soon_base = queue.open(layer(2, 0, 200, 10));
    let control = queue.open(message(10));
    let order: Vec<_> = drain(&mut queue, 0).into_iter().map(|(stream, _)| stream).collect();
    assert_eq!(order, [control, soon_base, late_base, soon_one, late_one, late_two, padding]);
}

#[test]
fn chunks_are_small_and_interleave_with_what_is_more_urgent() {
    let mut queue = Scheduler::default();
    let frame = queue.open(layer(1, 0, 300, 320_000));
    assert!(
        matches!(queue.poll(at(0), at(0)), Some(Transmit::Open { stream, direction: Direction::Uni, .. }) if stream == frame)
    );
    let Some(Transmit::Write { data, end: End::Open, .. }) = queue.poll(at(0), at(0)) else {
        panic!()
    };
    assert_eq!(data.len(), Scheduler::CHUNK);
    assert!(queue.written(frame, 10_000).is_some_and(|written| !written.done));
    let control = queue.open(message(5));
    let rest = drain(&mut queue, 0);
    assert_eq!(
        rest,
        [
            (control, 5),
            (frame, Scheduler::CHUNK),
            (frame, Scheduler::CHUNK),
            (frame, 320_000 - 10_000 - 2 * Scheduler::CHUNK)
        ]
    );
    assert_eq!(queue.len(), 1, "the control stream stays open");
}

#[test]
fn what_is_late_is_reset_or_never_started() {
    let mut queue = Scheduler::default();
    let started = queue.open(layer(1, 0, 100, 40_000));
    queue.poll(at(0), at(0));
    queue.poll(at(0), at(0));
    queue.written(started, 100);
    let unstarted = queue.open(layer(2, 0, 101, 10));
    let code = Code::DeadlineExceeded;
    assert_eq!(queue.poll(at(101), at(101)), Some(Transmit::Reset { stream: started, code }));
    assert_eq!(queue.poll(at(101), at(101)), None);
    let cut = [queue.take_cut(), queue.take_cut(), queue.take_cut()];
    let cut = cut.map(|cut| cut.map(|cut| (cut.stream, cut.started)));
    assert_eq!(cut, [Some((started, true)), Some((unstarted, false)), None]);
    assert_eq!(queue.backlog(), Backlog::default());
}

#[test]
fn what_cannot_arrive_in_time_is_late() {
    let mut queue = Scheduler::default();
    queue.open(layer(1, 0, 100, 10));
    assert_eq!(queue.poll(at(60), at(100)), None);
    assert!(queue.take_cut().is_some_and(|cut| !cut.started));
}

#[test]
fn the_queue_of_the_path_counts_for_enhancements_only() {
    let mut queue = Scheduler::default();
    queue.set_queued(Micros::from_millis(30));
    let base = queue.open(layer(1, 0, 100, 10));
    queue.open(layer(1, 1, 100, 10));
    assert_eq!(drain(&mut queue, 80), [(base, 10)]);
    assert!(queue.take_cut().is_some_and(|cut| cut.layer == 1));
}

#[test]
fn a_blocked_stream_lets_others_pass() {
    let mut queue = Scheduler::default();
    let first = queue.open(layer(1, 0, 100, 10));
    let second = queue.open(layer(2, 0, 200, 10));
    queue.poll(at(0), at(0));
    assert!(
        matches!(queue.poll(at(0), at(0)), Some(Transmit::Write { stream, .. }) if stream == first)
    );
    queue.block(first);
    assert_eq!(drain(&mut queue, 0), [(second, 10)]);
    queue.unblock(first);
    assert_eq!(drain(&mut queue, 0), [(first, 10)]);
}

#[test]
fn a_write_without_an_answer_counts_as_blocked() {
    let mut queue = Scheduler::default();
    let stream = queue.open(layer(1, 0, 100, 10));
    queue.poll(at(0), at(0));
    assert!(matches!(queue.poll(at(0), at(0)), Some(Transmit::Write { .. })));
    assert_eq!(queue.poll(at(0), at(0)), None);
    assert_eq!(queue.written(stream, 10), None, "the answer comes too late");
    queue.unblock(stream);
    assert_eq!(drain(&mut queue, 0), [(stream, 10)]);
}

#[test]
fn frames_are_cut_whole() {
    let mut queue = Scheduler::default();
    let frame = [queue.open(layer(1, 0, 100, 10)), queue.open(layer(1, 1, 100, 10))];
    let other = queue.open(layer(2, 0, 100, 10));
    queue.poll(at(0), at(0));
    queue.poll(at(0), at(0));
    queue.written(frame[0], 4);
    assert_eq!(queue.cut_all(frame, Code::Cancelled), (1, 1));
    assert_eq!(queue.cut_all(frame, Code::Cancelled), (0, 0));
    let reset = Transmit::Reset { stream: frame[0], code: Code::Cancelled };
    assert_eq!(queue.poll(at(0), at(0)), Some(reset));
    assert_eq!(drain(&mut queue, 0), [(other, 10)]);
}

#[test]
fn the_backlog_counts_what_waits() {
    let mut queue = Scheduler::default();
    let base = queue.open(layer(1, 0, 100, 30));
    queue.open(layer(1, 1, 100, 50));
    let backlog = |base, total| Backlog { base: Bytes::new(base), total: Bytes::new(total) };
    assert_eq!(queue.backlog(), backlog(30, 80));
    queue.poll(at(0), at(0));
    queue.poll(at(0), at(0));
    queue.written(base, 20);
    assert_eq!(queue.backlog(), backlog(10, 60));
    queue.cut(base, Code::Cancelled);
    assert_eq!(queue.backlog(), backlog(0, 50));
    drain(&mut queue, 0);
    assert_eq!(queue.backlog(), Backlog::default());
}

#[test]
fn headers_leave_together_with_what_they_stand_before() {
    let mut queue = Scheduler::default();
    let stream = queue.open(message(4).with_chunk(Buffer::from_static(&[1; 900])).with_fin());
    assert!(matches!(queue.poll(at(0), at(0)), Some(Transmit::Open { .. })));
    let offered = |queue: &mut Scheduler| match queue.poll(at(0), at(0)) {
        Some(Transmit::Write { data, end: End::Fin, .. }) => (data.head.len(), data.body.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!(offered(&mut queue), (4, 900));
    assert!(queue.written(stream, 3).is_some_and(|written| !written.done));
    assert_eq!(offered(&mut queue), (1, 900));
    assert!(queue.written(stream, 101).is_some_and(|written| !written.done));
    assert_eq!(offered(&mut queue), (0, 800));
    assert!(queue.written(stream, 800).is_some_and(|written| written.done));
    assert_eq!((queue.len(), queue.backlog().total), (0, Bytes::ZERO));
}

#[test]
fn ends_are_sent_without_bytes_too() {
    let mut queue = Scheduler::default();
    let stream = queue.open(message(4));
    drain(&mut queue, 0);
    assert!(!queue.is_waiting(stream));
    queue.finish(stream);
    let end = Transmit::Write { stream, data: Chunk::default(), end: End::Fin };
    assert_eq!(queue.poll(at(0), at(0)), Some(end));
    let done = Written { content: Content::Other, layer: 0, done: true };
    assert_eq!(queue.written(stream, 0), Some(done));
    assert_eq!(queue.len(), 0);
}
