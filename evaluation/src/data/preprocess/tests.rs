use super::*;

fn preprocess(text: &str) -> Preprocess {
    Preprocess::from_toml(text, "test").expect("a description in good order")
}

fn ramp(width: usize, height: usize, channels: usize) -> Picture {
    let pixels = (0..width * height * channels).map(|at| (at * 7 % 251) as u8).collect();
    Picture { width, height, channels, pixels }
}

#[test]
fn presets_are_in_good_order_and_name_their_input() {
    let inputs: Vec<(&str, String, [usize; 4])> = Preprocess::preset_names()
        .map(|name| (name, Preprocess::preset(name).expect("listed")))
        .map(|(name, preset)| (name, preset.input().to_owned(), preset.dims()))
        .collect();
    let expected = [
        ("scenes-cnn", "input", [1, 3, 48, 48]),
        ("resnet20-cifar10", "input", [1, 3, 32, 32]),
        ("resnet32-cifar10", "input", [1, 3, 32, 32]),
        ("mobilenet-v2-imagenet", "t0", [1, 3, 224, 224]),
        ("squeezenet-1.1-imagenet", "data", [1, 3, 227, 227]),
        ("yolox-nano-coco", "images", [1, 3, 416, 416]),
    ];
    assert_eq!(inputs, expected.map(|(name, input, dims)| (name, input.to_owned(), dims)));
    assert_eq!(Preprocess::preset("resnet50"), None);
}

#[test]
fn values_are_normalised_in_the_order_of_the_tensor() {
    let text = "input = 'x'\nsize = [1, 2]\nchannels = 'bgr'\ndivide = 1\nmean = [3, 2, 1]";
    let picture = Picture::new(2, 1, 3, vec![11, 22, 33, 44, 55, 66]).unwrap();
    let planes = preprocess(text).apply(&picture).unwrap();
    assert_eq!(planes.shape(), [1, 3, 1, 2]);
    assert_eq!(planes.as_slice().unwrap(), [30.0, 63.0, 20.0, 53.0, 10.0, 43.0]);
    let together = preprocess(&format!("{text}\nlayout = 'nhwc'\nstd = [2, 2, 2]"));
    let together = together.apply(&picture).unwrap();
    assert_eq!(together.shape(), [1, 1, 2, 3]);
    assert_eq!(together.as_slice().unwrap(), [15.0, 10.0, 5.0, 31.5, 26.5, 21.5]);
}

#[test]
fn grey_models_take_colour_and_colour_models_take_grey() {
    let grey = preprocess("input = 'x'\nsize = [1, 1]\nchannels = 'grey'");
    let white = Picture::new(1, 1, 3, vec![255; 3]).unwrap();
    assert_eq!(grey.apply(&white).unwrap().as_slice().unwrap(), [1.0]);
    let colour = preprocess("input = 'x'\nsize = [1, 1]");
    let black = Picture::new(1, 1, 1, vec![0]).unwrap();
    assert_eq!(colour.apply(&black).unwrap().as_slice().unwrap(), [0.0; 3]);
}

#[test]
fn exact_refuses_what_the_others_resize() {
    let size = "input = 'x'\nsize = [6, 8]\n";
    let error = preprocess(size).apply(&ramp(7, 6, 3)).unwrap_err();
    assert!(error.to_string().starts_with("a picture has 7x6 pixels where the model wants 8x6"));
    for fit in ["crop", "stretch", "letterbox"] {
        let fitting = preprocess(&format!("{size}fit = '{fit}'"));
        for (width, height) in [(1, 1), (1, 50), (50, 1), (6, 8), (8, 6), (31, 17), (3, 400)] {
            let fitted = fitting.fit(&ramp(width, height, 3)).unwrap();
            assert_eq!((fitted.width, fitted.height), (8, 6), "{fit} of {width}x{height}");
        }
    }
}

#[test]
fn crop_keeps_the_centre() {
    let fitting = preprocess("input = 'x'\nsize = [2, 2]\nfit = 'crop'\nshort-side = 4");
    let picture = ramp(6, 4, 1).to_rgb();
    let fitted = fitting.fit(&picture).unwrap().to_grey();
    let expected = [(2, 1), (3, 1), (2, 2), (3, 2)].map(|(x, y)| ((y * 6 + x) * 7 % 251) as u8);
    assert_eq!(fitted.pixels, expected);
}

#[test]
fn letterbox_fills_below_and_to_the_right() {
    let fitting = preprocess("input = 'x'\nsize = [4, 4]\nfit = 'letterbox'\nchannels = 'grey'");
    let wide = Picture::new(8, 4, 1, vec![9; 32]).unwrap();
    let fitted = fitting.fit(&wide).unwrap();
    assert_eq!(fitted.pixels, [[9; 8], [114; 8]].concat());
    let high = Picture::new(2, 4, 1, vec![9; 8]).unwrap();
    assert_eq!(fitting.fit(&high).unwrap().pixels, [9, 9, 114, 114].repeat(4));
}

/// Expected bytes were computed with Pillow 13.0.0, `resize((3, 2), Image.BILINEAR)`.
#[test]
fn shrinking_averages_as_pillow_does() {
    let fitting = preprocess("input = 'x'\nsize = [2, 3]\nfit = 'stretch'\nchannels = 'grey'");
    let fitted = fitting.fit(&ramp(10, 7, 1)).unwrap();
    for (ours, pillow) in fitted.pixels.iter().zip(PILLOW) {
        assert!(ours.abs_diff(pillow) <= 1, "{:?} where Pillow has {PILLOW:?}", fitted.pixels);
    }
}

const PILLOW: [u8; 6] = [103, 115, 107, 127, 139, 131];

#[test]
fn faults_of_descriptions_are_named() {
    let base = "input = 'x'\nsize = [4, 4]\n";
    for (fault, expected) in [
        ("sise = 1", "unknown field `sise`"),
        ("mean = [1, 2]", "one number for each channel"),
        ("std = [1, 0, 1]", "not zero"),
        ("divide = nan", "finite"),
        ("short-side = 5", "only with fit"),
        ("fit = 'crop'\nshort-side = 3", "at least both sides"),
        ("fit = 'crop'\nshort-side = 100000", "1 to 4096"),
        ("channels = 'cmyk'", "unknown variant `cmyk`"),
        ("fill = 256", "256"),
        ("classes = 0", "at least 1"),
        ("fit =", "line 3"),
    ] {
        let error = Preprocess::from_toml(&format!("{base}{fault}"), "m.toml").unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("preprocessing m.toml, line "), "{text}");
        assert!(text.contains(expected) && !text.contains('\n'), "{fault}: {text}");
    }
    let missing = Preprocess::from_toml("input = 'x'", "m.toml").unwrap_err().to_string();
    assert!(missing.contains("missing field `size`"), "{missing}");
}

#[test]
fn descriptions_survive_json() {
    for name in Preprocess::preset_names() {
        let preset = Preprocess::preset(name).unwrap();
        let json = serde_json::to_string(&preset).unwrap();
        assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), preset);
    }
    let hostile = r#"{"input":"x","size":[4,4],"std":[0,0,0]}"#;
    assert!(serde_json::from_str::<Preprocess>(hostile).is_err());
}

#[test]
fn a_file_beside_the_model_comes_before_the_preset() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("resnet20-cifar10.onnx");
    let preset = Preprocess::for_model(&model).unwrap();
    assert_eq!(preset, Preprocess::preset("resnet20-cifar10"));
    let beside = folder.path().join("resnet20-cifar10.toml");
    std::fs::write(&beside, "input = 'y'\nsize = [1, 1]").unwrap();
    assert_eq!(Preprocess::for_model(&model).unwrap().unwrap().input(), "y");
    std::fs::write(&beside, "input = ").unwrap();
    let error = Preprocess::for_model(&model).unwrap_err().to_string();
    assert!(error.contains("resnet20-cifar10.toml"), "{error}");
    assert_eq!(Preprocess::for_model(&folder.path().join("other.onnx")).unwrap(), None);
}

#[test]
fn mirroring_inputs_is_mirroring_pictures() {
    let picture = ramp(5, 3, 3);
    let rows = picture.pixels.chunks(5 * 3);
    let pixels = rows.flat_map(|row| row.chunks(3).rev().flatten().copied()).collect();
    let mirror = Picture { pixels, ..picture.clone() };
    for layout in ["nchw", "nhwc"] {
        let text = format!("input = 'x'\nsize = [3, 5]\nlayout = '{layout}'");
        let preprocess = preprocess(&text);
        let input = preprocess.apply(&picture).expect("it fits");
        let mirrored = preprocess.mirrored(&input);
        assert_eq!(mirrored, preprocess.apply(&mirror).expect("it fits"), "{layout}");
        assert_ne!(mirrored, input);
    }
}
