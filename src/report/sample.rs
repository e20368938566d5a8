//! Summaries for tests: made up, but shaped as the collectors' are.

use super::summary::{Host, SCHEMA, Summary, ThresholdResult, ThresholdVerdict, Validity, Verb, Verdict};
use crate::price::Money;
use crate::section::{Curve, Scope, ScopeKind, Section, Unit, Value};

/// What an endpoint is made up from.
#[derive(Clone, Copy)]
struct Endpoint<'a> {
    name: &'a str,
    attempts: u64,
    answered: u64,
    /// Median TTFT in seconds.
    ttft: f64,
    /// Picos metered and reserved.
    cost: (i128, i128),
}

/// Three clouds, refusals and spill-over.
pub fn first_light() -> Summary {
    let endpoints = [
        Endpoint {
            name: "azure-ptu",
            attempts: 3240,
            answered: 1350,
            ttft: 0.31,
            cost: (0, 375_000_000_000),
        },
        Endpoint {
            name: "openai-direct",
            attempts: 1893,
            answered: 1342,
            ttft: 0.42,
            cost: (3_019_500_000_001, 0),
        },
        Endpoint {
            name: "bedrock-us",
            attempts: 551,
            answered: 529,
            ttft: 0.66,
            cost: (1_322_500_000_000, 0),
        },
    ];
    let mut summary = of(&endpoints, 30.0, 120.0);
    summary.scenario = "first-light".into();
    summary.question =
        "With provisioned capacity first and two token-metered clouds behind it, what does a chat \
                        product's traffic cost, how fast is it, and how much of it is refused on the way?"
            .into();
    let result = |text: &str, verdict, shown: &str| ThresholdResult {
        text: text.into(),
        verdict,
        shown: shown.into(),
    };
    summary.thresholds = vec![
        result("ttft_p95 < 3s", ThresholdVerdict::Pass, "1.21 s"),
        result("throttled_share < 25%", ThresholdVerdict::Fail, "43.3 %"),
        result("ttft_p999 < 9s", ThresholdVerdict::NoVerdict, "too few samples (2,400 of 2,995)"),
    ];
    summary
}

/// Nothing at all.
pub fn empty() -> Summary {
    Summary {
        schema: SCHEMA,
        verb: Verb::Simulate,
        scenario: String::new(),
        question: String::new(),
        seed: 0,
        version: String::new(),
        scenario_sha256: String::new(),
        catalogue_sha256: String::new(),
        catalogue_date: String::new(),
        warnings: Vec::new(),
        duration_secs: 0.0,
        warmup_secs: 0.0,
        warmup_by: String::new(),
        cooldown_secs: 0.0,
        is_interrupted: false,
        recovered: None,
        stopped: None,
        verdict: Verdict { validity: Validity::Valid, reason: String::new() },
        thresholds: Vec::new(),
        sections: Vec::new(),
        certainty: None,
        against: None,
        standings: Vec::new(),
        preview: Vec::new(),
        host: Host {
            started: String::new(),
            wall_secs: 0.0,
            os: String::new(),
            arch: String::new(),
            cpus: 0,
        },
    }
}

pub fn one_endpoint() -> Summary {
    let solo = Endpoint { name: "solo", attempts: 90_000, answered: 90_000, ttft: 0.004, cost: (100, 0) };
    Summary { verb: Verb::Simulate, scenario: "one".into(), ..of(&[solo], 86_400.0, 1.05) }
}

/// Eight endpoints with long names, huge numbers, a month of virtual time.
pub fn many_endpoints() -> Summary {
    const NAMES: [&str; 8] = [
        "azure-openai-provisioned-sweden-central-gpt-5.4-long-context",
        "azure-openai-standard-global-gpt-5.4",
        "bedrock-cross-region-us-anthropic-claude",
        "vertex-provisioned-throughput-europe-west4",
        "anthropic-direct-priority-tier",
        "foundry-serverless-llama-70b-instruct",
        "self-hosted-h200-x8-frankfurt",
        "openai-direct-scale-tier",
    ];
    let endpoint = |index: usize| Endpoint {
        name: NAMES[index],
        attempts: 412_345_678 / (index as u64 + 1),
        answered: 398_765_432 / (index as u64 + 1),
        ttft: 0.05 * libm::pow(2.1, index as f64),
        cost: (1_234_567_890_123_456_789 / (index as i128 + 2), 987_654_321_000_000_000),
    };
    let endpoints: Vec<Endpoint> = (0..8).map(endpoint).collect();
    Summary { verb: Verb::Simulate, scenario: "many".into(), ..of(&endpoints, 2_592_000.0, 431.25) }
}

/// No request was answered, and the harness was late.
pub fn refused() -> Summary {
    let wall = Endpoint { name: "wall", attempts: 40, answered: 0, ttft: 0.0, cost: (0, 0) };
    let mut summary = Summary { scenario: "refused".into(), ..of(&[wall], 10.0, 4.0) };
    let reason = "send lag p99 31.000 ms is above the bound of 20ms".to_string();
    summary.verdict = Verdict { validity: Validity::Invalid, reason };
    let figures = &mut summary.sections[0].scopes[0].figures;
    for (name, value) in [
        ("send_lag_p99", Value::TooFew { have: 40, needed: 299 }),
        ("achieved_rate", Value::Number(4.0)),
        ("send_lag_max", Value::Number(0.031)),
    ] {
        figures
            .iter_mut()
            .filter(|figure| figure.name == name)
            .for_each(|figure| figure.value = value.clone());
    }
    summary
}

/// First light, with too few samples and a price that is not known.
pub fn too_few() -> Summary {
    let mut summary = first_light();
    let unknown = "no price for cache_read at endpoint azure-ptu; add price.cache_read";
    for scope in summary.sections.iter_mut().flat_map(|section| &mut section.scopes) {
        let is_first = scope.name == "azure-ptu";
        for figure in &mut scope.figures {
            let needed =
                [("_p95", 59), ("_p99", 299)].into_iter().find(|(end, _)| figure.name.ends_with(end));
            if let (Some((_, needed)), Unit::Seconds) = (needed, figure.unit) {
                figure.value = Value::TooFew { have: 12, needed };
            }
            if figure.unit == Unit::Usd && (is_first || scope.kind == ScopeKind::Total) {
                figure.value = Value::Unknown(unknown.into());
            }
        }
    }
    summary
}

/// Names that would like to be markup.
pub fn hostile() -> Summary {
    let name = "<script>alert('1')</script>|&\"[x](http://y)";
    let endpoint = Endpoint { name, attempts: 9, answered: 8, ttft: 0.1, cost: (1, 1) };
    let mut summary = of(&[endpoint, Endpoint { name: "b", ..endpoint }], 10.0, 1.0);
    (summary.scenario, summary.question) = (name.into(), format!("# {name}"));
    summary.thresholds =
        vec![ThresholdResult { text: name.into(), verdict: ThresholdVerdict::Pass, shown: name.into() }];
    summary
}

pub fn all() -> Vec<Summary> {
    vec![first_light(), empty(), one_endpoint(), many_endpoints(), refused(), too_few(), hostile()]
}

/// Compares with a file of `tests/golden`, or writes it when `UPDATE_GOLDEN` is set.
pub fn assert_golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert!(golden == text, "{name} is not as committed; look at it, then set UPDATE_GOLDEN=1:\n{text}");
}

fn of(endpoints: &[Endpoint], secs: f64, rate: f64) -> Summary {
    let host = Host {
        started: "2026-01-02T03:04:05Z".into(),
        wall_secs: 31.25,
        os: "linux".into(),
        arch: "x86_64".into(),
        cpus: 2,
    };
    Summary {
        verb: Verb::Run,
        seed: 1,
        version: "0.1.0".into(),
        scenario_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        catalogue_sha256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".into(),
        catalogue_date: "2026-11-21".into(),
        warnings: Vec::new(),
        duration_secs: secs,
        warmup_secs: secs / 10.0,
        verdict: Verdict {
            validity: Validity::Valid,
            reason: "sent 99.83 % of the requests due, send lag p99 0.400 ms".into(),
        },
        sections: vec![
            fidelity(rate),
            latency(endpoints),
            goodput(endpoints),
            refusals(endpoints),
            cost(endpoints),
            series(endpoints, secs, rate),
            load_sweep(endpoints, rate),
        ],
        host,
        ..empty()
    }
}

fn fidelity(rate: f64) -> Section {
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

fn latency(endpoints: &[Endpoint]) -> Section {
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

fn goodput(endpoints: &[Endpoint]) -> Section {
    let answered: u64 = endpoints.iter().map(|endpoint| endpoint.answered).sum();
    let mut section = Section::new("goodput");
    for (kind, name) in [(ScopeKind::Total, ""), (ScopeKind::Class, "chat")] {
        let scope = Scope::new(kind, name)
            .with("requests", answered + 19, Unit::Count)
            .with("done", answered, Unit::Count)
            .with("good_share", answered as f64 * 0.97 / (answered + 19) as f64, Unit::Share)
            .with("goodput", answered as f64 * 0.97 / 27.0, Unit::PerSecond)
            .with("error_share", 19.0 / (answered + 19) as f64, Unit::Share)
            .with("output_tokens_per_second", answered as f64 * 100.0 / 27.0, Unit::TokensPerSecond);
        section.scopes.push(scope);
    }
    for endpoint in endpoints {
        let scope = Scope::new(ScopeKind::Endpoint, endpoint.name);
        section.scopes.push(scope.with("done", endpoint.answered, Unit::Count));
    }
    section
}

fn refusals(endpoints: &[Endpoint]) -> Section {
    let refused = |endpoint: &Endpoint| endpoint.attempts.saturating_sub(endpoint.answered);
    let (attempts, all): (u64, u64) =
        (endpoints.iter().map(|e| e.attempts).sum(), endpoints.iter().map(refused).sum());
    let mut section = Section::new("refusals");
    let total = Scope::new(ScopeKind::Total, "")
        .with("attempts", attempts, Unit::Count)
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

fn cost(endpoints: &[Endpoint]) -> Section {
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

fn series(endpoints: &[Endpoint], secs: f64, rate: f64) -> Section {
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

fn load_sweep(endpoints: &[Endpoint], rate: f64) -> Section {
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
