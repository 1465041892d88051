//! An independent planner: the rules written down once more, as plainly as possible.

use super::instance::Instance;
use crate::planner::{Goal, LinkState, Terms};

/// What a plan adds up to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Total {
    pub(super) time: f64,
    pub(super) likely: f64,
    pub(super) loss: f64,
    pub(super) cost: f64,
    pub(super) whole: bool,
}

/// Lists every plan that keeps the loss budget.
pub(super) fn all_plans(instance: &Instance) -> Vec<Total> {
    let mut found = Vec::new();
    let count = instance.points.len();
    found.push(total(instance, &[], false));
    for first in 0..count {
        if instance.tiers.len() > 1 && instance.tiers[1].admits {
            found.push(total(instance, &[first], false));
        }
        if instance.tiers.len() > 2 && instance.tiers[2].admits {
            found.push(total(instance, &[first], true));
            for second in 0..count {
                let later = instance.points[second].0 > instance.points[first].0;
                if later && instance.tiers[1].admits {
                    found.push(total(instance, &[first, second], false));
                }
            }
        }
    }
    let allowed = |total: &Total| total.loss == 0.0 || total.loss <= instance.wish.most_loss;
    found.into_iter().flatten().filter(allowed).collect()
}

/// The best plan: on time before late, then as the goal says.
pub(super) fn best(instance: &Instance) -> Total {
    let mut plans = all_plans(instance);
    let late = |plan: &Total| match instance.wish.goal {
        Goal::LeastTime => false,
        Goal::Deadline { deadline, .. } => plan.likely > deadline.get() as f64,
    };
    let weight = |plan: &Total| match instance.wish.goal {
        Goal::Deadline { .. } if !late(plan) => plan.loss,
        _ => plan.cost,
    };
    plans.sort_by(|a, b| {
        late(a).cmp(&late(b)).then(weight(a).total_cmp(&weight(b))).then(a.cost.total_cmp(&b.cost))
    });
    plans[0]
}

/// Adds up a plan that sends `points`, one per hop; a point that is passed on crosses both hops.
fn total(instance: &Instance, points: &[usize], passed_on: bool) -> Option<Total> {
    let Instance { tiers, terms, .. } = instance;
    let (mut time, mut variance, mut energy, mut bytes, mut loss) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut tier = 0;
    let mut at = 0;
    let mut back = 0.0;
    for (number, &point) in points.iter().enumerate() {
        let (place, size, p95, own_loss) = instance.points[point];
        let slow = tiers[tier].slowdown;
        for &(mean, deviation) in &tiers[tier].segments[at..place] {
            time += mean * slow;
            variance += (deviation * slow).powi(2);
            energy += mean * slow * if tier == 0 { terms.power.active } else { terms.power.idle };
        }
        let (encode, spread) = tiers[tier].encode[point];
        let mut stages = vec![encode * slow];
        time += encode * slow;
        variance += (spread * slow).powi(2);
        energy += encode * slow * if tier == 0 { terms.power.active } else { terms.power.idle };
        let hops = if passed_on { 2 } else { 1 };
        for hop in number..number + hops {
            let wire = sent(instance, hop, terms, size, p95)?;
            time += wire.send + wire.still;
            variance += wire.variance;
            let radio = if hop == 0 { terms.power.radio } else { terms.power.idle };
            energy += wire.send * radio + wire.still * terms.power.idle;
            stages.push(wire.send);
            if hop == 0 {
                bytes += wire.bytes;
            }
            back += wire.back;
            tier = hop + 1;
        }
        let slow = tiers[tier].slowdown;
        let (decode, spread) = tiers[tier].decode[point];
        let wait = tiers[tier].wait as f64;
        time += decode * slow + wait;
        variance += (spread * slow).powi(2);
        energy += (decode * slow + wait) * terms.power.idle;
        stages.push(decode * slow);
        let most = stages.iter().copied().fold(0.0, f64::max);
        time -= (stages.iter().sum::<f64>() - most) * (1.0 - 1.0 / f64::from(terms.pieces));
        loss += own_loss;
        at = place;
    }
    let slow = tiers[tier].slowdown;
    for &(mean, deviation) in &tiers[tier].segments[at..] {
        time += mean * slow;
        variance += (deviation * slow).powi(2);
        energy += mean * slow * if tier == 0 { terms.power.active } else { terms.power.idle };
    }
    time += back;
    energy += back * terms.power.idle;
    let energy = energy / 1000.0;
    let deviations = match instance.wish.goal {
        Goal::LeastTime => 0.0,
        Goal::Deadline { confidence, .. } => confidence.deviations(),
    };
    Some(Total {
        time,
        likely: time + deviations * variance.sqrt(),
        loss,
        cost: time + terms.byte_weight * bytes + terms.energy_weight * energy,
        whole: points.iter().all(|&point| instance.points[point].0 == 0),
    })
}

struct Sent {
    send: f64,
    variance: f64,
    /// Queue and travel.
    still: f64,
    bytes: f64,
    /// The answer over the same hop.
    back: f64,
}

fn sent(instance: &Instance, hop: usize, terms: &Terms, size: f64, p95: f64) -> Option<Sent> {
    let link = instance.links[hop];
    let (p50, p10) = (link.rate_p50.get() as f64, link.rate_p10.get() as f64);
    let careful = 1.0 + link.error;
    let fresh = f64::max(1e6, 10.0 * link.rtt.get() as f64);
    let stale = ((link.age.get() as f64 - fresh) / (9.0 * fresh)).clamp(0.0, 1.0);
    let rate = (p50 * (1.0 - stale) + p10.min(p50) * stale) / careful;
    if link.state == LinkState::Down {
        return None;
    }
    let wire = |payload: f64| {
        let content = payload + 32.0;
        content + 60.0 * (content / 1160.0).ceil()
    };
    let micros = |bytes: f64, rate: f64| bytes * 8e6 / rate;
    let bytes = wire(size);
    let low = (p10 / careful).min(rate);
    let by_rate = (micros(bytes, low) - micros(bytes, rate)) / 1.2816;
    let by_size = micros(wire(size + (p95 - size) / 1.6449) - bytes, rate);
    let half = link.rtt.get() as f64 / 2.0;
    Some(Sent {
        send: micros(bytes, rate),
        variance: by_rate.powi(2) + by_size.powi(2),
        still: half + link.queue.get() as f64,
        bytes,
        back: half + micros(wire(terms.reply.get() as f64), rate),
    })
}
