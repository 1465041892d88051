//! The command line.

use std::path::PathBuf;

use aiflow_netsim::Probability;
use aiflow_units::{BitRate, Bytes, Micros};
use clap::Parser;

/// Measures the delay of frames that a tuned gRPC call (tonic) uploads through the kernel's TCP over
/// an emulated link, in real time.
///
/// Needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN in a user namespace, for two network namespaces
/// of its own. Nothing outside of them is changed, and the kernel removes them with the process.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Trace of the uplink, in the Mahimahi form or as lines of `seconds Mbit/s`; can be repeated
    #[arg(long = "trace", value_name = "FILE", required_unless_present_any = ["link", "check"])]
    pub(crate) traces: Vec<PathBuf>,
    /// An uplink of one rate, beside or instead of traces
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) link: Option<BitRate>,
    /// How long frames are sent; frames still on their way are waited for
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u16).range(2..=3600))]
    pub(crate) seconds: u16,
    /// Round trip without queues, half of it in each direction
    #[arg(long, value_name = "TIME", default_value = "60ms", value_parser = span)]
    pub(crate) rtt: Micros,
    /// Queue of the uplink, in KiB
    #[arg(long, value_name = "KIB", default_value_t = 1024)]
    queue: u32,
    /// Packets lost in each direction, in percent
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = share)]
    pub(crate) loss: Probability,
    /// Time between frames
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = span)]
    pub(crate) period: Micros,
    /// Time from capture after which a frame counts as late
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = span)]
    pub(crate) deadline: Micros,
    /// Static rate of the frames: `mean` (what the uplink carries in that time), `best` (the highest
    /// with nine of ten frames on time, found in four or five runs), a share of the mean such as 50%,
    /// or a rate such as 2.5mbit; a list gives one record for each
    #[arg(long, value_name = "RATE", default_value = "mean", value_delimiter = ',', value_parser = chosen)]
    pub(crate) rate: Vec<Chosen>,
    /// Congestion controls of the kernel
    #[arg(long, value_name = "NAME", default_value = "cubic,bbr", value_delimiter = ',')]
    pub(crate) congestion: Vec<String>,
    /// Only measure what the emulated path does to UDP and TCP on a link of 10 Mbit/s
    #[arg(long)]
    pub(crate) check: bool,
    /// Print one JSON record on each line
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the rate of the frames is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    Mean,
    Best,
    /// Percent of the mean.
    Share(u64),
    Fixed(BitRate),
}

impl Arguments {
    /// Returns how many bytes may wait for the uplink.
    pub(crate) fn queue(&self) -> Bytes {
        Bytes::from_kib(self.queue.into())
    }
}

fn chosen(text: &str) -> Result<Chosen, String> {
    match (text, text.strip_suffix('%')) {
        ("mean", _) => Ok(Chosen::Mean),
        ("best", _) => Ok(Chosen::Best),
        (_, Some(percent)) => {
            let percent = percent.parse().ok().filter(|percent| (1..=1000).contains(percent));
            percent.map(Chosen::Share).ok_or("a share is a percentage from 1% to 1000%".into())
        }
        (other, None) => rate(other).map(Chosen::Fixed),
    }
}

fn rate(text: &str) -> Result<BitRate, String> {
    let value = number(text, &[("mbit", 1e6), ("kbit", 1e3)]).filter(|&bits| bits >= 1.0);
    let value = value.ok_or("a rate is a number with a unit: 2.5mbit, 800kbit")?;
    Ok(BitRate::bits_per_second(value as u64))
}

fn span(text: &str) -> Result<Micros, String> {
    let value = number(text, &[("ms", 1e3), ("s", 1e6)]);
    let value = value.ok_or("a time is a number with a unit: 60ms, 0.3s")?;
    Ok(Micros::new(value as u64))
}

fn share(text: &str) -> Result<Probability, String> {
    let value = text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    let percent: f64 = value.ok_or("a share is a percentage from 0 to 100")?;
    Ok(Probability::ppm((percent * 1e4) as u32))
}

/// Reads a number that is followed by one of these units, and multiplies it by that unit.
fn number(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let find = |&(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), factor));
    let (digits, factor) = units.iter().find_map(find)?;
    let value = digits.parse::<f64>().ok()? * factor;
    (0.0..MAX).contains(&value).then_some(value)
}

/// Up to here, whole numbers are exact.
const MAX: f64 = 1e15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_asked_for() {
        assert_eq!(rate("2.5mbit"), Ok(BitRate::kilobits_per_second(2500)));
        assert_eq!(rate("800 kbit"), Ok(BitRate::kilobits_per_second(800)));
        assert_eq!(span("60ms"), Ok(Micros::from_millis(60)));
        assert_eq!(span("0.3s"), Ok(Micros::from_millis(300)));
        assert_eq!(share("1.5"), Ok(Probability::ppm(15_000)));
        assert_eq!(chosen("best"), Ok(Chosen::Best));
        assert_eq!(chosen("50%"), Ok(Chosen::Share(50)));
        assert!(chosen("0%").is_err() && chosen("half").is_err());
        for wrong in ["", "60", "ms", "-1ms", "nanms", "infs", "1e99s", "0mbit"] {
            assert!(rate(wrong).is_err() && span(wrong).is_err(), "{wrong}");
        }
        assert!(share("101").is_err() && share("-1").is_err() && share("nan").is_err());
    }
}
