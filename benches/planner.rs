//! Criterion benches of planning: how long one decision takes.
#![allow(missing_docs, reason = "criterion's macros define undocumented items")]

use std::hint::black_box;

use aiflow_runtime::bundle::{
    CodingEffort, FeatureCoding, FrameRate, OperatingPoint, Payload, PlanSheet, TaskLoss,
};
use aiflow_runtime::cut::CutId;
use aiflow_runtime::planner::{
    Confidence, Goal, LinkEstimate, LossMeasure, Situation, Spread, SwitchRules, Switcher, Table,
    Terms, Tier, TierCosts, Wish, choose, explain,
};
use aiflow_units::{BitRate, Micros, Timestamp};
use criterion::{Criterion, criterion_group, criterion_main};

/// A model with evenly spaced cuts and points.
struct Model {
    table: Table,
    costs: TierCosts,
}

impl Model {
    fn new(cuts: u16, per_cut: u8) -> Self {
        let ids: Vec<CutId> = (1..=cuts).map(CutId::listed).collect();
        let mut points = Vec::new();
        for (place, &cut) in ids.iter().enumerate() {
            for number in 0..per_cut {
                let effort = if number < 64 { CodingEffort::High } else { CodingEffort::Fast };
                let coding = FeatureCoding::Learned {
                    rate_index: number % 64,
                    effort,
                    rate: FrameRate::Fixed,
                };
                let bytes = 8000.0 / (1.0 + place as f64) * 0.97_f64.powi(number.into());
                points.push(OperatingPoint {
                    payload: Payload::Feature { cut, coding },
                    bytes_mean: bytes,
                    bytes_p95: 1.3 * bytes,
                    loss: TaskLoss { kl: 1e-3 * f64::from(number), ..TaskLoss::default() },
                });
            }
        }
        let data = String::new();
        let sheet = PlanSheet { data, samples: 1, confidence: 0.95, top1: None, points };
        let table = Table::new(&sheet, &ids, LossMeasure::Divergence).expect("points of its cuts");
        let part = |from: f64, to: f64| Spread { typical: 900.0 * (to - from), deviation: 20.0 };
        let costs = TierCosts::from_parts(
            &table,
            |from, to| (from <= to).then(|| part(from.index() as f64, to.index() as f64)),
            |_| Some(Spread::exactly(60.0)),
            |_| Some(Spread::exactly(80.0)),
        );
        Self { table, costs }
    }

    fn run(&self, tiers: usize, goal: Goal, mut work: impl FnMut(&Situation<'_>)) {
        let device = Tier::new(&self.costs).with_slowdown(10.0);
        let all = [device, Tier::new(&self.costs).with_slowdown(2.0), Tier::new(&self.costs)];
        let link = LinkEstimate::steady(BitRate::megabits_per_second(2), Micros::from_millis(20));
        let links = [link; 2];
        work(&Situation {
            table: &self.table,
            tiers: &all[..tiers],
            links: &links[..tiers - 1],
            wish: Wish { most_loss: 0.05, goal },
            terms: Terms::default(),
        });
    }
}

fn decisions(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    let deadline =
        Goal::Deadline { deadline: Micros::from_millis(60), confidence: Confidence::new(0.95) };
    let thousand = Model::new(20, 50);
    for (name, goal) in [("least time", Goal::LeastTime), ("deadline", deadline)] {
        thousand.run(2, goal, |situation| {
            let plans = explain(situation, 0).looked_at;
            group.bench_function(format!("2 tiers, {plans} plans, {name}"), |b| {
                b.iter(|| choose(black_box(situation), None));
            });
        });
    }
    for per_cut in [5, 10] {
        let model = Model::new(10, per_cut);
        model.run(3, Goal::LeastTime, |situation| {
            let plans = explain(situation, 0).looked_at;
            let points = situation.table.points().len();
            group.bench_function(format!("3 tiers, {points} points, {plans} plans"), |b| {
                b.iter(|| choose(black_box(situation), None));
            });
        });
    }
    thousand.run(2, Goal::LeastTime, |situation| {
        let mut switcher = Switcher::new(SwitchRules::default());
        let mut now = Timestamp::ORIGIN;
        group.bench_function("switcher, 2 tiers, 1,000 points", |b| {
            b.iter(|| {
                now = now.after(Micros::from_millis(100));
                switcher.decide(black_box(situation), now)
            });
        });
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
