//! All policies on one path.

use aiflow_transport::channel::Estimate;
use aiflow_units::{BitRate, Timestamp};

use super::policy::{Aiflow, Fixed, MoqRate, Oracle};
use super::{FrameRun, LinkError, LinkRecord, Path, Traffic, Usage, frames, stream};

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contestant {
    /// The policy of this project.
    Aiflow,
    /// The rate policy of a live-video sender on the same transport: a tenth kept back, changes below
    /// 5 % ignored, up by a quarter a second, not below a tenth of the highest rate, which is three
    /// times the mean of the trace.
    MoqRate,
    /// Frames of one layer at a share of the mean rate of the trace, in percent.
    Static(u64),
    /// The static rate with the most bytes in time among those with 90 % of the frames on time; if
    /// there is none, the one with the most frames on time. It knows the trace from before.
    StaticBest,
    /// Who knows the trace.
    Oracle,
    /// One QUIC stream at the mean rate of the trace, with the default settings of the library.
    QuinnStream,
}

impl Contestant {
    /// Everybody who is compared, ourselves first.
    pub const ALL: [Self; 5] =
        [Self::Aiflow, Self::MoqRate, Self::StaticBest, Self::QuinnStream, Self::Oracle];

    /// The shares of the mean rate that [`Contestant::StaticBest`] chooses from.
    pub const SWEEP: [u64; 12] = [5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80];

    /// Returns the name in records and on command lines.
    pub fn name(self) -> String {
        match self {
            Self::Aiflow => "aiflow".to_owned(),
            Self::MoqRate => "moq-rate".to_owned(),
            Self::Static(percent) => format!("static-{percent}"),
            Self::StaticBest => "static-best".to_owned(),
            Self::Oracle => "oracle".to_owned(),
            Self::QuinnStream => "quinn-stream".to_owned(),
        }
    }

    /// Returns who has a name.
    pub fn by_name(name: &str) -> Option<Self> {
        if let Some(all) = Self::ALL.into_iter().find(|one| one.name() == name) {
            return Some(all);
        }
        let percent: u64 = name.strip_prefix("static-")?.parse().ok()?;
        (1..=1000).contains(&percent).then_some(Self::Static(percent))
    }
}

/// A record, with what it was made from.
#[derive(Debug, Clone)]
pub struct LinkResult {
    /// The summary.
    pub record: LinkRecord,
    /// What happened.
    pub run: FrameRun,
}

/// Lets one contestant send frames over a path; `seen` is told how far it is and what it estimates.
///
/// # Errors
///
/// See [`LinkError`].
pub fn contest(
    path: &Path,
    traffic: &Traffic,
    contestant: Contestant,
    seen: &mut dyn FnMut(Timestamp, &Estimate),
) -> Result<LinkResult, LinkError> {
    let mean = traffic.mean_rate(path);
    let run = match contestant {
        Contestant::Aiflow => frames(path, traffic, Usage::Layers, &mut Aiflow::default(), seen)?,
        Contestant::MoqRate => {
            let highest = BitRate::bits_per_second(mean.get().saturating_mul(3));
            frames(path, traffic, Usage::Layers, &mut MoqRate::new(highest), seen)?
        }
        Contestant::Oracle => {
            frames(path, traffic, Usage::Unlimited, &mut Oracle::default(), seen)?
        }
        Contestant::Static(percent) => {
            frames(path, traffic, Usage::Whole, &mut Fixed::new(part(mean, percent)), seen)?
        }
        Contestant::StaticBest => return static_best(path, traffic, seen),
        Contestant::QuinnStream => stream(path, traffic, mean, seen)?,
    };
    let record = LinkRecord::new(path, traffic, &contestant.name(), &run);
    Ok(LinkResult { record, run })
}

fn static_best(
    path: &Path,
    traffic: &Traffic,
    seen: &mut dyn FnMut(Timestamp, &Estimate),
) -> Result<LinkResult, LinkError> {
    let mut best: Option<LinkResult> = None;
    for percent in Contestant::SWEEP {
        let result = contest(path, traffic, Contestant::Static(percent), seen)?;
        if best.as_ref().is_none_or(|best| merit(&result.record) > merit(&best.record)) {
            best = Some(result);
        }
    }
    let mut best = best.ok_or(LinkError::Connect)?;
    best.record.policy = Contestant::StaticBest.name();
    Ok(best)
}

/// Orders static rates: those on time by their bytes, before all others by their frames on time.
fn merit(record: &LinkRecord) -> (bool, f64) {
    let on_time = record.base_on_time >= 0.9;
    (on_time, if on_time { record.bytes_in_deadline as f64 } else { record.base_on_time })
}

fn part(rate: BitRate, percent: u64) -> BitRate {
    BitRate::bits_per_second(rate.get() / 100 * percent)
}
