//! Running what lies behind a place in steps, so that it can be given up on the way.

use super::error::PartError;
use super::parts::{Crossing, ModelParts};
use super::place::{Place, Span};
use crate::value::Value;

impl ModelParts {
    /// Runs everything behind a place in steps, and asks before each of them whether to go on; `None`
    /// where it is not to. Steps end at proved cuts, so the outputs are those of
    /// [`tail`](Self::tail).
    ///
    /// # Errors
    /// As [`tail`](Self::tail).
    pub fn tail_in_steps(
        &self,
        from: Place,
        what: &Crossing,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<Value>>, PartError> {
        let mut at = from;
        let mut reached: Option<Crossing> = None;
        for to in self.steps(from) {
            if !go_on() {
                return Ok(None);
            }
            let current = reached.as_ref().unwrap_or(what);
            let mut next = self.middle(Span { from: at, to }, current)?;
            next.outputs.extend(current.outputs.iter().cloned());
            (at, reached) = (to, Some(next));
        }
        if !go_on() {
            return Ok(None);
        }
        self.tail(at, reached.as_ref().unwrap_or(what)).map(Some)
    }

    /// Chooses the cuts that divide what lies behind a place into parts of about equal work.
    fn steps(&self, from: Place) -> Vec<Place> {
        let cuts: Vec<_> = self.cuts().collect();
        let own = cuts.iter().position(|cut| Place::Cut(cut.id) == from);
        let begin = own.and_then(|own| cuts.get(own)).map_or(0, |cut| cut.flops_head);
        let behind = cuts.get(own.map_or(0, |own| own + 1)..).unwrap_or_default();
        let Some(end) = behind.first().map(|cut| cut.flops_head + cut.flops_tail) else {
            return Vec::new();
        };
        let (mut steps, mut at) = (Vec::new(), from);
        for share in 1..STEPS {
            let wanted = begin + end.saturating_sub(begin) / STEPS * share;
            let nearest = behind.iter().min_by_key(|cut| cut.flops_head.abs_diff(wanted));
            let Some(to) = nearest.map(|cut| Place::Cut(cut.id)) else { break };
            if steps.last() != Some(&to) && self.follows(at, to) {
                steps.push(to);
                at = to;
            }
        }
        steps
    }
}

/// Steps that a long tail is divided into: more would stop sooner and lose more of what an engine fuses.
const STEPS: u64 = 4;
