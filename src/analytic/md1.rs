//! One place with requests that all take as long (M/D/1): the law of the wait, and what is refused with room for K.
//!
//! With λ arrivals a second, service D, ρ = λ·D, A ~ Poisson(ρ) the arrivals during a service, N the number there:
//!
//! ```text
//! q₀ = 1,  P(A = 0)·q_{n+1} = q₀·P(A > n) + Σ_{i=1..n} q_i·P(A > n + 1 − i)             P(N = n) = (1 − ρ)·q_n
//! T_K = E[(A − K + 1)⁺] + Σ_{i=1..K−1} q_i·E[(A − K + i)⁺]                               T_K = P(N ≥ K), ρ < 1
//! P(W > t) = P(V ≥ k) + Σ_{j<k} P(V = j)·T_{k+1−j},   k = ⌊t/D⌋ + 1, V ~ Poisson(λ·(k·D − t))
//! refused with room for K = T_K / (1 + ρ·b),   b = q₀ + … + q_{K−1},   T_K = 1 − (1 − ρ)·b for all ρ
//! ```
//!
//! Every term is positive, so nothing cancels: the alternating series of Crommelin (1934) for the wait and of Brun
//! and Garcia (2000) for the refusals, which these equal, lose all digits from some twenty services on. The first
//! line is the balance of crossings between n and n + 1, the second its sum from K on. The third is Franx's
//! (2001). Far out, for P(W > t) with t from 20·D on, all that is left is the pole of the transform nearest to zero:
//!
//! ```text
//! P(W > t) = (1 − ρ)/(x − 1 + ρ)·e^(−x·t/D),   e^x = 1 + x/ρ,  x > 0
//! ```
//!
//! The next poles are four times as far at ρ = 0.3, and further as ρ grows; below 0.3 there is nothing at 20·D.

use crate::analytic::erlang::Traffic;
use crate::analytic::poisson::Poisson;
use crate::analytic::root;

/// Room for more is not worked out.
const PLACES_MAX: u32 = 1_000_000;

/// From how many services on a wait has its exponential tail.
const TAIL_FROM: f64 = 20.0;

/// Mean seconds waited: λ·D² / (2·(1 − ρ)). `None` where the place cannot keep up.
pub fn mean_wait_secs(traffic: Traffic) -> Option<f64> {
    let load = load(traffic)?;
    Some(load * traffic.service_secs / (2.0 * (1.0 - load)))
}

/// The share that waits longer than `secs`; all, where the place cannot keep up or what is asked is no load.
pub fn wait_share(traffic: Traffic, secs: f64) -> f64 {
    match load(traffic) {
        _ if secs < 0.0 => 1.0,
        None => 1.0,
        Some(0.0) => 0.0,
        Some(load) => share_beyond(load, secs / traffic.service_secs),
    }
}

/// The seconds that `share` waits no longer than. `None` where the place cannot keep up, and outside 0..1.
pub fn wait_quantile_secs(traffic: Traffic, share: f64) -> Option<f64> {
    let load = load(traffic)?;
    if load == 0.0 || !(share > 0.0 && share < 1.0) {
        return (load == 0.0 && share > 0.0 && share < 1.0).then_some(0.0);
    }
    let services = root::least(1.0, |services| share_beyond(load, services) <= 1.0 - share)?;
    Some(services * traffic.service_secs)
}

/// The share refused when there is room for `places`, the one in service included (M/D/1/K), and `load` is the arrivals
/// during a service. `None` for a load that is not finite or below zero, and for more than a million places.
pub fn refused_share(places: u32, load: f64) -> Option<f64> {
    if places > PLACES_MAX || !(0.0..f64::INFINITY).contains(&load) {
        return None;
    } else if places == 0 || load == 0.0 {
        return Some(if places == 0 { 1.0 } else { 0.0 });
    }
    // Above any load, what comes beyond the service is refused, and a place more is no matter.
    let overflow = 1.0 - 1.0 / load;
    let Some(mut queue) = Queue::new(load) else { return Some(overflow) };
    let mut sum = 1.0;
    for _ in 1..places {
        sum += queue.grow();
        if sum * load >= 1e30 {
            return Some(overflow);
        }
    }
    let reached = if load < 1.0 { queue.tail(places as usize) } else { 1.0 + (load - 1.0) * sum };
    Some(reached / (1.0 + load * sum))
}

/// ρ, where it is below 1.
fn load(traffic: Traffic) -> Option<f64> {
    let is_load = traffic.per_sec >= 0.0 && traffic.service_secs > 0.0;
    Some(traffic.erlangs()).filter(|load| is_load && (0.0..1.0).contains(load))
}

/// P(W > t) with t in services, 0 < ρ < 1.
fn share_beyond(load: f64, services: f64) -> f64 {
    if services >= TAIL_FROM {
        let decay = decay(load);
        return (1.0 - load) / (decay - (1.0 - load)) * libm::exp(-decay * services);
    }
    let last = libm::floor(services) as usize + 1;
    let until = Poisson::new(load * (last as f64 - services)).expect("a load below 1 has a law");
    let mut queue = Queue::new(load).expect("a load below 1 has a law");
    for _ in 0..last {
        queue.grow();
    }
    let waits = (0..last).map(|j| until.of(j as u64) * queue.tail(last + 1 - j));
    // Summed from the smallest on.
    until.above(last as u64 - 1) + waits.rev().sum::<f64>()
}

/// x > 0 with e^x = 1 + x/ρ, 0 < ρ < 1, by Newton's steps from above: e^x − 1 − x/ρ is convex.
fn decay(load: f64) -> f64 {
    let mut x = (2.0 * (1.0 - load) / load).min(2.0 - 2.0 * libm::log(load));
    loop {
        let next = x - (libm::expm1(x) - x / load) / (libm::exp(x) - 1.0 / load);
        if !(next > 0.0 && next < x) {
            return x;
        }
        x = next;
    }
}

/// The weights q of the number there.
struct Queue {
    /// q₀, q₁ and on.
    weights: Vec<f64>,
    /// P(A = 0).
    none: f64,
    /// P(A > n), as far as it is a number above zero.
    above: Vec<f64>,
    /// E\[(A − n)⁺\], likewise.
    excess: Vec<f64>,
}

impl Queue {
    /// `None` where no service passes without an arrival, in the numbers there are.
    fn new(load: f64) -> Option<Queue> {
        let arrivals = Poisson::new(load)?;
        let positive = |of: &dyn Fn(u64) -> f64| (0..).map(of).take_while(|share| *share > 0.0).collect();
        let none = arrivals.of(0);
        (none > 0.0).then(|| Queue {
            weights: vec![1.0],
            none,
            above: positive(&|n| arrivals.above(n)),
            excess: positive(&|n| arrivals.excess(n)),
        })
    }

    /// The next weight.
    fn grow(&mut self) -> f64 {
        let next = self.crossings(&self.above, self.weights.len()) / self.none;
        self.weights.push(next);
        next
    }

    /// T_K, of a queue grown to K − 1 and more.
    fn tail(&self, places: usize) -> f64 {
        self.crossings(&self.excess, places)
    }

    /// q₀·of(K − 1) + Σ_{i=1..K−1} q_i·of(K − i), K at least 1.
    fn crossings(&self, of: &[f64], places: usize) -> f64 {
        let first = of.get(places - 1).copied().unwrap_or(0.0);
        let from = (places + 1).saturating_sub(of.len()).max(1);
        (from..places).fold(first, |sum, i| sum + self.weights[i] * of[places - i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, bound: f64) {
        assert!((found / expected - 1.0).abs() < bound, "{found} is not {expected}");
    }

    fn traffic(load: f64) -> Traffic {
        Traffic { per_sec: load / 2.0, service_secs: 2.0 }
    }

    /// Crommelin's series: P(W ≤ t) = (1 − ρ)·Σ e^(−λ(kD − t))·(λ(kD − t))^k / k!, which holds its digits for short t.
    #[test]
    fn short_waits_are_those_of_the_alternating_series() {
        for load in [0.05, 0.5, 0.8, 0.95] {
            for services in [0.0, 0.3, 1.0, 2.5, 4.0, 5.99] {
                let term = |k: u32| {
                    let left = load * (f64::from(k) - services);
                    let factorial: f64 = (1..=k).map(f64::from).product();
                    (-left).exp() * left.powi(k as i32) / factorial
                };
                let within = (1.0 - load) * (0..=services as u32).map(term).sum::<f64>();
                let found = wait_share(traffic(load), services * 2.0);
                assert!((found - (1.0 - within)).abs() < 1e-11, "{load} {services}: {found}");
            }
        }
    }

    /// The sum and the pole's tail meet, so neither is off.
    #[test]
    fn the_law_has_no_step_where_its_tail_begins() {
        for load in [0.3, 0.5, 0.8, 0.9, 0.99, 0.9999] {
            let before = share_beyond(load, TAIL_FROM * (1.0 - 1e-15));
            near(before, share_beyond(load, TAIL_FROM), 1e-9);
        }
    }

    /// The mean is the integral of the tail.
    #[test]
    fn waits_add_up_to_their_mean_and_quantiles_turn_back() {
        for load in [0.1, 0.5, 0.8] {
            let (steps, step) = (120_000, 1e-3);
            let tail = |nth: u32| share_beyond(load, (f64::from(nth) + 0.5) * step);
            let integral = step * (0..steps).map(tail).sum::<f64>();
            near(integral * 2.0, mean_wait_secs(traffic(load)).unwrap(), 1e-5);
            for share in [0.95, 0.99, 0.999_999, 1.0 - 1e-12] {
                let secs = wait_quantile_secs(traffic(load), share).unwrap();
                near(wait_share(traffic(load), secs), 1.0 - share, 1e-9);
            }
        }
        assert_eq!(wait_quantile_secs(traffic(0.1), 0.89), Some(0.0));
    }

    /// With one place ρ/(1 + ρ); with two b = e^ρ, so 1 − e^ρ/(1 + ρ·e^ρ).
    #[test]
    fn few_places_refuse_what_can_be_worked_out_by_hand() {
        for load in [1e-6, 0.5, 1.0, 3.0, 40.0] {
            near(refused_share(1, load).unwrap(), load / (1.0 + load), 1e-14);
            let grown = load.exp();
            let expected = 1.0 - grown / (1.0 + load * grown);
            assert!((refused_share(2, load).unwrap() - expected).abs() < 1e-15);
        }
    }

    /// In heavy traffic 1/(2K), nearly; far below it what is refused falls by e^x with each place.
    #[test]
    fn many_places_refuse_what_their_limits_say() {
        near(refused_share(100_000, 1.0).unwrap(), 1.0 / 200_000.0, 1e-5);
        let falls = refused_share(300, 0.9).unwrap() / refused_share(301, 0.9).unwrap();
        near(falls, decay(0.9).exp(), 1e-9);
        assert_eq!(refused_share(1_000_000, 800.0), Some(1.0 - 1.0 / 800.0));
        near(refused_share(1000, 1.2).unwrap(), 1.0 - 1.0 / 1.2, 1e-14);
    }

    #[test]
    fn what_cannot_keep_up_waits_for_ever_and_nonsense_has_no_answer() {
        for load in [1.0, 1.5, -0.5, f64::NAN, f64::INFINITY] {
            assert_eq!(mean_wait_secs(traffic(load)), None);
            assert_eq!(wait_quantile_secs(traffic(load), 0.5), None);
            assert_eq!(wait_share(traffic(load), 1.0), 1.0);
        }
        assert_eq!((refused_share(0, 0.5), refused_share(5, 0.0)), (Some(1.0), Some(0.0)));
        assert_eq!((refused_share(5, f64::NAN), refused_share(u32::MAX, 0.5)), (None, None));
        assert_eq!((wait_share(traffic(0.0), 0.0), wait_quantile_secs(traffic(0.0), 0.9)), (0.0, Some(0.0)));
        assert_eq!((wait_share(traffic(0.5), -1.0), wait_share(traffic(0.5), f64::INFINITY)), (1.0, 0.0));
        assert_eq!(wait_quantile_secs(traffic(0.5), 1.0), None);
    }
}
