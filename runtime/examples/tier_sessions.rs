//! What idle sessions cost a server: memory, and the latency of those that work.
//!
//! `cargo run --release -p aiflow-runtime --example tier_sessions -- MODEL.onnx [IDLE] [ACTIVE] [SECONDS]`
//!
//! This process is the server; the sessions, each with a connection of its own, belong to processes
//! that it starts. Each active session hands the input over once a second. They run without and with
//! the idle ones in turn, three times each.

#![allow(clippy::print_stdout, reason = "it is there to print")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aiflow_runtime::ModelFile;
use aiflow_runtime::bundle::{BundleBuilder, FeatureCoding};
use aiflow_runtime::engine::{Engine, RtenEngine};
use aiflow_runtime::graph::{DimChoice, Graph, RandomSource};
use aiflow_runtime::tier::net::{
    Choice, Device, DeviceOptions, Handover, Menu, Sample, Server, ServerOptions, Uplink,
};
use aiflow_runtime::tier::{AnswerForm, ModelParts, Place};
use aiflow_transport::Code;
use aiflow_transport::driver::{ClientConfig, EarlyData, Endpoint, Identity, Roots, ServerConfig};
use aiflow_units::Micros;

type Failed = Box<dyn std::error::Error>;

const HANDOVER: Handover = Handover::Tensors { at: Place::Input, coding: FeatureCoding::Lossless };
/// Time from one request of a session to its next.
const PERIOD: Duration = Duration::from_secs(1);
/// How long ending all sessions may take.
const GOODBYE: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failed> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["clients", model, address, certificate, count, seconds] => {
            let seconds = Duration::from_secs_f64(seconds.parse()?);
            let roots = Roots::from_der(vec![from_hex(certificate)?]);
            clients(&load(model)?, address.parse()?, &roots, count.parse()?, seconds).await
        }
        [model, rest @ ..] => {
            let number = |index: usize, default: usize| {
                rest.get(index).map_or(Ok(default), |text| text.parse::<usize>())
            };
            serve(model, number(0, 1000)?, number(1, 200)?, number(2, 6)?).await
        }
        [] => Err("name a model".into()),
    }
}

fn load(model: &str) -> Result<Arc<ModelParts>, Failed> {
    let model = ModelFile::open(model)?;
    let graph = Graph::new(&model)?;
    let program = RtenEngine::new().load(&model)?;
    let bundle = BundleBuilder::new("sessions", model.id(), "sessions.onnx", 1).build()?;
    Ok(Arc::new(ModelParts::new(&bundle, program, graph)?))
}

/// The server, and the measurement.
async fn serve(model: &str, idle: usize, active: usize, seconds: usize) -> Result<(), Failed> {
    let identity = Identity::self_signed(&["localhost"])?;
    let certificate = to_hex(&identity.certificate());
    let config = ServerConfig::new(identity, None, EarlyData::Refused)?;
    let own: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let server = Server::start(own, config, load(model)?, ServerOptions::default())?;
    let address = server.local_address()?.to_string();
    let start = |count: usize, seconds: usize| -> Result<Clients, Failed> {
        let (count, seconds) = (count.to_string(), seconds.to_string());
        Clients::start(&["clients", model, &address, &certificate, &count, &seconds])
    };
    // Once for everything that is made with the first requests.
    tokio::task::block_in_place(|| start(active, 2)?.finish())?;
    let before = resident()?;
    println!("{active} active sessions, {PERIOD:?} from request to request, {seconds} s each time");
    println!("idle sessions  requests  lost  p50 ms  p95 ms  resident MiB");
    let mut shown = Vec::new();
    let mut with = None;
    for round in 0..6 {
        let waiting = match round % 2 {
            0 => None,
            _ => Some(tokio::task::block_in_place(|| start(idle, 0))?),
        };
        let memory = resident()?;
        if waiting.is_some() {
            with = with.or(Some(memory));
        }
        let measured = tokio::task::block_in_place(|| start(active, seconds)?.finish())?;
        let sessions = if waiting.is_some() { idle } else { 0 };
        let mib = memory as f64 / f64::from(1 << 20);
        println!("{sessions:>13}  {measured}  {mib:>12.1}");
        shown.push(measured);
        if let Some(waiting) = waiting {
            tokio::task::block_in_place(|| waiting.finish())?;
        }
    }
    let middle = |odd: usize, of: fn(&Seen) -> f64| {
        let mut all: Vec<f64> = shown.iter().skip(odd).step_by(2).map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let ratio = |of: fn(&Seen) -> f64| middle(1, of) / middle(0, of);
    let each = with.unwrap_or(before).saturating_sub(before) as f64 / idle.max(1) as f64 / 1024.0;
    println!(
        "{each:.1} KiB of the server for each idle session; with them p50 is {:.2} and p95 {:.2} times \
         that without",
        ratio(|seen| seen.p50),
        ratio(|seen| seen.p95)
    );
    server.shutdown(Duration::from_secs(2)).await;
    Ok(())
}

/// A process with sessions.
struct Clients {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

/// What active sessions saw.
struct Seen {
    requests: usize,
    lost: usize,
    p50: f64,
    p95: f64,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { requests, lost, p50, p95 } = self;
        write!(f, "{requests:>8}  {lost:>4}  {p50:>6.2}  {p95:>6.2}")
    }
}

impl Clients {
    /// Starts it, and waits until all sessions are open.
    fn start(words: &[&str]) -> Result<Self, Failed> {
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or("no pipe")?);
        let mut line = String::new();
        out.read_line(&mut line)?;
        if line.trim() != "ready" {
            return Err(format!("the clients did not start: {line}").into());
        }
        Ok(Self { child, out })
    }

    /// Lets it end, and returns what it saw.
    fn finish(mut self) -> Result<Seen, Failed> {
        drop(self.child.stdin.take());
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        self.child.wait()?;
        let numbers: Vec<f64> =
            line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        match numbers.as_slice() {
            &[requests, lost, p50, p95] => {
                Ok(Seen { requests: requests as usize, lost: lost as usize, p50, p95 })
            }
            _ => Err(format!("the clients failed: {line}").into()),
        }
    }
}

/// Opens sessions; asks with each of them for a while, or waits until the other side has enough.
async fn clients(
    parts: &Arc<ModelParts>,
    address: SocketAddr,
    roots: &Roots,
    count: usize,
    length: Duration,
) -> Result<(), Failed> {
    let options = DeviceOptions::default()
        .with_form(AnswerForm::Classes(1))
        .with_patience(Micros::from_secs(20));
    let config = ClientConfig::new(roots, None, EarlyData::Refused)?;
    let config = config.with_protocol(options.protocol());
    let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
    let mut devices = Vec::with_capacity(count);
    for _ in 0..count {
        let menu = Menu::new(parts, &[])?;
        let (to, name) = (vec![address], "localhost");
        let uplink = Uplink::new(endpoint.clone(), to, name, config.clone(), menu, Micros::ZERO);
        uplink.ready(Duration::from_secs(10)).await?;
        devices.push(Device::new(Arc::clone(parts), Some(uplink), options));
    }
    println!("ready");
    if length.is_zero() {
        let wait = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(wait).await??;
    }
    let mut random = RandomSource::new(1);
    let sample = Sample::new(parts.graph().random_inputs(&mut random, &DimChoice::new())?);
    let begun = Instant::now();
    let mut running = Vec::with_capacity(count);
    for (index, device) in devices.iter().enumerate() {
        let (device, sample) = (device.clone(), sample.clone());
        let first = begun + PERIOD.mul_f64(index as f64 / count as f64);
        running.push(tokio::spawn(async move {
            let (mut times, mut lost, mut next) = (Vec::new(), 0, first);
            while next < begun + length {
                tokio::time::sleep_until(next.into()).await;
                next += PERIOD;
                match device.infer(&sample, Choice::Remote(HANDOVER), None).await {
                    Ok(outcome) if outcome.fallback.is_none() => times.push(outcome.total.get()),
                    _ => lost += 1,
                }
            }
            (times, lost)
        }));
    }
    let (mut times, mut lost) = (Vec::new(), 0);
    for session in running {
        let (own, own_lost) = session.await?;
        times.extend(own);
        lost += own_lost;
    }
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len().saturating_sub(1)) as f64 * share) as usize;
        times.get(place).map_or(0.0, |&time| time as f64 / 1e3)
    };
    println!("{} {lost} {} {}", times.len(), at(0.5), at(0.95));
    // Or the server would hold what it has for them until it misses them.
    drop(devices);
    let _ = tokio::time::timeout(GOODBYE, endpoint.shutdown(Code::NoError)).await;
    Ok(())
}

/// Returns the memory of this process that is in use, in bytes.
fn resident() -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|text| text.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(kib.parse::<u64>()? * 1024)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Result<Vec<u8>, Failed> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}
