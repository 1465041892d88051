use proptest::prelude::*;

use super::*;
use crate::bitstream::Reader;
use crate::error::{DecodeErrorKind, EncodeError, TableError};
use crate::limits::{DecodeLimits, Limit};

/// A small generator for repeatable test data.
fn numbers(seed: u64) -> impl FnMut() -> u32 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u32
    }
}

fn decode_spans(payload: &[u8], lanes: Lanes, spans: &[Span]) {
    let mut decoder = RansDecoder::new(payload, lanes).unwrap();
    for (index, &span) in spans.iter().enumerate() {
        assert!(span.contains(decoder.slot()), "step {index} of {}", spans.len());
        decoder.advance(span);
    }
    decoder.finish().unwrap();
}

fn encode(spans: &[Span], lanes: Lanes) -> Vec<u8> {
    let mut encoder = RansEncoder::new();
    spans.iter().for_each(|&span| encoder.push(span));
    let mut payload = Vec::new();
    encoder.finish(lanes, &mut payload);
    payload
}

fn any_span() -> impl Strategy<Value = Span> {
    let narrow = (0_u16..32_768, 1_u16..40);
    let wide = (0_u16..40, 32_600_u16..=32_768);
    let any = (0_u16..32_768, 1_u16..=32_768);
    prop_oneof![narrow, wide, any].prop_filter_map("off the scale", |(start, width)| {
        Span::new(start, width.min(32_768 - start))
    })
}

proptest! {
    #[test]
    fn any_sequence_of_spans_comes_back(spans in prop::collection::vec(any_span(), 0..400)) {
        for lanes in Lanes::ALL {
            decode_spans(&encode(&spans, lanes), lanes, &spans);
        }
    }

    #[test]
    fn short_sequences_from_state_zero_come_back(
        spans in prop::collection::vec(any_span(), 0..6),
        zeros in 0_usize..40,
    ) {
        let mut all = spans.clone();
        all.extend((0..zeros).filter_map(|_| Span::new(0, 30_000)));
        let payload = encode(&all, Lanes::One);
        decode_spans(&payload, Lanes::One, &all);
        // The tail starts at slot 0 and is coded while the state is 0.
        prop_assert_eq!(payload, encode(&spans, Lanes::One));
    }

    #[test]
    fn a_single_lane_payload_that_passes_is_the_canonical_one(
        payload in prop::collection::vec(any::<u8>(), 0..12),
        width in 1_u16..32_768,
    ) {
        let table = CdfTable::new(&[width, 32_768 - width]).unwrap();
        for count in 0..40 {
            let Ok(mut decoder) = RansDecoder::new(&payload, Lanes::One) else { continue };
            let mut encoder = RansEncoder::new();
            for _ in 0..count {
                let symbol = decoder.symbol(&table);
                encoder.push(table.span(symbol).unwrap());
            }
            if decoder.finish().is_ok() {
                let mut again = Vec::new();
                encoder.finish(Lanes::One, &mut again);
                prop_assert_eq!(&again, &payload);
            }
        }
    }

    #[test]
    fn uniform_bits_come_back(values in prop::collection::vec((any::<u32>(), 0_u32..=24), 0..60)) {
        for lanes in Lanes::ALL {
            let mut encoder = RansEncoder::new();
            values.iter().for_each(|&(value, count)| encoder.push_bits(value, count));
            let mut payload = Vec::new();
            encoder.finish(lanes, &mut payload);
            let mut decoder = RansDecoder::new(&payload, lanes).unwrap();
            for &(value, count) in &values {
                prop_assert_eq!(decoder.bits(count), value & ((1_u32 << count) - 1));
            }
            prop_assert_eq!(decoder.finish(), Ok(()));
        }
    }

    #[test]
    fn hostile_payloads_never_panic(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        counts in prop::collection::vec(0_u32..1000, 1..30),
    ) {
        let set = CdfSet::new(vec![CdfTable::from_counts(&counts).unwrap()]).unwrap();
        for lanes in Lanes::ALL {
            let Ok(mut decoder) = RansDecoder::new(&payload, lanes) else { continue };
            let mut out = [0; 200];
            decoder.decode_batch(&set, &[0; 200], &mut out).unwrap();
            decoder.bits(24);
            decoder.advance(Span::new(5, 3).unwrap());
            prop_assert!(out.iter().all(|&symbol| usize::from(symbol) < counts.len()));
            let _ = decoder.finish();
        }
    }

    #[test]
    fn stored_sets_come_back(
        counts in prop::collection::vec(prop::collection::vec(0_u32..5000, 1..=40), 0..12),
        precision in 0_u32..=15,
    ) {
        let table = |counts: &Vec<u32>| CdfTable::from_counts(counts).unwrap().rounded(precision);
        let twice = counts.iter().flat_map(|counts| [table(counts), table(counts)]);
        let set = CdfSet::new(twice.collect()).unwrap();
        let mut bytes = Vec::new();
        set.write(&mut bytes);
        let mut reader = Reader::new(&bytes, "s");
        prop_assert_eq!(CdfSet::read(&mut reader, &DecodeLimits::default()), Ok(set));
        prop_assert_eq!(reader.expect_end(), Ok(()));
        for cut in 0..bytes.len() {
            let mut reader = Reader::new(&bytes[..cut], "s");
            let error = CdfSet::read(&mut reader, &DecodeLimits::default()).unwrap_err();
            prop_assert_eq!((error.kind, error.offset), (DecodeErrorKind::Truncated, cut));
        }
    }

    #[test]
    fn hostile_sets_give_tables_or_errors(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = Reader::new(&bytes, "s");
        match CdfSet::read(&mut reader, &DecodeLimits::default()) {
            Err(error) => prop_assert!(error.offset <= bytes.len()),
            Ok(set) => {
                let mut again = Vec::new();
                set.write(&mut again);
                let mut reader = Reader::new(&again, "s");
                prop_assert_eq!(CdfSet::read(&mut reader, &DecodeLimits::default()), Ok(set));
            }
        }
    }

    #[test]
    fn rounding_keeps_symbols_codable(
        counts in prop::collection::vec(0_u32..100_000, 1..=256),
        precision in 0_u32..=15,
    ) {
        let table = CdfTable::from_counts(&counts).unwrap();
        let rounded = table.rounded(precision);
        prop_assert_eq!(rounded.alphabet(), table.alphabet());
        prop_assert!(rounded.frequencies().all(|frequency| frequency > 0));
        if precision == 15 {
            prop_assert_eq!(rounded, table);
        }
    }

    #[test]
    fn tables_invert_and_sum(counts in prop::collection::vec(0_u32..100_000, 1..=256)) {
        let table = CdfTable::from_counts(&counts).unwrap();
        let mut next = 0;
        for (symbol, frequency) in table.frequencies().enumerate() {
            let span = table.span(symbol as u8).unwrap();
            prop_assert_eq!((u32::from(span.start()), span.width()), (next, frequency));
            prop_assert_eq!(table.lookup(next), (symbol as u8, span));
            next += u32::from(frequency);
            prop_assert_eq!(table.lookup(next - 1), (symbol as u8, span));
        }
        prop_assert_eq!(next, PROB_SCALE);
    }
}

#[test]
fn an_empty_payload_is_no_bytes_in_one_lane() {
    assert_eq!(encode(&[], Lanes::One), []);
    assert_eq!(encode(&[Span::CERTAIN; 9], Lanes::One), []);
    assert_eq!(encode(&[], Lanes::Four).len(), 16);
    assert_eq!(encode(&[], Lanes::ThirtyTwo).len(), 128);
}

#[test]
fn a_single_symbol_costs_little_more_than_its_ideal_length() {
    for (start, width, payload) in [
        (0, 1, vec![]),
        (1, 1, vec![0x40, 0]),
        (128, 1, vec![128]),
        (16_384, 1, vec![1]),
        (32_767, 1, vec![0x7f, 0xff]),
        (8192, 8192, vec![2]),
        (30_000, 2000, vec![0x0f]),
    ] {
        let span = Span::new(start, width).unwrap();
        assert_eq!(encode(&[span], Lanes::One), payload, "start {start}");
        decode_spans(&payload, Lanes::One, &[span]);
    }
}

#[test]
fn short_payloads_cost_a_third_of_a_byte_more_than_ideal() {
    let table = CdfTable::from_counts(&[600, 150, 140, 50, 40, 10, 10]).unwrap();
    let mut next = numbers(13);
    for count in [5, 20, 100] {
        let mut extra = 0.0;
        for _ in 0..2000 {
            let mut encoder = RansEncoder::new();
            (0..count).for_each(|_| encoder.push(table.lookup(next() >> 17).1));
            let mut payload = Vec::new();
            encoder.finish(Lanes::One, &mut payload);
            extra += payload.len() as f64 - encoder.ideal_bits() / 8.0;
        }
        assert!(extra / 2000.0 < 0.33, "{count} symbols: {}", extra / 2000.0);
    }
}

#[test]
fn the_payload_stays_close_to_the_ideal_length() {
    // (counts, symbols): skewed as sparse features are, Laplacian, and flat.
    let cases: [&[u32]; 4] =
        [&[970, 20, 10], &[500, 180, 180, 60, 60, 10, 10], &[1; 16], &[32_000, 700, 60, 8]];
    let mut next = numbers(7);
    for counts in cases {
        let table = CdfTable::from_counts(counts).unwrap();
        let mut encoder = RansEncoder::new();
        for _ in 0..200_000 {
            let (_, span) = table.lookup(next() >> 17);
            encoder.push(span);
        }
        let ideal = encoder.ideal_bits() / 8.0;
        for lanes in Lanes::ALL {
            let mut payload = Vec::new();
            encoder.finish(lanes, &mut payload);
            // Of the 32 bits of a lane's state 16 to 32 are empty, 24 on average.
            let states = if lanes == Lanes::One { 0.0 } else { 3.0 * lanes.count() as f64 };
            let overhead = (payload.len() as f64 - states) / ideal - 1.0;
            assert!(overhead < 0.002, "{lanes:?} {counts:?}: {overhead}");
        }
    }
}

#[test]
fn truncations_are_reported_or_read_as_another_sequence() {
    let mut next = numbers(11);
    let table = CdfTable::from_counts(&[50, 30, 15, 5]).unwrap();
    let spans: Vec<Span> = (0..300).map(|_| table.lookup(next() >> 17).1).collect();
    for lanes in Lanes::ALL {
        let payload = encode(&spans, lanes);
        for cut in 0..payload.len() {
            let Ok(mut decoder) = RansDecoder::new(&payload[..cut], lanes) else { continue };
            let other: Vec<u8> = spans.iter().map(|_| decoder.symbol(&table)).collect();
            match decoder.finish() {
                Err(error) => assert!(error.offset <= cut, "{lanes:?} cut at {cut}"),
                // A single lane reads a short payload as another sequence that ends in zeros.
                Ok(()) => {
                    assert_eq!(lanes, Lanes::One);
                    let spans: Vec<Span> =
                        other.iter().map(|&symbol| table.span(symbol).unwrap()).collect();
                    assert_eq!(encode(&spans, lanes), payload[..cut]);
                }
            }
        }
        let mut longer = payload.clone();
        longer.extend([1, 2]);
        let mut decoder = RansDecoder::new(&longer, lanes).unwrap();
        for _ in 0..spans.len() {
            decoder.symbol(&table);
        }
        let error = decoder.finish().unwrap_err();
        // A single lane swallows further bytes into its state instead.
        let single = DecodeErrorKind::InvalidState;
        let kind = if lanes == Lanes::One { single } else { DecodeErrorKind::TrailingBytes };
        assert_eq!(error.kind, kind);
    }
}

#[test]
fn bad_starts_are_refused() {
    let kind = |payload: &[u8], lanes| RansDecoder::new(payload, lanes).unwrap_err().kind;
    assert_eq!(kind(&[0, 1], Lanes::One), DecodeErrorKind::NonCanonical);
    assert_eq!(kind(&[1; 15], Lanes::Four), DecodeErrorKind::Truncated);
    assert_eq!(kind(&[1; 14], Lanes::Four), DecodeErrorKind::Truncated);
    assert_eq!(kind(&[0; 16], Lanes::Four), DecodeErrorKind::InvalidState);
}

#[test]
fn batches_equal_single_symbols() {
    let mut next = numbers(3);
    let tables = [&[9, 1][..], &[1, 2, 3, 4, 5, 6][..], &[1; 200][..]];
    let set = CdfSet::new(tables.map(|counts| CdfTable::from_counts(counts).unwrap()).into());
    let set = set.unwrap();
    for count in [0, 1, 3, 4, 31, 32, 33, 1000] {
        let contexts: Vec<u16> = (0..count).map(|_| (next() % 3) as u16).collect();
        let symbols: Vec<u8> = contexts
            .iter()
            .map(|&context| set.get(context).unwrap().lookup(next() >> 17).0)
            .collect();
        let mut encoder = RansEncoder::new();
        encoder.push_batch(&set, &contexts, &symbols).unwrap();
        for lanes in Lanes::ALL {
            let mut payload = Vec::new();
            encoder.finish(lanes, &mut payload);
            for split in [0, count / 2, count] {
                let mut decoder = RansDecoder::new(&payload, lanes).unwrap();
                let mut out = vec![0; count];
                let (head, tail) = out.split_at_mut(split);
                decoder.decode_batch(&set, &contexts[..split], head).unwrap();
                decoder.decode_batch(&set, &contexts[split..], tail).unwrap();
                decoder.finish().unwrap();
                assert_eq!(out, symbols, "{lanes:?}");
            }
        }
    }
}

#[test]
fn batches_refuse_unknown_tables_and_symbols() {
    let set = CdfSet::new(vec![CdfTable::from_present_counts(&[1, 0, 1]).unwrap()]).unwrap();
    let mut encoder = RansEncoder::new();
    assert_eq!(
        encoder.push_batch(&set, &[1], &[0]),
        Err(EncodeError::UnknownTable { table: 1, count: 1 })
    );
    assert_eq!(
        encoder.push_batch(&set, &[0], &[1]),
        Err(EncodeError::UncodableSymbol { symbol: 1, table: 0 })
    );
    let mut decoder = RansDecoder::new(&[], Lanes::One).unwrap();
    let error = decoder.decode_batch(&set, &[0, 9], &mut [0; 2]).unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::InvalidTable);
    assert!(decoder.decode_batch(&set, &[0], &mut [0; 2]).is_err());
}

#[test]
fn tables_refuse_what_is_no_distribution() {
    assert_eq!(CdfTable::new(&[]), Err(TableError::Alphabet(0)));
    assert_eq!(CdfTable::new(&[1; 257]), Err(TableError::Alphabet(257)));
    assert_eq!(CdfTable::new(&[32_767]), Err(TableError::Sum(32_767)));
    assert_eq!(CdfTable::new(&[u16::MAX; 256]), Err(TableError::Sum(256 * 65_535)));
    assert_eq!(CdfTable::from_present_counts(&[0, 0]), Err(TableError::Empty));
}

#[test]
fn counts_become_the_expected_frequencies() {
    let table = |counts: &[u32]| {
        let table = CdfTable::from_counts(counts).unwrap();
        table.frequencies().collect::<Vec<_>>()
    };
    assert_eq!(table(&[0, 0, 0, 0]), [8192; 4]);
    assert_eq!(table(&[3, 1]), [24_576, 8192]);
    assert_eq!(table(&[u32::MAX, 0, 0]), [32_766, 1, 1]);
    assert_eq!(table(&[7]), [32_768]);
    assert_eq!(table(&[1, 1, 1]), [10_923, 10_923, 10_922]);
    let present = CdfTable::from_present_counts(&[0, 5, 0]).unwrap();
    assert_eq!(present.span(1), Some(Span::CERTAIN));
    assert_eq!((present.span(0), present.span(2), present.span(200)), (None, None, None));
}

#[test]
fn greedy_fitting_is_at_least_as_good_as_rounding() {
    let mut next = numbers(5);
    for _ in 0..50 {
        let counts: Vec<u32> = (0..24).map(|_| next() % 2000 + 1).collect();
        let total: u32 = counts.iter().sum();
        let table = CdfTable::from_counts(&counts).unwrap();
        let cost: f64 =
            counts.iter().zip(table.costs()).map(|(&n, bits)| f64::from(n) * f64::from(bits)).sum();
        let entropy: f64 =
            counts.iter().map(|&n| f64::from(n) * (f64::from(total) / f64::from(n)).log2()).sum();
        assert!(cost / entropy < 1.000_02, "{cost} {entropy}");
    }
}

/// Twenty-four symbols with signs in turn and a tail that halves every other step.
fn laplacian(decay: f64) -> CdfTable {
    let counts: Vec<u32> =
        (0..24_i32).map(|symbol| (1e6 * decay.powi((symbol + 1) / 2)) as u32).collect();
    CdfTable::from_counts(&counts).unwrap()
}

#[test]
fn rounding_trades_little_rate_for_small_tables() {
    for (precision, bytes, loss) in [(3, 13.5, 3e-4), (4, 15.5, 1e-4), (5, 17.5, 3e-5)] {
        let tables: Vec<CdfTable> =
            (0..40).map(|index| laplacian(0.2 + 0.015 * f64::from(index))).collect();
        let rounded: Vec<CdfTable> = tables.iter().map(|table| table.rounded(precision)).collect();
        let cost = |model: &[CdfTable]| -> f64 {
            tables
                .iter()
                .zip(model)
                .flat_map(|(table, model)| table.frequencies().zip(model.costs()))
                .map(|(frequency, bits)| f64::from(frequency) * f64::from(bits))
                .sum()
        };
        let extra = cost(&rounded) / cost(&tables) - 1.0;
        assert!(extra < loss, "{precision} bits lose {extra}");
        let mut out = Vec::new();
        CdfSet::new(rounded).unwrap().write(&mut out);
        let size = out.len() as f64 / 40.0;
        assert!(size < bytes, "{precision} bits take {size} bytes per table");
    }
}

#[test]
fn absurd_sets_are_refused_before_memory_is_taken() {
    let read = |bytes: &[u8], limits: &DecodeLimits| {
        CdfSet::read(&mut Reader::new(bytes, "s"), limits).unwrap_err()
    };
    let limits = DecodeLimits::default();
    let many = read(&[0xff, 0xff, 0xff, 0xff, 0x0f], &limits);
    assert_eq!(many.kind, DecodeErrorKind::LimitExceeded(Limit::Tables));
    let few = read(&[2, 0, 0, 0], &limits.with_max_tables(1));
    assert_eq!(few.kind, DecodeErrorKind::LimitExceeded(Limit::Tables));
    // Two symbols; the one that is stored has 15 bits, all set, and then the other has none left:
    // alphabet 2, precision 15, rice 0, rest 0, length 15, fourteen ones.
    let fits = [1, 0b0000_0001, 0b1111_0011, 0b1111_1111, 0b1111_1000];
    let set = CdfSet::read(&mut Reader::new(&fits, "s"), &limits).unwrap();
    assert_eq!(set.get(0).unwrap().frequencies().collect::<Vec<_>>(), [1, 32_767]);
    // Three symbols of which two take 16,384 each.
    let full = [1, 0b0000_0010, 0b0000_0001, 0b1000_0000];
    assert_eq!(read(&full, &limits).kind, DecodeErrorKind::InvalidTable);
    // The rest is symbol 3 of three.
    assert_eq!(read(&[1, 2, 0b0000_0110, 0], &limits).kind, DecodeErrorKind::InvalidTable);
    // Bits after the end must be zero.
    assert_eq!(read(&[1, 0, 0b0000_0001], &limits).kind, DecodeErrorKind::NonCanonical);
}
