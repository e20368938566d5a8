//! Whatever a caller sends, its signature is judged without panic, and never found right: it has no key.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tollgate::credential::{AwsKeys, Secret};
use tollgate::providers::sigv4::{Received, verify};

/// 2026-11-21T07:00:00Z.
const NOW: u64 = 1_795_244_400;

// The input's lines: path, query, headers as `name:value`, an empty line, body.
fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let mut text = || str::from_utf8(lines.next().unwrap_or_default()).unwrap_or_default();
    let (path, query) = (text(), text());
    let mut headers = HeaderMap::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()).take(50) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let body = lines.next().unwrap_or_default();
    let keys = AwsKeys {
        access_key_id: "AKID".into(),
        secret_access_key: Secret::new("a key that no input has"),
        session_token: None,
    };
    let request = Received { method: "POST", path, query, headers: &headers, body };
    assert!(verify(&request, &keys, "us-east-1", &["bedrock"], NOW).is_err());
});
