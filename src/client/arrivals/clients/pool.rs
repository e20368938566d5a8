//! The clients of a pool: what each asks of all, and who asks next.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::{Clients, Family};
use crate::analytic::normal;
use crate::number::{NonNegative, Share};
use crate::rng::{Draws, Purpose, Rng};

/// Clients and their next requests, in operational time: all together ask once per unit.
#[derive(Clone, Debug)]
pub struct Pool {
    clients: Vec<Client>,
    due: BinaryHeap<Reverse<Due>>,
}

#[derive(Clone, Debug)]
struct Client {
    law: Law,
    /// The mean of its gaps.
    mean: f64,
    /// Its gaps drawn.
    drawn: u64,
}

/// A client's next request. Ties go to the larger client.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: f64,
    client: u32,
}

impl Pool {
    pub fn new(settings: &Clients, rng: &Rng) -> Pool {
        let volumes = volumes(settings);
        let mut by_chance: Vec<usize> = (0..volumes.len()).collect();
        by_chance.sort_by_key(|client| own(rng, *client as u32).of(Purpose::Clients, 0, 0).u64());
        let mut laws = vec![Law::Gamma { shape: 1.0 }; volumes.len()];
        // Each takes the middle of another of as many equal parts, so that the quantiles are met whatever the chance.
        for (place, client) in by_chance.into_iter().enumerate() {
            let share = (place as f64 + 0.5) / volumes.len() as f64;
            laws[client] = Law::new(settings.gaps, settings.cv.quantile(share));
        }
        let clients =
            volumes.into_iter().zip(laws).map(|(volume, law)| Client { law, mean: 1.0 / volume, drawn: 0 });
        let mut pool = Pool { clients: clients.collect(), due: BinaryHeap::new() };
        let first =
            (0..).zip(&mut pool.clients).map(|(client, it)| Reverse(Due { at: it.gap(client, rng), client }));
        pool.due = first.filter(|Reverse(due)| due.at.is_finite()).collect();
        pool
    }

    /// Takes the next request: when in operational time, and whose.
    pub fn next(&mut self, rng: &Rng) -> (f64, u32) {
        let Some(mut first) = self.due.peek_mut() else { return (f64::INFINITY, 0) };
        let Reverse(due) = *first;
        first.0.at += self.clients[due.client as usize].gap(due.client, rng);
        (due.at, due.client)
    }
}

impl Client {
    /// Its next gap; the first is what is left of one that is under way.
    fn gap(&mut self, client: u32, rng: &Rng) -> f64 {
        let mut draws = own(rng, client).of(Purpose::Arrival, self.drawn, 0);
        let gap = if self.drawn == 0 { self.law.rest(&mut draws) } else { self.law.gap(&mut draws) };
        self.drawn += 1;
        self.mean * gap
    }
}

/// The root of a client's chance.
fn own(rng: &Rng, client: u32) -> Rng {
    rng.child(CLIENTS | u64::from(client))
}

/// Where the keys of clients begin, away from those of classes.
const CLIENTS: u64 = 1 << 34;

/// A law of gaps with mean 1.
#[derive(Clone, Copy, Debug)]
enum Law {
    Gamma { shape: f64 },
    Weibull { shape: f64, scale: f64 },
}

impl Law {
    fn new(family: Family, cv: f64) -> Law {
        match family {
            Family::Gamma => Law::Gamma { shape: 1.0 / (cv * cv) },
            Family::Weibull => {
                let shape = weibull_shape(cv);
                Law::Weibull { shape, scale: 1.0 / libm::tgamma(1.0 + 1.0 / shape) }
            }
        }
    }

    fn gap(self, draws: &mut Draws) -> f64 {
        match self {
            Law::Gamma { shape } => draws.gamma(shape),
            Law::Weibull { shape, scale } => scale * draws.weibull(shape),
        }
    }

    /// What is left, at any time, of the gap that is under way: a uniform part of a gap drawn in proportion to its
    /// length. Where x is gamma of shape k, x in proportion to its length is gamma of shape k + 1 and the same scale;
    /// and where x/scale to the power of k is exponential, that is then gamma of shape 1 + 1/k.
    fn rest(self, draws: &mut Draws) -> f64 {
        let part = draws.unit();
        part * match self {
            Law::Gamma { shape } => draws.gamma(shape + 1.0) * (shape + 1.0) / shape,
            Law::Weibull { shape, scale } => {
                let power = 1.0 + 1.0 / shape;
                scale * libm::pow(power * draws.gamma(power), 1.0 / shape)
            }
        }
    }
}

/// The shape k of the Weibull law with this coefficient of variation: cv² = Γ(1 + 2/k) / Γ(1 + 1/k)² − 1, which falls
/// as k grows.
fn weibull_shape(cv: f64) -> f64 {
    let wanted = libm::log(1.0 + cv * cv);
    let spread = |shape: f64| libm::lgamma(1.0 + 2.0 / shape) - 2.0 * libm::lgamma(1.0 + 1.0 / shape);
    bisect(0.1, 200.0, |shape| spread(shape) > wanted)
}

/// Each client's part of all requests, the largest first.
///
/// Lognormal volumes are those of a typical sample and not a drawn one: with n clients the r-th largest has
/// exp(sigma·z), where z = Φ⁻¹(1 − (r − 3/8) / (n + 1/4)) is about the mean of the r-th largest of n standard normals
/// (Blom 1958).
pub fn volumes(settings: &Clients) -> Vec<f64> {
    let count = settings.count.max(1);
    let zipf = settings.zipf.map_or(0.0, NonNegative::get);
    let volume = |rank: u32| match settings.sigma {
        Some(sigma) => {
            let above = (f64::from(rank) - 0.375) / (f64::from(count) + 0.25);
            libm::exp(-sigma.get() * normal::quantile(above).expect("a rank is at most the count"))
        }
        None => libm::pow(f64::from(rank), -zipf),
    };
    let mut volumes: Vec<f64> = (1..=count).map(volume).collect();
    let sum: f64 = volumes.iter().sum();
    let (top, top_share) = (volumes[0] / sum, settings.top_share.map(Share::get));
    // Whoever is not the largest has what the largest leaves, in the proportions of before.
    let left = top_share.filter(|_| count > 1).map_or(1.0, |share| (1.0 - share) / (1.0 - top));
    volumes.iter_mut().for_each(|volume| *volume *= left / sum);
    volumes[0] = top_share.filter(|_| count > 1).unwrap_or(top);
    volumes
}

/// Where `is_below` turns false between two numbers, to the last bits.
fn bisect(mut low: f64, mut high: f64, is_below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if is_below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

impl Eq for Due {}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.client.cmp(&other.client))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
