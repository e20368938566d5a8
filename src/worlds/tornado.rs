//! What matters most: each input at its p10 and at its p90, while all others are where they are most likely.

use super::{Play, Question, Setup};
use crate::error::Result;
use crate::report::worlds::{Bar, Told, Tornado};
use crate::scenario::uncertain::{Input, Law};

/// The values of the inputs: where all are most likely, and then two for each input, with it at its low and high end.
pub fn points(inputs: &[(Input, Law)]) -> Vec<Vec<f64>> {
    let likely: Vec<f64> = inputs.iter().map(|(_, law)| law.likely()).collect();
    let ends = inputs.iter().enumerate().flat_map(|(nth, (_, law))| [(nth, law, 0.1), (nth, law, 0.9)]);
    let moved = ends.map(|(nth, law, share)| {
        let mut values = likely.clone();
        values[nth] = law.quantile(share);
        values
    });
    std::iter::once(likely.clone()).chain(moved).collect()
}

/// Plays the two alternatives that cost least, all with the chance of the scenario's own seed.
pub fn play(question: &Question, told: &Told, on_play: &mut dyn FnMut(usize)) -> Result<Option<Tornado>> {
    let points = points(&question.inputs);
    let points = points.iter().map(|values| question.changes(values)).collect::<Result<Vec<_>>>()?;
    let find = |name: &&String| question.alternatives.iter().find(|alternative| alternative.name == **name);
    let two: Vec<_> = told.ranking.iter().take(2).filter_map(|name| find(&name)).collect();
    let setups = two
        .iter()
        .flat_map(|alternative| points.iter().map(|changes| ([&alternative.set[..], changes].concat(), 0)));
    let setups: Vec<Setup> = setups.collect();
    let plays = question.play(&setups, on_play)?;
    let mut costs = plays.chunks(points.len()).map(|plays| plays.iter().map(dollars).collect::<Vec<f64>>());
    let Some(best) = costs.next() else { return Ok(None) };
    // What the best saves: above 0 where it is cheaper.
    let saved: Option<Vec<f64>> =
        costs.next().map(|second| second.iter().zip(&best).map(|(second, best)| second - best).collect());
    let bar = |(nth, (input, _)): (usize, &(Input, Law))| {
        let (low, high) = (1 + 2 * nth, 2 + 2 * nth);
        Bar {
            key: input.key.clone(),
            low: points[low][nth].value().into(),
            high: points[high][nth].value().into(),
            cost: (best[low], best[high]),
            saved: saved.as_ref().map(|saved| (saved[low], saved[high])),
        }
    };
    Ok(Some(Tornado {
        best: two[0].name.clone(),
        second: two.get(1).map(|second| second.name.clone()),
        cost: best[0],
        saved: saved.as_ref().map(|saved| saved[0]),
        bars: question.inputs.iter().enumerate().map(bar).collect(),
    }))
}

fn dollars(play: &Play) -> f64 {
    play.cost.as_dollars_f64()
}
