use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::cut::{CutOptions, search};
use crate::engine::{Engine, RtenEngine};
use crate::fixtures;
use crate::graph::Graph;
use crate::onnx::ModelFile;

fn model() -> ModelFile {
    ModelFile::from_bytes(fixtures::residual_block()).expect("the fixture is a model")
}

fn point(cut: &str, rate_index: u8) -> OperatingPoint {
    let cut = cut.parse().expect("the name of a cut");
    let (effort, rate) = (CodingEffort::High, FrameRate::Fixed);
    let coding = FeatureCoding::Learned { rate_index, effort, rate };
    OperatingPoint {
        payload: Payload::Feature { cut, coding },
        bytes_mean: 120.1 / 3.0,
        bytes_p95: 200.0,
        loss: TaskLoss { kl: 0.03, disagreement: Some(0.03), ..TaskLoss::default() },
    }
}

fn sheet() -> PlanSheet {
    let (format, quality) = (PictureFormat::Webp, Some(80));
    let picture = Payload::Picture(PictureCoding { format, quality, effort: Some(4) });
    let picture = OperatingPoint { payload: picture, ..point("c01", 0) };
    let points = vec![picture, point("c01", 8), point("c02", 20)];
    PlanSheet { data: "scenes:90@2".to_owned(), samples: 90, confidence: 0.95, top1: None, points }
}

/// A bundle with a profile for each tensor of each cut.
fn builder() -> BundleBuilder {
    let model = model();
    let graph = Graph::new(&model).expect("a graph");
    let program = RtenEngine::new().load(&model).expect("the engine runs the fixture");
    let list = search(&graph, &program, &[], &CutOptions::default()).expect("the model runs");
    let mut builder =
        BundleBuilder::new("residual", model.id(), "models/residual.onnx", list.total_flops)
            .with_preprocessing(serde_json::json!({ "size": [8, 8] }))
            .with_provenance(Provenance {
                data: "scenes:500@1".to_owned(),
                samples: 500,
                seed: 1,
                engine: "rten".to_owned(),
                settings: serde_json::json!({ "target_loss": 0.03 }),
            });
    for cut in list.cuts {
        let profiles = cut.tensors.iter().map(|t| t.name.clone().into_bytes()).collect();
        builder.add_cut(
            cut,
            CutFiles {
                profiles,
                extras: vec![("confidence".to_owned(), vec![1, 2, 3])],
                report: serde_json::json!({ "zeros": 0.5 }),
            },
        );
    }
    builder
}

fn bundle() -> Bundle {
    let bundle = builder().build().expect("the parts fit");
    bundle.with_plan_sheet(sheet()).expect("points of its cuts")
}

/// A bundle on disk.
struct OnDisk {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl OnDisk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("out.bundle");
        bundle().write(&path, Existing::Keep).expect("the bundle can be written");
        Self { _folder: folder, path }
    }

    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.path.join(file);
        let text = fs::read_to_string(&path).expect("a text file");
        fs::write(path, change(text)).expect("a file can be written");
    }

    fn error(&self) -> BundleError {
        Bundle::open(&self.path).expect_err("the bundle is broken")
    }
}

fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut stack = vec![folder.to_owned()];
    while let Some(at) = stack.pop() {
        for entry in fs::read_dir(&at).expect("a folder").map(|entry| entry.expect("an entry")) {
            let path = entry.path();
            if path.is_dir() {
                stack.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("inside").to_owned();
                found.push((name, fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_written_is_read() {
    let written = bundle();
    let disk = OnDisk::new();
    let read = Bundle::open(&disk.path).expect("a sound bundle");
    assert_eq!(read.manifest(), written.manifest());
    assert_eq!(read.manifest_bytes(), written.manifest_bytes());
    assert_eq!(read.cuts().len(), 3);
    let cut = read.cuts().nth(1).expect("a cut");
    assert_eq!(cut.cut().tensor_names(), ["r0", "r1"]);
    assert_eq!(cut.profiles().collect::<Vec<_>>(), [b"r0", b"r1"]);
    assert_eq!(cut.extra("confidence"), Some(&[1, 2, 3][..]));
    assert_eq!(cut.extra("nothing"), None);
    assert_eq!(read.plan_sheet(), Some(&sheet()));
    assert_eq!(read.cut(cut.cut().id).expect("by name").cut(), cut.cut());
    assert!(read.cut("c77".parse().expect("an id")).is_none());
}

#[test]
fn equal_content_gives_equal_bytes() {
    let (first, second) = (OnDisk::new(), OnDisk::new());
    let files = tree(&first.path);
    assert_eq!(files, tree(&second.path));
    let names: Vec<_> = files.iter().map(|(name, _)| name.to_str().expect("a name")).collect();
    assert!(names.contains(&"bundle.json") && names.contains(&"profiles/c02.1.afp"), "{names:?}");
}

#[test]
fn every_changed_file_is_found() {
    for (name, _) in tree(&OnDisk::new().path) {
        if name == Path::new("bundle.json") {
            continue;
        }
        let disk = OnDisk::new();
        let path = disk.path.join(&name);
        let mut bytes = fs::read(&path).expect("a file");
        bytes[0] ^= 1;
        fs::write(&path, &bytes).expect("a file can be written");
        assert!(matches!(disk.error(), BundleError::Changed { .. }), "{name:?} changed");
        bytes.push(0);
        fs::write(&path, &bytes).expect("a file can be written");
        assert!(matches!(disk.error(), BundleError::Changed { .. }), "{name:?} longer");
        fs::remove_file(&path).expect("a file can be removed");
        let error = disk.error();
        assert!(matches!(error, BundleError::Missing { .. }), "{name:?} missing: {error}");
        fs::create_dir(&path).expect("a folder can be made");
        assert!(matches!(disk.error(), BundleError::Changed { .. }), "{name:?} is a folder");
    }
}

#[test]
fn other_folders_are_told_from_bundles() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nothing = folder.path().join("nothing");
    assert!(matches!(Bundle::open(&nothing), Err(BundleError::NotFound { .. })));
    assert!(matches!(Bundle::open(folder.path()), Err(BundleError::NotABundle { .. })));
    let file = folder.path().join("bundle.json");
    fs::write(&file, "{}").expect("a file can be written");
    assert!(matches!(Bundle::open(&file), Err(BundleError::NotABundle { .. })));
    assert!(matches!(Bundle::open(folder.path()), Err(BundleError::Manifest { .. })));
    fs::write(&file, r#"{"format": "x", "version": {"major": 1, "minor": 0}}"#).expect("written");
    assert!(matches!(Bundle::open(folder.path()), Err(BundleError::NotABundle { .. })));
}

#[test]
fn unknown_versions_are_refused_and_unknown_fields_are_not() {
    let disk = OnDisk::new();
    disk.edit("bundle.json", |text| text.replacen("\"minor\": 1", "\"minor\": 9", 1));
    disk.edit("bundle.json", |text| text.replacen('{', "{ \"later\": [1, {}],", 1));
    assert!(Bundle::open(&disk.path).is_ok());
    disk.edit("bundle.json", |text| text.replacen("\"major\": 1", "\"major\": 2", 1));
    let error = disk.error();
    assert!(matches!(error, BundleError::Version { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn no_broken_manifest_panics() {
    let disk = OnDisk::new();
    let path = disk.path.join("bundle.json");
    let whole = fs::read(&path).expect("a manifest");
    // The line feed at the end may be missing.
    for length in (0..whole.len() - 2).step_by(61) {
        fs::write(&path, &whole[..length]).expect("a file can be written");
        assert!(matches!(disk.error(), BundleError::Manifest { .. }), "{length} bytes");
    }
    for at in (0..whole.len()).step_by(29) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, &bytes).expect("a file can be written");
        // A changed word of a report is none of the reader's business.
        let _ = Bundle::open(&disk.path);
    }
    fs::write(&path, "[".repeat(100_000)).expect("a file can be written");
    assert!(matches!(disk.error(), BundleError::Manifest { .. }));
}

#[test]
fn files_outside_the_bundle_are_not_read() {
    for outside in ["../secret", "/etc/hostname", "profiles/../../secret", "profiles\\\\x"] {
        let disk = OnDisk::new();
        fs::write(disk.path.join("../secret"), "r0").expect("a file can be written");
        disk.edit("bundle.json", |text| text.replace("profiles/c01.0.afp", outside));
        let error = disk.error();
        assert!(matches!(error, BundleError::Path { .. }), "{outside}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let disk = OnDisk::new();
    let profile = disk.path.join("profiles/c01.0.afp");
    let elsewhere = disk.path.join("../elsewhere");
    fs::rename(&profile, &elsewhere).expect("a file can be moved");
    std::os::unix::fs::symlink(&elsewhere, &profile).expect("a link can be made");
    assert!(matches!(disk.error(), BundleError::Changed { .. }));
}

#[test]
fn limits_hold() {
    let disk = OnDisk::new();
    let limits = BundleLimits::default();
    for tight in [
        limits.with_manifest_bytes(100),
        limits.with_file_bytes(1),
        limits.with_total_bytes(10),
        limits.with_files(2),
    ] {
        let error = Bundle::open_within(&disk.path, tight).expect_err("too large");
        assert!(matches!(error, BundleError::TooLarge { .. }), "{tight:?}: {error}");
    }
}

#[test]
fn contradictions_are_refused() {
    let changed = |from: &str, to: &str| {
        let disk = OnDisk::new();
        disk.edit("bundle.json", |text| text.replacen(from, to, 1));
        let error = disk.error();
        assert!(matches!(error, BundleError::Inconsistent { .. }), "{from} -> {to}: {error}");
    };
    changed("\"tensor\": \"r0\"", "\"tensor\": \"r1\"");
    changed("profiles/c02.0.afp", "profiles/c01.0.afp");
    changed("\"id\": \"c02\"", "\"id\": \"c01\"");
    changed("\"file_name\": \"residual.onnx\"", "\"file_name\": \"../residual.onnx\"");

    let mut twice = builder();
    let first = bundle().manifest().cuts[0].cut.clone();
    twice.add_cut(first, CutFiles::default());
    assert!(matches!(twice.build(), Err(BundleError::Inconsistent { .. })));
}

#[test]
fn an_impossible_plan_sheet_is_refused() {
    let refused = |points: Vec<OperatingPoint>| {
        let result = bundle().with_plan_sheet(PlanSheet { points, ..sheet() });
        assert!(matches!(result, Err(BundleError::Inconsistent { .. })), "{result:?}");
    };
    let loss = |kl| TaskLoss { kl, ..TaskLoss::default() };
    refused(vec![OperatingPoint { loss: loss(f64::NAN), ..point("c01", 1) }]);
    refused(vec![OperatingPoint { bytes_mean: -1.0, ..point("c01", 1) }]);
    let share = TaskLoss { disagreement: Some(1.5), ..loss(0.1) };
    refused(vec![OperatingPoint { loss: share, ..point("c01", 1) }]);
    refused(vec![point("c77", 1)]);
    refused(vec![point("c01", 64)]);
    refused(vec![point("c01", 1), point("c02", 1), point("c01", 1)]);
    let many = vec![point("c01", 1); PlanSheet::MOST_POINTS + 1];
    refused(many);
}

#[test]
fn only_bundles_are_replaced() {
    let disk = OnDisk::new();
    let before = tree(&disk.path);
    let other = BundleBuilder::new("other", model().id(), "m.onnx", 1).build().expect("empty");
    let error = other.write(&disk.path, Existing::Keep).expect_err("it exists");
    assert!(matches!(error, BundleError::Exists { .. }));
    assert_eq!(tree(&disk.path), before);
    other.write(&disk.path, Existing::Replace).expect("it is a bundle");
    assert_eq!(Bundle::open(&disk.path).expect("a bundle").manifest(), other.manifest());

    let parent = disk.path.parent().expect("a folder");
    let precious = parent.join("precious");
    fs::create_dir(&precious).expect("a folder can be made");
    other.write(&precious, Existing::Keep).expect("an empty folder is no loss");
    let letter = parent.join("letter");
    fs::create_dir(&letter).expect("a folder can be made");
    fs::write(letter.join("text"), "dear").expect("a file can be written");
    for target in [&letter, &letter.join("text")] {
        let error = other.write(target, Existing::Replace).expect_err("no bundle");
        assert!(matches!(error, BundleError::InTheWay { .. }), "{error}");
    }
    assert_eq!(fs::read_to_string(letter.join("text")).expect("still there"), "dear");
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut broken = bundle();
    broken.files.insert("../outside".to_owned(), Arc::from(&b"x"[..]));
    let target = folder.path().join("deep/out.bundle");
    let error = broken.write(&target, Existing::Keep).expect_err("a path outside");
    assert!(matches!(error, BundleError::Path { .. }), "{error}");
    assert_eq!(tree(folder.path()), []);
    assert!(!target.exists());
}

#[test]
fn the_model_is_found_and_checked() {
    let disk = OnDisk::new();
    let read = Bundle::open(&disk.path).expect("a bundle");
    let error = read.model(None, &[]).expect_err("the model is nowhere");
    let BundleError::ModelNotFound { tried, .. } = &error else { panic!("{error}") };
    assert_eq!(tried.len(), 2, "in the bundle and beside it");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("residual.onnx");
    fs::write(&path, fixtures::residual_block()).expect("a file can be written");
    let folders = [folder.path().to_owned()];
    assert_eq!(read.model(None, &folders).expect("found").id(), model().id());
    let beside = disk.path.parent().expect("a folder").join("residual.onnx");
    fs::copy(&path, &beside).expect("a file can be copied");
    assert_eq!(read.model(None, &[]).expect("found beside").path(), Some(beside.as_path()));

    fs::write(&path, fixtures::small_cnn()).expect("a file can be written");
    let error = read.model(Some(&path), &[]).expect_err("another model");
    assert!(matches!(error, BundleError::WrongModel { .. }), "{error}");
    assert!(error.to_string().contains("is another model"), "{error}");

    let alone = builder().with_model(&model()).build().expect("the parts fit");
    let target = folder.path().join("alone.bundle");
    alone.write(&target, Existing::Keep).expect("the bundle can be written");
    let alone = Bundle::open(&target).expect("a bundle");
    assert_eq!(alone.model(None, &[]).expect("it is inside").id(), model().id());
}
