//! How many requests a server answers: of one device, of eight devices one by one, side by side, and in
//! batches.
//!
//! `cargo run --release -p aiflow-runtime --example tier_load -- MODEL.onnx [SECONDS]`
//!
//! It also says what changing the cut costs. Devices and server share the machine, but devices hand the
//! input over, so that nearly all of the time is the server's.

#![allow(clippy::print_stdout, reason = "it is there to print")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aiflow_runtime::ModelFile;
use aiflow_runtime::bundle::{BundleBuilder, CutFiles, FeatureCoding};
use aiflow_runtime::cut::{CutOptions, search};
use aiflow_runtime::engine::{Engine, RtenEngine};
use aiflow_runtime::graph::{DimChoice, Graph, RandomSource};
use aiflow_runtime::tier::net::{
    Choice, Device, DeviceOptions, Handover, Menu, Sample, Server, ServerOptions, Uplink,
};
use aiflow_runtime::tier::{AnswerForm, ModelParts, Place, QueueLimits};
use aiflow_transport::driver::{ClientConfig, EarlyData, Endpoint, Identity, Roots, ServerConfig};
use aiflow_units::Micros;

type Failed = Box<dyn std::error::Error>;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failed> {
    let mut words = std::env::args().skip(1);
    let model = ModelFile::open(words.next().ok_or("name a model")?)?;
    let length = Duration::from_secs_f64(words.next().map_or(Ok(4.0), |text| text.parse())?);
    let graph = Graph::new(&model)?;
    let program = RtenEngine::new().load(&model)?;
    let list = search(&graph, &program, &[], &CutOptions::default())?;
    let mut builder = BundleBuilder::new("load", model.id(), "load.onnx", 1);
    list.cuts.into_iter().for_each(|cut| builder.add_cut(cut, CutFiles::default()));
    let parts = Arc::new(ModelParts::new(&builder.build()?, program, graph)?);
    switching(&parts)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("devices  workers  batch  requests/s     p50 ms     p95 ms  per batch");
    for (devices, workers, batch) in [(1, 1, 1), (8, 1, 1), (8, cores, 1), (8, cores, 8)] {
        measure(&parts, devices, (workers, batch), length).await?;
    }
    Ok(())
}

fn input(parts: &ModelParts) -> Result<Sample, Failed> {
    let mut random = RandomSource::new(1);
    Ok(Sample::new(parts.graph().random_inputs(&mut random, &DimChoice::new())?))
}

/// Runs tails of changing cuts and of one cut; the difference is what the change costs.
fn switching(parts: &ModelParts) -> Result<(), Failed> {
    let mut random = RandomSource::new(1);
    let inputs = parts.graph().random_inputs(&mut random, &DimChoice::new())?;
    let named: Vec<_> = inputs.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    let cuts: Vec<Place> = parts.cuts().map(|cut| Place::Cut(cut.id)).collect();
    let heads: Vec<_> = cuts.iter().map(|&at| parts.head(&named, at)).collect::<Result<_, _>>()?;
    let (mut steady, mut changed) = (Vec::new(), Vec::new());
    for _ in 0..30 {
        for (&at, head) in cuts.iter().zip(&heads).rev().take(6) {
            for times in [&mut changed, &mut steady] {
                let clock = Instant::now();
                parts.tail(at, head)?;
                times.push(clock.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    let (changed, steady) = (mean(&changed), mean(&steady));
    println!("tail after a change {changed:.3} ms, without {steady:.3} ms; {} cuts", cuts.len());
    Ok(())
}

async fn measure(
    parts: &Arc<ModelParts>,
    devices: usize,
    (workers, batch): (usize, usize),
    length: Duration,
) -> Result<(), Failed> {
    let own: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let identity = Identity::self_signed(&["localhost"])?;
    let limits = QueueLimits::default().with_batch(batch);
    let options = ServerOptions::default().with_limits(limits).with_workers(workers);
    let config = ServerConfig::new(identity.clone(), None, EarlyData::Refused)?;
    let server = Server::start(own, config, Arc::clone(parts), options)?;
    let address = server.local_address()?;
    let options = DeviceOptions::default()
        .with_form(AnswerForm::Classes(1))
        .with_patience(Micros::from_secs(20));
    let end = Instant::now() + length;
    let mut running = Vec::new();
    for _ in 0..devices {
        let config = ClientConfig::new(&Roots::of(&identity), None, EarlyData::Refused)?;
        let config = config.with_protocol(options.protocol());
        let menu = Menu::new(parts, &[])?;
        let endpoint = Endpoint::client(own)?;
        let uplink = Uplink::new(endpoint, vec![address], "localhost", config, menu, Micros::ZERO);
        uplink.ready(Duration::from_secs(5)).await?;
        let device = Device::new(Arc::clone(parts), Some(uplink), options);
        let sample = input(parts)?;
        running.push(tokio::spawn(async move {
            let handover = Handover::Tensors { at: Place::Input, coding: FeatureCoding::Lossless };
            let mut times = Vec::new();
            while Instant::now() < end {
                let outcome = device.infer(&sample, Choice::Remote(handover), None).await;
                match outcome {
                    Ok(outcome) if outcome.fallback.is_none() => times.push(outcome.total.get()),
                    Ok(outcome) => println!("not answered: {:?}", outcome.fallback),
                    Err(error) => println!("{error}"),
                }
            }
            times
        }));
    }
    let mut times = Vec::new();
    for device in running {
        times.extend(device.await?);
    }
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len().saturating_sub(1)) as f64 * share) as usize;
        times.get(place).map_or(0.0, |&time| time as f64 / 1e3)
    };
    let counters = server.counters();
    println!(
        "{devices:>7}  {workers:>7}  {batch:>5}  {:>10.1}  {:>9.2}  {:>9.2}  {:>9.2}",
        times.len() as f64 / length.as_secs_f64(),
        at(0.5),
        at(0.95),
        counters.batched as f64 / counters.batches.max(1) as f64
    );
    server.shutdown(Duration::from_secs(2)).await;
    Ok(())
}
