//! Which of a few candidates is the cheapest: replications with common random numbers, until the others are dearer for sure.
//!
//! All candidates meet the same chance. After each round the differences to the cheapest so far are looked at, pair by pair; who is
//! dearer by an interval of its own is out. The error of 5 % is shared out among the pairs and the looks (Bonferroni,
//! [`Confidence::of_look`]), so that with 95 % the cheapest of those that began is never put out, whenever it ends.

use super::play::{Candidate, Play, Plays, score};
use crate::error::Result;
use crate::statistics::interval::{Confidence, Interval};
use crate::statistics::pairs::Pairs;

/// How long a race goes on.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Replications before the first look; at least 2.
    pub least: u32,
    pub most: u32,
    /// A difference known to this share of the cost tells two candidates apart as well as anybody asks for.
    pub precision: f64,
    /// The largest share that one provider may have.
    pub share_max: Option<f64>,
}

/// How a race ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The cheapest by the mean of those that miss nothing; none where all miss something.
    pub best: Option<Candidate>,
    /// Those that were not shown to be dearer, the cheapest first, with the difference to the best a month as wide as this being
    /// one look at one of several asks for.
    pub equals: Vec<(Candidate, Option<Interval>)>,
    /// Replications of the best.
    pub replications: u32,
    /// Whether the differences to the equals are known as well as was asked.
    pub is_precise: bool,
}

impl Finish {
    /// Nobody came in.
    pub const NOBODY: Finish = Finish { best: None, equals: Vec::new(), replications: 0, is_precise: false };
}

/// Lets the candidates run.
pub fn run(plays: &mut Plays, candidates: Vec<Candidate>, rules: Rules) -> Result<Finish> {
    let pairs = candidates.len().saturating_sub(1).max(1) as f64;
    let confidence = Confidence::new(1.0 - Confidence::P95.error() / pairs).unwrap_or(Confidence::P99);
    let mut alive = candidates;
    let mut replications = rules.least.max(2).min(rules.most.max(2));
    let mut look = 0;
    loop {
        plays.play(&alive, replications)?;
        let scored = |candidate: &Candidate| score(plays.of(candidate), replications, rules.share_max);
        alive.retain(|candidate| scored(candidate).is_some_and(|score| score.misses == 0));
        let cost = |candidate: &Candidate| scored(candidate).map_or(f64::INFINITY, |score| score.cost);
        // Of equal ones the smaller purchase.
        alive.sort_by(|a, b| cost(a).total_cmp(&cost(b)).then_with(|| a.cmp(b)));
        let Some(best) = alive.first().cloned() else {
            return Ok(Finish::NOBODY);
        };
        look += 1;
        let pair = |other: &Candidate| difference(plays.of(&best), plays.of(other), confidence.of_look(look));
        let is_dearer = |other: &Candidate| pair(other).is_some_and(|interval| interval.low > 0.0);
        let bar = rules.precision * cost(&best).abs();
        let equals: Vec<(Candidate, Option<Interval>)> = alive[1..]
            .iter()
            .filter(|other| !is_dearer(other))
            .map(|other| (other.clone(), pair(other)))
            .collect();
        let is_known =
            |difference: &Option<Interval>| difference.is_some_and(|interval| interval.half_width() <= bar);
        let is_precise = equals.iter().all(|(_, difference)| is_known(difference));
        if is_precise || replications >= rules.most || plays.is_capped() {
            return Ok(Finish { best: Some(best), equals, replications, is_precise });
        }
        alive = std::iter::once(best).chain(equals.into_iter().map(|(other, _)| other)).collect();
        replications = (replications + replications.div_ceil(2)).min(rules.most);
    }
}

/// How much dearer than `plays` the others are a month, over the replications that both have; none of fewer than two.
pub fn difference(plays: &[Play], others: &[Play], confidence: Confidence) -> Option<Interval> {
    let both = plays.len().min(others.len());
    let costs = |plays: &[Play]| plays[..both].iter().map(|play| play.cost).collect::<Vec<f64>>();
    Pairs::of(&costs(plays), &costs(others)).ok()?.interval(confidence).ok()
}
