//! What a single run knows of its own figures: without other seeds, by its own length.

use crate::collectors::Collectors;
use crate::collectors::steady::Steady;
use crate::report::certainty::{Bounds, Certainty, Method, Place, Sure};
use crate::section::{ScopeKind, Section, Unit};
use crate::statistics::interval::{Confidence, Interval, NoInterval};
use crate::statistics::share;

/// Shares by Wilson's interval, percentiles by order statistics, means by batches of the run's parts.
pub fn certainty(collectors: &Collectors, steady: &Steady, sections: &[Section]) -> Certainty {
    let mut figures = shares(sections);
    let percentiles = collectors.latency.percentile_intervals(Confidence::P95);
    let is_told = |figure: &str| TOLD.iter().any(|measure| figure.starts_with(measure));
    let percentiles = percentiles.into_iter().filter(|(_, _, figure, _)| is_told(figure));
    figures.extend(percentiles.map(|(kind, scope, figure, found)| Sure {
        place: Place { section: "latency".into(), kind, scope, figure },
        unit: Unit::Seconds,
        method: Method::OrderStatistics,
        bounds: found.into(),
    }));
    let mean = |figure: &str, found: Result<Interval, NoInterval>| Sure {
        place: Place {
            section: "latency".into(),
            kind: ScopeKind::Total,
            scope: String::new(),
            figure: figure.into(),
        },
        unit: Unit::Seconds,
        method: Method::Batches,
        bounds: found.into(),
    };
    let e2e = mean("e2e_mean", steady.e2e_mean(Confidence::P95));
    let notes = vec![match &e2e.bounds {
        Bounds::Unknown(why) => format!(
            "answers of one run are not independent ({why}), so percentiles and shares are less sure than their \
             intervals say; --replications 20 tells how sure"
        ),
        _ => "percentiles and shares are as sure as this if answers are independent, which they are not where they \
              wait for each other; --replications 20 tells how sure, of costs too"
            .into(),
    }];
    figures.push(mean("ttft_mean", steady.ttft_mean(Confidence::P95)));
    figures.push(e2e);
    Certainty { confidence: Confidence::P95.share(), replications: 1, precision: None, figures, notes }
}

/// Measures from the intended start, and the pace.
const TOLD: [&str; 4] = ["e2e_", "tpot_", "ttfo_", "ttft_"];

/// Shares of counts that are figures themselves.
fn shares(sections: &[Section]) -> Vec<Sure> {
    let mut found = Vec::new();
    for (name, figure, hits, trials) in SHARES {
        let Some(section) = sections.iter().find(|section| section.name == *name) else { continue };
        for scope in section.scopes.iter().filter(|scope| scope.kind != ScopeKind::Limit) {
            let count = |name: &str| {
                let mut all = sections.iter().filter_map(|one| one.figure(scope.kind, &scope.name, name));
                all.next()?.value.as_f64()
            };
            let is_told = scope.figures.iter().any(|known| known.name == *figure);
            let (true, Some(hits), Some(trials)) = (is_told, count(hits), count(trials)) else { continue };
            found.push(Sure {
                place: Place {
                    section: section.name.clone(),
                    kind: scope.kind,
                    scope: scope.name.clone(),
                    figure: (*figure).into(),
                },
                unit: Unit::Share,
                method: Method::Wilson,
                bounds: share::interval(hits as u64, trials as u64, Confidence::P95).into(),
            });
        }
    }
    found
}

/// A share's section and name, and the counts that it is of.
const SHARES: &[(&str, &str, &str, &str)] = &[
    ("goodput", "good_share", "good", "requests"),
    ("refusals", "throttled_share", "throttled", "attempts"),
    ("refusals", "refused_share", "refused_requests", "requests"),
];
