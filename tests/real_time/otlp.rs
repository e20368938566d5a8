//! `export --to otlp --post`: what a collector hears, and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

/// A simulation with rows in a new folder.
fn played(folder: &Path) -> String {
    let out = folder.join("played").to_string_lossy().into_owned();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/first-light.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.arg("simulate").arg(scenario).args(["--duration", "12s", "--rows", "--no-sweep", "--quiet"]);
    command.args(["--out", &out]).output().expect("the binary runs");
    out
}

/// Posts to a collector that answers each request alike; what it heard: paths, headers and bodies.
fn post(folder: &str, status: &str, body: &str) -> (Output, Vec<(String, Value)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    let url = format!("http://{}/", listener.local_addr().expect("it has an address"));
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let collector = thread::spawn(move || {
        let mut heard = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("it connects");
            let Some(request) = request(&mut stream) else { break };
            heard.push(request);
            stream.write_all(answer.as_bytes()).expect("it listens");
        }
        (heard, listener)
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["export", folder, "--to", "otlp", "--post", &url]);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=a%20b");
    let output = command.output().expect("the binary runs");
    // A connection that says nothing ends the collector.
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    drop(TcpStream::connect(address).expect("it is still there"));
    let (heard, _) = collector.join().expect("the collector lives");
    (output, heard)
}

fn request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).expect("it is readable") == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().expect("it is a number");
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body is there");
    Some((head, serde_json::from_slice(&body).expect("it is JSON")))
}

#[test]
fn a_collector_hears_every_attempt() {
    let folder = tempfile::tempdir().expect("there is room for results");
    let played = played(folder.path());
    let (output, heard) = post(&played, "200 OK", "{}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        said.starts_with(&format!("posted {} OTLP requests to http://127.0.0.1:", heard.len())),
        "{said}"
    );
    let of = |path: &str| heard.iter().filter(|(head, _)| head.starts_with(path)).collect::<Vec<_>>();
    let (metrics, traces) = (of("POST /v1/metrics HTTP/1.1\r\n"), of("POST /v1/traces HTTP/1.1\r\n"));
    assert_eq!((metrics.len(), metrics.len() + traces.len()), (1, heard.len()));
    for (head, _) in &heard {
        let head = head.to_ascii_lowercase();
        assert!(
            head.contains("content-type: application/json\r\n") && head.contains("x-team: a b\r\n"),
            "{head}"
        );
    }
    let spans =
        |body: &Value| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().map_or(0, Vec::len);
    let rows = std::fs::read_to_string(Path::new(&played).join("requests.csv")).expect("it is there");
    let requests = rows.lines().skip(1).filter(|row| row.split(',').nth(5) == Some("0")).count();
    let spans: usize = traces.iter().map(|(_, body)| spans(body)).sum();
    assert_eq!(spans, requests + rows.lines().count() - 1, "a span for each request and each row");
}

#[test]
fn what_a_collector_refuses_or_drops_is_told() {
    let folder = tempfile::tempdir().expect("there is room for results");
    let played = played(folder.path());
    let (output, heard) = post(&played, "404 Not Found", "no route");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), heard.len()), (Some(1), 1), "{said}");
    assert!(
        said.contains("/v1/metrics answered 404: no route") && said.contains("taken 0 requests"),
        "{said}"
    );
    let (output, heard) = post(&played, "200 OK", r#"{"partialSuccess":{"rejectedSpans":"1"}}"#);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains(&format!("did not keep {} of", heard.len())), "{said}");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    let address = free.local_addr().expect("it has an address");
    drop(free);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    let output =
        command.args(["export", &played, "--to", "otlp", "--post", &format!("http://{address}")]).output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("no connection"), "{said}");
}
