//! Whether the emulated path is what it says, for the kernel's own protocols.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use aiflow_netsim::{LinkConfig, Rate};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use serde::Serialize;
use socket2::{Domain, Socket, Type};

use crate::clock::Clock;
use crate::error::RivalError;
use crate::namespace::join;
use crate::network::{Network, SERVER, set_congestion};

/// What the path did to plain UDP and TCP.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    /// The round trip that was asked for, in milliseconds.
    pub(crate) rtt_ms: f64,
    /// The median of 100 small datagrams and their echoes.
    pub(crate) rtt_measured_ms_p50: f64,
    /// The same for 95 of them.
    pub(crate) rtt_measured_ms_p95: f64,
    /// The median on a path that adds nothing: what the bridge and the kernel take.
    pub(crate) rtt_of_bridge_ms_p50: f64,
    /// The rate that was asked for, in bits per second.
    pub(crate) rate_bps: u64,
    /// What a TCP connection carried, without headers, by congestion control.
    pub(crate) goodput_bps: Vec<(String, u64)>,
}

/// Measures round trips and bulk transfers on a link of 10 Mbit/s.
pub(crate) fn check(
    rtt: Micros,
    queue: Bytes,
    congestions: &[String],
) -> Result<Check, RivalError> {
    let half = LinkConfig::new().with_delay(Micros::new(rtt.get() / 2));
    let up = half.clone().with_rate(Rate::Constant(RATE)).with_queue_limit(queue);
    let nothing = (LinkConfig::new(), LinkConfig::new());
    let bridge_alone = round_trips(&Network::new(nothing)?)?;
    let measured = round_trips(&Network::new((up.clone(), half.clone()))?)?;
    let goodput = |name: &String| {
        let network = Network::new((up.clone(), half.clone()))?;
        Ok((name.clone(), bulk(&network, name.clone())?.get()))
    };
    let millis = |span: Micros| span.get() as f64 / 1e3;
    Ok(Check {
        rtt_ms: millis(rtt),
        rtt_measured_ms_p50: millis(at_share(&measured, 50)),
        rtt_measured_ms_p95: millis(at_share(&measured, 95)),
        rtt_of_bridge_ms_p50: millis(at_share(&bridge_alone, 50)),
        rate_bps: RATE.get(),
        goodput_bps: congestions.iter().map(goodput).collect::<Result<_, RivalError>>()?,
    })
}

/// Sends small datagrams, one every 20 ms, and returns how long their echoes took, in order of size.
fn round_trips(network: &Network) -> Result<Vec<Micros>, RivalError> {
    let clock = network.bridge.clock();
    let failed = || RivalError::system("exchange datagrams between the namespaces");
    let (tell_ready, ready) = mpsc::channel();
    let echo = network.server.spawn("echo", move || {
        let serve = || {
            let socket = UdpSocket::bind(SERVER)?;
            socket.set_read_timeout(Some(LONG))?;
            let _ = tell_ready.send(());
            let mut buffer = [0; 64];
            for _ in 0..ROUND_TRIPS {
                let (length, client) = socket.recv_from(&mut buffer)?;
                socket.send_to(buffer.get(..length).unwrap_or_default(), client)?;
            }
            Ok(())
        };
        serve().map_err(failed())
    })?;
    // It hangs up when it fails, and joining it says why.
    let _ = ready.recv();
    let ask = network.client.spawn("ping", move || ping(clock).map_err(failed()))?;
    let measured = join(ask);
    join(echo)?;
    measured
}

fn ping(clock: Clock) -> io::Result<Vec<Micros>> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(LONG))?;
    socket.connect(SERVER)?;
    let mut measured = Vec::new();
    for _ in 0..ROUND_TRIPS {
        let before = clock.now();
        socket.send(&[0; 32])?;
        socket.recv(&mut [0; 64])?;
        measured.push(clock.now().since(before));
        std::thread::sleep(Duration::from_millis(20));
    }
    measured.sort_unstable();
    Ok(measured)
}

/// Sends as fast as TCP does, and returns what arrived in time once it has found its rate.
fn bulk(network: &Network, congestion: String) -> Result<BitRate, RivalError> {
    let clock = network.bridge.clock();
    let failed = || RivalError::system("connect by TCP between the namespaces");
    let (tell_ready, ready) = mpsc::channel();
    let receiver = network.server.spawn("receiver", move || {
        let receive = || {
            let listener = TcpListener::bind(SERVER)?;
            let _ = tell_ready.send(());
            receive(clock, listener.accept()?.0)
        };
        receive().map_err(failed())
    })?;
    let _ = ready.recv();
    let sender = network.client.spawn("sender", move || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(failed())?;
        set_congestion(&socket, &congestion)?;
        socket.connect_timeout(&SERVER.into(), LONG).map_err(failed())?;
        let mut stream = TcpStream::from(socket);
        // The receiver hangs up when it has seen enough.
        while clock.now() < END.after(Micros::from_secs(1)) && stream.write_all(&BLOCK).is_ok() {}
        Ok(())
    })?;
    join(sender)?;
    join(receiver)
}

fn receive(clock: Clock, mut stream: TcpStream) -> io::Result<BitRate> {
    stream.set_read_timeout(Some(LONG))?;
    let (mut buffer, mut bytes) = (vec![0; 1 << 16], 0);
    loop {
        let length = stream.read(&mut buffer)? as u64;
        let now = clock.now();
        if now >= END || length == 0 {
            return Ok(BitRate::over(Bytes::new(bytes), END.since(SETTLED)));
        }
        bytes += if now >= SETTLED { length } else { 0 };
    }
}

fn at_share(sorted: &[Micros], percent: usize) -> Micros {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(Micros::MAX)
}

const RATE: BitRate = BitRate::megabits_per_second(10);
const ROUND_TRIPS: usize = 100;
const SETTLED: Timestamp = Timestamp::from_origin(Micros::from_secs(3));
const END: Timestamp = Timestamp::from_origin(Micros::from_secs(13));
const LONG: Duration = Duration::from_secs(5);
static BLOCK: [u8; 1 << 14] = [0x5a; 1 << 14];
