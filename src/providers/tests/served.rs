//! Who served a call, and in which tier: what the mock writes of it, the client reads.

use http::HeaderMap;

use super::{name, rows};
use crate::credential::Credential;
use crate::dialects::Generate;
use crate::providers::testing::{asked, finish, header, read, request, target, tokens, written_in};
use crate::providers::{AnyProvider, Target};
use crate::server::cloud::Spill;
use crate::wire::{Finish, Kind, Reply, Request, Tier, Usage};

/// What the client reads of the end of an answer that was served in `tier`, and whether it reads that it was passed on.
fn heard(target: &Target, stream: bool, tier: Tier, passed_on: Option<(&str, &str)>) -> (Finish, bool) {
    let (operation, asked) = asked(target, &Credential::None, &request(stream));
    let usage = Usage { input: 100, output: 1, ..Usage::default() };
    let text = target.dialect.get().is_generating() && stream;
    let sent: Vec<Reply> =
        text.then(|| tokens(Kind::Text, 1)).into_iter().chain([finish(usage, false)]).collect();
    let (mut head, body) = written_in(target.provider, &operation, &asked, tier, &sent, &[]);
    if let Some((from, to)) = passed_on {
        head.headers.extend(target.provider.get().spilled(from, Ok(to)));
    }
    let mut replies = read(target, stream, &head, [&body[..]]);
    match replies.pop() {
        Some(Reply::Finished(finish)) => (finish, replies.contains(&Reply::PassedOn)),
        last => panic!("{}: {last:?}", name(target)),
    }
}

#[test]
fn a_priority_is_told_to_who_schedules_by_it_and_read() {
    for dialect in ["openai_chat", "openai_completions"] {
        let asking = |priority| Request { priority, ..request(true) };
        let silent = target("self_hosted", dialect);
        let telling = Target { tells_priority: true, ..silent.clone() };
        let body = |target: &Target, priority| {
            let body = target.encode(&asking(priority)).body.concat();
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()["priority"].clone()
        };
        assert_eq!([body(&telling, 0), body(&silent, 7)], [serde_json::Value::Null, serde_json::Value::Null]);
        assert_eq!(body(&telling, -7), -7);
        let (_, read) = asked(&telling, &Credential::None, &asking(-7));
        assert_eq!(read.priority, -7, "{dialect}");
    }
}

#[test]
fn the_tier_that_served_is_read_as_far_as_the_dialect_has_a_word_for_it() {
    for mut target in rows() {
        let is_asking = matches!(target.dialect.name(), "converse" | "invoke");
        target.service_tier = is_asking.then(|| "flex".into());
        for (tier, stream) in Tier::ALL.into_iter().flat_map(|tier| [(tier, false), (tier, true)]) {
            let (finish, is_passed_on) = heard(&target, stream, tier, None);
            assert_eq!(finish.tier, target.dialect.told(tier), "{} {tier:?}", name(&target));
            assert!(!is_passed_on);
        }
    }
}

#[test]
fn a_word_in_an_answer_means_to_the_client_what_it_means_to_the_provider() {
    for target in rows() {
        for tier in Tier::ALL {
            let word = target.dialect.get().tier_word(tier);
            let own = word.and_then(|word| target.provider.get().tier(word));
            assert!(own.is_none() || own == target.dialect.told(tier), "{} {word:?}", name(&target));
        }
    }
}

#[test]
fn converse_says_its_tier_to_those_who_ask_for_one() {
    let converse = target("bedrock", "converse");
    assert_eq!(heard(&converse, true, Tier::Standard, None).0.tier, None);
    let asking = Target { service_tier: Some("priority".into()), ..converse };
    assert_eq!(
        heard(&asking, true, Tier::Standard, None).0.tier,
        Some(Tier::Standard),
        "it was not to be had"
    );
}

/// OpenAI's service tiers: "fast is reported as priority", a downgrade as default (2026-10-04).
#[test]
fn openai_reports_fast_as_priority_and_a_downgrade_as_default() {
    let chat = Target { service_tier: Some("fast".into()), ..target("openai", "openai_chat") };
    let body = |tier| {
        let (operation, asked) = asked(&chat, &Credential::None, &request(false));
        let (_, body) =
            written_in(chat.provider, &operation, &asked, tier, &[finish(Usage::default(), false)], &[]);
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["service_tier"].clone()
    };
    assert_eq!(body(terms("openai", Some("fast"), None, false).0), "priority");
    assert_eq!(body(Tier::Standard), "default");
}

#[test]
fn what_azure_passed_on_is_known_by_its_header() {
    let ptu = target("azure", "openai_chat");
    for stream in [false, true] {
        assert!(heard(&ptu, stream, Tier::Standard, Some(("ptu", "paygo"))).1);
        assert!(!heard(&ptu, stream, Tier::Standard, None).1);
    }
    let (operation, generate): (_, Generate) = asked(&ptu, &Credential::None, &request(false));
    let (mut head, body) = written_in(
        ptu.provider,
        &operation,
        &generate,
        Tier::Standard,
        &[finish(Usage::default(), false)],
        &[],
    );
    head.headers.extend(ptu.provider.get().spilled("ptu", Err(429)));
    assert_eq!(header(&head, "x-ms-spillover-error"), Some("429"));
    assert!(matches!(&read(&ptu, false, &head, [&body[..]])[..], [Reply::Finished(_)]));
}

#[test]
fn what_bought_capacity_of_google_and_aws_passed_on_is_known_by_its_tier() {
    for (provider, dialect) in [("vertex", "gemini"), ("bedrock", "converse"), ("bedrock", "invoke")] {
        let service_tier = (provider == "bedrock").then(|| "reserved".to_string());
        let bought = Target { is_spilling: true, service_tier, ..target(provider, dialect) };
        for stream in [false, true] {
            let heard = |tier| heard(&bought, stream, tier, None);
            assert!(heard(Tier::Standard).1, "{dialect}");
            let (own, is_passed_on) = heard(Tier::Reserved);
            assert_eq!((own.tier, is_passed_on), (Some(Tier::Reserved), false), "{dialect}");
        }
    }
    // Claude's answers have no word for it, so nobody can tell.
    let claude = Target { is_spilling: true, ..target("vertex", "anthropic_messages") };
    assert!(!heard(&claude, true, Tier::Standard, None).1);
}

/// The terms of a call to an endpoint that is set up to spill to the second, or to none.
fn terms(
    provider: &str,
    word: Option<&str>,
    header: Option<(&'static str, &'static str)>,
    spills: bool,
) -> (Tier, Option<Spill>) {
    let provider: AnyProvider = provider.parse().unwrap();
    let headers = header.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let headers = HeaderMap::from_iter(headers);
    let terms = provider.terms(word, &headers, spills.then_some(1), |name| (name == "paygo").then_some(2));
    (terms.tier, terms.spill)
}

/// Vertex AI: "dedicated" is Provisioned Throughput or 429, "shared" leaves it alone, anything else overflows.
#[test]
fn a_header_decides_whether_vertex_passes_a_call_on() {
    let kind = |value| Some(("x-vertex-ai-llm-request-type", value));
    let overflow = Spill { to: 1, tier: Tier::Standard, statuses: &[429], is_direct: false };
    assert_eq!(terms("vertex", None, None, true), (Tier::Reserved, Some(overflow)));
    assert_eq!(terms("vertex", None, kind("dedicated"), true), (Tier::Reserved, None));
    assert_eq!(terms("vertex", None, kind("dedicated"), false), (Tier::Reserved, None));
    let direct = Spill { is_direct: true, ..overflow };
    assert_eq!(terms("vertex", None, kind("shared"), true), (Tier::Standard, Some(direct)));
    assert_eq!(terms("vertex", None, None, false), (Tier::Standard, None));
    let priority = Some(("x-vertex-ai-llm-shared-request-type", "priority"));
    assert_eq!(terms("vertex", None, priority, true).1.unwrap().tier, Tier::Priority);
    assert_eq!(terms("vertex", None, priority, false).0, Tier::Priority);
}

/// Azure, spillover, 2026-03-04: where a property and a header name a deployment, the property's is taken.
#[test]
fn azure_passes_on_to_the_deployment_set_up_or_else_to_the_one_a_header_names() {
    let named = |name| Some(("x-ms-spillover-deployment", name));
    let to = |header, spills| terms("azure", None, header, spills).1.map(|spill| spill.to);
    assert_eq!((to(None, true), to(None, false)), (Some(1), None));
    assert_eq!((to(named("paygo"), true), to(named("paygo"), false)), (Some(1), Some(2)));
    assert_eq!((to(named("no-such"), true), to(named("no-such"), false)), (Some(1), None));
    assert_eq!(terms("azure", None, None, true).1.unwrap().statuses, [400, 429, 500, 503]);
}

#[test]
fn reserved_tokens_of_bedrock_overflow_to_the_standard_tier() {
    let (tier, spill) = terms("bedrock", Some("reserved"), None, true);
    assert_eq!((tier, spill.unwrap().tier), (Tier::Reserved, Tier::Standard));
    assert_eq!(spill.unwrap().statuses, [429]);
}
