//! Summaries for tests: made up, but shaped as the collectors' are.

mod section;

use self::section::{cost, fidelity, goodput, latency, load_sweep, refusals, series};
use super::summary::{Host, SCHEMA, Summary, ThresholdResult, ThresholdVerdict, Validity, Verb, Verdict};
use crate::section::{ScopeKind, Unit, Value};

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
