//! Every rival on features of every layout: what comes back, how large it is, and what damaged
//! payloads do.

use super::*;
use crate::data::Picture;
use crate::error::PayloadProblem;
use crate::statistics::SplitMix64;

/// Sum of twelve uniform numbers: normal enough for a test.
fn normal(random: &mut SplitMix64) -> f32 {
    let uniform = |random: &mut SplitMix64| (random.next_u64() >> 40) as f32 / (1 << 24) as f32;
    (0..12).map(|_| uniform(random)).sum::<f32>() - 6.0
}

/// Features with correlated components, neighbours and, where asked for, zeros as after a ReLU.
fn features(count: usize, dims: &[usize], offset: f32, seed: u64) -> Vec<Vec<f32>> {
    let layout = layout::Layout::of(dims);
    let mut random = SplitMix64::new(seed);
    let mixing: Vec<f32> = (0..layout.components * 4).map(|_| normal(&mut random)).collect();
    let mut feature = || {
        let mut values = vec![0.0; layout.components * layout.positions];
        for position in 0..layout.positions {
            let hidden: [f32; 4] = std::array::from_fn(|_| normal(&mut random));
            for component in 0..layout.components {
                let row = &mixing[component * 4..component * 4 + 4];
                let mixed: f32 = row.iter().zip(hidden).map(|(a, b)| a * b).sum();
                let value = mixed + 0.2 * normal(&mut random) - offset;
                values[layout.index(position, component)] =
                    if offset > 0.0 { value.max(0.0) } else { value };
            }
        }
        values
    };
    (0..count).map(|_| feature()).collect()
}

fn squared_error(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

const LAYOUTS: [(&[usize], f32); 4] =
    [(&[1, 16, 8, 8], 1.0), (&[1, 16, 8, 8], 0.0), (&[1, 12, 160], 0.0), (&[1, 64], 0.5)];

#[test]
fn every_method_returns_its_features_within_its_promise() {
    for (dims, offset) in LAYOUTS {
        let mut learned = features(25, dims, offset, 1);
        let unseen = learned.remove(24);
        let energy = squared_error(&unseen, &vec![0.0; unseen.len()]);
        let calibration = Calibration::new(learned.iter().map(Vec::as_slice), dims).unwrap();
        for codec in calibrate_all(&calibration).unwrap() {
            let label = format!("{} {} {dims:?}", codec.name(), codec.setting());
            let payload = codec.encode(&unseen, dims).unwrap();
            assert_eq!(payload, codec.encode(&unseen, dims).unwrap(), "{label}: not deterministic");
            let back = codec.decode(&payload, dims).unwrap();
            let error = squared_error(&back, &unseen) / energy;
            assert!(error < 1.3, "{label}: relative error {error}");
            match codec.name() {
                "raw-fp32" => assert_eq!((&back, payload.len()), (&unseen, 4 * unseen.len())),
                "raw-fp16" => assert!(error < 1e-6 && payload.len() == 2 * unseen.len()),
                "pco" => assert_eq!(back, unseen, "{label}"),
                "int8" => assert!(error < 1e-3 && payload.len() == unseen.len(), "{label} {error}"),
                "int2" => assert_eq!(payload.len(), unseen.len() / 4),
                "int3+zstd" => assert!(payload.len() <= 1 + (3 * unseen.len()).div_ceil(8)),
                _ => {}
            }
        }
    }
}

#[test]
fn dearer_settings_of_a_recipe_lose_less() {
    for (dims, offset) in LAYOUTS {
        let learned = features(40, dims, offset, 1);
        let calibration = Calibration::new(learned.iter().map(Vec::as_slice), dims).unwrap();
        for method in ["kvtc", "turboquant", "clip-ecsq", "int2+zstd"] {
            let mut last = (0, f64::INFINITY);
            let codecs = calibrate(method, &calibration).unwrap();
            assert!(codecs.len() >= 4, "{method}: {} settings", codecs.len());
            for codec in codecs {
                let (mut bytes, mut error) = (0, 0.0);
                for feature in &learned {
                    let payload = codec.encode(feature, dims).unwrap();
                    bytes += payload.len();
                    error += squared_error(&codec.decode(&payload, dims).unwrap(), feature);
                }
                let label = format!("{method} {} {dims:?}", codec.setting());
                assert!(error < last.1, "{label}: {error} after {}", last.1);
                // Payloads of a byte or two are mostly rounding.
                assert!(bytes + learned.len() > last.0, "{label}: {bytes} after {}", last.0);
                last = (bytes, error);
            }
        }
    }
}

#[test]
fn sparse_features_compress_and_lossless_stages_do_not_change_levels() {
    let dims = [1, 16, 8, 8];
    let learned = features(24, &dims, 6.0, 1);
    let calibration = Calibration::new(learned.iter().map(Vec::as_slice), &dims).unwrap();
    let one = |method: &str| calibrate(method, &calibration).unwrap().pop().unwrap();
    for bits in ["int8", "int6", "int4", "int3", "int2"] {
        let raw = one(bits);
        let plain = raw.encode(&learned[0], &dims).unwrap();
        let expected = raw.decode(&plain, &dims).unwrap();
        for stage in ["lz4", "zstd"] {
            let codec = one(&format!("{bits}+{stage}"));
            let payload = codec.encode(&learned[0], &dims).unwrap();
            assert!(payload.len() < plain.len(), "{bits}+{stage}: {}", payload.len());
            assert_eq!(codec.decode(&payload, &dims).unwrap(), expected, "{bits}+{stage}");
        }
    }
}

#[test]
fn damaged_payloads_give_errors_or_other_values_but_never_panics() {
    let dims = [1, 16, 4, 4];
    let learned = features(12, &dims, 0.8, 1);
    let calibration = Calibration::new(learned.iter().map(Vec::as_slice), &dims).unwrap();
    let mut random = SplitMix64::new(3);
    for codec in calibrate_all(&calibration).unwrap() {
        let label = format!("{} {}", codec.name(), codec.setting());
        let payload = codec.encode(&learned[0], &dims).unwrap();
        let mut refused = 0;
        for length in 0..payload.len() {
            refused += usize::from(codec.decode(&payload[..length], &dims).is_err());
        }
        assert!(2 * refused >= payload.len(), "{label}: {refused} of {} refused", payload.len());
        let mut longer = payload.clone();
        longer.extend([0x55; 40]);
        // The library behind `pco` does not tell how much it read.
        let passed = codec.decode(&longer, &dims).is_ok();
        assert_eq!(passed, codec.name() == "pco", "{label}: trailing bytes");
        for _ in 0..200 {
            let mut damaged = payload.clone();
            let at = random.below(damaged.len() as u64) as usize;
            damaged[at] ^= 1 << random.below(8);
            if let Ok(values) = codec.decode(&damaged, &dims) {
                assert_eq!(values.len(), learned[0].len(), "{label}");
            }
        }
        let noise: Vec<u8> = (0..300).map(|_| random.next_u64() as u8).collect();
        assert!(codec.decode(&noise, &dims).is_err(), "{label}: noise passed");
    }
}

#[test]
fn wrong_shapes_and_names_are_refused_by_name() {
    let dims = [1, 16, 4, 4];
    let learned = features(8, &dims, 0.8, 1);
    let calibration = Calibration::new(learned.iter().map(Vec::as_slice), &dims).unwrap();
    for codec in calibrate_all(&calibration).unwrap() {
        let shape = codec.encode(&learned[0][1..], &dims).unwrap_err();
        assert!(matches!(shape, RivalError::Shape { .. }), "{}: {shape}", codec.name());
        assert!(codec.encode(&learned[0], &[usize::MAX, 2]).is_err());
        assert!(codec.decode(&[0; 8], &[usize::MAX, 2]).is_err());
    }
    let unknown = calibrate("int5", &calibration).err().map(|error| error.to_string());
    assert!(unknown.is_some_and(|message| message.contains("`int5`")));
    assert!(matches!(Calibration::new([], &dims), Err(RivalError::EmptyCalibration)));
    assert!(Calibration::new([learned[0].as_slice()], &[3]).is_err());
}

#[test]
fn values_no_network_should_send_do_not_panic() {
    let dims = [1, 4, 2, 2];
    let constant = vec![0.0_f32; 16];
    let strange: Vec<f32> =
        (0..16).map(|i| [f32::NAN, f32::INFINITY, -1e38, 1e38, 0.0, -0.0][i % 6]).collect();
    for learned in [&constant, &strange] {
        let calibration = Calibration::new([learned.as_slice()], &dims).unwrap();
        for codec in calibrate_all(&calibration).unwrap() {
            for feature in [&constant, &strange] {
                let payload = codec.encode(feature, &dims).unwrap();
                assert_eq!(codec.decode(&payload, &dims).unwrap().len(), 16, "{}", codec.name());
            }
        }
    }
}

#[test]
fn names_are_unique_and_belong_to_families() {
    let names: Vec<&str> = methods().collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len());
    assert!(
        names.iter().all(|name| family(name) != Family::Learned && family(name) != Family::Input)
    );
    assert_eq!(family("int4+zstd"), Family::Int);
    assert_eq!(family("webp-input"), Family::Input);
    assert_eq!(family("learned"), Family::Learned);
}

fn picture(channels: usize) -> Picture {
    let (width, height) = (40, 28);
    let mut random = SplitMix64::new(4);
    let noise: Vec<usize> = (0..width * height).map(|_| random.below(60) as usize).collect();
    let pixels = (0..width * height * channels)
        .map(|i| {
            let (x, y) = (i / channels % width, i / channels / width);
            (x * 3 + y * (i % channels + 1) + noise[i / channels]) as u8
        })
        .collect();
    Picture { width, height, channels, pixels }
}

#[test]
fn pictures_return_better_at_higher_quality() {
    for channels in [1, 3] {
        let original = picture(channels);
        let shape = PictureShape::of(&original);
        for method in ["webp-input", "jpeg-input"] {
            let points: Vec<(usize, f64)> = picture_codecs()
                .iter()
                .filter(|codec| codec.name() == method)
                .map(|codec| {
                    let file = codec.encode(&original).unwrap();
                    let back = codec.decode(&file, shape).unwrap();
                    assert_eq!(PictureShape::of(&back), shape);
                    (file.len(), pixel_error(&back, &original))
                })
                .collect();
            let (worst, best) = (points[0], points[points.len() - 1]);
            assert!(worst.0 < best.0, "{method} {channels}: {points:?}");
            assert!(best.1 < 0.5 * worst.1, "{method} {channels}: {points:?}");
        }
    }
}

fn pixel_error(a: &Picture, b: &Picture) -> f64 {
    let pairs = a.pixels.iter().zip(&b.pixels);
    pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

#[test]
fn damaged_and_foreign_pictures_are_refused() {
    let original = picture(3);
    let shape = PictureShape::of(&original);
    for codec in picture_codecs() {
        let file = codec.encode(&original).unwrap();
        for length in (0..file.len()).step_by(7) {
            if let Ok(back) = codec.decode(&file[..length], shape) {
                assert_eq!(PictureShape::of(&back), shape);
            }
        }
        assert!(codec.decode(&file[..20], shape).is_err());
        let other = PictureShape { width: shape.width + 1, ..shape };
        let refusal = codec.decode(&file, other).unwrap_err();
        let expected = PayloadProblem::Size;
        assert!(matches!(refusal, RivalError::Payload { problem, .. } if problem == expected));
        let torn = Picture { pixels: vec![0; 5], ..original.clone() };
        assert!(matches!(codec.encode(&torn), Err(RivalError::Picture { .. })));
        let empty = Picture { width: 0, height: 0, channels: 3, pixels: Vec::new() };
        assert!(codec.encode(&empty).is_err());
    }
}
