//! A plan as figures, curves and words: docs/metrics.md defines each of them.

use super::independence::{Independent, Loss};
use super::newsvendor::{HOURS_PER_MONTH, cost_per_month};
use super::play::{Candidate, Play, Purchase, Question, mean, score};
use super::race::difference;
use super::{Found, curves, main_option, peak};
use crate::error::Result;
use crate::report::{csv, show};
use crate::scenario::plan::Tier;
use crate::section::{Scope, ScopeKind, Section, Unit};
use crate::statistics::interval::{Confidence, Interval};
use crate::statistics::sample::Sample;

/// The file of all purchases that were played.
pub const FILE: &str = "plan.csv";

/// A purchase in words: `60 ptu by the year and 40 by the month at provisioned`.
pub fn words(question: &Question, purchase: &Purchase) -> String {
    let units = question.units(&purchase.sizes);
    let parts = question.offers.iter().zip(units).filter(|(_, units)| *units > 0).map(|(offer, units)| {
        let terms =
            offer.split(units).into_iter().map(|(tier, part)| format!("{part} by the {}", term(&tier)));
        format!(
            "{} {} at {} ({})",
            units,
            offer.unit,
            offer.endpoint,
            terms.collect::<Vec<_>>().join(" and ")
        )
    });
    let parts: Vec<String> = parts.collect();
    let bought = if parts.is_empty() { "nothing, all by use".into() } else { parts.join(", ") };
    match question.plan.routes.get(purchase.route) {
        Some(route) => format!("{bought}, routed {}", route.name),
        None => bought,
    }
}

/// The name of a term for people.
pub fn term(tier: &Tier) -> String {
    tier.term.name().replace('_', " ")
}

/// Dollars for people: whole ones where there are thousands.
fn dollars(amount: f64) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    let decimals = if amount.abs() >= 1000.0 { 0 } else { 2 };
    format!("{sign}${}", show::group(&format!("{:.decimals$}", amount.abs())))
}

/// A difference for people, its margin in as many decimals.
fn difference_of(interval: &Interval) -> String {
    let amount = interval.estimate.abs();
    let decimals = if amount >= 1000.0 { 0 } else { 2 };
    let margin = show::group(&format!("{:.decimals$}", interval.half_width()));
    format!("{} ± ${margin}", dollars(amount))
}

/// What is held against the recommendation, by name.
fn alternatives(found: &Found) -> Vec<(String, Candidate)> {
    let question = found.question;
    let nothing = Purchase { route: 0, sizes: vec![0; found.best.sizes.len()] };
    let mut list = vec![("recommended".to_string(), Candidate::from(found.best.clone()))];
    list.extend(runner_up(found).map(|purchase| ("runner-up".into(), purchase.into())));
    list.push(("as written".into(), Candidate::WRITTEN));
    list.push(("all by use".into(), nothing.into()));
    list.push(("to the peak".into(), peak(question, &found.demand, &found.best).into()));
    let independent = found.independent.as_ref().and_then(|independent| independent.purchase.clone());
    list.extend(independent.map(|purchase| ("independent".into(), purchase.into())));
    list.retain(|(_, candidate)| !found.plays.of(candidate).is_empty());
    list
}

/// The cheapest of the others that miss nothing and were replicated.
fn runner_up(found: &Found) -> Option<Purchase> {
    let best = found.plays.of(&found.best.clone().into());
    let others =
        found.plays.purchases().filter(|(purchase, plays)| **purchase != found.best && plays.len() >= 2);
    let dearer = others.filter_map(|(purchase, plays)| {
        let is_met = score(plays, plays.len() as u32, None).is_some_and(|score| score.misses == 0);
        Some((difference(best, plays, Confidence::P95).filter(|_| is_met)?.estimate, purchase))
    });
    dearer.min_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1))).map(|(_, purchase)| purchase.clone())
}

/// The interval of the mean of what a month costs.
pub fn cost(plays: &[Play]) -> Option<Interval> {
    plays.iter().map(|play| play.cost).collect::<Sample>().interval(Confidence::P95).ok()
}

/// The objectives that plays miss, in the scenario's words.
pub fn missed(question: &Question, plays: &[Play]) -> Vec<String> {
    let objectives: Vec<String> = question.objectives().map(ToString::to_string).collect();
    let mut missed: Vec<usize> = plays.iter().flat_map(|play| &play.missed).map(|(nth, _)| *nth).collect();
    missed.sort_unstable();
    missed.dedup();
    let named = |nth: usize| objectives.get(nth).cloned().unwrap_or("a class has no endpoint left".into());
    missed.into_iter().map(named).collect()
}

/// What keeps the purchase from being cheaper: what the next cheaper one on its route misses, and which that is; on any route, where
/// none on its own is cheaper; or the price.
fn binding(found: &Found) -> (String, String) {
    let bar = found.plays.of(&found.best.clone().into()).first().map_or(0.0, |play| play.cost);
    let cheaper = found.plays.purchases().filter_map(|(purchase, plays)| {
        let first = plays.first().filter(|play| play.cost < bar)?;
        Some((first.cost, purchase, missed(found.question, plays))).filter(|(.., missed)| !missed.is_empty())
    });
    // Of another route, another quota may be what is missed: less of what is recommended would not meet it.
    let is_near = |purchase: &Purchase| purchase.route == found.best.route;
    match cheaper.max_by(|a, b| is_near(a.1).cmp(&is_near(b.1)).then(a.0.total_cmp(&b.0))) {
        Some((_, purchase, missed)) => (missed.join(" and "), words(found.question, purchase)),
        None => ("price".into(), String::new()),
    }
}

/// The recommendation, what it saves, and how sure that is.
pub fn conclusion(found: &Found) -> String {
    let question = found.question;
    let own = found.plays.of(&found.best.clone().into());
    let mut text = format!(
        "Buy {}: {} a month in all",
        words(question, &found.best),
        dollars(mean(own, |play| play.cost))
    );
    for (name, candidate) in alternatives(found) {
        let Some(dearer) = difference(own, found.plays.of(&candidate), Confidence::P95) else { continue };
        if ["as written", "all by use"].contains(&&*name) {
            let word = if dearer.estimate >= 0.0 { "less" } else { "more" };
            // What would do less may cost less.
            let missed = missed(question, found.plays.of(&candidate)).join(" and ");
            let but = if missed.is_empty() { String::new() } else { format!(" (which misses {missed})") };
            text += &format!(", {} {word} than {name}{but}", difference_of(&dearer));
        }
    }
    text += ". ";
    if let (missed, cheaper) = binding(found)
        && !cheaper.is_empty()
    {
        text += &format!("The next cheaper, {cheaper}, misses {missed}. ");
    }
    text += &certainty(found);
    text
}

/// Whether what is recommended is the cheapest, or which other could be, and why that is not known better.
fn certainty(found: &Found) -> String {
    if found.plays.is_capped() {
        return "Not all that was wanted was played: raise --plays-max to be sure.".into();
    }
    let Some((Candidate { purchase: Some(purchase), .. }, difference)) = found.finish.equals.first() else {
        let sure = "With 95 % confidence none of the others that were compared is cheaper";
        let own = found.plays.of(&found.best.clone().into());
        let next = runner_up(found).and_then(|purchase| {
            let plays = found.plays.of(&purchase.clone().into());
            let dearer = difference(own, plays, Confidence::P95)?;
            Some(format!(
                "; the runner-up, {}, is dearer by {}",
                words(found.question, &purchase),
                difference_of(&dearer)
            ))
        });
        return format!("{sure}{}.", next.unwrap_or_default());
    };
    let words = words(found.question, purchase);
    let why = match found.finish.is_precise {
        true => "the difference is below --precision",
        false => "raise --replications-max to tell them apart",
    };
    match difference {
        Some(by) => {
            format!("It cannot be told from {words}, dearer by {} a month: {why}.", difference_of(by))
        }
        None => format!("It cannot be told from {words}: {why}."),
    }
}

/// What it costs to depend less on one provider, and what that saves when it is down.
fn independence(question: &Question, independent: &Independent) -> String {
    let Some(asked) = &question.plan.independence else { return String::new() };
    let cap =
        format!("at most {} of {} at one provider", show::percent(asked.share_max.get()), asked.of.name());
    let Some(purchase) = &independent.purchase else {
        return format!("No purchase and route on offer keeps {cap}.");
    };
    let mut text = format!("With {cap}: {}", words(question, purchase));
    if let Some(premium) = independent.premium {
        text +=
            &format!(", dearer by {} ± {} a month", dollars(premium.estimate), dollars(premium.half_width()));
    }
    text += ".";
    if let (Some(outage), [cheapest, other]) = (asked.outage, &*independent.outages) {
        let loss = |loss: &Loss| format!("{} a month ({} down)", dollars(loss.per_month), loss.provider);
        text += &format!(
            " {} outages of {} a year cost {} with the cheapest, {} with this.",
            outage.per_year.get(),
            outage.lasts,
            loss(cheapest),
            loss(other)
        );
    }
    text
}

/// The section `plan`.
pub fn section(found: &Found, conclusion: &str) -> Section {
    let mut section = Section::new("plan");
    section.scopes.push(total(found, conclusion));
    section.scopes.extend(purchases(found));
    section
        .scopes
        .extend(alternatives(found).iter().map(|(name, candidate)| alternative(found, name, candidate)));
    section.curves = curves::of(found);
    section
}

fn total(found: &Found, conclusion: &str) -> Scope {
    let question = found.question;
    let own = found.plays.of(&found.best.clone().into());
    let nothing = Purchase { route: 0, sizes: vec![0; found.best.sizes.len()] };
    let by_use = found.plays.of(&nothing.into());
    let (cost_own, cost_use) = (mean(own, |play| play.cost), mean(by_use, |play| play.cost));
    let savings = (cost_use > 0.0 && !by_use.is_empty()).then(|| 1.0 - cost_own / cost_use);
    let coverage = mean(own, |play| play.coverage.iter().sum());
    let (bound_by, missed_by) = binding(found);
    let mut scope = Scope::new(ScopeKind::Total, "")
        .with("plan_conclusion", conclusion, Unit::Text)
        .with("plan_purchase", &*words(question, &found.best), Unit::Text)
        .with("plan_cost_per_month", cost_own, Unit::Usd)
        .with("plan_cost_per_month_low", cost(own).map(|interval| interval.low), Unit::Usd)
        .with("plan_cost_per_month_high", cost(own).map(|interval| interval.high), Unit::Usd)
        .with("plan_coverage", coverage, Unit::Share)
        .with("plan_savings_rate", savings, Unit::Share)
        .with("plan_binding", &*bound_by, Unit::Text)
        .with("plan_binding_purchase", &*missed_by, Unit::Text)
        .with("plan_replications", own.len() as u64, Unit::Count)
        .with("plan_plays", found.plays.count() as u64, Unit::Count)
        .with("plan_purchases", found.plays.purchases().count() as u64, Unit::Count)
        .with("plan_convexity_gap", convexity_gap(found), Unit::Share);
    let Some(independent) = &found.independent else { return scope };
    scope = scope.with("plan_independence", &*independence(question, independent), Unit::Text);
    if let Some(premium) = independent.premium {
        scope = scope
            .with("plan_independence_premium", premium.estimate, Unit::Usd)
            .with("plan_independence_premium_low", premium.low, Unit::Usd)
            .with("plan_independence_premium_high", premium.high, Unit::Usd);
    }
    for (which, loss) in ["cheapest", "independent"].iter().zip(&independent.outages) {
        scope = scope
            .with(&format!("plan_outage_provider_{which}"), &*loss.provider, Unit::Text)
            .with(&format!("plan_outage_requests_{which}"), loss.requests, Unit::Count)
            .with(&format!("plan_outage_cost_per_month_{which}"), loss.per_month, Unit::Usd);
    }
    scope
}

/// What to buy: a scope for each term of each option.
fn purchases(found: &Found) -> Vec<Scope> {
    let own = found.plays.of(&found.best.clone().into());
    let units = found.question.units(&found.best.sizes);
    let mut scopes = Vec::new();
    for (nth, (offer, units)) in found.question.offers.iter().zip(units).enumerate() {
        let value = found.demand.options[nth].value_per_unit_hour();
        for (tier, part) in offer.split(units) {
            let utilisation = mean(own, |play| play.utilisation.get(nth).copied().flatten().unwrap_or(0.0));
            let coverage = mean(own, |play| play.coverage.get(nth).copied().unwrap_or(0.0));
            let now = tier.price * u64::from(part);
            let scope =
                Scope::new(ScopeKind::Purchase, &format!("{} by the {}", offer.endpoint, term(&tier)))
                    .with("plan_units", u64::from(part), Unit::Count)
                    .with("plan_unit", &*offer.unit, Unit::Text)
                    .with("plan_price_now", now, Unit::Usd)
                    .with(
                        "plan_price_per_month",
                        tier.per_hour() * f64::from(part) * HOURS_PER_MONTH,
                        Unit::Usd,
                    )
                    .with("plan_option_coverage", coverage, Unit::Share)
                    .with("plan_utilisation", utilisation, Unit::Share)
                    .with(
                        "plan_breakeven_utilisation",
                        value.map(|value| tier.per_hour() / value),
                        Unit::Share,
                    );
            scopes.push(scope);
        }
    }
    scopes
}

fn alternative(found: &Found, name: &str, candidate: &Candidate) -> Scope {
    let question = found.question;
    let own = found.plays.of(&found.best.clone().into());
    let plays = found.plays.of(candidate);
    let dearer = difference(own, plays, Confidence::P95);
    let missed = missed(question, plays);
    let shares = plays.first().and_then(|play| play.shares.first());
    let bought = match &candidate.purchase {
        Some(purchase) => words(question, purchase),
        None => "what the scenario has".into(),
    };
    Scope::new(ScopeKind::Alternative, name)
        .with("plan_purchase", &*bought, Unit::Text)
        .with("plan_cost_per_month", mean(plays, |play| play.cost), Unit::Usd)
        .with("plan_reserved_per_month", mean(plays, |play| play.reserved), Unit::Usd)
        .with("plan_by_use_per_month", mean(plays, |play| play.cost - play.reserved), Unit::Usd)
        .with("plan_dearer", dearer.map(|interval| interval.estimate), Unit::Usd)
        .with("plan_dearer_low", dearer.map(|interval| interval.low), Unit::Usd)
        .with("plan_dearer_high", dearer.map(|interval| interval.high), Unit::Usd)
        .with("plan_coverage", mean(plays, |play| play.coverage.iter().sum()), Unit::Share)
        .with(
            "plan_misses",
            if missed.is_empty() { "nothing".into() } else { missed.join(", ") }.as_str(),
            Unit::Text,
        )
        .with("plan_largest_provider", shares.map_or("", |(name, _)| name), Unit::Text)
        .with("plan_largest_share", shares.map(|(_, share)| *share), Unit::Share)
}

/// By how much, as a share of the cost, a size of the main option lies above the line between its neighbours at the first
/// replication: zero where the cost is convex, as far as it was looked at.
fn convexity_gap(found: &Found) -> f64 {
    let option = main_option(found.question, &found.best, &found.demand);
    let is_along = |purchase: &Purchase| {
        let mut same = purchase.clone();
        same.sizes[option] = found.best.sizes[option];
        same == found.best && purchase.sizes[option] > 0
    };
    let offer = &found.question.offers[option];
    let points = found.plays.purchases().filter(|(purchase, plays)| is_along(purchase) && !plays.is_empty());
    let points: Vec<(f64, f64)> = points
        .map(|(purchase, plays)| (f64::from(offer.size(purchase.sizes[option])), plays[0].cost))
        .collect();
    let gap = |three: &[(f64, f64)]| {
        let [left, middle, right] = [three[0], three[1], three[2]];
        let chord = left.1 + (right.1 - left.1) * (middle.0 - left.0) / (right.0 - left.0);
        ((middle.1 - chord) / middle.1.abs().max(f64::MIN_POSITIVE)).max(0.0)
    };
    points.windows(3).map(gap).fold(0.0, f64::max)
}

/// Every purchase that was played, the cheapest of those that miss nothing first.
pub fn csv(found: &Found) -> Result<Vec<u8>> {
    let question = found.question;
    let mut header: Vec<String> = vec!["route".into()];
    header.extend(question.offers.iter().map(|offer| format!("{} {}", offer.endpoint, offer.unit)));
    let figures = [
        "replications",
        "cost_per_month",
        "cost_low",
        "cost_high",
        "reserved_per_month",
        "coverage",
        "missed",
        "largest_provider",
        "largest_share",
        "demand_alone_cost_per_month",
    ];
    header.extend(figures.map(String::from));
    let mut all: Vec<(&Purchase, &[Play])> =
        found.plays.purchases().filter(|(_, plays)| !plays.is_empty()).collect();
    all.sort_by(|a, b| {
        let key = |plays: &[Play]| (missed(question, plays).len(), mean(plays, |play| play.cost));
        let ((a_missed, a_cost), (b_missed, b_cost)) = (key(a.1), key(b.1));
        a_missed.cmp(&b_missed).then(a_cost.total_cmp(&b_cost)).then_with(|| a.0.cmp(b.0))
    });
    let row = |(purchase, plays): &(&Purchase, &[Play])| {
        let number = |number: f64| if number.is_finite() { format!("{number:.6}") } else { String::new() };
        let interval = cost(plays);
        let share = plays[0].shares.first();
        let mut row =
            vec![question.plan.routes.get(purchase.route).map_or(String::new(), |route| route.name.clone())];
        row.extend(question.units(&purchase.sizes).iter().map(u32::to_string));
        row.extend([
            plays.len().to_string(),
            number(mean(plays, |play| play.cost)),
            interval.map_or(String::new(), |interval| number(interval.low)),
            interval.map_or(String::new(), |interval| number(interval.high)),
            number(mean(plays, |play| play.reserved)),
            number(mean(plays, |play| play.coverage.iter().sum())),
            missed(question, plays).join("; "),
            share.map_or(String::new(), |(name, _)| name.clone()),
            share.map_or(String::new(), |(_, share)| number(*share)),
            number(cost_per_month(&question.offers, &found.demand, &purchase.sizes)),
        ]);
        row
    };
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(all.iter().map(row)).collect();
    csv::write(&rows)
}
