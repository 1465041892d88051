//! What is decided about a request of a device, and what comes of it.

use core::fmt;

use aiflow_transport::Code;
use aiflow_units::{Bytes, Micros};

use crate::bundle::{FeatureCoding, Payload, PictureCoding};
use crate::tier::{Answer, Place, Trace};

/// Where and how a device hands a request over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The tensors of a place.
    Tensors {
        /// The place: the input or a cut.
        at: Place,
        /// How they are coded.
        coding: FeatureCoding,
    },
    /// The picture that the input was made from.
    Picture(PictureCoding),
}

impl From<Payload> for Handover {
    fn from(payload: Payload) -> Self {
        match payload {
            Payload::Picture(coding) => Self::Picture(coding),
            Payload::Feature { cut, coding } => Self::Tensors { at: Place::Cut(cut), coding },
        }
    }
}

/// What a device does with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// It answers itself.
    #[default]
    Local,
    /// It hands the request over.
    Remote(Handover),
    /// It hands the request over and answers itself meanwhile: the first answer counts. For channels
    /// that are not known well enough to rely on; what is sent says more of them than padding does.
    Both(Handover),
}

/// Why a device answered itself although the request was to be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fallback {
    /// There is no connection.
    Disconnected,
    /// The server acknowledges nothing.
    Outage,
    /// The server goes away, and there is no other one.
    GoingAway,
    /// The frame could not be sent: too much is under way.
    Busy,
    /// The change to this place is not agreed on yet, and nothing is known of the one before.
    Switching,
    /// The place is not one of those that were offered to the server.
    NotOffered,
    /// The server did not answer in time.
    Deadline,
    /// The server gave the request up, or the connection ended.
    Failed(Code),
    /// The answer could not be read.
    BadAnswer,
}

impl Fallback {
    /// Returns a name for records, which stays as it is.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Outage => "outage",
            Self::GoingAway => "going away",
            Self::Busy => "busy",
            Self::Switching => "switching",
            Self::NotOffered => "not offered",
            Self::Deadline => "deadline",
            Self::Failed(_) => "failed",
            Self::BadAnswer => "bad answer",
        }
    }
}

impl fmt::Display for Fallback {
    /// Writes the name, and behind `failed: ` the name of the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(code) => write!(f, "{}: {}", self.name(), code.name()),
            other => f.write_str(other.name()),
        }
    }
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The answer.
    pub answer: Answer,
    /// Where the time went; what no part covers is hand-over between tasks.
    pub trace: Trace,
    /// From the capture to the answer.
    pub total: Micros,
    /// What was done with it; of both, whose answer came first.
    pub choice: Choice,
    /// Why the device answered all the same; `None` when it did what was chosen.
    pub fallback: Option<Fallback>,
    /// Payload bytes that were handed over; zero when nothing was.
    pub bytes: Bytes,
    /// For how long the device computed an answer of its own while another one came.
    pub spare: Micros,
    /// Whether the answer came after the deadline.
    pub late: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_written_in_lower_case_words() {
        assert_eq!(Fallback::NotOffered.to_string(), "not offered");
        assert_eq!(Fallback::Switching.to_string(), "switching");
        let failed = Fallback::Failed(Code::Timeout).to_string();
        assert_eq!(failed, format!("failed: {}", Code::Timeout.name()));
    }
}
