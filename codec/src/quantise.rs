//! Rate-distortion optimised quantisation: the encoder's choice of levels.
//!
//! Nothing here is seen by a decoder, so floats are fine.

use crate::context::token::{ESCAPE, MAX_LEVEL, TOKENS, Token, escape_bits};
use crate::context::{Context, ContextModel, Prediction};
use crate::rans::CdfSet;
use crate::reconstruct::Centroids;

/// Bits of every token of every table, for the encoder's decisions.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Costs {
    bits: Vec<f32>,
}

/// Cost of a token that a table cannot code: larger than any escape.
const IMPOSSIBLE: f32 = 1e6;

impl Costs {
    /// Costs of a set of tables over tokens.
    #[must_use]
    pub fn of(tables: &CdfSet) -> Self {
        let mut bits = Vec::with_capacity(tables.len() * TOKENS);
        for table in tables.tables() {
            bits.extend(table.costs().map(|cost| cost.min(IMPOSSIBLE)));
        }
        Self { bits }
    }

    /// Bits of a difference in a table, escapes included.
    #[inline]
    #[must_use]
    pub fn of_difference(&self, table: usize, difference: i32) -> f32 {
        let row = self.bits.get(table * TOKENS..(table + 1) * TOKENS).unwrap_or(&[]);
        let cost = |symbol: usize| row.get(symbol).copied().unwrap_or(IMPOSSIBLE);
        if let Some(token) = Token::direct(difference) {
            let direct = cost(token.symbol);
            if direct < IMPOSSIBLE {
                return direct + token.count as f32;
            }
        }
        cost(ESCAPE) + escape_bits(difference) as f32
    }
}

/// Picks levels that minimise `distortion + lambda * bits`, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Chooser<'a> {
    /// The model whose tables code the levels.
    pub model: &'a ContextModel,
    /// Its costs.
    pub costs: &'a Costs,
    /// Where levels are reconstructed.
    pub centroids: &'a Centroids,
    /// Squared steps that a bit is worth; 0 rounds to the nearest.
    pub lambda: f32,
}

impl Chooser<'_> {
    /// The level of a value given in step units.
    #[inline]
    #[must_use]
    pub fn choose(&self, component: usize, context: &Context, value: f32) -> i32 {
        let closed = self.model.prediction == Prediction::ClosedLoop;
        let target = if closed { value - context.predicted as f32 / 16.0 } else { value };
        let limit = MAX_LEVEL as f32;
        let mut nearest = target.clamp(-limit, limit).round() as i32;
        if !self.model.signed && !closed {
            nearest = nearest.max(0);
        }
        if nearest == 0 && context.centre == 0 {
            return 0;
        }
        let mut best = (f32::INFINITY, nearest);
        let mut consider = |level: i32| {
            let point = if closed { level as f32 } else { self.centroids.value(component, level) };
            let error = target - point;
            let bits = self.costs.of_difference(context.table, context.difference(level));
            let cost = error * error + self.lambda * bits;
            if cost < best.0 {
                best = (cost, level);
            }
        };
        consider(nearest);
        consider(nearest - nearest.signum());
        if nearest.abs() == 2 {
            consider(0);
        }
        if context.centre != 0 {
            // The centre is the cheapest level here, whichever side of it the value lies on.
            let centre = context.level(0);
            consider(nearest + (centre - nearest).signum());
        }
        best.1
    }
}
