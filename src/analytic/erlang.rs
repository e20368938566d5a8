//! Erlang's formulas: how many jobs at once an endpoint must take so that few are refused, or few wait long.
//!
//! With `a` erlangs offered (arrivals a second × mean seconds of service) to `c` places:
//!
//! ```text
//! B(0) = 1,  B(c) = a·B(c−1) / (c + a·B(c−1))          refused, where nobody can wait     (Erlang B)
//! C(c) = B(c) / (1 − (a/c)·(1 − B(c)))                 must wait, where everybody can     (Erlang C)
//! P(W > t) = C(c)·e^(−δ·t),  δ = c·μ − λ               waits longer than t, μ = 1/s, s the mean service
//! E[W] = C(c)/δ                                        mean wait
//! P(W + S > t) = (1 − C)·e^(−μ·t) + C·(δ·e^(−μ·t) − μ·e^(−δ·t))/(δ − μ)
//! ```
//!
//! With one place this is M/M/1: C = a, and W + S is exponential with rate μ − λ. Mean numbers are λ times mean
//! times (Little).
//!
//! The recursion only adds and divides positive numbers, so it neither overflows nor cancels, whatever `a`
//! and `c` are. B holds for any law of service times, C for exponential ones. (A. K. Erlang, 1917; the
//! recursion: Cooper, Introduction to Queueing Theory, 1981.)

use crate::analytic::root;

/// What is offered to a pool of places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Arrivals a second, of a Poisson process.
    pub per_sec: f64,
    /// Mean seconds of service.
    pub service_secs: f64,
}

impl Traffic {
    /// Mean number in service if nobody is refused.
    pub fn erlangs(self) -> f64 {
        self.per_sec * self.service_secs
    }

    /// The share that waits longer than `secs` at `places`; all, where the places cannot keep up.
    pub fn wait_share(self, places: u32, secs: f64) -> f64 {
        self.wait_share_of(places, refused_share(places, self.erlangs()), secs)
    }

    /// Mean seconds waited for one of `places`. `None` where they cannot keep up, or service takes no time.
    pub fn mean_wait_secs(self, places: u32) -> Option<f64> {
        Some(self.wait_share(places, 0.0) / self.spare(places)?)
    }

    /// The seconds that `share` waits no longer than. `None` as for the mean, and outside 0..1.
    pub fn wait_quantile_secs(self, places: u32, share: f64) -> Option<f64> {
        let (spare, waiting) = (self.spare(places)?, self.wait_share(places, 0.0));
        let is_share = share > 0.0 && share < 1.0;
        is_share.then(|| (libm::log(waiting / (1.0 - share)) / spare).max(0.0))
    }

    /// Mean seconds until it is served, the wait included. `None` as for the mean wait.
    pub fn mean_sojourn_secs(self, places: u32) -> Option<f64> {
        Some(self.mean_wait_secs(places)? + self.service_secs)
    }

    /// The share that is not served within `secs` of its arrival; all, where the places cannot keep up.
    pub fn sojourn_share(self, places: u32, secs: f64) -> f64 {
        match self.spare(places) {
            Some(spare) if secs >= 0.0 => self.sojourn_share_of(self.wait_share(places, 0.0), spare, secs),
            _ => 1.0,
        }
    }

    /// The seconds within which `share` is served. `None` as for the mean wait, and outside 0..1.
    pub fn sojourn_quantile_secs(self, places: u32, share: f64) -> Option<f64> {
        let (spare, waiting) = (self.spare(places)?, self.wait_share(places, 0.0));
        if !(share > 0.0 && share < 1.0) {
            return None;
        }
        root::least(self.service_secs, |secs| self.sojourn_share_of(waiting, spare, secs) <= 1.0 - share)
    }

    /// The fewest places at which at most `share` waits longer than `secs`. `None` for what is not a share
    /// above zero or not a finite load, and where no number of places suffices.
    pub fn places_for_wait(self, secs: f64, share: f64) -> Option<u32> {
        fewest(self.erlangs(), share, |places, refused| self.wait_share_of(places, refused, secs))
    }

    /// δ, how many more a second `places` could serve.
    fn spare(self, places: u32) -> Option<f64> {
        let is_load = self.per_sec >= 0.0 && self.service_secs > 0.0 && self.erlangs() < f64::from(places);
        let spare = f64::from(places) / self.service_secs - self.per_sec;
        (is_load && spare.is_finite()).then_some(spare)
    }

    /// Of the rates μ and δ, a the lower and d their difference: (δ·e^(−μ·t) − μ·e^(−δ·t))/(δ − μ) is
    /// e^(−a·t)·(1 + a·(1 − e^(−d·t))/d), which does not cancel where they meet.
    fn sojourn_share_of(self, waiting: f64, spare: f64, secs: f64) -> f64 {
        let rate = 1.0 / self.service_secs;
        let (low, apart) = (rate.min(spare), (rate - spare).abs() * secs);
        if low * secs > 800.0 {
            return 0.0;
        }
        let both = if apart == 0.0 { secs } else { -libm::expm1(-apart) / apart * secs };
        (1.0 - waiting) * libm::exp(-rate * secs) + waiting * libm::exp(-low * secs) * (1.0 + low * both)
    }

    fn wait_share_of(self, places: u32, refused: f64, secs: f64) -> f64 {
        let (erlangs, places) = (self.erlangs(), f64::from(places));
        if erlangs == 0.0 {
            return 0.0;
        } else if erlangs >= places {
            return 1.0;
        }
        let waiting = refused / (1.0 - erlangs / places * (1.0 - refused));
        waiting * libm::exp(-(places / self.service_secs - self.per_sec) * secs.max(0.0))
    }
}

/// Erlang B: the share refused at `places` when nobody can wait.
pub fn refused_share(places: u32, erlangs: f64) -> f64 {
    let mut refused = 1.0;
    for places in 1..=places {
        refused = next(refused, places, erlangs);
        if refused == 0.0 {
            break;
        }
    }
    refused
}

/// The fewest places at which at most `share` of the load is refused. `None` as for [`Traffic::places_for_wait`].
pub fn places_for_refusals(erlangs: f64, share: f64) -> Option<u32> {
    fewest(erlangs, share, |_, refused| refused)
}

fn next(refused: f64, places: u32, erlangs: f64) -> f64 {
    erlangs * refused / (f64::from(places) + erlangs * refused)
}

/// The fewest places at which `measure`, of the places and the share they refuse, is at most `share`.
fn fewest(erlangs: f64, share: f64, measure: impl Fn(u32, f64) -> f64) -> Option<u32> {
    if !(erlangs.is_finite() && erlangs >= 0.0 && share > 0.0) {
        return None;
    }
    let mut refused = 1.0;
    for places in 0..=u32::MAX {
        if places > 0 {
            refused = next(refused, places, erlangs);
        }
        if measure(places, refused) <= share {
            return Some(places);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With one place, B = a / (1 + a); with two, a² / (2 + 2a + a²).
    #[test]
    fn few_places_refuse_what_can_be_worked_out_by_hand() {
        assert_eq!(refused_share(0, 3.0), 1.0);
        assert_eq!(refused_share(1, 3.0), 0.75);
        assert!((refused_share(2, 3.0) - 9.0 / 17.0).abs() < 1e-15);
    }

    /// At a = c, B ≈ √(2 / (π·c)) · (1 + O(1/√c)).
    #[test]
    fn a_million_places_are_no_harder_than_one() {
        let places = 1_000_000;
        let expected = (2.0 / (std::f64::consts::PI * f64::from(places))).sqrt();
        let refused = refused_share(places, f64::from(places));
        assert!((refused / expected - 1.0).abs() < 2e-3, "{refused} {expected}");
        assert!(places_for_refusals(1e6, 1e-9).is_some_and(|enough| enough > places));
        assert_eq!(refused_share(u32::MAX, 5.0), 0.0);
    }

    #[test]
    fn the_fewest_places_suffice_and_one_less_does_not() {
        for (erlangs, share) in [(0.5, 0.3), (7.0, 0.01), (190.0, 0.001)] {
            let places = places_for_refusals(erlangs, share).unwrap();
            assert!(refused_share(places, erlangs) <= share);
            assert!(refused_share(places - 1, erlangs) > share);
        }
    }

    /// Of M/M/1, W + S is exponential: its quantile is −ln(1 − q)/(μ − λ).
    #[test]
    fn with_one_place_the_time_there_is_exponential() {
        for load in [1e-9, 0.3, 0.5, 0.8, 0.999] {
            let traffic = Traffic { per_sec: load / 2.0, service_secs: 2.0 };
            let rate = 0.5 - traffic.per_sec;
            assert!((traffic.mean_sojourn_secs(1).unwrap() * rate - 1.0).abs() < 1e-12);
            for share in [0.01f64, 0.5, 0.99, 0.999_999] {
                let expected = -(-share).ln_1p() / rate;
                let found = traffic.sojourn_quantile_secs(1, share).unwrap();
                assert!((found / expected - 1.0).abs() < 1e-9, "{load} {share}: {found} {expected}");
                let waited = traffic.wait_quantile_secs(1, share).unwrap();
                assert!(waited < found);
                assert!(waited == 0.0 || (traffic.wait_share(1, waited) / (1.0 - share) - 1.0).abs() < 1e-9);
            }
        }
    }

    /// The mean is the integral of the tail, here by Simpson's rule.
    #[test]
    fn the_share_not_served_yet_adds_up_to_the_mean() {
        for (per_sec, places) in [(8.0, 10), (9.0, 10), (9.0 + 1e-13, 10), (2.9, 3)] {
            let traffic = Traffic { per_sec, service_secs: 1.0 };
            let (steps, step) = (40_000, 0.01);
            let weight = |nth: u32| if nth.is_multiple_of(2) { 2.0 } else { 4.0 };
            let tail = |nth: u32| weight(nth) * traffic.sojourn_share(places, f64::from(nth) * step);
            let integral = (step / 3.0) * ((1..steps).map(tail).sum::<f64>() + 1.0);
            let mean = traffic.mean_sojourn_secs(places).unwrap();
            assert!((integral / mean - 1.0).abs() < 1e-9, "{per_sec}: {integral} {mean}");
        }
    }

    #[test]
    fn places_that_cannot_keep_up_have_no_times() {
        for (per_sec, service_secs) in
            [(2.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)]
        {
            let traffic = Traffic { per_sec, service_secs };
            assert_eq!((traffic.mean_wait_secs(2), traffic.mean_sojourn_secs(2)), (None, None));
            assert_eq!(
                (traffic.wait_quantile_secs(2, 0.5), traffic.sojourn_quantile_secs(2, 0.5)),
                (None, None)
            );
            assert_eq!(traffic.sojourn_share(2, 1.0), 1.0);
        }
        let idle = Traffic { per_sec: 0.0, service_secs: 1.0 };
        assert_eq!((idle.mean_wait_secs(2), idle.wait_quantile_secs(2, 0.9)), (Some(0.0), Some(0.0)));
        assert_eq!((idle.sojourn_quantile_secs(2, 1.0), idle.sojourn_share(2, f64::INFINITY)), (None, 0.0));
    }

    #[test]
    fn nonsense_has_no_answer_and_no_load_needs_no_place() {
        assert_eq!(places_for_refusals(f64::NAN, 0.1), None);
        assert_eq!(places_for_refusals(5.0, 0.0), None);
        assert_eq!(places_for_refusals(f64::INFINITY, 0.1), None);
        assert_eq!(Traffic { per_sec: 0.0, service_secs: 1.0 }.places_for_wait(0.0, 0.01), Some(0));
        assert_eq!(Traffic { per_sec: 2.0, service_secs: 1.0 }.wait_share(2, 1.0), 1.0);
    }
}
