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

/// Finds what happens; `None` where the tables have a hole, which the tests exclude.
fn find<S: Copy + PartialEq, I: Copy + PartialEq, A: Copy>(
    rows: &[Row<S, I, A>],
    side: Side,
    state: S,
    input: I,
) -> Option<(S, A)> {
    let row = rows.iter().find(|row| row.applies(side, state, input))?;
    Some((row.to.unwrap_or(state), row.action))
}

/// Returns both tables in Markdown, as the specification prints them.
pub fn tables() -> String {
    render::tables()
}

/// Returns both machines as graphs in the language of Graphviz.
pub fn graphs() -> String {
    render::graphs()
}
