//! The container: what stands around the entropy-coded layers (`codec.md` 3 and 4).
//!
//! ```text
//! session form         flags q [length ...] crc ... layers
//! self-contained form  0xAF version flags element|rank profile dims q length ... crc ... layers
//! ```
//!
//! Both sides of a session know profile, element type and shape, so the session form leaves them
//! out: a frame of one layer has 6 bytes of overhead. The self-contained form is for files and for
//! peers that have just met. Parsing allocates nothing.

mod bits;
mod checksum;
mod frame;
mod header;
mod inspect;
mod reader;
mod varint;
mod writer;

pub use bits::{BitReader, BitWriter};
pub use frame::{Frame, Prefix};
pub use header::{
    Coder, FrameForm, FrameHeader, FrameMode, MAGIC, ProfileTag, TensorHeader, Version,
};
pub use inspect::{FieldRow, Inspection, inspect};
pub use reader::Reader;
pub use varint::{varint_len, write_varint};
pub use writer::{frame_overhead, write_frame};

/// The largest number of layers of a frame: the header has three bits for it.
pub const MAX_LAYERS: usize = 8;

#[cfg(test)]
mod tests;
