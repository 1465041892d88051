//! The tables for people.

use core::fmt::Write as _;

use super::{Side, link, session};

/// What the two machines have in common for printing.
struct Machine {
    title: &'static str,
    states: Vec<&'static str>,
    inputs: Vec<&'static str>,
    /// For each side, input and state: the next state and the action.
    cell: Box<dyn Fn(Side, usize, usize) -> (&'static str, &'static str)>,
}

fn machines() -> [Machine; 2] {
    let link = Machine {
        title: "connection",
        states: link::State::ALL.map(link::State::name).into(),
        inputs: link::Input::all().into_iter().map(link::Input::name).collect(),
        cell: Box::new(|side, input, state| {
            let (to, action) = link::step(side, link::State::ALL[state], link::Input::all()[input]);
            (to.name(), action.name())
        }),
    };
    let session = Machine {
        title: "session",
        states: session::SessionState::ALL.map(session::SessionState::name).into(),
        inputs: session::Input::all().into_iter().map(session::Input::name).collect(),
        cell: Box::new(|side, input, state| {
            let (to, action) = session::step(
                side,
                session::SessionState::ALL[state],
                session::Input::all()[input],
            );
            (to.name(), action.name())
        }),
    };
    [link, session]
}

impl Machine {
    /// Writes a cell: the action, and the state that follows where it is another one.
    fn text(&self, side: Side, input: usize, state: usize) -> String {
        let (to, action) = (self.cell)(side, input, state);
        match self.states[state] == to {
            true => action.to_owned(),
            false => format!("{action} → {to}"),
        }
    }
}

/// Writes both tables: one row for each input, one column for each state.
pub(super) fn tables() -> String {
    let mut out = String::new();
    for machine in machines() {
        let _ = writeln!(out, "| {} | {} |", machine.title, machine.states.join(" | "));
        let _ = writeln!(out, "|---|{}", "---|".repeat(machine.states.len()));
        for (input, name) in machine.inputs.iter().enumerate() {
            let _ = write!(out, "| {name} |");
            for state in 0..machine.states.len() {
                let client = machine.text(Side::Client, input, state);
                let server = machine.text(Side::Server, input, state);
                let _ = match client == server {
                    true => write!(out, " {client} |"),
                    false => write!(out, " client: {client}; server: {server} |"),
                };
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// Writes both machines as graphs. Transitions that stay, and those into the last state that every
/// violation takes, are left out.
pub(super) fn graphs() -> String {
    let mut out = String::new();
    for machine in machines() {
        let _ = writeln!(out, "digraph {} {{\n    rankdir=LR;", machine.title);
        for (input, name) in machine.inputs.iter().enumerate() {
            for (state, from) in machine.states.iter().enumerate() {
                let client = (machine.cell)(Side::Client, input, state);
                let server = (machine.cell)(Side::Server, input, state);
                let mut sides = vec![(client, "")];
                if client != server {
                    sides = vec![(client, " (client)"), (server, " (server)")];
                }
                for ((to, action), side) in sides {
                    if to != *from && !action.contains("VIOLATION") {
                        let _ = writeln!(out, "    {from} -> {to} [label=\"{name}{side}\"];");
                    }
                }
            }
        }
        out.push_str("}\n");
    }
    out
}
