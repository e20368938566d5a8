//! What rows make of a figure in each block of a run's time.

use std::time::Duration;

use super::asked::Asked;
use crate::collectors::latency::{MEASURES, QUANTILES};
use crate::price::Money;
use crate::statistics::bootstrap::Blocks;
use crate::time::Instant;

/// A run's measured requests, when they were intended, and what all of it cost.
#[derive(Debug)]
pub struct Measured {
    /// In the order of their intended starts.
    pub asked: Vec<Asked>,
    /// The names of the classes, in the scenario's order.
    pub classes: Vec<String>,
    /// The part of the run that is measured.
    pub from: Duration,
    pub length: Duration,
    /// `cost_total`; nothing where it is unknown.
    pub cost: Option<Money>,
}

/// What rows make of a figure.
pub struct Told {
    pub blocks: Blocks,
    /// Of how many it is: answers that have the span, else requests.
    pub samples: u64,
    /// Which quantile it is.
    pub q: Option<f64>,
    /// Of a share, how many of how many.
    pub hits: Option<(u64, u64)>,
}

/// A part of a run: what was intended in it, and what is its own of what no request is charged.
struct Block<'a> {
    asked: Vec<&'a Asked>,
    secs: f64,
    /// In dollars.
    rest: Option<f64>,
    /// Of how many a run has.
    share: f64,
}

/// One sum over another.
struct Ratio {
    above: Above,
    below: Below,
    /// Of the figure's unit in one of what is above by one of what is below.
    times: f64,
}

enum Above {
    Cost,
    Of(fn(&Asked) -> u64),
}

enum Below {
    Of(fn(&Asked) -> u64),
    Run,
    Seconds,
}

/// A figure, of a class or of all, in `count` blocks of each run; why there is none where rows do not tell it.
pub fn told(of: Option<&str>, metric: &str, runs: &[&Measured], count: usize) -> Result<Told, String> {
    let blocks: Option<Vec<Vec<Block<'_>>>> = runs.iter().map(|run| run.blocks(of, count)).collect();
    let blocks: Vec<Block<'_>> = blocks
        .ok_or("requests.csv tells figures of classes, and none of endpoints")?
        .into_iter()
        .flatten()
        .collect();
    let (measure, stat) = metric.rsplit_once('_').unwrap_or((metric, ""));
    if let Some(measure) = MEASURES.iter().position(|name| *name == measure)
        && let Some(told) = span(measure, stat, &blocks)
    {
        return Ok(told);
    }
    let ratio = ratio(metric).ok_or("requests.csv does not tell how sure it is")?;
    let parts: Option<Vec<(f64, f64)>> = blocks.iter().map(|block| ratio.of(block)).collect();
    let parts = parts
        .ok_or("what it cost is not known, as something has no price, or is paid for all classes together")?;
    let whole = |side: fn(&(f64, f64)) -> f64| parts.iter().map(side).sum::<f64>().round() as u64;
    let hits = metric.ends_with("_share").then(|| (whole(|part| part.0), whole(|part| part.1)));
    let samples = blocks.iter().map(|block| block.asked.len() as u64).sum();
    Ok(Told { blocks: Blocks::ratio(parts), samples, q: None, hits })
}

/// A mean or quantile of a span, in seconds.
fn span(measure: usize, stat: &str, blocks: &[Block<'_>]) -> Option<Told> {
    let values = |block: &Block<'_>| -> Vec<f64> {
        block.asked.iter().filter_map(|asked| asked.spans[measure]).collect()
    };
    let values: Vec<Vec<f64>> = blocks.iter().map(values).collect();
    let samples = values.iter().map(|block| block.len() as u64).sum();
    let q = QUANTILES.iter().find(|(name, _)| *name == stat).map(|(_, q)| *q);
    let blocks = match (stat, q) {
        ("mean", _) => {
            let part = |block: &Vec<f64>| (block.iter().sum::<f64>(), block.len() as f64);
            Blocks::ratio(values.iter().map(part).collect())
        }
        (_, Some(q)) => Blocks::quantile(q, &values),
        _ => return None,
    };
    Some(Told { blocks, samples, q, hits: None })
}

fn ratio(metric: &str) -> Option<Ratio> {
    use Above::Cost;
    let one = Below::Of(|_| 1);
    let (above, below, times) = match metric {
        "cost_per_1k_requests" => (Cost, one, 1e3),
        "cost_per_1k_good_requests" => (Cost, Below::Of(|asked| asked.is_good.into()), 1e3),
        "cost_per_good_request" => (Cost, Below::Of(|asked| asked.is_good.into()), 1.0),
        "cost_per_million_tokens" => (Cost, Below::Of(|asked| asked.tokens), 1e6),
        "cost_per_month" => (Cost, Below::Seconds, SECS_A_MONTH),
        "cost_per_request" => (Cost, one, 1.0),
        "cost_total" => (Cost, Below::Run, 1.0),
        "error_share" => (Above::Of(|asked| (!asked.is_done).into()), one, 1.0),
        "good_share" => (Above::Of(|asked| asked.is_good.into()), one, 1.0),
        "goodput" => (Above::Of(|asked| asked.is_good.into()), Below::Seconds, 1.0),
        "refused_share" => (Above::Of(|asked| asked.is_refused.into()), one, 1.0),
        "throttled_requests_share" => (Above::Of(|asked| (asked.throttled > 0).into()), one, 1.0),
        "throttled_share" => {
            (Above::Of(|asked| asked.throttled.into()), Below::Of(|asked| asked.attempts.into()), 1.0)
        }
        _ => return None,
    };
    Some(Ratio { above, below, times })
}

/// 730 hours.
const SECS_A_MONTH: f64 = 730.0 * 3600.0;

impl Measured {
    /// The window in so many parts of equal time, with the requests of a class or with all; nothing where there is no such class.
    fn blocks(&self, of: Option<&str>, count: usize) -> Option<Vec<Block<'_>>> {
        let class = match of {
            Some(of) => Some(self.classes.iter().position(|class| class == of)?),
            None => None,
        };
        let known = self.asked.iter().map(|asked| asked.cost).sum::<Option<Money>>().zip(self.cost);
        // What no request is charged is nobody's class.
        let known = known.filter(|(metered, total)| class.is_none() || metered == total);
        let rest = known.map(|(metered, total)| (total - metered).as_dollars_f64() / count as f64);
        let secs = self.length.as_secs_f64() / count as f64;
        let empty = || Block { asked: Vec::new(), secs, rest, share: 1.0 / count as f64 };
        let mut blocks: Vec<Block<'_>> = (0..count).map(|_| empty()).collect();
        let is_wanted = |asked: &&Asked| class.is_none_or(|class| usize::from(asked.class.0) == class);
        for asked in self.asked.iter().filter(is_wanted) {
            let into = asked.intended.since(Instant::START).saturating_sub(self.from);
            let nth = (into.as_secs_f64() / secs) as usize;
            blocks[nth.min(count - 1)].asked.push(asked);
        }
        Some(blocks)
    }
}

impl Ratio {
    /// What is above and below the line in a block; nothing where it is not known.
    fn of(&self, block: &Block<'_>) -> Option<(f64, f64)> {
        let sum = |of: fn(&Asked) -> u64| block.asked.iter().map(|asked| of(asked)).sum::<u64>() as f64;
        let above = match self.above {
            Above::Cost => {
                let charged = block.asked.iter().map(|asked| asked.cost).sum::<Option<Money>>()?;
                charged.as_dollars_f64() + block.rest?
            }
            Above::Of(of) => sum(of),
        };
        let below = match self.below {
            Below::Of(of) => sum(of),
            Below::Run => block.share,
            Below::Seconds => block.secs,
        };
        Some((above * self.times, below))
    }
}
