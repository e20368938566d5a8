//! The cheapest purchase that meets the objectives: how much capacity to buy, of what, for which term.
//!
//! 1. One play without limits counts the demand in units, minute by minute ([`demand`]).
//! 2. The newsvendor's rule on it tells where to look ([`newsvendor`]).
//! 3. From there, and from nothing bought, it goes downhill over the sizes on sale by plays of the scenario, each with the same
//!    chance ([`search`]), on each route.
//! 4. The best few are replicated until the others are dearer for sure, or nobody cares ([`race`]).

pub mod demand;
pub mod newsvendor;
pub mod play;
pub mod race;
pub mod report;
pub mod search;

mod curves;
mod independence;

use std::num::NonZeroUsize;

use self::demand::Demand;
use self::newsvendor::Bracket;
use self::play::{Candidate, Plays, Purchase, Question, score};
use self::race::{Finish, Rules};
use self::search::{Score, descend};
use crate::error::{Error, ExitCode, Result};
use crate::report::show;
use crate::scenario::Scenario;
use crate::section::Section;

/// How hard to look.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub threads: NonZeroUsize,
    /// Two purchases whose costs differ by less than this share need not be told apart.
    pub precision: f64,
    /// The most replications of one purchase.
    pub replications_max: u32,
    /// The most plays in all.
    pub plays_max: usize,
}

/// What was found.
pub struct Answer {
    /// The scenario with the purchase made.
    pub scenario: Scenario,
    /// The recommendation in a sentence or two.
    pub conclusion: String,
    /// The section `plan`.
    pub section: Section,
    /// Every purchase that was played, as `plan.csv`.
    pub candidates: Vec<u8>,
}

/// All that a plan rests on.
pub struct Found<'a> {
    pub question: &'a Question<'a>,
    pub plays: Plays<'a>,
    pub demand: Demand,
    /// By option, alone.
    pub brackets: Vec<Option<Bracket>>,
    pub best: Purchase,
    pub finish: Finish,
    /// The cheapest with a cap on each provider's share, where one is asked for.
    pub independent: Option<independence::Independent>,
    /// Along the option that is bought most of: sizes that were played for the curve of cost.
    pub profile: Vec<Purchase>,
}

/// Replications before anything is compared.
const REPLICATIONS_MIN: u32 = 3;

/// So many of the cheapest are replicated.
const FINALISTS: usize = 5;

/// About so many sizes make the curve of cost.
const PROFILE: usize = 10;

/// Answers the question; `on_play` hears of each play how many there were.
pub fn answer(question: &Question, settings: Settings, on_play: &mut dyn FnMut(usize)) -> Result<Answer> {
    let nothing = Purchase { route: 0, sizes: vec![0; question.offers.len()] };
    let unbought = question.scenario(&nothing.clone().into(), 0)?;
    let demand = Demand::observe(&question.written, &unbought, &question.offers)?;
    let brackets: Vec<Option<Bracket>> =
        question.offers.iter().zip(&demand.options).map(|(offer, asked)| Bracket::of(offer, asked)).collect();
    let mut plays = Plays::new(question, settings.threads, settings.plays_max, on_play);
    let rules = Rules {
        least: REPLICATIONS_MIN,
        most: settings.replications_max.max(2),
        precision: settings.precision,
        share_max: None,
    };
    let finish = cheapest(&mut plays, question, &demand, &brackets, rules)?;
    let Some(best) = finish.best.clone().and_then(|best| best.purchase) else {
        return Err(hopeless(question, &plays));
    };
    let written = [Candidate::WRITTEN, nothing.into(), peak(question, &demand, &best).into()];
    plays.play(&written, finish.replications)?;
    let profile = profile(question, &demand, &best);
    let curve: Vec<Candidate> = profile.iter().cloned().map(Candidate::from).collect();
    plays.play(&curve, REPLICATIONS_MIN.min(rules.most))?;
    let independent = independence::price(question, &mut plays, &demand, &brackets, rules, &best)?;
    let scenario = question.scenario(&best.clone().into(), 0)?;
    let found = Found { question, plays, demand, brackets, best, finish, independent, profile };
    let conclusion = report::conclusion(&found);
    let section = report::section(&found, &conclusion);
    let candidates = report::csv(&found)?;
    Ok(Answer { scenario, conclusion, section, candidates })
}

/// The cheapest that misses no objective. Where replications show that all finalists miss one now and then, the search goes on with
/// each purchase replicated before it is judged.
fn cheapest(
    plays: &mut Plays,
    question: &Question,
    demand: &Demand,
    brackets: &[Option<Bracket>],
    rules: Rules,
) -> Result<Finish> {
    let mut finish = Finish::NOBODY;
    for replications in [1, rules.least.min(rules.most), rules.most] {
        for route in 0..question.routes() {
            for start in starts(question, demand, brackets) {
                walk(plays, question, route, start, replications, rules.share_max)?;
            }
        }
        let finalists = finalists(plays, replications, rules.share_max);
        finish = race::run(plays, finalists.clone(), rules)?;
        if finish.best.is_none() && plays.is_capped() {
            // By what little was played.
            let mut finalists = finalists.into_iter();
            finish = Finish {
                best: finalists.next(),
                equals: finalists.map(|other| (other, None)).collect(),
                replications,
                ..finish
            };
        }
        if finish.best.is_some() || plays.is_capped() {
            break;
        }
    }
    Ok(finish)
}

/// Where to begin: the best by the demand alone, that of each option alone, and nothing.
fn starts(question: &Question, demand: &Demand, brackets: &[Option<Bracket>]) -> Vec<Vec<usize>> {
    let sizes: Vec<usize> = question.offers.iter().map(|offer| offer.sizes()).collect();
    let nothing = vec![0; sizes.len()];
    let alone = brackets.iter().enumerate().map(|(nth, bracket)| {
        let mut start = nothing.clone();
        start[nth] = bracket.map_or(0, |bracket| bracket.high);
        start
    });
    let mut starts: Vec<Vec<usize>> = alone.chain([nothing.clone()]).collect();
    let cost = |place: &Vec<usize>| newsvendor::cost_per_month(&question.offers, demand, place);
    let score = |places: &[Vec<usize>]| {
        Ok(places.iter().map(|place| Some(Score { misses: 0, cost: cost(place) })).collect())
    };
    let reached: Vec<Vec<usize>> =
        starts.iter().filter_map(|start| descend(start.clone(), &sizes, score).ok()).collect();
    let best = reached.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
    starts.splice(0..0, best);
    let mut seen = std::collections::BTreeSet::new();
    starts.retain(|start| seen.insert(start.clone()));
    starts
}

/// Goes downhill from a start on one route, by plays.
fn walk(
    plays: &mut Plays,
    question: &Question,
    route: usize,
    start: Vec<usize>,
    replications: u32,
    share_max: Option<f64>,
) -> Result<()> {
    let sizes: Vec<usize> = question.offers.iter().map(|offer| offer.sizes()).collect();
    descend(start, &sizes, |places| {
        let purchases = places.iter().map(|sizes| Purchase { route, sizes: sizes.clone() });
        let candidates: Vec<Candidate> = purchases.map(Candidate::from).collect();
        plays.play(&candidates, replications)?;
        let score_of = |(candidate, place): (&Candidate, &Vec<usize>)| {
            let played = plays.of(candidate);
            let found = score(played, replications, share_max)?;
            let largest = played[0].shares.first().map_or(0.0, |(_, share)| *share);
            // More capacity leads to where nothing is missed, and a smaller share to below the cap.
            let above = (largest - share_max.unwrap_or(f64::INFINITY)).max(0.0);
            let way = above * 1e9 - place.iter().sum::<usize>() as f64;
            Some(Score { cost: if found.misses > 0 { way } else { found.cost }, ..found })
        };
        Ok(candidates.iter().zip(places).map(score_of).collect())
    })?;
    Ok(())
}

/// The cheapest few that miss nothing.
fn finalists(plays: &Plays, replications: u32, share_max: Option<f64>) -> Vec<Candidate> {
    let scored = plays.purchases().filter_map(|(purchase, played)| {
        let score = score(played, replications, share_max).filter(|score| score.misses == 0)?;
        Some((score.cost, purchase))
    });
    let mut scored: Vec<(f64, &Purchase)> = scored.collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
    scored.into_iter().take(FINALISTS).map(|(_, purchase)| purchase.clone().into()).collect()
}

/// The option that the best has most money in; the one that pays soonest, where nothing is bought.
pub fn main_option(question: &Question, best: &Purchase, demand: &Demand) -> usize {
    let spent = |nth: &usize| question.offers[*nth].per_hour(question.offers[*nth].size(best.sizes[*nth]));
    let most = (0..best.sizes.len()).max_by(|a, b| spent(a).total_cmp(&spent(b)).then(b.cmp(a)));
    let breakeven = |nth: &usize| {
        let bracket = Bracket::of(&question.offers[*nth], &demand.options[*nth]);
        bracket.map_or(f64::INFINITY, |bracket| bracket.breakeven)
    };
    let soonest = (0..best.sizes.len()).min_by(|a, b| breakeven(a).total_cmp(&breakeven(b)).then(a.cmp(b)));
    most.filter(|nth| spent(nth) > 0.0).or(soonest).unwrap_or(0)
}

/// As many units of one option as the busiest minute asks for, or as there are on sale.
pub fn peak(question: &Question, demand: &Demand, best: &Purchase) -> Purchase {
    let option = main_option(question, best, demand);
    let mut sizes = vec![0; best.sizes.len()];
    sizes[option] = question.offers[option].index_up(demand.options[option].peak());
    Purchase { route: best.route, sizes }
}

/// The best with other sizes of its main option, from none to those for the peak, on both sides of it.
fn profile(question: &Question, demand: &Demand, best: &Purchase) -> Vec<Purchase> {
    let option = main_option(question, best, demand);
    let at = best.sizes[option];
    let last = question.offers[option].sizes() - 1;
    let end =
        peak(question, demand, best).sizes[option].min(at.saturating_mul(5) / 2 + 4).max(at + 1).min(last);
    let step = end.div_ceil(PROFILE).max(1);
    let wanted = (0..=end).step_by(step).chain([at.saturating_sub(1), at, at + 1, end]);
    let mut indices: Vec<usize> = wanted.filter(|index| *index <= last).collect();
    indices.sort_unstable();
    indices.dedup();
    let with = |index| {
        let mut sizes = best.sizes.clone();
        sizes[option] = index;
        Purchase { route: best.route, sizes }
    };
    indices.into_iter().map(with).collect()
}

/// That nothing on sale meets the objectives, and which of them stands in the way of what comes nearest.
fn hopeless(question: &Question, plays: &Plays) -> Error {
    let nearest = plays.purchases().min_by_key(|(_, played)| {
        let missed = played.iter().map(|play| play.missed.len()).max().unwrap_or(usize::MAX);
        (missed, std::cmp::Reverse(played.len()))
    });
    let why = nearest.and_then(|(purchase, played)| {
        let (nth, value) = played.iter().find_map(|play| play.missed.first())?;
        let objective = question.objectives().nth(*nth)?;
        let figure = crate::section::Figure {
            name: String::new(),
            value: value.clone(),
            unit: crate::collectors::metric::unit_of(objective.metric())?,
        };
        let shown = show::figure(Some(&figure));
        Some(format!(
            "; with {} it is {shown}, and `{objective}` must hold",
            report::words(question, purchase)
        ))
    });
    let capped = if plays.is_capped() { "; not all was looked at, raise --plays-max" } else { "" };
    let mut error = Error::failed(format!(
        "no purchase of the {} that were played meets the thresholds{}{capped}; allow more units, another route or more \
         quota, or longer for figures that need more samples",
        plays.purchases().count(),
        why.unwrap_or_default()
    ));
    error.code = ExitCode::Gate;
    error
}
