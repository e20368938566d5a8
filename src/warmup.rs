//! Finds the warm-up of a scenario that leaves it to be found: whole periods, or where the run has settled.
//!
//! Where arrivals repeat themselves, day by day or week by week, what is measured is as many whole periods as there
//! are: any part of one more would weigh its hours twice. Elsewhere the scenario is played once, and the number of requests
//! under way, at 300 instants, tells by MSER-5 where the beginning is forgotten.

use std::time::Duration;

use crate::collectors::steady::{PARTS, Steady};
use crate::error::{Error, Result};
use crate::number::Span;
use crate::scenario::Scenario;
use crate::scenario::warmup::{Grounds, Warmup};
use crate::simulate::{Flow, simulate};
use crate::statistics::warmup::mser5;
use crate::time::nanos;

/// Finds the warm-up, where that is asked for.
pub fn resolve(scenario: &mut Scenario) -> Result<()> {
    if scenario.warmup != Warmup::Auto {
        return Ok(());
    }
    scenario.warmup = match period(scenario) {
        Some(period) => whole_periods(scenario.measured().1, period),
        None => settled(scenario)?,
    };
    if scenario.window().is_zero() {
        let (warmup, cooldown, duration) = (scenario.warmup, scenario.cooldown, scenario.duration);
        return Err(Error::usage(format!(
            "the warm-up of {warmup} that was found and the cooldown of {cooldown} leave nothing of the duration of \
             {duration}; lengthen the duration"
        )));
    }
    Ok(())
}

/// The longest period of the streams of arrivals.
fn period(scenario: &Scenario) -> Option<Duration> {
    scenario.streams().filter_map(|(_, arrivals)| arrivals.period()).max()
}

/// The shortest warm-up that is a twenty-fourth of a period and leaves whole ones.
fn whole_periods(duration: Duration, period: Duration) -> Warmup {
    let (all, one) = (nanos(duration), nanos(period).max(1));
    let rest = all % one;
    let warmup = if rest >= one / 24 { rest } else { rest + one };
    let count = (all.saturating_sub(warmup)) / one;
    let period = Span(period);
    match count {
        0 => Warmup::Found(Span::default(), Grounds::ShortOfPeriods { period }),
        _ => Warmup::Found(Span(Duration::from_nanos(warmup)), Grounds::Periods { count, period }),
    }
}

fn settled(scenario: &Scenario) -> Result<Warmup> {
    if let Some(spec) = scenario.endpoints.iter().find(|spec| spec.latency.is_none()) {
        return Err(Error::usage(format!(
            "warmup = \"auto\" plays the scenario in virtual time, and endpoint '{}' has no `latency`; add one, or write \
             how long the warm-up is",
            spec.name
        )));
    }
    let mut steady = Steady::new(scenario.spills(), Duration::ZERO, scenario.duration.get());
    simulate(scenario, |outcome| {
        steady.collect(outcome);
        Flow::Continue
    })?;
    let mut under_way = vec![0.0; PARTS];
    for endpoint in 0..scenario.endpoints.len() {
        let there = steady.in_flight(endpoint);
        under_way.iter_mut().zip(there).for_each(|(sum, there)| *sum += there as f64);
    }
    let found = mser5(&under_way).expect("300 whole numbers are samples enough");
    let samples = u32::try_from(found.samples).expect("at most as many as there are parts");
    let grounds = if found.is_settled { Grounds::Settled } else { Grounds::Unsettled };
    Ok(Warmup::Found(Span(steady.width() * samples), grounds))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(3600 * hours)
    }

    fn found(duration: u64, period: u64) -> (Duration, Grounds) {
        match whole_periods(hours(duration), hours(period)) {
            Warmup::Found(span, grounds) => (span.get(), grounds),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_measured_is_whole_periods() {
        let day = Span(hours(24));
        assert_eq!(found(50, 24), (hours(2), Grounds::Periods { count: 2, period: day }));
        assert_eq!(found(48, 24), (hours(24), Grounds::Periods { count: 1, period: day }));
        assert_eq!(found(49, 24), (hours(1), Grounds::Periods { count: 2, period: day }));
        // A month of weeks: two days too many are left out.
        assert_eq!(found(720, 168).0, hours(48));
    }

    #[test]
    fn of_a_run_shorter_than_two_periods_nothing_is_left_out() {
        assert_eq!(found(24, 24).0, Duration::ZERO);
        assert!(matches!(found(24, 24).1, Grounds::ShortOfPeriods { .. }));
        assert_eq!(found(25, 24), (hours(1), Grounds::Periods { count: 1, period: Span(hours(24)) }));
    }

    /// Ten minutes of answers are under way before the first of them ends.
    #[test]
    fn a_run_that_fills_up_is_measured_once_it_is_full_and_the_scenario_says_from_when() {
        let text = r#"
            duration = "2h"
            warmup = "auto"
            arrivals = { kind = "constant", rate = 1 }
            classes = [{ name = "c", timeout = "1h", input = { kind = "fixed", tokens = 10 }, output = { kind = "fixed", tokens = 600 } }]
            endpoints = [{ name = "e", provider = "openai", model = "m", price = { input = "1", output = "2" }, latency = { kind = "fixed", ttft = "1s", itl = "1s" } }]
        "#;
        let parse = |text: &str| {
            Scenario::parse(text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
        };
        let mut scenario = parse(text);
        resolve(&mut scenario).unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(scenario.warmup, Warmup::Found(_, Grounds::Settled)), "{:?}", scenario.warmup);
        // Five parts of 24 s are told apart.
        assert_eq!(scenario.warmup.get(), Duration::from_secs(600));
        let written = toml::to_string(&scenario).expect("a scenario is written back");
        let again =
            Scenario::parse(&written, Path::new("again.toml")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.warmup, Warmup::For(Span(scenario.warmup.get())));
    }

    #[test]
    fn arrivals_that_repeat_themselves_are_measured_by_their_period() {
        let text = |arrivals: &str| {
            format!(
                r#"
                duration = "3d"
                warmup = "auto"
                arrivals = {{ {arrivals} }}
                classes = [{{ name = "c", input = {{ kind = "fixed", tokens = 10 }}, output = {{ kind = "fixed", tokens = 6 }} }}]
                endpoints = [{{ name = "e", provider = "openai", model = "m", price = {{ input = "1", output = "2" }}, latency = {{ kind = "fixed", ttft = "1s", itl = "1s" }} }}]
                "#
            )
        };
        let chosen = |arrivals: &str| {
            let scenario = Scenario::parse(&text(arrivals), Path::new("test.toml"));
            let mut scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
            resolve(&mut scenario).unwrap_or_else(|error| panic!("{error}"));
            (scenario.warmup.to_string(), scenario.warmup.chosen())
        };
        let (span, how) =
            chosen(r#"kind = "modulated", rates = [0.001, 0.003], every = "1h", repeat = true"#);
        assert_eq!(
            (span.as_str(), how.as_str()),
            ("2h", "found: it leaves 35 periods of the arrivals, 2h each")
        );
        let (span, how) = chosen(r#"kind = "diurnal", rate = 0.001"#);
        assert_eq!(span, "0s");
        assert_eq!(how, "none: the run is shorter than two periods of the arrivals, 1w each");
    }
}
