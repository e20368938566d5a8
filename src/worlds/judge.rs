//! What the plays of all alternatives in all worlds say: expected costs, who is cheaper how often, and regrets.

use super::Play;
use super::hypercube::HYPERCUBES;
use crate::report::worlds::{Chosen, Estimate, Pair, Share, Told};
use crate::scenario::uncertain::Alternative;
use crate::statistics::interval::{Confidence, Interval, NoInterval};
use crate::statistics::sample::Sample;
use crate::statistics::share;

/// Sums up `plays`, by alternative and then by world: as many of each, those of a hypercube behind each other.
pub fn judge(alternatives: &[Alternative], plays: &[Vec<Play>]) -> Told {
    let costs: Vec<Vec<f64>> =
        plays.iter().map(|plays| plays.iter().map(|play| play.cost.as_dollars_f64()).collect()).collect();
    let worlds = costs.first().map_or(0, Vec::len);
    let least = |world: usize| plays.iter().map(|plays| plays[world].cost).min();
    let chosen = |(nth, alternative): (usize, &Alternative)| {
        let played = &plays[nth];
        let regret =
            |(world, play): (usize, &Play)| (play.cost - least(world).unwrap_or(play.cost)).as_dollars_f64();
        let regrets: Vec<f64> = played.iter().enumerate().map(regret).collect();
        let refused: Sample = played.iter().filter_map(|play| play.refused_share).collect();
        let met: Option<Vec<bool>> = played.iter().map(|play| play.is_met).collect();
        let sorted = sorted(&costs[nth]);
        let regret_sorted = self::sorted(&regrets);
        Chosen {
            name: alternative.name.clone(),
            set: alternative.set.iter().map(ToString::to_string).collect(),
            cost: mean(&costs[nth]),
            quantiles: (0..=100u32).map(|percent| quantile(&sorted, percent)).collect(),
            cheapest: share_of(regrets.iter().map(|regret| *regret == 0.0)),
            regret: mean(&regrets),
            regret_p95: quantile(&regret_sorted, 95),
            regret_max: quantile(&regret_sorted, 100),
            refused_share: (refused.count() > 0).then(|| refused.mean()),
            met: met.and_then(|met| share_of(met.into_iter())),
        }
    };
    let chosen: Vec<Chosen> = alternatives.iter().enumerate().map(chosen).collect();
    let by = |figure: fn(&Chosen) -> f64| {
        let mut order: Vec<&Chosen> = chosen.iter().collect();
        order.sort_by(|a, b| figure(a).total_cmp(&figure(b)));
        order.into_iter().map(|chosen| chosen.name.clone()).collect::<Vec<_>>()
    };
    let (ranking, by_regret) = (by(|chosen| chosen.cost.mean), by(|chosen| chosen.regret_max));
    let pairs = (0..plays.len()).flat_map(|a| (0..plays.len()).map(move |b| (a, b)));
    let pair = |(a, b): (usize, usize)| {
        let saved: Vec<f64> = costs[a].iter().zip(&costs[b]).map(|(a, b)| b - a).collect();
        Pair {
            a: alternatives[a].name.clone(),
            b: alternatives[b].name.clone(),
            saved: mean(&saved),
            cheaper: share_of(plays[a].iter().zip(&plays[b]).map(|(a, b)| a.cost < b.cost)),
        }
    };
    let pairs = pairs.filter(|(a, b)| a != b).map(pair).collect();
    let notes = chosen.iter().filter_map(|chosen| unmet(chosen, worlds)).collect();
    Told {
        worlds: worlds as u32,
        inputs: Vec::new(),
        minimax: by_regret.into_iter().next().unwrap_or_default(),
        ranking,
        alternatives: chosen,
        pairs,
        tornado: None,
        notes,
    }
}

/// A cost tells nothing of what it buys.
fn unmet(chosen: &Chosen, worlds: usize) -> Option<String> {
    let met = chosen.met.as_ref().filter(|met| met.share < 1.0)?;
    let missed = libm::round((1.0 - met.share) * worlds as f64);
    Some(format!(
        "{} misses a threshold in {missed} of {worlds} worlds; what it costs there buys less",
        chosen.name
    ))
}

/// The mean over all worlds, with the interval of the means of hypercubes: these are independent.
fn mean(values: &[f64]) -> Estimate {
    let size = values.len().div_ceil(HYPERCUBES as usize).max(1);
    let means = values.chunks(size).map(|cube| cube.iter().sum::<f64>() / cube.len() as f64);
    let sample: Sample = means.collect();
    let found: Result<Interval, NoInterval> = sample.interval(Confidence::P95);
    Estimate { mean: sample.mean(), interval: found.ok().map(|found| (found.low, found.high)) }
}

/// The share of what is true, with Wilson's interval.
fn share_of(each: impl Iterator<Item = bool>) -> Option<Share> {
    let (hits, trials) = each.fold((0, 0), |(hits, trials), is_hit| (hits + u64::from(is_hit), trials + 1));
    let found = share::interval(hits, trials, Confidence::P95).ok()?;
    Some(Share { share: found.estimate, low: found.low, high: found.high })
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The value of the rank ⌈n·percent/100⌉, of the first for 0.
fn quantile(sorted: &[f64], percent: u32) -> f64 {
    let rank = (sorted.len() * percent as usize).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}
