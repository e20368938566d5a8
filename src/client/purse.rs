//! What a run may spend. It ends the plan when the money is gone: nothing is sent any more, and what is under way goes
//! on to its end, so that no more is overspent than was in flight.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bill::Sheet;
use crate::outcome::Attempt;
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
    /// The worst that requests under way can still cost; only kept where the budget is strict.
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

    /// Takes what an attempt has cost. What has no price cannot be metered, and so empties the purse.
    pub fn spend(&mut self, request: &Request, attempt: &Attempt) {
        self.give_back(request, 1);
        match self.sheet.charge(attempt) {
            Ok(charge) => self.spent += charge.total(),
            Err(_) => self.is_empty = true,
        }
        self.is_empty |= self.spent >= self.budget.max;
    }

    /// Takes back what was laid aside for attempts that a request did not have.
    pub fn end(&mut self, request: &Request, attempts: usize) {
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        self.give_back(request, self.attempts_max.saturating_sub(attempts));
    }

    fn give_back(&mut self, request: &Request, attempts: u32) {
        if self.budget.strict {
            self.held = self.held - self.sheet.ceiling(request, attempts).unwrap_or_default();
        }
    }
}
