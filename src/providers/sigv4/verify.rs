//! The service's side: whether a request was signed by whom it says.

use std::fmt;

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue};
use jiff::civil::DateTime;
use jiff::tz::Offset;
use sha2::{Digest, Sha256};

use super::{
    ALGORITHM, Canonical, DATE, SCOPE_END, SECURITY_TOKEN, Scope, TIME_FORMAT, day_key, signature, timestamp,
};
use crate::credential::AwsKeys;

/// A request that should be signed.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    pub method: &'a str,
    /// As on the wire, percent-encoded, without the query.
    pub path: &'a str,
    /// As on the wire; empty where there is none.
    pub query: &'a str,
    /// `host` among them, also where HTTP/2 calls it `:authority`.
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// Whether the request is signed with these keys for this region, for one of the services, and not over five minutes
/// ago or ahead.
pub fn verify(
    request: &Received<'_>,
    keys: &AwsKeys,
    region: &str,
    services: &[&str],
    unix_secs: u64,
) -> Result<(), SignatureError> {
    let shown = Authorization::read(request.headers.get(AUTHORIZATION))?;
    let headers = signed_headers(request.headers, &shown)?;
    let token = request.headers.get(SECURITY_TOKEN).map(HeaderValue::as_bytes);
    let known_token = keys.session_token.as_ref().map(|token| token.expose().as_bytes());
    if shown.access_key_id != keys.access_key_id || token != known_token {
        return Err(SignatureError::UnknownKey);
    }
    let time = request.headers.get(DATE).and_then(|time| time.to_str().ok()).ok_or(SignatureError::NoDate)?;
    check_time(time, unix_secs)?;
    let Scope { day, region: signed_region, service } = shown.scope;
    if !time.starts_with(day) {
        return Err(SignatureError::Day { signed: day.into(), time: time.into() });
    }
    if signed_region != region {
        return Err(SignatureError::Region { signed: signed_region.into() });
    }
    if !services.contains(&service) {
        return Err(SignatureError::Service { expected: services.join(" or ") });
    }
    let canonical = Canonical {
        method: request.method,
        path: request.path,
        query: request.query,
        headers: &headers,
        body: Sha256::digest(request.body).into(),
    };
    let key = day_key(&keys.secret_access_key, &shown.scope);
    match signature(&key, time, &shown.scope, &canonical.hash()) == shown.signature {
        true => Ok(()),
        false => Err(SignatureError::Signature),
    }
}

/// Why a request is not let in. The messages are worded as AWS does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignatureError {
    /// The scope's day is not that of the request's time.
    Day { signed: String, time: String },
    /// Signed too long ago: at this time, which is before that time, five minutes before now.
    Expired { signed: String, earliest: String, now: String },
    /// Signed ahead of time.
    Future { signed: String, latest: String, now: String },
    /// The `authorization` header lacks this part.
    Incomplete(&'static str),
    /// The request is not signed at all.
    NoAuthorization,
    /// There is no time of signing, or none that can be read.
    NoDate,
    /// Signed for another region.
    Region { signed: String },
    /// Signed for another service than this.
    Service { expected: String },
    /// The signature is not what these keys give for this request.
    Signature,
    /// The access key id or the session token is none that is known.
    UnknownKey,
    /// This header must be signed and is not, or is signed and not there.
    Unsigned(String),
}

impl SignatureError {
    /// AWS's name of the exception.
    pub fn code(&self) -> &'static str {
        match self {
            SignatureError::Incomplete(_) | SignatureError::NoDate => "IncompleteSignatureException",
            SignatureError::NoAuthorization => "MissingAuthenticationTokenException",
            SignatureError::UnknownKey => "UnrecognizedClientException",
            _ => "InvalidSignatureException",
        }
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignatureError::Day { signed, time } => write!(
                f,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{signed}' != '{}', from '{time}'.",
                time.get(..8).unwrap_or(time)
            ),
            SignatureError::Expired { signed, earliest, now } => {
                write!(f, "Signature expired: {signed} is now earlier than {earliest} ({now} - 5 min.)")
            }
            SignatureError::Future { signed, latest, now } => {
                write!(f, "Signature not yet current: {signed} is still later than {latest} ({now} + 5 min.)")
            }
            SignatureError::Incomplete(part) => write!(f, "Authorization header requires '{part}' parameter."),
            SignatureError::NoAuthorization => f.write_str("Missing Authentication Token"),
            SignatureError::NoDate => f.write_str(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            ),
            SignatureError::Region { signed } => {
                write!(f, "Credential should be scoped to a valid region, not '{signed}'. ")
            }
            SignatureError::Service { expected } => {
                write!(f, "Credential should be scoped to correct service: '{expected}'. ")
            }
            SignatureError::Signature => f.write_str(
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method. Consult the service documentation for details.",
            ),
            SignatureError::UnknownKey => f.write_str("The security token included in the request is invalid."),
            SignatureError::Unsigned(name) => {
                write!(f, "'{name}' must be a 'SignedHeader' in the AWS Authorization.")
            }
        }
    }
}

impl std::error::Error for SignatureError {}

/// What the `authorization` header says.
struct Authorization<'a> {
    access_key_id: &'a str,
    scope: Scope<'a>,
    /// The signed headers' names, in order.
    names: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn read(header: Option<&'a HeaderValue>) -> Result<Authorization<'a>, SignatureError> {
        let text =
            header.and_then(|header| header.to_str().ok()).and_then(|text| text.strip_prefix(ALGORITHM));
        let text = text.ok_or(SignatureError::NoAuthorization)?;
        let part = |name: &'static str| {
            let mut parts = text.split([',', ' ']).filter_map(|part| part.split_once('='));
            let found = parts.find(|(known, _)| *known == name);
            found.map(|(_, value)| value).ok_or(SignatureError::Incomplete(name))
        };
        let credential: Vec<_> = part("Credential")?.rsplitn(5, '/').collect();
        let [SCOPE_END, service, region, day, access_key_id] = credential[..] else {
            return Err(SignatureError::Incomplete("Credential"));
        };
        let mut names: Vec<_> = part("SignedHeaders")?.split(';').collect();
        names.sort_unstable();
        let scope = Scope { day, region, service };
        Ok(Authorization { access_key_id, scope, names, signature: part("Signature")? })
    }
}

/// The headers that are signed, all that must be among them.
fn signed_headers<'a>(
    headers: &'a HeaderMap,
    shown: &Authorization<'a>,
) -> Result<Vec<(&'a str, &'a [u8])>, SignatureError> {
    let must_be_signed = |name: &str| name == HOST.as_str() || name.starts_with("x-amz-");
    if let Some(name) =
        headers.keys().find(|name| must_be_signed(name.as_str()) && !shown.names.contains(&name.as_str()))
    {
        return Err(SignatureError::Unsigned(name.to_string()));
    }
    if !shown.names.contains(&HOST.as_str()) {
        return Err(SignatureError::Unsigned(HOST.to_string()));
    }
    let mut signed = Vec::with_capacity(shown.names.len());
    for name in &shown.names {
        if !headers.contains_key(*name) {
            return Err(SignatureError::Unsigned((*name).into()));
        }
        signed.extend(headers.get_all(*name).iter().map(|value| (*name, value.as_bytes())));
    }
    Ok(signed)
}

fn check_time(time: &str, unix_secs: u64) -> Result<(), SignatureError> {
    let parsed = DateTime::strptime(TIME_FORMAT, time).ok();
    let signed = parsed.and_then(|time| Offset::UTC.to_timestamp(time).ok()).ok_or(SignatureError::NoDate)?;
    let signed = u64::try_from(signed.as_second()).unwrap_or_default();
    let (earliest, latest) =
        (unix_secs.saturating_sub(SKEW_SECS_MAX), unix_secs.saturating_add(SKEW_SECS_MAX));
    let now = timestamp(unix_secs);
    match signed {
        _ if signed < earliest => {
            Err(SignatureError::Expired { signed: time.into(), earliest: timestamp(earliest), now })
        }
        _ if signed > latest => {
            Err(SignatureError::Future { signed: time.into(), latest: timestamp(latest), now })
        }
        _ => Ok(()),
    }
}

/// How far the signer's clock may be from ours, in seconds.
const SKEW_SECS_MAX: u64 = 300;
