use aiflow_units::{Bytes, Micros};

use super::*;
use crate::error::Code;
use crate::wire::{
    AcceptedPoint, ChannelLevel, CodecId, CutId, ElementType, Epoch, Fallback, Limit, Limits,
    ModelId, Open, Point, PointId, ProfileHash, RateEntry, RateIndex, Reason, Reconf, Replay, Role,
    SconeSupport, Sequence, SessionId, Setup, TensorSchema,
};

const MODEL: ModelId = ModelId([1; 32]);
const PROFILE: ProfileHash = ProfileHash([2; 32]);

fn tensor() -> TensorSchema {
    TensorSchema { element: ElementType::F32, dims: vec![1, 64, 8, 8] }
}

fn point(id: u16) -> Point {
    Point {
        id: PointId(id),
        cut: CutId(3),
        codec: CodecId::AIFLOW,
        profile: Some(PROFILE),
        fallback: Fallback::No,
        layers: 2,
        tensors: vec![tensor()],
        head: Micros::from_millis(4),
        tail: Micros::ZERO,
        rates: vec![RateEntry {
            rate: RateIndex(20),
            base: Bytes::new(400),
            total: Bytes::new(900),
        }],
    }
}

fn open(points: Vec<Point>) -> Open {
    Open {
        session: SessionId(5),
        replay: Replay::Refused,
        model: MODEL,
        tenant: "plant".into(),
        deadline: Micros::from_millis(300),
        period: Micros::from_millis(100),
        points,
    }
}

fn policy() -> Policy {
    let codecs = vec![(CodecId::AIFLOW, Some(PROFILE)), (CodecId::RAW, None)];
    let tail = Micros::from_millis(7);
    let cut = ServedCut { cut: CutId(3), tensors: vec![tensor()], codecs, tail };
    let models = vec![ServedModel { model: MODEL, cuts: vec![cut] }];
    Policy { models, tenants: Tenants::Any }
}

fn agreement() -> Agreement {
    let codecs = vec![CodecId::AIFLOW, CodecId::RAW];
    let setup = Setup { codecs, ..Setup::default() };
    agree(&setup, &setup).expect("both sides are alike")
}

#[test]
fn agreement_takes_the_lesser_of_everything() {
    let limits = Limits::default().with(Limit::Sessions, 3).with(Limit::ProbeInterval, 9000);
    let client = Setup {
        role: Role::Head,
        limits,
        codecs: vec![CodecId::FCM, CodecId::AIFLOW, CodecId::RAW],
        channel_level: ChannelLevel::Probe,
        report_interval: Micros::from_millis(50),
        scone: SconeSupport::Read,
        ..Setup::default()
    };
    let server = Setup {
        role: Role::Tail,
        limits: Limits::default().with(Limit::FramesInFlight, 4),
        codecs: vec![CodecId::RAW, CodecId::AIFLOW],
        channel_level: ChannelLevel::Report,
        report_interval: Micros::from_millis(200),
        ..Setup::default()
    };
    let agreement = agree(&client, &server).expect("they fit together");
    assert_eq!(agreement.codecs, [CodecId::AIFLOW, CodecId::RAW]);
    assert_eq!(agreement.channel_level, ChannelLevel::Report);
    assert_eq!(agreement.report_interval, Micros::from_millis(200));
    assert_eq!(agreement.scone, SconeSupport::Absent);
    let expected = limits.with(Limit::FramesInFlight, 4);
    assert_eq!(agreement.limits, expected);
}

#[test]
fn peers_that_do_not_fit_are_told_why() {
    let tail = Setup { role: Role::Tail, ..Setup::default() };
    let head = Setup { role: Role::Head, ..Setup::default() };
    assert!(agree(&head, &tail).is_ok());
    assert_eq!(agree(&tail, &tail), Err(Code::Unsupported));
    assert_eq!(agree(&head, &head), Err(Code::Unsupported));
    let other = Setup { codecs: vec![CodecId::FCM], ..Setup::default() };
    assert_eq!(agree(&head, &other), Err(Code::CodecUnknown));
}

#[test]
fn served_points_are_chosen_in_the_order_of_the_offer() {
    let fallback = Point { fallback: Fallback::Yes, ..point(1) };
    let raw = Point { codec: CodecId::RAW, profile: None, ..point(4) };
    let unknown = Point { cut: CutId(9), ..point(2) };
    let offer = open(vec![fallback, unknown, point(3), raw]);
    let answer = choose(&offer, &agreement(), &policy()).expect("three points are served");
    let tail = Micros::from_millis(7);
    let expected = [3, 1, 4].map(|id| AcceptedPoint { point: PointId(id), tail });
    assert_eq!(answer.points, expected);
    assert_eq!(answer.active(), Some(PointId(3)));
    assert_eq!(answer.session, SessionId(5));
    let only = open(vec![Point { fallback: Fallback::Yes, ..point(1) }]);
    let answer = choose(&only, &agreement(), &policy()).expect("one point is served");
    assert_eq!(answer.active(), Some(PointId(1)));
}

#[test]
fn every_refusal_has_its_own_code() {
    let refusals = [
        (Point { cut: CutId(9), ..point(1) }, Code::SplitRejected),
        (Point { codec: CodecId::FCM, ..point(1) }, Code::CodecUnknown),
        (Point { profile: Some(ProfileHash([3; 32])), ..point(1) }, Code::ProfileMismatch),
        (Point { profile: None, ..point(1) }, Code::ProfileMismatch),
        (Point { tensors: vec![tensor(), tensor()], ..point(1) }, Code::MalformedTensor),
        (Point { layers: 9, ..point(1) }, Code::ExcessiveLoad),
    ];
    for (point, code) in refusals.clone() {
        assert_eq!(choose(&open(vec![point]), &agreement(), &policy()), Err(code));
    }
    let all = refusals.map(|(point, _)| point).into();
    assert_eq!(choose(&open(all), &agreement(), &policy()), Err(Code::ExcessiveLoad));
    let other = Open { model: ModelId([9; 32]), ..open(vec![point(1)]) };
    assert_eq!(choose(&other, &agreement(), &policy()), Err(Code::ModelUnknown));
    let closed = Policy { tenants: Tenants::Only(vec!["other".into()]), ..policy() };
    assert_eq!(choose(&open(vec![point(1)]), &agreement(), &closed), Err(Code::Unauthorized));
    let small = agree(&Setup { codecs: vec![CodecId::RAW], ..Setup::default() }, &Setup::default());
    let small = small.expect("both know raw tensors");
    assert_eq!(choose(&open(vec![point(1)]), &small, &policy()), Err(Code::CodecUnknown));
}

#[test]
fn a_change_stays_within_the_set() {
    let reconf = |points: &[u16]| Reconf {
        session: SessionId(5),
        epoch: Epoch(1),
        effective: Sequence(10),
        reason: Reason::Channel,
        active: PointId(points[0]),
        points: points.iter().copied().map(PointId).collect(),
    };
    let accepted = [1, 3, 4].map(PointId);
    assert_eq!(judge_reconf(&reconf(&[1, 4]), &accepted), Ok(()));
    assert_eq!(judge_reconf(&reconf(&[1, 2]), &accepted), Err(Code::SplitRejected));
}
