//! What attempts used, added up on pages: one for all that are charged alike within an hour. Money comes at the end.

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::bill::{Amounts, Charge, Line, Rating, Sheet, Waste};
use crate::outcome::{Attempt, Outcome};
use crate::price::{Money, TokenClass};
use crate::time::Instant;
use crate::wire::{ClassId, EndpointId, Tier};

/// Every page of a run.
#[derive(Clone, Debug)]
pub struct Pages {
    /// In the order in which they were begun.
    pages: Vec<Page>,
    places: FxHashMap<Key, usize>,
    /// The pages last written on, each in the slot of its kind: most attempts go on one of them.
    recent: [usize; RECENT],
}

/// The sums of all attempts of a kind that one rating holds for.
#[derive(Clone, Debug)]
pub struct Page {
    /// Since the start of the run.
    pub hour: u64,
    pub kind: Kind,
    /// It holds in this hour only.
    pub rating: Rating,
    sums: Amounts,
}

/// Whose attempts they are, where they went and what they were for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Kind {
    pub class: ClassId,
    /// The one asked.
    endpoint: EndpointId,
    /// Where the provider said it.
    tier: Option<Tier>,
    pub waste: Option<Waste>,
    pub is_measured: bool,
    pub is_spilled: bool,
}

/// What no two pages have in common: the kind, the first instant, the shortest prompt and what has no price.
type Key = (Kind, Instant, u64, Option<&'static str>);

impl Pages {
    /// Adds what an attempt used, the `nth` of an outcome, and says what it is charged.
    #[inline]
    pub fn charge(&mut self, sheet: &Sheet, outcome: &Outcome, nth: usize, attempt: &Attempt) -> Charge {
        if attempt.usage.is_empty() {
            return Charge::nothing(sheet.biller(attempt.endpoint, attempt.is_spilled));
        }
        let kind = Kind::of(outcome, nth, attempt);
        let recent = self.recent[kind.slot()];
        let place = match self.pages.get(recent) {
            Some(page) if page.holds(&kind, attempt) => recent,
            _ => self.turn_to(sheet, kind, attempt),
        };
        let page = &mut self.pages[place];
        let amounts = TokenClass::amounts(&attempt.usage);
        page.add(&amounts);
        page.rating.charge(&amounts)
    }

    pub fn merge(&mut self, other: &Pages) {
        for page in &other.pages {
            let place = self.place(page.clone());
            self.pages[place].add(&page.sums);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter()
    }

    /// The page of an attempt, which may be a new one.
    #[cold]
    fn turn_to(&mut self, sheet: &Sheet, kind: Kind, attempt: &Attempt) -> usize {
        let mut rating = sheet.rating(attempt);
        let hour = attempt.sent.as_nanos() / HOUR;
        let first = Instant::from_nanos(hour * HOUR);
        let last = first + Duration::from_nanos(HOUR - 1);
        rating.sent = (rating.sent.0.max(first), rating.sent.1.min(last));
        let place = self.place(Page { hour, kind, rating, sums: Amounts::default() });
        self.recent[kind.slot()] = place;
        place
    }

    /// Where a page is; without its sums, where it was not there.
    fn place(&mut self, page: Page) -> usize {
        let Rating { sent, prompts, unpriced, .. } = page.rating;
        let key = (page.kind, sent.0, prompts.0, unpriced);
        *self.places.entry(key).or_insert_with(|| {
            self.pages.push(Page { sums: Amounts::default(), ..page });
            self.pages.len() - 1
        })
    }
}

impl Page {
    /// What all of it costs, as far as it has a price.
    pub fn total(&self) -> Money {
        self.rating.charge(&self.sums).total()
    }

    /// What was charged.
    pub fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        self.rating.lines(&self.sums)
    }

    #[inline]
    fn holds(&self, kind: &Kind, attempt: &Attempt) -> bool {
        self.kind == *kind && self.rating.holds(attempt.sent, &attempt.usage)
    }

    #[inline]
    fn add(&mut self, amounts: &Amounts) {
        self.sums.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
    }
}

impl Kind {
    #[inline]
    fn of(outcome: &Outcome, nth: usize, attempt: &Attempt) -> Kind {
        Kind {
            class: outcome.request.class,
            endpoint: attempt.endpoint,
            tier: attempt.tier,
            waste: Waste::of(outcome, nth),
            is_measured: outcome.is_measured,
            is_spilled: attempt.is_spilled,
        }
    }

    /// Its place among the recent ones.
    #[inline]
    fn slot(&self) -> usize {
        let way = usize::from(self.endpoint.0) + 5 * usize::from(self.class.0);
        let waste = self.waste.map_or(0, |waste| 1 + waste as usize);
        (8 * way + 2 * waste + usize::from(self.is_spilled)) % RECENT
    }
}

impl Default for Pages {
    fn default() -> Self {
        Pages { pages: Vec::new(), places: FxHashMap::default(), recent: [0; RECENT] }
    }
}

/// Pages remembered.
const RECENT: usize = 256;

/// Nanoseconds.
const HOUR: u64 = 3_600_000_000_000;
