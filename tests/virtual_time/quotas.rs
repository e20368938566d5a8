//! What counts against quotas over time, what limits refuse, and the counts of the heat map, of scenarios counted by hand.

use std::path::Path;

use tollgate::collectors::Collectors;
use tollgate::machines;
use tollgate::scenario::Scenario;
use tollgate::section::{ScopeKind, Section};
use tollgate::simulate::{Flow, simulate};

/// A request each second with a prompt of 100 tokens and an answer of 10, which takes two seconds.
fn play(head: &str, endpoints: &str) -> Vec<Section> {
    let text = format!(
        "{head}\n[arrivals]\nkind = \"constant\"\nrate = 1\n[[classes]]\nname = \"c\"\nmax_tokens = 20\n\
         input = {{ kind = \"fixed\", tokens = 100 }}\noutput = {{ kind = \"fixed\", tokens = 10 }}\n{endpoints}"
    );
    let scenario = Scenario::parse(&text, Path::new("case.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut collectors = Collectors::new(&machines::setup(&scenario, true));
    let played = simulate(&scenario, |outcome| {
        collectors.collect(outcome);
        Flow::Continue
    });
    collectors.finish(played.unwrap_or_else(|error| panic!("{error}")).stopped)
}

fn endpoint(name: &str, more: &str) -> String {
    format!(
        "[[endpoints]]\nname = \"{name}\"\nprovider = \"openai\"\nmodel = \"m\"\nprice = {{ input = \"1\", output = \"1\" }}\n\
         latency = {{ kind = \"fixed\", ttft = \"1s\", itl = \"100ms\" }}\n{more}\n"
    )
}

fn points(sections: &[Section], name: &str, series: &str) -> Vec<(f64, f64)> {
    let all = || sections.iter().flat_map(|section| &section.curves).filter(|curve| curve.name == name);
    let names = || all().map(|curve| curve.series.as_str()).collect::<Vec<_>>();
    let curve = all().find(|curve| curve.series == series);
    curve.unwrap_or_else(|| panic!("{name} has no {series} but {:?}", names())).points.clone()
}

/// The share at the end of a second.
fn at(points: &[(f64, f64)], secs: f64) -> f64 {
    let point = points.iter().find(|point| point.0 == secs);
    point.unwrap_or_else(|| panic!("no point at {secs} s")).1
}

#[test]
fn a_quota_is_used_by_what_was_let_in_over_the_minute_before() {
    let limits = "limits = [{ kind = \"requests\", per_minute = 120 }, { kind = \"tokens\", per_minute = 60_000, settled = { output = 5 } },\n\
                  { kind = \"tokens\", per_day = 864_000 }]";
    let sections = play("duration = \"150s\"", &endpoint("e", limits));
    // One a second of two a second.
    let requests = points(&sections, "quota_utilisation", "e: requests a minute");
    assert_eq!([1.0, 60.0, 150.0].map(|secs| at(&requests, secs)), [0.5, 0.5, 0.5]);
    assert_eq!(at(&requests, 0.5), 1.0, "the first comes at once");
    // 100 + 5 · 10 a second of 1,000 a second.
    let settled = points(&sections, "quota_utilisation", "e: tokens a minute");
    assert_eq!([1.0, 60.0, 150.0].map(|secs| at(&settled, secs)), [0.15, 0.15, 0.15]);
    // What is never corrected counts the cap: 100 + 20 a second of 10 a second.
    let reserved = points(&sections, "quota_utilisation", "e: tokens a day");
    assert_eq!([1.0, 150.0].map(|secs| at(&reserved, secs)), [12.0, 12.0]);
    assert_eq!(requests.last().unwrap().0, 150.0, "there is nothing to use after the last request");
}

#[test]
fn a_limit_lowered_for_a_time_gives_less_then() {
    let lowered = "limits = [{ kind = \"requests\", per_minute = 120, lowered = [{ from = \"60s\", for = \"60s\", to = 0.5 }] }]";
    let sections = play("duration = \"150s\"", &endpoint("e", lowered));
    let requests = points(&sections, "quota_utilisation", "e: requests a minute");
    assert_eq!([60.0, 90.0, 120.0].map(|secs| at(&requests, secs)), [0.5, 60.0 / 90.0, 1.0]);
}

#[test]
fn endpoints_that_share_a_pool_use_it_together_and_refusals_use_nothing() {
    let pool = "[[pools]]\nname = \"both\"\nlimits = [{ kind = \"requests\", per_minute = 30, burst = 1 }]\n";
    let endpoints =
        format!("{}{}{pool}", endpoint("a", "pools = [\"both\"]"), endpoint("b", "pools = [\"both\"]"));
    let sections = play("duration = \"120s\"\nrouter = \"round_robin\"", &endpoints);
    let used = points(&sections, "quota_utilisation", "both: requests a minute");
    assert_eq!(at(&used, 120.0), 1.0, "every second one of one a second is let in, as many as come back");
    let refused =
        |series| points(&sections, "refused_by_limit", series).iter().map(|point| point.1 * 0.5).sum::<f64>();
    let refusals = sections.iter().find(|section| section.name == "refusals").expect("there are refusals");
    for scope in refusals.scopes.iter().filter(|scope| scope.kind == ScopeKind::Limit) {
        let rejected = refusals.figure(ScopeKind::Limit, &scope.name, "rejected");
        let rejected = rejected.and_then(|figure| figure.value.as_f64());
        assert_eq!(rejected, Some(refused(&scope.name)), "{}", scope.name);
    }
}

#[test]
fn the_heat_map_has_each_answer_once_at_its_time_and_latency() {
    let sections = play("duration = \"60s\"\nwarmup = \"10s\"", &endpoint("e", ""));
    let series = sections.iter().find(|section| section.name == "series").expect("there is a series section");
    for (name, secs) in [("ttft_over_time", 1.0), ("e2e_over_time", 1.9)] {
        let grid = series.grids.iter().find(|grid| grid.name == name).unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(grid.column_secs, 0.5);
        for (nth, column) in grid.columns.iter().enumerate() {
            let expected: &[u64] = if nth % 2 == 0 { &[1] } else { &[] };
            assert_eq!(column.counts, expected, "{name} at {nth}");
            let low = grid.row_low_secs * grid.row_ratio.powi(column.row as i32);
            assert!(expected.is_empty() || (low <= secs && secs < low * grid.row_ratio), "{name}: {low}");
        }
        assert_eq!(grid.columns.len(), 119, "the warm-up is in it");
    }
}
