//! Reports, outages, padding and budgets.

use aiflow_netsim::{LinkConfig, Rate};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::pair::{Pair, Setting};
use crate::channel::Flags;
use crate::wire::{ChannelLevel, ChannelReport, Probe, SessionId};
use crate::{CallError, Config, Event};

/// Sends ten frames a second and answers them.
fn flow(pair: &mut Pair, session: SessionId, seconds: u64, size: usize) {
    for _ in 0..seconds * 10 {
        let deadline = pair.now.after(Micros::from_millis(300));
        let frame = super::pair::frame(&[size], deadline);
        // Without room the frame is left out, as an application would.
        let _ = pair.client.core.send(session, frame, pair.now);
        let end = pair.now.after(Micros::from_millis(100));
        while pair.step(end) {
            let others =
                pair.server.events.extract_if(.., |(_, event)| !matches!(event, Event::Layer(_)));
            let others: Vec<_> = others.collect();
            pair.reply_all();
            pair.server.events.extend(others);
        }
    }
}

fn reports(events: &[(Timestamp, Event)]) -> Vec<(Timestamp, ChannelReport)> {
    let reports = events.iter().filter_map(|(at, event)| match event {
        Event::Report(report) => Some((*at, *report)),
        _ => None,
    });
    reports.collect()
}

#[test]
fn reports_come_every_interval_while_data_flows_and_never_when_idle() {
    let (mut pair, session) = Pair::open(Setting::default());
    flow(&mut pair, session, 5, 20_000);
    let both = [reports(&pair.server.events), reports(&pair.client.events)];
    for reports in &both {
        assert!((45..=52).contains(&reports.len()), "{} reports in 5 s", reports.len());
        let numbers = reports.iter().map(|(_, report)| report.sequence.0);
        assert!(numbers.eq(0..reports.len() as u64));
        let spaced = |pair: &[(Timestamp, ChannelReport)]| {
            pair[1].0.since(pair[0].0) > Micros::from_millis(80)
        };
        assert!(reports.windows(2).all(spaced));
    }
    let (_, last) = both[0].last().expect("there are reports");
    assert!(last.min_rtt >= Micros::from_millis(40) && last.rate_p50 > BitRate::ZERO, "{last:?}");
    pair.server.events.clear();
    pair.client.events.clear();
    pair.run(Micros::from_secs(10));
    let idle = reports(&pair.server.events).len() + reports(&pair.client.events).len();
    assert!(idle <= 4, "{idle} reports while idle");
}

#[test]
fn the_interval_is_the_longer_one_and_level_zero_has_none() {
    let server = Config::default().with_report_interval(Micros::from_millis(500));
    let (mut pair, session) = Pair::open(Setting { server, ..Setting::default() });
    flow(&mut pair, session, 5, 5_000);
    let count = reports(&pair.server.events).len();
    assert!((9..=12).contains(&count), "{count} reports in 5 s");
    let server = Config::default().with_channel_level(ChannelLevel::None);
    let (mut pair, session) = Pair::open(Setting { server, ..Setting::default() });
    flow(&mut pair, session, 2, 5_000);
    assert_eq!(reports(&pair.server.events), []);
    let frames = |event: &Event| matches!(event, Event::FrameReport(_));
    assert!(!pair.client.events.iter().any(|(_, event)| frames(event)));
}

#[test]
fn the_server_reports_how_frames_arrived() {
    let (mut pair, session) = Pair::open(Setting::default());
    flow(&mut pair, session, 3, 25_000);
    let reports: Vec<_> = pair
        .client
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::FrameReport(report) => Some(*report),
            _ => None,
        })
        .collect();
    assert!((10..=31).contains(&reports.len()), "{} reports", reports.len());
    for report in &reports[1..] {
        assert_eq!(report.layers, 1);
        // 25 kB take 10 ms at 20 Mbit/s.
        assert!((8_000..14_000).contains(&report.transfer.get()), "{report:?}");
        assert!(report.since_previous >= Micros::from_millis(90), "{report:?}");
    }
}

#[test]
fn silence_is_an_outage_until_the_peer_is_heard() {
    let from = Timestamp::from_origin(Micros::from_secs(4));
    let mut setting = Setting::default();
    setting.up = setting.up.with_outage(from, from.after(Micros::from_secs(2)));
    let (mut pair, session) = Pair::open(setting);
    flow(&mut pair, session, 8, 10_000);
    let began: Vec<_> = pair
        .client
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::OutageBegan { .. } | Event::OutageEnded { .. }))
        .collect();
    let [(begin, Event::OutageBegan { since }), (end, Event::OutageEnded { lasted })] = began[..]
    else {
        panic!("one outage: {began:?}");
    };
    let silence = begin.since(*since);
    assert!((500..700).contains(&(silence.get() / 1000)), "noticed after {silence}");
    assert!(*end > from.after(Micros::from_secs(2)) && *lasted > Micros::from_millis(1_500));
    assert!(!pair.client.core.is_out());
    assert_eq!(pair.client.core.stats().outages, 1);
}

#[test]
fn an_idle_connection_is_no_outage() {
    let (mut pair, session) = Pair::open(Setting::default());
    flow(&mut pair, session, 1, 1_000);
    pair.run(Micros::from_secs(20));
    flow(&mut pair, session, 1, 1_000);
    assert_eq!(pair.client.core.stats().outages + pair.server.core.stats().outages, 0);
}

fn probe() -> Probe {
    let target = BitRate::megabits_per_second(100);
    Probe { target, cap: Bytes::from_mib(10), duration: Micros::from_secs(1) }
}

#[test]
fn padding_keeps_to_its_caps() {
    let (mut pair, session) = Pair::open(Setting::default());
    flow(&mut pair, session, 10, 25_000);
    let now = pair.now;
    let before = pair.client.core.stats();
    assert_eq!(pair.client.core.pad(probe(), now), Ok(()));
    assert!(pair.client.core.estimate(now).flags.contains(Flags::PROBING));
    assert_eq!(pair.client.core.pad(probe(), now), Err(CallError::TooSoon("pad")));
    flow(&mut pair, session, 2, 25_000);
    assert!(!pair.client.core.is_padding());
    let after = pair.client.core.stats();
    // 2.5 MB went before: 5 % of that.
    let padding = after.padding_bytes.get();
    assert!((60_000..=130_000).contains(&padding), "{padding} bytes of padding");
    assert_eq!(before.deadlines, after.deadlines, "frames go first");
    let now = pair.now;
    assert_eq!(pair.client.core.pad(probe(), now), Err(CallError::TooSoon("pad")));
    pair.run(Micros::from_secs(4));
    let now = pair.now;
    assert_eq!(pair.client.core.pad(probe(), now), Ok(()));
    pair.run(Micros::from_secs(1));
    let total = pair.client.core.stats();
    let share = total.padding_bytes.get() * 20;
    let bytes = total.frame_bytes.get() + total.other_bytes.get();
    assert!(share <= bytes + 20 * 1_000, "{share} of {bytes}");
}

#[test]
fn the_peer_pads_on_request_and_not_too_often() {
    let (mut pair, _) = Pair::open(Setting::default());
    let now = pair.now;
    assert_eq!(pair.client.core.probe(probe(), now), Ok(()));
    assert_eq!(pair.client.core.probe(probe(), now), Err(CallError::TooSoon("probe")));
    pair.run(Micros::from_secs(2));
    let padding = pair.server.core.stats().padding_bytes.get();
    // Nothing is known of the rate: twice 256 kbit/s for a second, and 64 KiB at most.
    assert!((50_000..=65_536).contains(&padding), "{padding} bytes of padding");
    let none = Config::default().with_channel_level(ChannelLevel::Report);
    let (mut pair, _) = Pair::open(Setting { server: none, ..Setting::default() });
    let now = pair.now;
    let refused = pair.client.core.probe(probe(), now);
    assert!(matches!(refused, Err(CallError::NotNegotiated(_))));
}

#[test]
fn budgets_follow_the_link_and_fall_after_a_migration() {
    let link = LinkConfig::new()
        .with_rate(Rate::Constant(BitRate::megabits_per_second(4)))
        .with_delay(Micros::from_millis(20));
    let setting = Setting { up: link, window: Bytes::from_kib(40), ..Setting::default() };
    let (mut pair, session) = Pair::open(setting);
    flow(&mut pair, session, 5, 60_000);
    pair.run(Micros::from_millis(400));
    let deadline = pair.now.after(Micros::from_millis(300));
    let now = pair.now;
    let budget = pair.client.core.budget(session, deadline, now).expect("the session is open");
    // 100 ms of 4 Mbit/s are 50 kB.
    let total = budget.total.get();
    assert!((35_000..65_000).contains(&total), "{total} bytes for a frame");
    assert!(budget.base <= budget.total);
    pair.client.core.handle_migrated(now);
    assert!(pair.client.core.estimate(now).flags.contains(Flags::STALE));
    let stale = pair.client.core.budget(session, deadline, now).expect("the session is open");
    assert_eq!(stale.base, stale.total, "bases only");
    assert_eq!(pair.client.core.budget(SessionId(9), deadline, now), None);
}
