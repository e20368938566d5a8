//! What the traffic asks for, minute by minute: the units that would serve it, and what it costs where it is paid by use.

use crate::client::workload::Class;
use crate::commitments::{Throughput, Tokens};
use crate::error::{Error, Result};
use crate::machines;
use crate::outcome::{Attempt, Outcome};
use crate::price::TokenClass;
use crate::scenario::Scenario;
use crate::scenario::plan::Offer;
use crate::simulate::{Flow, simulate};
use crate::time::Instant;

/// The demand of a stretch of time, by minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Demand {
    /// Dollars of all of it, paid by use.
    pub metered: Vec<f64>,
    /// For each option, what it may serve.
    pub options: Vec<Asked>,
}

/// What could be asked of an option's units, by minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Units that would serve it.
    pub units: Vec<f64>,
    /// Dollars of it, paid by use.
    pub metered: Vec<f64>,
}

impl Asked {
    /// Dollars by use of what a unit serves in an hour when it is full; none where nothing is asked or it is free.
    pub fn value_per_unit_hour(&self) -> Option<f64> {
        let unit_hours = self.units.iter().sum::<f64>() / 60.0;
        let value = self.metered.iter().sum::<f64>() / unit_hours;
        (value.is_finite() && value > 0.0).then_some(value)
    }

    /// The units, the fewest first.
    pub fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.units.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The units of the busiest minute.
    pub fn peak(&self) -> f64 {
        self.units.iter().copied().fold(0.0, f64::max)
    }
}

impl Demand {
    /// Plays `unbought`, in which nothing of what `written` offers is bought, without any limits, and counts by whole
    /// minutes what its answers take.
    pub fn observe(written: &Scenario, unbought: &Scenario, offers: &[Offer]) -> Result<Demand> {
        let mut scenario = unbought.clone();
        scenario.endpoints.iter_mut().for_each(|spec| spec.limits.clear());
        scenario.pools.iter_mut().for_each(|pool| pool.limits.clear());
        scenario.hedge = None;
        let sheet = machines::setup(&scenario, true).sheet;
        let from = scenario.warmup.get();
        let minutes = (scenario.window().as_secs() / 60) as usize;
        if minutes == 0 {
            return Err(Error::usage("demand is counted by the minute; lengthen --duration to some of them"));
        }
        let asked = Asked { units: vec![0.0; minutes], metered: vec![0.0; minutes] };
        let mut demand = Demand { metered: vec![0.0; minutes], options: vec![asked; offers.len()] };
        let is_open = |offer: &Offer, class: &Class| {
            let spec = written.endpoints.iter().find(|spec| spec.name == offer.endpoint);
            spec.is_some_and(|spec| !spec.bars(class))
        };
        let open = |offer| written.classes.iter().map(|class| is_open(offer, class)).collect();
        let open: Vec<Vec<bool>> = offers.iter().map(open).collect();
        simulate(&scenario, |outcome: &Outcome| {
            let Some(answer) = outcome.answer().filter(|_| outcome.is_measured) else {
                return Flow::Continue;
            };
            let since = outcome.intended.since(Instant::START).saturating_sub(from);
            let minute = (since.as_secs() / 60) as usize;
            if minute < minutes {
                let dollars = sheet.charge(answer).total().as_dollars_f64();
                demand.metered[minute] += dollars;
                for ((asked, offer), open) in demand.options.iter_mut().zip(offers).zip(&open) {
                    if open[usize::from(outcome.request.class.0)] {
                        asked.units[minute] += units(answer, &offer.throughput);
                        asked.metered[minute] += dollars;
                    }
                }
            }
            Flow::Continue
        })?;
        Ok(demand)
    }
}

/// Units that an answer keeps busy for a minute.
fn units(answer: &Attempt, throughput: &Throughput) -> f64 {
    let usage = &answer.usage;
    let tokens = Tokens::from_iter([
        (TokenClass::Input, u64::from(usage.input)),
        (TokenClass::CacheRead, u64::from(usage.cache_read)),
        (TokenClass::CacheWrite, u64::from(usage.cache_write)),
        (TokenClass::CacheWriteLong, u64::from(usage.cache_write_long)),
        (TokenClass::Output, u64::from(usage.output)),
        (TokenClass::Reasoning, u64::from(usage.reasoning)),
    ]);
    throughput.work(&tokens) as f64 / 1000.0 / f64::from(throughput.tokens_per_minute.max(1))
}
