//! Flags that several commands share, and the list of commands.

use std::path::PathBuf;

use aiflow::runtime::engine::EngineChoice;
use clap::{Args, Parser, Subcommand};

use crate::commands;

/// Cuts of neural networks, and how few bytes can cross them.
#[derive(Debug, Parser)]
#[command(name = "aiflow", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(commands::demo::Demo),
    Cuts(commands::cuts::Cuts),
    Learn(commands::learn::Learn),
    Sheet(commands::sheet::Sheet),
    Profile(commands::profile::Profile),
    Plan(commands::plan::PlanCommand),
    Bench(commands::bench::Bench),
    Encode(commands::encode::Encode),
    Decode(commands::decode::Decode),
    Inspect(commands::inspect::Inspect),
    Serve(commands::serve::Serve),
    Run(commands::run::RunCommand),
    Link(commands::link::Link),
    Vectors(commands::vectors::Vectors),
    Doctor(commands::doctor::Doctor),
}

impl Command {
    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Demo(command) => command.run(),
            Self::Cuts(command) => command.run(),
            Self::Learn(command) => command.run(),
            Self::Sheet(command) => command.run(),
            Self::Profile(command) => command.run(),
            Self::Plan(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Encode(command) => command.run(),
            Self::Decode(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Run(command) => command.run(),
            Self::Link(command) => command.run(),
            Self::Vectors(command) => command.run(),
            Self::Doctor(command) => command.run(),
        }
    }
}

/// Where a command's results go.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Format {
    /// Print plain JSON records instead of tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the model is run.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct EngineArgs {
    /// Engine: rten (built in), ort (ONNX Runtime, when found) or fastest
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) engine: EngineChoice,
}

/// How pictures become inputs of the model.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PreprocessArgs {
    /// Known model whose preprocessing to use; default: MODEL.toml, else the model's name
    #[arg(long, value_name = "NAME", conflicts_with = "preprocess")]
    pub(crate) preset: Option<String>,
    /// File that says how the model wants its pictures
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) preprocess: Option<PathBuf>,
}

/// Samples that run side by side.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ThreadArgs {
    /// Threads; results do not depend on it [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    threads: Option<u16>,
}

impl ThreadArgs {
    /// Returns the number of threads to use.
    pub(crate) fn count(self) -> usize {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(available, usize::from)
    }
}
