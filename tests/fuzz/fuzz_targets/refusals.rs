//! Error answers of any status and form are read alike however they are split.
#![no_main]

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::{every_split_reads_alike, read, target};

fuzz_target!(|input: &[u8]| {
    let Some((head, rest)) = input.split_first_chunk::<16>() else { return };
    let status = 300 + u16::from(head[0]) * 2;
    let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap_or(HeaderValue::from_static("1"));
    let names = [CONTENT_TYPE, RETRY_AFTER, HeaderName::from_static("x-amzn-errortype")];
    let headers = HeaderMap::from_iter(names.into_iter().zip(head[1..].chunks(5).map(value)));
    let target = target("openai", "openai_chat");
    every_split_reads_alike(rest, |pieces| read(&target, true, status, &headers, pieces));
});
