//! What the channel alone does to the same frames.

use aiflow_netsim::{Link, LinkConfig, Packet, Probability};
use aiflow_units::{Bytes, Micros, Timestamp};

/// Returns how long frames take that are captured at these times and put on the link at once, where
/// they queue without end or loss: no transport that sends all of them in order is faster.
///
/// The difference to what was measured is the price of gRPC, HTTP/2 and TCP, and of the emulator.
pub(crate) fn delays(up: &LinkConfig, captured: &[Timestamp], frame: Bytes) -> Vec<Option<Micros>> {
    let lossless = up.clone().with_loss(Probability::NEVER);
    let mut link = Link::new(lossless.with_queue_limit(Bytes::MAX));
    for (number, &at) in captured.iter().enumerate() {
        let mut left = frame;
        while left > PACKET {
            left = left.saturating_sub(PACKET);
            link.send(at, Packet::new(None, PACKET));
        }
        link.send(at, Packet::new(Some(number), left));
    }
    let mut delays = vec![None; captured.len()];
    while let Some(now) = link.next_event() {
        while let Some(packet) = link.poll_delivery(now) {
            let last = packet.payload.and_then(|number| delays.get_mut(number));
            if let Some(delay) = last {
                *delay = Some(packet.at.since(packet.sent_at));
            }
        }
    }
    delays
}

/// What a full packet counts without its headers.
const PACKET: Bytes = Bytes::new(1472);

#[cfg(test)]
mod tests {
    use super::*;
    use aiflow_netsim::Rate;
    use aiflow_units::BitRate;

    #[test]
    fn frames_wait_for_those_before() {
        let up = LinkConfig::new()
            .with_rate(Rate::Constant(BitRate::megabits_per_second(8)))
            .with_delay(Micros::from_millis(30))
            .with_queue_limit(Bytes::new(1));
        let at = |millis| Timestamp::from_origin(Micros::from_millis(millis));
        let delays = delays(&up, &[at(0), at(100), at(150)], Bytes::new(100_000));
        assert_eq!(delays, [130, 130, 180].map(|millis| Some(Micros::from_millis(millis))));
    }
}
