//! What a run and its classes may spend. The plan ends when the money is gone, or a class's part of it: nothing is sent any
//! more, and what is under way goes on to its end, so that no more is overspent than was in flight.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bill::Sheet;
use crate::outcome::Attempt;
use crate::price::Money;
use crate::time::Instant;
use crate::wire::{ClassId, Request};

/// A bound on what a run, or a class, causes to be billed: tokens and bytes, the warm-up's too. Capacity that is paid for
/// anyway does not count.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Dollars. Once they are spent, nothing is sent any more.
    pub max: Money,
    /// Sends a request only where the worst that it and all others under way can cost is left, so that nothing is
    /// overspent. Every class that it is about needs `max_tokens`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

/// That a budget was spent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spent {
    pub at: Instant,
    /// Whose it was: a class's own, or that of all.
    pub class: Option<ClassId>,
}

impl Spent {
    /// When nothing at all was sent any more: [`Instant::MAX`] where something always was.
    pub fn end(of: &[Spent]) -> Instant {
        of.iter().find(|spent| spent.class.is_none()).map_or(Instant::MAX, |spent| spent.at)
    }
}

/// All that may be spent: by all requests together, and by those of classes that have a budget of their own.
#[derive(Clone, Debug)]
pub struct Purses {
    sheet: Sheet,
    /// Attempts that a request can have.
    attempts_max: u32,
    whole: Option<Purse>,
    classes: Vec<Option<Purse>>,
    /// There is no budget at all.
    is_free: bool,
}

impl Purses {
    /// `classes` has the budget of each class, by its number.
    pub fn new(
        whole: Option<Budget>,
        classes: Vec<Option<Budget>>,
        sheet: Sheet,
        attempts_max: u32,
    ) -> Purses {
        let is_free = whole.is_none() && classes.iter().all(Option::is_none);
        let classes = classes.into_iter().map(|budget| budget.map(Purse::new)).collect();
        Purses { sheet, attempts_max, whole: whole.map(Purse::new), classes, is_free }
    }

    /// Whether anything may be spent.
    pub fn is_free(&self) -> bool {
        self.is_free
    }

    /// Whether the budget of all is spent.
    pub fn is_empty(&self) -> bool {
        self.whole.as_ref().is_some_and(|purse| purse.is_empty)
    }

    /// Whether the class has spent its own budget.
    pub fn is_class_empty(&self, class: ClassId) -> bool {
        self.classes[usize::from(class.0)].as_ref().is_some_and(|purse| purse.is_empty)
    }

    /// Whether nothing of the class may be sent any more.
    pub fn is_spent(&self, class: ClassId) -> bool {
        self.is_empty() || self.is_class_empty(class)
    }

    /// Lays aside what a request can cost; empties the purse where that is not left. False where it may not be sent.
    pub fn begin(&mut self, request: &Request) -> bool {
        if self.is_free {
            return true;
        }
        let most = self.most(request, self.attempts_max);
        // The class goes first, so that what it has no room for is not laid aside by the whole.
        self.of(request).all(|purse| purse.begin(most))
    }

    /// Takes what an attempt has cost. What has no price cannot be metered, and so empties the purse.
    pub fn spend(&mut self, request: &Request, attempt: &Attempt) {
        if self.is_free || self.of(request).next().is_none() {
            return;
        }
        let cost = self.sheet.charge(attempt).known();
        let most = self.most(request, 1);
        self.of(request).for_each(|purse| purse.spend(cost, most));
    }

    /// Takes back what was laid aside for attempts that a request did not have.
    pub fn end(&mut self, request: &Request, attempts: usize) {
        if self.is_free {
            return;
        }
        let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        let most = self.most(request, self.attempts_max.saturating_sub(attempts));
        self.of(request).for_each(|purse| purse.give_back(most));
    }

    /// The most that so many attempts of a request can cost, where some budget asks.
    fn most(&mut self, request: &Request, attempts: u32) -> Option<Money> {
        let is_asked = self.of(request).any(|purse| purse.budget.strict);
        is_asked.then(|| self.sheet.ceiling(request, attempts)).flatten()
    }

    /// The purses that pay for a request: its class's, then all requests'.
    fn of(&mut self, request: &Request) -> impl Iterator<Item = &mut Purse> {
        let class = self.classes[usize::from(request.class.0)].iter_mut();
        class.chain(&mut self.whole)
    }
}

/// A budget, and what became of it.
#[derive(Clone, Debug)]
struct Purse {
    budget: Budget,
    spent: Money,
    /// The worst that requests under way can still cost; only kept where the budget is strict.
    held: Money,
    is_empty: bool,
}

impl Purse {
    fn new(budget: Budget) -> Purse {
        Purse { budget, spent: Money::ZERO, held: Money::ZERO, is_empty: budget.max <= Money::ZERO }
    }

    /// Whether a request may be sent that costs `most` at most.
    fn begin(&mut self, most: Option<Money>) -> bool {
        if self.budget.strict && !self.is_empty {
            match most {
                Some(most) if self.spent + self.held + most <= self.budget.max => self.held += most,
                _ => self.is_empty = true,
            }
        }
        !self.is_empty
    }

    fn spend(&mut self, cost: Option<Money>, most: Option<Money>) {
        self.give_back(most);
        self.spent += cost.unwrap_or_default();
        self.is_empty |= cost.is_none() || self.spent >= self.budget.max;
    }

    fn give_back(&mut self, most: Option<Money>) {
        if self.budget.strict {
            self.held = self.held - most.unwrap_or_default();
        }
    }
}
