//! Operating points (`protocol.md` 6.5).

use aiflow_units::{Bytes, Micros};

use super::tensor::MAX_TENSORS;
use super::{
    CodecId, CutId, Limit, Limits, PointId, ProfileHash, RateIndex, Reader, TensorSchema, Wire,
    Writer,
};
use crate::error::{ErrorKind, ProtocolError};

/// The most rates of one operating point.
pub const MAX_RATES: usize = 64;
/// The most points in one message, whatever limit was advertised.
pub(super) const MAX_POINTS: usize = 1 << 12;

/// Whether a point is one to fall back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fallback {
    /// It is used when the set says so.
    #[default]
    No,
    /// The sender may use it at any time without asking, as long as the set holds it.
    Yes,
}

/// What one rate of a profile costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateEntry {
    /// The index of the rate.
    pub rate: RateIndex,
    /// Typical bytes of the base layer.
    pub base: Bytes,
    /// Typical bytes of all layers; not below `base`, and equal to it with one layer.
    pub total: Bytes,
}

/// One way to split the work: a cut with a codec for what crosses it, and what both cost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Point {
    /// Its number among those of the OPEN.
    pub id: PointId,
    /// The cut.
    pub cut: CutId,
    /// The codec.
    pub codec: CodecId,
    /// The profile; `None` for codecs without profiles.
    pub profile: Option<ProfileHash>,
    /// Whether it is one to fall back on.
    pub fallback: Fallback,
    /// How many layers its frames have: 1 to 16.
    pub layers: u8,
    /// What crosses the cut: 1 to 8 tensors.
    pub tensors: Vec<TensorSchema>,
    /// How long the head takes; zero for unknown.
    pub head: Micros,
    /// How long the tail takes; zero for unknown, which is usual in an OPEN.
    pub tail: Micros,
    /// What its rates cost, in ascending order of the index; 1 to 64.
    pub rates: Vec<RateEntry>,
}

impl Wire for Point {
    const SECTION: &'static str = "protocol.md 6.5";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        reader.section(Self::SECTION);
        let id = PointId(reader.varint_u16()?);
        let cut = CutId(reader.varint_u32()?);
        let codec = CodecId(reader.varint()?);
        let (fallback, profile) = read_flags(reader)?;
        let layers = read_layers(reader, limits)?;
        let missing = reader.error(ErrorKind::Missing);
        let count = reader.count(MAX_TENSORS)?;
        if count == 0 {
            return Err(missing);
        }
        reader.section(TensorSchema::SECTION);
        let tensors =
            (0..count).map(|_| TensorSchema::read(reader, limits)).collect::<Result<_, _>>()?;
        reader.section(Self::SECTION);
        let (head, tail) = (reader.micros()?, reader.micros()?);
        let rates = read_rates(reader, layers)?;
        Ok(Self { id, cut, codec, profile, fallback, layers, tensors, head, tail, rates })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("point", u64::from(self.id.0));
        writer.varint("cut", u64::from(self.cut.0));
        writer.varint("codec", self.codec.0);
        let profile = if self.profile.is_some() { FLAG_PROFILE } else { 0 };
        let fallback = if self.fallback == Fallback::Yes { FLAG_FALLBACK } else { 0 };
        writer.u8(profile | fallback);
        if let Some(profile) = &self.profile {
            writer.raw(&profile.0);
        }
        if self.layers == 0 || self.layers > 16 {
            writer.invalid("layers", "there are 1 to 16");
        }
        writer.varint("layers", u64::from(self.layers));
        if self.tensors.is_empty() {
            writer.invalid("tensors", "there is at least one");
        }
        writer.count("tensors", self.tensors.len(), MAX_TENSORS);
        self.tensors.iter().for_each(|tensor| tensor.write(writer));
        writer.micros(self.head);
        writer.micros(self.tail);
        write_rates(writer, &self.rates, self.layers);
    }
}

fn read_flags(reader: &mut Reader<'_>) -> Result<(Fallback, Option<ProfileHash>), ProtocolError> {
    let reserved = reader.error(ErrorKind::ReservedBits);
    let flags = reader.u8()?;
    if flags & !(FLAG_PROFILE | FLAG_FALLBACK) != 0 {
        return Err(reserved);
    }
    let fallback = if flags & FLAG_FALLBACK == 0 { Fallback::No } else { Fallback::Yes };
    let profile = match flags & FLAG_PROFILE {
        0 => None,
        _ => Some(ProfileHash(reader.array()?)),
    };
    Ok((fallback, profile))
}

fn read_layers(reader: &mut Reader<'_>, limits: &Limits) -> Result<u8, ProtocolError> {
    let invalid = reader.error(ErrorKind::InvalidValue);
    let above = reader.error(ErrorKind::LimitExceeded(Limit::Layers));
    match reader.varint_to(16)? as u8 {
        0 => Err(invalid),
        layers if layers > limits.layers() => Err(above),
        layers => Ok(layers),
    }
}

/// Reads rates: the first index and the steps to the others, with their sizes.
fn read_rates(reader: &mut Reader<'_>, layers: u8) -> Result<Vec<RateEntry>, ProtocolError> {
    let missing = reader.error(ErrorKind::Missing);
    let count = reader.count(MAX_RATES)?;
    if count == 0 {
        return Err(missing);
    }
    let mut rates = Vec::with_capacity(count);
    let mut next = 0_u64;
    for _ in 0..count {
        let invalid = reader.error(ErrorKind::InvalidValue);
        let rate = next.saturating_add(reader.varint_to(u64::from(u8::MAX))?);
        let rate = u8::try_from(rate).map_err(|_| invalid)?;
        next = u64::from(rate).saturating_add(1);
        let base = reader.size()?;
        let invalid = reader.error(ErrorKind::InvalidValue);
        let more = if layers > 1 { reader.size()? } else { Bytes::ZERO };
        let total = base.saturating_add(more);
        if total.get() > super::MAX_VARINT {
            return Err(invalid);
        }
        rates.push(RateEntry { rate: RateIndex(rate), base, total });
    }
    Ok(rates)
}

fn write_rates(writer: &mut Writer, rates: &[RateEntry], layers: u8) {
    if rates.is_empty() {
        writer.invalid("rates", "there is at least one");
    }
    writer.count("rates", rates.len(), MAX_RATES);
    let mut next = 0_u64;
    for entry in rates {
        let rate = u64::from(entry.rate.0);
        let more = entry.total.checked_sub(entry.base);
        if rate < next || more.is_none() || (layers == 1 && entry.total != entry.base) {
            writer.invalid("rates", "indices ascend, and the base is at most the total");
        }
        writer.varint("rate", rate.saturating_sub(next));
        writer.varint("base", entry.base.get());
        if layers > 1 {
            writer.varint("more", more.unwrap_or_default().get());
        }
        next = rate.saturating_add(1);
    }
}

/// Reads a number of points, at least one and within the advertised limit.
pub(super) fn read_count(reader: &mut Reader<'_>, limits: &Limits) -> Result<usize, ProtocolError> {
    let missing = reader.error(ErrorKind::Missing);
    let above = reader.error(ErrorKind::LimitExceeded(Limit::Points));
    match reader.count(MAX_POINTS)? {
        0 => Err(missing),
        count if count > limits.points() => Err(above),
        count => Ok(count),
    }
}

/// The profile hash follows.
const FLAG_PROFILE: u8 = 0x01;
/// The point is one to fall back on.
const FLAG_FALLBACK: u8 = 0x02;
