//! Writes answers of the mock, in every dialect, into the corpora: what fuzzing begins with.

use std::fs;
use std::path::Path;

use bytes::BytesMut;
use http::Method;
use http::{HeaderMap, HeaderValue};
use tollgate::credential::Credential;
use tollgate::providers::{Asked, Call, Encoder, PROVIDERS, Served};
use tollgate::time::Instant;
use tollgate::wire::{Beginnings, ClassId, Finish, Kind, Reply, Request, RequestId, Tokens, Usage};
use tollgate_fuzz::{CONTENT_TYPES, target};

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (provider, speaks) in PROVIDERS {
        for dialect in speaks.dialects() {
            for stream in [false, true] {
                let folder = corpus.join(dialect);
                fs::create_dir_all(&folder)?;
                let name = format!("{provider}-{}", if stream { "stream" } else { "whole" });
                fs::write(folder.join(name), answer(provider, dialect, stream))?;
            }
        }
    }
    Ok(())
}

/// An answer with reasoning and text, in the form that the targets read.
fn answer(provider: &str, dialect: &str, stream: bool) -> Vec<u8> {
    let mut target = target(provider, dialect);
    target.project = Some("p".into());
    let request =
        Request { id: RequestId(1), class: ClassId(0), priority: 0, input_tokens: 9, max_tokens: Some(100), stream, beginnings: Beginnings::None, content: Default::default() };
    let encoded = target.encode(&request);
    let headers = HeaderMap::from_iter(encoded.headers);
    let (path, query) = encoded.path.split_once('?').map_or((&*encoded.path, None), |(p, q)| (p, Some(q)));
    let body = encoded.body.concat();
    let call = Call { method: &Method::POST, path, whole_path: path, query, headers: &headers, body: &body };
    let served =
        Served { provider: target.provider, model: target.model.clone(), region: None, images: Default::default(), credentials: Some(vec![Credential::None]) };
    let Ok(Asked::Generate(operation, asked)) = served.read(&call, Instant::START, 0)else {
        panic!("{provider} refuses its own {dialect}");
    };
    let tokens = |kind| Reply::Tokens(Tokens { kind, count: 2, steady: None });
    let usage = Usage { input: 7, cache_read: 2, output: 4, reasoning: 2, ..Usage::default() };
    let finish = Reply::Finished(Finish::new(usage, false));
    let replies = match stream && asked.stream {
        true => vec![tokens(Kind::Reasoning), tokens(Kind::Text), tokens(Kind::Text), finish],
        false => vec![finish],
    };
    let mut encoder = Encoder::new(target.provider, operation, asked, Default::default(), Instant::START);
    let head = encoder.head(&replies[0], &[], Instant::START, 0);
    let mut out = BytesMut::new();
    replies.iter().for_each(|reply| encoder.write(Instant::START, reply, &mut out));
    let content_type = head.headers.iter().find(|(name, _)| name == "content-type");
    let content_type = content_type.map(|(_, value): &(_, HeaderValue)| value.to_str().unwrap_or_default());
    let is_it = |known: &&str| content_type.is_some_and(|text| text.starts_with(known));
    let choice = CONTENT_TYPES.iter().position(is_it).unwrap_or(3) as u8;
    // No sizes: the second reading goes byte by byte.
    [&[if stream { choice } else { choice | 0x80 }, 0][..], &out].concat()
}
