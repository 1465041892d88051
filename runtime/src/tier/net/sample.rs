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
}

impl Default for DeviceOptions {
    /// All outputs, as fast as the machine is, and at least 150 ms of patience with an answer.
    fn default() -> Self {
        let patience = Micros::from_millis(150);
        Self { form: AnswerForm::Tensors, slowdown: 1.0, patience }
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

    /// Sets how long an answer may stay out before the device computes it itself; three times the
    /// usual time where that is longer. Shorter computes more for nothing, longer leaves more
    /// requests waiting for a server that is gone.
    #[must_use]
    pub const fn with_patience(mut self, least: Micros) -> Self {
        self.patience = least;
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
