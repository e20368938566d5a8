//! `tollgate export --post`: the lines of `--to otlp` to a collector, over OTLP/HTTP.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tollgate::error::{Error, Result};
use tollgate::export::Results;
use tollgate::export::otlp::{PATHS, STREAMS};
use tollgate::http::proxy::Proxies;
use tollgate::http::tls::Roots;
use tollgate::http::web::{Patience, Web};
use tollgate::scenario::url::{self, Url};

use crate::cli::output;

/// Sends everything to the collector at `base`; further away than this machine only where that is meant.
pub fn post(results: &Results, base: &str, is_live: bool) -> Result<()> {
    let wrong = |why: &str| Error::usage(format!("--post {why}; write it like http://127.0.0.1:4318"));
    match url::parse(base).map_err(|why| wrong(&format!("is no collector's URL: {why}")))? {
        Url::Local => {}
        Url::Mock => return Err(wrong("is no collector's URL: there is no embedded one")),
        Url::Remote if is_live => {}
        Url::Remote => {
            return Err(Error::usage(format!(
                "this would send the run's figures and a span for each attempt to {base}; add --live to mean it"
            )));
        }
    }
    let base = base.trim_end_matches('/');
    let mut collector = Collector::new()?;
    let has_secrets = collector.headers.values().any(HeaderValue::is_sensitive);
    let is_near = matches!(url::parse(base), Ok(Url::Local));
    if has_secrets && !is_near && !base.to_ascii_lowercase().starts_with("https://") {
        return Err(Error::usage(format!(
            "{HEADERS} would go to another machine unencrypted; give --post a URL with https://, or unset it"
        )));
    }
    for (stream, path) in STREAMS.iter().zip(PATHS) {
        let uri: Uri = format!("{base}{path}").parse().map_err(|_| wrong("is not a URL"))?;
        let mut lines = Lines { collector: &mut collector, uri, held: Vec::new(), failure: None };
        let written = (stream.write)(results, &mut lines);
        match lines.failure {
            Some(why) => return Err(Error::failed(why)),
            None => written?,
        }
    }
    let Collector { requests, rejected, .. } = collector;
    output::say(&format!("posted {requests} OTLP requests to {base}\n"))?;
    if rejected > 0 {
        output::complain(&format!("warning: it did not keep {rejected} of the points and spans in them"));
    }
    Ok(())
}

/// Whoever takes OTLP.
struct Collector {
    web: Web,
    runtime: Runtime,
    headers: HeaderMap,
    /// Requests that were taken.
    requests: u64,
    /// Points and spans of them that were not.
    rejected: u64,
}

impl Collector {
    fn new() -> Result<Collector> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Collector {
            web: Web::new(Roots::System, Proxies::from_env()?),
            runtime: runtime.map_err(|cause| Error::failed(format!("could not post: {cause}")))?,
            headers: headers(&std::env::var(HEADERS).unwrap_or_default()).map_err(Error::usage)?,
            requests: 0,
            rejected: 0,
        })
    }

    fn send(&mut self, uri: &Uri, body: Vec<u8>) -> std::result::Result<(), String> {
        let mut request = Request::post(uri).body(Bytes::from(body)).map_err(|cause| cause.to_string())?;
        *request.headers_mut() = self.headers.clone();
        let answer = self.runtime.block_on(self.web.send(request, PATIENCE));
        let answer =
            answer.map_err(|why| format!("could not post to {uri}: {why}; is a collector there?"))?;
        let (status, body) = (answer.status(), String::from_utf8_lossy(answer.body()));
        if !status.is_success() {
            let said = self.harmless(&body);
            let colon = if said.is_empty() { "" } else { ": " };
            return Err(format!(
                "{uri} answered {}{colon}{said}; it had taken {} requests. --post wants the base URL of an OTLP/HTTP \
                 receiver that takes JSON",
                status.as_u16(),
                self.requests
            ));
        }
        self.requests += 1;
        self.rejected += rejected(&body);
        Ok(())
    }
}

impl Collector {
    /// What it said, in short: without what we told it in secret, and without what a terminal would obey.
    fn harmless(&self, body: &str) -> String {
        let mut said = body.to_string();
        for value in self.headers.values().filter(|value| value.is_sensitive()) {
            let secret = String::from_utf8_lossy(value.as_bytes()).into_owned();
            // `Bearer KEY` may come back without its first word.
            let words = secret.split_whitespace().filter(|word| word.len() >= SECRET_MIN);
            for secret in std::iter::once(secret.as_str()).chain(words).filter(|secret| !secret.is_empty()) {
                said = said.replace(secret, "…");
            }
        }
        let shown = said.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        shown.collect::<String>().trim().chars().take(SAID_MAX).collect()
    }
}

/// Shorter words of a header, such as `Basic`, are no secrets.
const SECRET_MIN: usize = 8;

/// How many points or spans a collector that takes a request says it has not kept.
fn rejected(answer: &str) -> u64 {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let partial = &answer["partialSuccess"];
    let counts = [&partial["rejectedDataPoints"], &partial["rejectedSpans"]];
    let count = |count: &Value| count.as_u64().or_else(|| count.as_str()?.parse().ok());
    counts.into_iter().filter_map(count).sum()
}

/// Ours, and those of OpenTelemetry's variable: `name=value` with commas between, values percent-encoded.
fn headers(given: &str) -> std::result::Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tollgate/", env!("CARGO_PKG_VERSION"))));
    for pair in given.split(',').filter(|pair| !pair.trim().is_empty()) {
        // The value may be a secret.
        let wrong = || format!("{HEADERS} is not name=value with commas between");
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Posts each line as it is whole.
struct Lines<'a> {
    collector: &'a mut Collector,
    uri: Uri,
    held: Vec<u8>,
    failure: Option<String>,
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
        self.held.extend_from_slice(&bytes[..taken]);
        if self.held.ends_with(b"\n") {
            let body = std::mem::take(&mut self.held);
            if let Err(why) = self.collector.send(&self.uri, body) {
                self.failure = Some(why);
                return Err(io::Error::other("it was not posted"));
            }
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// OpenTelemetry's variable for headers, such as a key.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

const PATIENCE: Patience = Patience { connect: Duration::from_secs(5), total: Duration::from_secs(30) };

/// Characters of an error's body that are shown.
const SAID_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_opentelemetry_writes_them() {
        let found = headers(" authorization=Bearer%20x , x-team = a=b,").unwrap();
        let of = |name: &str| found.get(name).map(|value| value.to_str().unwrap());
        assert_eq!((of("authorization"), of("x-team")), (Some("Bearer x"), Some("a=b")));
        assert_eq!(of("content-type"), Some("application/json"));
        for wrong in ["secret", "a b=secret", "a=secret%0A"] {
            let why = headers(wrong).unwrap_err();
            assert!(why.contains(HEADERS) && !why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn what_a_collector_has_not_kept_is_counted() {
        assert_eq!(rejected(r#"{"partialSuccess":{"rejectedSpans":"3"}}"#), 3);
        assert_eq!(rejected(r#"{"partialSuccess":{"rejectedDataPoints":2,"errorMessage":"x"}}"#), 2);
        for nothing in ["", "{}", "[]", "\u{1}", r#"{"partialSuccess":null}"#] {
            assert_eq!(rejected(nothing), 0);
        }
    }
}
