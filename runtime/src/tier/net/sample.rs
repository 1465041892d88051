//! What a device is given, and how it behaves.

use std::sync::Arc;

use aiflow_transport::Config;
use aiflow_transport::wire::{ChannelLevel, Role, Setup, Values, capability};
use aiflow_units::Micros;

use super::menu::{self, ANSWER_CLASSES};
use super::picture::PictureWriter;
use crate::learning::NamedInputs;
use crate::tier::AnswerForm;

/// An input of a device.
#[derive(Clone)]
pub struct Sample {
    pub(super) inputs: Arc<NamedInputs>,
    pub(super) picture: Option<Arc<dyn PictureWriter>>,
    pub(super) capture: Micros,
}

impl Sample {
    /// Takes the inputs of the model by name.
    pub fn new(inputs: NamedInputs) -> Self {
        Self { inputs: Arc::new(inputs), picture: None, capture: Micros::ZERO }
    }

    /// Adds the picture that they were made from.
    #[must_use]
    pub fn with_picture(mut self, picture: Arc<dyn PictureWriter>) -> Self {
        self.picture = Some(picture);
        self
    }

    /// Sets what getting and preparing the input took; it counts as a part of the request.
    #[must_use]
    pub const fn with_capture(mut self, time: Micros) -> Self {
        self.capture = time;
        self
    }
}

/// How a device behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceOptions {
    pub(super) form: AnswerForm,
    pub(super) slowdown: f64,
    pub(super) patience: Micros,
    pub(super) layering: Layering,
}

/// When a device sends frames in layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layering {
    /// Never.
    #[default]
    Never,
    /// Where a request has a deadline, and the channel is expected not to carry the whole frame in
    /// time: then the base is answered when the rest is late. Layers take some 15 % more bytes, so
    /// frames that fit go in one piece.
    WhenTight,
    /// Wherever the cut has layers, for measurements.
    Always,
}

impl Default for DeviceOptions {
    /// All outputs, as fast as the machine is, at least 150 ms of patience with an answer, no layers.
    fn default() -> Self {
        let patience = Micros::from_millis(150);
        let layering = Layering::Never;
        Self { form: AnswerForm::Tensors, slowdown: 1.0, patience, layering }
    }
}

impl DeviceOptions {
    /// Sets what is wanted of answers.
    #[must_use]
    pub const fn with_form(mut self, form: AnswerForm) -> Self {
        self.form = form;
        self
    }

    /// Makes the device so many times slower, for emulation: it rests after each computation.
    #[must_use]
    pub const fn with_slowdown(mut self, factor: f64) -> Self {
        self.slowdown = factor;
        self
    }

    /// Sets how long an answer may stay out at least before the device computes it itself; longer where
    /// answers usually take longer, with room for how far they vary. Shorter computes more for nothing,
    /// longer leaves more requests waiting for a server that is gone.
    #[must_use]
    pub const fn with_patience(mut self, least: Micros) -> Self {
        self.patience = least;
        self
    }

    /// Sets when frames go in layers. Only cuts with one tensor and the high effort have them.
    #[must_use]
    pub const fn with_layering(mut self, layering: Layering) -> Self {
        self.layering = layering;
        self
    }

    /// Says in SETUP who this is, and what is wanted.
    pub fn protocol(&self) -> Config {
        let values = Values::new().with(capability::TIER, 0);
        let setup = Setup {
            role: Role::Head,
            codecs: menu::codecs(),
            channel_level: ChannelLevel::Probe,
            static_capabilities: values.with(ANSWER_CLASSES, self.form.number()),
            implementation: concat!("aiflow/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Setup::default()
        };
        Config::default().with_setup(setup)
    }
}
