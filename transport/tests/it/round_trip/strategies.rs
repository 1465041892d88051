//! Any value that may be sent.

use aiflow_transport::error::Code;
use aiflow_transport::wire::*;
use aiflow_units::{BitRate, Bytes, Micros};
use bytes::Bytes as Buffer;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// An integer of any width.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..64_u64, 0..0x4000_u64, 0..0x4000_0000_u64, 0..=MAX_VARINT]
}

fn micros() -> impl Strategy<Value = Micros> {
    number().prop_map(Micros::new)
}

fn millis() -> impl Strategy<Value = Micros> {
    number().prop_map(|millis| Micros::from_millis(millis % (MAX_VARINT / 1000)))
}

fn rate() -> impl Strategy<Value = BitRate> {
    number().prop_map(|rate| BitRate::kilobits_per_second(rate % (MAX_VARINT / 1000)))
}

fn session() -> impl Strategy<Value = SessionId> {
    number().prop_map(SessionId)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    number().prop_map(Epoch)
}

fn sequence() -> impl Strategy<Value = Sequence> {
    number().prop_map(Sequence)
}

fn code() -> impl Strategy<Value = Code> {
    select(Code::ALL.to_vec())
}

fn text(most: usize) -> impl Strategy<Value = String> {
    vec(prop_oneof![prop::char::range(' ', '~'), Just('ä'), Just('層')], 0..most / 3)
        .prop_map(|chars| chars.into_iter().collect())
}

fn buffer(most: usize) -> impl Strategy<Value = Buffer> {
    vec(any::<u8>(), 1..=most).prop_map(Buffer::from)
}

fn values() -> impl Strategy<Value = Values> {
    btree_map(number(), number(), 0..MAX_VALUES).prop_map(|pairs| {
        pairs.into_iter().fold(Values::new(), |values, (number, value)| values.with(number, value))
    })
}

fn token() -> impl Strategy<Value = Token> {
    let kind = select(vec![TokenKind::Opaque, TokenKind::Jwt, TokenKind::Cwt]);
    (kind, buffer(300)).prop_map(|(kind, bytes)| Token { kind, bytes })
}

fn model() -> impl Strategy<Value = ModelId> {
    any::<[u8; 32]>().prop_map(ModelId)
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<[u64; Limit::ALL.len()]>().prop_map(|noise| {
        Limit::ALL.into_iter().zip(noise).fold(Limits::default(), |limits, (limit, noise)| {
            limits.with(limit, limit.least() + noise % (limit.most() - limit.least() + 1))
        })
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    let role = select(vec![Role::Head, Role::Tail, Role::Both]);
    let level = select(vec![ChannelLevel::None, ChannelLevel::Report, ChannelLevel::Probe]);
    let codecs = btree_set(number(), 0..10);
    let dynamic = option::of((millis(), values()));
    let scone = select(vec![SconeSupport::Absent, SconeSupport::Read]);
    let first = (role, limits(), codecs, level, 50..=1000_u64);
    (first, values(), dynamic, option::of(token()), text(MAX_IMPLEMENTATION), scone).prop_map(
        |((role, limits, codecs, channel_level, interval), fixed, dynamic, token, name, scone)| {
            Setup {
                role,
                limits,
                codecs: codecs.into_iter().map(CodecId).collect(),
                channel_level,
                report_interval: Micros::from_millis(interval),
                static_capabilities: fixed,
                dynamic_capabilities: dynamic
                    .map(|(validity, values)| DynamicCapabilities { validity, values }),
                token,
                implementation: name,
                scone,
                grease: None,
            }
        },
    )
}

fn reconf() -> impl Strategy<Value = Reconf> {
    let points = btree_set(any::<u16>(), 1..20);
    let reason = (0..6_u64).prop_map(Reason::from_number);
    (session(), epoch(), sequence(), reason, points, any::<prop::sample::Index>()).prop_map(
        |(session, epoch, effective, reason, points, active)| {
            let points: Vec<PointId> = points.into_iter().map(PointId).collect();
            Reconf { session, epoch, effective, reason, active: *active.get(&points), points }
        },
    )
}

fn cancel() -> impl Strategy<Value = Cancel> {
    let ranges = vec((0..1_000_000_u64, 0..1_000_000_u64), 1..=MAX_RANGES);
    (session(), code(), ranges).prop_map(|(session, code, pairs)| {
        let mut next = 0;
        let range = |(gap, more): (u64, u64)| {
            let first = next + gap;
            next = first + more + 2;
            SequenceRange { first: Sequence(first), last: Sequence(first + more) }
        };
        Cancel { session, code, ranges: pairs.into_iter().map(range).collect() }
    })
}

fn channel_report() -> impl Strategy<Value = ChannelReport> {
    let share = || (0..=10_000_u16).prop_map(Permyriad::new);
    let all =
        [ReportFlags::APP_LIMITED, ReportFlags::PROBING, ReportFlags::STALE, ReportFlags::PHY];
    let flags = prop::sample::subsequence(all.to_vec(), 0..=4)
        .prop_map(|set| set.into_iter().fold(ReportFlags::NONE, ReportFlags::and));
    let rates = (rate(), rate(), rate(), rate());
    let times = (micros(), micros(), micros(), micros());
    (sequence(), millis(), rates, times, (share(), share()), 0..1_u64 << 50, flags, millis())
        .prop_map(|(sequence, interval, rates, times, shares, kib, flags, age)| ChannelReport {
            sequence,
            interval,
            rate_p50: rates.0,
            rate_p10: rates.1,
            delivery_rate: rates.2,
            min_rtt: times.0,
            srtt: times.1,
            rttvar: times.2,
            loss: shares.0,
            marked: shares.1,
            queue_delay: times.3,
            backlog: Bytes::from_kib(kib),
            flags,
            advice: rates.3,
            age,
        })
}

fn frame_report() -> impl Strategy<Value = FrameReport> {
    let times = (micros(), micros(), micros(), micros(), micros());
    (session(), sequence(), any::<u8>(), times, code()).prop_map(
        |(session, sequence, layers, times, status)| FrameReport {
            session,
            sequence,
            layers,
            since_previous: times.0,
            transfer: times.1,
            wait: times.2,
            decode: times.3,
            infer: times.4,
            status,
        },
    )
}

pub(super) fn control() -> impl Strategy<Value = ControlMessage> {
    let early = select(vec![EarlyFrames::Refused, EarlyFrames::Allowed]);
    let ticket = (session(), millis(), early, buffer(MAX_TICKET))
        .prop_map(|(session, lifetime, early, ticket)| Ticket { session, lifetime, early, ticket });
    let goaway = (number(), millis(), text(MAX_REDIRECT))
        .prop_map(|(requests, drain, redirect)| Goaway { requests, drain, redirect });
    let accept = (session(), epoch()).prop_map(|(session, epoch)| Accept { session, epoch });
    let reject = (session(), epoch(), code()).prop_map(|(session, epoch, code)| Reject {
        session,
        epoch,
        code,
    });
    let retire = (session(), epoch(), sequence()).prop_map(|(session, epoch, last)| Retire {
        session,
        epoch,
        last,
    });
    prop_oneof![
        setup().prop_map(ControlMessage::Setup),
        reconf().prop_map(ControlMessage::Reconf),
        accept.prop_map(ControlMessage::Accept),
        reject.prop_map(ControlMessage::Reject),
        retire.prop_map(ControlMessage::Retire),
        goaway.prop_map(ControlMessage::Goaway),
        cancel().prop_map(ControlMessage::Cancel),
        ticket.prop_map(ControlMessage::Ticket),
        token().prop_map(|token| ControlMessage::Auth(Auth { token })),
        channel_report().prop_map(ControlMessage::ChannelReport),
        frame_report().prop_map(ControlMessage::FrameReport),
    ]
}

fn tensor() -> impl Strategy<Value = TensorSchema> {
    let element = select(ElementType::ALL.to_vec());
    let dims = prop_oneof![vec(0..32_u32, 0..=MAX_DIMENSIONS), vec(0..1_u32 << 20, 0..=2)];
    (element, dims).prop_map(|(element, dims)| TensorSchema { element, dims })
}

fn point(id: u16) -> impl Strategy<Value = Point> {
    let profile = option::of(any::<[u8; 32]>().prop_map(ProfileHash));
    let fallback = select(vec![Fallback::No, Fallback::Yes]);
    let rates = btree_map(any::<u8>(), (0..1_u64 << 40, 0..1_u64 << 40), 1..=20);
    let what = (any::<u32>(), number(), profile, fallback, 1..=8_u8);
    (what, vec(tensor(), 1..=MAX_TENSORS), micros(), micros(), rates).prop_map(
        move |((cut, codec, profile, fallback, layers), tensors, head, tail, rates)| {
            let entry = |(rate, (base, more)): (u8, (u64, u64))| RateEntry {
                rate: RateIndex(rate),
                base: Bytes::new(base),
                total: Bytes::new(base + if layers > 1 { more } else { 0 }),
            };
            let rates = rates.into_iter().map(entry).collect();
            let (id, cut, codec) = (PointId(id), CutId(cut), CodecId(codec));
            Point { id, cut, codec, profile, fallback, layers, tensors, head, tail, rates }
        },
    )
}

fn open() -> impl Strategy<Value = Open> {
    let replay = select(vec![Replay::Refused, Replay::Harmless]);
    let ids = btree_set(any::<u16>(), 1..8);
    let points = ids.prop_flat_map(|ids| ids.into_iter().map(point).collect::<Vec<_>>());
    (session(), replay, model(), text(MAX_TENANT), millis(), micros(), points).prop_map(
        |(session, replay, model, tenant, deadline, period, points)| Open {
            session,
            replay,
            model,
            tenant,
            deadline,
            period,
            points,
        },
    )
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let resume = (session(), epoch(), sequence(), buffer(MAX_TICKET))
        .prop_map(|(session, epoch, next, ticket)| Resume { session, epoch, next, ticket });
    prop_oneof![
        Just(Request::Health(Health::Live)),
        Just(Request::Health(Health::Ready)),
        model().prop_map(|model| Request::Health(Health::Model(model))),
        Just(Request::Metadata(Metadata::Server)),
        model().prop_map(|model| Request::Metadata(Metadata::Model(model))),
        open().prop_map(Request::Open),
        resume.prop_map(Request::Resume),
        Just(Request::Stats(Stats::Server)),
        session().prop_map(|session| Request::Stats(Stats::Session(session))),
    ]
}

fn metadata() -> impl Strategy<Value = MetadataAnswer> {
    let names = || vec(text(MAX_NAME), 0..5);
    let info =
        || {
            let element = select(ElementType::ALL.to_vec());
            let dims = vec(option::of(any::<u32>()), 0..=MAX_DIMENSIONS);
            let tensor = (text(MAX_NAME), element, dims)
                .prop_map(|(name, element, dims)| TensorInfo { name, element, dims });
            vec(tensor, 0..5)
        };
    let server = (text(MAX_NAME), text(MAX_NAME), names(), vec(model(), 0..5)).prop_map(
        |(name, version, extensions, models)| {
            MetadataAnswer::Server(ServerMetadata { name, version, extensions, models })
        },
    );
    let described = (model(), text(MAX_NAME), names(), text(MAX_NAME), info(), info()).prop_map(
        |(model, name, versions, platform, inputs, outputs)| {
            let described = ModelMetadata { model, name, versions, platform, inputs, outputs };
            MetadataAnswer::Model(described)
        },
    );
    prop_oneof![server, described]
}

pub(super) fn answer() -> impl Strategy<Value = Answer> {
    let point = any::<u16>().prop_map(PointId);
    let points = btree_map(any::<u16>(), micros(), 1..20).prop_map(|points| {
        let accepted = |(point, tail)| AcceptedPoint { point: PointId(point), tail };
        points.into_iter().map(accepted).rev().collect()
    });
    let open = (session(), points).prop_map(|(session, points)| OpenAnswer { session, points });
    let resume =
        (session(), epoch(), point, sequence()).prop_map(|(session, epoch, active, answered)| {
            Answer::Resume(ResumeAnswer { session, epoch, active, answered })
        });
    let refusal = (select(Code::ALL[1..].to_vec()), millis(), text(MAX_REASON))
        .prop_map(|(code, retry_after, reason)| Refusal { code, retry_after, reason });
    prop_oneof![
        select(vec![HealthAnswer::No, HealthAnswer::Yes]).prop_map(Answer::Health),
        metadata().prop_map(Answer::Metadata),
        open.prop_map(Answer::Open),
        resume,
        values().prop_map(|values| Answer::Stats(StatsAnswer { values })),
        refusal.prop_map(Answer::Refusal),
    ]
}

pub(super) fn probe() -> impl Strategy<Value = Probe> {
    (1..1_u64 << 50, 1..=MAX_VARINT, 1..=1000_u64).prop_map(|(rate, cap, duration)| Probe {
        target: BitRate::kilobits_per_second(rate),
        cap: Bytes::new(cap),
        duration: Micros::from_millis(duration),
    })
}

pub(super) fn frame() -> impl Strategy<Value = FrameHeader> {
    let all = [FrameFlags::FINAL, FrameFlags::DEPENDS, FrameFlags::TRUNCATABLE, FrameFlags::AGAIN];
    let flags = prop::sample::subsequence(all.to_vec(), 0..=4)
        .prop_map(|set| set.into_iter().fold(FrameFlags::NONE, FrameFlags::and));
    let names = (session(), epoch(), sequence(), any::<u16>(), any::<u8>());
    let length = 0..=Limit::FrameBytes.default_value();
    (names, 0..8_u8, 0..8_u8, millis(), micros(), flags, length).prop_map(
        |((session, epoch, sequence, point, rate), a, b, deadline, age, flags, length)| {
            FrameHeader {
                session,
                epoch,
                sequence,
                layer: LayerIndex(a.min(b)),
                layers: a.max(b) + 1,
                point: PointId(point),
                rate: RateIndex(rate),
                deadline,
                age,
                flags,
                length: Bytes::new(length),
            }
        },
    )
}

pub(super) fn result() -> impl Strategy<Value = ResultHeader> {
    let all = [ResultFlags::EARLY_EXIT, ResultFlags::PROVISIONAL];
    let flags = prop::sample::subsequence(all.to_vec(), 0..=2)
        .prop_map(|set| set.into_iter().fold(ResultFlags::NONE, ResultFlags::and));
    let times = (micros(), micros(), micros());
    let length = 0..=Limit::FrameBytes.default_value();
    (session(), epoch(), sequence(), code(), flags, any::<u8>(), times, length).prop_map(
        |(session, epoch, sequence, status, flags, layers, times, length)| ResultHeader {
            session,
            epoch,
            sequence,
            status,
            flags,
            layers,
            wait: times.0,
            decode: times.1,
            infer: times.2,
            length: Bytes::new(length),
        },
    )
}
