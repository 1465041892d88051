//! The `aiflow` command line: parse, dispatch, exit code.

mod answer;
mod args;
mod bundle;
mod commands;
mod files;
mod learning;
mod model;
mod npy;
mod output;
mod plan_report;
mod planning;
mod profiling;
mod progress;
mod quantity;
mod run_report;
mod scenarios;
mod sheet;
mod tiers;
mod timing;
mod vectors;

use std::process::ExitCode;

use clap::Parser as _;

use args::Arguments;

/// Exit codes: 0 done, 1 failed, 2 the command line was not understood.
fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error),
    };
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::reader_has_gone(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::failure(&error);
            ExitCode::FAILURE
        }
    }
}
