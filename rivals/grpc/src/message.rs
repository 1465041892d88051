//! The messages of the service, as `protoc` would make them of this description:
//!
//! ```proto
//! service Uploads { rpc Upload(stream Frame) returns (stream Receipt); }
//! message Frame { uint64 number = 1; uint64 captured_us = 2; bytes payload = 3; }
//! message Receipt { uint64 number = 1; uint64 received_us = 2; }
//! ```

use bytes::Bytes as Buffer;

/// What is uploaded.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Frame {
    /// Counts from 0.
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// When it was captured, on the clock of the measurement.
    #[prost(uint64, tag = "2")]
    pub(crate) captured_us: u64,
    /// What a receiver would decode.
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) payload: Buffer,
}

/// Answers one frame.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Receipt {
    /// The number of the frame.
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// When it was there, on the clock of the measurement.
    #[prost(uint64, tag = "2")]
    pub(crate) received_us: u64,
}

/// The path of the method.
pub(crate) const PATH: &str = "/aiflow.rival.Uploads/Upload";

/// The largest frame, instead of the default of 4 MiB.
pub(crate) const LARGEST: usize = 256 << 20;

/// The windows of HTTP/2, instead of the default of 64 KiB: twice the product of rate and delay up
/// to 1 Gbit/s at 60 ms, so that only TCP decides how fast bytes go.
pub(crate) const WINDOW: u32 = 16 << 20;
