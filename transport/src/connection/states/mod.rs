//! The state machines of a connection and of its sessions, as data.
//!
//! Two tables say what happens to every input in every state; the code beside them only carries out
//! the actions. So the tables can be printed into the specification, drawn, and tested pair by pair.

mod link;
mod render;
mod session;
#[cfg(test)]
mod tests;

pub use link::State;
pub(crate) use link::{Action as LinkAction, Input as LinkInput, step as link_step};
pub use session::SessionState;
pub(crate) use session::{Action as SessionAction, Input as SessionInput, step as session_step};

use super::Side;

/// One or more transitions with the same outcome.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<S: 'static, I: 'static, A> {
    /// The side to which it applies; `None` for both.
    side: Option<Side>,
    from: &'static [S],
    on: &'static [I],
    /// Where it leads; `None` if nowhere else.
    to: Option<S>,
    action: A,
}

impl<S: Copy + PartialEq, I: Copy + PartialEq, A: Copy> Row<S, I, A> {
    const fn new(from: &'static [S], on: &'static [I], to: Option<S>, action: A) -> Self {
        Self { side: None, from, on, to, action }
    }

    const fn only(mut self, side: Side) -> Self {
        self.side = Some(side);
        self
    }

    fn applies(&self, side: Side, state: S, input: I) -> bool {
        self.side.is_none_or(|only| only == side)
            && self.from.contains(&state)
            && self.on.contains(&input)
    }
}

/// What happens to every input in every state, made from the rows: each layer of each frame asks.
struct Lookup<S, A> {
    states: usize,
    inputs: usize,
    /// `None` where the rows have a hole, which the tests exclude.
    cells: Vec<Option<(S, A)>>,
}

impl<S: Copy + PartialEq, A: Copy> Lookup<S, A> {
    /// Takes the states and inputs in the order of their numbers.
    fn new<I: Copy + PartialEq>(rows: &[Row<S, I, A>], states: &[S], inputs: &[I]) -> Self {
        let mut cells = Vec::with_capacity(2 * states.len() * inputs.len());
        for side in [Side::Client, Side::Server] {
            for &state in states {
                for &input in inputs {
                    let row = rows.iter().find(|row| row.applies(side, state, input));
                    cells.push(row.map(|row| (row.to.unwrap_or(state), row.action)));
                }
            }
        }
        Self { states: states.len(), inputs: inputs.len(), cells }
    }

    fn get(&self, side: Side, state: usize, input: usize) -> Option<(S, A)> {
        let side = usize::from(side == Side::Server);
        *self.cells.get((side * self.states + state) * self.inputs + input)?
    }
}

/// Returns both tables in Markdown, as the specification prints them.
pub fn tables() -> String {
    render::tables()
}

/// Returns both machines as graphs in the language of Graphviz.
pub fn graphs() -> String {
    render::graphs()
}
