//! What a run may spend. It ends the plan when the money is gone: nothing is sent any more, and what is under way goes
//! on to its end, so that no more is overspent than was in flight.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bill::Sheet;
use crate::outcome::Outcome;
use crate::price::Money;
use crate::wire::Request;

/// A bound on what a run causes to be billed: tokens and bytes, the warm-up's too. Capacity that is paid for anyway
/// does not count.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Dollars. Once they are spent, nothing is sent any more.
    pub max: Money,
    /// Sends a request only where the worst that it and all others under way can cost is left, so that nothing is
    /// overspent. Every class needs `max_tokens`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

/// A budget, and what became of it.
#[derive(Clone, Debug)]
pub struct Purse {
    budget: Budget,
    sheet: Sheet,
    /// Attempts that a request can have.
    attempts_max: u32,
    spent: Money,
    /// The worst that requests under way can cost; only kept where the budget is strict.
    held: Money,
    is_empty: bool,
}

impl Purse {
    pub fn new(budget: Budget, sheet: Sheet, attempts_max: u32) -> Purse {
        let is_empty = budget.max <= Money::ZERO;
        Purse { budget, sheet, attempts_max, spent: Money::ZERO, held: Money::ZERO, is_empty }
    }

    /// Whether nothing may be sent any more.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Lays aside what a request can cost; empties the purse where that is not left.
    pub fn begin(&mut self, request: &Request) {
        if self.is_empty || !self.budget.strict {
            return;
        }
        match self.sheet.ceiling(request, self.attempts_max) {
            Some(ceiling) if self.spent + self.held + ceiling <= self.budget.max => self.held += ceiling,
            _ => self.is_empty = true,
        }
    }

    /// Takes what a request has cost. What has no price cannot be metered, and so empties the purse.
    pub fn end(&mut self, outcome: &Outcome) {
        if self.budget.strict {
            let ceiling = self.sheet.ceiling(&outcome.request, self.attempts_max);
            self.held = self.held - ceiling.unwrap_or_default();
        }
        for attempt in &outcome.attempts {
            match self.sheet.charge(attempt) {
                Ok(charge) => self.spent += charge.total(),
                Err(_) => self.is_empty = true,
            }
        }
        self.is_empty |= self.spent >= self.budget.max;
    }
}
