//! Erlang A: a pool of places where those who wait give up after a while (M/M/c+M), as clients with a timeout do.
//!
//! With λ arrivals a second, mean service 1/μ, mean patience 1/θ (both exponential), c places and N jobs there:
//!
//! ```text
//! P(N = k) ∝ ∏_{j=1..k} λ / (min(j, c)·μ + (j − c)⁺·θ)
//! waits at all = P(N ≥ c),   gives up = θ·E[(N − c)⁺]/λ,   mean wait of all = E[(N − c)⁺]/λ
//! ```
//!
//! There is an answer however large the load, for the impatient leave. At θ = μ, N is Poisson of mean λ/μ; as
//! patience grows, the waits become Erlang C's. The sums start from the likeliest state, where no product
//! overflows, and have positive terms only. (C. Palm, 1957; Garnett, Mandelbaum and Reiman, Designing a Call
//! Center with Impatient Customers, 2002.)

/// What is offered to a pool of places by callers of limited patience.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impatience {
    /// Arrivals a second, of a Poisson process.
    pub per_sec: f64,
    /// Mean seconds of service.
    pub service_secs: f64,
    /// Mean seconds that a caller waits for a place before it gives up.
    pub patience_secs: f64,
}

/// What becomes of them, in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Abandonment {
    /// The share that finds no place free.
    pub delayed_share: f64,
    /// The share that gives up.
    pub abandoned_share: f64,
    /// Mean seconds waited, by those who are served and those who give up alike.
    pub mean_wait_secs: f64,
    /// Mean number of places in use.
    pub busy: f64,
}

impl Impatience {
    /// What becomes of them at `places`. `None` unless the three numbers are above zero, and arrivals within the
    /// time of a service and a patience at most 10¹².
    pub fn at(self, places: u32) -> Option<Abandonment> {
        let Impatience { per_sec, service_secs, patience_secs } = self;
        let is_in_range = [per_sec, service_secs, patience_secs].iter().all(|number| *number > 0.0)
            && per_sec * (service_secs + patience_secs) <= 1e12;
        if !is_in_range {
            return None;
        }
        let states = self.sum(f64::from(places));
        let waiting = states.waiting / states.all;
        Some(Abandonment {
            delayed_share: states.delayed / states.all,
            abandoned_share: waiting / (per_sec * patience_secs),
            mean_wait_secs: waiting / per_sec,
            busy: states.busy / states.all,
        })
    }

    /// Sums over all states, by weights relative to the likeliest's.
    fn sum(self, places: f64) -> States {
        let offered = self.per_sec * self.service_secs;
        let likeliest = if offered < places {
            libm::floor(offered)
        } else {
            places + libm::floor((self.per_sec - places / self.service_secs) * self.patience_secs)
        };
        let mut states = States::default();
        states.add(likeliest, 1.0, places);
        let (mut k, mut weight) = (likeliest, 1.0);
        while weight > 0.0 {
            k += 1.0;
            weight *= self.per_sec / self.leaving(k, places);
            states.add(k, weight, places);
            let after = weight * self.per_sec / self.leaving(k + 1.0, places) * (k + 1.0 - places);
            if k > places && is_nothing(after, weight * (k - places), states.waiting) {
                break;
            }
        }
        (k, weight) = (likeliest, 1.0);
        while k > 0.0 && weight > 0.0 {
            weight *= self.leaving(k, places) / self.per_sec;
            k -= 1.0;
            states.add(k, weight, places);
            if is_nothing(weight * self.leaving(k, places) / self.per_sec, weight, states.all) {
                break;
            }
        }
        states
    }

    /// How many leave a second of `k`, served or not.
    fn leaving(self, k: f64, places: f64) -> f64 {
        k.min(places) / self.service_secs + (k - places).max(0.0) / self.patience_secs
    }
}

/// Sums of the states' weights.
#[derive(Default)]
struct States {
    all: f64,
    delayed: f64,
    /// Weighted by the number who wait.
    waiting: f64,
    /// Weighted by the places in use.
    busy: f64,
}

impl States {
    fn add(&mut self, k: f64, weight: f64, places: f64) {
        self.all += weight;
        self.busy += weight * k.min(places);
        if k >= places {
            self.delayed += weight;
            self.waiting += weight * (k - places);
        }
    }
}

/// Whether the terms from `after` on, which follows `term` and whose ratios only fall, are below the last digit of `sum`.
fn is_nothing(after: f64, term: f64, sum: f64) -> bool {
    let ratio = after / term;
    ratio < 1.0 && after / (1.0 - ratio) <= 1e-17 * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytic::erlang::{Traffic, refused_share};
    use crate::analytic::poisson::Poisson;

    fn near(found: f64, expected: f64, bound: f64) {
        assert!((found - expected).abs() <= bound * expected.abs(), "{found} is not {expected}");
    }

    #[test]
    fn with_patience_as_long_as_service_the_number_there_is_poisson() {
        for (per_sec, places) in [(0.5, 3), (11.0, 10), (50.0, 100), (1000.0, 10), (1e6, 1_000_100)] {
            let found = Impatience { per_sec, service_secs: 1.0, patience_secs: 1.0 }.at(places).unwrap();
            let poisson = Poisson::new(per_sec).unwrap();
            let places = u64::from(places);
            near(found.delayed_share, poisson.above(places - 1), 1e-9);
            near(found.mean_wait_secs, poisson.excess(places) / per_sec, 1e-9);
            near(found.busy, per_sec - poisson.excess(places), 1e-9);
        }
    }

    #[test]
    fn endless_patience_waits_as_erlang_c_says_and_none_refuses_as_erlang_b_does() {
        let traffic = Traffic { per_sec: 8.0, service_secs: 1.0 };
        let patient = Impatience { per_sec: 8.0, service_secs: 1.0, patience_secs: 1e9 }.at(10).unwrap();
        near(patient.delayed_share, traffic.wait_share(10, 0.0), 1e-6);
        near(patient.mean_wait_secs, traffic.mean_wait_secs(10).unwrap(), 1e-6);
        let hasty = Impatience { per_sec: 8.0, service_secs: 1.0, patience_secs: 1e-9 }.at(10).unwrap();
        near(hasty.abandoned_share, refused_share(10, 8.0), 1e-6);
    }

    /// Who comes is served or gives up: λ = busy·μ + λ·gives up.
    #[test]
    fn nobody_is_lost_at_any_load_and_more_places_lose_fewer() {
        for load in [1e-3, 0.5, 0.99, 1.0, 1.5, 100.0] {
            for patience_secs in [1e-3, 0.4, 60.0, 1e6] {
                let mut before = 1.0;
                for places in [0, 1, 7, 50] {
                    let per_sec = 7.0 * load;
                    let found = Impatience { per_sec, service_secs: 2.0, patience_secs }.at(places).unwrap();
                    near(found.busy / 2.0 + per_sec * found.abandoned_share, per_sec, 1e-9);
                    assert!(found.abandoned_share <= before + 1e-12 && found.delayed_share <= 1.0 + 1e-12);
                    before = found.abandoned_share;
                }
            }
        }
    }

    #[test]
    fn what_is_no_load_has_no_answer() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Impatience { per_sec: bad, service_secs: 1.0, patience_secs: 1.0 }.at(1), None);
            assert_eq!(Impatience { per_sec: 1.0, service_secs: bad, patience_secs: 1.0 }.at(1), None);
            assert_eq!(Impatience { per_sec: 1.0, service_secs: 1.0, patience_secs: bad }.at(1), None);
        }
    }
}
