//! What can be asked of a connection at any time.

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::arrival::Arrival;
use super::epochs::Epochs;
use super::inbound::Inbound;
use super::{
    Connection, Early, PeerIdentity, SessionCounters, SessionState, Side, State, Statistics,
};
use crate::channel::{Estimate, Flags};
use crate::negotiate::Agreement;
use crate::rate::{Budget, Demand};
use crate::wire::{
    Epoch, Limit, Limits, ModelId, PointId, Sequence, SessionId, Setup, Stats as StatsScope,
    StatsAnswer, Values, statistic,
};

impl Connection {
    /// Returns which end this is.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Returns how far the connection is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns what the peer said in its SETUP, once it came.
    pub const fn peer(&self) -> Option<&Setup> {
        self.setup.as_ref()
    }

    /// Returns what the peer may make this side spend.
    pub const fn limits(&self) -> &Limits {
        &self.config.setup.limits
    }

    /// Returns what this side may make the peer spend: very little before its SETUP.
    pub const fn peer_limits(&self) -> &Limits {
        &self.allowed
    }

    /// Returns what both SETUPs agree on, once the peer's came.
    pub const fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// Returns who the peer is, once the carrier is connected.
    pub const fn identity(&self) -> Option<&PeerIdentity> {
        self.identity.as_ref()
    }

    /// Returns whether the handshake is not complete: what arrives may be a replay by an attacker,
    /// and work with effects has to wait.
    pub fn is_early(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.early == Early::Early)
    }

    /// Returns the sessions that have not ended.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    /// Returns what is known of a session; `None` after it ended.
    pub fn session(&self, id: SessionId) -> Option<SessionInfo> {
        let session = self.sessions.get(&id)?;
        let set = session.epochs.as_ref().and_then(Epochs::active);
        Some(SessionInfo {
            state: session.state,
            model: session.model,
            epoch: set.map(|set| set.epoch),
            active: set.map(|set| set.active),
            next: session.next,
            in_flight: session.in_flight,
            counters: session.counters,
        })
    }

    /// Returns what is known of the channel towards the peer.
    pub fn estimate(&self, now: Timestamp) -> Estimate {
        let mut estimate = self.estimator.estimate(now);
        if self.padding.is_some() {
            estimate.flags |= Flags::PROBING;
        }
        estimate
    }

    /// Returns what the next frame of a session may take, so that its base is with the peer by
    /// `deadline`; `None` after the session ended. Ask right before encoding: the answer takes what
    /// waits into account.
    pub fn budget(&mut self, id: SessionId, deadline: Timestamp, now: Timestamp) -> Option<Budget> {
        let session = self.sessions.get(&id)?;
        let left = deadline.since(now);
        let period = if session.period == Micros::ZERO { left } else { session.period };
        let backlog = self.scheduler.backlog();
        let demand = Demand {
            now,
            estimate: self.estimate(now),
            backlog: backlog.total,
            base_backlog: backlog.base,
            period,
            deadline: left,
        };
        Some(self.rate.budget(&demand))
    }

    /// Returns the counters.
    pub fn stats(&self) -> Statistics {
        let backlog = self.scheduler.backlog().total;
        Statistics { backlog, memory: Bytes::new(self.memory()), ..self.stats }
    }

    /// Returns what was counted for a question of the client, as far as the core counts it; the
    /// application adds what it knows ([`statistic`] has the numbers). `None` for a session that is
    /// not open.
    pub fn counted(&self, scope: StatsScope) -> Option<StatsAnswer> {
        let counters = match scope {
            StatsScope::Session(id) => self.sessions.get(&id)?.counters,
            _ => self.sessions.values().fold(self.past, |sum, session| sum.plus(session.counters)),
        };
        let sessions = match scope {
            StatsScope::Session(_) => 1,
            _ => self.sessions.len() as u64,
        };
        let values = Values::new()
            .with(statistic::FRAMES, counters.frames)
            .with(statistic::RESULTS, counters.results)
            .with(statistic::LATE, counters.late)
            .with(statistic::CANCELLED, counters.cancelled)
            .with(statistic::DAMAGED, counters.damaged)
            .with(statistic::PAYLOAD_BYTES, counters.payload_bytes)
            .with(statistic::RECONFS, counters.switches)
            .with(statistic::SESSIONS, sessions);
        Some(StatsAnswer { values })
    }

    /// Tells the rate that an earlier connection over the same path had found: budgets start from
    /// half of it, with base layers only, until the path was measured anew.
    pub fn recall(&mut self, rate: BitRate) {
        self.estimator.resume(rate);
    }

    /// Returns what is held for the peer.
    fn memory(&self) -> u64 {
        const SESSION: u64 = 1024;
        const ENDED: u64 = 64;
        let streams: u64 = self.inbound.values().map(Inbound::cost).sum();
        let frames: u64 = self.arrivals.values().map(Arrival::cost).sum();
        let sessions = self.sessions.len() as u64 * SESSION + self.ended.len() as u64 * ENDED;
        let held = self.held.len() as u64 * self.limits().get(Limit::MessageBytes);
        streams + frames + sessions + held
    }
}

/// What is known of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// How far it is.
    pub state: SessionState,
    /// Its model; unknown to a server that resumed it.
    pub model: Option<ModelId>,
    /// The active epoch; unknown before the session is open.
    pub epoch: Option<Epoch>,
    /// The active point of that epoch.
    pub active: Option<PointId>,
    /// The number of the next frame.
    pub next: Sequence,
    /// Frames without a result.
    pub in_flight: u64,
    /// What a server counted.
    pub counters: SessionCounters,
}
