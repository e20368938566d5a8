//! One place with any law of service times: how long is waited in turn, by priority, or when the place is shared.
//!
//! With λ arrivals a second, service S and ρ = λ·E\[S\] < 1:
//!
//! ```text
//! in turn (M/G/1)     Wq = λ·E[S²] / (2·(1 − ρ)),   E[Wq²] = 2·Wq² + λ·E[S³] / (3·(1 − ρ))
//! shared (M/G/1-PS)   T(x) = x / (1 − ρ), for work of x seconds, whatever the law of S
//! by priority         Wq_i = W₀ / ((1 − σ_{i−1})·(1 − σ_i)),   W₀ = Σ λ_j·E[S_j²]/2,   σ_i = ρ_1 + … + ρ_i
//! ```
//!
//! Work under way is not interrupted by a higher class. A wait that is no finite number is none. (Pollaczek 1930, Khinchine 1932; Kleinrock 1967 for
//! sharing; A. Cobham, Priority Assignment in Waiting Line Problems, 1954.)

/// A law of service times by its moments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// E\[S\], in seconds.
    pub mean_secs: f64,
    /// E\[S²\], in seconds².
    pub second: f64,
    /// E\[S³\], in seconds³.
    pub third: f64,
}

impl Service {
    /// Always as long.
    pub fn fixed(secs: f64) -> Service {
        Service { mean_secs: secs, second: secs * secs, third: secs * secs * secs }
    }

    /// Exponential.
    pub fn exponential(mean_secs: f64) -> Service {
        let fixed = Service::fixed(mean_secs);
        Service { mean_secs, second: 2.0 * fixed.second, third: 6.0 * fixed.third }
    }

    /// Lognormal, with `scv` the variance over the squared mean (e^σ² − 1): E\[Sⁿ\] = meanⁿ·(1 + scv)^(n(n−1)/2).
    pub fn lognormal(mean_secs: f64, scv: f64) -> Service {
        let (fixed, spread) = (Service::fixed(mean_secs), 1.0 + scv);
        Service { mean_secs, second: fixed.second * spread, third: fixed.third * spread * spread * spread }
    }

    /// Mean seconds waited in turn at `per_sec` arrivals. `None` where the place cannot keep up.
    pub fn mean_wait_secs(&self, per_sec: f64) -> Option<f64> {
        finite(per_sec * self.second / (2.0 * idle_share(per_sec * self.mean_secs)?))
    }

    /// The second moment of the wait in turn, in seconds². `None` where the place cannot keep up.
    pub fn wait_second_moment(&self, per_sec: f64) -> Option<f64> {
        let (mean, idle) = (self.mean_wait_secs(per_sec)?, idle_share(per_sec * self.mean_secs)?);
        finite(2.0 * mean * mean + per_sec * self.third / (3.0 * idle))
    }
}

/// Mean seconds that work of `work_secs` takes on a place shared evenly by all that is there, of which `busy_share`
/// is in use. `None` where it cannot keep up.
pub fn shared_secs(busy_share: f64, work_secs: f64) -> Option<f64> {
    finite(work_secs / idle_share(busy_share)?)
}

/// A class of a place that serves the first class that waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Arrivals a second, of a Poisson process.
    pub per_sec: f64,
    pub service: Service,
}

/// Mean seconds waited by each class, the most urgent first. `None` where the place cannot keep up with all of them.
pub fn waits_by_priority(classes: &[Class]) -> Option<Vec<f64>> {
    let under_way: f64 = classes.iter().map(|class| class.per_sec * class.service.second / 2.0).sum();
    let mut busy = 0.0;
    let waits = classes.iter().map(|class| {
        let before = idle_share(busy)?;
        busy += class.per_sec * class.service.mean_secs;
        finite(under_way / (before * idle_share(busy)?))
    });
    waits.collect()
}

/// 1 − ρ, where there is any.
fn idle_share(busy: f64) -> Option<f64> {
    (0.0..1.0).contains(&busy).then_some(1.0 - busy)
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<f64>, expected: f64) {
        let found = found.expect("it keeps up");
        assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found} is not {expected}");
    }

    #[test]
    fn steady_service_waits_half_as_long_as_exponential_and_a_law_without_spread_is_steady() {
        for per_sec in [0.01, 0.5, 0.999] {
            let exponential = Service::exponential(1.0).mean_wait_secs(per_sec).unwrap();
            near(Service::fixed(1.0).mean_wait_secs(per_sec), exponential / 2.0);
            near(Service::lognormal(1.0, 1.0).mean_wait_secs(per_sec), exponential);
            // Of M/M/1, E[Wq²] = 2ρ / (1 − ρ)².
            let idle = 1.0 - per_sec;
            near(Service::exponential(1.0).wait_second_moment(per_sec), 2.0 * per_sec / (idle * idle));
        }
        assert_eq!(Service::lognormal(3.0, 0.0), Service::fixed(3.0));
    }

    /// Kleinrock's conservation law: Σ ρ_i·Wq_i is what it is in turn, whatever the order.
    #[test]
    fn priorities_only_pass_the_waiting_on() {
        let class = |per_sec, service| Class { per_sec, service };
        let mut classes = vec![
            class(0.2, Service::exponential(1.0)),
            class(0.1, Service::fixed(2.0)),
            class(0.05, Service::lognormal(4.0, 3.0)),
        ];
        let total = |classes: &[Class]| -> f64 {
            let waits = waits_by_priority(classes).unwrap();
            assert!(waits.is_sorted(), "{waits:?}");
            classes
                .iter()
                .zip(waits)
                .map(|(class, wait)| class.per_sec * class.service.mean_secs * wait)
                .sum()
        };
        let before = total(&classes);
        classes.reverse();
        near(Some(total(&classes)), before);
        let one = [class(0.7, Service::lognormal(1.0, 4.0))];
        near(Some(waits_by_priority(&one).unwrap()[0]), one[0].service.mean_wait_secs(0.7).unwrap());
    }

    #[test]
    fn a_place_that_cannot_keep_up_has_no_wait() {
        for per_sec in [1.0, 1.5, -1.0, f64::NAN, f64::INFINITY] {
            let service = Service::exponential(1.0);
            assert_eq!(service.mean_wait_secs(per_sec), None);
            assert_eq!(service.wait_second_moment(per_sec), None);
            assert_eq!(shared_secs(per_sec, 1.0), None);
            assert_eq!(waits_by_priority(&[Class { per_sec, service }]), None);
        }
        assert_eq!(waits_by_priority(&[]), Some(Vec::new()));
    }
}
