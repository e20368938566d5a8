//! Heads of HTTP/1.1 (RFC 9112, sections 2 to 6): a request's as it is written, an answer's as it is read.

use std::io::Write as _;

use http::HeaderMap;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TRANSFER_ENCODING};

use super::Target;
use super::framing::{Chunks, Framing};
use crate::http::broken::{no_http, too_large};
use crate::http::outgoing::Outgoing;
use crate::wire::Fault;

/// What an answer's head says.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub headers: HeaderMap,
    pub framing: Framing,
    /// Whether the connection may carry another exchange.
    pub is_kept: bool,
}

impl Head {
    /// Reads the head that `bytes` begin with, and its length; `None` where its end has not come yet.
    pub fn read(bytes: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut answer = httparse::Response::new(&mut fields);
        let length = match answer.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= HEAD_MAX => length,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(too_large()),
            Err(error) => return Err(no_http(error)),
        };
        let status = answer.code.unwrap_or_default();
        let is_first_minor = answer.version == Some(1);
        let mut headers = HeaderMap::with_capacity(answer.headers.len());
        for field in answer.headers.iter() {
            match (HeaderName::from_bytes(field.name.as_bytes()), HeaderValue::from_bytes(field.value)) {
                (Ok(name), Ok(value)) => headers.append(name, value),
                _ => return Err(no_http(format_args!("its header '{}' is none", field.name))),
            };
        }
        let (framing, is_sure) = framing(status, is_first_minor, &headers)?;
        let is_kept =
            is_sure && says(&headers, if is_first_minor { "close" } else { "keep-alive" }) != is_first_minor;
        Ok(Some((Head { status, headers, framing, is_kept }, length)))
    }

    /// Whether another head follows.
    pub fn is_interim(&self) -> bool {
        (100..=199).contains(&self.status) && self.status != SWITCHING
    }
}

/// How far the body of the answer goes, and whether its end leaves the connection in good order.
fn framing(status: u16, is_first_minor: bool, headers: &HeaderMap) -> Result<(Framing, bool), Fault> {
    if let 100..=199 | 204 | 304 = status {
        return Ok((Framing::Length(0), status != SWITCHING));
    }
    if let Some(last) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
        if !is_first_minor {
            return Err(no_http("a transfer encoding in HTTP/1.0"));
        }
        let last = last.as_bytes().rsplit(|byte| *byte == b',').next().unwrap_or_default();
        // Who gives a length beside it may have been led astray.
        return Ok(match last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            true => (Framing::Chunks(Chunks::default()), !headers.contains_key(CONTENT_LENGTH)),
            false => (Framing::UntilClosed, false),
        });
    }
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for number in value.as_bytes().split(|byte| *byte == b',') {
            let number =
                digits(number.trim_ascii()).filter(|number| length.is_none_or(|known| known == *number));
            length = Some(number.ok_or_else(|| no_http("it has no one length"))?);
        }
    }
    Ok(length.map_or((Framing::UntilClosed, false), |length| (Framing::Length(length), true)))
}

/// A number of digits alone.
fn digits(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// Whether the header `connection` has this word.
fn says(headers: &HeaderMap, word: &str) -> bool {
    let mut words =
        headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.any(|one| one.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// Writes the head of a request.
pub fn write(request: &Outgoing<'_>, target: &Target, out: &mut Vec<u8>) {
    out.extend_from_slice(b"POST ");
    if let Target::Whole(_) = target {
        out.extend_from_slice(b"http://");
        out.extend_from_slice(request.host.as_bytes());
    }
    out.extend_from_slice(request.path.as_str().as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut put = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    };
    put(b"host", request.host.as_bytes());
    for (name, value) in request.headers {
        put(name.as_str().as_bytes(), value.as_bytes());
    }
    if let Target::Whole(Some(authorization)) = target {
        put(b"proxy-authorization", authorization.as_bytes());
    }
    if request.is_last {
        put(b"connection", b"close");
    }
    write!(out, "content-length: {}\r\n\r\n", request.length()).expect("a vector takes all");
}

/// "Switching Protocols", which nobody asked for: what follows is no HTTP.
const SWITCHING: u16 = 101;

/// The fields and the bytes of the largest head that is read.
const FIELDS_MAX: usize = 100;
const HEAD_MAX: usize = 64 << 10;
