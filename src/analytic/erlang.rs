//! Erlang's formulas: how many jobs at once an endpoint must take so that few are refused, or few wait long.
//!
//! With `a` erlangs offered (arrivals a second × mean seconds of service) to `c` places:
//!
//! ```text
//! B(0) = 1,  B(c) = a·B(c−1) / (c + a·B(c−1))          refused, where nobody can wait     (Erlang B)
//! C(c) = B(c) / (1 − (a/c)·(1 − B(c)))                 must wait, where everybody can     (Erlang C)
//! P(W > t) = C(c)·e^(−(c/s − λ)·t)                     waits longer than t, s the mean service
//! ```
//!
//! The recursion only adds and divides positive numbers, so it neither overflows nor cancels, whatever `a`
//! and `c` are. B holds for any law of service times, C for exponential ones. (A. K. Erlang, 1917; the
//! recursion: Cooper, Introduction to Queueing Theory, 1981.)

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

    /// The fewest places at which at most `share` waits longer than `secs`. `None` for what is not a share
    /// above zero or not a finite load, and where no number of places suffices.
    pub fn places_for_wait(self, secs: f64, share: f64) -> Option<u32> {
        fewest(self.erlangs(), share, |places, refused| self.wait_share_of(places, refused, secs))
    }

    fn wait_share_of(self, places: u32, refused: f64, secs: f64) -> f64 {
        let (erlangs, places) = (self.erlangs(), f64::from(places));
        if erlangs == 0.0 {
            return 0.0;
        } else if erlangs >= places {
            return 1.0;
        }
        let waiting = refused / (1.0 - erlangs / places * (1.0 - refused));
        waiting * libm::exp(-(places / self.service_secs - self.per_sec) * secs)
    }
}

/// Erlang B: the share refused at `places` when nobody can wait.
pub fn refused_share(places: u32, erlangs: f64) -> f64 {
    (1..=places).fold(1.0, |refused, places| next(refused, places, erlangs))
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
    }

    #[test]
    fn the_fewest_places_suffice_and_one_less_does_not() {
        for (erlangs, share) in [(0.5, 0.3), (7.0, 0.01), (190.0, 0.001)] {
            let places = places_for_refusals(erlangs, share).unwrap();
            assert!(refused_share(places, erlangs) <= share);
            assert!(refused_share(places - 1, erlangs) > share);
        }
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
