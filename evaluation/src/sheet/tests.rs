use std::path::Path;

use aiflow_codec::learn::LearnConfig;
use aiflow_runtime::bundle::{
    CodingEffort, FeatureCoding, FrameRate, Payload, PictureFormat, TaskLoss,
};
use aiflow_runtime::cut::{CutOptions, search};
use aiflow_runtime::engine::{Engine, RtenEngine};
use aiflow_runtime::graph::Graph;
use aiflow_runtime::learning::learn_cut;
use aiflow_runtime::{ModelFile, Program};

use super::*;
use crate::data;

/// The shipped network with one cut learned, and scenes that nothing was learned from.
struct Stage {
    cuts: Vec<SheetCut>,
    samples: Samples,
    preprocess: Preprocess,
}

fn scenes(spec: &str, preprocess: &Preprocess) -> Samples {
    let set = data::open(&spec.parse().expect("a name"), Some(preprocess)).expect("scenes");
    Samples::read(set.as_ref(), preprocess.input(), usize::MAX).expect("samples")
}

fn stage() -> Stage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/scenes-cnn/scenes-cnn.onnx");
    let model = ModelFile::open(&path).expect("the shipped model");
    let graph = Graph::new(&model).expect("a graph");
    let program: Arc<dyn Program> = RtenEngine::new().load(&model).expect("a program");
    let preprocess = Preprocess::preset("scenes-cnn").expect("its preset");
    let learned_from = scenes("scenes:30@3", &preprocess);
    let found = search(&graph, &program, &[], &CutOptions::default()).expect("cuts").cuts;
    let last = found.into_iter().next_back().expect("a cut");
    let split = SplitModel::new(Arc::clone(&program), &graph, last);
    let config = LearnConfig::default();
    let learned = learn_cut(&split, &learned_from.inputs, &config, 2, &|_, _| {}).expect("learned");
    let profiles = learned.into_iter().map(|tensor| Arc::new(tensor.profile)).collect();
    let samples = scenes("scenes:24@4", &preprocess);
    Stage { cuts: vec![SheetCut { split, profiles }], samples, preprocess }
}

impl Stage {
    fn sheet(&self, threads: usize) -> PlanSheet {
        let preprocess = Some(&self.preprocess);
        let data = SheetData { name: "scenes", samples: &self.samples, preprocess };
        measure(&data, &self.cuts, threads, &|_, share| assert!((0.0..=1.0).contains(&share)))
            .expect("a sheet")
    }
}

#[test]
fn a_sheet_has_what_was_measured_and_is_the_same_every_time() {
    let stage = stage();
    let sheet = stage.sheet(1);
    assert_eq!(sheet, stage.sheet(3));
    assert_eq!((sheet.samples, sheet.confidence), (24, 0.95));
    assert!(sheet.top1.is_some_and(|top1| top1 > 0.5));
    let find = |wanted: &dyn Fn(&Payload) -> bool| {
        sheet.points.iter().find(|point| wanted(&point.payload)).expect("it is on the sheet")
    };
    let png = find(&|p| matches!(p, Payload::Picture(c) if c.format == PictureFormat::Png));
    assert_eq!(png.loss.kl, 0.0);
    assert_eq!(png.loss.disagreement, Some(0.0));
    assert!(png.loss.disagreement_upper.is_some_and(|upper| (0.1..0.13).contains(&upper)));
    let cut = stage.cuts[0].split.cut();
    let is =
        |coding: FeatureCoding| move |p: &Payload| *p == Payload::Feature { cut: cut.id, coding };
    let lossless = find(&is(FeatureCoding::Lossless));
    assert_eq!(lossless.loss.disagreement, Some(0.0));
    assert!(lossless.bytes_mean <= cut.raw_bytes as f64 + 20.0);
    let learned: Vec<&OperatingPoint> = sheet
        .points
        .iter()
        .filter(|point| match point.payload {
            Payload::Feature { coding: FeatureCoding::Learned { effort, .. }, .. } => {
                effort == CodingEffort::High
            }
            _ => false,
        })
        .collect();
    assert!(learned.len() >= 2, "{}", learned.len());
    for pair in learned.windows(2) {
        assert!(pair[1].bytes_mean < pair[0].bytes_mean, "coarser is smaller");
        assert!(pair[1].loss.kl >= pair[0].loss.kl && pair[0].bytes_p95 >= pair[0].bytes_mean);
    }
    assert!(learned[0].bytes_mean < lossless.bytes_mean);
}

#[test]
fn without_samples_or_cuts_there_is_no_sheet() {
    let stage = stage();
    let none = Samples { inputs: Vec::new(), labels: Vec::new(), pictures: Vec::new() };
    let measured = |samples: &Samples, cuts: &[SheetCut]| {
        measure(&SheetData { name: "x", samples, preprocess: None }, cuts, 1, &|_, _| {})
    };
    assert!(matches!(measured(&none, &stage.cuts), Err(SheetError::Nothing)));
    assert!(matches!(measured(&stage.samples, &[]), Err(SheetError::Nothing)));
    // Without pictures only features are measured.
    let mut blind = stage.samples.clone();
    blind.pictures.iter_mut().for_each(|picture| *picture = None);
    let sheet = measured(&blind, &stage.cuts).expect("a sheet");
    assert!(sheet.points.iter().all(|point| matches!(point.payload, Payload::Feature { .. })));
    assert!(picture_codings(&blind).is_empty() && preparing(&blind, &stage.preprocess).is_none());
}

#[test]
fn only_points_that_somebody_could_want_stay() {
    let stage = stage();
    let cut = stage.cuts[0].split.cut().id;
    let point = |rate_index, effort, bytes: f64, kl| OperatingPoint {
        payload: Payload::Feature {
            cut,
            coding: FeatureCoding::Learned { rate_index, effort, rate: FrameRate::Fixed },
        },
        bytes_mean: bytes,
        bytes_p95: bytes,
        loss: TaskLoss { kl, ..TaskLoss::default() },
    };
    use CodingEffort::{Fast, High};
    let all = vec![
        point(1, High, 100.0, 0.01),
        // More bytes and more loss than the one before.
        point(2, High, 110.0, 0.02),
        // Hardly better.
        point(3, High, 101.0, 0.0095),
        point(4, High, 60.0, 0.04),
        // Larger, and faster.
        point(1, Fast, 130.0, 0.01),
        // Larger and not better than a faster one.
        point(5, High, 131.0, 0.01),
    ];
    let front = front::front(all.clone(), &stage.cuts);
    let kept: Vec<usize> =
        front.iter().filter_map(|point| all.iter().position(|other| other == point)).collect();
    assert_eq!(kept, [0, 3, 4]);
}

#[test]
fn losses_of_known_answers() {
    let outputs = |rows: &[[f32; 2]]| -> Vec<Outputs> {
        let row = |row: &[f32; 2]| {
            let array = ndarray::ArrayD::from_shape_vec(vec![1, 2], row.to_vec()).expect("a row");
            Outputs::of(&[Value::F32(array)])
        };
        rows.iter().map(row).collect()
    };
    let whole = outputs(&[[3.0, 0.0], [3.0, 0.0], [0.0, 3.0], [0.0, 3.0]]);
    let own = outputs(&[[3.0, 0.0], [0.0, 3.0], [0.0, 3.0], [0.0, 3.0]]);
    let own: Vec<&Outputs> = own.iter().collect();
    let labels = [Some(0), Some(0), Some(1), Some(0)];
    let found = loss::loss(&whole, &own, &labels);
    assert_eq!(found.disagreement, Some(0.25));
    assert_eq!(found.top1_drop, Some(0.25));
    let upper = found.disagreement_upper.expect("a bound");
    assert!((upper - 0.7514).abs() < 1e-3, "{upper}");
    assert!(found.top1_drop_upper.expect("a bound") <= upper);
    // One answer of four is turned round: 3 * (p - q) with p = 1 - q = 0.953.
    assert!((found.kl - 0.6788).abs() < 1e-3, "{}", found.kl);
    assert_eq!(loss::loss(&whole, &own, &[None; 4]).top1_drop, None);
}
