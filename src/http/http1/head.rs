//! Heads of HTTP/1.1 (RFC 9112, sections 2 to 6): a request's as it is written, an answer's as it is read.

use std::io::Write as _;
use std::mem::MaybeUninit;

use httparse::{ParserConfig, Status};

use super::Target;
use super::framing::{Chunks, Framing};
use crate::dialects::head::Head;
use crate::http::broken::{no_http, too_large};
use crate::http::outgoing::Outgoing;
use crate::wire::Fault;

/// What an answer's head says.
#[derive(Debug)]
pub struct AnswerHead<'a> {
    pub status: u16,
    pub fields: Fields<'a>,
    pub framing: Framing,
    /// Whether the connection may carry another exchange.
    pub is_kept: bool,
    /// In bytes.
    pub length: usize,
}

/// The headers, where they lie.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [httparse::Header<'a>]);

/// Room for them.
pub type Room<'a> = [MaybeUninit<httparse::Header<'a>>; FIELDS_MAX];

/// The same, empty.
pub fn room<'a>() -> Room<'a> {
    [const { MaybeUninit::uninit() }; FIELDS_MAX]
}

impl<'a> AnswerHead<'a> {
    /// Reads the head that `bytes` begin with; `None` where its end has not come yet.
    pub fn read(bytes: &'a [u8], room: &'a mut Room<'a>) -> Result<Option<AnswerHead<'a>>, Fault> {
        let mut answer = httparse::Response::new(&mut []);
        let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut answer, bytes, room);
        let length = match parsed {
            Ok(Status::Complete(length)) if length <= LENGTH_MAX => length,
            Ok(Status::Partial) if bytes.len() < LENGTH_MAX => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(too_large()),
            Err(error) => return Err(no_http(error)),
        };
        let (status, fields) = (answer.code.unwrap_or_default(), Fields(answer.headers));
        if status < 100 {
            return Err(no_http(format_args!("its status is {status}")));
        }
        let is_first_minor = answer.version == Some(1);
        let (framing, is_sure) = fields.framing(status, is_first_minor)?;
        let says = |word: &[u8]| fields.words("connection").any(|said| said.eq_ignore_ascii_case(word));
        let is_kept = is_sure && !says(b"close") && (is_first_minor || says(b"keep-alive"));
        Ok(Some(AnswerHead { status, fields, framing, is_kept, length }))
    }

    /// Whether another head follows.
    pub fn is_interim(&self) -> bool {
        (100..=199).contains(&self.status) && self.status != SWITCHING
    }
}

impl<'a> Fields<'a> {
    /// The parts, between commas, of all headers of this name.
    fn words(self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }

    /// How far the body of the answer goes, and whether its end leaves the connection in good order.
    fn framing(self, status: u16, is_first_minor: bool) -> Result<(Framing, bool), Fault> {
        if let 100..=199 | 204 | 304 = status {
            return Ok((Framing::Length(0), status != SWITCHING));
        }
        if let Some(coding) = self.words("transfer-encoding").last() {
            if !is_first_minor {
                return Err(no_http("a transfer encoding in HTTP/1.0"));
            }
            // Who gives a length beside it may have been led astray.
            let has_length = self.words("content-length").next().is_some();
            return Ok(match coding.eq_ignore_ascii_case(b"chunked") {
                true => (Framing::Chunks(Chunks::default()), !has_length),
                false => (Framing::UntilClosed, false),
            });
        }
        let mut length = None;
        for word in self.words("content-length") {
            let number = digits(word).filter(|number| length.is_none_or(|known| known == *number));
            length = Some(number.ok_or_else(|| no_http("it has no one length"))?);
        }
        Ok(length.map_or((Framing::UntilClosed, false), |length| (Framing::Length(length), true)))
    }
}

impl Head for Fields<'_> {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    fn has_beginning(&self, start: &str) -> bool {
        let begins =
            |name: &str| name.get(..start.len()).is_some_and(|name| name.eq_ignore_ascii_case(start));
        self.0.iter().any(|field| begins(field.name))
    }
}

/// A number of digits alone.
fn digits(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
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
pub const LENGTH_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::FaultKind;

    /// The framing and whether the connection may be kept after an answer with these lines as its head.
    fn read(lines: &str) -> Result<(Framing, bool), FaultKind> {
        let text = format!("{}\r\n\r\n", lines.replace('\n', "\r\n"));
        for end in 0..text.len() {
            let cut = AnswerHead::read(&text.as_bytes()[..end], &mut room()).map(|head| head.is_some());
            assert!(!matches!(cut, Ok(true)), "{lines:?} is whole without its end");
        }
        let more = format!("{text}HTTP/1.1 500 Next\r\n\r\n");
        let mut room = room();
        let head = AnswerHead::read(more.as_bytes(), &mut room).map_err(|fault| fault.kind)?;
        let head = head.expect("its end is there");
        assert_eq!(head.length, text.len());
        Ok((head.framing, head.is_kept))
    }

    #[test]
    fn the_head_says_where_the_body_ends_and_whether_the_connection_is_kept() {
        let (chunks, closed) = (Framing::Chunks(Chunks::default()), Framing::UntilClosed);
        for (lines, framing, is_kept) in [
            ("HTTP/1.1 200 OK\nContent-Length: 5", Framing::Length(5), true),
            ("HTTP/1.1 200 OK\ncontent-length: 5, 5\ncontent-length:5", Framing::Length(5), true),
            ("HTTP/1.1 200 OK\ncontent-length: 5\nConnection: te, Close", Framing::Length(5), false),
            ("HTTP/1.0 200 OK\ncontent-length: 5", Framing::Length(5), false),
            ("HTTP/1.0 200 OK\ncontent-length: 5\nconnection: keep-alive", Framing::Length(5), true),
            ("HTTP/1.0 200 OK\ncontent-length: 5\nconnection: keep-alive, close", Framing::Length(5), false),
            ("HTTP/1.1 200\nTransfer-Encoding: Chunked", chunks, true),
            ("HTTP/1.1 200 OK\ntransfer-encoding: gzip\ntransfer-encoding: chunked", chunks, true),
            ("HTTP/1.1 200 OK\ntransfer-encoding: chunked\ncontent-length: 5", chunks, false),
            ("HTTP/1.1 200 OK\ntransfer-encoding: chunked\ncontent-length: ?", chunks, false),
            ("HTTP/1.1 200 OK\ntransfer-encoding: chunked, gzip", closed, false),
            ("HTTP/1.1 200 OK", closed, false),
            ("HTTP/1.1 204 None\ncontent-length: 5", Framing::Length(0), true),
            ("HTTP/1.1 304 Same\ntransfer-encoding: chunked", Framing::Length(0), true),
            ("HTTP/1.1 101 Switched\nconnection: upgrade", Framing::Length(0), false),
        ] {
            assert_eq!(read(lines), Ok((framing, is_kept)), "{lines:?}");
        }
    }

    #[test]
    fn what_has_no_one_meaning_is_no_answer() {
        for lines in [
            "HTTP/1.1 200 OK\ncontent-length: 5\ncontent-length: 6",
            "HTTP/1.1 200 OK\ncontent-length: 5, 6",
            "HTTP/1.1 200 OK\ncontent-length: +5",
            "HTTP/1.1 200 OK\ncontent-length: ",
            "HTTP/1.1 200 OK\ncontent-length: 18446744073709551616",
            "HTTP/1.0 200 OK\ntransfer-encoding: chunked",
            "HTTP/2 200 OK",
            "HTTP/1.1 99999 OK",
            "HTTP/1.1 099 OK",
            "HTTP/1.1 200 OK\nbad header: x",
            "HTTP/1.1 200 OK\nname: x\0",
            "ICY 200 OK",
        ] {
            assert_eq!(read(lines), Err(FaultKind::Garbled), "{lines:?}");
        }
        assert_eq!(
            read(&format!("HTTP/1.1 200 OK\n{}end: x", "a: b\n".repeat(100))),
            Err(FaultKind::TooLarge)
        );
        let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(LENGTH_MAX));
        let fault = AnswerHead::read(endless.as_bytes(), &mut room()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooLarge);
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let bytes = b"HTTP/1.1 100 Continue\r\nX-MS-Spilled-Over: yes\r\nempty:\r\nEMPTY: no\r\n\r\n";
        let mut room = room();
        let head = AnswerHead::read(bytes, &mut room).unwrap().unwrap();
        assert!(head.is_interim());
        assert_eq!(head.fields.header("x-ms-spilled-over"), Some(&b"yes"[..]));
        assert_eq!(head.fields.header("empty"), Some(&b""[..]));
        assert_eq!(head.fields.header("x-ms"), None);
        assert!(head.fields.has_beginning("x-ms-spill") && !head.fields.has_beginning("ms"));
    }

    #[test]
    fn a_request_is_spelt_for_its_server_or_for_a_proxy() {
        use http::{HeaderName, HeaderValue, uri::PathAndQuery};
        let host = HeaderValue::from_static("host:81");
        let headers = vec![(HeaderName::from_static("accept"), HeaderValue::from_static("*/*"))];
        let body = ["{\"a\":".into(), "1}".into()];
        let path = PathAndQuery::from_static("/v1?x=y");
        let mut request = Outgoing { host: &host, path, headers: &headers, body: &body, is_last: false };
        let spell = |request: &Outgoing<'_>, target: Target| {
            let mut out = Vec::new();
            write(request, &target, &mut out);
            String::from_utf8(out).unwrap()
        };
        let expected = "POST /v1?x=y HTTP/1.1\r\nhost: host:81\r\naccept: */*\r\ncontent-length: 7\r\n\r\n";
        assert_eq!(spell(&request, Target::Path), expected);
        request.is_last = true;
        let shown = HeaderValue::from_static("Basic eA==");
        assert_eq!(
            spell(&request, Target::Whole(Some(shown))),
            "POST http://host:81/v1?x=y HTTP/1.1\r\nhost: host:81\r\naccept: */*\r\n\
             proxy-authorization: Basic eA==\r\nconnection: close\r\ncontent-length: 7\r\n\r\n"
        );
    }
}
