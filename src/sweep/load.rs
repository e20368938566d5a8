//! The same scenario at other loads: what it costs and how much of it is refused as traffic grows.

use std::num::NonZeroUsize;

use crate::error::Result;
use crate::scenario::Scenario;
use crate::section::{Curve, ScopeKind, Section};
use crate::trial::{self, Trial};

/// Loads tried, as multiples of the scenario's own.
pub const FACTORS: [f64; 9] = [0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0];

/// A scenario that expects more requests than this is not swept: it would take minutes.
pub const REQUESTS_MAX: f64 = 500_000.0;

/// Every token that is billed, by its class.
const BILLED: [&str; 6] = [
    "billed_input_tokens",
    "billed_cache_read_tokens",
    "billed_cache_write_tokens",
    "billed_cache_write_long_tokens",
    "billed_output_tokens",
    "billed_reasoning_tokens",
];

/// Simulates the scenario at each of [`FACTORS`], on up to `threads` threads. The loads share their random
/// numbers, and the result does not depend on the number of threads. `on_play` hears which part of all requests were played.
pub fn load_sweep(
    scenario: &Scenario,
    threads: NonZeroUsize,
    mut on_play: impl FnMut(f64),
) -> Result<Section> {
    let (mut done, all) = (0.0, FACTORS.iter().sum::<f64>());
    let points = trial::each(
        &FACTORS,
        threads,
        |factor| play(scenario, *factor),
        |place, _| {
            done += FACTORS[place];
            on_play(done / all);
        },
    )?;
    let sections: Vec<_> = points.into_iter().map(|trial| trial.sections).collect();
    let curve = |name: &str, series: &str, section: &str, figure: &str, times: f64| Curve {
        name: name.into(),
        series: series.into(),
        points: sections
            .iter()
            .filter_map(|point| {
                let load = figure_of(point, "fidelity", "offered_rate")?;
                Some((load, figure_of(point, section, figure)? * times))
            })
            .collect(),
    };
    let mut sweep = Section::new("load_sweep");
    sweep.curves = vec![
        curve("cost_per_1k_by_load", "all requests", "cost", "cost_per_1k_requests", 1.0),
        curve("cost_per_1k_by_load", "good requests", "cost", "cost_per_good_request", 1_000.0),
        curve("refused_share_by_load", "refused", "refusals", "refused_share", 1.0),
        curve("throttled_share_by_load", "throttled", "refusals", "throttled_share", 1.0),
        curve("ttft_p95_by_load", "all", "latency", "ttft_p95", 1.0),
    ];
    if scenario.endpoints.len() > 1 {
        sweep.curves.extend(scenario.endpoints.iter().flat_map(|spec| of_endpoint(&spec.name, &sections)));
    }
    Ok(sweep)
}

/// What one of several endpoints comes to at each load.
fn of_endpoint(endpoint: &str, sections: &[Vec<Section>]) -> [Curve; 2] {
    let figure = |point: &[Section], section: &str, figure: &str| {
        let section = point.iter().find(|found| found.name == section)?;
        section.figure(ScopeKind::Endpoint, endpoint, figure)?.value.as_f64()
    };
    let curve = |name: &str, value: &dyn Fn(&[Section]) -> Option<f64>| Curve {
        name: name.into(),
        series: endpoint.into(),
        points: sections
            .iter()
            .filter_map(|point| Some((figure_of(point, "fidelity", "offered_rate")?, value(point)?)))
            .collect(),
    };
    let per_million = |point: &[Section]| {
        let tokens = BILLED.iter().map(|tokens| figure(point, "cost", tokens)).sum::<Option<f64>>()?;
        (tokens > 0.0).then_some(figure(point, "cost", "cost_total")? / tokens * 1e6)
    };
    [
        curve("cost_per_million_by_load", &per_million),
        curve("ttft_p95_by_load", &|point| figure(point, "latency", "ttft_p95")),
    ]
}

fn play(scenario: &Scenario, factor: f64) -> Result<Trial> {
    let mut scenario = scenario.clone();
    scenario.scale(factor);
    // What it would cost is the question.
    scenario.lift_bounds();
    Trial::play(&scenario)
}

fn figure_of(sections: &[Section], section: &str, figure: &str) -> Option<f64> {
    let section = sections.iter().find(|found| found.name == section)?;
    section.figure(ScopeKind::Total, "", figure)?.value.as_f64()
}
