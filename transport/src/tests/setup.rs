//! SETUP, OPEN, and who is refused with which code.

use super::pair::{Pair, Setting};
use crate::{Event, State};

#[test]
fn both_are_ready_after_half_a_round_trip_each() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    pair.until(|pair| {
        pair.client.core.state() == State::Ready && pair.server.core.state() == State::Ready
    });
    assert!(matches!(pair.take_client(), Some(Event::Ready(_))));
    assert!(matches!(pair.take_server(), Some(Event::Ready(_))));
}
