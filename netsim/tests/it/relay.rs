//! The relay between real sockets. Times have wide bounds: the machine may be busy.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use aiflow_netsim::relay::{Relay, RelayConfig, RelayError, RelayStats};
use aiflow_netsim::{Corruption, Direction, LinkConfig, Probability, Rate, Scenario};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

/// A relay before a server, with the same link each way.
fn relay(link: LinkConfig) -> (Relay, UdpSocket) {
    let server = socket();
    let config = RelayConfig::new(server.local_addr().unwrap()).with_links(link.clone(), link);
    (Relay::start(config).unwrap(), server)
}

fn client(relay: &Relay) -> UdpSocket {
    let client = socket();
    client.connect(relay.address()).unwrap();
    client
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2048];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..length].to_vec(), from)
}

/// Whether nothing comes within 30 ms.
fn is_silent(socket: &UdpSocket) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    let silent = socket.recv(&mut [0; 2048]).is_err_and(|error| {
        matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
    });
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    silent
}

/// Waits until the statistics are as expected, and returns them; the latest ones after 5 s.
fn eventually(relay: &Relay, expected: fn(&RelayStats) -> bool) -> RelayStats {
    let started = Instant::now();
    loop {
        let stats = relay.stats();
        if expected(&stats) || started.elapsed() > Duration::from_secs(5) {
            return stats;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn packets_go_both_ways_in_order_and_with_delay() {
    let (relay, server) = relay(LinkConfig::new().with_delay(Micros::from_millis(10)));
    let client = client(&relay);
    let started = Instant::now();
    for number in 0..50_u8 {
        client.send(&[number; 100]).unwrap();
    }
    for number in 0..50_u8 {
        let (bytes, from) = receive(&server);
        assert_eq!(bytes, [number; 100]);
        server.send_to(&bytes, from).unwrap();
    }
    for number in 0..50_u8 {
        assert_eq!(receive(&client).0, [number; 100]);
    }
    assert!(started.elapsed() >= Duration::from_millis(20));
    let stats = relay.stats();
    assert_eq!((stats.paths.len(), stats.failures, stats.evicted), (1, 0, 0));
    for link in [stats.paths[0].up, stats.paths[0].down] {
        assert_eq!((link.delivered.packets, link.delivered.bytes), (50, Bytes::new(5_000)));
    }
    assert_eq!(stats.paths[0].client, client.local_addr().unwrap());
    // The last ones may have come out before they are noted.
    assert!((50..=100).contains(&stats.lateness.packets), "{:?}", stats.lateness);
    assert!(stats.lateness.longest >= stats.lateness.mean);
}

#[test]
fn rates_hold_in_real_time() {
    let rate = BitRate::megabits_per_second(10);
    let (relay, server) = relay(LinkConfig::new().with_rate(Rate::Constant(rate)));
    let client = client(&relay);
    for _ in 0..100 {
        client.send(&[7; 1250]).unwrap();
    }
    let started = Instant::now();
    for _ in 0..100 {
        receive(&server);
    }
    // One packet a millisecond: 100 ms, of which the first few are over before the watch starts.
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(80) && took < Duration::from_millis(600), "{took:?}");
    let second = Timestamp::from_origin(Micros::from_secs(1));
    let capacity = relay.capacity(Direction::Down, Timestamp::ORIGIN, second);
    assert_eq!(capacity, Bytes::new(1_250_000));
    assert!(relay.now().since_origin() >= Micros::from_millis(80));
}

#[test]
fn lost_packets_are_counted_while_it_runs() {
    let (relay, server) = relay(LinkConfig::new().with_loss(Probability::ALWAYS));
    let client = client(&relay);
    client.send(b"gone").unwrap();
    let lost = |stats: &RelayStats| stats.paths.iter().any(|path| path.up.dropped().packets == 1);
    assert_eq!(eventually(&relay, lost).paths[0].up.dropped_loss.packets, 1);
    assert!(is_silent(&server));
}

#[test]
fn damaged_packets_differ_by_one_bit() {
    let corruption = Corruption::Flip(Probability::ALWAYS);
    let (relay, server) = relay(LinkConfig::new().with_corruption(corruption));
    client(&relay).send(&[0; 64]).unwrap();
    let ones: u32 = receive(&server).0.iter().map(|byte| byte.count_ones()).sum();
    assert_eq!(ones, 1);
}

#[test]
fn a_client_at_another_address_is_another_path() {
    let (relay, server) = relay(LinkConfig::new());
    let clients = [client(&relay), client(&relay)];
    let seen = [b"one", b"two"].map(|text| {
        clients[usize::from(text == b"two")].send(text).unwrap();
        let (bytes, from) = receive(&server);
        assert_eq!(bytes, text);
        from
    });
    assert_ne!(seen[0], seen[1]);
    for (index, client) in clients.iter().enumerate() {
        server.send_to(&[index as u8], seen[index]).unwrap();
        assert_eq!(receive(client).0, [index as u8]);
    }
    let paths = relay.stats().paths;
    assert_eq!([paths[0].seen_as.port(), paths[1].seen_as.port()], seen.map(|seen| seen.port()));
}

#[test]
fn a_forgotten_client_gets_another_port() {
    let (relay, server) = relay(LinkConfig::new());
    let client = client(&relay);
    client.send(b"before").unwrap();
    let (_, old) = receive(&server);
    relay.rebind().unwrap();
    server.send_to(b"to the old port", old).unwrap();
    client.send(b"after").unwrap();
    let (bytes, new) = receive(&server);
    assert_eq!(bytes, b"after");
    assert_ne!(old, new);
    server.send_to(b"to the new port", new).unwrap();
    assert_eq!(receive(&client).0, b"to the new port");
    assert_eq!(relay.stats().paths.len(), 1);
}

#[test]
fn the_quietest_path_makes_way() {
    let server = socket();
    let config = RelayConfig::new(server.local_addr().unwrap()).with_max_paths(2);
    let relay = Relay::start(config).unwrap();
    let clients = [(); 3].map(|()| client(&relay));
    for client in [0, 1, 0, 2] {
        clients[client].send(b"here").unwrap();
        receive(&server);
    }
    let stats = relay.stats();
    let kept: Vec<_> = stats.paths.iter().map(|path| path.client).collect();
    assert_eq!(kept, [0, 2].map(|client| clients[client].local_addr().unwrap()));
    assert_eq!(stats.evicted, 1);
}

#[test]
fn what_is_in_flight_is_limited() {
    let server = socket();
    let far = LinkConfig::new().with_delay(Micros::from_secs(60));
    let config = RelayConfig::new(server.local_addr().unwrap())
        .with_links(far.clone(), far)
        .with_flight_limit(Bytes::new(2_500));
    let relay = Relay::start(config).unwrap();
    let client = client(&relay);
    for _ in 0..4 {
        client.send(&[0; 1000]).unwrap();
    }
    let stats = eventually(&relay, |stats| stats.refused.packets == 2);
    assert_eq!((stats.refused.bytes, stats.paths[0].up.in_flight.packets), (Bytes::new(2_000), 2));
    assert!(is_silent(&server));
}

#[test]
fn the_address_is_free_after_shutdown() {
    let server = socket();
    let to = server.local_addr().unwrap();
    let relay = Relay::start(RelayConfig::new(to).with_scenario(Scenario::Plain, 1)).unwrap();
    let address = relay.address();
    let taken = Relay::start(RelayConfig::new(to).with_listen(address));
    assert!(matches!(taken, Err(RelayError::Listen { address: at, .. }) if at == address));
    client(&relay).send(b"on its way").unwrap();
    relay.shutdown();
    Relay::start(RelayConfig::new(to).with_listen(address)).unwrap();
}

#[test]
fn a_server_that_is_gone_is_no_failure() {
    let server = socket();
    let to = server.local_addr().unwrap();
    drop(server);
    let relay = Relay::start(RelayConfig::new(to)).unwrap();
    let client = client(&relay);
    for _ in 0..3 {
        client.send(b"anybody?").unwrap();
        assert!(is_silent(&client));
    }
    assert_eq!((relay.stats().failures, relay.stats().paths.len()), (0, 1));
}
