//! What must hold of every play of every scenario.

use std::collections::BTreeMap;
use std::path::Path;

use crate::collectors::Collectors;
use crate::error::Result;
use crate::machines;
use crate::outcome::{Attempt, End, Ended, Outcome};
use crate::price::Money;
use crate::scenario::Scenario;
use crate::section::{ScopeKind, Section, Value};
use crate::server::endpoint::Detail;
use crate::simulate::{Flow, play, simulate};
use crate::time::Instant;

/// Every outcome, in the order of their ends.
pub fn outcomes(scenario: &Scenario) -> Result<Vec<Outcome>> {
    Ok(whole(scenario)?.0)
}

/// Every outcome, and until when requests came.
fn whole(scenario: &Scenario) -> Result<(Vec<Outcome>, Instant)> {
    let mut outcomes = Vec::new();
    let played = simulate(scenario, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    })?;
    Ok((outcomes, played.stopped))
}

/// Plays a scenario, several times, and says which invariant does not hold, if any.
pub fn check(scenario: &Scenario) -> std::result::Result<(), String> {
    let (outcomes, until) = whole(scenario).map_err(|error| format!("it cannot be played: {error}"))?;
    on_outcomes(scenario, &outcomes)?;
    let trail = self::trail(&outcomes);
    let again = whole(scenario).map_err(|error| format!("it cannot be played twice: {error}"))?.0;
    same("determinism: played twice", &trail, &self::trail(&again))?;
    same("detail: told every stretch", &self::trail(&in_order(outcomes.clone())), &told(scenario)?)?;
    same("written back and read again", &trail, &rewritten(scenario)?)?;
    let sections = merged(scenario, &outcomes, until)?;
    money(&sections)
}

/// What must hold of the outcomes of a play.
pub fn on_outcomes(scenario: &Scenario, outcomes: &[Outcome]) -> std::result::Result<(), String> {
    recorded_once(scenario, outcomes)?;
    outcomes.iter().try_for_each(|outcome| ended_once(scenario, outcome))?;
    let nanos = little(outcomes);
    if nanos != 0 {
        return Err(format!("Little's law: ∫ N dt and the sum of stays differ by {nanos} ns"));
    }
    within_places(scenario, outcomes)
}

/// Conservation: requests have the numbers from 0 on, each once. Those for which a budget had no room have none.
fn recorded_once(scenario: &Scenario, outcomes: &[Outcome]) -> std::result::Result<(), String> {
    let mut ids: Vec<u64> = outcomes.iter().map(|outcome| outcome.request.id.0).collect();
    ids.sort_unstable();
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("conservation: request {} is recorded twice", pair[0]));
    }
    let budgets = scenario.classes.iter().map(|class| class.budget).chain([scenario.budget]);
    if budgets.flatten().next().is_some() {
        return Ok(());
    }
    match (0..).zip(&ids).find(|(nth, id)| nth != *id) {
        Some((nth, id)) => Err(format!("conservation: where request {nth} should be recorded, {id} is")),
        None => Ok(()),
    }
}

/// Conservation and causality of one request: its end agrees with those of its attempts, no stamp runs backwards, and it
/// used what it asked for and got.
fn ended_once(scenario: &Scenario, outcome: &Outcome) -> std::result::Result<(), String> {
    let broken = |what: &str| Err(format!("{what}: {outcome:?}"));
    let done = outcome.attempts.iter().filter(|attempt| attempt.ended == Ended::Done).count();
    if done != usize::from(outcome.end == End::Done)
        || outcome.answer().map(|answer| &answer.ended) != (done > 0).then_some(&Ended::Done)
    {
        return broken("conservation: the end of a request is not that of its attempts");
    }
    if outcome.attempts.is_empty() && !matches!(outcome.end, End::Cancelled | End::Dropped | End::Shed) {
        return broken("conservation: a request ended without an attempt");
    }
    if outcome.attempts.len() > machines::attempts_max(scenario) as usize {
        return broken("bounds: more attempts than are allowed");
    }
    let cap = outcome.request.max_tokens.map_or(u64::MAX, u64::from);
    for attempt in &outcome.attempts {
        if !stamps(outcome, attempt).is_sorted() {
            return broken("causality: a stamp runs backwards");
        }
        let (prompt, generated) = (attempt.usage.prompt(), attempt.usage.generated());
        let is_met = match attempt.ended {
            Ended::Done => prompt == u64::from(outcome.request.input_tokens),
            Ended::Rejected(_) => (prompt, generated) == (0, 0),
            _ => true,
        };
        if !is_met || generated > cap {
            return broken("usage: not what was asked and given");
        }
    }
    Ok(())
}

/// Intended ≤ sent ≤ first token ≤ first text ≤ last token ≤ attempt's end ≤ request's end.
fn stamps(outcome: &Outcome, attempt: &Attempt) -> Vec<Instant> {
    let tokens = [attempt.first_token, attempt.first_text, attempt.last_token].into_iter().flatten();
    let ends = [attempt.finished, outcome.finished];
    [outcome.intended, attempt.sent].into_iter().chain(tokens).chain(ends).collect()
}

/// The integral of the number of requests that are there, less the sum of their stays, in nanoseconds.
pub fn little(outcomes: &[Outcome]) -> i128 {
    let mut changes: BTreeMap<u64, i128> = BTreeMap::new();
    for outcome in outcomes {
        *changes.entry(outcome.intended.as_nanos()).or_default() += 1;
        *changes.entry(outcome.finished.as_nanos()).or_default() -= 1;
    }
    let (mut integral, mut there, mut before) = (0, 0, 0);
    for (at, change) in changes {
        integral += there * i128::from(at - before);
        (there, before) = (there + change, at);
    }
    let stay = |outcome: &Outcome| outcome.finished.since(outcome.intended).as_nanos() as i128;
    integral - outcomes.iter().map(stay).sum::<i128>()
}

/// An endpoint that nothing spills from or to holds no more attempts at once than it has places and room to wait.
fn within_places(scenario: &Scenario, outcomes: &[Outcome]) -> std::result::Result<(), String> {
    for (index, spec) in scenario.endpoints.iter().enumerate() {
        let spills = scenario.endpoints.iter().any(|other| other.spillover.is_some());
        let places = spec.limits.iter().filter_map(|limit| limit.slots());
        let room = places.map(|slots| i64::from(slots.max) + i64::from(slots.queue_max)).min();
        let Some(room) = room.filter(|_| !spills) else { continue };
        let mut changes = Vec::new();
        let own = outcomes.iter().flat_map(|outcome| &outcome.attempts).filter(|attempt| {
            usize::from(attempt.endpoint.0) == index && !matches!(attempt.ended, Ended::Rejected(_))
        });
        for attempt in own {
            changes.push((attempt.sent, 1i64));
            changes.push((attempt.finished, -1));
        }
        changes.sort_unstable();
        let mut there = 0;
        for (at, change) in changes {
            there += change;
            if there > room {
                let at = at.as_secs_f64();
                return Err(format!("quota: {} held {there} at {at} s, and has room for {room}", spec.name));
            }
        }
    }
    Ok(())
}

/// The outcomes of a play in which every stretch is told.
fn told(scenario: &Scenario) -> std::result::Result<String, String> {
    let mut outcomes = Vec::new();
    let played = play(scenario, Detail::Stretches, |outcome| {
        outcomes.push(outcome.clone());
        Flow::Continue
    });
    played.map_err(|error| format!("it cannot be played in stretches: {error}"))?;
    Ok(trail(&in_order(outcomes)))
}

/// Of what ends in the same nanosecond, either may be told first.
fn in_order(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes.sort_by_key(|outcome| (outcome.finished, outcome.request.id.0));
    outcomes
}

/// The outcomes of the scenario as results keep it.
fn rewritten(scenario: &Scenario) -> std::result::Result<String, String> {
    let text = toml::to_string(scenario).map_err(|error| format!("it cannot be written: {error}"))?;
    let again = Scenario::parse(&text, Path::new("scenario.toml"))
        .map_err(|error| format!("what is written back is no scenario: {error}"))?;
    let outcomes =
        outcomes(&again).map_err(|error| format!("what is written back cannot be played: {error}"))?;
    Ok(trail(&outcomes))
}

fn trail(outcomes: &[Outcome]) -> String {
    outcomes.iter().map(|outcome| format!("{outcome:?}\n")).collect()
}

/// The first line in which the two differ, if any.
fn same(what: &str, one: &str, other: &str) -> std::result::Result<(), String> {
    if one == other {
        return Ok(());
    }
    let lines = one.lines().zip(other.lines());
    let differs = lines.into_iter().find(|(one, other)| one != other);
    let (one, other) = differs.unwrap_or(("it ends", "or goes on"));
    Err(format!("{what}, outcomes differ:\n{one}\n{other}"))
}

/// Collectors of three shards, merged, find what one of the whole does; and the order of outcomes does not matter.
fn merged(
    scenario: &Scenario,
    outcomes: &[Outcome],
    until: Instant,
) -> std::result::Result<Vec<Section>, String> {
    let setup = machines::setup(scenario, true);
    let collected = |of: &mut dyn Iterator<Item = &Outcome>| {
        let mut collectors = Collectors::new(&setup);
        of.for_each(|outcome| collectors.collect(outcome));
        collectors
    };
    let sections = collected(&mut outcomes.iter()).finish(until);
    let shard =
        |k: u64| collected(&mut outcomes.iter().rev().filter(move |outcome| outcome.request.id.0 % 3 == k));
    let mut together = shard(0);
    (1..3).for_each(|k| together.merge(&shard(k)));
    if together.finish(until) != sections {
        return Err("merge: shards found together what one collector did not".into());
    }
    Ok(sections)
}

/// Money: the parts add up to the whole, and endpoints to the run.
fn money(sections: &[Section]) -> std::result::Result<(), String> {
    let cost =
        sections.iter().find(|section| section.name == "cost").ok_or("there is no section of costs")?;
    let of = |kind: ScopeKind, name: &str| -> Money {
        let scopes = cost.scopes.iter().filter(|scope| scope.kind == kind);
        let figures = scopes.flat_map(|scope| &scope.figures).filter(|figure| figure.name == name);
        let amounts = figures.filter_map(|figure| match &figure.value {
            Value::Money(money) => Some(*money),
            _ => None,
        });
        amounts.sum()
    };
    let total = |name: &str| of(ScopeKind::Total, name);
    let sums = |names: &[&str]| names.iter().map(|name| total(name)).sum::<Money>();
    let parts = ["cost_metered", "cost_reserved", "cost_egress", "cost_shortfall"];
    let classes = ["input", "cache_read", "cache_write", "cache_write_long", "output", "reasoning"];
    let classes = classes.map(|class| format!("cost_{class}"));
    let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
    for (whole, parts) in [("cost_total", &parts[..]), ("cost_metered", &classes)] {
        if total(whole) != sums(parts) {
            return Err(format!(
                "money: {whole} is {} and its parts add up to {}",
                total(whole),
                sums(parts)
            ));
        }
    }
    for name in ["cost_metered", "cost_wasted", "cost_warmup"] {
        for kind in [ScopeKind::Endpoint, ScopeKind::Class] {
            let sum = of(kind, name);
            if sum != total(name) {
                return Err(format!("money: {name} is {}, and by {kind:?} {sum}", total(name)));
            }
        }
    }
    if total("cost_wasted") > total("cost_metered") {
        return Err("money: more was wasted than was paid".into());
    }
    Ok(())
}
