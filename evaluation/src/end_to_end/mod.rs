//! End to end: a device and a server run one model over an emulated link, in real time.
//!
//! ```text
//! ScenarioFile -> for each scenario, for each policy:
//!    Device (slow) -> QUIC -> relay with the trace -> QUIC -> Server -> Answer
//!        |                                                        requests -> RequestRecord
//!        +-- Pilot, or what the policy always does        Oracle, afterwards -> regret
//! ```
//!
//! Every policy gets the same trace from its beginning and the same pictures at the same times of it.
//! Times are measured, on real sockets and with real computations; a machine that is slower than this
//! one computes and then waits for the rest of its time ([`Emulation`]). Only the oracle reckons: what
//! each plan would have taken on what the channel carried.

mod drive;
mod error;
mod map;
mod oracle;
mod pace;
mod pictures;
mod plans;
mod policy;
mod record;
mod rivals;
mod scenario;
mod stage;
#[cfg(test)]
mod tests;
mod world;

use aiflow_runtime::bundle::Payload;
use aiflow_runtime::planner::Position;
use aiflow_runtime::tier::Place;
use aiflow_runtime::tier::net::{Choice, Handover};

use self::drive::Done;
pub use self::error::{EndToEndError, ScenarioError};
pub use self::map::{CutMap, MapCell, cut_maps};
use self::oracle::{Looked, Oracle};
use self::plans::Plans;
pub use self::policy::Policy;
use self::record::About;
pub use self::record::{PolicyRecord, RequestRecord};
pub use self::scenario::{Budget, Emulation, Scenario, ScenarioFile, Wanted};
use self::stage::Ready;
pub use self::stage::Stage;

/// A request that was just answered, for those who watch. What the oracle knows is not there yet.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Who decides.
    pub policy: Policy,
    /// The request.
    pub record: &'a RequestRecord,
    /// Its number.
    pub slot: usize,
    /// How many there will be.
    pub slots: usize,
}

/// Whoever watches.
pub type Tell<'a> = dyn FnMut(&Moment<'_>) + 'a;

/// What a policy came to.
#[derive(Clone, Debug)]
pub struct PolicyRun {
    /// The sums.
    pub record: PolicyRecord,
    /// Every request.
    pub requests: Vec<RequestRecord>,
}

/// A scenario with what each policy came to.
#[derive(Clone, Debug)]
pub struct ScenarioRun {
    /// The scenario.
    pub scenario: Scenario,
    /// The policies, in the order that was asked for.
    pub policies: Vec<PolicyRun>,
}

/// Measures one scenario under some policies, one after the other, in real time.
///
/// # Errors
/// When the bundle lacks what a policy needs, the emulated link carries no handshake, or something does
/// not run. See [`EndToEndError`].
pub fn run(
    stage: &Stage,
    scenario: &Scenario,
    policies: &[Policy],
    tell: &mut Tell<'_>,
) -> Result<ScenarioRun, EndToEndError> {
    let plans = Plans::new(stage, scenario)?;
    let ready = Ready::new(stage, scenario.slots())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut asked = Vec::with_capacity(policies.len());
    for &policy in policies {
        asked.push(runtime.block_on(drive::drive(&ready, scenario, policy, &plans, tell))?);
    }
    let waits: Vec<f64> = asked
        .iter()
        .flatten()
        .filter(|(record, done)| record.fallback.is_none() && done.choice != Choice::Local)
        .map(|(record, _)| 1e3 * record.wait_ms)
        .collect();
    let wait = waits.iter().sum::<f64>() / waits.len().max(1) as f64;
    let rtt = scenario.path.rtt.saturating_add(scenario.edge.unwrap_or_default());
    let oracle = Oracle::new(&plans, &scenario.path.trace, rtt, wait);
    let runs = policies.iter().zip(asked).map(|(&policy, asked)| {
        let requests = asked
            .into_iter()
            .map(|(record, done)| look_back(record, done, policy, &plans, &oracle));
        let requests: Vec<RequestRecord> = requests.collect();
        let about = about(&ready, scenario, policy, &requests);
        PolicyRun { record: PolicyRecord::new(about, &requests), requests }
    });
    let mut policies: Vec<PolicyRun> = runs.collect();
    let trivial = policies.iter().filter(|run| run.record.policy.is_trivial());
    let trivial = trivial.map(|run| run.record.latency_ms_mean).min_by(f64::total_cmp);
    for run in &mut policies {
        run.record.over_trivial = trivial.map(|least| run.record.latency_ms_mean / least.max(1e-6));
    }
    Ok(ScenarioRun { scenario: scenario.clone(), policies })
}

fn about(
    ready: &Ready<'_>,
    scenario: &Scenario,
    policy: Policy,
    requests: &[RequestRecord],
) -> About {
    let right = |request: &RequestRecord| {
        let sample = ready.sample(request.request);
        let class = ready.reference.get(sample).copied().flatten()?;
        Some(usize::try_from(class).ok() == ready.label(sample))
    };
    let labelled = |request: &&RequestRecord| ready.label(ready.sample(request.request)).is_some();
    About {
        scenario: scenario.name.clone(),
        policy,
        model: ready.stage.bundle.manifest().model.name.clone(),
        trace: scenario.path.name.clone(),
        rtt_ms: scenario.path.rtt.get() as f64 / 1e3,
        device_speed: 1.0 / scenario.device_slowdown,
        server_speed: 1.0 / scenario.server_slowdown,
        deadline_ms: scenario.deadline.map(|deadline| deadline.get() as f64 / 1e3),
        slots: scenario.slots(),
        whole_right: requests.iter().filter(labelled).filter_map(right).collect(),
    }
}

/// Adds to a request what would have been best.
fn look_back(
    mut record: RequestRecord,
    done: Done,
    policy: Policy,
    plans: &Plans,
    oracle: &Oracle<'_>,
) -> RequestRecord {
    let Looked { time, what } = oracle.best(done.at);
    let taken = match (record.fallback.is_some(), done.choice) {
        // What was lost on the way is part of it.
        (true, _) => None,
        // So is what was sent beside an own answer.
        (false, Choice::Local) => (done.decided == Choice::Local).then(|| oracle.local()),
        (false, Choice::Remote(handover) | Choice::Both(handover)) => {
            sent(&record, done, handover, policy, plans, oracle)
        }
    };
    record.oracle_ms = time / 1e3;
    record.oracle = match what {
        Some(payload) => {
            let (place, coding) = drive::words(world::remote(payload));
            format!("{place} {coding}")
        }
        None => "device".to_owned(),
    };
    record.hindsight_ms = taken.map_or(record.latency_ms, |time| time / 1e3);
    record
}

/// Reckons what was chosen: by the plan sheet where it has the point, else by what it really took.
fn sent(
    record: &RequestRecord,
    done: Done,
    handover: Handover,
    policy: Policy,
    plans: &Plans,
    oracle: &Oracle<'_>,
) -> Option<f64> {
    let payload = match handover {
        Handover::Tensors { at: Place::Cut(cut), coding } => Payload::Feature { cut, coding },
        Handover::Picture(coding) => Payload::Picture(coding),
        Handover::Tensors { .. } => return None,
    };
    // Rivals send something else, whatever the coding is called.
    let rival = rivals::method(policy).is_some();
    if let Some(id) = plans.table.find(&payload).filter(|_| !rival) {
        return oracle.point(done.at, id.index());
    }
    let at = match payload {
        Payload::Feature { cut, .. } => plans.position(cut)?,
        Payload::Picture(_) => Position::INPUT,
    };
    let encode = 1e3 * record.spent(0, &[aiflow_runtime::tier::Part::Encode]);
    let decode = 1e3 * record.spent(record::SERVERS, &[aiflow_runtime::tier::Part::Decode]);
    oracle.sent(done.at, at, encode, record.bytes as f64, decode)
}
