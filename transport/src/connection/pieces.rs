//! Bytes of one stream as they arrive.

use aiflow_units::Bytes;
use bytes::{Bytes as Buffer, BytesMut};

/// Keeps large pieces as they came and merges small ones, so that a stream of single bytes costs
/// little more than its bytes.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    whole: Vec<Buffer>,
    merged: BytesMut,
    length: u64,
}

impl Pieces {
    /// Pieces from this size on are kept without a copy: most of a packet.
    const LARGE: usize = 1024;

    /// Appends bytes.
    pub(crate) fn push(&mut self, piece: Buffer) {
        self.length = self.length.saturating_add(piece.len() as u64);
        if piece.len() >= Self::LARGE {
            self.flush();
            self.whole.push(piece);
        } else {
            self.merged.extend_from_slice(&piece);
        }
    }

    /// Appends the last bytes, which are kept without a copy: they do not wait for long.
    pub(crate) fn push_last(&mut self, piece: Buffer) {
        self.length = self.length.saturating_add(piece.len() as u64);
        self.flush();
        if !piece.is_empty() {
            self.whole.push(piece);
        }
    }

    /// Returns how many bytes arrived.
    pub(crate) const fn length(&self) -> Bytes {
        Bytes::new(self.length)
    }

    /// Returns what arrived so far.
    pub(crate) fn peek(&self) -> Vec<Buffer> {
        let mut chunks = self.whole.clone();
        if !self.merged.is_empty() {
            chunks.push(Buffer::copy_from_slice(&self.merged));
        }
        chunks
    }

    /// Returns what arrived.
    pub(crate) fn take(mut self) -> Vec<Buffer> {
        self.flush();
        self.whole
    }

    /// Returns what it costs to hold this.
    pub(crate) fn cost(&self) -> u64 {
        let whole: u64 = self.whole.iter().map(|piece| piece.len() as u64 + 32).sum();
        whole + self.merged.capacity() as u64
    }

    fn flush(&mut self) {
        if !self.merged.is_empty() {
            self.whole.push(self.merged.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_small_pieces_merge() {
        let mut pieces = Pieces::default();
        let mut expected = Vec::new();
        for size in [1, 2, 2000, 1024, 7, 1023, 1500, 1] {
            let piece = vec![size as u8; size];
            expected.extend_from_slice(&piece);
            pieces.push(piece.into());
        }
        assert_eq!(pieces.length(), Bytes::of_len(expected.len()));
        assert_eq!(pieces.peek().concat(), expected);
        let chunks = pieces.take();
        assert_eq!(chunks.len(), 6);
        assert_eq!(chunks.concat(), expected);
    }

    #[test]
    fn single_bytes_cost_little() {
        let mut pieces = Pieces::default();
        for _ in 0..10_000 {
            pieces.push(Buffer::from_static(&[1]));
        }
        assert!(pieces.cost() <= 40_000, "{}", pieces.cost());
        assert_eq!(pieces.take().len(), 1);
    }
}
