//! CRC32C over the layers (`codec.md` 3.3 and 4.4).

/// The checksum of layer `index`: the first one covers the header as well.
///
/// A receiver that may stop after any layer has always read the header and layer 0, so the header
/// is protected together with it; the other layers stay independent of each other, and each can be
/// checked as soon as it has arrived.
pub(super) fn layer_checksum(index: usize, header: &[u8], layer: &[u8]) -> u32 {
    let start = if index == 0 { crc32c::crc32c(header) } else { 0 };
    crc32c::crc32c_append(start, layer)
}
