//! How far requests take longer over the network than was expected, and how long it rested.

use std::collections::VecDeque;

use aiflow_units::{BitRate, Micros, Timestamp};

use crate::planner::{LinkEstimate, Terms};
use crate::tier::{Part, Trace};

/// Corrects what is known of a channel by what requests really took over it.
///
/// An estimate speaks of a channel that is used to its limit; a request of a few packets now and then
/// is served otherwise. Two corrections are tracked by a Kalman filter: a time that every request takes
/// more or less, and a factor on the time of each byte. Small requests teach the first, large ones the
/// second.
#[derive(Clone, Debug)]
pub(super) struct Passage {
    /// Milliseconds that a request takes more, whatever its size.
    more: f64,
    /// Logarithm of the factor on the time of a byte.
    log_factor: f64,
    /// How sure both are: variances, and how they vary together.
    variance: [f64; 2],
    covariance: f64,
    /// Logarithm of the milliseconds of a byte by the estimates of late, smoothed.
    per_byte: Option<f64>,
    /// Until when both corrections have faded.
    faded: Option<Timestamp>,
    /// The estimate that the last decision was made on, as it came.
    known: Option<(LinkEstimate, Timestamp)>,
    /// When the last request was answered.
    answered: Option<Timestamp>,
    /// Requests that were decided about and whose outcome is not known yet.
    under_way: u32,
    /// Rates at which the latest requests passed in bits per second, by when they were answered.
    passed: VecDeque<(Timestamp, f64)>,
    /// Logarithm of the rate at which requests usually pass.
    usual: Option<f64>,
}

impl Passage {
    pub(super) const fn new() -> Self {
        Self {
            more: 0.0,
            log_factor: 0.0,
            variance: VARIANCE,
            covariance: 0.0,
            per_byte: None,
            faded: None,
            known: None,
            answered: None,
            under_way: 0,
            passed: VecDeque::new(),
            usual: None,
        }
    }

    /// Takes an estimate for a decision, and returns it as requests will meet it.
    pub(super) fn expect(&mut self, link: LinkEstimate, now: Timestamp) -> LinkEstimate {
        // What waits drains while nothing is sent: since the last answer, or since the path was last
        // used to its limit.
        let rested = self.answered.map_or(Micros::ZERO, |answered| now.since(answered));
        let queue = match (self.answered, self.under_way) {
            // What was answered waits nowhere any more, and nothing else was sent.
            (Some(_), 0) => Micros::ZERO,
            _ => link.queue.saturating_sub(rested.max(link.age)),
        };
        let link = LinkEstimate { queue, ..link };
        self.known = Some((link, now));
        self.fade(now);
        self.under_way = self.under_way.saturating_add(1);
        let factor = self.log_factor.exp();
        // What really passed a moment ago passes now, whatever is remembered of worse times.
        let floor = self.slowest(now);
        let slower = |rate: BitRate| {
            let rate = rate.get() as f64;
            BitRate::bits_per_second((rate / factor).max(floor).max(1.0) as u64)
        };
        let rtt = (link.rtt.get() as f64 + 1e3 * self.more).max(0.0);
        LinkEstimate {
            rate_p50: slower(link.rate_p50),
            rate_p10: slower(link.rate_p10),
            rtt: Micros::new(rtt as u64),
            ..link
        }
    }

    /// Returns the least rate at which one of the latest requests passed.
    fn slowest(&self, now: Timestamp) -> f64 {
        let since = now.before(RECENT);
        let recent = self.passed.iter().filter(|(at, _)| *at >= since && *at <= now);
        let least = recent.map(|(_, rate)| *rate).reduce(f64::min);
        // Without any the correction is all there is.
        least.unwrap_or(0.0)
    }

    /// Tells whether a request ever passed that took long enough to say something of the rate.
    pub(super) const fn has_passed(&self) -> bool {
        self.usual.is_some()
    }

    /// Returns an estimate, as it came, as if the channel carried more than is known, and at least what
    /// requests usually passed at.
    pub(super) fn hopeful(&self, link: LinkEstimate) -> LinkEstimate {
        let usual = BitRate::bits_per_second(self.usual.map_or(0.0, f64::exp) as u64);
        let at_least =
            |rate: BitRate| usual.max(BitRate::bits_per_second(rate.get().saturating_mul(HOPE)));
        LinkEstimate {
            rate_p50: at_least(link.rate_p50),
            rate_p10: at_least(link.rate_p10),
            ..link
        }
    }

    /// Takes note of the outcome of a request, whatever it was.
    pub(super) fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Takes note that an answer did not come, or not in time: what passed before says nothing now.
    pub(super) fn failed(&mut self) {
        self.passed.clear();
    }

    /// Learns from a request that was sent and answered.
    pub(super) fn learn(&mut self, bytes: f64, terms: &Terms, trace: &Trace, total: Micros) {
        let Some((link, begun)) = self.known else { return };
        self.answered = Some(begun.after(total));
        let millis = |time: Micros| time.get() as f64 / 1e3;
        let per_byte = 8e3 / link.safe_rate().max(1.0);
        let reply = terms.on_the_wire(terms.reply.get() as f64);
        let on_the_wire = terms.on_the_wire(bytes) + reply;
        let factor = self.log_factor.exp();
        let bytes = per_byte * factor * on_the_wire;
        let expected = bytes + millis(link.queue) + millis(link.rtt) + self.more;
        // Of all hops there are: what lies behind the first one is far away as well.
        let network = |part: &Part| matches!(part, Part::Wire | Part::Reply);
        let parts = trace.parts().iter().filter(|(_, part, _)| network(part));
        let took = parts.map(|(_, _, time)| millis(*time)).sum::<f64>();
        if took <= 0.0 || !expected.is_finite() {
            return;
        }
        // All that goes beyond the round trip counts as passing: the rate is rather too low than too high.
        let passing = took - millis(link.rtt);
        let first = !self.has_passed();
        if passing > LEAST_PASSING {
            let rate = 8e3 * on_the_wire / passing;
            let usual = self.usual.get_or_insert(rate.ln());
            *usual += (rate.ln() - *usual) * SMOOTHING;
            self.passed.push_back((begun.after(total), rate));
            self.passed.drain(..self.passed.len().saturating_sub(LATEST));
        }
        if first && self.has_passed() {
            // Nothing was known of the rate, so that there is nothing to correct.
            return;
        }
        // A request that was held up by something else must not count for too much.
        let wrong = (took - expected).clamp(-expected, 2.0 * expected);
        // By the estimates of late: if that of the moment weighed each lesson, its errors would be taken
        // for bytes that cost nothing, and what comes of that for a slow start of every request.
        let usual = self.per_byte.get_or_insert(per_byte.ln());
        *usual += (per_byte.ln() - *usual) * ESTIMATE_SMOOTHING;
        let bytes = usual.exp() * factor * on_the_wire;
        self.correct(bytes, wrong, NOISE.hypot(NOISE_SHARE * expected));
    }

    /// Forgets what was learned long ago: the channel may be another one by now, and requests of one size
    /// cannot tell both corrections apart.
    fn fade(&mut self, now: Timestamp) {
        let rested = self.faded.map_or(Micros::ZERO, |faded| now.since(faded));
        let kept = (-(rested.get() as f64) / FORGOTTEN.get() as f64).exp();
        self.faded = Some(now);
        self.more *= kept;
        self.log_factor *= kept;
        self.covariance *= kept * kept;
        for (variance, at_first) in self.variance.iter_mut().zip(VARIANCE) {
            *variance = at_first + (*variance - at_first) * kept * kept;
        }
    }

    /// One step of the filter: the expectation moves by 1 with the first correction and by `bytes`
    /// with the second.
    fn correct(&mut self, bytes: f64, wrong: f64, noise: f64) {
        let [more, factor] = self.variance;
        let both = self.covariance;
        let with_more = more + both * bytes;
        let with_factor = both + factor * bytes;
        let spread = with_more + bytes * with_factor + noise * noise;
        let (gain_more, gain_factor) = (with_more / spread, with_factor / spread);
        self.more = (self.more + gain_more * wrong).clamp(-MOST_MORE, MOST_MORE);
        self.log_factor =
            (self.log_factor + gain_factor * wrong).clamp(-MOST_LOG_FACTOR, MOST_LOG_FACTOR);
        self.variance = [more - gain_more * with_more, factor - gain_factor * with_factor];
        self.covariance = both - gain_more * with_factor;
    }
}

/// How many times more than is known is hoped for, as of padding.
const HOPE: u64 = 2;
/// Requests that say how slow the channel really was, and for how long.
const LATEST: usize = 4;
const RECENT: Micros = Micros::from_secs(3);
/// Share of a new rate in the usual one.
const SMOOTHING: f64 = 0.2;
/// What passes in fewer milliseconds says nothing of the rate.
const LEAST_PASSING: f64 = 10.0;

/// How far off a round trip is at first, in milliseconds squared; the factor, as a logarithm.
const VARIANCE: [f64; 2] = [5.0 * 5.0, 0.3 * 0.3];
/// The time in which two thirds of a correction are forgotten.
const FORGOTTEN: Micros = Micros::from_secs(20);
/// Share of a new estimate in the usual one.
const ESTIMATE_SMOOTHING: f64 = 0.1;
/// How far single requests are from what is usual: in milliseconds, and as a share.
const NOISE: f64 = 2.0;
const NOISE_SHARE: f64 = 0.15;
/// Larger corrections would hide that an estimate is wrong.
const MOST_MORE: f64 = 200.0;
const MOST_LOG_FACTOR: f64 = 1.1;

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> LinkEstimate {
        LinkEstimate::steady(BitRate::megabits_per_second(1), Micros::from_millis(10))
    }

    /// Requests of some bytes take `millis` over the network, again and again.
    fn taught(bytes: f64, millis: u64) -> Passage {
        let mut passage = Passage::new();
        let mut trace = Trace::new();
        trace.push(0, Part::Wire, Micros::from_millis(millis));
        for number in 1..40 {
            let now = Timestamp::from_origin(Micros::from_secs(number));
            passage.expect(link(), now);
            passage.learn(bytes, &Terms::default(), &trace, Micros::from_millis(millis));
        }
        passage
    }

    #[test]
    fn small_requests_teach_the_round_trip_and_large_ones_the_rate() {
        let now = Timestamp::from_origin(Micros::from_secs(41));
        // About 12 ms were expected.
        let small = taught(50.0, 22).expect(link(), now);
        assert!(small.rtt > Micros::from_millis(16), "{small:?}");
        assert!((0.85e6..1.1e6).contains(&small.safe_rate()), "{small:?}");
        // About 860 ms were expected.
        let large = taught(100_000.0, 1300).expect(link(), now);
        assert!(large.rtt < Micros::from_millis(20), "{large:?}");
        assert!((0.6e6..0.75e6).contains(&large.safe_rate()), "{large:?}");
    }

    #[test]
    fn the_first_request_corrects_nothing_and_what_is_not_repeated_is_forgotten() {
        let at = |seconds| Timestamp::from_origin(Micros::from_secs(seconds));
        let mut passage = Passage::new();
        passage.expect(link(), at(1));
        let mut trace = Trace::new();
        trace.push(0, Part::Wire, Micros::from_millis(900));
        passage.learn(10_000.0, &Terms::default(), &trace, Micros::from_millis(900));
        assert_eq!((passage.more, passage.log_factor), (0.0, 0.0));
        let slow = taught(100_000.0, 1300);
        let later = |seconds| slow.clone().expect(link(), at(seconds)).safe_rate();
        assert!(later(41) < 0.75e6 && (0.85e6..1.0e6).contains(&later(71)), "{}", later(71));
    }

    #[test]
    fn errors_of_the_estimate_are_not_taken_for_cheap_bytes() {
        // What passes is always the same, whatever the estimate says: 53 ms of bytes, 10 of round trip.
        let mut passage = Passage::new();
        let mut trace = Trace::new();
        trace.push(0, Part::Wire, Micros::from_millis(64));
        let rates = [700, 1000, 1400, 1000];
        for number in 0..120_u64 {
            let now = Timestamp::from_origin(Micros::from_millis(300 * number));
            let rate = BitRate::kilobits_per_second(rates[number as usize % rates.len()]);
            passage.expect(LinkEstimate::steady(rate, link().rtt), now);
            passage.learn(6000.0, &Terms::default(), &trace, Micros::from_millis(64));
        }
        let (more, factor) = (passage.more, passage.log_factor.exp());
        assert!(more.abs() < 6.0 && (0.8..1.15).contains(&factor), "{more} {factor}");
    }

    #[test]
    fn a_request_that_was_held_up_hardly_counts() {
        let mut passage = taught(1000.0, 20);
        let now = Timestamp::from_origin(Micros::from_secs(60));
        let before = passage.expect(link(), now);
        let mut trace = Trace::new();
        trace.push(0, Part::Wire, Micros::from_secs(5));
        passage.learn(1000.0, &Terms::default(), &trace, Micros::from_secs(5));
        let after = passage.expect(link(), now);
        assert!(after.rtt < Micros::new(3 * before.rtt.get()), "{after:?}");
        assert!(after.safe_rate() > 0.5 * before.safe_rate(), "{after:?}");
    }

    #[test]
    fn a_queue_drains_while_nothing_is_sent() {
        let mut passage = Passage::new();
        let rate = BitRate::megabits_per_second(1);
        let queue = Micros::from_millis(30);
        let link = LinkEstimate { queue, ..LinkEstimate::steady(rate, Micros::ZERO) };
        let at = |millis| Timestamp::from_origin(Micros::from_millis(millis));
        assert_eq!(passage.expect(link, at(0)).queue, queue);
        let aged = LinkEstimate { age: Micros::from_millis(20), ..link };
        assert_eq!(passage.expect(aged, at(0)).queue, Micros::from_millis(10));
        assert_eq!(passage.expect(link, at(0)).queue, queue);
        passage.learn(100.0, &Terms::default(), &Trace::new(), Micros::from_millis(5));
        assert_eq!(passage.expect(link, at(15)).queue, Micros::from_millis(20));
        assert_eq!(passage.expect(link, at(90)).queue, Micros::ZERO);
        // Once all is answered nothing waits.
        (0..8).for_each(|_| passage.ended());
        assert_eq!(passage.expect(link, at(6)).queue, Micros::ZERO);
        assert_eq!(passage.expect(link, at(6)).queue, Micros::from_millis(29));
    }

    #[test]
    fn an_estimate_is_not_believed_below_what_passed_a_moment_ago() {
        // About 860 ms were expected, and the rate is corrected to two thirds.
        let mut passage = taught(100_000.0, 1300);
        let fallen = LinkEstimate::steady(BitRate::kilobits_per_second(50), link().rtt);
        let at = |seconds| Timestamp::from_origin(Micros::from_secs(seconds));
        let soon = passage.expect(fallen, at(41)).safe_rate();
        assert!((0.6e6..0.7e6).contains(&soon), "{soon}");
        // After some time, or when something failed, only the estimate is left.
        assert!(passage.clone().expect(fallen, at(60)).safe_rate() < 5e4);
        passage.failed();
        assert!((0.6e6..0.7e6).contains(&passage.hopeful(fallen).safe_rate()));
        assert!(passage.expect(fallen, at(41)).safe_rate() < 5e4);
    }
}
