//! A snapshot in Prometheus' text format: counters since the start of the run, base units, classic histograms.

use std::fmt::{Display, Write};

use super::histogram::Histogram;
use super::{Cell, ENDED, Live, TOKENS};
use crate::outcome::End;
use crate::time::Instant;

/// What the text is, for the head of an answer.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of a snapshot. `docs/metrics.md` has the table.
pub fn write(live: &Live) -> String {
    let mut page = Page(String::new());
    run(&mut page, live);
    requests(&mut page, live);
    attempts(&mut page, live);
    latencies(&mut page, live);
    money(&mut page, live);
    page.0
}

fn run(page: &mut Page, live: &Live) {
    page.family("tollgate_info", Type::Gauge, "The run, by its labels.");
    let labels = [("scenario", &*live.title), ("version", env!("CARGO_PKG_VERSION"))];
    page.sample("tollgate_info", &labels, 1);
    page.gauge("tollgate_elapsed_seconds", "Time since the run began.", seconds_since_start(live.now));
    page.gauge(
        "tollgate_duration_seconds",
        "How long requests come by the plan.",
        live.duration.as_secs_f64(),
    );
    page.gauge(
        "tollgate_valid",
        "1 while the harness keeps its bounds, so that the run would give a verdict.",
        u8::from(live.fault.is_none()),
    );
}

fn requests(page: &mut Page, live: &Live) {
    page.counter("tollgate_requests_offered_total", "Requests that the plan asked for.", live.totals.offered);
    page.counter(
        "tollgate_requests_sent_total",
        "Requests whose first attempt went out.",
        live.totals.achieved,
    );
    page.gauge("tollgate_requests_in_flight", "Requests under way.", live.in_flight);
    page.gauge("tollgate_connections_open", "Connections that are open.", live.open);
    let name = "tollgate_requests_total";
    page.family(name, Type::Counter, "Requests that have ended, by how.");
    for class in &live.classes {
        for (end, count) in End::ALL.iter().zip(class.ends) {
            page.sample(name, &[("class", &class.name), ("outcome", end.name())], count);
        }
    }
    let name = "tollgate_good_requests_total";
    page.family(name, Type::Counter, "Requests answered within every limit of their class.");
    for class in &live.classes {
        page.sample(name, &[("class", &class.name)], class.good);
    }
}

fn attempts(page: &mut Page, live: &Live) {
    let name = "tollgate_attempts_in_flight";
    page.family(name, Type::Gauge, "Attempts under way.");
    for endpoint in &live.endpoints {
        page.sample(name, &[("endpoint", &endpoint.name)], endpoint.in_flight);
    }
    let name = "tollgate_attempts_total";
    page.family(name, Type::Counter, "Attempts that have ended, by how.");
    for cell in &live.cells {
        for (outcome, count) in ENDED.iter().zip(cell.ended) {
            page.sample(name, &[of_class(live, cell), of_endpoint(live, cell), ("outcome", outcome)], count);
        }
    }
    let name = "tollgate_throttled_attempts_total";
    page.family(name, Type::Counter, "Attempts refused by a quota, with status 429.");
    for cell in &live.cells {
        page.sample(name, &[of_class(live, cell), of_endpoint(live, cell)], cell.throttled);
    }
    let name = "tollgate_failures_total";
    page.family(
        name,
        Type::Counter,
        "What went wrong with attempts, or with requests that no endpoint was asked for.",
    );
    for failure in &live.failures {
        page.sample(name, &[("endpoint", &failure.endpoint), ("kind", &failure.kind)], failure.count);
    }
    let name = "tollgate_tokens_total";
    page.family(name, Type::Counter, "Tokens that attempts used; kinds do not overlap.");
    for cell in &live.cells {
        for (kind, count) in TOKENS.iter().zip(cell.tokens) {
            page.sample(name, &[of_class(live, cell), of_endpoint(live, cell), ("kind", kind)], count);
        }
    }
    let name = "tollgate_quota_used_ratio";
    page.family(
        name,
        Type::Gauge,
        "Counted in the last minute, or since the run's day began, of what comes back in it.",
    );
    for quota in &live.quotas {
        let labels = [("holder", &*quota.holder), ("counts", quota.counts), ("period", quota.period)];
        page.sample(name, &labels, quota.used_ratio());
    }
}

type OfCell = fn(&Cell) -> &Histogram;

fn latencies(page: &mut Page, live: &Live) {
    let measures: [(&str, &str, OfCell); 3] = [
        ("tollgate_ttft_seconds", "From the intended start to the first token, of answers.", |cell| {
            &cell.ttft
        }),
        ("tollgate_tpot_seconds", "From token to token on average, of answers.", |cell| &cell.tpot),
        ("tollgate_e2e_seconds", "From the intended start to the last token, of answers.", |cell| &cell.e2e),
    ];
    for (name, help, of) in measures {
        page.family(name, Type::Histogram, help);
        for cell in &live.cells {
            page.histogram(name, &[of_class(live, cell), of_endpoint(live, cell)], of(cell));
        }
    }
    let name = "tollgate_send_lag_seconds";
    page.family(name, Type::Histogram, "From the intended start until the first attempt went out.");
    page.histogram(name, &[], &live.send_lags);
}

fn money(page: &mut Page, live: &Live) {
    page.counter(
        "tollgate_spent_dollars_total",
        "Dollars metered by usage, the warm-up included.",
        live.money.spent.as_dollars_f64(),
    );
    if let Some(budget) = live.money.budget {
        page.gauge(
            "tollgate_budget_dollars",
            "Dollars after which nothing is sent any more.",
            budget.as_dollars_f64(),
        );
    }
}

fn of_class<'a>(live: &'a Live, cell: &Cell) -> (&'static str, &'a str) {
    ("class", &live.classes[cell.class].name)
}

fn of_endpoint<'a>(live: &'a Live, cell: &Cell) -> (&'static str, &'a str) {
    ("endpoint", &live.endpoints[cell.endpoint].name)
}

fn seconds_since_start(now: Instant) -> f64 {
    now.since(Instant::START).as_secs_f64()
}

/// What is written so far.
struct Page(String);

#[derive(Clone, Copy)]
enum Type {
    Counter,
    Gauge,
    Histogram,
}

impl Page {
    fn family(&mut self, name: &str, kind: Type, help: &str) {
        let kind = match kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, Type::Counter, help);
        self.sample(name, &[], value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, Type::Gauge, help);
        self.sample(name, &[], value);
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.line(format_args!("{name}{} {value}", Labels(labels)));
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let mut bucket = |bound: &str, count: u64| {
            let labels = [labels, &[("le", bound)]].concat();
            self.sample(&format!("{name}_bucket"), &labels, count);
        };
        for (bound, count) in histogram.cumulated() {
            bucket(&bound.as_secs_f64().to_string(), count);
        }
        bucket("+Inf", histogram.count());
        self.sample(&format!("{name}_sum"), labels, histogram.sum().as_secs_f64());
        self.sample(&format!("{name}_count"), labels, histogram.count());
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a string has room");
    }
}

/// Labels in braces; nothing where there are none.
struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (nth, (name, value)) in self.0.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{}{name}=\"{value}\"", if nth == 0 { "{" } else { "," })?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn figures_have_their_labels_and_base_units() {
        let text = write(&sample());
        for line in [
            "# TYPE tollgate_requests_total counter",
            "tollgate_requests_offered_total 1470",
            "tollgate_requests_total{class=\"chat\",outcome=\"done\"} 960",
            "tollgate_good_requests_total{class=\"code \\\"x\\\"\"} 900",
            "tollgate_attempts_total{class=\"chat\",endpoint=\"azure-ptu\",outcome=\"rejected\"} 60",
            "tollgate_failures_total{endpoint=\"\",kind=\"dropped\"} 3",
            "tollgate_quota_used_ratio{holder=\"azure-ptu\",counts=\"capacity\",period=\"minute\"} 1.04",
            "tollgate_spent_dollars_total 1.2345",
            "tollgate_elapsed_seconds 12.25",
            "tollgate_valid 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_histogram_ends_with_all_there_are() {
        let text = write(&sample());
        let series = "{class=\"chat\",endpoint=\"azure-ptu\"";
        for line in [
            format!("tollgate_ttft_seconds_bucket{series},le=\"0.0025\"}} 0"),
            format!("tollgate_ttft_seconds_bucket{series},le=\"1\"}} 250"),
            format!("tollgate_ttft_seconds_bucket{series},le=\"+Inf\"}} 500"),
            format!("tollgate_ttft_seconds_sum{series}}} 501"),
            format!("tollgate_ttft_seconds_count{series}}} 500"),
            "tollgate_send_lag_seconds_count 0".into(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn every_sample_is_of_a_family_that_was_told_before() {
        let (text, mut family) = (write(&sample()), "");
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(told) => family = told.split(' ').next().unwrap_or_default(),
                None => assert!(line.starts_with('#') || line.starts_with(family), "{line} is no {family}"),
            }
        }
    }
}
