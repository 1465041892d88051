//! How a connection behaves.

use aiflow_units::{Bytes, Micros};

use super::Older;
use crate::ConfigError;
use crate::channel::EstimatorConfig;
use crate::rate::RateConfig;
use crate::wire::{ChannelLevel, CodecId, Limits, Role, Setup, Token};

/// Whether the application wants to see the peer's token before anything is done for the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Verification {
    /// It does not: the carrier's certificates are enough, or everybody is welcome.
    #[default]
    Never,
    /// It does; see [`Event::Token`](crate::Event::Token).
    Always,
}

/// How a [`Connection`](crate::Connection) behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub(crate) setup: Setup,
    pub(crate) verification: Verification,
    pub(crate) grease: Option<u64>,
    pub(crate) queue: Bytes,
    pub(crate) overlap: Micros,
    pub(crate) decision: Micros,
    pub(crate) outage: Micros,
    pub(crate) greeting: Micros,
    pub(crate) lifetime: Micros,
    pub(crate) arrivals: Older,
    pub(crate) estimator: EstimatorConfig,
    pub(crate) rate: RateConfig,
}

impl Default for Config {
    fn default() -> Self {
        let setup = Setup {
            channel_level: ChannelLevel::Probe,
            implementation: concat!("aiflow/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Setup::default()
        };
        Self {
            setup,
            verification: Verification::Never,
            grease: Some(0),
            queue: Bytes::from_mib(64),
            overlap: Micros::from_secs(2),
            decision: Micros::from_secs(2),
            outage: Micros::from_millis(500),
            greeting: Micros::from_secs(10),
            lifetime: Micros::from_secs(30),
            arrivals: Older::Keep,
            estimator: EstimatorConfig::default(),
            rate: RateConfig::default(),
        }
    }
}

impl Config {
    /// Sets everything that SETUP says at once. Default: [`Setup::default`] with channel level
    /// [`ChannelLevel::Probe`] and the name of this implementation.
    #[must_use]
    pub fn with_setup(mut self, setup: Setup) -> Self {
        self.setup = setup;
        self
    }

    /// Sets what the peer may make this side spend. Default: [`Limits::default`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.setup.limits = limits;
        self
    }

    /// Sets what this side does with frames. Default: both.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.setup.role = role;
        self
    }

    /// Sets the codecs that this side knows, best first. Default: raw elements only.
    #[must_use]
    pub fn with_codecs(mut self, codecs: Vec<CodecId>) -> Self {
        self.setup.codecs = codecs;
        self
    }

    /// Sets how far channel reports and probes go. Default: [`ChannelLevel::Probe`].
    #[must_use]
    pub fn with_channel_level(mut self, level: ChannelLevel) -> Self {
        self.setup.channel_level = level;
        self
    }

    /// Sets the time between two channel reports of the peer, 50 ms to 1 s. Default: 100 ms. Shorter
    /// costs bytes (47 each), longer lets the peer's advice grow old.
    #[must_use]
    pub fn with_report_interval(mut self, interval: Micros) -> Self {
        self.setup.report_interval = interval;
        self
    }

    /// Sets the token that the peer gets to see. Default: none.
    #[must_use]
    pub fn with_token(mut self, token: Token) -> Self {
        self.setup.token = Some(token);
        self
    }

    /// Sets whether the application verifies the peer's token. Default: never.
    #[must_use]
    pub fn with_verification(mut self, verification: Verification) -> Self {
        self.verification = verification;
        self
    }

    /// Sets the seed of what is sent only to keep peers tolerant of what they do not know; `None`
    /// sends nothing of it. Default: seed 0. Drivers give a random one.
    #[must_use]
    pub fn with_grease(mut self, seed: Option<u64>) -> Self {
        self.grease = seed;
        self
    }

    /// Sets how many bytes may wait to be sent; `send` is refused beyond. Default: 64 MiB.
    #[must_use]
    pub fn with_queue(mut self, most: Bytes) -> Self {
        self.queue = most;
        self
    }

    /// Sets how long frames of an old epoch are taken after the new one began. Default: 2 s; shorter
    /// loses frames that are still on their way, longer keeps two tails in memory.
    #[must_use]
    pub fn with_overlap(mut self, overlap: Micros) -> Self {
        self.overlap = overlap;
        self
    }

    /// Sets how long the application may take to decide on a proposal of the peer before it is
    /// turned down. Default: 2 s.
    #[must_use]
    pub fn with_decision(mut self, longest: Micros) -> Self {
        self.decision = longest;
        self
    }

    /// Sets the shortest silence that counts as an outage, beside three probe timeouts. Default:
    /// 500 ms; shorter takes the pauses of a cellular channel for outages.
    #[must_use]
    pub fn with_outage(mut self, least: Micros) -> Self {
        self.outage = least;
        self
    }

    /// Sets how long the peer may take to say SETUP, and the application to verify the token.
    /// Default: 10 s.
    #[must_use]
    pub fn with_greeting(mut self, longest: Micros) -> Self {
        self.greeting = longest;
        self
    }

    /// Sets how long a frame that is not answered is held, whatever deadline it names. Default: 30 s,
    /// as long as a session survives silence.
    #[must_use]
    pub fn with_lifetime(mut self, longest: Micros) -> Self {
        self.lifetime = longest;
        self
    }

    /// Sets what becomes of frames whose base is still arriving when that of a newer one is whole.
    /// Default: [`Older::Keep`]; a server that only wants the present supersedes them.
    #[must_use]
    pub fn with_arrivals(mut self, older: Older) -> Self {
        self.arrivals = older;
        self
    }

    /// Sets how the channel estimator remembers. Default: [`EstimatorConfig::default`].
    #[must_use]
    pub fn with_estimator(mut self, estimator: EstimatorConfig) -> Self {
        self.estimator = estimator;
        self
    }

    /// Sets how budgets follow the estimate. Default: [`RateConfig::default`].
    #[must_use]
    pub fn with_rate(mut self, rate: RateConfig) -> Self {
        self.rate = rate;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// The first one out of its range.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.setup.limits.validate()?;
        let spans = [
            ("overlap", self.overlap, 100, 60_000),
            ("decision", self.decision, 10, 60_000),
            ("outage", self.outage, 50, 30_000),
            ("greeting", self.greeting, 100, 120_000),
            ("lifetime", self.lifetime, 100, 600_000),
        ];
        for (field, span, least, most) in spans {
            let range = Micros::from_millis(least)..=Micros::from_millis(most);
            if !range.contains(&span) {
                let value = span.get() / 1000;
                return Err(ConfigError::OutOfRange { field, value, least, most });
            }
        }
        crate::wire::encode(&self.setup)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Limit;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let limits = Limits::default().with(Limit::Sessions, 0);
        let refused = Config::default().with_limits(limits).validate();
        assert!(matches!(refused, Err(ConfigError::Limit { limit: Limit::Sessions, .. })));
        let refused = Config::default().with_overlap(Micros::ZERO).validate();
        assert!(matches!(refused, Err(ConfigError::OutOfRange { field: "overlap", .. })));
        let refused = Config::default().with_report_interval(Micros::new(1)).validate();
        assert!(matches!(refused, Err(ConfigError::Encode(_))));
    }
}
