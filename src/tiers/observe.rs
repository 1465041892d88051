//! Looking into a running tier: events for people on standard error, events for tools in files.

use std::fs::File;
use std::io::LineWriter;
use std::path::PathBuf;

use aiflow::transport::driver::Qlog;
use anyhow::{Context as _, Result, anyhow};
use clap::{Args, ValueEnum};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::time::uptime;

/// Flags for looking into a tier.
#[derive(Clone, Debug, Args)]
pub(crate) struct ObserveArgs {
    /// Write events to standard error, down to this level: connections come and go at `info`, outages
    /// and changes at `debug`, frames at `trace`
    #[arg(long, value_enum, value_name = "LEVEL")]
    log: Option<Level>,
    /// Folder for the events of the protocol as qlog (JSON texts, one a line): one file for each process,
    /// run-PID.sqlog or serve-PID.sqlog
    #[arg(long, value_name = "DIR")]
    qlog: Option<PathBuf>,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl ObserveArgs {
    /// Starts telling events, and opens the file for `what`.
    pub(crate) fn start(&self, what: &str) -> Result<Option<Qlog>> {
        if let Some(level) = self.log {
            let level = match level {
                Level::Error => LevelFilter::ERROR,
                Level::Warn => LevelFilter::WARN,
                Level::Info => LevelFilter::INFO,
                Level::Debug => LevelFilter::DEBUG,
                Level::Trace => LevelFilter::TRACE,
            };
            let subscriber = tracing_subscriber::fmt().compact().with_max_level(level);
            // Times count from the start: what happened when in the day is nobody's business here.
            let subscriber = subscriber.with_timer(uptime()).with_writer(std::io::stderr);
            subscriber.try_init().map_err(|error| anyhow!("events cannot be written: {error}"))?;
        }
        let Some(folder) = &self.qlog else { return Ok(None) };
        let path = folder.join(format!("{what}-{}.sqlog", std::process::id()));
        let wrong =
            || format!("cannot write {}: give --qlog a folder that can be written", path.display());
        std::fs::create_dir_all(folder).with_context(wrong)?;
        let file = File::create(&path).with_context(wrong)?;
        // Whole lines: what there is can be read while the tier runs, and after it is killed.
        let writer = Box::new(LineWriter::new(file));
        Ok(Some(Qlog::new(&format!("aiflow {what}"), writer).with_context(wrong)?))
    }
}
