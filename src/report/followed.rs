//! The figures that are worth following from commit to commit, and which way each gets better.

use super::certainty::Bounds;
use super::summary::Summary;
use crate::section::{Figure, ScopeKind, Unit};

/// Which way a figure gets better.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Better {
    Larger,
    Smaller,
}

/// A figure of one scope.
pub(crate) struct Reading<'a> {
    pub kind: ScopeKind,
    /// The class's or endpoint's name; empty for the whole run.
    pub scope: &'a str,
    pub number: f64,
    /// Between which numbers the truth lies, where that is known.
    pub interval: Option<(f64, f64)>,
}

/// A figure, wherever it has a number.
pub(crate) struct Followed<'a> {
    pub name: &'static str,
    pub better: Better,
    pub unit: Unit,
    pub readings: Vec<Reading<'a>>,
}

/// Every figure with a number, of the whole run; and of each class and endpoint, where there are several.
pub(crate) fn followed(summary: &Summary) -> Vec<Followed<'_>> {
    let mut scopes = vec![(ScopeKind::Total, "")];
    for kind in [ScopeKind::Class, ScopeKind::Endpoint] {
        let names = summary.scopes(kind);
        if names.len() > 1 {
            scopes.extend(names.into_iter().map(|name| (kind, name)));
        }
    }
    let one = |(section, name, better): &(&'static str, &'static str, Better)| {
        let found = |(kind, scope)| Some((kind, scope, summary.figure(section, kind, scope, name)?));
        let found: Vec<_> = scopes.iter().copied().filter_map(found).collect();
        let unit = found.first()?.2.unit;
        let read = |(kind, scope, figure): (ScopeKind, _, &Figure)| {
            let number = figure.value.as_f64().filter(|number| number.is_finite())?;
            Some(Reading { kind, scope, number, interval: interval(summary, section, kind, scope, name) })
        };
        let readings: Vec<_> = found.into_iter().filter_map(read).collect();
        (!readings.is_empty()).then_some(Followed { name, better: *better, unit, readings })
    };
    FIGURES.iter().filter_map(one).collect()
}

fn interval(
    summary: &Summary,
    section: &str,
    kind: ScopeKind,
    scope: &str,
    figure: &str,
) -> Option<(f64, f64)> {
    let mut known = summary.certainty.iter().flat_map(|certainty| &certainty.figures);
    let sure = known.find(|sure| {
        let place = &sure.place;
        (&*place.section, place.kind, &*place.scope, &*place.figure) == (section, kind, scope, figure)
    })?;
    match sure.bounds {
        Bounds::Interval { low, high, .. } => Some((low, high)),
        Bounds::TooFew { .. } | Bounds::Unknown(_) => None,
    }
}

/// Section, figure and which way it gets better.
const FIGURES: &[(&str, &str, Better)] = &[
    ("latency", "ttft_p50", Better::Smaller),
    ("latency", "ttft_p95", Better::Smaller),
    ("latency", "ttft_p99", Better::Smaller),
    ("latency", "tpot_p50", Better::Smaller),
    ("latency", "tpot_p95", Better::Smaller),
    ("latency", "e2e_p50", Better::Smaller),
    ("latency", "e2e_p95", Better::Smaller),
    ("latency", "e2e_p99", Better::Smaller),
    ("goodput", "goodput", Better::Larger),
    ("goodput", "good_share", Better::Larger),
    ("goodput", "output_tokens_per_second", Better::Larger),
    ("goodput", "error_share", Better::Smaller),
    ("refusals", "refused_share", Better::Smaller),
    ("refusals", "throttled_share", Better::Smaller),
    ("cost", "cost_total", Better::Smaller),
    ("cost", "cost_per_1k_requests", Better::Smaller),
    ("cost", "cost_per_million_tokens", Better::Smaller),
];
