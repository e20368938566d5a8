//! Alternatives held against each other whatever comes: each is played in many worlds that differ in what is uncertain.
//!
//! 1. Worlds are drawn ([`hypercube`]); the n-th has the seed of the n-th replication, so that all alternatives meet the
//!    same requests in it.
//! 2. Each alternative is played in each world: what a month costs, which requests are refused, which thresholds hold.
//! 3. From that come expected costs, who is cheaper how often, and regrets ([`judge`]).
//! 4. The two alternatives that cost least are played with each input at its p10 and at its p90, all others where they are
//!    most likely ([`tornado`]).

pub mod hypercube;
pub mod judge;
pub mod tornado;

use std::num::NonZeroUsize;

use crate::error::{Error, Result};
use crate::price::Money;
use crate::report::worlds::{Drawn, Told};
use crate::rng::Rng;
use crate::scenario::Scenario;
use crate::scenario::change::Change;
use crate::scenario::uncertain::{Alternative, Input, Law, WORLDS};
use crate::section::{ScopeKind, Value, Verdict};
use crate::trial::{self, Trial};

/// What is asked, and what it takes to answer.
pub struct Question<'a> {
    /// The scenario with changes, and whatever else a command line says of it.
    pub make: &'a (dyn Fn(&[Change]) -> Result<Scenario> + Sync),
    /// Asked before each play, whether to go on.
    pub go_on: &'a (dyn Fn() -> Result<()> + Sync),
    pub threads: NonZeroUsize,
    /// As written.
    written: Scenario,
    alternatives: Vec<Alternative>,
    inputs: Vec<(Input, Law)>,
    worlds: u32,
}

/// What one play of an alternative in a world came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    /// `cost_per_month`.
    pub cost: Money,
    pub refused_share: Option<f64>,
    /// Whether all thresholds held: one whose figure has too few samples did not. None without thresholds.
    pub is_met: Option<bool>,
}

/// What was found: what is told, and the rows of `worlds.csv`.
pub struct Answer {
    pub told: Told,
    pub rows: Vec<Drawn>,
}

/// What is changed, and which replication's chance is met.
type Setup = (Vec<Change>, u32);

impl<'a> Question<'a> {
    /// `worlds` is how many are asked for, where it is not what the scenario says.
    pub fn new(
        make: &'a (dyn Fn(&[Change]) -> Result<Scenario> + Sync),
        go_on: &'a (dyn Fn() -> Result<()> + Sync),
        worlds: Option<u32>,
        threads: NonZeroUsize,
    ) -> Result<Question<'a>> {
        let written = make(&[])?;
        let Some(spec) = &written.uncertain else {
            return Err(Error::usage(
                "the scenario has no [uncertain], so all worlds would be alike; add such as [uncertain] with inputs = \
                 [{ key = \"load\", low = 0.8, likely = 1, high = 1.6 }]; scenarios/uncertain.toml is an example",
            ));
        };
        let worlds = worlds.unwrap_or(spec.worlds);
        if !WORLDS.contains(&worlds) {
            let (least, most) = (WORLDS.start(), WORLDS.end());
            return Err(Error::usage(format!("{worlds} worlds cannot be drawn; give {least} to {most}")));
        }
        let law = |input: &Input| Ok((input.clone(), input.law().map_err(Error::usage)?));
        let inputs = spec.inputs.iter().map(law).collect::<Result<Vec<_>>>()?;
        let alternatives = match written.alternatives.is_empty() {
            true => vec![Alternative { name: AS_WRITTEN.into(), set: Vec::new() }],
            false => written.alternatives.clone(),
        };
        let worlds = hypercube::rounded(worlds);
        Ok(Question { make, go_on, threads, written, alternatives, inputs, worlds })
    }

    /// How many plays it takes.
    pub fn plays(&self) -> usize {
        self.alternatives.len() * self.worlds as usize
            + self.alternatives.len().min(2) * (1 + 2 * self.inputs.len())
    }

    /// Plays every world; `on_play` hears how many plays are done.
    pub fn answer(&self, on_play: &mut dyn FnMut(usize)) -> Result<Answer> {
        let laws: Vec<Law> = self.inputs.iter().map(|(_, law)| *law).collect();
        let worlds = hypercube::draw(&laws, self.worlds, &Rng::new(u64::from(self.written.seed)));
        let worlds = worlds.iter().map(|values| self.changes(values)).collect::<Result<Vec<_>>>()?;
        self.check()?;
        let setups = self.alternatives.iter().flat_map(|alternative| {
            let world = |(nth, world): (u32, &Vec<Change>)| ([&alternative.set[..], world].concat(), nth);
            (0..).zip(&worlds).map(world)
        });
        let setups: Vec<Setup> = setups.collect();
        let plays = self.play(&setups, on_play)?;
        let plays: Vec<Vec<Play>> = plays.chunks(worlds.len()).map(<[Play]>::to_vec).collect();
        let mut told = judge::judge(&self.alternatives, &plays);
        told.tornado = tornado::play(self, &told, &mut |done| on_play(setups.len() + done))?;
        told.inputs = self.inputs.iter().map(told_of).collect();
        if self.written.router.kind() == "mirror" {
            told.notes.push("every endpoint is asked everything, and a cost is the sum of all".into());
        }
        let row = |(nth, world): (usize, &Vec<Change>)| Drawn {
            seed: trial::seed(self.written.seed, nth as u32),
            values: world.iter().map(|change| change.value().to_string()).collect(),
            costs: plays.iter().map(|plays| plays[nth].cost).collect(),
            refused: plays.iter().map(|plays| plays[nth].refused_share).collect(),
            met: plays.iter().map(|plays| plays[nth].is_met).collect(),
        };
        let rows = worlds.iter().enumerate().map(row).collect();
        Ok(Answer { told, rows })
    }

    /// The changes to these values of the inputs.
    fn changes(&self, values: &[f64]) -> Result<Vec<Change>> {
        let change = |((input, _), value): (&(Input, Law), &f64)| input.change(*value).map_err(Error::usage);
        self.inputs.iter().zip(values).map(change).collect()
    }

    /// Makes every alternative where all is most likely and at both ends: so a mistake in the last is not told after hours.
    fn check(&self) -> Result<()> {
        for alternative in &self.alternatives {
            for values in tornado::points(&self.inputs) {
                (self.make)(&[&alternative.set[..], &self.changes(&values)?].concat())?;
            }
        }
        Ok(())
    }

    /// What each setup comes to, in order, without budgets: what it would cost is the question.
    fn play(&self, setups: &[Setup], on_play: &mut dyn FnMut(usize)) -> Result<Vec<Play>> {
        let work = |(changes, nth): &Setup| {
            (self.go_on)()?;
            let mut scenario = (self.make)(changes)?;
            scenario.seed = trial::seed(scenario.seed, *nth);
            scenario.lift_bounds();
            Play::of(&scenario)
        };
        let mut done = 0;
        trial::each(setups, self.threads, work, |_, _| {
            done += 1;
            on_play(done);
        })
    }
}

impl Play {
    fn of(scenario: &Scenario) -> Result<Play> {
        let trial = Trial::play(scenario)?;
        let cost = match trial.value(ScopeKind::Total, "", "cost_per_month") {
            Some(Value::Money(cost)) => *cost,
            _ => return Err(Error::failed("a month's cost is not known; `tollgate simulate` says why")),
        };
        let is_pass = |threshold: &crate::collectors::threshold::Threshold| {
            threshold.judge(&trial.sections).verdict == Verdict::Pass
        };
        let is_met = !scenario.thresholds.is_empty();
        let is_met = is_met.then(|| scenario.thresholds.iter().all(is_pass));
        Ok(Play { cost, refused_share: trial.total("refused_share"), is_met })
    }
}

/// An input as it is told.
fn told_of((input, law): &(Input, Law)) -> crate::report::worlds::Input {
    crate::report::worlds::Input { key: input.key.clone(), law: law.describe() }
}

/// The name of the only alternative of a scenario that has none.
const AS_WRITTEN: &str = "as written";
