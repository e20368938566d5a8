//! Whether commitments are about something, and agree with each other.

use std::collections::BTreeMap;

use super::super::Scenario;
use super::Check;
use crate::catalogue::Unpriced;
use crate::client::purse::Budget;
use crate::client::workload::Class;
use crate::commitments::AnyCommitment;
use crate::kind;
use crate::machines;
use crate::price::Money;
use crate::providers::PROVIDERS;

impl Check<'_, '_> {
    pub(super) fn commitments(&mut self, scenario: &Scenario) {
        let mut names = BTreeMap::new();
        for (index, commitment) in scenario.commitments.iter().enumerate() {
            let path = format!("commitments.{index}");
            if let Some((key, problem)) = commitment.problem() {
                let about = format!("commitment `{}` is not one", commitment.name());
                match unpriced(scenario, commitment).filter(|_| key == "price") {
                    Some(why) => {
                        self.say(&path, format!("{about}: {}", why.message), "this needs `price`", &why.help)
                    }
                    None => self.say(&format!("{path}.{key}"), format!("{about}: {problem}"), "", help(key)),
                }
            }
            self.cell(&format!("{path}.name"), commitment.name());
            if let AnyCommitment::Units(units) = commitment {
                self.cell(&format!("{path}.unit"), &units.unit);
            }
            self.commitment_names(&path, scenario, commitment);
            if let Some(earlier) = names.insert(commitment.name(), index) {
                let message = format!("two commitments are named \"{}\"", commitment.name());
                let label = format!("so is the one at place {}", earlier + 1);
                self.say(&format!("{path}.name"), message, &label, "give each its own name: bills go by it");
            }
        }
        for kind in ["discount", "egress"] {
            self.overlaps(scenario, kind);
        }
    }

    /// A text that becomes a cell of the results' tables may not be what a spreadsheet would compute.
    pub(super) fn cell(&mut self, path: &str, text: &str) {
        if text.starts_with(['=', '+', '-', '@']) || text.contains(char::is_control) {
            let message = format!("{text:?} cannot stand in a table");
            let help = "begin with a letter or digit, and write it in one line: a spreadsheet would take it for a formula";
            self.say(path, message, "", help);
        }
    }

    pub(super) fn budgets(&mut self, scenario: &Scenario) {
        if let Some(budget) = scenario.budget {
            self.budget("budget", budget, scenario.classes.iter().enumerate());
        }
        for (index, class) in scenario.classes.iter().enumerate() {
            if let Some(budget) = class.budget {
                self.budget(&format!("classes.{index}.budget"), budget, std::iter::once((index, class)));
            }
        }
    }

    /// The rules for a budget, which is about `classes`.
    fn budget<'c>(
        &mut self,
        path: &str,
        budget: Budget,
        mut classes: impl Iterator<Item = (usize, &'c Class)>,
    ) {
        if budget.max <= Money::ZERO {
            let help = "write the dollars that requests may cost, such as max = \"25\"";
            self.say(&format!("{path}.max"), "there is nothing to spend", "no request would be sent", help);
        }
        let unbounded = classes.find(|(_, class)| class.max_tokens.is_none());
        if let Some((index, class)) = unbounded.filter(|_| budget.strict) {
            let message = format!("nothing bounds what a request of class `{}` can cost", class.name);
            let help = "add `max_tokens` to every class, or leave `strict` out of the budget";
            self.say(&format!("classes.{index}.max_tokens"), message, "a strict budget needs it", help);
        }
    }

    /// Every endpoint and provider named is there, and something is covered.
    fn commitment_names(&mut self, path: &str, scenario: &Scenario, commitment: &AnyCommitment) {
        let known: Vec<&str> = scenario.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect();
        let unnamed = |name: &&String| !known.contains(&name.as_str());
        if let Some(name) = commitment.endpoints().iter().find(unnamed) {
            let message = kind::unnamed("endpoint", name, &known);
            let help = "name endpoints as the [[endpoints]] tables do";
            return self.say(&format!("{path}.endpoints"), message, "", help);
        }
        let providers: Vec<&str> = PROVIDERS.iter().map(|(name, _)| *name).collect();
        let unknown = |name: &&String| !providers.contains(&name.as_str());
        if let Some(name) = commitment.providers().iter().find(unknown) {
            let message = kind::unnamed("provider", name, &providers);
            let help = "name providers as the [[endpoints]] tables do";
            return self.say(&format!("{path}.providers"), message, "", help);
        }
        let parties = machines::parties(scenario);
        if commitment.problem().is_none() && !parties.iter().any(|party| commitment.covers(party)) {
            let message = format!("commitment `{}` is about no endpoint", commitment.name());
            let help = "take out names until some endpoint has all that is named, or remove the commitment";
            self.say(path, message, "nothing here has all of this", help);
        }
    }

    /// No endpoint has two commitments of a kind of which one holds.
    fn overlaps(&mut self, scenario: &Scenario, kind: &str) {
        let of_kind = scenario.commitments.iter().enumerate().filter(|(_, one)| one.kind() == kind);
        let of_kind: Vec<_> = of_kind.collect();
        for party in machines::parties(scenario) {
            let mut covering = of_kind.iter().filter(|(_, one)| one.covers(&party));
            let (Some((_, first)), Some((second, _))) = (covering.next(), covering.next()) else { continue };
            let message = format!("endpoint `{}` has two commitments of the kind {kind}", party.name);
            let label = format!("`{}` is about it, too", first.name());
            let help = "name endpoints, providers or models so that one is left for each endpoint";
            return self.say(&format!("commitments.{second}"), message, &label, help);
        }
    }
}

/// Why the catalogue has no price for units that have none of their own.
fn unpriced(scenario: &Scenario, commitment: &AnyCommitment) -> Option<Unpriced> {
    match commitment {
        AnyCommitment::Units(units) if units.price.is_none() => scenario.unit_row(units)?.err(),
        _ => None,
    }
}

fn help(key: &str) -> &'static str {
    match key {
        "endpoints" => "name the endpoints that the capacity serves, such as endpoints = [\"azure-ptu\"]",
        "per_gb" => {
            "write dollars for a gigabyte with at most 3 decimals, such as per_gb = \"0.087\": bytes are billed exactly"
        }
        "price" => "write dollars for one unit over one term, such as price = \"260\"",
        "spend" => "write the dollars promised over a term, such as spend = \"10000\"",
        "throughput" => "write what one unit can serve, or leave `throughput` out",
        _ => "write how many are bought, such as units = 110",
    }
}
