//! What the protocol costs above raw QUIC, on loopback.
//!
//! `cargo bench -p aiflow-benches --bench transport -- --json FILE` writes the figures as JSON too.
//! Raw quinn and the driver take turns in one process, with the same certificates, socket buffers,
//! windows and congestion controller, so that a busy machine slows them alike; ratios are medians
//! over pairs of turns that follow each other. Clients and servers have one thread each.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod first;
mod goodput;
mod latency;
mod ours;
mod raw;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// One figure beside what it should be.
struct Row {
    target: &'static str,
    what: String,
    ours: String,
    raw: String,
    verdict: String,
    json: Value,
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut json_file = None;
    let mut rounds = 40;
    let mut only = None;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json_file = arguments.next(),
            "--rounds" => rounds = arguments.next().ok_or("--rounds needs a number")?.parse()?,
            "--only" => only = arguments.next(),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let servers = Servers::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(async {
        let mut rows = Vec::new();
        if wanted("goodput") {
            rows.extend(goodput::measure(&servers, rounds).await?);
        }
        if wanted("latency") {
            rows.extend(latency::measure(&servers, rounds).await?);
        }
        if wanted("wire") {
            rows.extend(wire::measure(&servers).await?);
        }
        if wanted("first") {
            rows.extend(first::measure(&servers, rounds.min(9)).await?);
        }
        Ok::<_, Failure>(rows)
    })?;
    print(&rows);
    if let Some(file) = json_file {
        let figures: Vec<&Value> = rows.iter().map(|row| &row.json).collect();
        let text = serde_json::to_string_pretty(&json!({ "figures": figures }))?;
        std::fs::write(file, text + "\n")?;
    }
    Ok(())
}

fn print(rows: &[Row]) {
    println!("{:<4}{:<46}{:>16}{:>16}  of it", "", "", "driver", "raw quinn");
    for row in rows {
        let Row { target, what, ours, raw, verdict, .. } = row;
        println!("{target:<4}{what:<46}{ours:>16}{raw:>16}  {verdict}");
    }
}

/// Servers of both kinds on a thread of their own.
struct Servers {
    ours: SocketAddr,
    raw: SocketAddr,
    identity: aiflow_transport::driver::Identity,
}

impl Servers {
    fn start() -> Result<Self, Failure> {
        let identity = aiflow_transport::driver::Identity::self_signed(&["localhost"])?;
        let (sender, receiver) = std::sync::mpsc::channel();
        let shown = identity.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let (raw, ours) = (raw::server(&shown)?, ours::server(&shown)?);
                sender.send((raw.local_addr()?, ours.local_address()?))?;
                tokio::join!(raw::serve(raw), ours::serve(ours));
                Ok::<_, Failure>(())
            })
        });
        let (raw, ours) = receiver.recv()?;
        Ok(Self { ours, raw, identity })
    }
}

/// A free port of this machine.
fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// The value in the middle.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The value that `share` of all do not exceed.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() as f64 * share) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// The processor time of all threads of this process so far, in seconds; zero where the operating
/// system does not say.
fn processor_time() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0.0 };
    let nanos = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e9
}
