//! What a purchase comes to when it is played, and the plays there were: each candidate's replications, once.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use super::search::Score;
use crate::collectors::metric;
use crate::collectors::threshold::Threshold;
use crate::error::{Error, Result};
use crate::scenario::Scenario;
use crate::scenario::change::Change;
use crate::scenario::plan::{Concentration, Offer, PlanSpec};
use crate::section::{ScopeKind, Unit, Value, Verdict};
use crate::statistics::sample::Sample;
use crate::trial::{self, Trial};

/// Makes the scenario with some settings changed, beside what the command line changes in all of them.
pub type Make<'a> = dyn Fn(&[Change]) -> Result<Scenario> + Sync + 'a;

/// What is asked: a scenario with a plan, and what may be bought.
pub struct Question<'a> {
    pub make: &'a Make<'a>,
    /// As written.
    pub written: Scenario,
    pub plan: PlanSpec,
    pub offers: Vec<Offer>,
}

/// What may be played.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Candidate {
    /// What is bought; none for what the scenario has bought as it is written.
    pub purchase: Option<Purchase>,
    /// The provider that the outage of the plan strikes.
    pub outage: Option<String>,
}

/// A way of routing, and the index of the size of each option.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Purchase {
    pub route: usize,
    pub sizes: Vec<usize>,
}

impl From<Purchase> for Candidate {
    fn from(purchase: Purchase) -> Candidate {
        Candidate { purchase: Some(purchase), outage: None }
    }
}

impl Candidate {
    /// What the scenario has bought as it is written.
    pub const WRITTEN: Candidate = Candidate { purchase: None, outage: None };
}

impl<'a> Question<'a> {
    /// Reads what may be bought.
    pub fn new(make: &'a Make<'a>) -> Result<Question<'a>> {
        let written = make(&[])?;
        let Some(plan) = written.plan.clone() else {
            return Err(Error::usage(
                "the scenario has no [plan]; say what may be bought, such as [[plan.options]] with endpoint = \
                 \"provisioned\", units_max = 200, terms = [{ term = \"month\" }]; scenarios/commitment.toml is an example",
            ));
        };
        if let Some(outage) = plan.independence.as_ref().and_then(|independence| independence.outage)
            && outage.from.get() + outage.lasts.get() > written.duration.get()
        {
            let duration = written.duration;
            return Err(Error::usage(format!(
                "the outage of [plan.independence] begins at {} and lasts {}, and the run ends at {duration}; move it \
                 with --set plan.independence.outage.from=…, or lengthen --duration",
                outage.from, outage.lasts
            )));
        }
        let offers = written.purchasable().into_iter().map(|offer| {
            offer.map_err(|unsound| Error::usage(format!("{}; {}", unsound.message, unsound.help)))
        });
        let offers = offers.collect::<Result<Vec<Offer>>>()?;
        Ok(Question { make, written, plan, offers })
    }

    /// How many routes there are to choose from: the scenario's own, where the plan has none.
    pub fn routes(&self) -> usize {
        self.plan.routes.len().max(1)
    }

    /// The units of each option that a purchase has.
    pub fn units(&self, sizes: &[usize]) -> Vec<u32> {
        self.offers.iter().zip(sizes).map(|(offer, index)| offer.size(*index)).collect()
    }

    /// The scenario of a candidate, ready to be played.
    pub fn scenario(&self, candidate: &Candidate, replication: u32) -> Result<Scenario> {
        let mut scenario = match &candidate.purchase {
            None => {
                let mut scenario = (self.make)(&[])?;
                scenario.leave_out_unbought(&self.offers);
                scenario
            }
            Some(purchase) => {
                let units = self.units(&purchase.sizes);
                let bought = self.offers.iter().zip(&units).filter(|(_, units)| **units > 0);
                let changes = bought.filter_map(|(offer, units)| self.written.resized(offer, *units));
                let changes: Vec<_> = changes.collect();
                let mut scenario = (self.make)(&changes)?;
                if let Some(route) = self.plan.routes.get(purchase.route) {
                    scenario.take_route(route);
                }
                scenario.buy(&self.offers, &units);
                scenario
            }
        };
        if let (Some(provider), Some(outage)) = (&candidate.outage, self.outage()) {
            scenario.suffer(provider, outage.from, outage.lasts);
        }
        scenario.seed = trial::seed(scenario.seed, replication);
        // What it would cost is the question.
        scenario.lift_bounds();
        scenario.plan = None;
        Ok(scenario)
    }

    /// The outage to suppose.
    pub fn outage(&self) -> Option<crate::scenario::plan::OutageSpec> {
        self.plan.independence.as_ref()?.outage
    }

    /// What must hold beside the cost.
    pub fn objectives(&self) -> impl Iterator<Item = &Threshold> {
        self.written
            .thresholds
            .iter()
            .filter(|threshold| metric::unit_of(threshold.metric()) != Some(Unit::Usd))
    }
}

/// What one play of a candidate found.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    /// Dollars a month, used or not.
    pub cost: f64,
    /// The part of it that is paid whether used or not.
    pub reserved: f64,
    /// Which objectives it misses, with the figure.
    pub missed: Vec<(usize, Value)>,
    /// By option: the share of all weighted tokens that its units serve.
    pub coverage: Vec<f64>,
    /// By option: the share of its units' throughput that is used; none where there are no units.
    pub utilisation: Vec<Option<f64>>,
    /// Each provider's share of requests or cost, the largest first.
    pub shares: Vec<(String, f64)>,
    /// Requests answered within their class's `slo`.
    pub good: f64,
}

impl Play {
    fn of(question: &Question, candidate: &Candidate, replication: u32) -> Result<Play> {
        let scenario = question.scenario(candidate, replication)?;
        if scenario.is_deserted() {
            return Ok(Play::deserted());
        }
        let trial = Trial::play(&scenario)?;
        let dollars = |metric: &str| match trial.value(ScopeKind::Total, "", metric) {
            Some(Value::Unknown(why)) => Err(Error::usage(format!("the plan cannot be priced: {why}"))),
            value => Ok(value.and_then(Value::as_f64).unwrap_or(0.0)),
        };
        let window = scenario.window().as_secs_f64();
        let months = window / 3600.0 / super::newsvendor::HOURS_PER_MONTH;
        let units = candidate.purchase.as_ref().map(|purchase| question.units(&purchase.sizes));
        let (coverage, utilisation) = question
            .offers
            .iter()
            .enumerate()
            .map(|(nth, offer)| {
                let bought =
                    units.as_ref().map_or_else(|| scenario.units_bought(&offer.endpoint), |units| units[nth]);
                use_of(&trial, &scenario, offer, bought, window)
            })
            .unzip();
        let judged = question.objectives().enumerate().filter_map(|(nth, threshold)| {
            let judgement = threshold.judge(&trial.sections);
            (judgement.verdict != Verdict::Pass).then_some((nth, judgement.value))
        });
        Ok(Play {
            cost: dollars("cost_per_month")?,
            reserved: dollars("cost_reserved")? / months,
            missed: judged.collect(),
            coverage,
            utilisation,
            shares: shares(question, &trial, &scenario),
            good: trial.total("good").unwrap_or(0.0),
        })
    }

    /// A class had nowhere to go.
    fn deserted() -> Play {
        Play {
            cost: f64::INFINITY,
            reserved: 0.0,
            missed: vec![(usize::MAX, Value::None)],
            coverage: Vec::new(),
            utilisation: Vec::new(),
            shares: Vec::new(),
            good: 0.0,
        }
    }
}

/// The share of all tokens, as an option's units weigh them, that they serve, and the share of the units that is used.
fn use_of(trial: &Trial, scenario: &Scenario, offer: &Offer, units: u32, secs: f64) -> (f64, Option<f64>) {
    if units == 0 || !scenario.endpoints.iter().any(|spec| spec.name == offer.endpoint) {
        return (0.0, None);
    }
    let own = offer.throughput.work(&trial.billed(ScopeKind::Endpoint, &offer.endpoint)) as f64;
    let all = offer.throughput.work(&trial.billed(ScopeKind::Total, "")) as f64;
    let room = f64::from(units) * f64::from(offer.throughput.tokens_per_minute) * 1000.0 * secs / 60.0;
    (if all > 0.0 { own / all } else { 0.0 }, (room > 0.0).then_some(own / room))
}

/// What share of requests or cost each provider has, the largest first, of equal ones by name.
fn shares(question: &Question, trial: &Trial, scenario: &Scenario) -> Vec<(String, f64)> {
    let of = question.plan.independence.as_ref().map(|independence| independence.of).unwrap_or_default();
    let metric = match of {
        Concentration::Cost => "cost_total",
        Concentration::Requests => "done",
    };
    let mut parts: BTreeMap<&str, f64> = BTreeMap::new();
    for spec in &scenario.endpoints {
        let part = trial.number(ScopeKind::Endpoint, &spec.name, metric).unwrap_or(0.0);
        *parts.entry(spec.provider.name()).or_default() += part;
    }
    let all: f64 = parts.values().sum();
    let share = |part: f64| if all > 0.0 { part / all } else { 0.0 };
    let mut shares: Vec<(String, f64)> =
        parts.into_iter().map(|(name, part)| (name.into(), share(part))).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    shares
}

/// Every play there was.
pub struct Plays<'a> {
    question: &'a Question<'a>,
    threads: NonZeroUsize,
    played: BTreeMap<Candidate, Vec<Play>>,
    /// How many more there may be.
    left: usize,
    is_capped: bool,
    on_play: &'a mut dyn FnMut(usize),
    count: usize,
}

impl<'a> Plays<'a> {
    /// At most `most` plays on up to `threads` threads; `on_play` hears how many there were.
    pub fn new(
        question: &'a Question<'a>,
        threads: NonZeroUsize,
        most: usize,
        on_play: &'a mut dyn FnMut(usize),
    ) -> Plays<'a> {
        Plays { question, threads, played: BTreeMap::new(), left: most, is_capped: false, on_play, count: 0 }
    }

    /// Plays each candidate as often as wanted, but for those for which no plays are left.
    pub fn play(&mut self, wanted: &[Candidate], replications: u32) -> Result<()> {
        let mut jobs: Vec<(Candidate, u32)> = Vec::new();
        for candidate in wanted.iter().collect::<BTreeSet<_>>() {
            let have = self.played.get(candidate).map_or(0, Vec::len) as u32;
            let more = replications.saturating_sub(have) as usize;
            if more > self.left {
                self.is_capped = true;
                continue;
            }
            self.left -= more;
            jobs.extend((have..replications).map(|replication| (candidate.clone(), replication)));
        }
        let question = self.question;
        let work = |(candidate, replication): &(Candidate, u32)| Play::of(question, candidate, *replication);
        let plays = trial::each(&jobs, self.threads, work, |_, _| {
            self.count += 1;
            (self.on_play)(self.count);
        })?;
        for ((candidate, _), play) in jobs.into_iter().zip(plays) {
            self.played.entry(candidate).or_default().push(play);
        }
        Ok(())
    }

    /// The replications of a candidate, in their order.
    pub fn of(&self, candidate: &Candidate) -> &[Play] {
        self.played.get(candidate).map_or(&[], Vec::as_slice)
    }

    /// The purchases that were played, without outages.
    pub fn purchases(&self) -> impl Iterator<Item = (&Purchase, &[Play])> {
        self.played.iter().filter_map(|(candidate, plays)| match candidate {
            Candidate { purchase: Some(purchase), outage: None } => Some((purchase, plays.as_slice())),
            _ => None,
        })
    }

    /// Whether something was not played because too much was.
    pub fn is_capped(&self) -> bool {
        self.is_capped
    }

    /// How many plays there were.
    pub fn count(&self) -> usize {
        self.count
    }
}

/// How good a candidate is by its first `replications`; a provider's share above `share_max` is a miss. None where it was not
/// played as often.
pub fn score(plays: &[Play], replications: u32, share_max: Option<f64>) -> Option<Score> {
    let plays = plays.get(..replications as usize).filter(|plays| !plays.is_empty())?;
    let missed: BTreeSet<usize> = plays.iter().flat_map(|play| &play.missed).map(|(nth, _)| *nth).collect();
    let is_above = |play: &Play| {
        let largest = play.shares.first().map_or(0.0, |(_, share)| *share);
        share_max.is_some_and(|max| largest > max)
    };
    let above = plays.iter().filter(|play| is_above(play)).count();
    let misses = missed.len() as u32 + u32::from(above > 0);
    Some(Score { misses, cost: mean(plays, |play| play.cost) })
}

/// The mean of a figure over plays.
pub fn mean(plays: &[Play], figure: impl Fn(&Play) -> f64) -> f64 {
    plays.iter().map(figure).collect::<Sample>().mean()
}
