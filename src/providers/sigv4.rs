//! AWS Signature Version 4 in headers: requests are signed, and the signatures of others' verified.
//!
//! Signed is the hash of the canonical request: method, path, query, headers and body's hash, each spelt in the
//! one way that both sides can derive from what is on the wire. The path is encoded once more than it is there,
//! as for every service but S3.

mod verify;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest, Sha256};

pub use self::verify::{Received, SignatureError, verify};
use crate::credential::{AwsKeys, Secret};

/// A request to be signed.
#[derive(Clone, Copy, Debug)]
pub struct ToSign<'a> {
    pub method: &'a str,
    /// As on the wire, percent-encoded, without the query.
    pub path: &'a str,
    /// As on the wire; empty where there is none.
    pub query: &'a str,
    /// Those to sign: `host`, `content-type` and every `x-amz-*`.
    pub headers: &'a [(HeaderName, HeaderValue)],
    pub body: &'a [Bytes],
}

/// Signs requests to one service in one region. Never shown: it has no `Debug`.
#[derive(Clone)]
pub struct Signer {
    region: Box<str>,
    service: Box<str>,
    /// The key of the day and secret that were last signed with.
    key: Option<(String, Secret, DayKey)>,
}

impl Signer {
    /// `service` is its signing name, such as `bedrock`.
    pub fn new(region: &str, service: &str) -> Signer {
        Signer { region: region.into(), service: service.into(), key: None }
    }

    /// The headers that sign the request at this calendar time: `x-amz-date`, `x-amz-security-token` with temporary
    /// keys, and `authorization`. The body's hash has no header, as AWS's SDK for Python sends none to Bedrock.
    pub fn sign(
        &mut self,
        request: &ToSign<'_>,
        keys: &AwsKeys,
        unix_secs: u64,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let time = timestamp(unix_secs);
        let mut added = vec![(DATE, value(&time))];
        if let Some(token) = &keys.session_token {
            added.push((SECURITY_TOKEN, value(token.expose())));
        }
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .chain(&added)
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        headers.sort_by_key(|(name, _)| *name);
        let mut body = Sha256::new();
        request.body.iter().for_each(|piece| body.update(piece));

        let scope = Scope { day: &time[..DAY_CHARS], region: &self.region, service: &self.service };
        let canonical = Canonical {
            method: request.method,
            path: request.path,
            query: request.query,
            headers: &headers,
            body: body.finalize().into(),
        };
        let key = match &self.key {
            Some((day, secret, key)) if day == scope.day && *secret == keys.secret_access_key => *key,
            _ => {
                let key = day_key(&keys.secret_access_key, &scope);
                self.key = Some((scope.day.into(), keys.secret_access_key.clone(), key));
                key
            }
        };
        let signature = signature(&key, &time, &scope, &canonical.hash());
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
            keys.access_key_id,
            scope.text(),
            canonical.names(),
        );
        added.push((http::header::AUTHORIZATION, value(&authorization)));
        added
    }
}

/// What a signature holds for.
struct Scope<'a> {
    /// Such as `20261121`.
    day: &'a str,
    region: &'a str,
    service: &'a str,
}

impl Scope<'_> {
    fn text(&self) -> String {
        format!("{}/{}/{}/{SCOPE_END}", self.day, self.region, self.service)
    }
}

/// The parts of a request that are signed.
struct Canonical<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    /// In order of their names; those of one name in the order they are sent.
    headers: &'a [(&'a str, &'a [u8])],
    /// The body's hash.
    body: Hash,
}

impl Canonical<'_> {
    fn hash(&self) -> Hash {
        let mut hash = Sha256::new();
        hash.update(self.method);
        hash.update("\n");
        hash_path(self.path, &mut hash);
        hash.update("\n");
        hash_query(self.query, &mut hash);
        let mut before = "";
        for (name, value) in self.headers {
            if *name == before {
                hash.update(",");
            } else {
                hash.update("\n");
                hash.update(name);
                hash.update(":");
            }
            let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            for (nth, word) in words.enumerate() {
                hash.update(if nth == 0 { "" } else { " " });
                hash.update(word);
            }
            before = name;
        }
        hash.update("\n\n");
        hash.update(self.names());
        hash.update("\n");
        hash.update(hex(&self.body));
        hash.finalize().into()
    }

    /// The signed headers' names.
    fn names(&self) -> String {
        let mut names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        names.dedup();
        names.join(";")
    }
}

/// Without its empty and dot segments, and percent-encoded once more.
fn hash_path(path: &str, hash: &mut Sha256) {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        hash.update("/");
        percent_encode(segment.as_bytes(), ENCODED).for_each(|part| hash.update(part));
    }
    let is_folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    if is_folder || segments.is_empty() {
        hash.update("/");
    }
}

/// Its pairs in order, each with a value.
fn hash_query(query: &str, hash: &mut Sha256) {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    pairs.sort_unstable();
    for (nth, (name, value)) in pairs.into_iter().enumerate() {
        hash.update(if nth == 0 { "" } else { "&" });
        hash.update(name);
        hash.update("=");
        hash.update(value);
    }
}

/// The key that signs on the scope's day.
fn day_key(secret: &Secret, scope: &Scope<'_>) -> DayKey {
    let first = format!("AWS4{}", secret.expose());
    let day = hmac(first.as_bytes(), scope.day);
    [scope.region, scope.service, SCOPE_END].iter().fold(day, |key, part| hmac(&key, part))
}

/// In hexadecimal.
fn signature(key: &DayKey, time: &str, scope: &Scope<'_>, canonical: &Hash) -> String {
    hex(&hmac(key, &format!("{ALGORITHM}\n{time}\n{}\n{}", scope.text(), hex(canonical))))
}

fn hmac(key: &[u8], text: &str) -> Hash {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn hex(hash: &Hash) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// Such as `20261121T070000Z`.
fn timestamp(unix_secs: u64) -> String {
    let secs = i64::try_from(unix_secs).unwrap_or(i64::MAX);
    Timestamp::from_second(secs).unwrap_or(Timestamp::MAX).strftime(TIME_FORMAT).to_string()
}

/// Never shown. A key or token with a line end in it cannot be sent: the service refuses the empty header.
fn value(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

type Hash = [u8; 32];
type DayKey = Hash;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SCOPE_END: &str = "aws4_request";
const TIME_FORMAT: &str = "%Y%m%dT%H%M%SZ";
const DAY_CHARS: usize = 8;
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests;
