//! One measurement: frames of one size over one path.

use std::sync::mpsc;

use aiflow_netsim::LinkConfig;
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use tokio::sync::oneshot;

use crate::bridge::BridgeStats;
use crate::client::{Traffic, upload};
use crate::error::RivalError;
use crate::ideal;
use crate::namespace::join;
use crate::network::Network;
use crate::server::{Arrival, serve};

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The uplink and the downlink.
    pub(crate) links: (LinkConfig, LinkConfig),
    /// The name of the kernel's congestion control.
    pub(crate) congestion: String,
    /// Bytes of frames in time.
    pub(crate) rate: BitRate,
    /// Time between frames.
    pub(crate) period: Micros,
    /// Time from capture after which a frame is late.
    pub(crate) deadline: Micros,
    /// How long frames are sent.
    pub(crate) length: Micros,
}

/// What was measured.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The size of each frame.
    pub(crate) frame: Bytes,
    /// From capture to complete arrival, frame by frame; none for those that never arrived.
    pub(crate) delays: Vec<Option<Micros>>,
    /// What the channel alone would have taken for them: see [`ideal::delays`].
    pub(crate) ideal: Vec<Option<Micros>>,
    /// What the uplink could carry while frames were sent.
    pub(crate) capacity: Bytes,
    /// What the emulator did.
    pub(crate) bridge: BridgeStats,
}

impl Setup {
    /// Takes the measurement, in real time.
    pub(crate) fn run(&self) -> Result<Outcome, RivalError> {
        let network = Network::new(self.links.clone())?;
        let (captured, arrivals) = exchange(&network, self.traffic())?;
        let end = Timestamp::from_origin(self.length);
        // Frames whose deadline lies beyond the end say nothing about this time.
        let judged = captured.partition_point(|at| at.after(self.deadline) <= end);
        let mut delays = vec![None; judged];
        for Arrival { number, at } in arrivals {
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            if let (Some(delay), Some(&captured)) = (delays.get_mut(index), captured.get(index)) {
                *delay = Some(at.since(captured));
            }
        }
        Ok(Outcome {
            frame: self.frame(),
            delays,
            ideal: ideal::delays(
                &self.links.0,
                captured.get(..judged).unwrap_or_default(),
                self.frame(),
            ),
            capacity: network.bridge.capacity(START, end),
            bridge: network.bridge.stats(),
        })
    }

    fn frame(&self) -> Bytes {
        self.rate.bytes_in(self.period).max(Bytes::new(1))
    }

    fn traffic(&self) -> Traffic {
        let to = Timestamp::from_origin(self.length);
        Traffic {
            congestion: self.congestion.clone(),
            frame: self.frame(),
            period: self.period,
            from: START,
            to,
            patience: to.after(PATIENCE),
        }
    }
}

/// Uploads frames from one host to the other; returns when each was captured, and what arrived.
fn exchange(
    network: &Network,
    traffic: Traffic,
) -> Result<(Vec<Timestamp>, Vec<Arrival>), RivalError> {
    let clock = network.bridge.clock();
    let (arrive, arrivals) = mpsc::channel();
    let (tell_ready, ready) = mpsc::channel();
    let (stop, stopped) = oneshot::channel();
    let server = move || serve(clock, arrive, tell_ready, stopped);
    let server = network.server.spawn("server", server)?;
    if ready.recv().is_err() {
        // It hangs up without a word when it fails; joining it says why.
        join(server)?;
        return Err(RivalError::Panicked);
    }
    let client = network.client.spawn("client", move || upload(clock, traffic))?;
    let captured = join(client);
    drop(stop);
    join(server)?;
    Ok((captured?, arrivals.into_iter().collect()))
}

impl Outcome {
    /// Returns how many frames arrived within `deadline`.
    pub(crate) fn on_time(&self, deadline: Micros) -> usize {
        self.delays.iter().flatten().filter(|&&delay| delay <= deadline).count()
    }

    /// The same as a share of all frames; zero if there are none.
    pub(crate) fn share_on_time(&self, deadline: Micros) -> f64 {
        self.on_time(deadline) as f64 / self.delays.len().max(1) as f64
    }
}

/// Returns the delay that this share of the frames does not exceed (the nearest rank); none if there
/// are no frames, or that one never arrived.
pub(crate) fn at_share(delays: &[Option<Micros>], percent: usize) -> Option<Micros> {
    let mut delays = delays.to_vec();
    delays.sort_by_key(|delay| delay.unwrap_or(Micros::MAX));
    let rank = (delays.len() * percent).div_ceil(100).max(1);
    delays.get(rank - 1).copied().flatten()
}

/// When the first frame is captured: the same as in the runs in virtual time.
pub(crate) const START: Timestamp = Timestamp::from_origin(Micros::from_millis(500));

/// How long frames are waited for that are still on their way in the end.
const PATIENCE: Micros = Micros::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use aiflow_netsim::LinkStats;

    fn millis(delays: &[Option<u64>]) -> Vec<Option<Micros>> {
        delays.iter().map(|delay| delay.map(Micros::from_millis)).collect()
    }

    #[test]
    fn quantiles_are_of_all_frames() {
        let four = millis(&[Some(40), Some(10), None, Some(30)]);
        assert_eq!(at_share(&four, 25), Some(Micros::from_millis(10)));
        assert_eq!(at_share(&four, 50), Some(Micros::from_millis(30)));
        assert_eq!(at_share(&four, 75), Some(Micros::from_millis(40)));
        assert_eq!(at_share(&four, 95), None);
        assert_eq!(at_share(&[], 50), None);
    }

    #[test]
    fn frames_that_never_arrive_are_late() {
        let bridge = BridgeStats {
            up: LinkStats::default(),
            late_mean: Micros::ZERO,
            late_longest: Micros::ZERO,
        };
        let outcome = Outcome {
            frame: Bytes::new(1),
            delays: millis(&[Some(40), Some(10), None, Some(30)]),
            ideal: Vec::new(),
            capacity: Bytes::ZERO,
            bridge,
        };
        assert_eq!(outcome.on_time(Micros::from_millis(30)), 2);
        assert_eq!(outcome.share_on_time(Micros::from_millis(30)), 0.5);
    }
}
