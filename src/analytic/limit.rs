//! What limits refuse of Poisson arrivals that do not come back.
//!
//! ```text
//! bucket     B unit tokens, refilled at r a second: the deficit is the work in an M/D/1/B queue of ρ = λ/r
//! leaky      drains at r, full at B; refused where full, else charged E ~ exponential of mean m, beyond B too:
//!            with ρ = λ·m/r, b = B/m, y = (1 − ρ)·b:   refused = ρ / (e^y + ρ·(e^y − 1)/(1 − ρ) + ρ)
//! window     L a window, N ~ Poisson(mean of a window):   refused = E[(N − L)⁺] / E[N]
//! ```
//!
//! At ρ = 1 the leaky bucket refuses 1/(2 + b), and the window of L that is asked for L just P(N = L).
//! (Bucket and queue: Brun and Garcia, see `md1`. Leaky bucket: by level crossing, P(empty)·λ = what crosses
//! a level from below, Brill and Posner 1977. Window: the Poisson law's partial expectation.)

use crate::analytic::md1;
use crate::analytic::poisson::Poisson;

/// The share that a bucket of `burst` requests refuses when `load` times what comes back is asked for. `None` for
/// what [`md1::refused_share`] has no answer to.
pub fn bucket_refused_share(burst: u32, load: f64) -> Option<f64> {
    md1::refused_share(burst, load)
}

/// The share refused by a limit that leaks and admits while it is below `room`, which counts in mean requests, when
/// `load` times what it leaks is asked for by requests of exponential size. `None` unless both are finite and not
/// below zero.
pub fn leaky_refused_share(room: f64, load: f64) -> Option<f64> {
    if ![room, load].iter().all(|number| (0.0..f64::INFINITY).contains(number)) {
        return None;
    }
    let y = (1.0 - load) * room;
    let filling = if load == 1.0 { room } else { libm::expm1(y) / (1.0 - load) };
    Some(if load == 0.0 { 0.0 } else { load / (libm::exp(y) + load * filling + load) })
}

/// The share refused by a counter of `limit` requests that is set back each window, when `mean` arrive in one. `None`
/// for what [`Poisson::new`] has no law for.
pub fn window_refused_share(limit: u64, mean: f64) -> Option<f64> {
    let arrivals = Poisson::new(mean)?;
    Some(if mean == 0.0 { 0.0 } else { arrivals.excess(limit) / mean })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_load_is_refused_more_and_more_room_less() {
        let shares = |of: &dyn Fn(u32, f64) -> Option<f64>| {
            for load in [0.1, 0.7, 0.99, 1.0, 1.01, 2.0, 50.0] {
                for room in [1, 2, 10, 100, 1000] {
                    let share = of(room, load).unwrap();
                    // Whatever the room, what cannot be served is refused.
                    assert!((0.0..=1.0).contains(&share) && share >= 1.0 - 1.0 / load - 1e-12);
                    assert!(of(room + 1, load).unwrap() <= share * (1.0 + 1e-12), "{room} {load}");
                    assert!(of(room, load * 1.001).unwrap() >= share, "{room} {load}");
                }
            }
        };
        shares(&bucket_refused_share);
        shares(&|room, load| leaky_refused_share(f64::from(room), load));
        shares(&|room, load| window_refused_share(u64::from(room), f64::from(room) * load));
    }

    #[test]
    fn at_full_load_the_leak_and_the_window_have_their_simple_forms() {
        for room in [0.0, 1.0, 20.0, 1e6] {
            let share = leaky_refused_share(room, 1.0).unwrap();
            assert!((share * (2.0 + room) - 1.0).abs() < 1e-15);
            let beside = leaky_refused_share(room, 1.0 + 1e-13).unwrap();
            assert!((beside / share - 1.0).abs() < 1e-6, "{room}: {beside} {share}");
        }
        for limit in [1, 60, 100_000] {
            let at_limit = Poisson::new(limit as f64).unwrap().of(limit);
            assert!((window_refused_share(limit, limit as f64).unwrap() / at_limit - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn nothing_asked_is_nothing_refused_and_nonsense_has_no_answer() {
        assert_eq!(bucket_refused_share(5, 0.0), Some(0.0));
        assert_eq!(leaky_refused_share(5.0, 0.0), Some(0.0));
        assert_eq!(leaky_refused_share(1e300, 0.5), Some(0.0));
        assert_eq!(window_refused_share(5, 0.0), Some(0.0));
        for bad in [f64::NAN, -1.0, f64::INFINITY] {
            assert_eq!(bucket_refused_share(5, bad), None);
            assert_eq!(leaky_refused_share(5.0, bad), None);
            assert_eq!(leaky_refused_share(bad, 1.0), None);
            assert_eq!(window_refused_share(5, bad), None);
        }
    }
}
