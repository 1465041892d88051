//! CHANNEL_REPORT: what a side knows of the channel towards its peer (`protocol.md` 5.10).

use aiflow_units::{BitRate, Bytes, Micros};

use super::{Limits, Reader, Sequence, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// A share in parts per 10,000: fine enough for losses, and two bytes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Permyriad(u16);

impl Permyriad {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const ONE: Self = Self(10_000);

    /// Takes parts per 10,000; more than all of them becomes all.
    pub const fn new(parts: u16) -> Self {
        if parts > Self::ONE.0 { Self::ONE } else { Self(parts) }
    }

    /// Takes parts per million, rounded up, so that a small share does not become none.
    pub const fn from_ppm(parts: u32) -> Self {
        let parts = parts.div_ceil(100);
        if parts > Self::ONE.0 as u32 { Self::ONE } else { Self(parts as u16) }
    }

    /// Returns parts per 10,000.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns parts per million.
    pub const fn ppm(self) -> u32 {
        (self.0 as u32).saturating_mul(100)
    }
}

/// How far a report is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReportFlags(u8);

impl ReportFlags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// The sender had too little to send to fill the channel: the rates are lower bounds.
    pub const APP_LIMITED: Self = Self(0x01);
    /// Padding was sent to find out the rate.
    pub const PROBING: Self = Self(0x02);
    /// The path changed, or nothing was heard for long: the rates are of the past.
    pub const STALE: Self = Self(0x04);
    /// Advice of the radio or the network took part.
    pub const PHY: Self = Self(0x08);

    const ALL: u8 = 0x0f;

    /// Returns the flags as they stand on the wire.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns whether all flags of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns these flags and those of `other`.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a side knows of the channel from itself to its peer. Zero means unknown, except in
/// `sequence` and `flags`. It is about this hop only and never forwarded.
///
/// The payload takes at most 47 bytes as long as rates are below 1 Tbit/s, times below 1,000 s,
/// interval and age below 16 s, the backlog below 16 MiB and the number below 2^30.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ChannelReport {
    /// The number of the report, from 0.
    pub sequence: Sequence,
    /// The time since the report before; sent in whole milliseconds, rounded up.
    pub interval: Micros,
    /// The median of the rate that is expected next; sent in kbit/s, as all rates are.
    pub rate_p50: BitRate,
    /// The rate that is exceeded with 90 % probability.
    pub rate_p10: BitRate,
    /// The rate at which bytes were delivered during the interval.
    pub delivery_rate: BitRate,
    /// The shortest round trip of late.
    pub min_rtt: Micros,
    /// The smoothed round trip.
    pub srtt: Micros,
    /// The mean deviation of the round trip.
    pub rttvar: Micros,
    /// The share of packets that were lost.
    pub loss: Permyriad,
    /// The share of packets that were marked for congestion.
    pub marked: Permyriad,
    /// How long bytes wait in the network.
    pub queue_delay: Micros,
    /// Bytes of frames that wait at the sender; sent in KiB, rounded up.
    pub backlog: Bytes,
    /// How far the report is to be believed.
    pub flags: ReportFlags,
    /// What the network advised.
    pub advice: BitRate,
    /// The age of the newest sample; sent in whole milliseconds, rounded up.
    pub age: Micros,
}

impl Wire for ChannelReport {
    const SECTION: &'static str = "protocol.md 5.10";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        Ok(Self {
            sequence: Sequence(reader.varint()?),
            interval: reader.millis()?,
            rate_p50: reader.kilobits()?,
            rate_p10: reader.kilobits()?,
            delivery_rate: reader.kilobits()?,
            min_rtt: reader.micros()?,
            srtt: reader.micros()?,
            rttvar: reader.micros()?,
            loss: read_share(reader)?,
            marked: read_share(reader)?,
            queue_delay: reader.micros()?,
            backlog: reader.varint_to(MAX_KIB).map(Bytes::from_kib)?,
            flags: read_flags(reader)?,
            advice: reader.kilobits()?,
            age: reader.millis()?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("sequence", self.sequence.0);
        writer.millis(self.interval);
        writer.kilobits(self.rate_p50);
        writer.kilobits(self.rate_p10);
        writer.kilobits(self.delivery_rate);
        writer.micros(self.min_rtt);
        writer.micros(self.srtt);
        writer.micros(self.rttvar);
        writer.varint("loss", u64::from(self.loss.0));
        writer.varint("marked", u64::from(self.marked.0));
        writer.micros(self.queue_delay);
        writer.varint("backlog", self.backlog.get().div_ceil(1024).min(MAX_KIB));
        writer.u8(self.flags.0);
        writer.kilobits(self.advice);
        writer.millis(self.age);
    }
}

fn read_share(reader: &mut Reader<'_>) -> Result<Permyriad, ProtocolError> {
    reader.varint_to(u64::from(Permyriad::ONE.0)).map(|parts| Permyriad(parts as u16))
}

fn read_flags(reader: &mut Reader<'_>) -> Result<ReportFlags, ProtocolError> {
    let reserved = reader.error(ErrorKind::ReservedBits);
    let bits = reader.u8()?;
    if bits & !ReportFlags::ALL == 0 { Ok(ReportFlags(bits)) } else { Err(reserved) }
}

/// The largest backlog in KiB: as many bytes as fit 62 bits.
const MAX_KIB: u64 = super::MAX_VARINT >> 10;
