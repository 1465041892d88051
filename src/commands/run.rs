//! `aiflow run`: a device.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aiflow::evaluation::report::write_run_html;
use aiflow::runtime::bundle::FeatureCoding;
use aiflow::runtime::cut::CutId;
use aiflow::runtime::planner::{Confidence, Goal, Table, TierCosts, Wish};
use aiflow::runtime::profiler::MachineProfile;
use aiflow::runtime::tier::net::{
    Choice, Device, DeviceOptions, Handover, Layering, Menu, Pilot, Uplink, UplinkError,
};
use aiflow::runtime::tier::{AnswerForm, ModelParts, Place};
use aiflow::transport::driver::{Endpoint, Qlog};
use aiflow::units::Micros;
use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;

use crate::args::{EngineArgs, Format, PreprocessArgs};
use crate::bundle::LoadedBundle;
use crate::model::OpenData;
use crate::quantity::{LossBudget, parse_factor, parse_time};
use crate::run_report::{Run, Summary};
use crate::tiers::drive::{Captain, Drive, Shown};
use crate::tiers::observe::ObserveArgs;
use crate::tiers::spec::{Coding, Upload};
use crate::tiers::{self, identity, token};
use crate::{files, output};

/// Answer samples as a device: run the head, hand over to a server, answer alone when that fails
///
/// Without --cut, --picture or --local the planner decides about each request; it needs the plan sheet
/// of the bundle (`aiflow sheet`) and the profile of this machine (`aiflow profile`).
///
/// Times are written as 40ms, 1.5s or 300us; a bare number is milliseconds.
#[derive(Debug, Args)]
pub(crate) struct RunCommand {
    /// Servers to connect to, the first that can be reached
    #[arg(long, value_name = "ADDRESS", requires = "trust")]
    connect: Vec<String>,
    /// Certificate of the server: certificate.pem of its identity
    #[arg(long, value_name = "FILE.pem")]
    trust: Option<PathBuf>,
    /// File with the secret that the server asks for with its --token
    #[arg(long, value_name = "FILE", requires = "connect")]
    token: Option<PathBuf>,
    /// Name in the certificate of the server
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    name: String,
    /// Bundle that `aiflow learn` wrote
    #[arg(long, value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The model, where it is neither in the bundle nor beside it
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    /// Data set with the samples
    #[arg(long, value_name = "SPEC")]
    data: String,
    /// Samples to answer [default: all]
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Time from one request to the next, such as 20ms; it waits while too many are under way
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = parse_time)]
    period: Micros,
    /// Requests under way at once: the next ones are read, run and sent while others are answered
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=32))]
    in_flight: u16,
    /// Time in which an answer is wanted, such as 100ms
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    deadline: Option<Micros>,
    /// Send frames in layers where the channel is too tight for the deadline, so that the base is
    /// answered when the rest is late
    #[arg(long, requires = "deadline")]
    layers: bool,
    /// Loss that the planner may spend: 3% of the answers changed, 1pt of top-1, 0.02nats
    #[arg(long, value_name = "LOSS", default_value = "3%")]
    max_loss: LossBudget,
    /// Hand over at this cut, always
    #[arg(long, value_name = "ID", conflicts_with_all = ["picture", "local"])]
    cut: Option<CutId>,
    /// Rate index 0 to 63 for the cut, such as 24, or 24fast for the fast effort
    #[arg(long, value_name = "Q", requires = "cut", conflicts_with = "lossless")]
    rate: Option<Coding>,
    /// Keep every bit of what crosses the cut (the default without --rate)
    #[arg(long, requires = "cut")]
    lossless: bool,
    /// Hand the picture over, always: png, jpeg:90, webp:80, or webp:80/0 for another effort than 6
    #[arg(long, value_name = "FORMAT", conflicts_with = "local")]
    picture: Option<Upload>,
    /// Answer everything here
    #[arg(long)]
    local: bool,
    /// Ask for so many likeliest classes instead of all outputs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    classes: Option<u8>,
    /// Times slower than this machine that the device is made, for emulation
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_factor)]
    slowdown: f64,
    /// Profile of this machine [default: BUNDLE.profile.json]
    #[arg(long, value_name = "FILE.json")]
    profile: Option<PathBuf>,
    /// Profile of the server's machine [default: that of this one]
    #[arg(long, value_name = "FILE.json")]
    server_profile: Option<PathBuf>,
    /// Write a page that shows where the time of the requests went
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    observe: ObserveArgs,
    #[command(flatten)]
    format: Format,
}

impl RunCommand {
    pub(crate) fn run(self) -> Result<()> {
        files::check(&self.html)?;
        let qlog = self.observe.start("run")?;
        let loaded = LoadedBundle::open(&self.bundle, self.model.as_deref(), self.engine.engine)?;
        let preprocess = loaded.preprocess(&self.preprocess)?;
        let data = OpenData::open(&self.data, aiflow::evaluation::data::Part::All, preprocess)?;
        let parts = Arc::new(tiers::parts(&loaded)?);
        let captain = self.captain(&loaded)?;
        let runtime = tiers::runtime()?;
        runtime.block_on(self.answer(&loaded, &data, (parts, qlog), captain))
    }

    /// Says who decides.
    fn captain(&self, loaded: &LoadedBundle) -> Result<Captain> {
        let fixed = if self.local || self.connect.is_empty() {
            if self.cut.is_some() || self.picture.is_some() {
                bail!("nobody is there to hand over to: name a server with --connect");
            }
            Some(Choice::Local)
        } else if let Some(cut) = self.cut {
            loaded.cut(cut)?;
            let coding = self.rate.map_or(FeatureCoding::Lossless, |Coding(coding)| coding);
            Some(Choice::Remote(Handover::Tensors { at: Place::Cut(cut), coding }))
        } else {
            self.picture.map(|Upload(coding)| Choice::Remote(Handover::Picture(coding)))
        };
        match fixed {
            Some(choice) => Ok(Captain::Fixed(choice)),
            None => Ok(Captain::Pilot(Box::new(self.pilot(loaded)?))),
        }
    }

    fn pilot(&self, loaded: &LoadedBundle) -> Result<Pilot> {
        let bundle = &loaded.bundle;
        let sheet = bundle.plan_sheet().context(
            "the bundle has no plan sheet to plan with; measure one with `aiflow sheet BUNDLE --data \
             SPEC`, or say what to do with --cut, --picture or --local",
        )?;
        let cuts: Vec<CutId> = bundle.cuts().map(|cut| cut.cut().id).collect();
        let table = Table::new(sheet, &cuts, self.max_loss.measure)?;
        let model = bundle.manifest().model.id;
        let path = self.profile.clone().unwrap_or_else(|| MachineProfile::beside(&self.bundle));
        let device = TierCosts::new(&MachineProfile::read(&path, model)?, &table);
        let server = match &self.server_profile {
            Some(path) => TierCosts::new(&MachineProfile::read(path, model)?, &table),
            None => device.clone(),
        };
        let goal = match self.deadline {
            Some(deadline) => Goal::Deadline { deadline, confidence: Confidence::default() },
            None => Goal::LeastTime,
        };
        let wish = Wish { most_loss: self.max_loss.most, goal };
        Ok(Pilot::new(table, device, server, wish).with_slowdown(self.slowdown))
    }

    fn device(
        &self,
        parts: &Arc<ModelParts>,
        captain: &Captain,
        qlog: Option<&Qlog>,
    ) -> Result<Device> {
        let form = self.classes.map_or(AnswerForm::Tensors, AnswerForm::Classes);
        let layering = if self.layers { Layering::WhenTight } else { Layering::Never };
        let options = DeviceOptions::default()
            .with_form(form)
            .with_slowdown(self.slowdown)
            .with_layering(layering);
        let (Some(trust), false) = (&self.trust, self.connect.is_empty()) else {
            return Ok(Device::new(Arc::clone(parts), None, options));
        };
        let mut addresses = Vec::new();
        for text in &self.connect {
            let found = text.to_socket_addrs();
            addresses.extend(found.with_context(|| format!("{text} is no address with a port"))?);
        }
        let v6 = addresses.iter().all(SocketAddr::is_ipv6);
        let own: SocketAddr = if v6 { "[::]:0" } else { "0.0.0.0:0" }.parse()?;
        let first = match captain {
            Captain::Fixed(Choice::Remote(Handover::Tensors { at, .. })) => vec![*at],
            _ => Vec::new(),
        };
        let others = parts.cuts().map(|cut| Place::Cut(cut.id));
        let places: Vec<Place> = first.into_iter().chain(others).collect();
        let menu = Menu::new(parts, &places)?;
        let protocol = match &self.token {
            Some(file) => options.protocol().with_token(token::read(file)?),
            None => options.protocol(),
        };
        let config = identity::client(trust, qlog)?.with_protocol(protocol);
        let endpoint = Endpoint::client(own)?;
        let deadline = self.deadline.unwrap_or(Micros::ZERO);
        let uplink = Uplink::new(endpoint, addresses, &self.name, config, menu, deadline);
        Ok(Device::new(Arc::clone(parts), Some(uplink), options))
    }

    async fn answer(
        &self,
        loaded: &LoadedBundle,
        data: &OpenData,
        (parts, qlog): (Arc<ModelParts>, Option<Qlog>),
        mut captain: Captain,
    ) -> Result<()> {
        let device = self.device(&parts, &captain, qlog.as_ref())?;
        if let Some(uplink) = device.uplink() {
            uplink.ready(CONNECT_WITHIN).await.map_err(|error| self.advise(error))?;
        }
        if let Captain::Fixed(Choice::Remote(handover)) = captain {
            let prepared = device.prepare(handover, CONNECT_WITHIN).await;
            if let Err(fallback) = prepared {
                bail!(
                    "the server does not take this ({fallback}); is it served with the same bundle?"
                );
            }
        }
        let run = Drive {
            device: device.clone(),
            data,
            model: &loaded.model,
            count: self.count.unwrap_or(usize::MAX).min(data.set.len()),
            period: self.period,
            deadline: self.deadline,
            in_flight: self.in_flight,
            shown: if self.format.json { Shown::Nothing } else { Shown::AsItGoes },
        };
        let run = run.go(&mut captain).await?;
        if let Some(uplink) = device.uplink() {
            // A server that is gone need not be told.
            let _ = tokio::time::timeout(GOODBYE_WITHIN, uplink.shutdown()).await;
        }
        self.finish(&run, &loaded.bundle.manifest().model.name)
    }

    /// Says what can be done about a server that cannot be used.
    fn advise(&self, error: UplinkError) -> anyhow::Error {
        let advice = match &error {
            UplinkError::Timeout(_) => format!(
                "asked was {}; check that `aiflow serve` listens there and that UDP reaches it",
                self.connect.join(", ")
            ),
            UplinkError::Connect { why, .. } if why.contains("certificate") => {
                let trust = self.trust.as_deref().unwrap_or(Path::new(""));
                format!(
                    "give --trust the certificate.pem of that server (now {}) and --name a name in it \
                     (now {})",
                    trust.display(),
                    self.name
                )
            }
            UplinkError::Connect { .. } => {
                "check that `aiflow serve` of this version listens there".to_owned()
            }
            _ => return error.into(),
        };
        anyhow!("{error}; {advice}")
    }

    fn finish(&self, run: &Run, model: &str) -> Result<()> {
        let summary = Summary::new(run);
        let printed = if self.format.json {
            output::json(&serde_json::json!({
                "summary": summary,
                "requests": run.records(),
            }))
        } else {
            output::text(&summary.to_string())
        };
        if let Some(path) = &self.html {
            write_run_html(path, &run.page(format!("{model} on {}", self.data)))?;
        }
        printed
    }
}

/// A server that does not answer within this is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The server is told that this is the end within this, or finds out by itself.
const GOODBYE_WITHIN: Duration = Duration::from_millis(500);
