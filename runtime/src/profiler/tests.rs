use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::bundle::{FeatureCoding, Payload};
use crate::cut::{Cut, CutId, CutOptions, search};
use crate::engine::{Engine, Program, RtenEngine, RunError};
use crate::fixtures;
use crate::graph::{DimChoice, Graph, RandomSource};
use crate::learning::NamedInputs;
use crate::onnx::ModelFile;
use crate::value::Value;

/// Counts what is fetched.
struct Counting {
    inner: Arc<dyn Program>,
    runs: std::sync::atomic::AtomicU32,
}

impl Program for Counting {
    fn run(&self, feeds: &[(&str, Value)], fetch: &[&str]) -> Result<Vec<Value>, RunError> {
        self.runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.inner.run(feeds, fetch)
    }
}

/// A millisecond for each reading.
#[derive(Default)]
struct Ticks(Cell<u64>);

impl Clock for Ticks {
    fn now(&self) -> Duration {
        self.0.set(self.0.get() + 1);
        Duration::from_millis(self.0.get())
    }
}

fn model() -> (Graph, Arc<dyn Program>, Vec<Cut>, Vec<NamedInputs>) {
    let model = ModelFile::from_bytes(fixtures::small_cnn()).expect("a model");
    let graph = Graph::new(&model).expect("a graph");
    let program = RtenEngine::new().load(&model).expect("a program");
    let cuts = search(&graph, &program, &[], &CutOptions::default()).expect("cuts").cuts;
    let mut random = RandomSource::new(5);
    let mut sample = || graph.random_inputs(&mut random, &DimChoice::new()).expect("inputs");
    let samples = vec![sample(), sample()];
    (graph, program, cuts, samples)
}

fn profile() -> MachineProfile {
    let (graph, program, cuts, samples) = model();
    let subject = Subject { program: &program, graph: &graph, cuts: &cuts, samples: &samples };
    let schedule = Schedule::default().with_rounds(2, 3);
    let parts = time_parts(&subject, &schedule, &Ticks::default(), &|_| {}).expect("parts");
    let payload = Payload::Feature { cut: cuts[0].id, coding: FeatureCoding::Raw };
    let time = Timing::constant(Duration::from_micros(3));
    MachineProfile {
        format: MachineProfile::FORMAT.to_owned(),
        version: MachineProfile::VERSION,
        model_name: "small".to_owned(),
        model: ModelFile::from_bytes(fixtures::small_cnn()).expect("a model").id(),
        machine: Machine::this("rten", "0", 1),
        samples: 2,
        rounds: parts.rounds,
        ended: parts.ended,
        whole: parts.whole,
        prepare: None,
        cuts: parts.cuts,
        segments: parts.segments,
        codings: vec![CodingTiming { payload, encode: time, decode: time }],
        warnings: vec!["odd".to_owned()],
    }
}

#[test]
fn every_part_is_run_and_the_segments_make_a_chain() {
    let (graph, inner, cuts, samples) = model();
    let counting = Arc::new(Counting { inner, runs: 0.into() });
    let program: Arc<dyn Program> = counting.clone();
    let subject = Subject { program: &program, graph: &graph, cuts: &cuts, samples: &samples };
    let schedule = Schedule::default().with_rounds(2, 2);
    let parts = time_parts(&subject, &schedule, &Ticks::default(), &|_| {}).expect("parts");
    // The whole, both sides of each cut, and what lies between; features are made once before.
    let works = 1 + 2 * cuts.len() + cuts.len() - 1;
    let runs = counting.runs.load(std::sync::atomic::Ordering::Relaxed) as usize;
    assert_eq!(runs, works * 2 * 4 + cuts.len() * samples.len());
    assert_eq!(parts.segments.len(), cuts.len() + 1);
    assert_eq!(parts.segments[0].from, None);
    assert_eq!(parts.segments.last().expect("the last").to, None);
    assert_eq!(parts.whole.p50(), Duration::from_millis(1));
    assert_eq!(parts.whole.runs(), 6);

    let profile = profile();
    let (first, last) = (cuts[0].id, cuts[cuts.len() - 1].id);
    assert_eq!(profile.chain(None, None).expect("all").len(), cuts.len() + 1);
    assert_eq!(profile.chain(Some(first), Some(last)).expect("between").len(), cuts.len() - 1);
    assert_eq!(profile.chain(Some(first), Some(first)).expect("nothing").len(), 0);
    assert!(profile.chain(Some(last), Some(first)).is_none());
    assert!(profile.chain(None, Some(CutId::listed(99))).is_none());
    // Every part takes one tick, so stopping and starting again costs one.
    assert_eq!(profile.joint(), Duration::from_millis(1));
    assert!(profile.segment_error(first).expect("a cut").abs() < 1e-9);
}

#[test]
fn segments_that_do_not_add_up_are_told() {
    let mut profile = profile();
    let time = |micros| Timing::constant(Duration::from_micros(micros));
    let count = profile.cuts.len() as u64;
    for (place, cut) in (1..).zip(&mut profile.cuts) {
        cut.head = time(100 * place);
        cut.tail = time(100 * (count + 1 - place));
    }
    let ends = profile.segments.len() - 1;
    for (place, segment) in profile.segments.iter_mut().enumerate() {
        // What lies between two cuts takes 7 microseconds more alone.
        segment.time = time(if place == 0 || place == ends { 100 } else { 107 });
    }
    assert_eq!(profile.joint(), Duration::from_micros(7));
    let id = profile.cuts[1].cut;
    assert!(profile.segment_error(id).expect("a cut").abs() < 1e-9);
    profile.segments[0].time = time(200);
    let off = profile.segment_error(id).expect("a cut");
    assert!((off - 1.0 / (count + 1) as f64).abs() < 1e-9, "{off}");
}

#[test]
fn without_samples_or_cuts_nothing_is_timed() {
    let (graph, program, cuts, samples) = model();
    let time = |cuts: &[Cut], samples: &[NamedInputs]| {
        let subject = Subject { program: &program, graph: &graph, cuts, samples };
        time_parts(&subject, &Schedule::default(), &Ticks::default(), &|_| {})
    };
    assert!(matches!(time(&cuts, &[]), Err(MeasureError::NoSamples)));
    assert!(matches!(time(&[], &samples), Err(MeasureError::NoCuts)));
}

#[test]
fn files_come_back_and_others_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("a.bundle");
    let path = MachineProfile::beside(&bundle);
    assert_eq!(path, folder.path().join("a.bundle.profile.json"));
    let profile = profile();
    assert!(matches!(
        MachineProfile::read(&path, profile.model),
        Err(ProfileError::NotFound { .. })
    ));
    profile.write(&path).expect("a folder that is there");
    assert_eq!(MachineProfile::read(&path, profile.model).expect("the same"), profile);
    let names = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names, 1, "nothing else is left behind");
    let missing = folder.path().join("no/where.json");
    assert!(matches!(profile.write(&missing), Err(ProfileError::Io { .. })));

    let other = ModelFile::from_bytes(fixtures::residual_block()).expect("a model").id();
    let error = MachineProfile::read(&path, other).expect_err("another model");
    assert!(matches!(error, ProfileError::WrongModel { .. }), "{error}");
    let parse = |bytes: &[u8]| MachineProfile::parse(bytes, Path::new("p"));
    assert!(matches!(parse(b"{}"), Err(ProfileError::Broken { .. })));
    assert!(matches!(parse(&b"[".repeat(100_000)), Err(ProfileError::Broken { .. })));
    let text = String::from_utf8(profile.to_bytes()).expect("text");
    let changed = |from: &str, to: &str| parse(text.replacen(from, to, 1).as_bytes());
    assert!(matches!(
        changed("\"aiflow-machine-profile\"", "\"x\""),
        Err(ProfileError::NotAProfile { .. })
    ));
    assert!(matches!(changed("\"major\": 1", "\"major\": 2"), Err(ProfileError::Version { .. })));
    assert!(matches!(changed("\"p50_us\": 1", "\"p50_us\": -1"), Err(ProfileError::Broken { .. })));
    let many = format!("[{}\"odd\"]", "\"odd\",".repeat(16_384));
    let error = changed("[\n    \"odd\"\n  ]", &many).expect_err("too many warnings");
    assert!(matches!(error, ProfileError::TooLarge { unit: "warnings", .. }), "{error}");
}

#[test]
fn no_broken_file_panics() {
    let whole = profile().to_bytes();
    for length in (0..whole.len() - 2).step_by(37) {
        assert!(MachineProfile::parse(&whole[..length], Path::new("p")).is_err(), "{length}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        // A changed digit is a changed time: whether it is read is not the question.
        let _ = MachineProfile::parse(&bytes, Path::new("p"));
    }
}
