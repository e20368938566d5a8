//! Paths, errors and keys, in the service's spelling.

use http::HeaderMap;
use proptest::prelude::*;

use super::*;
use crate::credential::{Credential, Secret};
use crate::dialects::{Bad, Generate};
use crate::providers::testing::{answer, header, request, target};
use crate::providers::{AnyProvider, Asked, Encoder, Served};
use crate::server::limits::{Counts, Gauge};
use crate::server::quota::Period;
use crate::time::Instant;
use crate::wire::{Rejection, Reply, Tier};

const HOME: &str = "/projects/p-1/locations/us-east-1";

fn vertex() -> AnyProvider {
    "vertex".parse().unwrap()
}

fn route(method: &Method, path: &str, query: Option<&str>) -> Route {
    Vertex.route(&Call { method, whole_path: path, path, query, headers: &HeaderMap::new(), body: b"" })
}

fn post(path: &str) -> Route {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    route(&Method::POST, path, query)
}

fn operation(dialect: &'static str, model: &str, stream: bool, framing: Framing) -> Operation {
    Operation {
        dialect,
        path: InPath { model: Some(model.into()), stream: Some(stream), ..InPath::default() },
        framing,
    }
}

#[test]
fn a_call_goes_where_its_model_is() {
    let gemini = target("vertex", GEMINI);
    let models = format!("/v1{HOME}/publishers/google/models");
    assert_eq!(gemini.encode(&request(false)).path, format!("{models}/m-1:generateContent"));
    assert_eq!(gemini.encode(&request(true)).path, format!("{models}/m-1:streamGenerateContent?alt=sse"));
    let openai = target("vertex", OPENAI);
    assert_eq!(openai.encode(&request(true)).path, format!("/v1{HOME}/endpoints/openapi/chat/completions"));
    let claude = Target { model: "claude-x@1".into(), ..gemini.clone() };
    assert_eq!((Vertex.usual(&claude.model), Vertex.usual("gemini-x")), (CLAUDE, GEMINI));
    for (stream, verb) in [(false, "rawPredict"), (true, "streamRawPredict")] {
        let path = format!("/v1{HOME}/publishers/anthropic/models/claude-x%401:{verb}");
        assert_eq!(path_of(CLAUDE, &claude, stream), path);
    }
    let anywhere = Target { region: None, ..gemini.clone() };
    assert!(anywhere.encode(&request(false)).path.starts_with("/v1/projects/p-1/locations/global/"));
    let express = Target { project: None, ..gemini };
    assert_eq!(express.encode(&request(false)).path, "/v1/publishers/google/models/m-1:generateContent");
}

#[test]
fn every_path_is_known_in_every_version_and_without_a_place() {
    for version in ["/v1", "/v1beta1", ""] {
        for place in [HOME, ""] {
            let google = format!("{version}{place}/publishers/google/models");
            let sse = Framing::Sse;
            for (path, stream, framing) in [
                (format!("{google}/m:generateContent"), false, sse),
                (format!("{google}/m:streamGenerateContent?alt=sse&key=k"), true, sse),
                (format!("{google}/m:streamGenerateContent"), true, Framing::Array),
            ] {
                assert_eq!(post(&path), Route::Generate(operation(GEMINI, "m", stream, framing)), "{path}");
            }
            let count = post(&format!("{google}/m:countTokens"));
            assert_eq!(count, Route::CountTokens(operation(GEMINI, "m", false, sse)));
            let claude = format!("{version}{place}/publishers/anthropic/models");
            for (verb, stream) in [("rawPredict", false), ("streamRawPredict", true)] {
                let path = format!("{claude}/c%401:{verb}");
                assert_eq!(post(&path), Route::Generate(operation(CLAUDE, "c@1", stream, sse)), "{path}");
            }
            let count = post(&format!("{claude}/count-tokens:rawPredict"));
            assert_eq!(count, Route::CountTokens(Operation::new(CLAUDE)));
            assert_eq!(route(&Method::GET, &google, None), Route::Models);
            assert_eq!(route(&Method::GET, &format!("{google}/m%20"), None), Route::Model("m ".into()));
            let chat = post(&format!("{version}{place}/endpoints/openapi/chat/completions"));
            let known =
                if place.is_empty() { Route::Unknown } else { Route::Generate(Operation::new(OPENAI)) };
            assert_eq!(chat, known);
        }
    }
    for path in
        ["", "/v1", "/v1/publishers/google/models/m:predict", "/v1/publishers/meta/models/m:rawPredict"]
    {
        assert_eq!(post(path), Route::Unknown, "{path}");
    }
    let get = route(&Method::GET, "/v1/publishers/google/models/m:generateContent", None);
    assert_eq!(get, Route::WrongMethod(Method::POST));
}

#[test]
fn openais_bodies_may_have_the_publisher_before_the_model() {
    for (served, asked, is_same) in [
        ("m", "google/m", true),
        ("google/m", "m", true),
        ("m", "m", true),
        ("m", "meta/m", false),
        ("m", "n", false),
    ] {
        assert_eq!(Vertex.is_model(served, asked), is_same, "{served} {asked}");
    }
}

#[test]
fn a_key_may_be_in_the_query_and_tokens_are_counted() {
    let served = Served {
        provider: vertex(),
        model: "m".into(),
        region: None,
        images: Default::default(),
        credentials: Some(vec![Credential::Key(Secret::new("k-1"))]),
    };
    let body = br#"{"contents":[{"role":"user","parts":[{"text":"12345"}]}]}"#;
    let call = |query| {
        let path = "/v1/publishers/google/models/m:countTokens";
        let (method, headers) = (&Method::POST, &HeaderMap::new());
        match served.read(
            &Call { method, whole_path: path, path, query, headers, body },
            crate::time::Instant::START,
            0,
        ) {
            Ok(Asked::Answer(answer)) | Err(answer) => {
                (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
            }
            Ok(Asked::Generate(..)) => panic!("a count is no answer of tokens"),
        }
    };
    let counted = r#"{"totalTokens":2,"promptTokensDetails":[{"modality":"TEXT","tokenCount":2}]}"#;
    assert_eq!(call(Some("key=k-1")), (200, counted.into()));
    for (query, reason) in [(None, "missing"), (Some("key=k-2"), "invalid")] {
        let (status, body) = call(query);
        assert!(status == 401 && body.contains(reason) && body.contains("UNAUTHENTICATED"), "{body}");
    }
}

fn gauge(counts: Counts) -> Gauge {
    let reset = std::time::Duration::ZERO;
    Gauge {
        name: "tokens",
        counts,
        limit: 60,
        period: Period::Minute,
        capacity: 60,
        remaining: 0,
        used: 60,
        reset,
    }
}

/// The body of a refusal.
fn refused(dialect: &str, status: u16, limit: &'static str, counts: Counts) -> String {
    let rejection = Rejection { status, limit, retry_after: None, is_retryable: true, should_retry: None };
    let gauge = gauge(counts);
    let refused = super::super::Refused { rejection: &rejection, model: "m", gauge: Some(&gauge) };
    String::from_utf8(Vertex.spell(dialect, &Problem::Refused(refused), 7).body.to_vec()).unwrap()
}

#[test]
fn refusals_are_said_in_googles_words() {
    assert_eq!(
        refused(GEMINI, 429, "shared_capacity", Counts::Tokens),
        r#"{"error":{"code":429,"message":"Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.","status":"RESOURCE_EXHAUSTED"}}"#
    );
    for (dialect, limit, counts, words) in [
        (CLAUDE, "tokens", Counts::Tokens, "Too many requests. Exceeded the Provisioned Throughput."),
        (GEMINI, "tokens", Counts::Tokens, "Too many requests. Exceeded the Provisioned Throughput."),
        (GEMINI, "tokens", Counts::Capacity, "Too many requests. Exceeded the Provisioned Throughput."),
        (
            GEMINI,
            "requests",
            Counts::Requests,
            "/generate_content_requests_per_minute_per_project_per_base_model with base model: m.",
        ),
        (
            CLAUDE,
            "requests",
            Counts::Requests,
            "/online_prediction_requests_per_base_model with base model: anthropic-m.",
        ),
        (CLAUDE, "tokens", Counts::Input, "/online_prediction_input_tokens_per_minute_per_base_model with"),
        (CLAUDE, "tokens", Counts::Output, "/online_prediction_output_tokens_per_minute_per_base_model with"),
        (CLAUDE, "concurrency", Counts::Tokens, "Resource exhausted."),
    ] {
        let body = refused(dialect, 429, limit, counts);
        assert!(body.contains(words), "{body}");
    }
    for (status, name) in [
        (400, "INVALID_ARGUMENT"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (499, "CANCELLED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (529, "UNAVAILABLE"),
    ] {
        let body: Value = serde_json::from_str(&refused(GEMINI, status, "", Counts::Tokens)).unwrap();
        assert_eq!((&body["error"]["code"], &body["error"]["status"]), (&json!(status), &json!(name)));
    }
}

#[test]
fn a_field_at_fault_is_named_and_claude_complains_in_anthropics_form() {
    let bad = Bad { message: "no".into(), param: Some("contents".into()), code: None };
    let spell = |dialect| Vertex.spell(dialect, &Problem::Bad(&bad), 7).body;
    assert_eq!(
        spell(GEMINI),
        r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents","description":"no"}]}]}}"#
    );
    assert_eq!(
        spell(CLAUDE),
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"},"request_id":"req_vrtx_0000000000000007"}"#
    );
    let unknown = Vertex.spell(OPENAI, &Problem::UnknownModel("google/n"), 7).body;
    assert!(unknown.starts_with(
        br#"{"error":{"code":404,"message":"Publisher Model `publishers/google/models/n` was not found"#
    ));
}

#[test]
fn an_error_is_in_an_array_where_the_answer_would_be_one() {
    let plain = |status| Answer::json(status, &json!({"error": {}}));
    for (operation, status, is_enclosed) in [
        (operation(GEMINI, "m", true, Framing::Array), 429, true),
        (operation(GEMINI, "m", true, Framing::Sse), 429, false),
        (operation(GEMINI, "m", false, Framing::Sse), 400, false),
        (operation(CLAUDE, "m", true, Framing::Sse), 429, true),
        (operation(CLAUDE, "m", true, Framing::Sse), 400, false),
        (operation(CLAUDE, "m", false, Framing::Sse), 429, false),
        (Operation::new(OPENAI), 400, true),
    ] {
        let body = Vertex.enclose(&operation, plain(status)).body;
        let expected = if is_enclosed { r#"[{"error":{}}]"# } else { r#"{"error":{}}"# };
        assert_eq!(body, expected, "{operation:?} {status}");
    }
    let rejection =
        Rejection { status: 429, limit: "", retry_after: None, is_retryable: true, should_retry: None };
    let asked = Generate { stream: true, ..Generate::default() };
    let array = operation(GEMINI, "m", true, Framing::Array);
    let mut encoder = Encoder::new(vertex(), array, asked, Tier::Standard, Instant::START);
    let (reply, mut body) = (Reply::Rejected(rejection), bytes::BytesMut::new());
    let head = encoder.head(&reply, &[], Instant::START, 0);
    encoder.write(Instant::START, &reply, &mut body);
    assert_eq!(header(&head, "content-type"), Some("application/json"));
    assert!(body.starts_with(b"[{\"error\":{\"code\":429,") && body.ends_with(b"}]"));
    let (_, body) = answer(&target("vertex", GEMINI), true, &[reply], &[]);
    assert!(body.starts_with("{\"error\""));
}

proptest! {
    #[test]
    fn no_path_makes_it_panic(path in "(/v1|/v1beta1)?(/projects/p)?(/locations/l)?/(publishers/)?[a-z/:%]{0,20}(é)?") {
        post(&path);
    }
}
