//! Every provider in every dialect it speaks: what one side writes, the other reads.

mod contents;
mod plain_json;
mod served;

use std::time::Duration;

use http::{HeaderMap, Method};
use proptest::prelude::*;
use serde_json::Value;

use super::encoder::id_of;
use super::target::MARKING;
use super::testing::{
    MODEL, UNIX_SECS, answer, asked, finish, header, plain, read, replies, request, target, tokens, written,
};
use super::{AnyProvider, Call, PROVIDERS, Served, Target};
use crate::credential::{Credential, Secret};
use crate::dialects::beginning::{self, Ends};
use crate::server::limits::{Counts, Gauge};
use crate::server::quota::Period;
use crate::time::Instant;
use crate::wire::{
    Beginnings, Cached, Fault, FaultKind, Finish, Kind, Prefix, Rejection, Reply, Request, RequestId, Source,
    Tier, Usage,
};

/// Every row: each provider with each of its dialects.
fn rows() -> Vec<Target> {
    let rows = PROVIDERS
        .iter()
        .flat_map(|(provider, speaks)| speaks.dialects().iter().map(|dialect| target(provider, dialect)));
    rows.collect()
}

fn name(target: &Target) -> String {
    format!("{} {}", target.provider.name(), target.dialect.name())
}

/// What of a usage the vendor tells: (input, read, stored for minutes, stored for hours, generated) and whether it
/// was cut.
fn told(target: &Target, reply: &Reply) -> Option<([u64; 5], bool)> {
    let speech = target.provider.get().speech(target.dialect.name());
    let mut told = reply.clone();
    speech.tell(&mut told, Tier::Standard);
    let Reply::Finished(finish) = told else { return None };
    let Usage { input, cache_read, cache_write, cache_write_long, source, .. } = finish.usage;
    assert_eq!(source, Source::Provider);
    let prompt = [input, cache_read, cache_write, cache_write_long].map(u64::from);
    let [input, read, write, long] = prompt;
    Some(([input, read, write, long, finish.usage.generated()], finish.is_cut))
}

fn cached(reply: &Reply) -> Option<Cached> {
    let Reply::Finished(Finish { usage, .. }) = reply else { return None };
    let Usage { cache_read: read, cache_write: write, cache_write_long: write_long, .. } = *usage;
    Some(Cached { read, write, write_long })
}

/// An answer to a streamed request: its chunks, reasoning first, then its end.
fn streamed() -> impl Strategy<Value = Vec<Reply>> {
    let counts = || prop::collection::vec(1..4u32, 0..5);
    (counts(), counts(), any::<bool>(), 0..9u32, (0..9u32, 0..9u32)).prop_map(
        |(thoughts, texts, is_cut, cache_read, (cache_write, cache_write_long))| {
            let usage = Usage {
                input: 100,
                cache_read,
                cache_write,
                cache_write_long,
                output: texts.iter().sum(),
                reasoning: thoughts.iter().sum(),
                source: Source::Provider,
            };
            let thoughts = thoughts.into_iter().map(|count| tokens(Kind::Reasoning, count));
            let texts = texts.into_iter().map(|count| tokens(Kind::Text, count));
            thoughts.chain(texts).chain([finish(usage, is_cut)]).collect()
        },
    )
}

/// The kinds of the pieces, in order. A chunk of several tokens is read as one piece: its text does not say how
/// many it holds.
fn kinds(replies: &[Reply]) -> Vec<Kind> {
    let kinds = replies.iter().filter_map(|reply| match reply {
        Reply::Tokens(tokens) => Some(tokens.kind),
        _ => None,
    });
    kinds.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_the_mock_writes_the_client_reads_at_every_split(sent in streamed(), sizes in prop::collection::vec(1..90usize, 1..20)) {
        for target in rows().iter().filter(|target| target.dialect.get().is_generating()) {
            let (operation, mut asked) = asked(target, &Credential::None, &request(true));
            // What the mock knows of its cache when it begins to write.
            asked.cached = sent.last().and_then(cached).unwrap_or_default();
            let (head, body) = written(target.provider, &operation, &asked, &sent, &[]);
            let whole = read(target, true, &head, [&body[..]]);
            let mut expected = kinds(&sent);
            if target.dialect.name() == "openai_completions" {
                // All is text there.
                expected.fill(Kind::Text);
            }
            prop_assert_eq!(kinds(&whole), expected, "{}", name(target));
            prop_assert_eq!(told(target, whole.last().unwrap()), told(target, sent.last().unwrap()), "{}", name(target));
            prop_assert_eq!(&read(target, true, &head, body.chunks(1)), &whole, "{}", name(target));
            let mut rest = &body[..];
            let pieces = sizes.iter().cycle().map_while(|size| {
                let (piece, later) = rest.split_at(rest.len().min(*size));
                rest = later;
                (!piece.is_empty()).then_some(piece)
            });
            prop_assert_eq!(&read(target, true, &head, pieces), &whole, "{}", name(target));
        }
    }

    #[test]
    fn a_whole_answer_has_the_usage_and_the_end(sent in streamed()) {
        let last = sent.last().cloned().unwrap();
        for target in rows().iter().filter(|target| target.dialect.get().is_generating()) {
            let (operation, asked) = asked(target, &Credential::None, &request(false));
            let (head, body) = written(target.provider, &operation, &asked, std::slice::from_ref(&last), &[]);
            let whole = read(target, false, &head, body.chunks(7));
            prop_assert_eq!(whole.len(), 1, "{}", name(target));
            prop_assert_eq!(told(target, &whole[0]), told(target, &last), "{}", name(target));
        }
    }

    #[test]
    fn what_the_client_asks_the_mock_reads(input_tokens in 0..100_000u32, max in prop::option::of(16..u32::MAX), stream: bool) {
        let key = Credential::Key(Secret::new("k-1"));
        for target in rows() {
            let asking = Request { input_tokens, max_tokens: max, ..request(stream) };
            let (_, read) = asked(&target, &key, &asking);
            let is_generating = target.dialect.get().is_generating();
            let is_stream = stream && is_generating;
            prop_assert_eq!((&*read.model, read.input_tokens, read.stream), (MODEL, input_tokens, is_stream), "{}", name(&target));
            prop_assert!(max.is_none() || !is_generating || read.max_tokens == max, "{}", name(&target));
        }
    }

    #[test]
    fn every_body_ends_in_one_final_reply(body in prop::collection::vec(any::<u8>(), 0..100), status in 200..600u16,
                                          stream: bool, size in 1..9usize, content_type in 0..5usize) {
        let content_type = ["text/event-stream", "application/json", "application/vnd.amazon.eventstream", "text/html", ""][content_type];
        let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, content_type.parse().unwrap())]);
        for target in rows() {
            let (mut decoder, mut replies) = (target.decoder(&request(stream)), Vec::new());
            decoder.on_head(status, &headers);
            body.chunks(size).for_each(|bytes| decoder.on_bytes(bytes, &mut replies));
            decoder.on_end(&mut replies);
            decoder.on_end(&mut replies);
            prop_assert_eq!(replies.iter().filter(|reply| reply.is_final()).count(), 1, "{}", name(&target));
            prop_assert!(replies.last().is_some_and(Reply::is_final), "{}", name(&target));
        }
    }

    #[test]
    fn no_call_makes_the_mock_panic(path in "(/v1|/openai|/openai/v1|/model|/anthropic)?/[a-z/:%?0-9.-]{0,30}(/|é)?.{0,4}",
                                    query in prop::option::of("[a-z=&%-]{0,12}"), body in prop::collection::vec(any::<u8>(), 0..60)) {
        for (provider, _) in PROVIDERS {
            let served = Served { provider: provider.parse().unwrap(), model: MODEL.into(), region: None, images: Default::default(), credentials: None };
            for method in [Method::GET, Method::POST] {
                let call = Call { method: &method, path: &path, whole_path: &path, query: query.as_deref(), headers: &HeaderMap::new(), body: &body };
                let _ = served.read(&call, Instant::START, UNIX_SECS);
            }
        }
    }
}

/// A prompt of 100 tokens with these beginnings, as the dialect spells it: its text, and what the mock finds stored.
fn shared(target: &Target, id: u64, beginnings: &[(u64, u32)], ends: Ends) -> (String, Vec<Prefix>) {
    let prefix =
        |(id, tokens): &(u64, u32)| Prefix { id: *id, tokens: *tokens, is_long: false, is_stored: true };
    let beginnings = Beginnings::new(beginnings.iter().map(prefix).collect());
    let asking = Request { id: RequestId(id), beginnings, ..request(true) };
    let body = target.encode(&asking).body.concat();
    let (_, read) = asked(target, &Credential::None, &asking);
    assert_eq!(read.input_tokens, asking.input_tokens, "{}", name(target));
    let mut found = beginning::find(&body, true, ends, read.input_tokens);
    found.retain(|prefix| prefix.is_stored);
    (String::from_utf8(body).unwrap(), found)
}

#[test]
fn marked_beginnings_are_found_where_they_end_by_all_that_share_them() {
    for target in rows().into_iter().filter(|target| MARKING.contains(&target.dialect.name())) {
        let target = Target { marks_prefix: true, ..target };
        let found = |id, beginnings: &[(u64, u32)]| shared(&target, id, beginnings, Ends::Breakpoints).1;
        for beginnings in
            [&[(7, 60)][..], &[(7, 100)], &[(7, 40), (8, 60)], &[(7, 40), (8, 60), (8, 80), (8, 100)]]
        {
            let first = found(1, beginnings);
            let ends: Vec<_> = first.iter().map(|prefix| (prefix.tokens, prefix.is_long)).collect();
            let expected: Vec<_> = beginnings.iter().map(|(_, tokens)| (*tokens, false)).collect();
            assert_eq!(ends, expected, "{}", name(&target));
            assert_eq!(found(2, beginnings), first, "{}", name(&target));
            let other: Vec<_> = beginnings.iter().map(|(id, tokens)| (id + 90, *tokens)).collect();
            assert!(found(2, &other).iter().all(|prefix| !first.contains(prefix)), "{}", name(&target));
        }
        let (one, other) = (found(1, &[(7, 40), (8, 60)]), found(2, &[(7, 40), (9, 60)]));
        assert!(one[0] == other[0] && one[1] != other[1], "{}", name(&target));
    }
}

#[test]
fn no_more_breakpoints_are_set_than_a_vendor_takes() {
    for target in rows().into_iter().filter(|target| MARKING.contains(&target.dialect.name())) {
        let target = Target { marks_prefix: true, ..target };
        let beginnings: Vec<_> = (1..=6).map(|id| (id, 15 * id as u32)).collect();
        let (_, found) = shared(&target, 1, &beginnings, Ends::Breakpoints);
        let ends: Vec<_> = found.iter().map(|prefix| prefix.tokens).collect();
        let is_openai = target.dialect.name().starts_with("openai");
        let all = if is_openai { &[15, 30][..] } else { &[] };
        assert_eq!(ends, [all, &[45, 60, 75, 90]].concat(), "{}", name(&target));
    }
}

/// A provider that looks for itself finds the same text.
#[test]
fn unmarked_beginnings_are_shared_in_every_dialect_and_end_where_they_should() {
    let ends = Ends::Blocks { min_tokens: 4, step: 4 };
    for target in rows().into_iter().filter(|target| target.dialect.get().is_generating()) {
        let found = |id, beginnings: &[(u64, u32)]| shared(&target, id, beginnings, ends).1;
        let alike =
            |one: &[Prefix], other: &[Prefix]| one.iter().filter(|prefix| other.contains(prefix)).count();
        let one = found(1, &[(7, 40), (8, 60)]);
        for (other, blocks) in [
            (found(2, &[(7, 40), (8, 60)]), 15),
            (found(2, &[(7, 40), (8, 52), (8, 100)]), 15),
            (found(2, &[(7, 40), (9, 60)]), 10),
            (found(2, &[(7, 20), (9, 60)]), 5),
            (found(2, &[(9, 60)]), 0),
        ] {
            assert_eq!(alike(&one, &other), blocks, "{}", name(&target));
        }
    }
}

#[test]
fn a_refusal_is_read_back_with_its_status_and_whether_to_come_back() {
    let wait = Some(Duration::from_secs(3));
    for (status, limit, retry_after) in
        [(429, "tokens", wait), (429, "requests", wait), (500, "", None), (503, "", None), (529, "", None)]
    {
        let rejection = Rejection { status, limit, retry_after, is_retryable: true, should_retry: None };
        for target in rows() {
            for stream in [false, true] {
                let (head, body) = answer(&target, stream, &[Reply::Rejected(rejection)], &[]);
                let replies = read(&target, stream, &head, [body.as_bytes()]);
                let [Reply::Rejected(read)] = replies[..] else { panic!("{}: {replies:?}", name(&target)) };
                assert_eq!((read.status, read.is_retryable), (status, true), "{}", name(&target));
                assert!(read.limit.is_empty() || read.limit == limit, "{}: {}", name(&target), read.limit);
                assert!(read.retry_after.is_none() || read.retry_after == retry_after, "{}", name(&target));
            }
        }
    }
}

/// What a simulation hears of it, the mock says, and a client reads.
#[test]
fn a_refusal_for_good_is_read_back_as_one() {
    for (status, limit) in [(429, "insufficient_quota"), (400, "context")] {
        let rejection =
            Rejection { status, limit, retry_after: None, is_retryable: false, should_retry: None };
        for target in rows() {
            let (head, body) = answer(&target, true, &[Reply::Rejected(rejection)], &[]);
            let replies = read(&target, true, &head, [body.as_bytes()]);
            let [Reply::Rejected(read)] = replies[..] else { panic!("{}: {replies:?}", name(&target)) };
            assert_eq!((read.is_retryable, read.retry_after), (false, None), "{}: {body}", name(&target));
            let speech = target.provider.get().speech(target.dialect.name());
            let mut heard = Reply::Rejected(rejection);
            speech.tell(&mut heard, Tier::Standard);
            let Reply::Rejected(heard) = heard else { panic!("a refusal stays one") };
            assert_eq!((read.status, head.status), (heard.status, heard.status), "{}: {body}", name(&target));
            assert!(limit == "context" || read.limit == heard.limit, "{}: {body}", name(&target));
        }
    }
}

/// The vendors' own words for a credit that is used up, a prompt that is too long, and a daily quota.
#[test]
fn what_a_vendor_has_words_for_is_said_in_them() {
    let spent = Rejection {
        status: 429,
        limit: "insufficient_quota",
        retry_after: None,
        is_retryable: false,
        should_retry: None,
    };
    let context = Rejection { status: 400, limit: "context", ..spent };
    let daily = Rejection { limit: "tokens", is_retryable: true, ..spent };
    let gauge = Gauge {
        name: "tokens",
        counts: Counts::Tokens,
        limit: 9,
        period: Period::Day,
        capacity: 9,
        remaining: 0,
        used: 9,
        reset: Duration::ZERO,
    };
    for (provider, dialect, rejection, words) in [
        (
            "openai",
            "openai_chat",
            spent,
            "\"insufficient_quota\",\"param\":null,\"code\":\"credit_balance_exhausted\"",
        ),
        ("openai", "openai_chat", context, "\"context_length_exceeded\""),
        ("openai", "openai_chat", daily, "tokens per day (TPD): Limit 9, Used 9"),
        ("azure", "openai_chat", spent, "\"credit_balance_exhausted\""),
        ("azure", "openai_chat", context, "\"context_length_exceeded\""),
        ("anthropic", "anthropic_messages", spent, "\"enforced_spend_limit_reached\""),
        ("anthropic", "anthropic_messages", context, "prompt is too long"),
        ("bedrock", "converse", context, "Input is too long for requested model."),
        ("bedrock", "converse", daily, "Too many tokens per day"),
        ("bedrock", "converse", spent, "Your request exceeds the service quota"),
        ("vertex", "gemini", spent, "BILLING_DISABLED"),
        ("vertex", "gemini", context, "exceeds the maximum number of tokens allowed"),
    ] {
        let is_row = |target: &Target| name(target) == format!("{provider} {dialect}");
        let target = rows().into_iter().find(is_row).unwrap_or_else(|| panic!("{provider} {dialect}"));
        let (_, body) = answer(&target, true, &[Reply::Rejected(rejection)], &[gauge]);
        assert!(body.contains(words), "{provider}: {body}");
    }
}

#[test]
fn a_failing_server_says_so_and_a_cut_connection_says_nothing() {
    let fault = |kind| Reply::Broken(Fault::new(kind, "down"));
    for target in rows().iter().filter(|target| target.dialect.get().is_generating()) {
        let begun = tokens(Kind::Text, 1);
        for kind in [FaultKind::Server, FaultKind::Truncated] {
            let (operation, asked) = asked(target, &Credential::None, &request(true));
            let sent = [begun.clone(), fault(kind)];
            let (head, body) = written(target.provider, &operation, &asked, &sent, &[]);
            let read = read(target, true, &head, [&body[..]]);
            let is_kind = matches!(&read[..], [_, Reply::Broken(fault)] if fault.kind == kind);
            assert!(is_kind, "{}: {read:?}", name(target));
        }
        let (head, body) = answer(target, false, &[fault(FaultKind::Server)], &[]);
        let read = read(target, false, &head, [body.as_bytes()]);
        let is_500 = matches!(read[..], [Reply::Rejected(rejection)] if rejection.status == 500);
        assert!(is_500, "{}: {read:?}", name(target));
    }
}

#[test]
fn the_providers_own_usage_is_kept() {
    let usage = Usage { input: 3, output: 2, source: Source::Provider, ..Usage::default() };
    for target in rows() {
        let (head, body) = answer(&target, false, &[finish(usage, false)], &[]);
        let read = read(&target, false, &head, [body.as_bytes()]);
        let Some(Reply::Finished(finish)) = read.last() else { panic!("{}: {read:?}", name(&target)) };
        let raw = finish.raw_usage.as_deref().unwrap_or_default();
        assert!(
            serde_json::from_str::<Value>(raw).is_ok_and(|raw| raw.is_object()),
            "{}: {raw}",
            name(&target)
        );
    }
}

#[test]
fn keys_are_checked_where_the_mock_has_one() {
    let shown = |target: &Target, credential: &Credential| {
        let encoded = target.encode(&request(false));
        let mut headers = HeaderMap::from_iter(encoded.headers);
        headers.extend(target.key_header(credential));
        let (path, query) = encoded.path.split_once('?').unwrap_or((&encoded.path, ""));
        let query = Some(query).filter(|query| !query.is_empty());
        let served = Served {
            provider: target.provider,
            model: MODEL.into(),
            region: None,
            images: Default::default(),
            credentials: Some(vec![Credential::Key(Secret::new("right"))]),
        };
        let body = encoded.body.concat();
        let call =
            Call { method: &Method::POST, path, whole_path: path, query, headers: &headers, body: &body };
        served.read(&call, Instant::START, UNIX_SECS).map_or_else(|answer| answer.status, |_| 200)
    };
    for target in rows() {
        let secret = |text: &str| Secret::new(text);
        for (credential, is_let_in) in [
            (Credential::Key(secret("right")), true),
            (Credential::Bearer(secret("right\n")), true),
            (Credential::Key(secret("righ")), false),
            (Credential::Key(secret("right1")), false),
            (Credential::None, false),
        ] {
            let status = shown(&target, &credential);
            let is_as_expected = if is_let_in { status == 200 } else { matches!(status, 401 | 403) };
            assert!(is_as_expected, "{}: {status}", name(&target));
        }
    }
}

#[test]
fn an_answer_that_no_endpoint_gives_goes_by_an_id_all_the_same() {
    for target in rows() {
        let encoded = target.encode(&request(false));
        let headers = HeaderMap::from_iter(encoded.headers);
        let (path, query) = encoded.path.split_once('?').unwrap_or((&encoded.path, ""));
        let query = Some(query).filter(|query| !query.is_empty());
        let served = Served {
            provider: target.provider,
            model: MODEL.into(),
            region: None,
            images: Default::default(),
            credentials: None,
        };
        let call =
            Call { method: &Method::POST, path, whole_path: path, query, headers: &headers, body: b"" };
        let Err(answer) = served.read(&call, Instant::START, UNIX_SECS) else { panic!("{}", name(&target)) };
        let id = id_of(Instant::START, UNIX_SECS);
        for header in target.provider.get().named(target.dialect.name(), id) {
            assert!(answer.headers.contains(&header), "{}: {header:?}", name(&target));
        }
        assert_ne!(id, id_of(Instant::from_nanos(1), UNIX_SECS));
    }
}

#[test]
fn what_a_client_sends_beside_its_own_is_sent() {
    for mut target in rows() {
        target.body = serde_json::from_str(r#"{"user":"u","model":null}"#).unwrap();
        target.headers = vec![(http::HeaderName::from_static("x-team"), http::HeaderValue::from_static("a"))];
        let encoded = target.encode(&request(true));
        let body: Value = serde_json::from_slice(&encoded.body.concat()).unwrap();
        assert_eq!((&body["user"], body.get("model")), (&Value::from("u"), None), "{}", name(&target));
        assert!(encoded.headers.iter().any(|(name, value)| name == "x-team" && value == "a"));
    }
}

#[test]
fn an_answer_of_another_content_type_is_read_as_it_was_asked_for() {
    let target = target("openai", "openai_chat");
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    let read = plain(replies(&target, true, "text/plain", text.as_bytes()));
    assert_eq!(kinds(&read), [Kind::Text]);
    let head = super::Head { status: 200, headers: Vec::new() };
    assert!(header(&head, "x").is_none());
}

#[test]
fn a_blank_that_is_none_of_jsons_begins_no_array_however_it_is_split() {
    let target = target("vertex", "gemini");
    let json = http::HeaderValue::from_static("application/json");
    let head = super::Head { status: 200, headers: vec![(http::header::CONTENT_TYPE, json)] };
    for body in ["\r\u{c}[{}]", "\u{c}[", " [ ]", "\n\n[{\"candidates\":[]}]"] {
        let whole = read(&target, true, &head, [body.as_bytes()]);
        assert_eq!(read(&target, true, &head, body.as_bytes().chunks(1)), whole, "{body:?}");
    }
}

/// OpenAI's fast-mode guide, October 2026; Anthropic's service-tiers, September 2026; botocore 1.44; google-genai 3.4.
#[test]
fn each_provider_has_its_own_words_for_tiers() {
    let rows = [
        ("anthropic", "standard_only", Some(Tier::Standard)),
        ("azure", "default", Some(Tier::Standard)),
        ("azure", "scale", None),
        ("bedrock", "reserved", Some(Tier::Reserved)),
        ("foundry", "auto", Some(Tier::Standard)),
        ("openai", "auto", Some(Tier::Standard)),
        ("openai", "fast", Some(Tier::Priority)),
        ("openai", "priority", Some(Tier::Priority)),
        ("openai", "scale", Some(Tier::Reserved)),
        ("openai", "turbo", None),
        ("openai", "ultrafast", Some(Tier::Ultrafast)),
        ("vertex", "FLEX", Some(Tier::Flex)),
        ("vertex", "ON_DEMAND", Some(Tier::Standard)),
        ("vertex", "ON_DEMAND_PRIORITY", Some(Tier::Priority)),
        ("vertex", "PROVISIONED_THROUGHPUT", Some(Tier::Reserved)),
    ];
    for (provider, word, tier) in rows {
        let provider: AnyProvider = provider.parse().unwrap();
        assert_eq!(provider.get().tier(word), tier, "{} {word}", provider.name());
    }
}
