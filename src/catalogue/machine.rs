//! Machines that serve a model oneself, fitted to published measurements.

use std::num::NonZeroU32;
use std::sync::OnceLock;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::unnamed;
use crate::number::{Positive, Share, Span};
use crate::server::latency::ContinuousBatching;

/// Machines of one sort as a scenario asks for them.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSpec {
    /// Which of the catalogue's machines, such as `seed-oss-36b/h100-fp8`.
    pub preset: String,
    /// How many of them.
    #[serde(default = "one")]
    pub instances: NonZeroU32,
}

impl MachineSpec {
    /// How they answer; the problem, where the catalogue has no such machine.
    pub fn latency(&self) -> Result<ContinuousBatching, String> {
        let machine = Machine::find(&self.preset)?;
        Ok(ContinuousBatching { instances: self.instances, ..machine.latency.clone() })
    }
}

/// A machine: what it serves, how fast, and what of is billed by the hour for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The model and where it runs.
    pub name: String,
    /// The same in words, with the number format and the engine.
    pub serves: String,
    /// Whose unit it is.
    pub provider: String,
    /// The instance type whose hours are billed.
    pub unit: String,
    /// How many such machines one unit holds.
    pub per_unit: NonZeroU32,
    pub source: String,
    /// When it was measured, or read where the source does not say.
    pub dated: Date,
    /// What was published.
    pub measured: Vec<Measured>,
    /// How it was measured.
    pub played: Played,
    /// What was fitted.
    pub latency: ContinuousBatching,
}

/// One published point: means over a closed loop of so many users.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub users: NonZeroU32,
    pub ttft: Option<Span>,
    /// From the first token to the last, for each token between.
    pub itl: Option<Span>,
    /// Answer tokens of all users together.
    pub tokens_per_second: Option<Positive>,
}

/// The published benchmark, and how far from it the model is at most.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Played {
    /// Tokens of a prompt and of an answer: the mean.
    pub input: u32,
    pub output: u32,
    /// Standard deviation of both, as a share of the mean.
    #[serde(default)]
    pub spread: Share,
    /// The largest error of a published figure when the benchmark is played.
    pub error_max: Share,
    /// That of a TTFT, where it is larger.
    #[serde(default)]
    pub ttft_error_max: Share,
}

impl Machine {
    /// Every machine, in the order of the files.
    pub fn all() -> &'static [Machine] {
        static ALL: OnceLock<Vec<Machine>> = OnceLock::new();
        ALL.get_or_init(|| {
            let read = |text: &&str| toml::from_str::<File>(text).expect("an embedded file reads").machines;
            FILES.iter().flat_map(read).collect()
        })
    }

    /// The machine of a name, or which there are.
    pub fn find(name: &str) -> Result<&'static Machine, String> {
        let found = Machine::all().iter().find(|machine| machine.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Machine::all().iter().map(|machine| machine.name.as_str()).collect();
            unnamed("machine", name, &names)
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    machines: Vec<Machine>,
}

const FILES: [&str; 3] = [
    include_str!("../../scenarios/catalogue/machines/gemma4-31b.toml"),
    include_str!("../../scenarios/catalogue/machines/llama-inferentia2.toml"),
    include_str!("../../scenarios/catalogue/machines/seed-oss-36b.toml"),
];

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_machine_has_its_own_name_and_a_published_point() {
        let names: BTreeSet<&str> = Machine::all().iter().map(|machine| machine.name.as_str()).collect();
        assert_eq!(names.len(), Machine::all().len());
        for machine in Machine::all() {
            let has_figure = |point: &Measured| {
                point.ttft.is_some() || point.itl.is_some() || point.tokens_per_second.is_some()
            };
            assert!(
                machine.measured.iter().all(has_figure) && !machine.measured.is_empty(),
                "{}",
                machine.name
            );
        }
    }

    #[test]
    fn an_unknown_machine_is_answered_with_the_nearest() {
        let problem = Machine::find("seed-oss-36b/h100").unwrap_err();
        assert!(problem.contains("did you mean 'seed-oss-36b/h100-fp8'?"), "{problem}");
    }
}
