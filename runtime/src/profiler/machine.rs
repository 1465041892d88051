//! Which machine and engine a profile belongs to.

use serde::{Deserialize, Serialize};

/// What the times of a profile depend on beside the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the processor, as the system calls it.
    pub cpu: String,
    /// Processors that the program may use.
    pub cores: u32,
    /// Operating system.
    pub system: String,
    /// Instruction set.
    pub architecture: String,
    /// Name of the engine.
    pub engine: String,
    /// Version of the engine.
    pub engine_version: String,
    /// Threads of one run.
    pub threads: u32,
}

impl Machine {
    /// Describes this machine with an engine and the threads that one run uses.
    pub fn this(engine: &str, engine_version: &str, threads: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cpu: processor(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
            system: std::env::consts::OS.to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            engine: engine.to_owned(),
            engine_version: engine_version.to_owned(),
            threads,
        }
    }

    /// Returns what differs from another machine, in words; nothing where times can be compared.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = [
            ("processor", &self.cpu, &other.cpu),
            ("system", &self.system, &other.system),
            ("architecture", &self.architecture, &other.architecture),
            ("engine", &self.engine, &other.engine),
            ("engine version", &self.engine_version, &other.engine_version),
        ];
        let mut found: Vec<String> = pairs
            .iter()
            .filter(|(_, own, other)| own != other)
            .map(|(what, own, other)| format!("{what} {own}, not {other}"))
            .collect();
        for (what, own, other) in
            [("cores", self.cores, other.cores), ("threads", self.threads, other.threads)]
        {
            if own != other {
                found.push(format!("{own} {what}, not {other}"));
            }
        }
        found
    }
}

/// Finds the name of the processor in what Linux says about it.
fn processor(cpuinfo: &str) -> String {
    let line = |key: &str| {
        let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
    };
    let name = line("model name").or_else(|| line("Model")).or_else(|| line("Hardware"));
    let name = name.filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME);
    name.unwrap_or_else(|| "unknown".to_owned())
}

/// Longer names of processors are none.
const LONGEST_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.5GHz\nflags : a b\n";
        assert_eq!(processor(text), "Some CPU @ 2.5GHz");
        assert_eq!(processor("Model\t: Raspberry Pi 4\n"), "Raspberry Pi 4");
        assert_eq!(processor(""), "unknown");
    }

    #[test]
    fn other_machines_are_told_apart() {
        let here = Machine::this("rten", "0.27.0", 1);
        assert!(here.cores >= 1 && here.differences(&here).is_empty());
        let other = Machine { threads: 4, engine: "ort".to_owned(), ..here.clone() };
        assert_eq!(here.differences(&other), ["engine rten, not ort", "1 threads, not 4"]);
    }
}
