//! Downhill over sizes on sale: steps of one option, and exchanges of two, that grow while they help and halve where not.

use crate::error::Result;

/// How good a candidate is: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Score {
    /// Thresholds that are missed.
    pub misses: u32,
    /// Dollars a month; of those that miss thresholds, whatever leads to where none are missed.
    pub cost: f64,
}

/// The best that is reached from `start`: no step of one size in one option, up or down, and no exchange of two is
/// better. `score` is asked for several at once, and may give none for what is not looked at.
pub fn descend(
    start: Vec<usize>,
    sizes: &[usize],
    mut score: impl FnMut(&[Vec<usize>]) -> Result<Vec<Option<Score>>>,
) -> Result<Vec<usize>> {
    let mut at = start;
    let Some(mut best) = score(std::slice::from_ref(&at))?.into_iter().next().flatten() else {
        return Ok(at);
    };
    let mut step = 1;
    loop {
        let around = neighbours(&at, sizes, step);
        let scores = score(&around)?;
        let found = around.into_iter().zip(scores).filter_map(|(place, score)| Some((place, score?)));
        let better = found.fold(None, |better: Option<(Vec<usize>, Score)>, (place, score)| {
            let bar = better.as_ref().map_or(best, |(_, score)| *score);
            if score < bar { Some((place, score)) } else { better }
        });
        match better {
            Some((place, score)) => {
                (at, best) = (place, score);
                step *= 2;
            }
            None if step == 1 => return Ok(at),
            None => step /= 2,
        }
    }
}

/// The places that are `step` sizes away: of one option, or from one option to another.
pub fn neighbours(at: &[usize], sizes: &[usize], step: usize) -> Vec<Vec<usize>> {
    let down = |index: usize, place: &[usize]| {
        let mut moved = place.to_vec();
        moved[index] = moved[index].saturating_sub(step);
        moved
    };
    let up = |index: usize, place: &[usize]| {
        let mut moved = place.to_vec();
        moved[index] = moved[index].saturating_add(step).min(sizes[index].saturating_sub(1));
        moved
    };
    let mut places = Vec::new();
    for index in 0..at.len() {
        places.extend([down(index, at), up(index, at)]);
        let others = (0..at.len()).filter(|other| *other != index);
        places.extend(others.filter(|_| at[index] > 0).map(|other| up(other, &down(index, at))));
    }
    places.retain(|place| place != at);
    places.sort();
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Convex with a ridge: the options replace each other.
    fn cost(place: &[usize]) -> f64 {
        let (a, b) = (place[0] as f64, place[1] as f64);
        (a + b - 40.0).powi(2) * 10.0 + (a - 13.0).powi(2) + b
    }

    #[test]
    fn from_anywhere_the_best_of_a_convex_cost_is_reached_by_few_looks() {
        let all = (0..60).flat_map(|a| (0..60).map(move |b| vec![a, b]));
        let best = all.min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap();
        for start in [[0, 0], [59, 59], [59, 0], [0, 59], [13, 27]] {
            let mut looked = 0;
            let found = descend(start.to_vec(), &[60, 60], |places| {
                looked += places.len();
                Ok(places.iter().map(|place| Some(Score { misses: 0, cost: cost(place) })).collect())
            });
            // Where two cost the same, either is the best.
            assert_eq!(cost(&found.unwrap()), cost(&best), "from {start:?}");
            assert!(looked < 400, "{looked} of 3,600");
        }
    }

    #[test]
    fn a_place_that_misses_thresholds_is_left_and_never_entered() {
        let score = |places: &[Vec<usize>]| {
            let score = |place: &Vec<usize>| match place[0] {
                size if size < 37 => Score { misses: 1, cost: -(size as f64) },
                size => Score { misses: 0, cost: size as f64 },
            };
            Ok(places.iter().map(|place| Some(score(place))).collect())
        };
        assert_eq!(descend(vec![0], &[100], score).unwrap(), [37]);
        assert_eq!(descend(vec![99], &[100], score).unwrap(), [37]);
    }

    #[test]
    fn where_nothing_may_be_looked_at_it_stays() {
        let blind = |places: &[Vec<usize>]| Ok(vec![None; places.len()]);
        assert_eq!(descend(vec![3], &[9], blind).unwrap(), [3]);
        assert!(neighbours(&[0], &[1], 1).is_empty());
    }
}
