//! Both sides of a call against each other, for tests.

use bytes::BytesMut;
use http::{HeaderMap, Method};

use super::{AnyProvider, Asked, Call, Encoder, Head, Operation, Served, Target};
use crate::credential::Credential;
use crate::dialects::Generate;
use crate::server::limits::Gauge;
use crate::time::Instant;
use crate::wire::{
    Beginnings, ClassId, Finish, Kind, Reply, Request, RequestId, Source, Tier, Tokens, Usage,
};

pub const UNIX_SECS: u64 = 1_795_244_400;
pub const MODEL: &str = "m-1";

pub fn request(stream: bool) -> Request {
    Request {
        id: RequestId(1),
        class: ClassId(0),
        priority: 0,
        input_tokens: 100,
        max_tokens: None,
        stream,
        beginnings: Beginnings::None,
        content: Default::default(),
    }
}

/// A provider's endpoint with everything that any of them needs.
pub fn target(provider: &str, dialect: &str) -> Target {
    let provider: AnyProvider = provider.parse().unwrap();
    Target {
        dialect: dialect.parse().unwrap(),
        region: Some("us-east-1".into()),
        project: Some("p-1".into()),
        ..Target::new(provider, MODEL)
    }
}

/// What the mock makes of the call that the client sends.
pub fn asked(target: &Target, credential: &Credential, request: &Request) -> (Operation, Generate) {
    let encoded = target.encode(request);
    let mut headers = HeaderMap::from_iter(encoded.headers);
    headers.extend(target.key_header(credential));
    let (path, query) = match encoded.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (&*encoded.path, None),
    };
    let body = encoded.body.concat();
    let call = Call { method: &Method::POST, path, whole_path: path, query, headers: &headers, body: &body };
    let served = Served {
        provider: target.provider,
        model: target.model.clone(),
        region: None,
        images: Default::default(),
        credentials: Some(vec![credential.clone()]),
    };
    match served.read(&call, Instant::START, UNIX_SECS) {
        Ok(Asked::Generate(operation, asked)) => (operation, asked),
        Ok(Asked::Answer(answer)) | Err(answer) => {
            panic!("{} {}: {}", answer.status, encoded.path, String::from_utf8_lossy(&answer.body))
        }
    }
}

/// The answer as the mock writes it.
pub fn written(
    provider: AnyProvider,
    operation: &Operation,
    asked: &Generate,
    replies: &[Reply],
    gauges: &[Gauge],
) -> (Head, Vec<u8>) {
    let tier = asked.service_tier.as_deref().and_then(|word| provider.get().tier(word)).unwrap_or_default();
    written_in(provider, operation, asked, tier, replies, gauges)
}

/// The answer as the mock writes it that is served in `tier`.
pub fn written_in(
    provider: AnyProvider,
    operation: &Operation,
    asked: &Generate,
    tier: Tier,
    replies: &[Reply],
    gauges: &[Gauge],
) -> (Head, Vec<u8>) {
    let mut encoder = Encoder::new(provider, operation.clone(), asked.clone(), tier, Instant::START);
    let head = encoder.head(&replies[0], gauges, Instant::START, UNIX_SECS);
    let mut body = BytesMut::new();
    replies.iter().for_each(|reply| encoder.write(Instant::START, reply, &mut body));
    (head, body.to_vec())
}

/// The answer to a call of the client, as text.
pub fn answer(target: &Target, stream: bool, replies: &[Reply], gauges: &[Gauge]) -> (Head, String) {
    let (operation, asked) = asked(target, &Credential::None, &request(stream));
    let (head, body) = written(target.provider, &operation, &asked, replies, gauges);
    (head, String::from_utf8_lossy(&body).into_owned())
}

/// The replies that the client reads from the pieces of an answer.
pub fn read<'a>(
    target: &Target,
    stream: bool,
    head: &Head,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Reply> {
    let mut decoder = target.decoder(&request(stream));
    let mut replies = Vec::new();
    decoder.on_head(head.status, &HeaderMap::from_iter(head.headers.iter().cloned()));
    pieces.into_iter().for_each(|piece| decoder.on_bytes(piece, &mut replies));
    decoder.on_end(&mut replies);
    replies
}

/// The replies to a stream of server-sent events, or to a whole body, that some service has sent.
pub fn replies(target: &Target, stream: bool, content_type: &'static str, body: &[u8]) -> Vec<Reply> {
    let headers = vec![(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type))];
    read(target, stream, &Head { status: 200, headers }, [body])
}

pub fn header<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    head.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.to_str().unwrap())
}

pub fn tokens(kind: Kind, count: u32) -> Reply {
    Reply::Tokens(Tokens { kind, count, steady: None })
}

pub fn finish(usage: Usage, is_cut: bool) -> Reply {
    let usage = Usage { source: Source::Provider, ..usage };
    Reply::Finished(Finish::new(usage, is_cut))
}

/// The replies without the provider's own words, which no other reply can equal, and without the tier.
pub fn plain(mut replies: Vec<Reply>) -> Vec<Reply> {
    for reply in &mut replies {
        if let Reply::Finished(finish) = reply {
            (finish.raw_usage, finish.tier) = (None, None);
        }
    }
    replies
}
