//! QUIC as this protocol needs it.

use std::sync::Arc;
use std::time::Duration;

use aiflow_units::{Bytes, Micros};
use quinn::congestion::CubicConfig;
use quinn::{AckFrequencyConfig, IdleTimeout, TransportConfig, VarInt};

use super::Tuning;
use crate::Side;
use crate::proto::PathFeed;
use crate::wire::{Limit, Limits};

/// The configuration of one connection: what its limits allow and no more.
///
/// A peer that wants to spend more than was advertised in SETUP is held by QUIC's own flow control
/// before its bytes are read.
pub(super) fn transport(
    side: Side,
    limits: &Limits,
    tuning: &Tuning,
    feed: &PathFeed,
) -> TransportConfig {
    let window = tuning.receive_window.min(limits.buffered_bytes()).max(LEAST_WINDOW);
    let streams = limits.get(Limit::Streams);
    let requests = limits.get(Limit::Requests) + limits.get(Limit::Sessions) + PROBES;
    let mut acknowledgements = AckFrequencyConfig::default();
    // The last packet of a frame is not kept waiting, which would look like a slow path.
    acknowledgements
        .ack_eliciting_threshold(VarInt::from_u32(1))
        .max_ack_delay(Some(ACK_DELAY.to_duration()));
    let mut config = TransportConfig::default();
    config
        .ack_frequency_config(Some(acknowledgements))
        .congestion_controller_factory(feed.observe(Arc::new(CubicConfig::default())))
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .initial_rtt(tuning.initial_rtt.to_duration())
        .max_concurrent_bidi_streams(varint(requests))
        .max_concurrent_uni_streams(varint(streams + UNCOUNTED))
        .max_idle_timeout(Some(idle(tuning.idle)))
        .receive_window(varint(window.get()))
        // The earliest deadline first; round robin would make all frames late together.
        .send_fairness(false)
        .send_window(super::window::SendWindow::INITIAL.get())
        // One stream fills the path, two fill the window.
        .stream_receive_window(varint(window.get() / 2));
    if side == Side::Client {
        config.keep_alive_interval(Some(tuning.keep_alive.to_duration()));
    }
    config
}

fn varint(value: u64) -> VarInt {
    VarInt::from_u64(value).unwrap_or(VarInt::MAX)
}

fn idle(longest: Micros) -> IdleTimeout {
    let longest: Duration = longest.to_duration();
    IdleTimeout::try_from(longest).unwrap_or_else(|_| VarInt::MAX.into())
}

/// How long a peer may wait for more to acknowledge.
const ACK_DELAY: Micros = Micros::from_millis(2);
/// Control messages and a header of each stream must pass in any case.
const LEAST_WINDOW: Bytes = Bytes::from_kib(256);
/// Probes of the peer at once.
const PROBES: u64 = 1;
/// The control stream, and streams that only keep peers tolerant of what they do not know.
const UNCOUNTED: u64 = 4;
