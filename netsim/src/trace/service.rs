//! The arithmetic of service: how much a channel has offered before a time, and when it will have
//! offered an amount.

use aiflow_units::{Bytes, Timestamp};

use super::{Form, Trace};

/// An amount of service in millionths of a bit: 1 bit/s offers one of them in each microsecond, so
/// that no rate and no packet is ever rounded.
pub(crate) type Work = u128;

/// The work of one byte.
pub(crate) const MICROBITS_PER_BYTE: Work = 8_000_000;

/// The whole bytes of an amount of work.
pub(crate) fn bytes_of(work: Work) -> Bytes {
    Bytes::new(u64::try_from(work / MICROBITS_PER_BYTE).unwrap_or(u64::MAX))
}

const OPPORTUNITY: Work = Trace::OPPORTUNITY.get() as Work * MICROBITS_PER_BYTE;

impl Trace {
    /// Makes a trace of `(length in µs, rate in bit/s)`; lengths are above zero.
    pub(super) fn from_steps(steps: &[(u64, u64)]) -> Self {
        let (mut period, mut total) = (0, 0);
        let (mut starts, mut rates, mut before) = (Vec::new(), Vec::new(), Vec::new());
        for &(length, rate) in steps {
            starts.push(period);
            rates.push(rate);
            before.push(total);
            period += length;
            total += Work::from(rate) * Work::from(length);
        }
        Self { period, total, form: Form::Steps { starts, rates, before } }
    }

    /// Makes a trace of `(time in µs, number of opportunities)`; times rise, the period is at least
    /// the last of them and above zero.
    pub(super) fn from_opportunities(list: &[(u64, u64)], period: u64) -> Self {
        let mut count = 0;
        let up_to: Vec<u64> = list
            .iter()
            .map(|&(_, number)| {
                count += number;
                count
            })
            .collect();
        let at = list.iter().map(|&(time, _)| time).collect();
        let total = Work::from(count) * OPPORTUNITY;
        Self { period, total, form: Form::Opportunities { at, up_to } }
    }

    /// What is offered from the origin until just before `time`.
    pub(crate) fn before(&self, time: Timestamp) -> Work {
        let time = time.since_origin().get();
        // Periods are open at their start and closed at their end, as an opportunity may lie on
        // the end of one and another one on the start of the next.
        let Some(last) = time.checked_sub(1) else { return 0 };
        let periods = last / self.period;
        let rest = time - periods * self.period;
        let within = match &self.form {
            Form::Opportunities { at, up_to } => match at.partition_point(|&at| at < rest) {
                0 => 0,
                number => Work::from(up_to[number - 1]) * OPPORTUNITY,
            },
            Form::Steps { starts, rates, before } => {
                let index = starts.partition_point(|&start| start < rest) - 1;
                before[index] + Work::from(rates[index]) * Work::from(rest - starts[index])
            }
        };
        (Work::from(periods) * self.total).saturating_add(within)
    }

    /// The first time at which `work`, counted from the origin, is offered; [`Timestamp::MAX`] if
    /// that never happens. The inverse of [`Trace::before`].
    pub(crate) fn time_of(&self, work: Work) -> Timestamp {
        let Some(last) = work.checked_sub(1) else { return Timestamp::ORIGIN };
        let Some(periods) = last.checked_div(self.total) else { return Timestamp::MAX };
        let rest = work - periods * self.total;
        let within = match &self.form {
            Form::Opportunities { at, up_to } => {
                let needed = rest.div_ceil(OPPORTUNITY);
                at[up_to.partition_point(|&count| Work::from(count) < needed)]
            }
            Form::Steps { starts, rates, before } => {
                let index = before.partition_point(|&before| before < rest) - 1;
                let wait = (rest - before[index]).div_ceil(Work::from(rates[index]));
                starts[index] + wait as u64
            }
        };
        let time = (periods.saturating_mul(Work::from(self.period))).saturating_add(within.into());
        instant(time)
    }
}

/// The point in time of a number of microseconds; "never" beyond the range.
pub(crate) fn instant(micros: Work) -> Timestamp {
    let micros = u64::try_from(micros).unwrap_or(u64::MAX);
    Timestamp::from_origin(aiflow_units::Micros::new(micros))
}
