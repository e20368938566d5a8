//! What the harness itself adds to the figures of a run: its load, played against answers that are known.
//!
//! A scenario's requests go at their times to our own mock, each of whose answers has one pace: the mean pace of the
//! scenario's endpoints. Virtual time says to the nanosecond when each token of it is due. What a run measures beyond
//! that is the error of everything between: of the client, of the sockets, and of the mock, which says how late it was.

pub mod client;
pub mod comparison;
pub mod machine;
pub mod report;
pub mod stage;

use std::path::Path;

use serde::{Deserialize, Serialize};

use self::client::Client;
use self::comparison::Comparison;
use self::machine::Machine;
use self::stage::{Pace, Stage};
use crate::collectors::harness::Lag;
use crate::error::{Error, Result};
use crate::report::summary::{Validity, Verdict};
use crate::report::{json, show};
use crate::scenario::Scenario;
use crate::section::{Figure, Section, Unit, Value};

/// The file in a results folder.
pub const FILE: &str = "calibration.json";

/// The version of the schema of `calibration.json`.
pub const SCHEMA: u32 = 2;

/// The content of `calibration.json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Calibration {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The scenario whose load it was.
    pub scenario: String,
    /// RFC 3339, in UTC.
    pub started: String,
    /// Tollgate's version.
    pub version: String,
    pub machine: Machine,
    pub client: Client,
    pub pace: Pace,
    pub load: Load,
    /// INVALID where the harness cannot keep up with this load.
    pub verdict: Verdict,
    /// Of the harness as a run has them, and `MEASURE_error_p99` and their like, of TTFT, chunk gap and E2E.
    pub figures: Vec<Figure>,
}

/// How much there was to do.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Load {
    /// Requests a second: expected, or where answers decide it, offered.
    pub rate: f64,
    /// The most under way at once.
    pub in_flight_max: u64,
    /// How long was measured, in seconds.
    pub secs: f64,
    /// Measured requests, those that were answered, and those of them that could be held against the truth.
    pub requests: u64,
    pub answered: u64,
    pub compared: u64,
}

impl Calibration {
    /// What came of a stage that was played. `fidelity` is that section of its run, `mock_lag` how late the mock's
    /// machines were.
    pub fn new(
        stage: &Stage,
        comparison: &Comparison,
        fidelity: &Section,
        mock_lag: Lag,
        started: String,
    ) -> Calibration {
        let of_run = fidelity.scopes.iter().flat_map(|scope| &scope.figures);
        let of_run = of_run.filter(|figure| figure.unit != Unit::Text).cloned();
        let lags = [("p50", mock_lag.p50), ("p99", mock_lag.p99), ("max", mock_lag.max)];
        let lags = lags.map(|(stat, lag)| figure(&format!("mock_lag_{stat}"), lag.as_secs_f64()));
        let counts = comparison.counts();
        Calibration {
            schema: SCHEMA,
            scenario: stage.scenario.name.clone(),
            started,
            version: env!("CARGO_PKG_VERSION").into(),
            machine: Machine::here(),
            client: Client::default(),
            pace: stage.pace,
            load: Load {
                rate: rate(&stage.scenario, fidelity).unwrap_or_default(),
                in_flight_max: in_flight_max(fidelity),
                secs: stage.scenario.duration.as_secs_f64() - stage.scenario.warmup.get().as_secs_f64(),
                requests: counts.requests,
                answered: counts.answered,
                compared: counts.compared,
            },
            verdict: verdict(&stage.scenario, comparison, fidelity),
            figures: of_run.chain(comparison.figures()).chain(lags).collect(),
        }
    }

    /// The same, where another client than the usual one has played it.
    pub fn by(self, client: Client) -> Calibration {
        Calibration { client, ..self }
    }

    pub fn read(path: &Path) -> Result<Calibration> {
        let text = std::fs::read_to_string(path).map_err(|cause| Error::file("read", path, cause))?;
        let garbled = |cause: String| {
            let why =
                format!("it is no calibration ({cause}); name a {FILE} that `tollgate calibrate` wrote");
            Error::file("read", path, why)
        };
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        let head: Head = serde_json::from_str(&text).map_err(|cause| garbled(cause.to_string()))?;
        if head.schema != SCHEMA {
            return Err(garbled(format!("its schema is {}, and this version reads {SCHEMA}", head.schema)));
        }
        serde_json::from_str(&text).map_err(|cause| garbled(cause.to_string()))
    }

    /// The one of a folder that holds nothing else, as `tollgate calibrate` writes it; a run's has a summary beside it.
    pub fn alone_in(folder: &Path) -> Result<Option<Calibration>> {
        let path = folder.join(FILE);
        let is_alone = path.exists() && !folder.join(json::FILE).exists();
        is_alone.then(|| Calibration::read(&path)).transpose()
    }

    /// The whole run's figure `name`.
    pub fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// Why it says nothing of a run of `scenario` here by `client`, as far as that is known before the run.
    pub fn misfit(&self, scenario: &Scenario, client: Client) -> Option<String> {
        let (here, version) = (Machine::here(), env!("CARGO_PKG_VERSION"));
        if self.verdict.validity == Validity::Invalid {
            return Some(format!("it is INVALID: {}", self.verdict.reason));
        }
        if self.machine != here {
            return Some(format!("it was made on another machine: {}, and this is {here}", self.machine));
        }
        if self.version != version {
            return Some(format!("it was made by version {}, and this is {version}", self.version));
        }
        if self.client != client {
            return Some(format!("it was made with {}, and this run has {client}", self.client));
        }
        self.misfit_of_rate(expected_rate(scenario)?)
    }

    /// Puts its errors into a run's fidelity section, with whether it fits what the run turned out to be.
    pub fn certify(&self, scenario: &Scenario, fidelity: &mut Section) {
        let rate = rate(scenario, fidelity).and_then(|rate| self.misfit_of_rate(rate));
        let misfit = rate.or_else(|| self.misfit_of_concurrency(in_flight_max(fidelity)));
        let fit = misfit.map_or("fits".to_string(), |why| format!("does not fit: {why}"));
        let Some(total) = fidelity.scopes.first_mut() else { return };
        let kept = CERTIFIED.iter().filter_map(|name| self.figure(name));
        let kept =
            kept.map(|figure| Figure { name: format!("calibration_{}", figure.name), ..figure.clone() });
        total.figures.extend(kept);
        total.figures.push(Figure { name: "calibration".into(), value: Value::Text(fit), unit: Unit::Text });
    }

    fn misfit_of_rate(&self, rate: f64) -> Option<String> {
        let own = self.load.rate;
        ((rate - own).abs() > APART_MAX * own).then(|| {
            format!("it was made at {own:.1} requests/s, and the run has {rate:.1}/s, more than 10 % apart")
        })
    }

    /// Beyond a tenth and what chance does to a peak, of which the standard deviation is about its root.
    fn misfit_of_concurrency(&self, in_flight_max: u64) -> Option<String> {
        let own = self.load.in_flight_max as f64;
        (in_flight_max as f64 > own * (1.0 + APART_MAX) + 3.0 * own.sqrt()).then(|| {
            let (own, most) = (show::count_of(self.load.in_flight_max), show::count_of(in_flight_max));
            format!("it had at most {own} requests in flight, and the run had {most}")
        })
    }
}

/// Requests a second that are expected of a scenario, where it says.
fn expected_rate(scenario: &Scenario) -> Option<f64> {
    let span = scenario.duration.get();
    Some(scenario.expected(span)? / span.as_secs_f64())
}

/// The same, or where answers decide it, those that were offered.
fn rate(scenario: &Scenario, fidelity: &Section) -> Option<f64> {
    expected_rate(scenario).or_else(|| fidelity.total("offered_rate")?.value.as_f64())
}

fn in_flight_max(fidelity: &Section) -> u64 {
    match fidelity.total("in_flight_max").map(|figure| &figure.value) {
        Some(Value::Count(count)) => *count,
        _ => 0,
    }
}

fn verdict(scenario: &Scenario, comparison: &Comparison, fidelity: &Section) -> Verdict {
    let text = |name| match fidelity.total(name).map(|figure| &figure.value) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let fault = if text("verdict") == "INVALID" { Some(text("reason")) } else { fault(scenario, comparison) };
    match fault {
        Some(reason) => Verdict { validity: Validity::Invalid, reason },
        None => Verdict { validity: Validity::Valid, reason: text("reason") },
    }
}

/// What the comparison says against the harness.
fn fault(scenario: &Scenario, comparison: &Comparison) -> Option<String> {
    let (counts, bounds) = (comparison.counts(), &scenario.fidelity);
    let (answered, requests) = (counts.answered, counts.requests);
    if (answered as f64) < bounds.achieved_min.get() * requests as f64 {
        return Some(format!(
            "only {answered} of {requests} requests to a mock that refuses none were answered"
        ));
    }
    if counts.compared == 0 {
        return Some("no request could be held against the truth; calibrate for longer, with --for".into());
    }
    let max = bounds.calibration_error_p99_max.get();
    let errors = [("TTFT", &comparison.ttft), ("E2E", &comparison.e2e)];
    errors.into_iter().map(|(name, measure)| (name, measure.error_at(0.99))).find(|(_, off)| *off > max).map(
        |(name, off)| {
            let [off, max] = [off, max].map(|span| show::seconds(span.as_secs_f64()));
            format!("{name} is off its truth by {off} at p99, the bound is {max}")
        },
    )
}

fn figure(name: &str, secs: f64) -> Figure {
    Figure { name: name.into(), value: secs.into(), unit: Unit::Seconds }
}

/// Two loads may be so far apart, as a share of the calibration's.
const APART_MAX: f64 = 0.1;

/// The figures that a run's certificate takes over.
pub const CERTIFIED: [&str; 12] = [
    "ttft_error_p50",
    "ttft_error_p99",
    "ttft_error_max",
    "chunk_gap_error_p50",
    "chunk_gap_error_p99",
    "chunk_gap_error_max",
    "e2e_error_p50",
    "e2e_error_p99",
    "e2e_error_max",
    "rate_error",
    "send_lag_p99",
    "mock_lag_p99",
];
