//! Which machine and which build a calibration is of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A machine as far as it decides how fast the harness is, and how the harness was built.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Machine {
    pub os: String,
    pub arch: String,
    /// Processors there are to use.
    pub cpus: u64,
    /// What the processor calls itself; empty where the system does not tell.
    pub processor: String,
    /// Built with optimisations.
    pub is_optimised: bool,
}

impl Machine {
    pub fn here() -> Machine {
        let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = told.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
        Machine {
            os: std::env::consts::OS.into(),
            arch: std::env::consts::ARCH.into(),
            cpus,
            processor: processor.unwrap_or_default().trim().into(),
            is_optimised: !cfg!(debug_assertions),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = if self.is_optimised { "a release build" } else { "a debug build" };
        let Machine { os, arch, cpus, processor, .. } = self;
        let processor = if processor.is_empty() { "processor" } else { processor };
        write!(f, "{build} on {os} {arch}, {cpus} × {processor}")
    }
}
