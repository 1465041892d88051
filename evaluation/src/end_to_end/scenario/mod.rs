//! Scenario files.

mod file;
mod keys;
mod quantity;
#[cfg(test)]
mod tests;

use std::path::{Path as FilePath, PathBuf};

use aiflow_runtime::cut::CutId;
use aiflow_runtime::planner::LossMeasure;
use aiflow_units::{BitRate, Bytes, Micros};

use self::file::{File, Settings};
use self::keys::Keys;
pub use self::quantity::Budget;
use self::quantity::Scalar;
use super::drive;
use super::error::ScenarioError;
use super::policy::Policy;
use crate::link::Path;

/// What a file asks for.
///
/// ```toml
/// bundle = "${BUNDLES}/resnet20"      # what `aiflow learn` wrote; with a plan sheet
/// profile = "laptop.profile.json"     # default: BUNDLE.profile.json
/// data = "cifar10:${AIFLOW_DATA}/cifar10#test"
/// policies = ["device", "webp", "aiflow"]   # default: all six
///
/// [defaults]                          # for all scenarios; every key may stand in each as well
/// rtt = "20ms"                        # round trip of the empty path; default 40ms
/// queue = 1024                        # KiB before the uplink; default 1024
/// edge = "4ms"                        # an edge passes on to a cloud so far behind; default none
/// device-speed = "1/10"               # of the server's; default 1/10
/// server-speed = "1/2"                # of this machine's; default 1
/// emulation = "profile"               # what slow machines are timed by: profile (default), measured
/// deadline = "200ms"                  # after which an answer is late; default none
/// goal = "least-time"                 # or deadline: the least loss in time; default least-time
/// max-loss = "1pt"                    # or 3%, 0.02nats; default 1pt
/// rate = 10                           # requests per second; default 10
/// load = 0                            # requests per second of another device; default 0
/// seconds = 20                        # for each policy; default 20
/// requests = 200                      # for each policy, at most; default as many as fit
/// seed = 1                            # of the other device; default 1
/// cut = "c05"                         # of the fixed policies; default: the best at the mean rate
///
/// [[scenario]]
/// name = "steady"
/// trace = "const:2mbit"               # or lte-like:SEED, or a file
/// ```
///
/// Relative paths start at the folder of the file; `${NAME}` is a variable of the environment.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    /// The bundle, unless the command line names one.
    pub bundle: Option<PathBuf>,
    /// The model, where it is neither in the bundle nor beside it.
    pub model: Option<PathBuf>,
    /// The profile of this machine; beside the bundle where it is not named.
    pub profile: Option<PathBuf>,
    /// The samples, unless the command line names some.
    pub data: Option<String>,
    /// Who is compared.
    pub policies: Vec<Policy>,
    /// Where.
    pub scenarios: Vec<Scenario>,
}

/// One channel, one pair of machines, one way to ask.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name in records.
    pub name: String,
    /// The emulated link.
    pub path: Path,
    /// Round trip between an edge, to which the emulated link leads, and a cloud that answers; without
    /// it the link leads to the server itself.
    pub edge: Option<Micros>,
    /// How many times slower than the server the device is.
    pub device_slowdown: f64,
    /// How many times slower than this machine the server is.
    pub server_slowdown: f64,
    /// What slow machines are timed by.
    pub emulation: Emulation,
    /// Time in which an answer is wanted.
    pub deadline: Option<Micros>,
    /// What is made small.
    pub goal: Wanted,
    /// What may be lost.
    pub max_loss: Budget,
    /// Requests per second; one that takes longer lets the next ones fall out.
    pub rate: f64,
    /// Requests per second of another device at the same server.
    pub load: f64,
    /// For how long each policy is measured.
    pub length: Micros,
    /// How many requests are made at most.
    pub requests: usize,
    /// Seed of the other device.
    pub seed: u64,
    /// The cut of the fixed policies; the best at the mean rate where it is not named.
    pub cut: Option<CutId>,
}

/// What a machine that is slower than this one is timed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emulation {
    /// By its profile: a part takes the profiled time as many times as the machine is slower. What
    /// else this machine does meanwhile is hidden in the waiting, as long as it is not more.
    #[default]
    Profile,
    /// By the time that each computation takes now: what else this machine does is multiplied.
    Measured,
}

/// What is made small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// The time, within the loss budget.
    #[default]
    LeastTime,
    /// The loss, within the deadline and the loss budget.
    Deadline,
}

impl Scenario {
    /// Makes a scenario with the defaults of scenario files.
    #[must_use]
    pub fn new(name: impl Into<String>, path: Path) -> Self {
        Self {
            name: name.into(),
            path: path.with_rtt(Micros::from_millis(40)),
            edge: None,
            device_slowdown: 10.0,
            server_slowdown: 1.0,
            emulation: Emulation::Profile,
            deadline: None,
            goal: Wanted::LeastTime,
            max_loss: Budget { measure: LossMeasure::Top1Drop, most: 0.01 },
            rate: 10.0,
            load: 0.0,
            length: Micros::from_secs(20),
            requests: usize::MAX,
            seed: 1,
            cut: None,
        }
    }

    /// Returns what the channel carries on average while requests are sent; the whole trace may be faster
    /// or slower than this piece of it.
    #[must_use]
    pub fn mean_rate(&self) -> BitRate {
        self.path.rate(drive::START, self.length)
    }

    /// Returns the time from one request to the next.
    #[must_use]
    pub fn period(&self) -> Micros {
        Micros::new((1e6 / self.rate.max(1e-3)).round() as u64)
    }

    /// Returns how many requests fit.
    #[must_use]
    pub fn slots(&self) -> usize {
        let fit = self.length.get() / self.period().get().max(1);
        usize::try_from(fit).unwrap_or(usize::MAX).max(1).min(self.requests)
    }
}

impl ScenarioFile {
    /// Reads a file of at most 1 MiB.
    ///
    /// # Errors
    /// See [`ScenarioError`]: which file, which scenario, which key, and what can stand there.
    pub fn read(path: &FilePath) -> Result<Self, ScenarioError> {
        let failed = |source| ScenarioError::Read { path: path.to_owned(), source };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        if size > LARGEST {
            return Err(failed(std::io::Error::other("it has more than 1 MiB")));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::from_toml(&text, path)
    }

    /// Reads the text of a file; `path` names it in errors, and relative paths start beside it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_toml(text: &str, path: &FilePath) -> Result<Self, ScenarioError> {
        let origin = Origin { path };
        let file: File = toml::from_str(text).map_err(|error| origin.syntax(text, &error))?;
        if file.scenario.is_empty() {
            return Err(ScenarioError::Empty { path: path.to_owned() });
        }
        let mut scenarios: Vec<Scenario> = Vec::new();
        for named in file.scenario {
            let (name, settings) = named.over(&file.defaults);
            if scenarios.iter().any(|other| other.name == name) {
                return Err(ScenarioError::Twice { path: path.to_owned(), name });
            }
            scenarios.push(origin.scenario(name, &settings)?);
        }
        let located = |text: Option<String>| {
            text.map(|text| Ok(origin.beside(&origin.expanded(&text)?))).transpose()
        };
        Ok(Self {
            bundle: located(file.bundle)?,
            model: located(file.model)?,
            profile: located(file.profile)?,
            data: file.data.map(|text| origin.expanded(&text)).transpose()?,
            policies: file.policies.unwrap_or_else(|| Policy::ALL.to_vec()),
            scenarios,
        })
    }
}

/// The file that is being read.
struct Origin<'a> {
    path: &'a FilePath,
}

impl Origin<'_> {
    fn syntax(&self, text: &str, error: &toml::de::Error) -> ScenarioError {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        let reason = error.message().replace('\n', ", ");
        ScenarioError::Syntax { path: self.path.to_owned(), line, reason }
    }

    /// Puts the values of variables in place of `${NAME}`.
    fn expanded(&self, text: &str) -> Result<String, ScenarioError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else { break };
            let value = std::env::var(name).map_err(|_| ScenarioError::Variable {
                path: self.path.to_owned(),
                name: name.to_owned(),
            })?;
            out.push_str(before);
            out.push_str(&value);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or_else(|| FilePath::new("")).join(path)
    }

    fn scenario(&self, name: String, set: &Settings) -> Result<Scenario, ScenarioError> {
        let trace = self.trace(&name, set.trace.as_ref())?;
        let mut own = Scenario::new(name.clone(), trace);
        let keys = Keys { path: self.path, scenario: &name };
        if let Some(rtt) = keys.time("rtt", &set.rtt)? {
            own.path = own.path.with_rtt(rtt);
        }
        if let Some(kib) = keys.number("queue", &set.queue, 3.0, 1e6)? {
            own.path = own.path.with_queue(Bytes::from_kib(kib as u64));
        }
        own.edge = keys.time("edge", &set.edge)?;
        let device = keys.slowness("device-speed", &set.device_speed)?;
        own.device_slowdown = device.unwrap_or(own.device_slowdown);
        let server = keys.slowness("server-speed", &set.server_speed)?;
        own.server_slowdown = server.unwrap_or(own.server_slowdown);
        own.deadline = keys.time("deadline", &set.deadline)?;
        own.rate = keys.number("rate", &set.rate, 0.1, 1000.0)?.unwrap_or(own.rate);
        own.load = keys.number("load", &set.load, 0.0, 10_000.0)?.unwrap_or(own.load);
        if let Some(seconds) = keys.number("seconds", &set.seconds, 0.1, 3600.0)? {
            own.length = Micros::new((1e6 * seconds) as u64);
        }
        if let Some(requests) = keys.number("requests", &set.requests, 1.0, 1e6)? {
            own.requests = requests as usize;
        }
        own.seed = keys.parsed("seed", &set.seed, "write a whole number")?.unwrap_or(own.seed);
        own.cut = keys.parsed("cut", &set.cut, "write a name such as c05")?;
        let losses = "write a loss such as 3% (changed answers), 1pt (points of top-1) or 0.02nats";
        own.max_loss = keys.parsed("max-loss", &set.max_loss, losses)?.unwrap_or(own.max_loss);
        let timed = [("profile", Emulation::Profile), ("measured", Emulation::Measured)];
        own.emulation = keys.one_of("emulation", &set.emulation, &timed)?.unwrap_or_default();
        let goals = [("least-time", Wanted::LeastTime), ("deadline", Wanted::Deadline)];
        own.goal = keys.one_of("goal", &set.goal, &goals)?.unwrap_or_default();
        if own.goal == Wanted::Deadline && own.deadline.is_none() {
            return Err(keys.wrong("goal", "deadline", "set a deadline as well"));
        }
        Ok(own)
    }

    fn trace(&self, name: &str, value: Option<&Scalar>) -> Result<Path, ScenarioError> {
        let (path, scenario) = (self.path.to_owned(), name.to_owned());
        let missing = || ScenarioError::Missing {
            path: path.clone(),
            scenario: scenario.clone(),
            key: "trace",
        };
        let text = self.expanded(&value.ok_or_else(missing)?.text())?;
        let is_file = !text.starts_with("const:") && !text.starts_with("lte-like:");
        let spec = if is_file { self.beside(&text).to_string_lossy().into_owned() } else { text };
        Path::open(&spec).map_err(|source| ScenarioError::Trace { path, scenario, source })
    }
}

/// Larger files are no scenario files.
const LARGEST: u64 = 1 << 20;
