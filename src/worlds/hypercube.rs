//! Worlds: values of what is uncertain, spread by Latin hypercubes.
//!
//! A hypercube of m worlds has each input's law cut into m parts of equal chance and takes each part once, in an order of
//! the input's own (McKay, Beckman and Conover 1979). Several hypercubes are drawn, each with other chance: the means of
//! each are independent samples of one law, so their interval is that of a mean, and narrow by as much as the cutting helps.

use crate::rng::{Purpose, Rng};
use crate::scenario::uncertain::Law;

/// So many hypercubes: an interval of the mean of each has nine degrees of freedom.
pub const HYPERCUBES: u32 = 10;

/// As many worlds as hypercubes of one size hold, and no fewer than were asked for.
pub fn rounded(worlds: u32) -> u32 {
    worlds.next_multiple_of(HYPERCUBES)
}

/// The values of each input, world by world: a hypercube's worlds follow each other.
pub fn draw(laws: &[Law], worlds: u32, rng: &Rng) -> Vec<Vec<f64>> {
    let parts = rounded(worlds) / HYPERCUBES;
    let cubes = (0..HYPERCUBES).flat_map(|cube| {
        let columns: Vec<Vec<f64>> = (0..)
            .zip(laws)
            .map(|(nth, law)| column(law, parts, &mut rng.of(Purpose::Worlds, nth, cube)))
            .collect();
        (0..parts as usize).map(move |world| columns.iter().map(|column| column[world]).collect())
    });
    cubes.collect()
}

/// One input's values in the worlds of one hypercube: one of each part, in an order by chance.
fn column(law: &Law, parts: u32, draws: &mut crate::rng::Draws) -> Vec<f64> {
    let mut order: Vec<u32> = (0..parts).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, draws.below(last as u64 + 1) as usize);
    }
    let share =
        |part: u32, draws: &mut crate::rng::Draws| (f64::from(part) + draws.unit()) / f64::from(parts);
    order.into_iter().map(|part| law.quantile(share(part, draws))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAWS: [Law; 2] = [Law::Uniform { low: 0.0, high: 1.0 }, Law::Uniform { low: 0.0, high: 1.0 }];

    #[test]
    fn each_part_of_each_input_is_taken_once_by_each_hypercube() {
        let worlds = draw(&LAWS, 200, &Rng::new(7));
        assert_eq!(worlds.len(), 200);
        for cube in worlds.chunks(20) {
            for input in 0..2 {
                let mut parts: Vec<u32> = cube.iter().map(|world| (world[input] * 20.0) as u32).collect();
                parts.sort_unstable();
                assert_eq!(parts, (0..20).collect::<Vec<_>>());
            }
        }
    }

    /// The orders of two inputs are unlike: over 2,000 worlds their correlation is within 4/√2000 of none.
    #[test]
    fn inputs_do_not_follow_each_other() {
        let worlds = draw(&LAWS, 2_000, &Rng::new(7));
        let products = worlds.iter().map(|world| (world[0] - 0.5) * (world[1] - 0.5) * 12.0);
        let correlation = products.sum::<f64>() / 2_000.0;
        assert!(correlation.abs() < 4.0 / 2_000f64.sqrt(), "{correlation}");
    }

    #[test]
    fn another_seed_or_hypercube_draws_others_and_a_further_input_changes_none() {
        let worlds = draw(&LAWS, 40, &Rng::new(7));
        assert_ne!(worlds, draw(&LAWS, 40, &Rng::new(8)));
        assert_ne!(worlds[..4], worlds[4..8]);
        let one = draw(&LAWS[..1], 40, &Rng::new(7));
        assert!(one.iter().zip(&worlds).all(|(one, both)| one[0] == both[0]));
    }

    #[test]
    fn worlds_are_rounded_up_to_whole_hypercubes() {
        assert_eq!([20, 21, 30].map(rounded), [20, 30, 30]);
        assert_eq!(draw(&LAWS, 21, &Rng::new(1)).len(), 30);
    }
}
