//! The named paths.

use aiflow_netsim::{Direction, Duplex, Packet, Scenario};
use aiflow_units::{Bytes, Micros, Timestamp};

/// Sends 1,200 bytes every 2 ms for 20 s each way and returns what arrived, and when.
fn run(mut path: Duplex<u64>) -> Vec<(Direction, u64, Timestamp)> {
    let mut arrived = Vec::new();
    let mut take = |path: &mut Duplex<u64>, until: Timestamp| {
        while let Some(now) = path.next_event().filter(|&now| now <= until) {
            while let Some((direction, packet)) = path.poll_delivery(now) {
                arrived.push((direction, packet.payload, packet.at));
            }
        }
    };
    for number in 0..10_000 {
        let now = Timestamp::from_origin(Micros::from_millis(2 * number));
        take(&mut path, now);
        for direction in [Direction::Up, Direction::Down] {
            path.send(direction, now, Packet::new(number, Bytes::new(1200)));
        }
    }
    take(&mut path, Timestamp::MAX);
    arrived
}

#[test]
fn names_are_unique_and_found() {
    for scenario in Scenario::ALL {
        assert_eq!(Scenario::by_name(scenario.name()), Some(scenario));
    }
    assert_eq!(Scenario::by_name("Ideal"), None);
}

#[test]
fn every_path_carries_packets_and_repeats_itself() {
    for scenario in Scenario::ALL {
        let arrived = run(scenario.path(11));
        assert_eq!(arrived, run(scenario.path(11)), "{}", scenario.name());
        assert!(arrived.len() > 4_000, "{}: {}", scenario.name(), arrived.len());
        assert!(arrived.is_sorted_by_key(|&(_, _, at)| at), "{}", scenario.name());
    }
}

#[test]
fn directions_draw_numbers_of_their_own() {
    let arrived = run(Scenario::Loss.path(11));
    let numbers = |wanted: Direction| {
        arrived.iter().filter(move |got| got.0 == wanted).map(|got| got.1).collect::<Vec<_>>()
    };
    let (up, down) = (numbers(Direction::Up), numbers(Direction::Down));
    assert_ne!(up, down);
    for count in [up.len(), down.len()] {
        assert!((9_700..9_900).contains(&count), "{count}");
    }
}

#[test]
fn the_black_hole_is_dead_for_two_seconds() {
    let arrived = run(Scenario::Blackhole.path(1));
    let up: Vec<_> = arrived.iter().filter(|got| got.0 == Direction::Up).collect();
    let longest = up.windows(2).map(|pair| pair[1].2.since(pair[0].2)).max();
    assert!(longest > Some(Micros::from_millis(1990)) && longest < Some(Micros::from_millis(2010)));
}
