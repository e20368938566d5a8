//! The sections of a made-up summary.

use super::Endpoint;
use crate::price::Money;
use crate::section::{Curve, Scope, ScopeKind, Section, Unit};

pub(super) fn fidelity(rate: f64) -> Section {
    let scope = Scope::new(ScopeKind::Total, "")
        .with("verdict", "VALID", Unit::Text)
        .with("offered_rate", rate, Unit::PerSecond)
        .with("achieved_rate", rate * 0.9983, Unit::PerSecond)
        .with("send_lag_p99", 0.0004, Unit::Seconds)
        .with("send_lag_max", 0.0021, Unit::Seconds)
        .with("late_requests", 0u64, Unit::Count)
        .with("rate_error", 0.0002, Unit::Share)
        .with("loop_lag_p99", 0.0003, Unit::Seconds)
        .with("loop_lag_max", 0.0018, Unit::Seconds)
        .with("in_flight_max", 412u64, Unit::Count)
        .with("client_cpu_share", 0.124, Unit::Share)
        .with("client_cpu_wait", 0.004, Unit::Share)
        .with("suspended", 0.0, Unit::Seconds)
        .with("calibration_ttft_error_p50", 0.0002, Unit::Seconds)
        .with("calibration_ttft_error_p99", 0.0011, Unit::Seconds)
        .with("calibration", "fits", Unit::Text);
    Section { scopes: vec![scope], ..Section::new("fidelity") }
}

pub(super) fn latency(endpoints: &[Endpoint]) -> Section {
    let mut section = Section::new("latency");
    let answered: u64 = endpoints.iter().map(|endpoint| endpoint.answered).sum();
    let all = Endpoint { name: "all", attempts: 0, answered, ttft: 0.45, cost: (0, 0) };
    let scopes = std::iter::once((ScopeKind::Total, "", all))
        .chain(endpoints.iter().map(|endpoint| (ScopeKind::Endpoint, endpoint.name, *endpoint)))
        .chain([(ScopeKind::Class, "chat", all)]);
    for (kind, name, endpoint) in scopes {
        let figure = |number: f64| (endpoint.answered > 0).then_some(number);
        let mut scope = Scope::new(kind, name).with("samples", endpoint.answered, Unit::Count);
        for (measure, size) in [("ttft", endpoint.ttft), ("e2e", endpoint.ttft * 6.0), ("tpot", 0.0123)] {
            for (level, factor) in [("p50", 1.0), ("p95", 1.9), ("p99", 3.1)] {
                scope = scope.with(&format!("{measure}_{level}"), figure(size * factor), Unit::Seconds);
            }
        }
        section.scopes.push(scope);
    }
    for endpoint in std::iter::once(&all).chain(endpoints).filter(|endpoint| endpoint.answered > 0) {
        for (measure, size) in [("ttft", endpoint.ttft), ("e2e", endpoint.ttft * 6.0)] {
            let curve = |what: &str, points| Curve {
                name: format!("{measure}_{what}"),
                series: endpoint.name.into(),
                points,
            };
            section.curves.push(curve("percentiles", percentiles(size, endpoint.answered)));
            section.curves.push(curve("histogram", bins(size, endpoint.answered)));
        }
    }
    section
}

/// A log-logistic distribution, whose quantiles are simple.
fn percentiles(median: f64, answered: u64) -> Vec<(f64, f64)> {
    let last = (20.0 * libm::log10(answered as f64)) as i32;
    let point = |step: i32| {
        let above = libm::pow(10.0, -f64::from(step) / 20.0);
        (100.0 * (1.0 - above), median * libm::pow((1.0 - above).max(0.01) / above, 0.25))
    };
    (0..=last).map(point).collect()
}

fn bins(median: f64, answered: u64) -> Vec<(f64, f64)> {
    let below = |edge: f64| 1.0 / (1.0 + libm::pow(edge / median, -4.0));
    let bin = |step: i32| {
        let edge = |step: i32| libm::pow(10.0, f64::from(step) / 20.0);
        let count = answered as f64 * (below(edge(step)) - below(edge(step - 1)));
        (edge(step), libm::floor(count))
    };
    (-60..60).map(bin).filter(|point| point.1 > 0.0).collect()
}

pub(super) fn goodput(endpoints: &[Endpoint]) -> Section {
    let answered: u64 = endpoints.iter().map(|endpoint| endpoint.answered).sum();
    let mut section = Section::new("goodput");
    for (kind, name) in [(ScopeKind::Total, ""), (ScopeKind::Class, "chat")] {
        let scope = Scope::new(kind, name)
            .with("requests", answered + 19, Unit::Count)
            .with("done", answered, Unit::Count)
            .with("good", answered * 97 / 100, Unit::Count)
            .with("good_share", answered as f64 * 0.97 / (answered + 19) as f64, Unit::Share)
            .with("goodput", answered as f64 * 0.97 / 27.0, Unit::PerSecond)
            .with("error_share", 19.0 / (answered + 19) as f64, Unit::Share)
            .with("output_tokens_per_second", answered as f64 * 100.0 / 27.0, Unit::TokensPerSecond);
        section.scopes.push(scope);
    }
    for endpoint in endpoints {
        let scope = Scope::new(ScopeKind::Endpoint, endpoint.name);
        let scope = scope
            .with("done", endpoint.answered, Unit::Count)
            .with("good", endpoint.answered * 97 / 100, Unit::Count)
            .with("output_tokens_per_second", endpoint.answered as f64 * 100.0 / 27.0, Unit::TokensPerSecond);
        section.scopes.push(scope);
    }
    section
}

pub(super) fn refusals(endpoints: &[Endpoint]) -> Section {
    let refused = |endpoint: &Endpoint| endpoint.attempts.saturating_sub(endpoint.answered);
    let (attempts, all): (u64, u64) =
        (endpoints.iter().map(|e| e.attempts).sum(), endpoints.iter().map(refused).sum());
    let mut section = Section::new("refusals");
    let total = Scope::new(ScopeKind::Total, "")
        .with("attempts", attempts, Unit::Count)
        .with("rejected", all, Unit::Count)
        .with("throttled", all, Unit::Count)
        .with("throttled_share", all as f64 / attempts as f64, Unit::Share)
        .with("refused_share", 0.0041, Unit::Share)
        .with("retries", all, Unit::Count)
        .with("hedges", 0u64, Unit::Count)
        .with("spill_share", 0.581, Unit::Share)
        .with("broken", 2u64, Unit::Count)
        .with("stalled", 0u64, Unit::Count)
        .with("timed_out", 1u64, Unit::Count)
        .with("cancelled", 0u64, Unit::Count);
    section.scopes.push(total);
    section.scopes.push(Scope::new(ScopeKind::Class, "chat").with("refused_share", 0.0041, Unit::Share));
    for endpoint in endpoints {
        let scope = Scope::new(ScopeKind::Endpoint, endpoint.name)
            .with("attempts", endpoint.attempts, Unit::Count)
            .with("rejected", refused(endpoint), Unit::Count)
            .with("throttled", refused(endpoint), Unit::Count);
        section.scopes.push(scope);
    }
    for endpoint in endpoints.iter().filter(|endpoint| refused(endpoint) > 0) {
        let scope = Scope::new(ScopeKind::Limit, &format!("{}/tokens", endpoint.name))
            .with("rejected", refused(endpoint), Unit::Count)
            .with("throttled", refused(endpoint), Unit::Count);
        section.scopes.push(scope);
    }
    section
}

pub(super) fn cost(endpoints: &[Endpoint]) -> Section {
    let sum = |of: fn(&Endpoint) -> i128| endpoints.iter().map(of).sum::<i128>();
    let scope = |kind, name, (metered, reserved): (i128, i128), answered: u64| {
        let total = Money::from_picos(metered + reserved);
        Scope::new(kind, name)
            .with("cost_total", total, Unit::Usd)
            .with("cost_metered", Money::from_picos(metered), Unit::Usd)
            .with("cost_reserved", Money::from_picos(reserved), Unit::Usd)
            .with("cost_wasted", Money::ZERO, Unit::Usd)
            .with("cost_warmup", Money::from_picos(metered / 9), Unit::Usd)
            .with("cost_per_1k_requests", total.scaled(1000, 1).per(answered), Unit::Usd)
            .with("cost_per_good_request", total.per(answered), Unit::Usd)
            .with("cost_per_1k_good_requests", total.scaled(1000, 1).per(answered), Unit::Usd)
            .with("cost_per_month", total.scaled(97_333, 1), Unit::Usd)
    };
    let whole = (sum(|endpoint| endpoint.cost.0), sum(|endpoint| endpoint.cost.1));
    let answered = endpoints.iter().map(|endpoint| endpoint.answered).sum();
    let mut section = Section::new("cost");
    section.scopes.push(scope(ScopeKind::Total, "", whole, answered));
    for endpoint in endpoints {
        section.scopes.push(scope(ScopeKind::Endpoint, endpoint.name, endpoint.cost, endpoint.answered));
    }
    section.scopes.push(scope(ScopeKind::Class, "chat", (whole.0, 0), answered));
    section
}

pub(super) fn series(endpoints: &[Endpoint], secs: f64, rate: f64) -> Section {
    let buckets = (secs as u32).clamp(2, 300);
    let width = secs / f64::from(buckets);
    let refused = 1.0 - endpoints[0].answered as f64 / endpoints[0].attempts as f64;
    let mut section = Section::new("series");
    for (series, share, swing) in [
        ("offered", 1.0, 0.12),
        ("achieved", 0.998, 0.12),
        ("good", 0.97 - refused.powi(3) * 0.97, 0.18),
        ("refused", refused, 0.25),
    ] {
        let noise = |bucket: u32| f64::from(bucket * bucket * 37 % 101) / 50.5 - 1.0;
        let points = (0..buckets).map(|b| (f64::from(b) * width, rate * share * (1.0 + swing * noise(b))));
        section.curves.push(Curve {
            name: "throughput".into(),
            series: series.into(),
            points: points.collect(),
        });
    }
    for endpoint in endpoints {
        let dollars = Money::from_picos(endpoint.cost.0 + endpoint.cost.1).as_dollars_f64();
        let points =
            (0..=buckets).map(|b| (f64::from(b) * width, dollars * f64::from(b) / f64::from(buckets)));
        let curve =
            Curve { name: "cost_over_time".into(), series: endpoint.name.into(), points: points.collect() };
        section.curves.push(curve);
    }
    section
}

pub(super) fn load_sweep(endpoints: &[Endpoint], rate: f64) -> Section {
    let dollars: f64 = endpoints.iter().map(|endpoint| endpoint.cost.0 as f64 / 1e12).sum();
    let reserved = |load: f64| dollars * rate / load;
    let curve = |name: &str, series: &str, y: &dyn Fn(f64) -> f64| Curve {
        name: name.into(),
        series: series.into(),
        points: (1..=8).map(|part| rate * f64::from(part) / 4.0).map(|load| (load, y(load))).collect(),
    };
    let mut curves = vec![
        curve("cost_per_1k_by_load", "total", &|load| dollars + reserved(load)),
        curve("cost_per_1k_by_load", "metered", &|_| dollars),
        curve("cost_per_1k_by_load", "reserved", &|load| reserved(load)),
        curve("refused_share_by_load", "total", &|load| (1.0 - rate / load).max(0.0)),
    ];
    curves.extend(endpoints.iter().map(|one| curve("cost_per_million_by_load", one.name, &reserved)));
    Section { curves, ..Section::new("load_sweep") }
}
