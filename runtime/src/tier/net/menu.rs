//! The operating points of a model in the words of the protocol.

use aiflow_codec::RateIndex as CodecRate;
use aiflow_transport::negotiate::{Policy, ServedCut, ServedModel, Tenants};
use aiflow_transport::wire::{
    CodecId, CutId as WireCut, ElementType, Fallback, ModelId as WireModel, Open, Point, PointId,
    ProfileHash, RateEntry, RateIndex, Replay, TensorSchema, capability,
};
use aiflow_units::{Bytes, Micros};

use crate::bundle::{FeatureCoding, PictureFormat};
use crate::tier::layers::LAYERS;
use crate::tier::{ModelParts, PartError, Place};
use crate::value::ElementKind;

/// The static capability in SETUP that says how many classes an answer should name; 0 asks for all
/// outputs (`spec/answer.md` 4).
pub const ANSWER_CLASSES: u64 = capability::ANSWER_CLASSES;

/// The rate index of lossless frames (`spec/answer.md` 5).
pub const LOSSLESS_RATE: u8 = 64;

/// What is handed over at one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dish {
    /// Tensors as AIFLOW frames.
    Tensors(Place),
    /// A picture.
    Picture(PictureFormat),
}

/// The operating points that a client offers: one for each place, and one for each picture format.
#[derive(Clone, Debug)]
pub struct Menu {
    model: WireModel,
    points: Vec<(Dish, Point)>,
}

impl Menu {
    /// Lists the points of a model. `places` are those to offer, best first; the input is always
    /// offered too, and pictures behind it.
    ///
    /// # Errors
    /// When a place is not one of the model.
    pub fn new(parts: &ModelParts, places: &[Place]) -> Result<Self, PartError> {
        let mut dishes: Vec<Dish> = Vec::new();
        let own = places.iter().copied().chain([Place::Input]).map(Dish::Tensors);
        for dish in own.chain(FORMATS.map(Dish::Picture)) {
            if !dishes.contains(&dish) {
                dishes.push(dish);
            }
        }
        dishes.truncate(MOST_POINTS);
        let mut points = Vec::with_capacity(dishes.len());
        for (index, dish) in dishes.into_iter().enumerate() {
            let id = PointId(u16::try_from(index).unwrap_or(u16::MAX));
            points.push((dish, point(parts, id, dish)?));
        }
        Ok(Self { model: wire_model(parts), points })
    }

    /// Finds the point of a dish.
    pub(super) fn find(&self, dish: Dish) -> Option<PointId> {
        self.points.iter().find(|(other, _)| *other == dish).map(|(_, point)| point.id)
    }

    /// Asks for a session.
    pub(super) fn open(&self, deadline: Micros) -> Open {
        Open {
            session: aiflow_transport::wire::SessionId::default(),
            replay: Replay::Harmless,
            model: self.model,
            tenant: String::new(),
            deadline,
            period: Micros::ZERO,
            points: self.points.iter().map(|(_, point)| point.clone()).collect(),
        }
    }
}

/// Lists what a server serves of a model, and what each cut number and codec means.
pub(super) fn policy(parts: &ModelParts, pictures: bool) -> Result<Policy, PartError> {
    let mut cuts = Vec::new();
    let own = parts.cuts().map(|cut| Place::Cut(cut.id));
    for place in std::iter::once(Place::Input).chain(own) {
        let mut codecs = vec![(CodecId::AIFLOW, None)];
        codecs.extend(hash(parts, place).map(|hash| (CodecId::AIFLOW, Some(hash))));
        if pictures && place == Place::Input {
            codecs.extend(FORMATS.map(|format| (codec_of(format), None)));
        }
        let cut = WireCut(place.number().unwrap_or(u32::MAX));
        let tensors = schemas(parts, place)?;
        cuts.push(ServedCut { cut, tensors, codecs, tail: Micros::ZERO });
    }
    let model = ServedModel { model: wire_model(parts), cuts };
    Ok(Policy { models: vec![model], tenants: Tenants::Any })
}

/// Says what a point of a client means here; `None` for what is not served.
pub(super) fn dish(parts: &ModelParts, point: &Point) -> Option<Dish> {
    if let Some(format) = FORMATS.into_iter().find(|&format| codec_of(format) == point.codec) {
        return (point.cut.0 == 0).then_some(Dish::Picture(format));
    }
    let own = parts.cuts().map(|cut| Place::Cut(cut.id));
    let mut places = std::iter::once(Place::Input).chain(own);
    places.find(|place| place.number() == Some(point.cut.0)).map(Dish::Tensors)
}

/// The codecs that peers of this crate know, best first.
pub(super) fn codecs() -> Vec<CodecId> {
    let mut codecs = vec![CodecId::AIFLOW];
    codecs.extend(FORMATS.map(codec_of));
    codecs.push(CodecId::RAW);
    codecs
}

/// The rate index in the header of a frame.
pub(super) fn rate_of(coding: FeatureCoding) -> RateIndex {
    RateIndex(match coding {
        FeatureCoding::Learned { rate_index, .. } => rate_index,
        FeatureCoding::Raw | FeatureCoding::Lossless => LOSSLESS_RATE,
    })
}

pub(super) fn wire_model(parts: &ModelParts) -> WireModel {
    WireModel(*parts.id().digest().as_bytes())
}

fn point(parts: &ModelParts, id: PointId, dish: Dish) -> Result<Point, PartError> {
    let (place, codec) = match dish {
        Dish::Tensors(place) => (place, CodecId::AIFLOW),
        Dish::Picture(format) => (Place::Input, codec_of(format)),
    };
    let tensors = schemas(parts, place)?;
    let elements: u64 = tensors.iter().filter_map(TensorSchema::elements).sum();
    let profile = if codec == CodecId::AIFLOW { hash(parts, place) } else { None };
    let entry = |rate: u8, size: u64| {
        let size = Bytes::new(size);
        RateEntry { rate: RateIndex(rate), base: size, total: size }
    };
    let mut rates = Vec::new();
    if let Some(profile) = parts.coder(place)?.profiles().first().filter(|_| profile.is_some()) {
        let known = profile.rates().map(|rate: CodecRate| rate.get());
        // One entry of the list is for lossless frames.
        rates.extend(known.take(MOST_RATES).map(|rate| entry(rate, elements / 2)));
    }
    rates.push(entry(LOSSLESS_RATE, elements.saturating_mul(4)));
    Ok(Point {
        id,
        cut: WireCut(place.number().unwrap_or(u32::MAX)),
        codec,
        profile,
        fallback: Fallback::No,
        layers: if parts.coder(place)?.has_layers() && codec == CodecId::AIFLOW {
            LAYERS
        } else {
            1
        },
        tensors,
        head: Micros::ZERO,
        tail: Micros::ZERO,
        rates,
    })
}

fn schemas(parts: &ModelParts, place: Place) -> Result<Vec<TensorSchema>, PartError> {
    let size = |&size: &usize| u32::try_from(size).unwrap_or(u32::MAX);
    let schema = |dims: &Vec<usize>| TensorSchema {
        element: ElementType::F32,
        dims: dims.iter().map(size).collect(),
    };
    let coder = parts.coder(place)?;
    let schemas: Vec<TensorSchema> = coder.dims().iter().map(schema).collect();
    if !schemas.is_empty() {
        return Ok(schemas);
    }
    // A model without float inputs: what crosses are values that say themselves how large they are.
    let side =
        |(_, kind): &(String, ElementKind)| TensorSchema { element: element(*kind), dims: vec![1] };
    Ok(coder.sides().iter().map(side).collect())
}

const fn element(kind: ElementKind) -> ElementType {
    match kind {
        ElementKind::Bool => ElementType::Bool,
        ElementKind::U8 => ElementType::U8,
        ElementKind::I8 => ElementType::I8,
        ElementKind::I32 => ElementType::I32,
        ElementKind::I64 => ElementType::I64,
        ElementKind::F32 => ElementType::F32,
    }
}

fn hash(parts: &ModelParts, place: Place) -> Option<ProfileHash> {
    parts.profile(place).map(|digest| ProfileHash(*digest.as_bytes()))
}

const fn codec_of(format: PictureFormat) -> CodecId {
    match format {
        PictureFormat::Jpeg => CodecId::JPEG,
        PictureFormat::Webp => CodecId::WEBP,
        PictureFormat::Png => CodecId::PNG,
    }
}

const FORMATS: [PictureFormat; 3] = [PictureFormat::Webp, PictureFormat::Jpeg, PictureFormat::Png];
/// Points that fit the default limit of the protocol.
const MOST_POINTS: usize = 64;
/// Rates of a point, without that of lossless frames.
const MOST_RATES: usize = 63;
