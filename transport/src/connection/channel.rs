//! What both sides tell each other about the channel, and what silence means.

use aiflow_units::{Bytes, Micros, Timestamp};

use super::timers::Timer;
use super::{Connection, Event};
use crate::channel::{Estimate, Flags, PathSample};
use crate::wire::{ChannelLevel, ChannelReport, ControlMessage, Permyriad, ReportFlags, Sequence};

/// Whether the peer acknowledges what is sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Silence {
    /// When the last acknowledgement came, or sending began after everything was acknowledged;
    /// `None` while nothing is under way.
    since: Option<Timestamp>,
    /// Whether it is an outage.
    outage: bool,
    /// How long silence may last.
    patience: Micros,
    /// Whether the timer is set.
    watched: bool,
    /// When the newest packet left that was acknowledged.
    newest: Timestamp,
}

impl Silence {
    /// Returns whether acknowledgements lag so far behind that what leaves now would pile up.
    fn lags(&self, now: Timestamp) -> bool {
        self.since.is_some() && now.since(self.newest) > Self::LAG
    }

    /// Longer than any usual round trip.
    const LAG: Micros = Micros::from_secs(1);
}

/// Round trips as they were last looked at: an estimate is too much work for every packet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PathTimes {
    at: Option<Timestamp>,
    shortest: Micros,
    probe_timeout: Micros,
}

impl PathTimes {
    /// For how long a look is good.
    const FRESH: Micros = Micros::from_millis(10);

    /// For how long a look at a path is good on which nothing is under way.
    const TRUSTED: Micros = Micros::from_secs(1);

    /// Returns in which time bytes are acknowledged even if one packet of them gets lost.
    pub(super) fn linger(self) -> Micros {
        let two = self.probe_timeout.saturating_add(self.probe_timeout);
        two.max(Micros::from_millis(100))
    }

    /// Returns the shortest time in which the peer can have what leaves now; zero if unknown, also
    /// where it was `resting` for long: after a bad time the shortest round trip is a long one, and
    /// where nothing leaves that would be too late by it nobody would ever learn otherwise.
    fn transit(self, resting: bool, now: Timestamp) -> Micros {
        let known = self.at.is_some_and(|at| !resting || now.since(at) < Self::TRUSTED);
        if known { Micros::new(self.shortest.get() / 2) } else { Micros::ZERO }
    }
}

/// What is known of the reports of this side.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reporting {
    next: u64,
    last: Timestamp,
    /// Whether frames, results or padding left since.
    flowing: bool,
    /// Whether the timer is set.
    armed: bool,
}

impl Connection {
    pub(super) fn path_sample(&mut self, sample: PathSample, now: Timestamp) {
        self.estimator.handle(sample);
        match sample {
            PathSample::Sent(_) => {
                if self.silence.since.is_none() {
                    self.silence.since = Some(now);
                    self.silence.newest = now;
                    self.arm_outage(now);
                }
            }
            PathSample::Acked(acked) => {
                self.silence.newest = self.silence.newest.max(acked.last_sent);
                self.heard(now, acked.in_flight);
            }
            PathSample::Lost(_) | PathSample::Migrated(_) => {}
        }
    }

    /// The peer acknowledged something.
    fn heard(&mut self, now: Timestamp, in_flight: Bytes) {
        let since = self.silence.since;
        if std::mem::take(&mut self.silence.outage) {
            let lasted = since.map_or(Micros::ZERO, |since| now.since(since));
            self.events.push_back(Event::OutageEnded { lasted });
        }
        if in_flight == Bytes::ZERO {
            self.silence.since = None;
            self.look(now);
        } else {
            self.silence.since = Some(now);
            self.arm_outage(now);
        }
    }

    /// Looks at the path, unless that was done just now.
    fn look(&mut self, now: Timestamp) {
        if self.path.at.is_none_or(|at| now.since(at) >= PathTimes::FRESH) {
            let Estimate { min_rtt, srtt, rtt_deviation, queue_delay, .. } =
                self.estimator.estimate(now);
            self.scheduler.set_queued(queue_delay);
            let probe_timeout = probe_timeout(srtt, rtt_deviation);
            self.path = PathTimes { at: Some(now), shortest: min_rtt, probe_timeout };
        }
    }

    fn arm_outage(&mut self, now: Timestamp) {
        self.look(now);
        let timeout = self.path.probe_timeout;
        let three = timeout.saturating_add(timeout).saturating_add(timeout);
        self.silence.patience = three.max(self.config.outage);
        // Most acknowledgements only put it off, which is seen when its time has come.
        if !self.silence.watched {
            self.silence.watched = true;
            self.timers.set(Timer::Outage, now.after(self.silence.patience));
        }
    }

    /// Unsets all timers, of which some are remembered here.
    pub(super) fn clear_timers(&mut self) {
        self.timers.clear_all();
        self.silence.watched = false;
        self.reporting.armed = false;
    }

    /// The peer may have been silent for too long.
    pub(super) fn outage_due(&mut self, now: Timestamp) {
        self.silence.watched = false;
        let Some(since) = self.silence.since else { return };
        let due = since.after(self.silence.patience);
        if due > now {
            self.silence.watched = true;
            return self.timers.set(Timer::Outage, due);
        }
        self.silence.outage = true;
        self.stats.outages += 1;
        tracing::debug!(side = ?self.side, %since, "the peer is silent");
        self.events.push_back(Event::OutageBegan { since });
    }

    /// Returns the shortest time in which the peer can have what leaves now; zero if unknown.
    pub(super) fn transit(&self, now: Timestamp) -> Micros {
        self.path.transit(self.silence.since.is_none(), now)
    }

    /// Returns whether the peer has been silent for too long.
    pub const fn is_out(&self) -> bool {
        self.silence.outage
    }

    /// Returns the time between two reports, if both sides want them.
    pub(super) fn report_interval(&self, level: ChannelLevel) -> Option<Micros> {
        let agreement = self.agreement.as_ref()?;
        (agreement.channel_level >= level).then_some(agreement.report_interval)
    }

    /// Frames, results or padding leave.
    pub(super) const fn data_flows(&mut self) {
        self.reporting.flowing = true;
    }

    /// While data flows, a report is due one interval after the last one.
    pub(super) fn arm_report(&mut self, now: Timestamp) {
        if !self.reporting.flowing || self.reporting.armed {
            return;
        }
        if let Some(interval) = self.report_interval(ChannelLevel::Report) {
            let due = self.reporting.last.after(interval).max(now);
            self.reporting.armed = true;
            self.timers.set(Timer::Report, due);
        }
    }

    /// The time for a report has come.
    pub(super) fn report_due(&mut self, now: Timestamp) {
        self.reporting.armed = false;
        let Some(interval) = self.report_interval(ChannelLevel::Report) else { return };
        if !self.reporting.flowing {
            return;
        }
        self.reporting.armed = true;
        self.timers.set(Timer::Report, now.after(interval));
        // A report that cannot leave grows old: the next one takes its place. And many that arrive at
        // once after a bad time would be taken for a flood.
        if self.is_stuck() || self.silence.outage || self.silence.lags(now) {
            return;
        }
        self.reporting.flowing = self.scheduler.backlog().total > Bytes::ZERO;
        let report = self.make_report(now);
        self.say_plain(&ControlMessage::ChannelReport(report));
        self.reporting.next += 1;
        self.reporting.last = now;
        self.stats.reports_sent += 1;
    }

    /// Returns whether messages wait on the control stream.
    pub(super) fn is_stuck(&self) -> bool {
        self.control.is_none_or(|control| self.scheduler.is_waiting(control))
    }

    fn make_report(&self, now: Timestamp) -> ChannelReport {
        let estimate = self.estimator.estimate(now);
        ChannelReport {
            sequence: Sequence(self.reporting.next),
            interval: now.since(self.reporting.last),
            rate_p50: estimate.p50,
            rate_p10: estimate.p10,
            delivery_rate: estimate.delivery_rate,
            min_rtt: estimate.min_rtt,
            srtt: estimate.srtt,
            rttvar: estimate.rtt_deviation,
            loss: Permyriad::from_ppm(estimate.loss.get()),
            queue_delay: estimate.queue_delay,
            backlog: self.scheduler.backlog().total,
            flags: report_flags(estimate.flags),
            age: estimate.age,
            ..ChannelReport::default()
        }
    }
}

fn report_flags(flags: Flags) -> ReportFlags {
    let pairs = [
        (Flags::APP_LIMITED, ReportFlags::APP_LIMITED),
        (Flags::PROBING, ReportFlags::PROBING),
        (Flags::STALE, ReportFlags::STALE),
    ];
    pairs.iter().fold(ReportFlags::NONE, |set, (flag, reported)| {
        if flags.contains(*flag) { set.and(*reported) } else { set }
    })
}

/// Returns the probe timeout of RFC 9002, section 6.2, with the usual delay of acknowledgements.
fn probe_timeout(srtt: Micros, deviation: Micros) -> Micros {
    const INITIAL_RTT: Micros = Micros::from_millis(333);
    const GRANULARITY: Micros = Micros::from_millis(1);
    const ACK_DELAY: Micros = Micros::from_millis(25);
    let srtt = if srtt == Micros::ZERO { INITIAL_RTT } else { srtt };
    let four = deviation.saturating_add(deviation);
    let four = four.saturating_add(four);
    srtt.saturating_add(four.max(GRANULARITY)).saturating_add(ACK_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_timeouts_follow_the_round_trip() {
        let millis = Micros::from_millis;
        assert_eq!(probe_timeout(millis(100), millis(10)), millis(165));
        assert_eq!(probe_timeout(millis(100), Micros::ZERO), millis(126));
        assert_eq!(probe_timeout(Micros::ZERO, Micros::ZERO), millis(359));
    }

    #[test]
    fn flags_are_translated() {
        let flags = report_flags(Flags::STALE | Flags::PROBING);
        assert_eq!(flags, ReportFlags::STALE.and(ReportFlags::PROBING));
        assert_eq!(report_flags(Flags::NONE), ReportFlags::NONE);
    }
}
