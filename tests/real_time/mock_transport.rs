//! The mock as others reach it: HTTP/1.1 and HTTP/2 on one port, with TLS and without, cut as told.
#![cfg(all(feature = "net", unix))]

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::client::SendRequest;
use tollgate::http::clock::Clock;
use tollgate::http::runtime;
use tollgate::mock::{Embedded, Mock};
use tollgate::scenario::Scenario;

use crate::support::secure::Certified;

#[test]
fn a_cut_resets_its_stream_and_no_other() {
    let outage = "limits = [{ kind = \"outage\", windows = [{ from = \"500ms\", for = \"1h\" }], break_streams = true }]";
    let endpoints = [("flows", "5ms", outage), ("waits", "1h", outage), ("stays", "1s", "")];
    let text: String = endpoints.iter().map(|(name, ttft, limits)| endpoint(name, ttft, limits)).collect();
    let mock = embed(&text);
    runtime().unwrap().block_on(async {
        let stream = tokio::net::TcpStream::connect(mock.addr()).await.unwrap();
        // Prior knowledge: no TLS, and no HTTP/1.1 before.
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let driven = tokio::spawn(connection);
        let asked = async {
            tokio::join!(
                ask(sender.clone(), "flows", 100_000),
                ask(sender.clone(), "waits", 5),
                ask(sender.clone(), "stays", 5)
            )
        };
        let (flows, waits, stays) = tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
        let reset = |end: &Result<Vec<u8>, (Vec<u8>, h2::Error)>| match end {
            Err((so_far, error)) => (so_far.len() > 500, error.is_remote(), error.reason()),
            Ok(_) => panic!("it was cut"),
        };
        assert_eq!(reset(&flows), (true, true, Some(Reason::INTERNAL_ERROR)));
        assert_eq!(reset(&waits), (false, true, Some(Reason::INTERNAL_ERROR)));
        let text = String::from_utf8(stays.expect("the connection lives on")).unwrap();
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        driven.abort();
    });
}

#[test]
fn a_stream_that_its_client_resets_frees_its_place() {
    let mock = embed(&endpoint("e", "5ms", "limits = [{ kind = \"concurrency\", max = 1, queue_max = 0 }]"));
    runtime().unwrap().block_on(async {
        let stream = tokio::net::TcpStream::connect(mock.addr()).await.unwrap();
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        let driven = tokio::spawn(connection);
        for _ in 0..3 {
            let given_up = ask(sender.clone(), "e", 100_000);
            assert!(tokio::time::timeout(Duration::from_millis(50), given_up).await.is_err());
            let answer = ask(sender.clone(), "e", 5);
            let answer = tokio::time::timeout(Duration::from_secs(20), answer).await.unwrap().unwrap();
            let text = String::from_utf8(answer).unwrap();
            assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        }
        driven.abort();
    });
}

#[test]
fn curl_speaks_either_version_to_a_mock_behind_tls() {
    let known = Command::new("curl").arg("--version").output();
    let Some(known) = known.ok().filter(|known| String::from_utf8_lossy(&known.stdout).contains("HTTP2"))
    else {
        println!("skipped: there is no curl that speaks HTTP/2");
        return;
    };
    let speaks = String::from_utf8_lossy(&known.stdout).lines().next().unwrap_or_default().to_string();
    let folder = tempfile::tempdir().unwrap();
    let mock = Spawned::secured(folder.path());
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", flag, "--noproxy", "*", "--cacert"])
            .arg(folder.path().join("ca.pem"))
            .args(["--data", ASK, "--write-out", "\n%{http_code} %{http_version}"])
            .arg(format!("{}/chat/completions", mock.url))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.ends_with(&format!("\n200 {version}")), "{speaks}: {text} {output:?}");
        assert!(text.contains("data: [DONE]"), "{text}");
    }
}

#[test]
fn a_run_believes_the_file_it_is_given_and_a_mock_ends_by_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let mock = Spawned::secured(folder.path());
    let scenario = folder.path().join("run.toml");
    let url = format!("url = \"{}\"\nhints = true", mock.url.replace("127.0.0.1", "localhost"));
    std::fs::write(&scenario, HEAD.to_string() + &endpoint("e", "5ms", &url)).unwrap();
    let authority = folder.path().join("ca.pem").to_string_lossy().into_owned();
    let by_flag = ["--ca-file", &authority];
    let run = |name: &str, flags: &[&str], file: Option<&str>| {
        let out = folder.path().join(name);
        let mut command = tollgate(&["run", "--no-sweep", "--quiet"]);
        command.args(flags).arg("--out").arg(&out).arg(&scenario);
        let output = command.envs(file.map(|file| ("SSL_CERT_FILE", file))).output().unwrap();
        (std::fs::read_to_string(out.join("requests.csv")).unwrap_or_default(), output)
    };
    for (name, flags, file) in [
        ("auto", &by_flag[..], None),
        ("one", &[&by_flag[..], &["--http", "1.1"]].concat(), None),
        ("two", &[&by_flag[..], &["--http", "2"]].concat(), None),
        ("environment", &[], Some(authority.as_str())),
    ] {
        let (rows, output) = run(name, flags, file);
        let is_done = |row: &str| row.split(',').nth(3) == Some("done");
        assert!(rows.lines().count() > 10 && rows.lines().skip(1).all(is_done), "{rows}\n{output:?}");
    }
    for (flags, file, why) in [
        (&["--ca-file", "none.pem"][..], None, "could not read none.pem"),
        (&[], Some("none.pem"), "SSL_CERT_FILE is set, but no authority is found by it"),
    ] {
        let (_, output) = run("wrong", flags, file);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{said}");
    }
    let lines = mock.terminate();
    assert!(lines.contains("timers, late by"), "{lines}");
}

#[test]
fn a_certificate_and_its_key_come_together_and_fit() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = write(folder.path(), &Certified::new());
    std::fs::write(folder.path().join("other.pem"), Certified::new().key_pem).unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    for (arguments, why) in [
        (&["--tls-cert", &path("chain.pem")][..], "--tls-key"),
        (&["--tls-cert", &path("none.pem"), "--tls-key", &path("key.pem")], "could not read"),
        (&["--tls-cert", &path("chain.pem"), "--tls-key", &path("ca.pem")], "holds no private key"),
        (
            &["--tls-cert", &path("chain.pem"), "--tls-key", &path("other.pem")],
            "do not make a server's identity",
        ),
    ] {
        let mut command = tollgate(&["mock", "--listen", "127.0.0.1:0"]);
        let output = command.args(arguments).arg(&scenario).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why) && !said.contains("PRIVATE"), "{said}");
    }
}

/// Asks an endpoint for so many tokens: what came, and how it was cut if it was.
async fn ask(
    sender: SendRequest<Bytes>,
    endpoint: &str,
    tokens: u32,
) -> Result<Vec<u8>, (Vec<u8>, h2::Error)> {
    let url = format!("http://mock.test/{endpoint}/v1/chat/completions");
    let request = http::Request::post(url).body(()).unwrap();
    let body = ASK.replace("tokens\":5", &format!("tokens\":{tokens}"));
    let mut so_far = Vec::new();
    let (response, mut send) = sender.ready().await.unwrap().send_request(request, false).unwrap();
    send.send_data(body.into(), true).unwrap();
    let mut body = match response.await {
        Ok(response) => response.into_body(),
        Err(error) => return Err((so_far, error)),
    };
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                let _ = body.flow_control().release_capacity(data.len());
                so_far.extend_from_slice(&data);
            }
            Err(error) => return Err((so_far, error)),
        }
    }
    Ok(so_far)
}

fn embed(endpoints: &str) -> Embedded {
    let text = HEAD.to_string() + endpoints;
    let scenario = Scenario::parse(&text, Path::new("mock.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mock = Mock::new(&scenario, |_| true, |_| Ok(None)).expect("its endpoints have latencies");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let bound = mock.bind(any, Clock::starting_in(Duration::ZERO));
    bound.and_then(|bound| bound.embed()).expect("loopback has a free port")
}

/// `tollgate mock` as a process of its own.
struct Spawned {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
    /// Where its only endpoint's paths begin.
    url: String,
}

impl Spawned {
    /// One behind TLS; its authority is in `ca.pem`.
    fn secured(folder: &Path) -> Spawned {
        let scenario = write(folder, &Certified::new());
        let mut child = tollgate(&["mock", "--listen", "127.0.0.1:0", "--tls-cert"])
            .arg(folder.join("chain.pem"))
            .arg("--tls-key")
            .arg(folder.join("key.pem"))
            .arg(scenario)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let (mut line, mut url) = (String::new(), String::new());
        while !line.starts_with("ready") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
            if url.is_empty() {
                url = line.split_whitespace().last().unwrap_or_default().into();
            }
        }
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
        Spawned { child, said, url }
    }

    /// Stops it as containers are stopped; what it had to say.
    fn terminate(mut self) -> String {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a scenario of one endpoint, and the certificates; where the scenario is.
fn write(folder: &Path, certified: &Certified) -> PathBuf {
    let scenario = folder.join("mock.toml");
    std::fs::write(&scenario, HEAD.to_string() + &endpoint("e", "5ms", "")).unwrap();
    std::fs::write(folder.join("ca.pem"), &certified.authority_pem).unwrap();
    std::fs::write(folder.join("chain.pem"), &certified.chain_pem).unwrap();
    std::fs::write(folder.join("key.pem"), &certified.key_pem).unwrap();
    scenario
}

fn tollgate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    for name in ["SSL_CERT_DIR", "SSL_CERT_FILE"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn endpoint(name: &str, ttft: &str, more: &str) -> String {
    format!(
        "[[endpoints]]\nname = \"{name}\"\nprovider = \"openai\"\nmodel = \"m\"\n{more}\n\
         latency = {{ kind = \"fixed\", ttft = \"{ttft}\", itl = \"1ms\" }}\n\
         price = {{ input = \"1\", output = \"1\" }}\n"
    )
}

const HEAD: &str = "duration = \"300ms\"\narrivals = { kind = \"constant\", rate = 100 }\n\
    [[classes]]\nname = \"c\"\ntimeout = \"20s\"\ninput = { kind = \"fixed\", tokens = 10 }\n\
    output = { kind = \"fixed\", tokens = 100000 }\nmax_tokens = 20\n";

const ASK: &str =
    r#"{"model":"m","messages":[{"role":"user","content":"hello"}],"stream":true,"max_completion_tokens":5}"#;
