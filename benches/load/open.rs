//! At given rates: how true the clock is, how many streams at once, and how much memory.

use std::io::Read;
use std::net::TcpListener;
use std::time::Instant;

use super::child::{Plan, Run, Server, TOLLGATE, client_core, pinned};
use super::table::{median, print, quantile};

/// Rates of streams of 50 and 100 tokens: what was measured, less what the mock was told to do.
pub fn rates() {
    let plans = [
        ("101/s constant, 50 ms + 10 ms a token", "kind = \"constant\", rate = 101", ("50ms", "10ms"), 50),
        ("the same, both awake", "kind = \"constant\", rate = 101", ("50ms", "10ms"), 50),
        // In step with the tokens: those of all streams under way are due at one instant.
        ("100/s, 50 tokens at a time", "kind = \"constant\", rate = 100", ("50ms", "10ms"), 50),
        ("100/s, 50 tokens at a time, both awake", "kind = \"constant\", rate = 100", ("50ms", "10ms"), 50),
        (
            "1,000/s constant, 50 ms, one token, both awake",
            "kind = \"constant\", rate = 1000",
            ("50ms", "0s"),
            1,
        ),
        (
            "1,000/s constant, 50 ms, 100 tokens at once",
            "kind = \"constant\", rate = 1000",
            ("50ms", "0s"),
            100,
        ),
        (
            "1,000/s Poisson, 50 ms, 100 tokens at once",
            "kind = \"poisson\", rate = 1000",
            ("50ms", "0s"),
            100,
        ),
        (
            "5,000/s constant, 50 ms, 100 tokens at once",
            "kind = \"constant\", rate = 5000",
            ("50ms", "0s"),
            100,
        ),
        (
            "5,000/s Poisson, 50 ms, 100 tokens at once",
            "kind = \"poisson\", rate = 5000",
            ("50ms", "0s"),
            100,
        ),
    ];
    let rows: Vec<_> = plans
        .into_iter()
        .map(|(name, arrivals, latency, tokens)| {
            let plan = Plan { arrivals, latency, tokens, stream: true, duration: "10s" };
            let folder = tempfile::tempdir().expect("there is room for a scenario");
            let more: &[&str] = if name.ends_with("both awake") { &["--awake"] } else { &[] };
            let server = Server::mock(&plan, &folder, more);
            let rounds: Vec<_> = (0..ROUNDS).map(|_| figures(&plan, server.port, more)).collect();
            let of = |nth: usize| median(rounds.iter().map(|figures| figures[nth]));
            let pair = |first, places| format!("{:.places$} / {:.places$}", of(first), of(first + 1));
            let off = |first| format!("{:+.2} / {:+.2}", of(first), of(first + 1));
            vec![
                name.to_string(),
                format!("{:.3} %", of(0)),
                pair(1, 0),
                pair(3, 4),
                off(5),
                off(7),
                format!("{:.2}", of(9)),
            ]
        })
        .collect();
    let heads = [
        "open loop",
        "rate error",
        "send lag p50 / p99, µs",
        "CV of all gaps / of the middle 99 %",
        "TTFT − truth p50 / p99, ms",
        "E2E − truth p50 / p99, ms",
        "client cores used",
    ];
    print("Open loop, client and mock on one core each", &heads, &rows);
}

const ROUNDS: usize = 3;

/// What one run of a plan has measured: the rate's error in percent, send lag in microseconds, variation of gaps, time to
/// the first and the last token in milliseconds beyond the truth (p50 and p99 of each), and processors used.
fn figures(plan: &Plan<'_>, port: u16, more: &[&str]) -> [f64; 10] {
    let run = Run::of(plan, port, more);
    let rows = Rows::read(&run);
    let millis =
        |text: &str| text.trim_end_matches("ms").trim_end_matches('s').parse::<f64>().expect("milliseconds");
    let ttft = millis(plan.latency.0);
    let e2e = ttft + millis(plan.latency.1) * f64::from(plan.tokens - 1);
    let [offered, achieved] = ["offered_rate", "achieved_rate"].map(|name| run.figure("fidelity", name));
    let (all, most) = rows.variation().unwrap_or((f64::NAN, f64::NAN));
    [
        (achieved / offered - 1.0) * 100.0,
        quantile(&rows.lag, 0.5) * 1e3,
        quantile(&rows.lag, 0.99) * 1e3,
        all,
        most,
        quantile(&rows.ttft, 0.5) - ttft,
        quantile(&rows.ttft, 0.99) - ttft,
        quantile(&rows.e2e, 0.5) - e2e,
        quantile(&rows.e2e, 0.99) - e2e,
        run.used.cpu_secs / 10.0,
    ]
}

/// What rows tell, in milliseconds.
struct Rows {
    lag: Vec<f64>,
    ttft: Vec<f64>,
    e2e: Vec<f64>,
    sent: Vec<f64>,
}

impl Rows {
    fn read(run: &Run) -> Rows {
        let path = run.folder.path().join("out/requests.csv");
        let mut reader = csv::Reader::from_path(path).expect("a run writes rows");
        let heads = reader.headers().expect("rows have heads").clone();
        let place = |name: &str| heads.iter().position(|head| head == name).expect("the column is there");
        let columns = ["intended_s", "sent_s", "first_token_s", "last_token_s"].map(place);
        let mut rows = Rows { lag: Vec::new(), ttft: Vec::new(), e2e: Vec::new(), sent: Vec::new() };
        for row in reader.records() {
            let row = row.expect("rows are whole");
            let [intended, sent, first, last] =
                columns.map(|column| row[column].parse().unwrap_or(f64::NAN) * 1e3);
            rows.lag.push(sent - intended);
            rows.ttft.push(first - intended);
            rows.e2e.push(last - intended);
            rows.sent.push(sent);
        }
        rows
    }

    /// The coefficient of variation of the gaps between sends: of all, and of those that are not among the shortest or
    /// longest half percent, which tell of stalls of the machine.
    fn variation(&self) -> Option<(f64, f64)> {
        let mut sent = self.sent.clone();
        sent.sort_by(f64::total_cmp);
        let mut gaps: Vec<f64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_by(f64::total_cmp);
        let cut = gaps.len() / 200;
        (!gaps.is_empty()).then(|| (variation(&gaps), variation(&gaps[cut..gaps.len() - cut])))
    }
}

fn variation(gaps: &[f64]) -> f64 {
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let square = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    square.sqrt() / mean
}

/// 10,000 streams under way at once, 20 tokens a second each.
pub fn crowd() {
    let plan = Plan {
        arrivals: "kind = \"closed\", users = 10000, ramp_up = \"10s\"",
        latency: ("50ms", "50ms"),
        tokens: 400,
        stream: true,
        duration: "12s",
    };
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let server = Server::mock(&plan, &folder, &[]);
    let run = Run::of(&plan, server.port, &["--no-rows", "--http", "2"]);
    let tokens = run.figure("goodput", "output_tokens");
    let lost = run.figure("goodput", "done") * f64::from(plan.tokens) - tokens;
    let row = vec![
        format!("{:.0}", run.figure("fidelity", "requests")),
        format!("{:.0}", run.figure("fidelity", "requests") - run.figure("goodput", "done")),
        format!("{lost:.0}"),
        format!("{:.2}", (run.figure("latency", "chunk_gap_p99") - 0.05) * 1e3),
        format!("{:.0}", run.used.rss_max_mib),
    ];
    let heads = ["requests", "not answered", "tokens lost", "chunk gap p99 − 50 ms, ms", "RSS, MiB"];
    print(
        "10,000 streams at once, 20 tokens a second each, over HTTP/2, client and mock on one core each",
        &heads,
        &[row],
    );
}

/// Memory over a million short requests, and how soon the first request leaves.
pub fn long() {
    let plan = Plan {
        arrivals: "kind = \"closed\", users = 64",
        latency: ("0s", "0s"),
        tokens: 5,
        stream: false,
        duration: "25s",
    };
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let server = Server::mock(&plan, &folder, &[]);
    let run = Run::of(&plan, server.port, &["--no-rows"]);
    let starts: Vec<f64> = (0..9).map(|_| first_byte()).collect();
    let row = vec![
        format!("{:.0}", run.figure("goodput", "done")),
        format!("{:.0}", run.used.rss_max_mib),
        format!("{:.0} / {:.0}", quantile(&starts, 0.5), quantile(&starts, 1.0)),
    ];
    let heads = ["short requests answered", "RSS, MiB", "start to first request, median / longest, ms"];
    print("A long run, and a start", &heads, &[row]);
}

/// From the start of the process to the first byte of its first request, in milliseconds.
fn first_byte() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let plan = Plan {
        arrivals: "kind = \"constant\", rate = 1000",
        latency: ("0s", "0s"),
        tokens: 5,
        stream: false,
        duration: "20ms",
    };
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let scenario = plan.write(&folder, port);
    let mut command = pinned(TOLLGATE, client_core());
    command.arg("run").arg(scenario).args(["--no-sweep", "--quiet", "--no-rows", "--out"]);
    command.arg(folder.path().join("out"));
    let begun = Instant::now();
    let mut child = command.spawn().expect("the client starts");
    let (mut stream, _) = listener.accept().expect("it connects");
    let _ = stream.read(&mut [0; 1]);
    let elapsed = begun.elapsed().as_secs_f64() * 1e3;
    let _ = child.kill();
    let _ = child.wait();
    elapsed
}
