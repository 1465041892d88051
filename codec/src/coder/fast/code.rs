//! Prefix codes of limited length, given by the lengths of their words alone.

/// Longest word, in bits.
pub(crate) const LONGEST: u32 = 10;

/// Whether lengths (0 for symbols without a word) are those of a complete prefix code.
pub(crate) fn check(lengths: &[u8]) -> bool {
    let share = |&length: &u8| if length == 0 { 0 } else { 1u32 << (LONGEST - u32::from(length)) };
    lengths.iter().all(|&length| u32::from(length) <= LONGEST)
        && lengths.iter().map(share).sum::<u32>() == 1 << LONGEST
}

/// A complete prefix code: shorter words come first, equally long ones in the order of their symbols.
#[derive(Clone, Debug)]
pub(super) struct Code {
    /// Word and length of each symbol: `word * 16 + length`, 0 without a word.
    pub(crate) words: Vec<u16>,
}

impl Code {
    /// The code of lengths that passed [`check`].
    pub(crate) fn new(lengths: &[u8]) -> Self {
        let mut words = vec![0; lengths.len()];
        let mut next = 0u32;
        for length in 1..=LONGEST {
            for (word, _) in words.iter_mut().zip(lengths).filter(|&(_, &l)| u32::from(l) == length)
            {
                *word = ((next << 4) | length) as u16;
                next = next.wrapping_add(1);
            }
            next <<= 1;
        }
        Self { words }
    }

    /// Calls `fill` with each symbol, its length, and the slots of `LONGEST` bits that start with its word.
    pub(crate) fn slots(&self, mut fill: impl FnMut(usize, u32, std::ops::Range<usize>)) {
        for (symbol, &word) in self.words.iter().enumerate() {
            let length = u32::from(word & 15);
            if length > 0 && length <= LONGEST {
                let first = usize::from(word >> 4) << (LONGEST - length);
                fill(symbol, length, first..first + (1 << (LONGEST - length)));
            }
        }
    }
}

/// The lengths that code `counts` best with words of at most [`LONGEST`] bits (package-merge).
///
/// Symbols that never occur get none. Fewer than two that do, and the first ones get words as well, since a code must be
/// complete.
#[cfg(any(test, feature = "learn"))]
pub(crate) fn lengths_of(counts: &[u64]) -> Vec<u8> {
    let mut leaves: Vec<(u64, usize)> =
        counts.iter().enumerate().filter(|&(_, &n)| n > 0).map(|(s, &n)| (n, s)).collect();
    for symbol in 0..counts.len() {
        if leaves.len() < 2 && leaves.iter().all(|&(_, s)| s != symbol) {
            leaves.push((0, symbol));
        }
    }
    leaves.sort_unstable();
    // Per length, which of the cheapest items are leaves; the others are pairs of items one longer.
    let mut kinds: Vec<Vec<bool>> = Vec::new();
    let mut items: Vec<u64> = Vec::new();
    for _ in 0..LONGEST {
        let mut pairs = items.chunks_exact(2).map(|pair| pair[0] + pair[1]).peekable();
        let mut singles = leaves.iter().map(|&(weight, _)| weight).peekable();
        let (mut merged, mut kind) = (Vec::new(), Vec::new());
        loop {
            let leaf = match (singles.peek(), pairs.peek()) {
                (Some(single), Some(pair)) => single <= pair,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            merged.extend(if leaf { singles.next() } else { pairs.next() });
            kind.push(leaf);
        }
        kinds.push(kind);
        items = merged;
    }
    let mut lengths = vec![0; counts.len()];
    let mut taken = 2 * leaves.len() - 2;
    for kind in kinds.iter().rev() {
        let singles = kind.iter().take(taken).filter(|&&leaf| leaf).count();
        for &(_, symbol) in leaves.iter().take(singles) {
            lengths[symbol] += 1;
        }
        taken = 2 * (taken - singles);
    }
    lengths
}
