//! Levers of a scenario that stand for several settings at once: `load = 2`, `units.ptu = 120`.
//!
//! To add one: its line in [`KNOBS`] and what it does to a scenario that was read and not yet checked.

use std::num::NonZeroU32;
use std::path::Path;

use super::Scenario;
use super::diagnostic::Diagnostic;
use super::read::Found;
use crate::catalogue::machine::Machine;
use crate::client::arrivals::AnyArrivals;
use crate::client::lengths::AnyLength;
use crate::client::prefix::SharedPrefix;
use crate::client::sessions::AnySession;
use crate::client::workload::Class;
use crate::commitments::{AnyCommitment, Units};
use crate::kind;
use crate::number::{Positive, Share};

/// A lever.
#[derive(Debug)]
pub struct Knob {
    pub name: &'static str,
    /// What may stand after its name and a dot.
    pub about: About,
    pub values: Values,
    /// What it does to a scenario.
    pub doc: &'static str,
    turn: fn(&mut Scenario, Turn<'_>) -> Result<(), String>,
}

/// What a knob is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum About {
    All,
    /// One class, or all.
    Class,
    /// One commitment, which must be named.
    Commitment,
    /// One endpoint, or all.
    Endpoint,
}

/// Which values a knob takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Values {
    /// A whole number, or none.
    Count,
    /// A number above 0 by which something is multiplied.
    Factor,
    /// A share from 0 to 1.
    Share,
}

/// A knob turned: to which value, and of what.
#[derive(Clone, Debug)]
pub struct Setting {
    knob: &'static Knob,
    about: Option<String>,
    value: f64,
}

impl PartialEq for Setting {
    fn eq(&self, other: &Setting) -> bool {
        (self.knob.name, &self.about, self.value) == (other.knob.name, &other.about, other.value)
    }
}

struct Turn<'a> {
    about: Option<&'a str>,
    value: f64,
    /// Where the scenario's files are.
    folder: &'a Path,
}

/// Every knob. None has the name of a scenario's key.
pub const KNOBS: &[Knob] = &[
    Knob {
        name: "cache_share",
        about: About::Class,
        values: Values::Share,
        doc: "the part of each prompt that is a shared beginning, which caches can hold",
        turn: cache_share,
    },
    Knob {
        name: "growth",
        about: About::All,
        values: Values::Factor,
        doc: "the factor by which arrivals grow, of all that have a `growth`",
        turn: growth,
    },
    Knob {
        name: "input_tokens",
        about: About::Class,
        values: Values::Factor,
        doc: "multiplies the lengths of prompts; a shared beginning of so many `tokens` stays as long as it is",
        turn: input_tokens,
    },
    Knob {
        name: "load",
        about: About::Class,
        values: Values::Factor,
        doc: "multiplies the arrivals: rates, or a closed loop's users",
        turn: load,
    },
    Knob {
        name: "output_tokens",
        about: About::Class,
        values: Values::Factor,
        doc: "multiplies the lengths of answers, reasoning included; `max_tokens` stays as it is",
        turn: output_tokens,
    },
    Knob {
        name: "prices",
        about: About::Endpoint,
        values: Values::Factor,
        doc: "multiplies the prices of tokens, after they are looked up",
        turn: prices,
    },
    Knob {
        name: "units",
        about: About::Commitment,
        values: Values::Count,
        doc: "how many units are bought (of none, nobody asks the endpoint), and with it the capacity or machines of the endpoint that they serve",
        turn: units,
    },
];

impl Knob {
    pub fn find(name: &str) -> Option<&'static Knob> {
        KNOBS.iter().find(|knob| knob.name == name)
    }

    /// How it is written, such as `load[.CLASS]`.
    pub fn form(&self) -> String {
        let about = match self.about {
            About::All => "",
            About::Class => "[.CLASS]",
            About::Commitment => ".COMMITMENT",
            About::Endpoint => "[.ENDPOINT]",
        };
        format!("{}{about}", self.name)
    }

    /// Turned to `value`; `about` are the parts of its key after the name.
    pub fn setting(&'static self, about: &[String], value: &str) -> Result<Setting, String> {
        let form = self.form();
        let about = match (self.about, about) {
            (About::All | About::Class | About::Endpoint, []) => None,
            (About::Class | About::Commitment | About::Endpoint, [name]) => Some(name.clone()),
            _ => return Err(format!("the knob '{}' is written {form}: {}", self.name, self.doc)),
        };
        let value = self.values.read(value.trim_matches(['"', '\'']));
        let value = value.ok_or_else(|| format!("{form} takes {}: {}", self.values.describe(), self.doc))?;
        Ok(Setting { knob: self, about, value })
    }
}

impl Values {
    fn read(self, text: &str) -> Option<f64> {
        match self {
            Values::Count => text.parse().ok().map(|count: u32| f64::from(count)),
            Values::Factor => {
                text.parse().ok().filter(|factor| (1.0 / FACTOR_MAX..=FACTOR_MAX).contains(factor))
            }
            Values::Share => text.parse().ok().map(Share::get),
        }
    }

    pub fn describe(self) -> &'static str {
        match self {
            Values::Count => "a whole number from 0 on",
            Values::Factor => "a number above 0, such as 1.5",
            Values::Share => "a share from 0 to 1, such as 0.8 or 80%",
        }
    }
}

impl Setting {
    /// Turns the knob of a scenario that was read and not yet checked; `shown` is how people wrote it.
    pub(super) fn apply(&self, scenario: &mut Scenario, folder: &Path, shown: &str) -> Found<()> {
        let turn = Turn { about: self.about.as_deref(), value: self.value, folder };
        (self.knob.turn)(scenario, turn).map_err(|why| {
            let mistake = Diagnostic::new(None, format!("{shown}: {why}"));
            vec![mistake.help(format!("{}: {}", self.knob.form(), self.knob.doc))]
        })
    }
}

fn cache_share(scenario: &mut Scenario, turn: Turn<'_>) -> Result<(), String> {
    let share = Share::new(turn.value);
    of_classes(scenario, &turn, |class| {
        if class.session.is_some() {
            return Err("has conversations, of which each prompt begins with those before it".into());
        }
        let kept = class.prefix.take().unwrap_or_else(|| SharedPrefix::of_share(Share::default()));
        class.prefix = Some(SharedPrefix { tokens: None, share, ..kept });
        Ok(())
    })
}

fn growth(scenario: &mut Scenario, turn: Turn<'_>) -> Result<(), String> {
    let factor = factor(turn.value);
    let growing = scenario.streams_mut().filter_map(|(_, arrivals)| arrivals.growth_mut());
    let count = growing.map(|growth| growth.factor = factor).count();
    let none = "no arrivals have a `growth`; add one such as growth = { factor = 1.5, by = \"2027-06-30\" }";
    if count == 0 { Err(none.into()) } else { Ok(()) }
}

fn input_tokens(scenario: &mut Scenario, turn: Turn<'_>) -> Result<(), String> {
    refuse_recorded(scenario, &turn)?;
    let Turn { value, folder, .. } = turn;
    of_classes(scenario, &turn, |class| match (&mut class.session, &mut class.input) {
        (Some(AnySession::Synthetic(session)), _) => {
            session.inputs_mut().try_for_each(|length| scale(length, value, folder))
        }
        (None, Some(length)) if class.prompts.is_none() => scale(length, value, folder),
        _ => Err("has prompts of recorded lengths".into()),
    })
}

fn output_tokens(scenario: &mut Scenario, turn: Turn<'_>) -> Result<(), String> {
    refuse_recorded(scenario, &turn)?;
    let Turn { value, folder, .. } = turn;
    of_classes(scenario, &turn, |class| {
        let Some(output) = &mut class.output else { return Err("has answers of recorded lengths".into()) };
        let lengths = std::iter::once(output).chain(&mut class.reasoning);
        lengths.into_iter().try_for_each(|length| scale(length, value, folder))
    })
}

/// A class's own arrivals are multiplied; of shared ones, its part, while the parts of the others stay what they are.
fn load(scenario: &mut Scenario, turn: Turn<'_>) -> Result<(), String> {
    let Some(name) = turn.about else {
        scenario.scale(turn.value);
        return Ok(());
    };
    let names: Vec<&str> = scenario.classes.iter().map(|class| class.name.as_str()).collect();
    let unnamed = || kind::unnamed("class", name, &names);
    let index = names.iter().position(|known| *known == name).ok_or_else(unnamed)?;
    let class = &mut scenario.classes[index];
    if let Some(arrivals) = &mut class.arrivals {
        arrivals.scale(turn.value);
        return Ok(());
    }
    let before: f64 = shared(&scenario.classes);
    let class = &mut scenario.classes[index];
    class.share = Some(class.share.unwrap_or(factor(1.0)).times(turn.value));
    let after = shared(&scenario.classes);
    match &mut scenario.arrivals {
        Some(AnyArrivals::Closed(_)) => {
            Err("the users of a closed loop belong to no class; give the class `arrivals` of its own".into())
        }
        Some(arrivals) => {
            arrivals.scale(after / before);
            Ok(())
        }
        None => Err(format!("class '{name}' has no arrivals")),
    }
}

/// The sum of the parts that classes have of shared arrivals.
fn shared(classes: &[Class]) -> f64 {
    classes.iter().filter(|class| class.arrivals.is_none()).map(Class::share).sum()
}

fn prices(scenario: &mut Scenario, turn: Turn<'_>) -> Result<(), String> {
    let names: Vec<&str> = scenario.endpoints.iter().map(|spec| spec.name.as_str()).collect();
    if let Some(name) = turn.about.filter(|name| !names.contains(name)) {
        return Err(kind::unnamed("endpoint", name, &names));
    }
    let meant = scenario.endpoints.iter_mut().filter(|spec| turn.about.is_none_or(|name| name == spec.name));
    meant.for_each(|spec| spec.price_factor = spec.price_factor.times(turn.value));
    Ok(())
}

/// What is bought and what limits cannot differ: the endpoint's capacity is the sum of all units that serve it.
fn units(scenario: &mut Scenario, turn: Turn<'_>) -> Result<(), String> {
    let name = turn.about.expect("units are of a commitment");
    let mut bought = scenario.commitments.iter_mut().filter_map(|commitment| match commitment {
        AnyCommitment::Units(units) => Some(units),
        _ => None,
    });
    let Some(found) = bought.find(|units| units.name == name) else {
        let names: Vec<&str> = all_units(scenario).map(|units| units.name.as_str()).collect();
        return Err(match names.is_empty() {
            true => "the scenario has no commitments of the kind units".into(),
            false => kind::unnamed("commitment of the kind units", name, &names),
        });
    };
    found.units = turn.value as u32;
    let (unit, endpoints) = (found.unit.clone(), found.endpoints.clone());
    let [endpoint] = &endpoints[..] else {
        return Err("these units serve several endpoints, and nothing says how they are divided".into());
    };
    let serving =
        all_units(scenario).filter(|units| units.unit == unit && units.endpoints.contains(endpoint));
    let sum = serving.fold(0u32, |sum, units| sum.saturating_add(units.units));
    if turn.value == 0.0 {
        let is_bought =
            |one: &AnyCommitment| !matches!(one, AnyCommitment::Units(units) if units.name == name);
        scenario.commitments.retain(is_bought);
    }
    let Some(sum) = NonZeroU32::new(sum) else {
        // Where nothing is bought there is nothing to ask.
        scenario.leave_out(endpoint);
        return Ok(());
    };
    let spec = scenario.endpoints.iter_mut().find(|spec| spec.name == *endpoint);
    let Some(spec) = spec else { return Ok(()) };
    match (&mut spec.capacity, &mut spec.machine) {
        (Some(capacity), _) if capacity.unit == unit => {
            if !capacity.enforce {
                return Err(format!(
                    "endpoint '{endpoint}' does not `enforce` its capacity, so its `limits` would not follow"
                ));
            }
            capacity.units = sum;
            Ok(())
        }
        (_, Some(machine)) => {
            let found = Machine::find(&machine.preset).ok().filter(|found| found.unit == unit);
            let per_unit = found.map(|found| found.per_unit.get());
            let machines = per_unit.and_then(|per_unit| NonZeroU32::new(sum.get().saturating_mul(per_unit)));
            machine.instances =
                machines.ok_or_else(|| format!("endpoint '{endpoint}' runs on no machines of {unit}"))?;
            Ok(())
        }
        _ => Err(format!(
            "endpoint '{endpoint}' has no `capacity` in {unit}, so nothing would limit what they serve"
        )),
    }
}

fn all_units(scenario: &Scenario) -> impl Iterator<Item = &Units> {
    scenario.commitments.iter().filter_map(|commitment| match commitment {
        AnyCommitment::Units(units) => Some(units),
        _ => None,
    })
}

/// Does `work` for the class that a knob is about, or for all. Why it cannot be done follows the class's name.
fn of_classes(
    scenario: &mut Scenario,
    turn: &Turn<'_>,
    mut work: impl FnMut(&mut Class) -> Result<(), String>,
) -> Result<(), String> {
    let names: Vec<&str> = scenario.classes.iter().map(|class| class.name.as_str()).collect();
    if let Some(name) = turn.about.filter(|name| !names.contains(name)) {
        return Err(kind::unnamed("class", name, &names));
    }
    let mut meant =
        scenario.classes.iter_mut().filter(|class| turn.about.is_none_or(|name| name == class.name));
    meant.try_for_each(|class| work(class).map_err(|why| format!("class '{}' {why}", class.name)))
}

/// Lengths that come with recorded arrivals are what they were.
fn refuse_recorded(scenario: &Scenario, turn: &Turn<'_>) -> Result<(), String> {
    let is_meant = |class: &&Class| turn.about.is_none_or(|name| name == class.name);
    let brings =
        |class: &&Class| scenario.arrivals_of(class).is_some_and(|arrivals| arrivals.brings_lengths());
    match scenario.classes.iter().filter(is_meant).find(brings) {
        Some(class) => Err(format!("class '{}' has lengths that come with its arrivals", class.name)),
        None => Ok(()),
    }
}

/// A length from a file is read first, for a file cannot be multiplied.
fn scale(length: &mut AnyLength, factor: f64, folder: &Path) -> Result<(), String> {
    length.load(folder).map_err(|error| format!("has a length that cannot be read: {error}"))?;
    length.scale(factor);
    Ok(())
}

fn factor(value: f64) -> Positive {
    Positive::new(value).expect("a knob's factor was read as one")
}

/// Further away something would overflow, and nobody means it.
const FACTOR_MAX: f64 = 1e6;

#[cfg(test)]
mod tests;
