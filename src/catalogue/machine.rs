//! Machines that serve a model oneself, fitted to published measurements.

use std::num::NonZeroU32;
use std::sync::OnceLock;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::unnamed;
use crate::number::{Positive, Share, Span};
use crate::server::latency::ContinuousBatching;
use crate::server::limits::Scheduling;

/// Machines of one sort as a scenario asks for them.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSpec {
    /// Which of the catalogue's machines, such as `seed-oss-36b/h100-fp8`.
    pub preset: String,
    /// How many of them.
    #[serde(default = "one")]
    pub instances: NonZeroU32,
    /// Whom they serve next of those that wait: who came first, or by the `priority` of classes.
    #[serde(default, skip_serializing_if = "Scheduling::is_fcfs")]
    pub scheduling: Scheduling,
}

impl MachineSpec {
    /// How they answer; the problem, where the catalogue has no such machine.
    pub fn latency(&self) -> Result<ContinuousBatching, String> {
        let machine = Machine::find(&self.preset)?;
        Ok(ContinuousBatching {
            instances: self.instances,
            scheduling: self.scheduling,
            ..machine.latency.clone()
        })
    }

    /// Why its figures are not to be relied on like measured ones, if they are not.
    pub fn doubt(&self) -> Option<String> {
        match &Machine::find(&self.preset).ok()?.basis {
            Basis::Estimate(why) => {
                Some(format!("the speed of machine {} is an estimate: {why}", self.preset))
            }
            Basis::Played(_) => None,
        }
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
    /// What its speed is based on.
    pub basis: Basis,
    pub latency: ContinuousBatching,
}

/// Where the speed of a machine is from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Nothing was published of this model on this machine: how its speed was derived.
    Estimate(String),
    /// Fitted to a published benchmark.
    Played(Played),
}

/// One published point: means at one load.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub load: Load,
    pub ttft: Option<Span>,
    /// From the first token to the last, for each token between.
    pub itl: Option<Span>,
    /// From the request to the last token.
    pub e2e: Option<Span>,
    /// Answer tokens of all requests together.
    pub tokens_per_second: Option<Positive>,
}

/// What a benchmark asks for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Requests a second, evenly.
    PerSecond(Positive),
    /// Users who each ask again when they are answered.
    Users(NonZeroU32),
}

/// A published benchmark, and how far from it the model is at most.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Played {
    /// What was published.
    pub measured: Vec<Measured>,
    /// Tokens of a prompt and of an answer: the mean.
    pub input: u32,
    pub output: u32,
    /// Standard deviation of answers, as a share of the mean.
    #[serde(default)]
    pub spread: Share,
    /// When it was cut off: what was not answered by then does not count. All is answered where it is not given.
    pub cut: Option<Span>,
    /// The largest error of a published figure when the benchmark is played.
    pub error_max: Share,
}

impl Machine {
    /// What it is, what of is billed for it, and how far to trust it: for a person.
    pub fn about(&self) -> String {
        let Machine { serves, per_unit, unit, source, dated, .. } = self;
        let part =
            if per_unit.get() == 1 { format!("a whole {unit}") } else { format!("1/{per_unit} of a {unit}") };
        let basis = match &self.basis {
            Basis::Estimate(_) => "an estimate".into(),
            Basis::Played(played) => {
                let most = played.measured.iter().filter_map(|point| match point.load {
                    Load::PerSecond(_) => None,
                    Load::Users(users) => Some(users.get()),
                });
                let (percent, most) = (played.error_max.get() * 100.0, most.max().unwrap_or(0));
                format!("measured up to {most} users, met within {percent:.0} %")
            }
        };
        format!("{serves}, {part}; {basis}, {dated}, {source}")
    }

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
    use crate::catalogue::{Catalogue, Term};

    #[test]
    fn every_machine_has_its_own_name_and_a_published_point_or_says_what_it_was_derived_from() {
        let names: BTreeSet<&str> = Machine::all().iter().map(|machine| machine.name.as_str()).collect();
        assert_eq!(names.len(), Machine::all().len());
        for machine in Machine::all() {
            let has_figure = |point: &Measured| {
                point.ttft.or(point.itl).or(point.e2e).is_some() || point.tokens_per_second.is_some()
            };
            let is_founded = match &machine.basis {
                Basis::Estimate(why) => !why.is_empty(),
                Basis::Played(Played { measured, .. }) => {
                    measured.iter().all(has_figure) && !measured.is_empty()
                }
            };
            assert!(is_founded, "{}", machine.name);
        }
    }

    #[test]
    fn the_instance_of_every_machine_has_a_price_by_the_hour() {
        let ours = Catalogue::embedded();
        for machine in Machine::all() {
            let row =
                ours.unit_for(None, &machine.provider, &machine.unit, "us-east-1", Term::Hour, ours.day());
            assert!(row.is_ok(), "{}: {}", machine.name, row.unwrap_err());
        }
    }

    #[test]
    fn an_unknown_machine_is_answered_with_the_nearest() {
        let problem = Machine::find("seed-oss-36b/h100").unwrap_err();
        assert!(problem.contains("did you mean 'seed-oss-36b/h100-fp8'?"), "{problem}");
    }
}
