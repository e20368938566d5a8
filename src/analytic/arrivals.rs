//! Arrivals whose rate swings: counts and in-flight sessions over the day, and the dispersion of bursts.
//!
//! A day of rate λ(t) = λ₀·(1 + A·sin(ωt)), ω = 2π/P:
//!
//! ```text
//! rate ┤   ╭─╮            in flight ┤     ╭─╮         E[N(a, b)] = λ₀·((b − a) + A/ω·(cos ωa − cos ωb)) = Var N
//!      │  ╱   ╲                     │   ╱     ╲       m(t) = λ₀·s·(1 + A/√(1 + (ωs)²)·sin(ωt − φ)),  φ = atan(ωs)
//!      │╱       ╲     ╱             │ ╱         ╲ ╱   lag = φ/ω
//! ```
//!
//! Sessions of mean s seconds, exponential, swing less than their arrivals, and later (M_t/M/∞: Eick, Massey
//! and Whitt, The Physics of the M_t/G/∞ Queue, 1993).
//!
//! Bursts of two rates r₁ and r₂, left after exponential times at rates q₁ and q₂ (MMPP), q = q₁ + q₂:
//!
//! ```text
//! mean = (r₁·q₂ + r₂·q₁)/q
//! Var N(t)/E N(t) = 1 + 2·q₁·q₂·(r₁ − r₂)²/(q²·(r₁·q₂ + r₂·q₁))·(1 − (1 − e^(−q·t))/(q·t))
//! ```
//!
//! (Fischer and Meier-Hellstern, The Markov-Modulated Poisson Process Cookbook, 1993.)

use std::f64::consts::TAU;

/// A Poisson process whose rate is a sine about its mean, at its mean and rising at time 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sine {
    /// Arrivals a second, in the mean.
    pub per_sec: f64,
    /// The swing as a part of the mean, from 0 to 1.
    pub amplitude: f64,
    /// Seconds of a whole swing; above zero.
    pub period_secs: f64,
}

/// How many sessions are in flight as arrivals swing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swing {
    pub mean: f64,
    pub max: f64,
    pub min: f64,
    /// Seconds from the arrivals' peak to that of the sessions in flight.
    pub lag_secs: f64,
    /// Seconds from time 0 to their first peak.
    pub peak_secs: f64,
}

impl Sine {
    /// Mean arrivals in a stretch, in seconds; their variance, too.
    pub fn count(self, from_secs: f64, to_secs: f64) -> f64 {
        let turns = TAU / self.period_secs;
        // cos a − cos b, which does not cancel in a short stretch.
        let (middle, half) = ((from_secs + to_secs) / 2.0 * turns, (to_secs - from_secs) / 2.0 * turns);
        let swing = 2.0 * libm::sin(middle) * libm::sin(half) / turns;
        self.per_sec * (to_secs - from_secs + self.amplitude * swing)
    }

    /// The highest rate, in arrivals a second.
    pub fn peak_per_sec(self) -> f64 {
        self.per_sec * (1.0 + self.amplitude)
    }

    /// Sessions in flight of which each lasts `mean_secs` in the mean and nobody waits, once the beginning is forgotten.
    pub fn in_flight(self, mean_secs: f64) -> Swing {
        let turns = TAU / self.period_secs;
        let mean = self.per_sec * mean_secs;
        let swing = mean * self.amplitude / libm::hypot(1.0, turns * mean_secs);
        let lag_secs = libm::atan(turns * mean_secs) / turns;
        let peak_secs = self.period_secs / 4.0 + lag_secs;
        Swing { mean, max: mean + swing, min: mean - swing, lag_secs, peak_secs }
    }
}

/// A Poisson process that changes between two rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoRates {
    /// Arrivals a second in each state.
    pub per_sec: [f64; 2],
    /// How often a second each state is left, one over its mean seconds; above zero.
    pub leave_per_sec: [f64; 2],
}

impl TwoRates {
    /// Arrivals a second, in the mean.
    pub fn mean_per_sec(self) -> f64 {
        let [leave_1, leave_2] = self.leave_per_sec;
        let part = leave_2 / (leave_1 + leave_2);
        self.per_sec[0] * part + self.per_sec[1] * (1.0 - part)
    }

    /// Variance over mean of the arrivals in a window of so many seconds; infinity gives the limit, and 1 is Poisson's.
    /// `None` where nothing arrives or no state is ever left.
    pub fn dispersion(self, window_secs: f64) -> Option<f64> {
        let [leave_1, leave_2] = self.leave_per_sec;
        let (leave, mean) = (leave_1 + leave_2, self.mean_per_sec());
        let apart = self.per_sec[0] - self.per_sec[1];
        let limit = 2.0 * (leave_1 / leave) * (leave_2 / leave) * apart * apart / (leave * mean);
        let windows = leave * window_secs;
        let remembered = if windows > 0.0 { -libm::expm1(-windows) / windows } else { 1.0 };
        Some(1.0 + limit * (1.0 - remembered)).filter(|dispersion| dispersion.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Sine = Sine { per_sec: 10.0, amplitude: 0.6, period_secs: 86_400.0 };

    #[test]
    fn stretches_add_up_and_a_day_is_the_mean_whatever_the_swing() {
        let parts: f64 =
            (0..24).map(|hour| DAY.count(f64::from(hour) * 3600.0, f64::from(hour + 1) * 3600.0)).sum();
        assert!((parts / 864_000.0 - 1.0).abs() < 1e-14, "{parts}");
        assert!((DAY.count(1000.0, 87_400.0) / 864_000.0 - 1.0).abs() < 1e-14);
        // A second at the peak has the peak's rate.
        assert!((DAY.count(21_599.5, 21_600.5) / DAY.peak_per_sec() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn short_sessions_follow_their_arrivals_and_long_ones_forget_them() {
        let short = DAY.in_flight(1.0);
        assert!((short.max / DAY.peak_per_sec() - 1.0).abs() < 1e-8 && (short.lag_secs - 1.0).abs() < 1e-6);
        let long = DAY.in_flight(1e9);
        assert!((long.max / long.min - 1.0).abs() < 1e-4);
        assert!((long.lag_secs - 21_600.0).abs() < 1.0, "a quarter of a day");
    }

    #[test]
    fn bursts_are_poisson_in_a_short_window_or_with_one_rate_and_more_in_longer_ones() {
        let bursts = TwoRates { per_sec: [20.0, 2.0], leave_per_sec: [1.0 / 300.0, 1.0 / 900.0] };
        let windows = [0.0, 1.0, 60.0, 3600.0, 1e6, f64::INFINITY];
        let found = windows.map(|window| bursts.dispersion(window).unwrap());
        assert!(found.is_sorted() && found[0] == 1.0 && found[4] > 0.99 * found[5], "{found:?}");
        // As the window shrinks, 1 + t·Var(rate)/mean.
        let near = 1e-3 * (18.0 * 18.0 * 0.25 * 0.75) / 6.5;
        assert!(((bursts.dispersion(1e-3).unwrap() - 1.0) / near - 1.0).abs() < 1e-5);
        let even = TwoRates { per_sec: [5.0; 2], ..bursts };
        assert_eq!(even.dispersion(1e6), Some(1.0));
        assert_eq!(TwoRates { per_sec: [0.0; 2], ..bursts }.dispersion(1.0), None);
        assert_eq!(TwoRates { leave_per_sec: [0.0; 2], ..bursts }.dispersion(1.0), None);
    }
}
