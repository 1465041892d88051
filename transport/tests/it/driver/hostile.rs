//! Peers that use more than they may, against a server in a process of its own, whose memory is what
//! the operating system says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aiflow_transport::driver::{
    ClientConfig, EarlyData, Endpoint, PeerEvent, Roots, ServedSession, Tuning,
};
use aiflow_transport::wire::{
    ChannelReport, ControlMessage, Epoch, FrameFlags, FrameHeader, Health, LayerIndex, Limit,
    Limits, Open, PointId, Probe, RateIndex, Reason, Reconf, Request, Sequence, SessionId, Setup,
    Wire as _, Writer,
};
use aiflow_transport::{Code, Reply};
use aiflow_units::{BitRate, Bytes, Micros};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, SendStream, WriteError};

use super::holes::Holes;
use super::world::{
    LONG, NAME, anywhere, frame, identity, layer, open, policy, protocol, server_config,
};

/// What one client may make the server hold.
const HELD: u64 = 8 << 20;
/// What the server may take beyond that.
const BEYOND: u64 = 16 << 20;
/// How long each attack lasts at most.
const ATTACK: Duration = Duration::from_millis(1_000);
/// The name of this test, and what tells its child that it is the server.
const SERVER: (&str, &str) =
    ("driver::hostile::floods_cost_no_more_than_was_advertised", "AIFLOW_TEST_SERVER");

/// Serves until it is killed: every frame is answered with 200 kB, 20 ms after it came.
async fn serve() {
    let identity = identity();
    let limits = Limits::default().with(Limit::BufferedBytes, HELD).with(Limit::FrameBytes, HELD);
    let protocol = protocol().with_limits(limits).with_queue(Bytes::new(HELD));
    let tuning = Tuning::default().with_receive_window(Bytes::new(HELD));
    let config = server_config(&identity).with_protocol(protocol).with_tuning(tuning);
    let endpoint = Endpoint::server(anywhere(), config).expect("a socket");
    let certificate: String = identity.certificate().iter().map(|b| format!("{b:02x}")).collect();
    let address = endpoint.local_address().expect("it is bound");
    writeln!(std::io::stderr(), "serving {address} {certificate}").expect("the test reads it");
    while let Some(arriving) = endpoint.accept().await {
        tokio::spawn(async move {
            let Ok(peer) = arriving.await else { return };
            while let Some(event) = peer.next_event().await {
                if let PeerEvent::Session(offer) = event
                    && let Ok(session) = offer.decide(&policy())
                {
                    tokio::spawn(answer(session));
                }
            }
        });
    }
}

async fn answer(session: ServedSession) {
    while let Some(request) = session.next_request().await {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // Who sent it may have been cut off.
            let _ = request.reply(Reply { payload: layer(200_000, 0), ..Reply::default() });
        });
    }
}

/// The server's process; it ends with the test.
struct Server {
    child: Child,
    address: SocketAddr,
    certificate: Vec<u8>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", SERVER.0, "--nocapture"])
            .env(SERVER.1, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("another process");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let line = lines
            .by_ref()
            .map(|line| line.expect("text"))
            .find(|line| line.starts_with("serving "));
        let line = line.expect("the server says where it is");
        let mut words = line.split(' ').skip(1);
        let address = words.next().and_then(|word| word.parse().ok()).expect("an address");
        let digits = words.next().expect("a certificate").as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let certificate = digits.filter_map(byte).collect();
        // What it says later has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, certificate }
    }

    /// What the process has in memory.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the server runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it has memory");
        let kib = line.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
        kib.expect("a number") * 1024
    }
}

/// A client that keeps to no rule.
struct Attacker {
    connection: Connection,
    control: SendStream,
    /// Whether every other packet leaves without its content.
    holes: Arc<AtomicBool>,
    _endpoint: quinn::Endpoint,
}

impl Attacker {
    async fn connect(server: &Server) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(server.certificate.clone().into()).expect("a sound certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the version is known")
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![aiflow_transport::Connection::PROTOCOL.to_vec()];
        let inner = QuicClientConfig::try_from(tls).expect("an initial cipher suite");
        let endpoint = quinn::Endpoint::client(anywhere()).expect("a socket");
        let holes = Arc::<AtomicBool>::default();
        let tls = Holes { inner: Arc::new(inner), on: Arc::clone(&holes) };
        let config = quinn::ClientConfig::new(Arc::new(tls));
        let connecting = endpoint.connect_with(config, server.address, NAME).expect("an address");
        let connection = connecting.await.expect("the server takes everybody");
        let mut control = connection.open_uni().await.expect("credit for one stream");
        let setup = ControlMessage::Setup(Setup::default()).encode().expect("a sound SETUP");
        control.write_all(&[&[0x00], &setup[..]].concat()).await.expect("room for little");
        let attacker = Self { connection, control, holes, _endpoint: endpoint };
        attacker.open().await;
        attacker
    }

    /// Opens session 0; the stream that opened it stays open.
    async fn open(&self) {
        let (mut send, mut receive) = self.connection.open_bi().await.expect("credit");
        let request = Request::Open(Open { session: SessionId(0), ..open() }).encode();
        let request = request.expect("a sound request");
        send.write_all(&[&[0x10], &request[..]].concat()).await.expect("room for little");
        let mut answer = [0; 2];
        receive.read_exact(&mut answer).await.expect("an answer");
        tokio::spawn(async move {
            // Held until the connection is over.
            let _ = receive.read_to_end(1 << 20).await;
            drop(send);
        });
    }

    /// Opens a stream and begins a layer on it.
    async fn layer(
        &self,
        sequence: u64,
        layer: u8,
        length: u64,
        payload: &[u8],
    ) -> Option<SendStream> {
        let header = FrameHeader {
            session: SessionId(0),
            epoch: Epoch(0),
            sequence: Sequence(sequence),
            layer: LayerIndex(layer),
            layers: 4,
            point: PointId(1),
            rate: RateIndex(20),
            deadline: Micros::from_secs(10),
            age: Micros::ZERO,
            flags: FrameFlags::NONE,
            length: Bytes::new(length),
        };
        let mut writer = Writer::new();
        writer.u8(0x01);
        header.write(&mut writer);
        writer.raw(payload);
        let bytes = writer.finish().expect("a header in order");
        let mut stream = self.connection.open_uni().await.ok()?;
        match stream.write_chunk(bytes).await {
            // Some are refused, and the next one is tried.
            Ok(()) | Err(WriteError::Stopped(_)) => Some(stream),
            Err(_) => None,
        }
    }

    /// Begins a layer that nobody can use yet, in packets that it shares with bytes that nobody wants.
    async fn scattered(&self, number: u64) -> Option<SendStream> {
        let layer = 1 + (number % 3) as u8;
        let stream = self.layer(number, layer, 100_000, &[0x5a; 1_100]).await?;
        let mut padding = self.connection.open_uni().await.ok()?;
        padding.write_all(&[0x03]).await.ok()?;
        padding.write_all(&[0x5a; 40_000]).await.ok()?;
        // It has an end.
        let _ = padding.finish();
        Some(stream)
    }

    async fn say(&mut self, message: &ControlMessage) -> Option<()> {
        let bytes = message.encode().expect("a sound message");
        self.control.write_chunk(bytes).await.ok()
    }
}

/// What is done to the server.
#[derive(Debug, Clone, Copy)]
enum Attack {
    TinyFrames,
    LyingLengths,
    UnfinishedFrames,
    ScatteredPieces,
    GappedStreams,
    UnreadResults,
    Resets,
    Reports,
    Reconfs,
    Requests,
    Probes,
}

impl Attack {
    const ALL: [Self; 11] = [
        Self::TinyFrames,
        Self::LyingLengths,
        Self::UnfinishedFrames,
        Self::ScatteredPieces,
        Self::GappedStreams,
        Self::UnreadResults,
        Self::Resets,
        Self::Reports,
        Self::Reconfs,
        Self::Requests,
        Self::Probes,
    ];

    /// With which code the server ends the connection; `None` where it only refuses streams.
    fn end(self) -> Option<Code> {
        match self {
            Self::Resets | Self::Reports | Self::Reconfs | Self::Requests | Self::Probes => {
                Some(Code::ExcessiveLoad)
            }
            _ => None,
        }
    }

    /// Checks how the server dealt with it; says whether it told why.
    fn was_told(self, connection: &Connection) -> bool {
        let sent = connection.stats().udp_tx.bytes;
        if matches!(self, Self::GappedStreams) {
            assert!(sent >= HELD / 2, "streams with {sent} bytes take little");
        }
        match (self.end(), connection.close_reason()) {
            (Some(code), Some(quinn::ConnectionError::ApplicationClosed(close))) => {
                assert_eq!(close.error_code.into_inner(), code.number(), "{self:?}");
                true
            }
            // Its own flood drowned the close, and the server had forgotten it when it went on.
            (Some(_), Some(quinn::ConnectionError::Reset)) => false,
            // Only its streams are refused.
            (None, None) => false,
            (_, reason) => panic!("{self:?}: {reason:?}"),
        }
    }

    /// Goes on until the server has enough.
    async fn run(self, attacker: &mut Attacker) -> Option<()> {
        let mut kept = Vec::new();
        let filler = vec![0x5a; 40_000];
        for number in 0_u64.. {
            match self {
                Self::TinyFrames | Self::UnreadResults => {
                    if number == 0 && matches!(self, Self::TinyFrames) {
                        tokio::spawn(read_everything(attacker.connection.clone()));
                    }
                    let mut stream = attacker.layer(number, 0, 1, &[1]).await?;
                    // It may have been refused.
                    let _ = stream.finish();
                }
                Self::LyingLengths => {
                    kept.push(attacker.layer(number, 0, HELD, &[]).await?);
                }
                Self::UnfinishedFrames => {
                    kept.push(attacker.layer(number, 0, 1 << 20, &filler).await?);
                    for stream in &mut kept {
                        // Streams that were stopped or have no credit take nothing.
                        let write = stream.write_all(&filler);
                        let _ = tokio::time::timeout(Duration::from_millis(2), write).await;
                    }
                }
                Self::ScatteredPieces => {
                    kept.push(attacker.scattered(number).await?);
                }
                Self::GappedStreams => {
                    attacker.holes.store(true, Ordering::Relaxed);
                    kept.push(attacker.layer(number, 0, 1 << 20, &filler).await?);
                }
                Self::Resets => {
                    let mut stream = attacker.layer(number, 0, 1_000, &[0; 10]).await?;
                    // It was just opened.
                    let _ = stream.reset(9_u8.into());
                }
                Self::Reports => {
                    let report =
                        ChannelReport { sequence: Sequence(number), ..ChannelReport::default() };
                    attacker.say(&ControlMessage::ChannelReport(report)).await?;
                }
                Self::Reconfs => {
                    let reconf = Reconf {
                        session: SessionId(0),
                        epoch: Epoch(number + 1),
                        effective: Sequence(0),
                        reason: Reason::Application,
                        active: PointId(2),
                        points: vec![PointId(1), PointId(2)],
                    };
                    attacker.say(&ControlMessage::Reconf(reconf)).await?;
                }
                Self::Requests => {
                    let bytes = Request::Health(Health::Live).encode().expect("a sound request");
                    let (mut send, _) = attacker.connection.open_bi().await.ok()?;
                    send.write_all(&[&[0x10], &bytes[..]].concat()).await.ok()?;
                }
                Self::Probes => {
                    let probe = Probe {
                        target: BitRate::megabits_per_second(10_000),
                        cap: Bytes::from_mib(64),
                        duration: Probe::MOST_DURATION,
                    };
                    let bytes = probe.encode().expect("a sound probe");
                    let (mut send, _) = attacker.connection.open_bi().await.ok()?;
                    send.write_all(&[&[0x11], &bytes[..]].concat()).await.ok()?;
                }
            }
        }
        Some(())
    }
}

/// Takes all results, unlike most attackers.
async fn read_everything(connection: Connection) {
    while let Ok(mut stream) = connection.accept_uni().await {
        tokio::spawn(async move { stream.read_to_end(1 << 20).await });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_cost_no_more_than_was_advertised() {
    if std::env::var_os(SERVER.1).is_some() {
        return serve().await;
    }
    let server = Arc::new(Server::start());
    let roots = Roots::from_der(vec![server.certificate.clone()]);
    let config = ClientConfig::new(&roots, None, EarlyData::Refused).expect("sound roots");
    let client = Endpoint::client(anywhere()).expect("a socket");
    let peer = client.connect(server.address, NAME, &config.with_protocol(protocol())).await;
    let peer = peer.expect("the server takes everybody");
    let session = peer.open(open()).await.expect("the server admits it");
    // A client that behaves goes on all the time.
    let stop = Arc::new(AtomicBool::new(false));
    let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let (ended, counted) = (Arc::clone(&stop), Arc::clone(&counts));
    let honest = tokio::spawn(async move {
        while !ended.load(Ordering::Relaxed) {
            let answer = session.send(frame(&session, vec![layer(20_000, 0)]));
            let outcome = match answer {
                Ok(answer) => answer.await.is_ok(),
                Err(_) => false,
            };
            counted[usize::from(outcome)].fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = server.memory();
    let mut told = 0;
    for attack in Attack::ALL {
        let mut attacker = Attacker::connect(&server).await;
        let connection = attacker.connection.clone();
        let task = tokio::spawn(async move {
            attack.run(&mut attacker).await;
            // Kept until the test lets go of it.
            std::future::pending::<()>().await;
        });
        let (begin, mut most) = (Instant::now(), before);
        while begin.elapsed() < ATTACK && connection.close_reason().is_none() {
            most = most.max(server.memory());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let grown = most.saturating_sub(before);
        assert!(grown <= HELD + BEYOND, "{attack:?}: {} KiB more", grown / 1024);
        told += usize::from(attack.was_told(&connection));
        connection.close(0_u8.into(), b"");
        task.abort();
    }
    assert!(told >= 3, "{told} of five attackers were told why");
    stop.store(true, Ordering::Relaxed);
    tokio::time::timeout(LONG, honest).await.expect("in time").expect("it does not panic");
    let [missed, answered] = [0, 1].map(|index| counts[index].load(Ordering::Relaxed));
    assert!(answered >= 50 && missed * 20 <= answered, "{missed} of {answered} were missed");
}
