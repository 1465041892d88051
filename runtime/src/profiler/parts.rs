//! Timing the parts of a model.

use std::sync::Arc;

use super::{Clock, CutTiming, Ended, MeasureError, Schedule, SegmentTiming, Timing, Work};
use crate::cut::{Cut, CutId, MiddleModel, SplitModel};
use crate::engine::Program;
use crate::graph::Graph;
use crate::learning::NamedInputs;
use crate::value::{Tensor, Value};

/// A loaded model with its cuts and a few samples to run.
pub struct Subject<'a> {
    /// What runs the model.
    pub program: &'a Arc<dyn Program>,
    /// Its graph.
    pub graph: &'a Graph,
    /// Cuts, from the input towards the output.
    pub cuts: &'a [Cut],
    /// Samples; each round runs the next one. A handful is enough, since the time of a network hardly
    /// depends on its input.
    pub samples: &'a [NamedInputs],
}

/// Timings of all parts of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts {
    /// The whole model at once.
    pub whole: Timing,
    /// Both sides of each cut.
    pub cuts: Vec<CutTiming>,
    /// Parts between neighbouring cuts.
    pub segments: Vec<SegmentTiming>,
    /// Rounds that were run.
    pub rounds: u32,
    /// Why no more were.
    pub ended: Ended,
}

/// Times the whole model, every head, every tail and every part between neighbouring cuts, in turns.
///
/// The first segment is the first head and the last segment the last tail. A cut that does not follow
/// from the one before it hangs on an earlier one, or on the input.
///
/// # Errors
/// When there is no sample or no cut, or a part does not run.
pub fn time_parts(
    subject: &Subject<'_>,
    schedule: &Schedule,
    clock: &dyn Clock,
    progress: &dyn Fn(f32),
) -> Result<Parts, MeasureError> {
    let samples: Vec<Vec<(&str, Value)>> = subject
        .samples
        .iter()
        .map(|sample| sample.iter().map(|(name, value)| (name.as_str(), value.clone())).collect())
        .collect();
    if samples.is_empty() {
        return Err(MeasureError::NoSamples);
    }
    let splits: Vec<SplitModel> = subject.cuts.iter().map(|cut| subject.split(cut)).collect();
    let features: Vec<Vec<Vec<Tensor>>> = splits
        .iter()
        .map(|split| {
            let head = |sample: &Vec<(&str, Value)>| Ok(split.head_with(sample)?.features);
            samples.iter().map(head).collect::<Result<_, MeasureError>>()
        })
        .collect::<Result<_, _>>()?;
    let links = subject.links();
    let mut works: Vec<Box<dyn Work<Error = MeasureError> + '_>> = Vec::new();
    // Any divided model runs the whole as well.
    let any = splits.first().ok_or(MeasureError::NoCuts)?;
    works.push(part(&samples, |sample, _| Ok(any.whole_with(sample).map(drop)?)));
    for (split, features) in splits.iter().zip(&features) {
        works.push(part(&samples, |sample, _| Ok(split.head_with(sample).map(drop)?)));
        works.push(part(&samples, |sample, index| {
            let features = features.get(index).map_or(&[][..], Vec::as_slice);
            Ok(split.tail_with(features, sample, None).map(drop)?)
        }));
    }
    for (from, middle) in links.iter().filter_map(|link| link.as_ref()) {
        let features = features.get(*from);
        works.push(part(&samples, move |sample, index| {
            let own = features.and_then(|all| all.get(index)).map_or(&[][..], Vec::as_slice);
            Ok(middle.run(own, sample, None).map(drop)?)
        }));
    }
    let measured = schedule.run(&mut works, clock, progress)?;
    let mut timings = measured.timings.into_iter();
    let mut next = || timings.next().unwrap_or(Timing::constant(std::time::Duration::ZERO));
    let whole = next();
    let cuts: Vec<CutTiming> = subject
        .cuts
        .iter()
        .map(|cut| CutTiming { cut: cut.id, head: next(), tail: next() })
        .collect();
    let segments = subject.segments(&links, &cuts, &mut next);
    Ok(Parts { whole, cuts, segments, rounds: measured.rounds, ended: measured.ended })
}

/// The part from an earlier cut, by its place, to a cut; `None` where only the input leads there.
type Link = Option<(usize, MiddleModel)>;

impl Subject<'_> {
    fn split(&self, cut: &Cut) -> SplitModel {
        SplitModel::new(Arc::clone(self.program), self.graph, cut.clone())
    }

    /// Finds for each cut the nearest earlier one that it follows from.
    fn links(&self) -> Vec<Link> {
        let middle = |from: &Cut, to: &Cut| {
            MiddleModel::new(Arc::clone(self.program), self.graph, from, to).ok()
        };
        let link = |(place, to): (usize, &Cut)| {
            let earlier = self.cuts.get(..place).unwrap_or_default().iter().enumerate().rev();
            earlier.into_iter().find_map(|(index, from)| Some((index, middle(from, to)?)))
        };
        self.cuts.iter().enumerate().map(link).collect()
    }

    /// Lists the segments; the timings of those between cuts come from `next`.
    fn segments(
        &self,
        links: &[Link],
        cuts: &[CutTiming],
        next: &mut dyn FnMut() -> Timing,
    ) -> Vec<SegmentTiming> {
        let id = |place: usize| -> Option<CutId> { Some(self.cuts.get(place)?.id) };
        let mut segments: Vec<SegmentTiming> = links
            .iter()
            .zip(cuts)
            .map(|(link, timing)| match link {
                Some((from, _)) => {
                    SegmentTiming { from: id(*from), to: Some(timing.cut), time: next() }
                }
                None => SegmentTiming { from: None, to: Some(timing.cut), time: timing.head },
            })
            .collect();
        if let Some(last) = cuts.last() {
            segments.push(SegmentTiming { from: Some(last.cut), to: None, time: last.tail });
        }
        segments
    }
}

/// Runs a closure on one sample after the other.
struct Part<'a, F> {
    samples: &'a [Vec<(&'a str, Value)>],
    at: usize,
    run: F,
}

fn part<'a, F>(
    samples: &'a [Vec<(&'a str, Value)>],
    run: F,
) -> Box<dyn Work<Error = MeasureError> + 'a>
where
    F: FnMut(&[(&str, Value)], usize) -> Result<(), MeasureError> + 'a,
{
    Box::new(Part { samples, at: 0, run })
}

impl<F> Work for Part<'_, F>
where
    F: FnMut(&[(&str, Value)], usize) -> Result<(), MeasureError>,
{
    type Error = MeasureError;

    fn prepare(&mut self, sample: usize) -> Result<(), MeasureError> {
        self.at = sample % self.samples.len().max(1);
        Ok(())
    }

    fn run(&mut self) -> Result<(), MeasureError> {
        let sample = self.samples.get(self.at).map_or(&[][..], Vec::as_slice);
        (self.run)(sample, self.at)
    }
}
