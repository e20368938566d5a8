//! One value of a key, run in real time: each threshold by the interval that a single run has of its figure.
//!
//! Shares have Wilson's interval and percentiles that of order statistics, as if requests were independent; every other
//! figure is taken as it was measured. A run that was over-saturated or met a storm of errors fails, whatever had been
//! measured by then; one in which the harness was the limit says nothing.

use super::probe::{figure, refuses_most, together};
use super::{Held, Probe, Standing};
use crate::collectors::threshold::Threshold;
use crate::collectors::{Collectors, metric};
use crate::section::{ScopeKind, Section, Unit, Value};
use crate::statistics::interval::{Confidence, Interval};
use crate::statistics::share;

/// What a run came to.
pub struct Run<'a> {
    pub collectors: &'a Collectors,
    pub sections: &'a [Section],
    pub standing: RunStanding,
}

/// Whether a run can be judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunStanding {
    /// It was cut short as no load is borne: why.
    Broke(String),
    /// By its thresholds.
    Judged,
    /// The harness was the limit: how.
    Invalid(String),
}

/// How the thresholds stand by a run at a value. `plays` and what was asked and spent are of all runs of the value.
pub fn probe(value: f64, under: &[Threshold], run: &Run<'_>, confidence: Confidence) -> Probe {
    let held: Vec<Held> = under.iter().map(|threshold| hold(threshold, run, confidence)).collect();
    let (standing, why) = match &run.standing {
        RunStanding::Broke(why) => (Standing::Fail, Some(why.clone())),
        RunStanding::Invalid(why) => (Standing::Invalid, Some(why.clone())),
        RunStanding::Judged => (together(&held), None),
    };
    let requests = total(run.sections, "requests").unwrap_or_default();
    Probe {
        value,
        standing,
        replications: 1,
        requests,
        cost: total(run.sections, "cost_total"),
        held,
        refuses_most: refuses_most(run.sections),
        why,
    }
}

fn hold(threshold: &Threshold, run: &Run<'_>, confidence: Confidence) -> Held {
    let unit = metric::unit_of(threshold.metric()).unwrap_or(Unit::Count);
    let (kind, scope) = match threshold.class() {
        Some(class) => (ScopeKind::Class, class),
        None => (ScopeKind::Total, ""),
    };
    let percentiles = run.collectors.latency.percentile_intervals(confidence);
    let mut percentiles = percentiles
        .into_iter()
        .filter(|(of, name, figure, _)| *of == kind && name == scope && figure == threshold.metric());
    let interval = match percentiles.next() {
        Some((.., interval)) => interval.map_err(|why| format!("{why}; lengthen --probe")),
        None => figure(threshold, run.sections).map(|number| {
            let whole = WHOLES.iter().find(|(share, _)| *share == threshold.metric());
            let whole = whole.and_then(|(_, whole)| count(run.sections, kind, scope, whole));
            let shared = whole.and_then(|whole| {
                share::interval(libm::round(number * whole as f64) as u64, whole, confidence).ok()
            });
            shared.unwrap_or(Interval::around(number, 0.0, confidence))
        }),
    };
    Held::new(threshold, unit, interval)
}

/// Of what each share is a share.
const WHOLES: [(&str, &str); 8] = [
    ("cut_share", "done"),
    ("error_share", "requests"),
    ("good_share", "requests"),
    ("hedge_share", "requests"),
    ("refused_share", "requests"),
    ("spill_share", "done"),
    ("throttled_requests_share", "requests"),
    ("throttled_share", "attempts"),
];

fn count(sections: &[Section], kind: ScopeKind, scope: &str, figure: &str) -> Option<u64> {
    let figure = sections.iter().find_map(|section| section.figure(kind, scope, figure))?;
    match figure.value {
        Value::Count(count) => Some(count),
        _ => None,
    }
}

fn total(sections: &[Section], figure: &str) -> Option<f64> {
    sections.iter().find_map(|section| section.total(figure))?.value.as_f64()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::machines;
    use crate::scenario::Scenario;
    use crate::simulate::{Flow, simulate};

    /// A hundred seconds in which four places of a second are asked five times a second.
    fn collected() -> Collectors {
        let text = r#"
            duration = "100s"
            retry = "none"
            arrivals = { kind = "poisson", rate = 5 }
            classes = [{ name = "c", input = { kind = "fixed", tokens = 10 }, output = { kind = "uniform", min = 1, max = 90 } }]
            endpoints = [{ name = "e", provider = "openai", model = "m", price = { input = "1", output = "2" }, latency = { kind = "lognormal", ttft_median = "500ms", ttft_sigma = 0.5, itl = "10ms", itl_sigma = 0.1 }, limits = [{ kind = "concurrency", max = 4 }] }]
        "#;
        let scenario = Scenario::parse(text, Path::new("test.toml"));
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        let mut collectors = Collectors::new(&machines::setup(&scenario, false));
        let played = simulate(&scenario, |outcome| {
            collectors.collect(outcome);
            Flow::Continue
        });
        played.unwrap_or_else(|error| panic!("{error}"));
        collectors
    }

    fn probed(under: &[&str], standing: RunStanding) -> Probe {
        let under: Vec<Threshold> =
            under.iter().map(|text| text.parse().expect("it is a threshold")).collect();
        let collectors = collected();
        let sections = collectors.finish(crate::time::Instant::MAX);
        probe(1.0, &under, &Run { collectors: &collectors, sections: &sections, standing }, Confidence::P95)
    }

    #[test]
    fn a_share_has_wilsons_interval_a_percentile_that_of_order_and_a_rate_is_as_it_was() {
        let under = ["refused_share < 50%", "c:refused_share < 50%", "ttft_p50 < 1s", "goodput > 1"];
        let probe = probed(&under, RunStanding::Judged);
        let sections = collected().finish(crate::time::Instant::MAX);
        let [refused, requests] = ["refused_requests", "requests"]
            .map(|name| count(&sections, ScopeKind::Total, "", name).expect("it is counted"));
        let wilson = share::interval(refused, requests, Confidence::P95).expect("there are some");
        assert!(refused > 50 && wilson.low < wilson.high);
        for held in &probe.held[..2] {
            assert_eq!(held.figure, Some((wilson.estimate, wilson.low, wilson.high)));
        }
        let percentiles = collected().latency.percentile_intervals(Confidence::P95);
        let (.., p50) = percentiles
            .iter()
            .find(|(kind, _, name, _)| *kind == ScopeKind::Total && name == "ttft_p50")
            .expect("it is told");
        let p50 = p50.expect("there are samples enough");
        assert_eq!(probe.held[2].figure, Some((p50.estimate, p50.low, p50.high)));
        let (goodput, low, high) = probe.held[3].figure.expect("it is told");
        assert!(goodput == low && goodput == high && goodput > 1.0);
        assert_eq!(probe.standing, Standing::Pass);
        assert_eq!(probe.requests, requests as f64);
    }

    #[test]
    fn a_bound_within_the_interval_is_undecided_and_one_figure_that_fails_decides() {
        let standing = |under: &[&str]| probed(under, RunStanding::Judged).standing;
        let probe = probed(&["refused_share < 1%"], RunStanding::Judged);
        let (share, ..) = probe.held[0].figure.expect("it is told");
        let near = format!("refused_share < {share}");
        assert_eq!(standing(&[&near]), Standing::Undecided);
        assert_eq!(standing(&["ttft_p50 < 1s", "refused_share < 1%"]), Standing::Fail);
        let few = probed(&["ttft_p999 < 1s"], RunStanding::Judged);
        assert_eq!(few.standing, Standing::Undecided);
        assert!(few.held[0].why.as_ref().is_some_and(|why| why.contains("lengthen --probe")), "{few:?}");
    }

    #[test]
    fn a_run_that_broke_fails_and_one_of_which_the_harness_was_the_limit_says_nothing() {
        let passing = ["ttft_p50 < 10s"];
        let broke = probed(&passing, RunStanding::Broke("it did".into()));
        assert_eq!((broke.standing, broke.why.as_deref()), (Standing::Fail, Some("it did")));
        let invalid = probed(&passing, RunStanding::Invalid("late".into()));
        assert_eq!((invalid.standing, invalid.why.as_deref()), (Standing::Invalid, Some("late")));
    }
}
