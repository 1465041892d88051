use super::*;

fn at(micros: u64) -> Timestamp {
    Timestamp::from_origin(Micros::new(micros))
}

fn millis(millis: u64) -> Timestamp {
    Timestamp::from_origin(Micros::from_millis(millis))
}

const fn mbit(megabits: u64) -> BitRate {
    BitRate::megabits_per_second(megabits)
}

#[test]
fn one_line_is_one_packet_per_millisecond() {
    let trace = Trace::parse("1").unwrap();
    assert_eq!(trace.period(), Micros::from_millis(1));
    assert_eq!(trace.mean(), mbit(12));
    // As in Mahimahi there is no opportunity at zero, and one at each millisecond.
    assert_eq!(trace.capacity(at(0), at(1000)), Bytes::ZERO);
    assert_eq!(trace.capacity(at(1000), at(1001)), Bytes::new(1500));
    assert_eq!(trace.capacity(at(0), at(1_000_001)), Bytes::new(1_500_000));
}

#[test]
fn opportunities_at_both_ends_of_the_period_add_up() {
    let trace = Trace::parse("0\n4\n10\n10\n").unwrap();
    let counts = [0, 4, 10, 14, 20, 30]
        .map(|time| trace.capacity(millis(time), millis(time).after(Micros::new(1))).get() / 1500);
    assert_eq!(counts, [1, 1, 3, 1, 3, 3]);
    assert_eq!(trace.capacity(millis(0), millis(30)).get() / 1500, 10);
}

#[test]
fn service_and_its_inverse_agree() {
    let drawn = Trace::lte_like(3, Micros::from_secs(2));
    let stepped = Trace::steps(&[
        (Micros::new(700), BitRate::bits_per_second(999_999)),
        (Micros::new(300), BitRate::ZERO),
        (Micros::new(1), mbit(1_000)),
    ]);
    let listed = Trace::parse("0\n0\n3\n7\n7\n");
    for trace in [drawn, stepped.unwrap(), listed.unwrap(), Trace::constant(mbit(7))] {
        let total = trace.before(millis(10_000));
        for part in 1..1000 {
            let work = total * part / 1000;
            let time = trace.time_of(work);
            // Opportunities are offered at their time, rates by the end of a microsecond.
            assert!(trace.before(time.before(Micros::new(1))) < work, "{part}");
            assert!(trace.before(time.after(Micros::new(1))) >= work, "{part}");
        }
    }
}

#[test]
fn rates_hold_until_the_next_line() {
    let trace = Trace::parse("# a ride\n10.0\t2.5\n\n10.5 0\r\n11.250000999 1.25\n").unwrap();
    assert_eq!(trace.period(), Micros::from_millis(2000));
    let rates = [0, 499, 500, 1249, 1250, 1999, 2000].map(|time| trace.rate_at(millis(time)).get());
    assert_eq!(rates, [2_500_000, 2_500_000, 0, 0, 1_250_000, 1_250_000, 2_500_000]);
    assert_eq!(trace.capacity(millis(0), millis(1250)), Bytes::new(156_250));
    assert_eq!(trace.capacity(millis(1250), millis(0)), Bytes::ZERO);
}

#[test]
fn one_line_of_rates_is_constant() {
    let trace = Trace::parse("0 8").unwrap();
    assert_eq!((trace.period(), trace.mean()), (Micros::from_secs(1), mbit(8)));
    assert_eq!(trace.capacity(at(0), at(3_000_001)), Bytes::new(3_000_001));
}

#[test]
fn faults_are_named_with_their_line() {
    let refused = |text: &str| Trace::parse(text).unwrap_err();
    assert_eq!(refused(""), TraceError::Empty);
    assert_eq!(refused(" \n# nothing\n"), TraceError::Empty);
    assert_eq!(refused("1\n2\n1\n"), TraceError::Order { line: 3 });
    assert_eq!(refused("#\n1\n\nx\n"), TraceError::Number { line: 4 });
    assert_eq!(refused("1\n-2\n"), TraceError::Number { line: 2 });
    assert_eq!(refused("1\n2.5\n"), TraceError::Number { line: 2 });
    assert_eq!(refused("0\n0\n"), TraceError::NoPeriod);
    assert_eq!(refused("1\n99999999999999999999\n"), TraceError::OutOfRange { line: 2 });
    assert_eq!(refused("604800001\n"), TraceError::OutOfRange { line: 1 });
    assert_eq!(refused("1\n2 3\n"), TraceError::Columns { line: 2, expected: 1, found: 2 });
    assert_eq!(refused("1 2 3\n"), TraceError::Columns { line: 1, expected: 2, found: 3 });
    assert_eq!(refused("0 1\n0 2\n"), TraceError::Order { line: 2 });
    assert_eq!(refused("0 1e3\n"), TraceError::Number { line: 1 });
    assert_eq!(refused("0 .5\n"), TraceError::Number { line: 1 });
    assert_eq!(refused("0 1000001\n"), TraceError::OutOfRange { line: 1 });
    assert_eq!(refused("0 0\n1 0\n"), TraceError::NoCapacity);
}

#[test]
fn steps_are_checked() {
    let second = Micros::from_secs(1);
    assert_eq!(Trace::steps(&[]), Err(TraceError::Empty));
    assert_eq!(Trace::steps(&[(second, BitRate::ZERO)]), Err(TraceError::NoCapacity));
    let empty = [(second, mbit(1)), (Micros::ZERO, mbit(1))];
    assert_eq!(Trace::steps(&empty), Err(TraceError::OutOfRange { line: 2 }));
    assert_eq!(Trace::steps(&[(Micros::MAX, mbit(1))]), Err(TraceError::OutOfRange { line: 1 }));
    let fast = [(second, BitRate::bits_per_second(u64::MAX))];
    assert_eq!(Trace::steps(&fast), Err(TraceError::OutOfRange { line: 1 }));
}

#[test]
fn a_dead_channel_never_offers_anything() {
    let trace = Trace::constant(BitRate::ZERO);
    assert_eq!(trace.capacity(Timestamp::ORIGIN, Timestamp::MAX), Bytes::ZERO);
    assert_eq!(trace.time_of(1), Timestamp::MAX);
}

#[test]
fn the_end_of_time_does_not_overflow() {
    let fast = Trace::constant(BitRate::bits_per_second(u64::MAX));
    assert_eq!(fast.capacity(Timestamp::ORIGIN, Timestamp::MAX), Bytes::MAX);
    let slow = Trace::parse("604800000").unwrap();
    assert_eq!(slow.time_of(Work::MAX), Timestamp::MAX);
}

#[test]
fn drawn_traces_depend_on_the_seed_alone() {
    let trace = |seed| Trace::lte_like(seed, Micros::from_secs(5));
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
    assert_eq!(Trace::lte_like(1, Micros::ZERO).period(), Micros::from_secs(1));
    assert_eq!(Trace::lte_like(1, Micros::from_millis(1500)).period(), Micros::from_secs(2));
}

#[test]
fn messages_say_where_and_what_to_do() {
    let messages = [
        TraceError::Empty,
        TraceError::TooLong,
        TraceError::Columns { line: 3, expected: 1, found: 2 },
        TraceError::Number { line: 3 },
        TraceError::Order { line: 3 },
        TraceError::OutOfRange { line: 3 },
        TraceError::NoPeriod,
        TraceError::NoCapacity,
    ];
    let expected = [
        "the trace is empty: give at least one line",
        "the trace has more than 4194304 lines: cut it",
        "line 3 of the trace has 2 columns where 1 is expected: give the same in each line",
        "line 3 of the trace has something that is not a plain decimal number: write 12 or 0.5",
        "line 3 of the trace goes back in time: sort the lines",
        "line 3 of the trace is out of range: times end at 604800.00 s, rates at 1000.0 Gbit/s, \
         and steps last at least 1 µs",
        "the trace ends at time zero: its last timestamp is its period and must be later",
        "the trace carries nothing: give at least one rate above zero",
    ];
    assert_eq!(messages.map(|message| message.to_string()), expected);
}
