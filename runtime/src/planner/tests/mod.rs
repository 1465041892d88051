mod brute;
mod instance;
mod properties;
mod switching;

use self::instance::Instance;
use super::*;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
}

/// Compares with brute force on many problems with this many tiers.
fn equals_brute_force(tiers: usize, count: u64) {
    let mut divided = 0;
    let mut late = 0;
    for seed in 0..count {
        let instance = Instance::random(seed * 3 + tiers as u64, tiers);
        let owned = instance.owned();
        let tiers = owned.tiers();
        let situation = owned.situation(&tiers);
        let choice = choose(&situation, None);
        let expected = brute::best(&instance);
        let found = choice.best;
        assert!(close(found.cost, expected.cost), "seed {seed}: {found:?} {expected:?}");
        assert!(close(found.loss, expected.loss), "seed {seed}: {found:?} {expected:?}");
        assert!(close(found.time.get() as f64, expected.time.round()), "seed {seed}");
        let least = brute::all_plans(&instance).into_iter().filter(|plan| plan.whole);
        let least = least.map(|plan| plan.cost).fold(f64::INFINITY, f64::min);
        if instance.wish.goal == Goal::LeastTime {
            assert!(close(choice.trivial.cost, least), "seed {seed}: {choice:?} {least}");
            assert!(found.cost <= choice.trivial.cost);
        } else {
            assert!(choice.trivial.cost >= least - 1e-3, "seed {seed}");
        }
        divided += usize::from(!found.placement.is_whole(&owned.table));
        if let Goal::Deadline { deadline, .. } = instance.wish.goal {
            late += usize::from(found.likely > deadline);
        }
    }
    // The problems are worth something: a part of each kind of answer occurs.
    let all = count as usize;
    assert!(divided > all / 12 && divided < all * 7 / 8, "{divided} of {all} divided");
    assert!(late > all / 40 && late < all / 2, "{late} of {all} late");
}

#[test]
fn two_tiers_equal_brute_force() {
    equals_brute_force(2, 10_000);
}

#[test]
fn three_tiers_equal_brute_force() {
    equals_brute_force(3, 10_000);
}

#[test]
fn one_tier_has_one_plan() {
    for seed in 0..50 {
        let instance = Instance::random(seed, 1);
        let owned = instance.owned();
        let tiers = owned.tiers();
        let choice = choose(&owned.situation(&tiers), None);
        assert!(choice.best.is_local() && choice.best == choice.trivial);
    }
}

#[test]
fn the_best_of_a_placement_is_found() {
    for seed in 0..500 {
        let instance = Instance::random(seed, 3);
        let owned = instance.owned();
        let tiers = owned.tiers();
        let situation = owned.situation(&tiers);
        let explained = explain(&situation, usize::MAX);
        assert_eq!(explained.chosen.plan, plan(&situation));
        for other in &explained.runners_up {
            let held = choose(&situation, Some(other.plan.placement)).held.expect("it exists");
            assert_eq!(held, other.plan);
        }
        let chosen = explained.chosen.plan.placement;
        assert_eq!(choose(&situation, Some(chosen)).held, Some(explained.chosen.plan));
    }
}

#[test]
fn terms_add_up_to_the_time() {
    let mut overlapped = 0;
    for seed in 0..500 {
        let instance = Instance::random(seed, 3);
        let owned = instance.owned();
        let tiers = owned.tiers();
        let explained = explain(&owned.situation(&tiers), usize::MAX);
        for account in explained.runners_up.iter().chain([&explained.chosen]) {
            let mut sum = 0;
            for term in &account.terms {
                let time = term.time.get() as i64;
                overlapped += usize::from(term.stage == Stage::Overlap);
                sum += if term.stage == Stage::Overlap { -time } else { time };
            }
            let off = sum.abs_diff(account.plan.time.get() as i64);
            assert!(off <= account.terms.len() as u64, "seed {seed}: {account:?}");
        }
        let counted = brute::all_plans(&instance).len() + explained.too_lossy;
        assert_eq!(explained.looked_at, counted, "seed {seed}");
    }
    assert!(overlapped > 100);
}
