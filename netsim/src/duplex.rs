//! Both directions of a path.

use aiflow_units::Timestamp;

use crate::random::{Purpose, Random};
use crate::{Delivered, Link, LinkConfig, Packet};

/// A direction of a path, as the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

impl Direction {
    /// Returns the other direction.
    pub const fn reverse(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// A path with an uplink and a downlink that do not influence each other. Used like a [`Link`].
#[derive(Debug, Clone)]
pub struct Duplex<P> {
    up: Link<P>,
    down: Link<P>,
}

impl<P> Duplex<P> {
    /// Makes a path of two links. If both have the same seed, the downlink still draws numbers of
    /// its own.
    pub fn new(up: LinkConfig, mut down: LinkConfig) -> Self {
        if up.seed == down.seed {
            down.seed = Random::new(down.seed, Purpose::Direction).bits();
        }
        Self { up: Link::new(up), down: Link::new(down) }
    }

    /// Makes a path whose directions are alike.
    pub fn symmetric(config: LinkConfig) -> Self {
        Self::new(config.clone(), config)
    }

    /// Hands a packet to the link of a direction.
    pub fn send(&mut self, direction: Direction, now: Timestamp, packet: Packet<P>) {
        self.link_mut(direction).send(now, packet);
    }

    /// Takes out the next packet that has arrived by `now` in either direction: the earlier one
    /// first, the one of the uplink where both arrive at once.
    pub fn poll_delivery(&mut self, now: Timestamp) -> Option<(Direction, Delivered<P>)> {
        // A lost packet at the front must not let later ones pass before the other direction.
        self.up.discard(now);
        self.down.discard(now);
        let (up, down) = (self.up.next_event(), self.down.next_event());
        let first = match (up, down) {
            (Some(up), Some(down)) if down < up => Direction::Down,
            (None, Some(_)) => Direction::Down,
            _ => Direction::Up,
        };
        [first, first.reverse()].into_iter().find_map(|direction| {
            let delivered = self.link_mut(direction).poll_delivery(now)?;
            Some((direction, delivered))
        })
    }

    /// Returns when [`Duplex::poll_delivery`] may have something next.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.up.next_event().into_iter().chain(self.down.next_event()).min()
    }

    /// Returns the link of a direction.
    pub const fn link(&self, direction: Direction) -> &Link<P> {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    /// Returns the link of a direction, for what has only one.
    pub const fn link_mut(&mut self, direction: Direction) -> &mut Link<P> {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

#[cfg(test)]
mod tests {
    use aiflow_units::{Bytes, Micros};

    use super::*;
    use crate::Probability;

    #[test]
    fn the_earlier_packet_comes_first_behind_lost_ones_too() {
        let config = LinkConfig::new().with_loss(Probability::percent(50)).with_seed(4);
        let mut path = Duplex::symmetric(config);
        for number in 0..200_u64 {
            let direction = if number % 3 == 0 { Direction::Up } else { Direction::Down };
            let now = Timestamp::from_origin(Micros::new(number));
            path.send(direction, now, Packet::new(number, Bytes::new(1)));
        }
        let arrived: Vec<_> = std::iter::from_fn(|| path.poll_delivery(Timestamp::MAX)).collect();
        assert!((60..140).contains(&arrived.len()), "{}", arrived.len());
        assert!(arrived.is_sorted_by_key(|(_, packet)| packet.at));
        assert_eq!(path.next_event(), None);
    }

    #[test]
    fn directions_have_their_own_links() {
        let slow = LinkConfig::new().with_delay(Micros::from_millis(5));
        let mut path = Duplex::new(slow, LinkConfig::new());
        path.send(Direction::Up, Timestamp::ORIGIN, Packet::new("up", Bytes::new(1)));
        path.send(Direction::Up.reverse(), Timestamp::ORIGIN, Packet::new("down", Bytes::new(1)));
        let first =
            path.poll_delivery(Timestamp::MAX).map(|(direction, got)| (direction, got.payload));
        assert_eq!(first, Some((Direction::Down, "down")));
        let next = path.next_event().map(Timestamp::since_origin);
        assert_eq!(next, Some(Micros::from_millis(5)));
        assert_eq!(path.link(Direction::Up).stats().sent.packets, 1);
    }
}
