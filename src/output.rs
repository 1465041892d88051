//! The only place that prints.
//!
//! Results go to standard output, errors and progress to standard error. When the reader of standard
//! output goes away (`aiflow cuts MODEL | head -1`), the command ends and counts as done.

#![expect(clippy::print_stderr, reason = "this is where the command line prints its errors")]

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};
use console::style;
use serde::Serialize;

/// Standard output was closed by its reader.
#[derive(Debug)]
struct ReaderGone;

impl std::fmt::Display for ReaderGone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard output was closed")
    }
}

impl std::error::Error for ReaderGone {}

/// Prints a text and ends the line.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n"));
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        other => other.context("cannot write to standard output"),
    }
}

/// Prints a line of progress on standard error.
pub(crate) fn progress(line: &str) {
    eprintln!("{line}");
}

/// Prints a value as indented JSON.
pub(crate) fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    text(&serde_json::to_string_pretty(value).context("a result cannot be written as JSON")?)
}

/// Starts a table with a heading; the columns in `numbers` are set to the right and never broken.
pub(crate) fn new_table(heading: &[&str], numbers: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(heading);
    if let Some(width) = width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for &index in numbers {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// Prints a table; on a terminal its heading is bold and rows that name one of `marked` are green.
pub(crate) fn table(table: &str, marked: &[&str]) -> anyhow::Result<()> {
    let (mut heading, mut body) = (false, false);
    let line = |line: &str| {
        if line.starts_with(['─', '═']) {
            // Some tables start with a border, some with the heading.
            body |= heading;
            return style(line).dim().to_string();
        }
        heading = true;
        if !body {
            style(line).bold().to_string()
        } else if line.split_whitespace().any(|word| marked.contains(&word)) {
            style(line).green().to_string()
        } else {
            line.to_owned()
        }
    };
    text(&table.lines().map(line).collect::<Vec<_>>().join("\n"))
}

/// Prints a heading.
pub(crate) fn heading(words: &str) -> anyhow::Result<()> {
    text(&format!("\n{}", style(words).bold()))
}

/// Returns the width of the terminal; `None` when standard output is a file or a pipe.
pub(crate) fn width() -> Option<u16> {
    let terminal = console::Term::stdout();
    terminal.is_term().then(|| terminal.size().1)
}

/// Prints what is wrong with the command line, or the help that it asks for.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is no failure of `--help`.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

/// Prints an error on one line of standard error.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!(
        "{} {}",
        console::Style::new().for_stderr().red().bold().apply_to("error:"),
        one_line(error)
    );
}

/// Tells whether a command only stopped because nobody reads its results any more.
pub(crate) fn reader_has_gone(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<ReaderGone>())
}

/// Joins the causes of an error; a cause that is already part of what stands before it is left out.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.contains(&cause) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&cause);
    }
    line
}

/// Lines above and below the heading only: rows need none.
const STYLE: TableStyle = TableStyle::new()
    .top_border(LineStyle::none().fill('─').junction('─'))
    .header_separator(LineStyle::none().fill('═').junction('═'))
    .bottom_border(LineStyle::none().fill('─').junction('─'));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_that_says_nothing_twice() {
        let cause = io::Error::other("the disk\n  is full");
        let error = anyhow::Error::new(cause)
            .context("cannot write x: the disk is full")
            .context("bundle b");
        assert_eq!(one_line(&error), "bundle b: cannot write x: the disk is full");
    }

    #[test]
    fn a_closed_pipe_is_found_under_other_words() {
        assert!(reader_has_gone(&anyhow::Error::new(ReaderGone).context("printing")));
        assert!(!reader_has_gone(&anyhow::anyhow!("printing")));
    }
}
