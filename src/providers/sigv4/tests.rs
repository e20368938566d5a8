//! Tests of the signatures against AWS's published examples and against AWS's own signer.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use proptest::prelude::*;

use super::*;

/// 2015-08-30T12:36:00Z, when AWS's examples are signed.
const THEN: u64 = 1_440_938_160;

fn keys(token: Option<&str>) -> AwsKeys {
    AwsKeys {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: token.map(Secret::new),
    }
}

fn header(name: &'static str, value: &str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
}

/// The cases of AWS's signing test suite that a request over HTTP can be in.
#[test]
fn published_examples_are_signed_alike() {
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let no_headers = &[][..];
    let repeated = [("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")];
    for (method, path, query, headers, token, signature) in [
        (
            "GET",
            "/",
            "",
            no_headers,
            None,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "GET",
            "/a/..",
            "",
            no_headers,
            None,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "GET",
            "//example//",
            "",
            no_headers,
            None,
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        (
            "GET",
            "/\u{1234}",
            "",
            no_headers,
            None,
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            "POST",
            "/",
            "Param1=value1",
            no_headers,
            None,
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
        (
            "GET",
            "/",
            "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            no_headers,
            None,
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        ("GET", "/", "", &repeated, None, "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
        (
            "GET",
            "/",
            "",
            &[("my-header1", " value1   value2     value3 ")],
            None,
            "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
        ),
        (
            "GET",
            "/",
            "",
            no_headers,
            Some(token),
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        ),
    ] {
        let host = ("host", "example.amazonaws.com");
        let headers: Vec<_> =
            headers.iter().chain([&host]).map(|(name, value)| header(name, value)).collect();
        let request = ToSign { method, path, query, headers: &headers, body: &[] };
        let added = Signer::new("us-east-1", "service").sign(&request, &keys(token), THEN);
        let authorization = added.last().unwrap().1.to_str().unwrap();
        assert!(authorization.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;"
        ));
        assert_eq!(authorization.rsplit_once('=').unwrap().1, signature, "{method} {path}?{query}");
        assert_eq!(added[0], header("x-amz-date", "20150830T123600Z"));
    }
}

/// A request whose parts a client may choose.
#[derive(Clone, Debug)]
struct Chosen {
    path: String,
    query: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<Bytes>,
    token: Option<String>,
    secs: u64,
}

impl Chosen {
    fn to_sign(&self) -> ToSign<'_> {
        ToSign {
            method: "POST",
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn keys(&self) -> AwsKeys {
        keys(self.token.as_deref())
    }

    /// The headers that AWS's own signer adds.
    fn signed_by_aws(&self, checksum: PayloadChecksumKind) -> Vec<(HeaderName, HeaderValue)> {
        let keys = self.keys();
        let secret = keys.secret_access_key.expose();
        let identity = Credentials::new(keys.access_key_id, secret, self.token.clone(), None, "test").into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = checksum;
        let params: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("bedrock")
            .time(UNIX_EPOCH + Duration::from_secs(self.secs))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("https://bedrock{}?{}", self.path, self.query);
        let uri = uri.trim_end_matches('?');
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let body = self.body.concat();
        let request = SignableRequest::new("POST", uri, headers, SignableBody::Bytes(&body)).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let (headers, _) = instructions.into_parts();
        let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.iter().map(|header| (name(header.name()), header.value().parse().unwrap())).collect()
    }

    fn received(&self, added: &[(HeaderName, HeaderValue)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers.iter().chain(added) {
            headers.append(name, value.clone());
        }
        headers
    }

    fn verify(&self, headers: &HeaderMap, secs: u64) -> Result<(), SignatureError> {
        let body = self.body.concat();
        let request = Received { method: "POST", path: &self.path, query: &self.query, headers, body: &body };
        verify(&request, &self.keys(), "us-east-1", &["bedrock", "bedrock-mantle"], secs)
    }
}

fn chosen() -> impl Strategy<Value = Chosen> {
    let path = prop_oneof![
        Just("/model/anthropic.claude-sonnet-5-5-20260901-v1%3A0/converse-stream".into()),
        Just("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aprovisioned-model%2Fabc/invoke".into()),
        "(/([A-Za-z0-9._~!$@=:,+-]|%3A|%2F|%20){0,8}){1,4}",
    ];
    let query = "(([a-c]|%C3%A9|-){1,3}(=[a-z0-9_.~-]{0,3})?(&([a-c]|%20|-){1,3}=([a-z]|%2F){0,3}){0,3})?";
    let values = ("[!-~]{1,8}( {1,3}[!-~]{1,8})?", prop::option::of("[!-~]{1,8}"), "[a-z.:0-9]{1,12}");
    let body = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from), 0..4);
    let token = prop::option::of("[A-Za-z0-9+/=]{1,30}");
    (path, query, values, body, token, 0..4_000_000_000u64).prop_map(
        |(path, query, (content_type, tier, host), body, token, secs)| {
            let mut headers = vec![header("content-type", &content_type), header("host", &host)];
            headers.extend(tier.map(|tier| header("x-amzn-bedrock-service-tier", &tier)));
            Chosen { path, query, headers, body, token, secs }
        },
    )
}

fn example() -> Chosen {
    Chosen {
        path: "/model/m%3A0/converse".into(),
        query: String::new(),
        headers: vec![header("content-type", "application/json"), header("host", "localhost:8080")],
        body: vec![Bytes::from_static(b"{\"messages\":"), Bytes::from_static(b"[]}")],
        token: Some("token".into()),
        secs: THEN,
    }
}

#[test]
fn a_tampered_request_is_told_from_the_signed_one() {
    let signed = example();
    let headers = signed.received(&signed.signed_by_aws(PayloadChecksumKind::XAmzSha256));
    assert_eq!(signed.verify(&headers, THEN), Ok(()));

    let with = |name: HeaderName, value: &str| {
        let mut changed = headers.clone();
        changed.insert(name, value.parse().unwrap());
        changed
    };
    let without = |name: HeaderName| {
        let mut changed = headers.clone();
        changed.remove(name);
        changed
    };
    let authorization = headers[AUTHORIZATION].to_str().unwrap();
    let shown = |from: &str, to: &str| with(AUTHORIZATION, &authorization.replace(from, to));
    for (changed, error) in [
        (with(CONTENT_TYPE, "text/plain"), SignatureError::Signature),
        (with(HOST, "localhost:8081"), SignatureError::Signature),
        (with(DATE, "20150830T123601Z"), SignatureError::Signature),
        (without(CONTENT_TYPE), SignatureError::Unsigned("content-type".into())),
        (without(HOST), SignatureError::Unsigned("host".into())),
        (without(DATE), SignatureError::Unsigned("x-amz-date".into())),
        (with(HeaderName::from_static("x-amz-more"), "1"), SignatureError::Unsigned("x-amz-more".into())),
        (shown("host;", ""), SignatureError::Unsigned("host".into())),
        (without(AUTHORIZATION), SignatureError::NoAuthorization),
        (with(AUTHORIZATION, "Bearer key"), SignatureError::NoAuthorization),
        (with(AUTHORIZATION, "AWS4-HMAC-SHA256"), SignatureError::Incomplete("Credential")),
        (shown("/aws4_request", ""), SignatureError::Incomplete("Credential")),
        (shown("SignedHeaders", "Signed"), SignatureError::Incomplete("SignedHeaders")),
        (shown("Signature=", "Sign="), SignatureError::Incomplete("Signature")),
        (shown("AKIDEXAMPLE", "AKIDOTHER"), SignatureError::UnknownKey),
        (with(SECURITY_TOKEN, "other"), SignatureError::UnknownKey),
        (with(DATE, "soon"), SignatureError::NoDate),
        (shown("us-east-1", "us-west-2"), SignatureError::Region { signed: "us-west-2".into() }),
        (
            shown("/bedrock/", "/s3/"),
            SignatureError::Service { expected: "bedrock or bedrock-mantle".into() },
        ),
        (shown("/bedrock/", "/bedrock-mantle/"), SignatureError::Signature),
        (
            shown("/20150830/", "/20150829/"),
            SignatureError::Day { signed: "20150829".into(), time: "20150830T123600Z".into() },
        ),
    ] {
        assert_eq!(signed.verify(&changed, THEN), Err(error), "{changed:?}");
    }
    let path = Chosen { path: "/model/m%3A1/converse".into(), ..signed.clone() };
    let query = Chosen { query: "a=1".into(), ..signed.clone() };
    let body = Chosen { body: vec![Bytes::from_static(b"{}")], ..signed.clone() };
    for changed in [path, query, body] {
        assert_eq!(changed.verify(&headers, THEN), Err(SignatureError::Signature));
    }
}

#[test]
fn a_signature_holds_for_five_minutes_either_way() {
    let signed = example();
    let headers =
        signed.received(&Signer::new("us-east-1", "bedrock").sign(&signed.to_sign(), &signed.keys(), THEN));
    for (secs, message) in [
        (THEN + 300, None),
        (THEN - 300, None),
        (
            THEN + 301,
            Some(
                "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)",
            ),
        ),
        (
            THEN - 301,
            Some(
                "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)",
            ),
        ),
    ] {
        let verified = signed.verify(&headers, secs);
        assert_eq!(verified.err().map(|error| error.to_string()).as_deref(), message);
    }
}

#[test]
fn a_signer_signs_alike_after_other_keys_and_days() {
    let request = example();
    let mut signer = Signer::new("us-east-1", "bedrock");
    let other = AwsKeys { secret_access_key: Secret::new("other"), ..request.keys() };
    for (keys, secs) in
        [(request.keys(), THEN), (other.clone(), THEN), (other, THEN + 86_400), (request.keys(), THEN)]
    {
        let fresh = Signer::new("us-east-1", "bedrock").sign(&request.to_sign(), &keys, secs);
        assert_eq!(signer.sign(&request.to_sign(), &keys, secs), fresh);
    }
}

#[test]
fn no_secret_is_shown() {
    let request = example();
    let added = Signer::new("us-east-1", "bedrock").sign(&request.to_sign(), &request.keys(), THEN);
    let shown = format!("{added:?}");
    assert!(!shown.contains("Signature=") && !shown.contains("\"token\""), "{shown}");
}

proptest! {
    #[test]
    fn requests_are_signed_as_aws_signs_them(request in chosen()) {
        let ours = Signer::new("us-east-1", "bedrock").sign(&request.to_sign(), &request.keys(), request.secs);
        let theirs = request.received(&request.signed_by_aws(PayloadChecksumKind::NoHeader));
        prop_assert_eq!(request.received(&ours), theirs);
    }

    #[test]
    fn what_aws_signed_is_verified(request in chosen(), has_checksum: bool) {
        let checksum = match has_checksum {
            true => PayloadChecksumKind::XAmzSha256,
            false => PayloadChecksumKind::NoHeader,
        };
        let headers = request.received(&request.signed_by_aws(checksum));
        prop_assert_eq!(request.verify(&headers, request.secs), Ok(()));
    }

    #[test]
    fn no_authorization_makes_it_panic(
        authorization in "AWS4-HMAC-SHA256 (Credential=|SignedHeaders=|Signature=|[a-z;/, ]|x-amz-date|aws4_request){0,12}",
        time in "[0-9TZ]{0,17}",
    ) {
        let request = example();
        let mut headers = request.received(&[header("x-amz-date", &time)]);
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        prop_assert!(request.verify(&headers, THEN).is_err());
    }
}
