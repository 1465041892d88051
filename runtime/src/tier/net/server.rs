//! A tier that serves requests: edge or cloud.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle as ThreadHandle;
use std::time::{Duration, Instant};

use aiflow_transport::driver::{Asked, Endpoint, Peer, PeerEvent, ServerConfig};
use aiflow_transport::negotiate::Policy;
use aiflow_transport::wire::{
    Answer, Health, HealthAnswer, Metadata, MetadataAnswer, Role as WireRole, ServerMetadata,
    StatsAnswer, Values, capability, statistic,
};
use aiflow_transport::{Code, Config, Question};
use aiflow_units::Micros;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::counters::{ServerCounters, count};
use super::menu;
use super::options::{Role, ServerOptions, Then};
use super::session::serve_session;
use super::worker::Shop;
use crate::tier::{AnswerForm, ModelParts, PartError};

/// A server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a worker thread")]
    Thread(#[source] io::Error),
    /// The model cannot be served.
    #[error(transparent)]
    Model(#[from] PartError),
}

/// A tier that serves requests. It stops with [`shutdown`](Self::shutdown).
pub struct Server {
    endpoint: Endpoint,
    front: Arc<Front>,
    accepting: JoinHandle<()>,
    threads: Vec<ThreadHandle<()>>,
}

/// What connections and sessions share.
pub(super) struct Front {
    pub(super) shop: Arc<Shop>,
    pub(super) policy: Policy,
    pub(super) then: Then,
    pub(super) clients: AtomicU64,
    /// How long what is open may take to end; nothing while the server takes what comes.
    leaving: watch::Sender<Option<Micros>>,
    started: Instant,
}

impl Server {
    /// Listens and serves. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be bound or a thread not started.
    pub fn start(
        address: SocketAddr,
        config: ServerConfig,
        parts: Arc<ModelParts>,
        options: ServerOptions,
    ) -> Result<Self, ServerError> {
        let policy = menu::policy(&parts, options.pictures.is_some())?;
        let (uplink, then) = options.upstream.clone().unzip();
        let config = config.with_protocol(protocol(options.role));
        let endpoint = Endpoint::server(address, config)
            .map_err(|source| ServerError::Bind { address, source })?;
        let (limits, pictures) = (options.limits, options.pictures.clone());
        let shop = Arc::new(Shop::new(parts, limits, pictures, uplink, options.slowdown));
        let threads = shop.start(options.workers).map_err(ServerError::Thread)?;
        let front = Arc::new(Front {
            shop,
            policy,
            then: then.unwrap_or_default(),
            clients: AtomicU64::new(0),
            leaving: watch::Sender::new(None),
            started: Instant::now(),
        });
        let accepting = tokio::spawn(accept(endpoint.clone(), Arc::clone(&front)));
        Ok(Self { endpoint, front, accepting, threads })
    }

    /// Returns the address that it listens on.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_address()
    }

    /// Returns what was counted.
    pub fn counters(&self) -> ServerCounters {
        self.front.counters()
    }

    /// Returns a function that counts, for a thread that shows it.
    pub fn counting(&self) -> impl Fn() -> ServerCounters + Send + Sync + 'static {
        let front = Arc::clone(&self.front);
        move || front.counters()
    }

    /// Returns a function that writes all metrics in the text format of Prometheus: what was counted,
    /// and where the time of answered requests went.
    pub fn metrics(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let front = Arc::clone(&self.front);
        move || front.counters().prometheus() + &front.shop.times.prometheus()
    }

    /// Returns a function that tells whether new sessions are taken, for a health check.
    pub fn readiness(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let front = Arc::clone(&self.front);
        move || !front.is_leaving()
    }

    /// Stops: tells clients that it goes away and takes no new connection or session; answers what
    /// still comes on open ones until nothing has come for a moment, at most for `longest`. Clients
    /// have moved by then. What comes later is refused, and nothing runs any more on return.
    pub async fn shutdown(self, longest: Duration) {
        let drain = Micros::from_duration(longest);
        self.front.leaving.send_replace(Some(drain));
        let end = Instant::now() + longest;
        let mut last = (Instant::now(), 0);
        while last.0.elapsed() < QUIET && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let requests = self.front.shop.counters.requests.load(Ordering::Relaxed);
            if !self.front.shop.is_idle() || requests != last.1 {
                last = (Instant::now(), requests);
            }
        }
        self.front.shop.drain();
        // Answers that were just given are still on their way out of this process.
        tokio::time::sleep(LAST_ANSWERS).await;
        self.stop(Code::GoingAway).await;
    }

    /// Stops at once, as though it had crashed but for the goodbye: requests under way are lost.
    pub async fn stop(self, code: Code) {
        self.front.shop.close();
        // QUIC waits for a few round trips in case its last words get lost, and after a long outage
        // those it knows are long; nobody has to wait for that.
        let _ = tokio::time::timeout(LONGEST_GOODBYE, self.endpoint.shutdown(code)).await;
        // Connections are over, so their tasks end; the socket is free when the last one has.
        let _ = tokio::time::timeout(LONGEST_GOODBYE, self.accepting).await;
        let threads = self.threads;
        // A thread that panicked has said so; there is nothing left to do for it.
        let join = move || threads.into_iter().for_each(|thread| drop(thread.join()));
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

impl Front {
    fn is_leaving(&self) -> bool {
        self.leaving.borrow().is_some()
    }

    pub(super) fn counters(&self) -> ServerCounters {
        let mut all = self.shop.counters.snapshot();
        let (waiting, running) = self.shop.load();
        (all.waiting, all.running) = (waiting as u64, running as u64);
        all
    }
}

/// How the protocol behaves on a server.
fn protocol(role: Role) -> Config {
    let mut setup = aiflow_transport::wire::Setup {
        role: WireRole::Tail,
        codecs: menu::codecs(),
        channel_level: aiflow_transport::wire::ChannelLevel::Probe,
        implementation: concat!("aiflow/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..Default::default()
    };
    setup.static_capabilities = Values::new().with(capability::TIER, role.number());
    Config::default().with_setup(setup)
}

async fn accept(endpoint: Endpoint, front: Arc<Front>) {
    let mut peers = JoinSet::new();
    while let Some(arriving) = endpoint.accept().await {
        while peers.try_join_next().is_some() {}
        if front.is_leaving() {
            arriving.refuse();
            continue;
        }
        let front = Arc::clone(&front);
        peers.spawn(async move {
            let address = arriving.address();
            match arriving.await {
                Ok(peer) => serve_peer(peer, front).await,
                Err(error) => tracing::info!(%address, %error, "a client did not get in"),
            }
        });
    }
    while peers.join_next().await.is_some() {}
}

async fn serve_peer(peer: Peer, front: Arc<Front>) {
    count(&front.shop.counters.connections);
    let client = front.clients.fetch_add(1, Ordering::Relaxed);
    let Ok(setup) = peer.greeted().await else { return };
    let form = setup.static_capabilities.get(menu::ANSWER_CLASSES).unwrap_or(0);
    let form = AnswerForm::from_number(form);
    let mut sessions = JoinSet::new();
    let mut leaving = front.leaving.subscribe();
    let mut told = false;
    loop {
        let event = tokio::select! {
            event = peer.next_event() => event,
            drain = said(&mut leaving), if !told => {
                told = true;
                // The connection may be over meanwhile.
                let _ = peer.go_away("", drain);
                continue;
            }
        };
        let Some(event) = event else { break };
        while sessions.try_join_next().is_some() {}
        match event {
            PeerEvent::Session(offer) if told => {
                let _ = offer.refuse(Code::GoingAway, Micros::ZERO);
            }
            PeerEvent::Session(offer) => {
                let points = offer.open().points.clone();
                match offer.decide(&front.policy) {
                    Ok(session) => {
                        let front = Arc::clone(&front);
                        sessions.spawn(serve_session(session, points, client, form, front));
                    }
                    Err(error) => {
                        tracing::info!(%error, "a session is refused");
                        count(&front.shop.counters.sessions_refused);
                    }
                }
            }
            PeerEvent::Asked(asked) => say(asked, &front),
            PeerEvent::Drained => break,
            // Sessions are opened anew: they hold nothing that would be worth a resumption.
            _ => {}
        }
    }
    while sessions.join_next().await.is_some() {}
}

/// Waits until the server goes away; returns how long what is open may take to end.
async fn said(leaving: &mut watch::Receiver<Option<Micros>>) -> Micros {
    match leaving.wait_for(Option::is_some).await {
        Ok(drain) => drain.unwrap_or_default(),
        // The server is gone, and its connections with it.
        Err(_) => Micros::ZERO,
    }
}

/// Answers what a client asks about the server.
fn say(asked: Asked, front: &Front) {
    let own = front.policy.models.first().map(|model| model.model);
    let answer = match asked.question() {
        Question::Health(Health::Live) => Answer::Health(HealthAnswer::Yes),
        Question::Health(Health::Model(model)) if Some(*model) != own => {
            Answer::Health(HealthAnswer::No)
        }
        Question::Health(_) if front.is_leaving() => Answer::Health(HealthAnswer::No),
        Question::Health(_) => Answer::Health(HealthAnswer::Yes),
        Question::Metadata(Metadata::Server) => {
            let metadata = ServerMetadata {
                name: "aiflow".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                extensions: Vec::new(),
                models: own.into_iter().collect(),
            };
            Answer::Metadata(MetadataAnswer::Server(metadata))
        }
        Question::Stats(_) => {
            let counters = front.counters();
            let uptime = front.started.elapsed().as_secs();
            let values = Values::new()
                .with(statistic::FRAMES, counters.requests)
                .with(statistic::RESULTS, counters.answered)
                .with(statistic::LATE, counters.late)
                .with(statistic::CANCELLED, counters.cancelled)
                .with(statistic::DAMAGED, counters.failed)
                .with(statistic::PAYLOAD_BYTES, counters.bytes)
                .with(statistic::SESSIONS, counters.sessions_open)
                .with(statistic::UPTIME, uptime);
            Answer::Stats(StatsAnswer { values })
        }
        // What it does not know it does not answer: dropping the question refuses it.
        _ => return,
    };
    // The client may have gone meanwhile.
    let _ = asked.answer(&answer);
}

/// How long connections may take to end, and their tasks to notice.
const LONGEST_GOODBYE: Duration = Duration::from_secs(2);
/// When nothing has come for so long, clients have heard that this server goes away.
const QUIET: Duration = Duration::from_millis(250);
/// How long answers may take to leave before connections are closed.
const LAST_ANSWERS: Duration = Duration::from_millis(50);
