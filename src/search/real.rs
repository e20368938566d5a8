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
