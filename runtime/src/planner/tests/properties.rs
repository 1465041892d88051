//! What must hold for every plan, whatever the numbers.

use aiflow_units::{BitRate, Micros};

use super::instance::{Instance, Random};
use crate::planner::*;

const PROBLEMS: u64 = 3_000;

fn choice(instance: &Instance) -> Choice {
    let owned = instance.owned();
    let tiers = owned.tiers();
    choose(&owned.situation(&tiers), None)
}

/// Checks that a change that can only help never makes the chosen plan cost more.
fn helps(name: &str, change: impl Fn(&mut Instance, &mut Random)) {
    let mut differs = 0;
    for seed in 0..PROBLEMS {
        let mut instance = Instance::random(seed, 2 + (seed % 2) as usize);
        instance.wish.goal = Goal::LeastTime;
        let before = choice(&instance).best;
        change(&mut instance, &mut Random::new(seed));
        let after = choice(&instance).best;
        assert!(after.cost <= before.cost + 1e-6, "{name}, seed {seed}: {before:?} {after:?}");
        differs += usize::from(after.cost < before.cost);
    }
    assert!(differs > PROBLEMS as usize / 40, "{name} changed {differs} plans");
}

#[test]
fn more_of_anything_never_costs_more() {
    helps("bandwidth", |instance, random| {
        let hop = random.below(instance.links.len());
        let link = &mut instance.links[hop];
        let more = |rate: BitRate, factor: f64| {
            BitRate::bits_per_second((rate.get() as f64 * factor) as u64)
        };
        let factor = random.between(1.0, 20.0);
        link.rate_p50 = more(link.rate_p50, factor);
        link.rate_p10 = more(link.rate_p10, factor);
    });
    helps("round trip", |instance, random| {
        let hop = random.below(instance.links.len());
        let rtt = instance.links[hop].rtt.get() as f64 * random.share();
        instance.links[hop].rtt = Micros::new(rtt as u64);
        // A shorter round trip also makes an estimate old sooner.
        instance.links[hop].age = Micros::ZERO;
    });
    helps("queue", |instance, _| instance.links[0].queue = Micros::ZERO);
    helps("trust", |instance, _| instance.links[0].error = 0.0);
    helps("wait", |instance, _| instance.tiers[1].wait = 0);
    helps("speed", |instance, random| {
        let tier = random.below(instance.tiers.len());
        instance.tiers[tier].slowdown *= random.share();
    });
    helps("budget", |instance, random| instance.wish.most_loss *= 1.0 + 3.0 * random.share());
    helps("pieces", |instance, _| instance.terms.pieces += 4);
}

#[test]
fn a_later_deadline_never_costs_accuracy() {
    let mut differs = 0;
    for seed in 0..PROBLEMS {
        let mut instance = Instance::random(seed, 3);
        let Goal::Deadline { deadline, confidence } = instance.wish.goal else { continue };
        let before = choice(&instance).best;
        let later = Micros::new(deadline.get() * 3);
        instance.wish.goal = Goal::Deadline { deadline: later, confidence };
        let after = choice(&instance).best;
        if before.likely <= deadline {
            assert!(after.likely <= later);
            assert!(after.loss <= before.loss, "seed {seed}: {before:?} {after:?}");
        }
        differs += usize::from(after != before);
    }
    assert!(differs > 40, "{differs}");
}

#[test]
fn the_loss_budget_is_never_broken() {
    for seed in 0..PROBLEMS {
        let mut instance = Instance::random(seed, 3);
        for budget in [0.0, 0.01, instance.wish.most_loss, -1.0, f64::NAN] {
            instance.wish.most_loss = budget;
            let Choice { best, trivial, .. } = choice(&instance);
            for plan in [best, trivial] {
                assert!(plan.loss == 0.0 || plan.loss <= budget, "seed {seed}: {plan:?}");
            }
        }
    }
}

#[test]
fn without_links_everything_stays_on_the_device() {
    for seed in 0..200 {
        let mut instance = Instance::random(seed, 3);
        instance.links[0].state = LinkState::Down;
        assert!(choice(&instance).best.is_local());
        let mut instance = Instance::random(seed, 3);
        instance.links.clear();
        assert!(choice(&instance).best.is_local());
        let mut instance = Instance::random(seed, 3);
        instance.tiers.iter_mut().for_each(|tier| tier.admits = false);
        assert!(choice(&instance).best.is_local());
    }
}

#[test]
fn weighing_bytes_and_energy_traces_a_front() {
    let mut moved = 0;
    for seed in 0..300 {
        let mut instance = Instance::random(seed, 2);
        instance.wish.goal = Goal::LeastTime;
        instance.terms.energy_weight = 0.0;
        let mut swept = Vec::new();
        for weight in [0.0, 0.1, 1.0, 10.0, 100.0, 1e3, 1e6] {
            instance.terms.byte_weight = weight;
            swept.push(choice(&instance).best);
        }
        for pair in swept.windows(2) {
            assert!(pair[1].bytes <= pair[0].bytes && pair[1].time >= pair[0].time);
            moved += usize::from(pair[1].bytes < pair[0].bytes);
        }
        instance.terms.byte_weight = 0.0;
        let mut before = f64::INFINITY;
        for weight in [0.0, 1.0, 10.0, 100.0, 1e4, 1e7] {
            instance.terms.energy_weight = weight;
            let energy = choice(&instance).best.energy;
            assert!(energy <= before + 1e-9, "seed {seed}");
            before = energy;
        }
    }
    assert!(moved > 50, "{moved}");
}

#[test]
fn a_plan_is_the_same_every_time() {
    for seed in 0..200 {
        let instance = Instance::random(seed, 3);
        assert_eq!(choice(&instance), choice(&instance));
    }
}
