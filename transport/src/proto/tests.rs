//! The controller's traps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aiflow_units::Bytes;
use quinn_proto::congestion::{Controller, CubicConfig};

use super::PathFeed;
use crate::channel::{PathSample, Supply};

fn observed(origin: Instant) -> (PathFeed, Box<dyn Controller>) {
    let feed = PathFeed::new(origin);
    let controller = feed.observe(Arc::new(CubicConfig::default())).build(origin, 1200);
    (feed, controller)
}

fn drained(feed: &PathFeed) -> Vec<PathSample> {
    let mut samples = Vec::new();
    feed.drain(&mut samples);
    samples
}

#[test]
fn what_is_sent_and_lost_comes_out() {
    let origin = Instant::now();
    let (feed, mut controller) = observed(origin);
    feed.set_supply(Supply::Empty);
    controller.on_sent(origin + Duration::from_millis(3), 2400, 1);
    controller.on_congestion_event(origin + Duration::from_millis(90), origin, false, 1200);
    let samples = drained(&feed);
    let [PathSample::Sent(sent), PathSample::Lost(lost)] = samples[..] else {
        panic!("{samples:?}")
    };
    assert_eq!((sent.bytes, sent.supply), (Bytes::new(2400), Supply::Empty));
    assert_eq!(lost.bytes, Bytes::new(1200));
    assert_eq!(lost.at.since(sent.at).to_duration(), Duration::from_millis(87));
    assert!(drained(&feed).is_empty());
}

#[test]
fn a_copy_is_silent_until_it_sends() {
    let origin = Instant::now();
    let (feed, mut controller) = observed(origin);
    controller.on_sent(origin, 1200, 1);
    let mut copy = controller.clone_box();
    copy.on_congestion_event(origin, origin, false, 1200);
    assert_eq!(drained(&feed).len(), 1);

    copy.on_sent(origin + Duration::from_millis(1), 1200, 2);
    controller.on_congestion_event(origin, origin, false, 1200);
    let samples = drained(&feed);
    assert!(matches!(samples[..], [PathSample::Migrated(_), PathSample::Sent(_)]), "{samples:?}");
}

#[test]
fn the_window_is_capped_and_shown() {
    let origin = Instant::now();
    let (feed, mut controller) = observed(origin);
    controller.on_sent(origin, 1200, 1);
    let own = controller.window();
    assert_eq!(feed.window().get(), own);
    feed.limit_window(Some(Bytes::new(5000)));
    assert_eq!((controller.window(), feed.window().get()), (5000, own));
    feed.limit_window(None);
    assert_eq!(controller.window(), own);
}

#[test]
fn samples_that_nobody_takes_are_bounded() {
    let origin = Instant::now();
    let (feed, mut controller) = observed(origin);
    for micros in 0..20_000 {
        controller.on_sent(origin + Duration::from_micros(micros), 1200, micros);
    }
    assert_eq!(drained(&feed).len(), PathFeed::CAPACITY);
}
