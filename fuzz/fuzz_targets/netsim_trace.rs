//! Traces: any text, and packets through those that parse.
#![no_main]

use std::sync::Arc;

use aiflow_netsim::{Link, LinkConfig, Packet, Rate, Trace, TraceError};
use aiflow_units::{Bytes, Micros, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let trace = match Trace::parse(&text) {
        Ok(trace) => trace,
        Err(
            TraceError::Columns { line, .. }
            | TraceError::Number { line }
            | TraceError::Order { line }
            | TraceError::OutOfRange { line },
        ) => return assert!(line >= 1 && line <= text.lines().count()),
        Err(_) => return,
    };
    let period = trace.period().get();
    assert!(period > 0);
    let at = |micros| Timestamp::from_origin(Micros::new(micros));
    let one = trace.capacity(at(1), at(period + 1)).get();
    let three = trace.capacity(at(1), at(3 * period + 1)).get();
    assert!((3 * one..3 * one + 3).contains(&three), "{one} {three}");
    let middle = period / 3 + 1;
    let parts =
        trace.capacity(at(1), at(middle)).get() + trace.capacity(at(middle), at(period + 1)).get();
    assert!(one - parts <= 1);
    let _ = (trace.mean(), trace.rate_at(at(middle)));

    let mut link = Link::new(LinkConfig::new().with_rate(Rate::Trace(Arc::new(trace))));
    for number in 0..8_u64 {
        link.send(at(number * middle / 4), Packet::new(number, Bytes::new(1 + number * 300)));
    }
    let (mut expected, mut served) = (0, Bytes::ZERO);
    while let Some(now) = link.next_event() {
        let packet = link.poll_delivery(now).expect("nothing is lost");
        assert_eq!(packet.payload, expected);
        expected += 1;
        served = served.saturating_add(packet.size);
        assert!(link.capacity(at(0), now.after(Micros::new(1))) >= served);
    }
    assert_eq!(link.stats().delivered.packets + link.stats().queued.packets, 8);
});
