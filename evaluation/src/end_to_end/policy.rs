//! Who decides about requests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a device uses the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Policy {
    /// Everything on the device.
    Device,
    /// The picture as WebP to a server that runs the whole model, as small as the loss budget allows.
    Webp,
    /// One cut, its tensors as 32-bit floats.
    FixedFloat,
    /// One cut, its tensors as 8-bit integers with lz4.
    FixedInt8,
    /// One cut, its tensors by the learned codec, as small as the loss budget allows.
    FixedLearned,
    /// The planner decides about each request on its own estimate of the channel.
    Aiflow,
}

impl Policy {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 6] = [
        Self::Device,
        Self::Webp,
        Self::FixedFloat,
        Self::FixedInt8,
        Self::FixedLearned,
        Self::Aiflow,
    ];

    /// Returns the name in scenario files and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Webp => "webp",
            Self::FixedFloat => "cut-fp32",
            Self::FixedInt8 => "cut-int8+lz4",
            Self::FixedLearned => "cut-learned",
            Self::Aiflow => "aiflow",
        }
    }

    /// Says it in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Device => "everything on the device",
            Self::Webp => "picture upload",
            Self::FixedFloat => "fixed cut, fp32",
            Self::FixedInt8 => "fixed cut, int8+lz4",
            Self::FixedLearned => "fixed cut, learned codec",
            Self::Aiflow => "aiflow",
        }
    }

    /// Tells whether the model is never divided.
    #[must_use]
    pub const fn is_trivial(self) -> bool {
        matches!(self, Self::Device | Self::Webp)
    }

    /// Tells whether it always hands over at one cut.
    #[must_use]
    pub const fn is_fixed_cut(self) -> bool {
        matches!(self, Self::FixedFloat | Self::FixedInt8 | Self::FixedLearned)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("there is no policy `{text}`; there are {known}")
        })
    }
}

impl TryFrom<String> for Policy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Policy> for String {
    fn from(policy: Policy) -> Self {
        policy.name().to_owned()
    }
}
