//! The rival "tuned gRPC" of the link comparison.
//!
//! ```text
//!  namespace of the client                                       namespace of the server
//!  tonic -> TCP of the kernel -> tun0 ---> emulated uplink ----> tun0 -> TCP -> tonic
//!                                tun0 <--- emulated downlink <-- tun0
//! ```
//!
//! Both ends, the emulator and the clock are in one process, so delays are differences on one
//! clock. See `README.md` for what is tuned and what is counted.

mod arguments;
mod bridge;
mod check;
mod client;
mod clock;
mod error;
mod ideal;
mod message;
mod namespace;
mod network;
mod record;
mod run;
mod server;
mod sweep;

use std::error::Error as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use aiflow_netsim::{Link, LinkConfig, Rate, Trace};
use aiflow_units::{BitRate, Micros, Timestamp};
use clap::Parser as _;

use arguments::{Arguments, Chosen};
use check::{Check, check};
use error::RivalError;
use record::Record;
use run::{START, Setup};

/// Exit codes: 0 done, 1 failed, 2 the command line was not understood.
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match measure(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(RivalError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let mut text = format!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            // Where standard error is closed, nobody listens.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), RivalError> {
    if arguments.check {
        let checked = check(arguments.rtt, arguments.queue(), &arguments.congestion)?;
        return show_check(&checked, arguments);
    }
    let mut paths = Vec::new();
    for file in &arguments.traces {
        paths.push((name(file), Rate::Trace(Arc::new(read(file)?))));
    }
    if let Some(rate) = arguments.link {
        paths.push((format!("constant {rate}"), Rate::Constant(rate)));
    }
    if !arguments.json {
        print(&Record::heading())?;
    }
    for (name, rate) in paths {
        for &chosen in &arguments.rate {
            for congestion in &arguments.congestion {
                let record = policy(arguments, (&name, rate.clone()), chosen, congestion)?;
                show(&record, arguments)?;
            }
        }
    }
    Ok(())
}

/// Measures one policy on one path.
fn policy(
    arguments: &Arguments,
    (name, path): (&str, Rate),
    chosen: Chosen,
    congestion: &str,
) -> Result<Record, RivalError> {
    let down = LinkConfig::new()
        .with_delay(Micros::new(arguments.rtt.get() / 2))
        .with_loss(arguments.loss);
    let up = down.clone().with_rate(path).with_queue_limit(arguments.queue());
    let length = Micros::from_secs(arguments.seconds.into());
    let mean = mean(&up, length);
    let setup = Setup {
        links: (up, down),
        congestion: congestion.to_owned(),
        rate: match chosen {
            Chosen::Mean | Chosen::Best => mean,
            Chosen::Share(percent) => BitRate::bits_per_second(mean.get() * percent / 100),
            Chosen::Fixed(rate) => rate,
        },
        period: arguments.period,
        deadline: arguments.deadline,
        length,
    };
    let (setup, outcome, suffix) = match chosen {
        Chosen::Best => {
            let (setup, outcome) = sweep::best(&setup, mean)?;
            (setup, outcome, "-best")
        }
        Chosen::Mean | Chosen::Share(_) | Chosen::Fixed(_) => {
            let outcome = setup.run()?;
            (setup, outcome, "")
        }
    };
    let policy = format!("grpc-{congestion}{suffix}");
    Ok(Record::new(name.to_owned(), policy, &setup, &outcome))
}

/// The rate that a link carries on average while frames are sent.
fn mean(link: &LinkConfig, length: Micros) -> BitRate {
    let end = Timestamp::from_origin(length);
    let capacity = Link::<()>::new(link.clone()).capacity(START, end);
    BitRate::over(capacity, end.since(START))
}

fn read(path: &Path) -> Result<Trace, RivalError> {
    let failed = |source| RivalError::Read { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Trace::parse(&text).map_err(|source| RivalError::Trace { path: path.to_owned(), source })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn show(record: &Record, arguments: &Arguments) -> Result<(), RivalError> {
    match arguments.json {
        true => print(&json(record)?),
        false => print(&record.row()),
    }
}

fn show_check(check: &Check, arguments: &Arguments) -> Result<(), RivalError> {
    if arguments.json {
        return print(&json(check)?);
    }
    let Check { rtt_ms, rtt_measured_ms_p50, rtt_measured_ms_p95, rtt_of_bridge_ms_p50, .. } =
        check;
    print(&format!("round trip asked for   {rtt_ms:.2} ms"))?;
    print(&format!(
        "  measured, p50 / p95  {rtt_measured_ms_p50:.2} / {rtt_measured_ms_p95:.2} ms"
    ))?;
    print(&format!("  of the bridge alone  {rtt_of_bridge_ms_p50:.3} ms"))?;
    print(&format!("rate asked for         {}", BitRate::bits_per_second(check.rate_bps)))?;
    for (name, goodput) in &check.goodput_bps {
        print(&format!("  TCP {name:<16} {:.2} Mbit/s", *goodput as f64 / 1e6))?;
    }
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, RivalError> {
    serde_json::to_string(value).map_err(|error| RivalError::Write(error.into()))
}

fn print(text: &str) -> Result<(), RivalError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
