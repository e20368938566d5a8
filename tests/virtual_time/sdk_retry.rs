//! The retry presets against the official SDKs: `tests/sdk/retry_delays.py` asked them, row by row.

use std::time::Duration;

use serde::Deserialize;
use tollgate::client::retry::{AnyRetry, Failure, Reason};
use tollgate::wire::{EndpointId, FaultKind, Rejection};

#[derive(Deserialize)]
struct Table {
    rows: Vec<Row>,
}

/// Calls of one client, one after the other.
#[derive(Deserialize)]
struct Row {
    sdk: String,
    /// `None` where the SDK was left to its default.
    attempts_max: Option<u32>,
    stream: bool,
    calls: Vec<Vec<Step>>,
}

#[derive(Debug, Deserialize)]
struct Step {
    status: Option<u16>,
    retry_after_ms: Option<u64>,
    should_retry: Option<bool>,
    fault: Option<String>,
    /// With all draws 0, and with all draws 1; `None` where the SDK gave up.
    wait_s: Option<[f64; 2]>,
}

impl Step {
    fn reason(&self) -> Reason {
        match (self.status, self.fault.as_deref()) {
            (Some(status), None) => Reason::Refused(Rejection {
                status,
                limit: "",
                retry_after: self.retry_after_ms.map(Duration::from_millis),
                // What an error's body says, which an SDK does not read.
                is_retryable: false,
                should_retry: self.should_retry,
            }),
            (None, Some("silent")) => Reason::Silent { has_begun: false },
            (None, Some("silent_later")) => Reason::Silent { has_begun: true },
            (None, Some(name)) => {
                let kind = FaultKind::ALL.into_iter().find(|kind| kind.name() == name);
                Reason::Broken(kind.unwrap_or_else(|| panic!("no fault is named {name}")))
            }
            _ => panic!("a step is a status or a fault: {self:?}"),
        }
    }
}

#[test]
fn the_presets_wait_and_give_up_as_the_sdks_do() {
    let table: Table =
        serde_json::from_str(include_str!("../data/sdk_retry.json")).expect("the table is read");
    for kind in AnyRetry::KINDS.iter().filter(|kind| !["exponential", "none"].contains(kind)) {
        let rows = table.rows.iter().filter(|row| row.sdk == *kind).count();
        assert!(rows >= 50, "{rows} rows for {kind}");
    }
    for (at, row) in table.rows.iter().enumerate() {
        play(at, row, 0);
        play(at, row, 1);
    }
}

/// Holds the preset against what the SDK did with all draws at one `end`.
fn play(at: usize, row: &Row, end: usize) {
    let mut retry = preset(&row.sdk, row.attempts_max);
    let endpoint = EndpointId(0);
    for (call, steps) in row.calls.iter().enumerate() {
        let (mut last, mut is_given_up) = (None, false);
        for (nth, step) in (1..).zip(steps) {
            let (reason, promise) = (step.reason(), Duration::ZERO);
            let failure = Failure { nth, endpoint: Some(endpoint), reason, promise, is_stream: row.stream };
            let is_asked = nth < retry.attempts_max();
            let ours = is_asked.then(|| retry.on_failure(&failure, end as f64)).flatten();
            let theirs = step.wait_s.map(|ends| Duration::from_secs_f64(ends[end]));
            // The SDKs count in binary fractions of a second, we in nanoseconds.
            let is_same = match (ours, theirs) {
                (Some(ours), Some(theirs)) => ours.abs_diff(theirs) <= Duration::from_nanos(1),
                _ => ours == theirs,
            };
            assert!(is_same, "row {at}, call {call}, {}: {ours:?} after {step:?}", row.sdk);
            (last, is_given_up) = (Some(failure), ours.is_none());
        }
        if !is_given_up {
            retry.on_answer(endpoint, last.as_ref());
        }
    }
}

fn preset(kind: &str, attempts_max: Option<u32>) -> AnyRetry {
    let settings = attempts_max.map_or(String::new(), |max| format!("attempts_max = {max}"));
    let text = format!("[retry.\"kind={kind}\"]\n{settings}\n");
    let mut table: toml::Table = toml::from_str(&text).expect("the settings are TOML");
    table.remove("retry").expect("it was just written").try_into().expect("the preset is known")
}
