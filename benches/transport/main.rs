//! What the protocol costs above raw QUIC, each figure beside its target (T1 to T5).
//!
//! `cargo bench -p aiflow-benches --bench transport` measures all of it; `-- --only goodput`, latency,
//! wire, first or constant one part, `-- --json FILE` writes the figures as JSON too, and
//! `-- --rounds N` changes the 40 rounds.
//!
//! Raw quinn and the driver take turns in one process, with the same certificates, socket buffers,
//! windows and congestion controller, so that a busy machine slows them alike; ratios are medians
//! over pairs of turns that follow each other. Clients and servers have one thread each. Links of
//! constant rate are emulated under virtual time, where every run gives the same figures.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod constant;
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
    /// What the figure should be.
    goal: &'static str,
    met: bool,
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
        if wanted("constant") {
            rows.extend(constant::measure()?);
        }
        Ok::<_, Failure>(rows)
    })?;
    print(&rows);
    if let Some(file) = json_file {
        let figures: Vec<Value> = rows.iter().map(Row::record).collect();
        let text = serde_json::to_string_pretty(&json!({ "figures": figures }))?;
        std::fs::write(file, text + "\n")?;
    }
    Ok(())
}

fn print(rows: &[Row]) {
    println!("{:<4}{:<44}{:>16}{:>16}  of it", "", "", "driver", "raw quinn");
    for row in rows {
        let Row { target, what, ours, raw, verdict, goal, met, .. } = row;
        println!("{target:<4}{what:<44}{ours:>16}{raw:>16}  {verdict}");
        let word = if *met { "met" } else { "MISSED" };
        println!("{:<4}{:<44}{:>32}  {word}", "", "", format!("target: {goal}"));
    }
}

impl Row {
    /// Returns the figures, with the target and whether it was met.
    fn record(&self) -> Value {
        let mut record = self.json.clone();
        if let Some(fields) = record.as_object_mut() {
            fields.insert("row".into(), self.target.into());
            fields.insert("target".into(), self.goal.into());
            fields.insert("met".into(), self.met.into());
        }
        record
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
