use super::*;
use crate::error::DecodeErrorKind;
use proptest::prelude::*;

/// A model whose codes favour small symbols; every third group has no word.
fn model(width: Width, bands: Bands) -> FastModel {
    let classes = bands.count.clamp(1, MAX_CLASSES);
    let mut lengths = Vec::new();
    for class in 0..classes {
        for context in 0..CONTEXTS {
            let weight = |symbol: u64| match symbol {
                256 => 40,
                _ if symbol % 3 == 2 => 0,
                _ => 1 + 4000 / (1 + symbol * (1 + class as u64) / (1 + context as u64)),
            };
            lengths.extend(lengths_of(&(0..257).map(weight).collect::<Vec<u64>>()));
        }
        let tokens: Vec<u64> = (0..EXCESS_TOKENS as u32).map(|token| 1 << (21 - token)).collect();
        lengths.extend(lengths_of(&tokens));
    }
    assert!(lengths.chunks(CLASS_LENGTHS).all(complete));
    let class_of = (0..bands.count).map(|band| (band % classes) as u8).collect();
    FastModel { width, class_of, lengths, centroids: Centroids::default() }
}

fn coded(model: &FastModel, signed: bool, layout: Layout, grid: Grid, levels: &[i32]) -> Vec<u8> {
    let mut state = EncodeState::default();
    to_bands(layout, grid, levels, &mut state.banded);
    let mut out = Vec::new();
    encode(model, 0, signed, Bands::new(layout, grid), &mut state, &mut out);
    out
}

fn decoded(
    model: &FastModel,
    signed: bool,
    layout: Layout,
    grid: Grid,
    payload: &[u8],
) -> Result<Vec<i32>, crate::error::DecodeError> {
    let mut state = DecodeState::default();
    let bands = Bands::new(layout, grid);
    let job = Job { model, rate: 0, signed, bands, payload };
    let mut out = Vec::new();
    let clean = from_bands(layout, grid, job.levels(&mut state)?, &mut out);
    assert!(clean || layout != Layout::Map);
    Ok(out)
}

/// Mostly small levels, few of any size.
fn level(signed: bool) -> impl Strategy<Value = i32> {
    let size = prop_oneof![
        20 => Just(0),
        10 => 1..3i32,
        4 => 0..20i32,
        1 => 0..=32_767i32,
    ];
    (size, any::<bool>()).prop_map(
        move |(level, negative)| {
            if signed && negative { -level } else { level }
        },
    )
}

fn shape() -> impl Strategy<Value = (Layout, Grid)> {
    let layout = prop_oneof![Just(Layout::Map), Just(Layout::Tokens), Just(Layout::Vector)];
    (layout, 1..9usize, 1..19usize, 1..19usize).prop_map(|(layout, c, h, w)| {
        let grid = match layout {
            Layout::Map => Grid { components: c, height: h, width: w },
            Layout::Tokens => Grid { components: c * h, height: 1, width: w },
            Layout::Vector => Grid { components: c * h * w, height: 1, width: 1 },
        };
        (layout, grid)
    })
}

fn width() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::One), Just(Width::Two), Just(Width::Four)]
}

fn case() -> impl Strategy<Value = (Layout, Grid, Width, bool, Vec<i32>)> {
    (shape(), width(), any::<bool>()).prop_flat_map(|((layout, grid), width, signed)| {
        let levels = prop::collection::vec(level(signed), grid.elements());
        (Just(layout), Just(grid), Just(width), Just(signed), levels)
    })
}

proptest! {
    #[test]
    fn levels_come_back((layout, grid, width, signed, levels) in case()) {
        let model = model(width, Bands::new(layout, grid));
        let payload = coded(&model, signed, layout, grid, &levels);
        prop_assert_eq!(decoded(&model, signed, layout, grid, &payload), Ok(levels));
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_refused(
        (layout, grid, width, signed, levels) in case(),
        cut in any::<prop::sample::Index>(),
    ) {
        let model = model(width, Bands::new(layout, grid));
        let mut payload = coded(&model, signed, layout, grid, &levels);
        let short = &payload[..cut.index(payload.len())];
        prop_assert!(decoded(&model, signed, layout, grid, short).is_err());
        payload.push(0);
        let long = decoded(&model, signed, layout, grid, &payload).map_err(|e| e.kind);
        prop_assert_eq!(long, Err(DecodeErrorKind::TrailingBytes));
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        (layout, grid) in shape(),
        width in width(),
        signed in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let model = model(width, Bands::new(layout, grid));
        match decoded(&model, signed, layout, grid, &payload) {
            Ok(levels) => {
                prop_assert_eq!(levels.len(), grid.elements());
                prop_assert!(levels.iter().all(|level| level.abs() <= 32_767));
                prop_assert!(signed || levels.iter().all(|&level| level >= 0));
            }
            Err(error) => prop_assert!(error.offset <= payload.len()),
        }
    }
}

#[test]
fn four_strings_hold_a_large_map() {
    let grid = Grid { components: 30, height: 28, width: 28 };
    let levels: Vec<i32> = (0..grid.elements())
        .map(|i| ((i * i * 31 / 7) % 97 % 5).saturating_sub(2) as i32)
        .collect();
    for width in Width::ALL {
        let bands = Bands::new(Layout::Map, grid);
        assert_eq!(bands.streams(width), STREAMS);
        let model = model(width, bands);
        let payload = coded(&model, false, Layout::Map, grid, &levels);
        assert_eq!(decoded(&model, false, Layout::Map, grid, &payload), Ok(levels.clone()));
        for cut in (0..payload.len()).step_by(97) {
            assert!(decoded(&model, false, Layout::Map, grid, &payload[..cut]).is_err());
        }
    }
}

#[test]
fn codes_are_complete_and_short_where_symbols_are_likely() {
    for counts in [vec![5u64, 0, 1], vec![0, 0, 7], vec![1; 257], vec![1 << 40, 1, 1, 1]] {
        let lengths = lengths_of(&counts);
        assert!(check(&lengths), "{counts:?} {lengths:?}");
        for (i, a) in counts.iter().enumerate() {
            for (j, b) in counts.iter().enumerate() {
                assert!(a <= b || lengths[i] <= lengths[j] || lengths[j] == 0);
            }
        }
    }
    assert_eq!(lengths_of(&[8, 4, 2, 1, 1]), [1, 2, 3, 4, 4]);
    let skewed: Vec<u64> = (0..40).map(|n| 1 << n).collect();
    assert!(check(&lengths_of(&skewed)), "words are limited");
}

#[test]
fn damaged_codes_are_refused() {
    let grid = Grid { components: 1, height: 4, width: 4 };
    let good = model(Width::Two, Bands::new(Layout::Map, grid)).lengths;
    for (at, length) in [(0, 11), (0, 0), (CLASS_LENGTHS - 1, 0), (ESCAPE_GROUP, 0)] {
        let mut bad = good.clone();
        bad[at] = length;
        assert!(!complete(&bad), "{at} {length}");
    }
    assert!(!complete(&good[1..]));
}
