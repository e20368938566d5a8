//! As fast as both sides go: what a request costs the client and the server.

use super::child::{Plan, Run, Server, client_core, finish, has, own, pinned};
use super::table::{median, print};

const ROUNDS: usize = 3;
/// Where contenders are within a tenth of each other, so many rounds tell them apart.
const CONTESTS: usize = 9;

const STREAMS: Plan<'_> = Plan {
    arrivals: "kind = \"closed\", users = 64",
    latency: ("0s", "0s"),
    tokens: 100,
    stream: true,
    duration: "6s",
};

const SHORT: Plan<'_> = Plan { tokens: 5, stream: false, ..STREAMS };

/// 64 users at once ask for streams of 100 chunks.
pub fn streams() {
    let rows = [
        ("many events in a write", &[] as &[&str]),
        ("each event in a write of its own", &["--single-writes"]),
    ];
    let mut rows = rows
        .map(|(name, more)| {
            let folder = tempfile::tempdir().expect("there is room for a scenario");
            let server = Server::mock(&STREAMS, &folder, more);
            let rounds: Vec<_> = (0..ROUNDS)
                .map(|_| {
                    let before = server.cpu();
                    let run = Run::of(&STREAMS, server.port, &["--no-rows"]);
                    let per_1k = (server.cpu() - before) / run.figure("fidelity", "requests") * 1e3;
                    (run.figure("fidelity", "achieved_rate"), run.cpu_per_1k(), per_1k)
                })
                .collect();
            of_streams(name, &rounds)
        })
        .to_vec();
    if cfg!(target_os = "linux") {
        let server = Server::bare("bare-write");
        let rounds: Vec<_> = (0..ROUNDS).map(|_| bare_streams(&server)).collect();
        rows.push(of_streams("bare sockets, each event in a write of its own", &rounds));
    }
    let heads = [
        "streams of 100 chunks, 64 at once",
        "streams/s",
        "client CPU s per 1,000",
        "mock CPU s per 1,000",
        "mock, M chunks/s of a core",
    ];
    print("Streams, client and mock on one core each", &heads, &rows);
}

/// A row of what rounds have measured: streams a second, and what 1,000 of them cost client and server.
fn of_streams(name: &str, rounds: &[(f64, f64, f64)]) -> Vec<String> {
    let of = |pick: fn(&(f64, f64, f64)) -> f64| median(rounds.iter().map(pick));
    let (rate, client, server) = (of(|round| round.0), of(|round| round.1), of(|round| round.2));
    vec![
        name.into(),
        format!("{rate:.0}"),
        format!("{client:.3}"),
        format!("{server:.3}"),
        format!("{:.2}", 0.1 / server),
    ]
}

/// As many events as streams have, over sockets and nothing else.
fn bare_streams(server: &Server) -> (f64, f64, f64) {
    let secs = 6.0;
    let mut command = own(client_core());
    command.args(["bare-read", &format!("127.0.0.1:{}", server.port), &secs.to_string()]);
    let before = server.cpu();
    let (text, used) = finish(command);
    let busy = server.cpu() - before;
    let events = text.split("events:").nth(1).and_then(|rest| rest.trim().parse::<f64>().ok());
    let streams = events.unwrap_or_else(|| panic!("no 'events:' in: {text}")) / f64::from(STREAMS.tokens);
    (streams / secs, used.cpu_secs / streams * 1e3, busy / streams * 1e3)
}

/// Short POSTs over 64 connections, beside other load generators.
pub fn short() {
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let server = Server::mock(&SHORT, &folder, &[]);
    let contenders = [("tollgate run", true), ("oha", has("oha")), ("wrk", has("wrk"))];
    let contenders: Vec<&str> =
        contenders.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect();
    let mut rounds = vec![Vec::new(); contenders.len()];
    for _ in 0..CONTESTS {
        for (name, found) in contenders.iter().zip(&mut rounds) {
            found.push(ask(name, server.port, SHORT_PATH));
        }
    }
    let rates: Vec<f64> = rounds.iter().map(|rounds| median(rounds.iter().map(|(rate, _)| *rate))).collect();
    let rows: Vec<_> = (0..contenders.len())
        .map(|nth| {
            let cpu = median(rounds[nth].iter().map(|(_, cpu)| *cpu));
            let ratios = median(rounds[0].iter().zip(&rounds[nth]).map(|(ours, theirs)| ours.0 / theirs.0));
            vec![
                contenders[nth].into(),
                format!("{:.0}", rates[nth]),
                format!("{cpu:.4}"),
                format!("{ratios:.2}"),
            ]
        })
        .collect();
    let heads =
        ["short POSTs, 64 connections", "requests/s", "client CPU s per 1,000", "tollgate's rate / its"];
    print("Requests without a stream, all against our mock", &heads, &rows);
}

/// The mock beside a server that does nothing but speak HTTP.
pub fn mock() {
    let asker = if has("wrk") { "wrk" } else { "oha" };
    if !has(asker) {
        return println!("\nthe mock beside bare hyper is left out: neither wrk nor oha is installed");
    }
    let folder = tempfile::tempdir().expect("there is room for a scenario");
    let servers = [("our mock", Server::mock(&SHORT, &folder, &[])), ("bare hyper", Server::bare("bare"))];
    let mut rounds = [const { Vec::new() }; 2];
    for _ in 0..CONTESTS {
        for ((_, server), found) in servers.iter().zip(&mut rounds) {
            found.push(ask(asker, server.port, SHORT_PATH).0);
        }
    }
    let ratio = median(rounds[0].iter().zip(&rounds[1]).map(|(ours, bare)| ours / bare));
    let row = |nth: usize, ratio: f64| {
        vec![
            servers[nth].0.to_string(),
            format!("{:.0}", median(rounds[nth].iter().copied())),
            format!("{ratio:.2}"),
        ]
    };
    print(
        &format!("Servers on one core, asked by {asker} over 64 connections"),
        &["server", "requests/s", "of bare hyper's"],
        &[row(0, ratio), row(1, 1.0)],
    );
}

const SHORT_PATH: &str = "/v1/chat/completions";

/// What a client asks: as many tokens as ours do.
const BODY: &str = r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"one two three four five six seven eight nine ten eleven"}]}"#;

/// A client's requests a second, and its processor seconds for 1,000.
fn ask(client: &str, port: u16, path: &str) -> (f64, f64) {
    let url = format!("http://127.0.0.1:{port}{path}");
    let secs = "6s";
    let mut command = pinned(client, client_core());
    let marker = match client {
        "oha" => {
            command.args([
                "-z",
                secs,
                "-c",
                "64",
                "--no-tui",
                "-m",
                "POST",
                "-T",
                "application/json",
                "-d",
                BODY,
                &url,
            ]);
            "Requests/sec:"
        }
        "wrk" => {
            let script =
                tempfile::Builder::new().suffix(".lua").tempfile().expect("there is room for a script");
            let text = format!(
                "wrk.method = 'POST'\nwrk.body = '{BODY}'\nwrk.headers['content-type'] = 'application/json'\n"
            );
            std::fs::write(script.path(), text).expect("there is room for a script");
            let (_, script) = script.keep().expect("the script is kept while it is read");
            command.args(["-t1", "-c64", "-d", secs, "-s", &script.to_string_lossy(), &url]);
            let found = rate_of(command, "Requests/sec:", 6.0);
            let _ = std::fs::remove_file(script);
            return found;
        }
        _ => {
            let run = Run::of(&SHORT, port, &["--no-rows"]);
            return (run.figure("fidelity", "achieved_rate"), run.cpu_per_1k());
        }
    };
    rate_of(command, marker, 6.0)
}

/// What stands after `marker` in what a client prints.
fn rate_of(command: std::process::Command, marker: &str, secs: f64) -> (f64, f64) {
    let (text, used) = finish(command);
    let rate = text.split(marker).nth(1).and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    let rate = rate.unwrap_or_else(|| panic!("no '{marker}' in: {text}"));
    (rate, used.cpu_secs / (rate * secs) * 1e3)
}
