//! When requests come. Each kind is one file: its settings and its machine in one struct.

mod clients;
mod closed;
mod constant;
mod diurnal;
mod gamma;
mod growth;
mod modulated;
mod poisson;
mod process;
mod ramp;
mod rate;
mod steps;
mod trace;

pub use clients::Clients;
pub use closed::Closed;
pub use constant::Constant;
pub use diurnal::Diurnal;
pub use gamma::Gamma;
pub use growth::Growth;
pub use modulated::Modulated;
pub use poisson::Poisson;
pub use process::Gaps;
pub use ramp::Ramp;
pub use rate::{Bursts, Drift};
pub use steps::Steps;
pub use trace::{Pictures, Trace};

use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;

use crate::error::Result;
use crate::kinds;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::Prefix;

/// A stream of arrivals in ascending time. Draws are keyed by the arrival's number, so the times do not
/// depend on when they are asked for.
pub trait Arrivals: Send {
    /// When the next request comes; `None` when none is due (a closed loop may have one after a finish).
    fn peek(&mut self, rng: &Rng) -> Option<Instant>;

    /// Takes the request that `peek` announced.
    fn next(&mut self, rng: &Rng) -> Option<Arrival>;

    /// The `nth` request that was taken (from 0) has ended, with a whole answer or without. A closed loop sends its
    /// user's next one after the think time.
    fn on_finish(&mut self, _now: Instant, _nth: u64, _is_answered: bool, _rng: &Rng) {}

    /// Whether it does something when a request ends.
    fn heeds_ends(&self) -> bool {
        false
    }

    /// Multiplies the load: rates, or a closed loop's users.
    fn scale(&mut self, factor: f64);

    /// How the rate grows, where it does.
    fn growth(&self) -> Option<&Growth> {
        None
    }

    fn growth_mut(&mut self) -> Option<&mut Growth> {
        None
    }

    /// The run begins on this day: where the rates are those of a week, Monday 00:00 UTC first, it begins at that day
    /// of them.
    fn begin(&mut self, _date: Date) {}

    /// Reads what lies in files, relative to the scenario's folder.
    fn load(&mut self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    /// After which time the rate repeats itself; `None` where it does not, or never changes.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// Requests expected within `span` from the start; `None` where the answers decide it.
    fn expected(&self, span: Duration) -> Option<f64>;

    /// Whether each arrival comes with its lengths, so that classes need none.
    fn brings_lengths(&self) -> bool {
        false
    }

    /// What a user should know of what was loaded.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is wrong with the settings, if anything, and what to write.
    fn problem(&self) -> Option<(String, &'static str)> {
        None
    }

    /// Why arrivals ended before their time, if they did.
    fn failure(&self) -> Option<&str> {
        None
    }
}

/// One arrival; a replayed one brings its lengths, and what else was recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arrival {
    pub at: Instant,
    pub lengths: Option<Lengths>,
    /// The beginnings of its prompt that others may share, the shortest first.
    pub beginnings: Vec<Prefix>,
    /// Pictures in the prompt.
    pub images: u32,
    /// Who sent it: equal for one user, key, client or model.
    pub tenant: Option<u64>,
}

impl Arrival {
    /// One of which nothing is told but its time.
    pub fn at(at: Instant) -> Arrival {
        Arrival { at, ..Arrival::default() }
    }
}

/// Prompt and answer length of a recorded request, in tokens.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lengths {
    pub input: u32,
    /// The visible answer, without reasoning.
    pub output: u32,
    /// None where the recording tells no request's.
    pub reasoning: Option<u32>,
}

kinds! {
    /// Any kind of arrivals.
    pub enum AnyArrivals("arrivals"): Arrivals {
        Clients = "clients",
        Closed = "closed",
        Constant = "constant",
        Diurnal = "diurnal",
        Gamma = "gamma",
        Modulated = "modulated",
        Poisson = "poisson",
        Ramp = "ramp",
        Steps = "steps",
        Trace = "trace",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(text: &str) -> AnyArrivals {
        let text = format!("[arrivals]\n{text}");
        let mut table = toml::de::DeTable::parse(&text).unwrap();
        crate::kind::tag(table.get_mut());
        #[derive(serde::Deserialize)]
        struct File {
            arrivals: AnyArrivals,
        }
        let file: File = serde::Deserialize::deserialize(toml::de::Deserializer::from(table)).unwrap();
        file.arrivals
    }

    /// Times of all arrivals before `until`, in seconds.
    fn times(mut arrivals: AnyArrivals, until: f64) -> Vec<f64> {
        let rng = Rng::new(5);
        let end = Instant::from_secs_f64(until);
        let mut times = Vec::new();
        while arrivals.peek(&rng).is_some_and(|at| at < end) {
            let announced = arrivals.peek(&rng);
            let arrival = arrivals.next(&rng).unwrap();
            assert_eq!(announced, Some(arrival.at));
            times.push(arrival.at.as_secs_f64());
        }
        assert!(times.is_sorted());
        times
    }

    /// The count lies within 4.5 standard deviations of a Poisson count with this mean.
    fn assert_about(count: usize, mean: f64) {
        assert!((count as f64 - mean).abs() < 4.5 * mean.sqrt(), "{count} is not about {mean}");
    }

    #[test]
    fn constant_is_constant_and_begins_at_once() {
        let times = times(arrivals("kind = \"constant\"\nrate = 8"), 1000.0);
        assert_eq!(times.len(), 8000);
        assert!((0..).zip(&times).all(|(nth, at)| *at == f64::from(nth) / 8.0));
    }

    #[test]
    fn poisson_gaps_pass_a_kolmogorov_smirnov_test() {
        let times = times(arrivals("kind = \"poisson\"\nrate = 10"), 2000.0);
        assert_about(times.len(), 20_000.0);
        let mut gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) * 10.0).collect();
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = (0..).zip(&gaps).map(|(nth, gap)| ((1.0 - (-gap).exp()) - f64::from(nth) / n).abs());
        let distance = distance.fold(0.0, f64::max);
        // The 0.1 % point of the Kolmogorov distribution.
        assert!(distance < 1.95 / n.sqrt(), "{distance}");
    }

    #[test]
    fn gamma_gaps_have_the_variation_asked_for() {
        for cv in [0.3, 2.0] {
            let times = times(arrivals(&format!("kind = \"gamma\"\nrate = 10\ncv = {cv}")), 5000.0);
            let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((variance.sqrt() / mean / cv - 1.0).abs() < 0.05, "{cv}: {}", variance.sqrt() / mean);
        }
    }

    /// A Weibull gap exceeds x times its mean with the probability exp(−(x·Γ(1 + 1/k))^k).
    #[test]
    fn weibull_gaps_have_their_mean_and_their_tail() {
        let text = "kind = \"modulated\"\nrates = [10]\nevery = \"1h\"\nrepeat = true\n\
                    gaps = { kind = \"weibull\", shape = 0.45 }";
        let times = times(arrivals(text), 10_000.0);
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) * 10.0).collect();
        let n = gaps.len() as f64;
        // Γ(1 + 2/k) / Γ(1 + 1/k)² − 1 = 6.79 is a gap's variance at k = 0.45.
        assert!((n / 1e5 - 1.0).abs() < 4.5 * (6.79f64 / 1e5).sqrt(), "{n}");
        for x in [0.01, 0.1, 1.0, 10.0] {
            let truth = (-(x * libm::tgamma(1.0 + 1.0 / 0.45)).powf(0.45)).exp();
            let found = gaps.iter().filter(|gap| **gap > x).count() as f64 / n;
            assert!((found - truth).abs() < 4.5 * (truth * (1.0 - truth) / n).sqrt() + 1e-3, "{x}: {found}");
        }
    }

    #[test]
    fn a_ramp_brings_what_the_area_under_it_says() {
        let ramp = "kind = \"ramp\"\nfrom = 0\nto = 100\nover = \"100s\"";
        let times = times(arrivals(ramp), 150.0);
        assert_about(times.iter().filter(|at| **at < 50.0).count(), 1250.0);
        assert_about(times.len(), 10_000.0);
        assert_eq!(arrivals(ramp).expected(Duration::from_secs(150)), Some(10_000.0));
    }

    #[test]
    fn a_ramp_down_to_nothing_ends() {
        let times = times(arrivals("kind = \"ramp\"\nfrom = 20\nto = 0\nover = \"100s\""), 1e6);
        assert_about(times.len(), 1000.0);
    }

    #[test]
    fn steps_keep_to_their_times_and_end_or_repeat() {
        let steps = "kind = \"steps\"\nsteps = [{ rate = 10, for = \"10s\" }, { rate = 0, for = \"10s\" }]\ngaps = \"constant\"";
        let once = times(arrivals(steps), 100.0);
        assert_eq!((once.len(), once.iter().all(|at| *at < 10.0)), (100, true));
        let again = times(arrivals(&format!("{steps}\nrepeat = true")), 100.0);
        assert_eq!((again.len(), again.iter().all(|at| at % 20.0 < 10.0)), (500, true));
    }

    #[test]
    fn a_diurnal_week_has_the_mean_asked_for_and_the_shape_of_its_profile() {
        let week = 168.0 * 3600.0;
        for profile in ["business-hours", "global-chat"] {
            let text = format!("kind = \"diurnal\"\nrate = 0.1\nprofile = \"{profile}\"");
            let expected = arrivals(&text).expected(Duration::from_secs_f64(week)).unwrap();
            assert!((expected / (week * 0.1) - 1.0).abs() < 1e-12);
            assert_about(times(arrivals(&text), week).len(), expected);
        }
        let hour = |start: &str| {
            let text = format!("kind = \"diurnal\"\nrate = 1\n{start}");
            arrivals(&text).expected(Duration::from_secs(3600)).unwrap()
        };
        let (peak, night) = (hour("start_day = \"tuesday\"\nstart_hour = 19"), hour("start_hour = 8"));
        assert!(peak / night > 9.0, "a working evening in the US against its night: {peak} and {night}");
    }

    #[test]
    fn twice_the_load_draws_the_same_gaps_twice_as_close() {
        for kind in ["kind = \"poisson\"\nrate = 4", "kind = \"gamma\"\nrate = 4\ncv = 3"] {
            let once = times(arrivals(kind), 100.0);
            let mut doubled = arrivals(kind);
            doubled.scale(2.0);
            let twice = times(doubled, 50.0);
            assert_eq!(once.len(), twice.len());
            assert!(once.iter().zip(&twice).all(|(a, b)| (a - 2.0 * b).abs() < 1e-6));
        }
    }

    #[test]
    fn a_closed_loop_asks_again_when_answered_and_having_thought() {
        let rng = Rng::new(1);
        let mut closed = arrivals("kind = \"closed\"\nusers = 2\nthink = \"3s\"\nramp_up = \"10s\"");
        let mut next = || closed.next(&rng).map(|arrival| arrival.at.as_secs_f64());
        assert_eq!([next(), next(), next()], [Some(0.0), Some(5.0), None]);
        closed.on_finish(Instant::from_secs_f64(7.0), 0, true, &rng);
        assert_eq!(closed.peek(&rng), Some(Instant::from_secs_f64(10.0)));
    }
}
