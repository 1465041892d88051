//! `aiflow serve`: an edge or a cloud.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aiflow::runtime::tier::net::{DeviceOptions, Menu, Role, Server, ServerOptions, Then, Uplink};
use aiflow::runtime::tier::{ModelParts, Place, QueueLimits};
use aiflow::transport::driver::{EarlyData, Endpoint, Qlog, ServerConfig};
use aiflow::units::Micros;
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::args::{EngineArgs, PreprocessArgs};
use crate::bundle::LoadedBundle;
use crate::output;
use crate::quantity::parse_time;
use crate::tiers::observe::ObserveArgs;
use crate::tiers::spec::Onward;
use crate::tiers::{self, identity, metrics, pictures, token};

/// Serve requests of devices: finish what they began, or compute a middle part and hand on
///
/// Weights never travel: the bundle and its model must be here as well, and peers compare their hashes.
/// The server shows the certificate in the folder --identity; a new folder gets one that vouches for
/// itself, and devices believe it with --trust FOLDER/certificate.pem.
///
/// Times are written as 40ms, 1.5s or 300us; a bare number is milliseconds.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Which tier this is
    #[arg(long, value_enum, default_value_t)]
    role: Tier,
    /// Bundle that `aiflow learn` wrote
    #[arg(long, value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The model, where it is neither in the bundle nor beside it
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    /// Address to listen on, UDP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4433")]
    listen: SocketAddr,
    /// Folder with certificate.pem and key.pem; made when it does not exist
    #[arg(long, value_name = "FOLDER")]
    identity: PathBuf,
    /// File with a secret that clients must show with --token; without it everybody is served who can
    /// reach the address
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Names that a new certificate is good for
    #[arg(long, value_name = "NAME", default_values_t = ["localhost".to_owned()])]
    names: Vec<String>,
    /// Address of the tier behind
    #[arg(long, value_name = "ADDRESS", requires = "trust")]
    upstream: Option<SocketAddr>,
    /// Certificate of the tier behind
    #[arg(long, value_name = "FILE.pem")]
    trust: Option<PathBuf>,
    /// File with the secret that the tier behind asks for
    #[arg(long, value_name = "FILE", requires = "upstream")]
    upstream_token: Option<PathBuf>,
    /// Name in the certificate of the tier behind
    #[arg(long, value_name = "NAME", default_value = "localhost")]
    upstream_name: String,
    /// What is left to the tier behind: answer (nothing), forward (everything), quicker (whatever takes
    /// longer here than there), or all behind a cut such as c07@24 or c07@lossless
    #[arg(long, value_name = "WHAT", default_value = "forward")]
    then: Onward,
    /// Address for metrics (Prometheus) and health, TCP
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Threads that compute [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    workers: Option<u16>,
    /// Requests that wait at most
    #[arg(long, value_name = "N", default_value_t = 256)]
    waiting: usize,
    /// Requests of one client under way at most
    #[arg(long, value_name = "N", default_value_t = 32)]
    per_client: usize,
    /// Requests that run together at most; pays only on engines that are faster with batches
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// How long a request is held back for others to run with it
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = parse_time)]
    batch_wait: Micros,
    /// How long requests under way may take after an interrupt
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    drain: Micros,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    observe: ObserveArgs,
}

/// The tier of a server.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Tier {
    /// Between devices and a cloud
    Edge,
    /// The last one
    #[default]
    Cloud,
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        let qlog = self.observe.start("serve")?;
        let loaded = LoadedBundle::open(&self.bundle, self.model.as_deref(), self.engine.engine)?;
        let parts = Arc::new(tiers::parts(&loaded)?);
        let (own, certificate, made) = identity::open(&self.identity, &self.names)?;
        if made {
            output::text(&format!("made a certificate: {}", certificate.display()))?;
        }
        let mut config = ServerConfig::new(own, None, EarlyData::Refused)?;
        if let Some(qlog) = &qlog {
            config = config.with_qlog(qlog.clone());
        }
        if let Some(file) = &self.token {
            config = token::ask(config, token::read(file)?);
        }
        let runtime = tiers::runtime()?;
        let entered = runtime.enter();
        let options = self.options(&loaded, &parts, qlog.as_ref())?;
        let server = Server::start(self.listen, config, parts, options)?;
        drop(entered);
        let name = &loaded.bundle.manifest().model.name;
        if let Some(address) = self.metrics {
            let address = metrics::serve(address, server.metrics(), server.readiness())?;
            output::text(&format!("metrics on http://{address}/metrics"))?;
        }
        if matches!(self.role, Tier::Edge) && self.upstream.is_none() {
            output::text("an edge without --upstream answers everything itself, as a cloud does")?;
        }
        output::text(&format!("serving {name} on {}", server.local_address()?))?;
        runtime.block_on(async {
            interrupted().await?;
            server.shutdown(self.drain.to_duration()).await;
            Ok(())
        })
    }

    fn options(
        &self,
        loaded: &LoadedBundle,
        parts: &ModelParts,
        qlog: Option<&Qlog>,
    ) -> Result<ServerOptions> {
        let role = match self.role {
            Tier::Edge => Role::Edge,
            Tier::Cloud => Role::Cloud,
        };
        let mut options = ServerOptions::default().with_role(role);
        if let Some(workers) = self.workers {
            options = options.with_workers(workers.into());
        }
        let limits = QueueLimits::default()
            .with_waiting(self.waiting)
            .with_per_client(self.per_client)
            .with_batch(self.batch)
            .with_wait(self.batch_wait);
        options = options.with_limits(limits);
        if let Some(preprocess) = loaded.preprocess(&self.preprocess)? {
            options = options.with_pictures(Arc::new(pictures::Reader::new(preprocess)));
        }
        if let (Some(address), Some(trust)) = (self.upstream, &self.trust) {
            let Onward(then) = self.then;
            if let Then::Compute { to, .. } = then {
                loaded.cut(to)?;
            }
            let first = match then {
                Then::Compute { to, .. } => vec![Place::Cut(to)],
                Then::Answer | Then::Forward | Then::Quicker => Vec::new(),
            };
            let others = parts.cuts().map(|cut| Place::Cut(cut.id));
            let places: Vec<Place> = first.into_iter().chain(others).collect();
            let menu = Menu::new(parts, &places)?;
            let protocol = match &self.upstream_token {
                Some(file) => DeviceOptions::default().protocol().with_token(token::read(file)?),
                None => DeviceOptions::default().protocol(),
            };
            let config = identity::client(trust, qlog)?.with_protocol(protocol);
            let any = SocketAddr::from(([0, 0, 0, 0], 0));
            let own = if address.is_ipv6() { "[::]:0".parse()? } else { any };
            let endpoint = Endpoint::client(own)?;
            let name = &self.upstream_name;
            let uplink = Uplink::new(endpoint, vec![address], name, config, menu, Micros::ZERO);
            options = options.with_upstream(uplink, then);
        } else if matches!(self.role, Tier::Edge) && self.trust.is_some() {
            bail!("--trust is for the tier behind: name it with --upstream");
        }
        Ok(options)
    }
}

/// Waits until the user or the system wants the program to end.
async fn interrupted() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            done = tokio::signal::ctrl_c() => done?,
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    // What is printed last belongs to a line of its own, after the terminal's ^C.
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(())
}
