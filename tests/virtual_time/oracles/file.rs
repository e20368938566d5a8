//! The file of closed-form answers that stands beside the repository, where it is there.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Every oracle of these categories, and so every one that must have a test here.
pub const COVERED: &[(&str, &[&str])] = &[
    (
        "arrivals",
        &["lognormal_truncated_tokens", "mmpp2_dispersion", "mtminf_peak_concurrency", "nhpp_diurnal_counts"],
    ),
    ("cost", &["cost_identity", "tiered_whole_request"]),
    (
        "planning",
        &[
            "erlang_b_sizing",
            "erlang_c_sizing",
            "newsvendor_lattice",
            "newsvendor_normal",
            "ptu_breakeven_utilization",
            "ptu_sizing_ms_examples",
        ],
    ),
    (
        "queueing",
        &[
            "erlang_a_general",
            "erlang_a_theta_eq_mu",
            "erlang_b_insensitive",
            "md1",
            "mg1_pollaczek_khinchine",
            "mg1_ps_slowdown",
            "mginf_concurrency",
            "mm1_sojourn",
            "mmc_erlang_c",
            "priority_nonpreemptive",
            "tandem_jackson",
        ],
    ),
    (
        "rate_limit",
        &[
            "bedrock_burndown",
            "fixed_window_rpm",
            "ptu_leaky_bucket",
            "token_bucket_burst",
            "token_bucket_poisson_md1k",
        ],
    ),
    ("retries", &["retry_amplification"]),
    ("statistics", &["mm1_run_length", "mser5_known_series", "quantile_ci_order_stats"]),
];

#[derive(Clone, Debug, Deserialize)]
pub struct Oracle {
    pub name: String,
    pub category: String,
    params: BTreeMap<String, Value>,
    expected: BTreeMap<String, Value>,
    tolerance: Tolerance,
}

#[derive(Clone, Debug, Deserialize)]
struct Tolerance {
    #[serde(rename = "type")]
    kind: String,
    value: f64,
}

/// The oracles; none, with the reason printed, where the file is not there.
pub fn oracles() -> Vec<Oracle> {
    #[derive(Deserialize)]
    struct File {
        oracles: Vec<Oracle>,
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/oracles/oracles.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str::<File>(&text).expect("the file is in its format").oracles,
        Err(error) => {
            println!("skipped: there is no {}: {error}", path.display());
            Vec::new()
        }
    }
}

/// One of those covered; `None` where there is no file.
pub fn oracle(name: &str) -> Option<Oracle> {
    let is_covered = COVERED.iter().any(|(_, names)| names.contains(&name));
    assert!(is_covered, "{name} is not in the list of those covered");
    let oracles = oracles();
    let found = oracles.iter().find(|oracle| oracle.name == name).cloned();
    assert!(found.is_some() || oracles.is_empty(), "the file has no {name} any more");
    found
}

impl Oracle {
    /// A number among what it is about.
    pub fn param(&self, key: &str) -> f64 {
        self.params.get(key).and_then(Value::as_f64).unwrap_or_else(|| panic!("{} has no {key}", self.name))
    }

    /// Numbers among what it is about.
    pub fn params(&self, key: &str) -> Vec<f64> {
        let list = self.params.get(key).and_then(Value::as_array);
        let list = list.unwrap_or_else(|| panic!("{} has no list {key}", self.name));
        list.iter().map(|number| number.as_f64().expect("a list of numbers")).collect()
    }

    /// A list of lists among what it is about.
    pub fn cases(&self) -> Vec<Vec<f64>> {
        let cases = self.params.get("cases").and_then(Value::as_array).expect("cases");
        let row =
            |case: &Value| case.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
        cases.iter().map(row).collect()
    }

    pub fn expected(&self, key: &str) -> f64 {
        self.expected
            .get(key)
            .and_then(Value::as_f64)
            .unwrap_or_else(|| panic!("{} expects no {key}", self.name))
    }

    pub fn expected_text(&self, key: &str) -> &str {
        self.expected
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{} expects no text {key}", self.name))
    }

    /// Names of what it expects.
    pub fn keys(&self) -> Vec<&str> {
        self.expected.keys().map(String::as_str).collect()
    }

    /// The distance from what it expects that it allows. "Exact" is exact in the ten digits the file prints.
    pub fn bound(&self, key: &str) -> f64 {
        let expected = self.expected(key);
        match (self.tolerance.kind.as_str(), self.category.as_str()) {
            ("exact", _) => expected.abs() * 5e-10,
            // Relative for shares above a thousandth, absolute below.
            ("relative", "rate_limit") if expected <= 1e-3 => 2e-4,
            ("relative", _) => expected.abs() * self.tolerance.value,
            (kind, _) => panic!("{} has a tolerance of kind {kind}, which has no bound", self.name),
        }
    }

    /// Asks for what it expects, as near as it allows.
    pub fn assert(&self, key: &str, found: f64) {
        let (expected, bound) = (self.expected(key), self.bound(key));
        assert!(
            (found - expected).abs() <= bound,
            "{} {key}: {found} is not {expected} ± {bound}",
            self.name
        );
    }
}
