//! A request as it goes out, in whichever version of HTTP.

use bytes::Bytes;
use http::HeaderValue;
use http::uri::PathAndQuery;

use crate::providers::Headers;

pub(super) struct Outgoing<'a> {
    pub host: &'a HeaderValue,
    pub path: PathAndQuery,
    /// All but those that the version of HTTP has its own way with: host, length, what becomes of the connection.
    pub headers: &'a Headers,
    pub body: &'a [Bytes],
    /// Whether its connection is to be closed after it.
    pub is_last: bool,
}

impl Outgoing<'_> {
    /// The length of the body in bytes.
    pub fn length(&self) -> usize {
        self.body.iter().map(Bytes::len).sum()
    }
}
