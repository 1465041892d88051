//! Prints `spec/states.md`: the state machines as tables and as graphs.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    println!("{}", include_str!("states.md").trim_end());
    println!("\n## Tables\n\n{}", aiflow_transport::tables().trim_end());
    println!("\n## Graphs\n\n```dot\n{}```", aiflow_transport::graphs());
}
