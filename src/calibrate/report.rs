//! A calibration for people: the verdict first, then what was measured beside the truth.

use std::fmt::Write as _;

use super::Calibration;
use super::client::Client;
use crate::report::summary::Validity;
use crate::report::table::Table;
use crate::report::{show, terminal};
use crate::section::{Figure, Value};

/// The view for a terminal, each line ended.
pub fn view(calibration: &Calibration) -> String {
    let Calibration { load, pace, verdict, .. } = calibration;
    let shown = |name: &str| show::compact(calibration.figure(name));
    let mut out = format!(
        "{:.1} requests/s · {} in flight at most · send lag p99 {} · {}\n",
        load.rate,
        show::count_of(load.in_flight_max),
        lag(calibration),
        match verdict.validity {
            Validity::Invalid => format!("INVALID: {}", verdict.reason),
            Validity::Valid => "VALID".into(),
        }
    );
    let (ttft, itl) = (show::seconds(pace.ttft_secs), show::seconds(pace.itl_secs));
    let source = match pace.is_assumed {
        true => "assumed, as not every endpoint has a `latency`",
        false => "the scenario's mean",
    };
    let client = match calibration.client {
        usual if usual == Client::default() => String::new(),
        client => format!(" with {client}"),
    };
    let _ = writeln!(
        out,
        "{} · calibrated for {}{client} · a mock's first token after {ttft}, the others {itl} apart ({source})",
        calibration.scenario,
        show::seconds(load.secs),
    );
    let _ = writeln!(
        out,
        "{} requests · {} answered · {} held against the truth\n",
        show::count_of(load.requests),
        show::count_of(load.answered),
        show::count_of(load.compared)
    );
    out.push_str(&terminal::plain(&table(calibration)));
    let _ = writeln!(
        out,
        "\nrate error {} · late requests {} · loop lag p99 {} · client's processor {} · waited for one {}",
        shown("rate_error"),
        shown("late_requests"),
        shown("loop_lag_p99"),
        shown("client_cpu_share"),
        shown("client_cpu_wait"),
    );
    let _ = writeln!(
        out,
        "the mock's own lateness, which the errors include: p50 {} · p99 {} · max {}",
        shown("mock_lag_p50"),
        shown("mock_lag_p99"),
        shown("mock_lag_max")
    );
    out
}

/// What was measured beside the truth, a row for each measure.
fn table(calibration: &Calibration) -> Table {
    let headings = STATS.iter().map(|(heading, _)| heading.to_string());
    let headings = std::iter::once("measure".to_string()).chain(headings).collect();
    let row = |(label, measure): &(&str, &str)| {
        let cells = STATS.iter().map(|(_, stat)| calibration.figure(&format!("{measure}_{stat}")));
        std::iter::once(label.to_string()).chain(cells.map(show::compact)).collect()
    };
    let rows = MEASURES.iter().map(row).collect();
    let note =
        "an error is a request's measured span less its true one; quantiles and max are without the sign";
    Table { caption: "Calibration".into(), headings, rows, notes: vec![note.into()] }
}

/// The p99 of the send lag; where there are too few samples for it, the longest.
fn lag(calibration: &Calibration) -> String {
    match calibration.figure("send_lag_p99") {
        Some(Figure { value: Value::TooFew { .. }, .. }) => {
            format!("too few samples (max {})", show::figure(calibration.figure("send_lag_max")))
        }
        p99 => show::figure(p99),
    }
}

const MEASURES: [(&str, &str); 3] = [("TTFT", "ttft"), ("chunk gap", "chunk_gap"), ("E2E", "e2e")];

const STATS: [(&str, &str); 8] = [
    ("true\np50", "true_p50"),
    ("found\np50", "p50"),
    ("true\np99", "true_p99"),
    ("found\np99", "p99"),
    ("error\nmean", "error_mean"),
    ("error\np50", "error_p50"),
    ("error\np99", "error_p99"),
    ("error\nmax", "error_max"),
];
