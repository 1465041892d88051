//! Vectors of the primitives and the entropy coder.

use aiflow_codec::bitstream::{Reader, write_varint};
use aiflow_codec::limits::DecodeLimits;
use aiflow_codec::rans::{CdfSet, CdfTable, Lanes, RansDecoder, RansEncoder};

use crate::text::{list, numbers, refused};
use crate::vector_file::{Case, to_hex};

fn lists(tables: &[Vec<u16>]) -> String {
    tables.iter().map(list).collect::<Vec<_>>().join(" ; ")
}

pub(crate) fn varints() -> Vec<Case> {
    let values = [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX];
    let good = values.into_iter().map(|value| {
        let mut bytes = Vec::new();
        write_varint(value, &mut bytes);
        Case::new(&format!("value {value}")).with("bytes", to_hex(&bytes)).with("value", value)
    });
    let bad: [(&str, &[u8]); 5] = [
        ("nothing", &[]),
        ("no end", &[0x80, 0x80]),
        ("a zero group at the end", &[0x81, 0x00]),
        ("more than 64 bits", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
        ("eleven bytes", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x00]),
    ];
    let bad = bad.into_iter().map(|(name, bytes)| {
        let result = Reader::new(bytes, "").varint_u64();
        refused(Case::new(name).with("bytes", to_hex(bytes)), "error", result)
    });
    good.chain(bad).collect()
}

const SPARSE: [u16; 3] = [30_000, 2_000, 768];
const WIDE: [u16; 7] = [12_000, 8_000, 6_000, 4_000, 2_000, 700, 68];
const CERTAIN: [u16; 1] = [32_768];

fn set_of(tables: &[Vec<u16>]) -> CdfSet {
    let tables = tables.iter().map(|table| CdfTable::new(table).expect("a distribution"));
    CdfSet::new(tables.collect()).expect("few tables")
}

fn coded(set: &CdfSet, contexts: &[u16], symbols: &[u8], lanes: Lanes) -> Vec<u8> {
    let mut encoder = RansEncoder::new();
    encoder.push_batch(set, contexts, symbols).expect("symbols of the tables");
    let mut payload = Vec::new();
    encoder.finish(lanes, &mut payload);
    payload
}

pub(crate) fn symbols() -> Vec<Case> {
    let tables = vec![SPARSE.to_vec(), WIDE.to_vec(), CERTAIN.to_vec()];
    let set = set_of(&tables);
    let mut next = numbers(1);
    let mut random = |count: usize| -> (Vec<u16>, Vec<u8>) {
        let contexts: Vec<u16> = (0..count).map(|_| (next() % 3) as u16).collect();
        let draw = |&context: &u16| set.tables()[usize::from(context)].lookup(next() % 32_768).0;
        let symbols = contexts.iter().map(draw).collect();
        (contexts, symbols)
    };
    let sequences = [
        ("nothing", (vec![], vec![])),
        ("zeros only", (vec![0; 20], vec![0; 20])),
        ("certain symbols", (vec![2; 5], vec![0; 5])),
        ("one symbol", (vec![1], vec![6])),
        ("a tail of zeros is free", (vec![0; 40], [vec![2, 1, 0, 1], vec![0; 36]].concat())),
        ("three symbols, fewer than lanes", (vec![0, 1, 1], vec![1, 3, 5])),
        ("40 symbols of three tables", random(40)),
        ("300 symbols of three tables", random(300)),
    ];
    let mut cases = Vec::new();
    for lanes in Lanes::ALL {
        for (name, (contexts, symbols)) in &sequences {
            let payload = coded(&set, contexts, symbols, lanes);
            cases.push(
                Case::new(&format!("{} lanes: {name}", lanes.count()))
                    .with("lanes", lanes.count())
                    .with("tables", lists(&tables))
                    .with("contexts", list(contexts))
                    .with("symbols", list(symbols))
                    .with("payload", to_hex(&payload)),
            );
        }
    }
    cases
}

pub(crate) fn uniform() -> Vec<Case> {
    let counts: Vec<u32> = (0..=24).collect();
    let mut next = numbers(2);
    let values: Vec<u32> = counts.iter().map(|&count| next() % (1 << count)).collect();
    Lanes::ALL
        .into_iter()
        .map(|lanes| {
            let mut encoder = RansEncoder::new();
            counts.iter().zip(&values).for_each(|(&count, &value)| encoder.push_bits(value, count));
            let mut payload = Vec::new();
            encoder.finish(lanes, &mut payload);
            Case::new(&format!("{} lanes: 0 to 24 bits", lanes.count()))
                .with("lanes", lanes.count())
                .with("counts", list(&counts))
                .with("values", list(&values))
                .with("payload", to_hex(&payload))
        })
        .collect()
}

pub(crate) fn rans_errors() -> Vec<Case> {
    let tables = vec![SPARSE.to_vec(), WIDE.to_vec()];
    let set = set_of(&tables);
    let contexts = vec![1; 30];
    let symbols: Vec<u8> = (0..30).map(|index| index % 7).collect();
    let one = coded(&set, &contexts, &symbols, Lanes::One);
    let four = coded(&set, &contexts, &symbols, Lanes::Four);
    let changed = |payload: &[u8], at: usize, value: u8| {
        let mut payload = payload.to_vec();
        payload[at] = value;
        payload
    };
    let longer = |payload: &[u8]| [payload, &[1, 2]].concat();
    let damaged = [
        ("one lane, the first byte is zero", Lanes::One, [&[0], one.as_slice()].concat()),
        ("one lane, a byte is changed", Lanes::One, changed(&one, 3, 0x55)),
        ("one lane, bytes follow", Lanes::One, longer(&one)),
        ("four lanes, states are missing", Lanes::Four, four[..14].to_vec()),
        ("four lanes, half a word", Lanes::Four, four[..four.len() - 1].to_vec()),
        ("four lanes, the last word is missing", Lanes::Four, four[..four.len() - 2].to_vec()),
        ("four lanes, a word follows", Lanes::Four, longer(&four)),
        (
            "four lanes, a state is too small",
            Lanes::Four,
            [&[9; 6][..], &[0; 2], &four[8..]].concat(),
        ),
        ("four lanes, a word is changed", Lanes::Four, changed(&four, 17, 0x55)),
    ];
    let case = |(name, lanes, payload): (&str, Lanes, Vec<u8>)| {
        let mut out = vec![0; contexts.len()];
        let result = RansDecoder::new(&payload, lanes).and_then(|mut decoder| {
            decoder.decode_batch(&set, &contexts, &mut out)?;
            decoder.finish()
        });
        let case = Case::new(name)
            .with("lanes", lanes.count())
            .with("tables", lists(&tables))
            .with("contexts", list(&contexts))
            .with("payload", to_hex(&payload));
        refused(case, "error", result)
    };
    damaged.into_iter().map(case).collect()
}

pub(crate) fn tables() -> Vec<Case> {
    let decaying = |decay: f64| -> Vec<u32> {
        (0..24_i32).map(|symbol| (1e6 * decay.powi((symbol + 1) / 2)) as u32).collect()
    };
    let rounded = |decay: f64, precision| -> Vec<u16> {
        let table = CdfTable::from_counts(&decaying(decay)).expect("24 counts");
        table.rounded(precision).frequencies().collect()
    };
    let holes = {
        let mut table = vec![0; 256];
        table[255] = 1;
        table[97] = 32_766;
        table[3] = 1;
        table
    };
    let sets: Vec<(&str, Vec<Vec<u16>>)> = vec![
        ("no table", vec![]),
        ("one certain symbol", vec![vec![32_768]]),
        ("one of four symbols is certain", vec![vec![0, 0, 32_768, 0]]),
        ("exact frequencies", vec![WIDE.to_vec()]),
        ("24 symbols, 4 bits", vec![rounded(0.5, 4)]),
        ("neighbouring tables", [0.3, 0.33, 0.37, 0.42, 0.48].map(|d| rounded(d, 4)).into()),
        (
            "different alphabets",
            vec![SPARSE.to_vec(), WIDE.to_vec(), CERTAIN.to_vec(), vec![16_384; 2]],
        ),
        ("a table twice", vec![WIDE.to_vec(), WIDE.to_vec(), SPARSE.to_vec(), SPARSE.to_vec()]),
        ("256 symbols with holes", vec![holes, vec![128; 256]]),
    ];
    sets.into_iter()
        .map(|(name, tables)| {
            let mut bytes = Vec::new();
            set_of(&tables).write(&mut bytes);
            let text = if tables.is_empty() { "-".into() } else { lists(&tables) };
            Case::new(name).with("bytes", to_hex(&bytes)).with("tables", text)
        })
        .collect()
}

pub(crate) fn table_errors() -> Vec<Case> {
    let damaged: [(&str, &[u8]); 7] = [
        ("more tables than the recommended limit", &[0x81, 0x40, 0, 0]),
        ("the table is missing", &[1]),
        ("the frequencies leave nothing for the rest", &[1, 0x02, 0x01, 0x80]),
        ("the rest is no symbol", &[1, 0x02, 0x06, 0x00]),
        ("a bit length above 15", &[1, 0x01, 0x00, 0x80]),
        ("too many zeros in a row", &[1, 0x01, 0, 0, 0, 0, 0, 1]),
        ("bits after the end", &[1, 0x00, 0x01]),
    ];
    damaged
        .into_iter()
        .map(|(name, bytes)| {
            let result = CdfSet::read(&mut Reader::new(bytes, ""), &DecodeLimits::default());
            refused(Case::new(name).with("bytes", to_hex(bytes)), "error", result)
        })
        .collect()
}
