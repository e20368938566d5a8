//! An endpoint's base URL, taken apart once.

use http::Uri;
use http::header::HeaderValue;

use crate::error::{Error, Result};

/// A base URL in its parts.
pub(super) struct BaseUrl {
    pub is_tls: bool,
    pub host: String,
    pub port: u16,
    pub authority: HeaderValue,
    /// Without a slash at its end.
    pub path: String,
    pub query: Option<String>,
}

impl BaseUrl {
    /// Reads the `url` of the endpoint `name`.
    pub fn parse(name: &str, url: &str) -> Result<BaseUrl> {
        let wrong = |why: &str| {
            // The URL itself may hold a password.
            Error::usage(format!(
                "the url of endpoint '{name}' {why}; write it like https://api.openai.com/v1"
            ))
        };
        let uri: Uri = url.parse().map_err(|_| wrong("is not a URL"))?;
        let (is_tls, port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(wrong("begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("holds a user name or password; give the key by key_env instead"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong("names no host"));
        }
        Ok(BaseUrl {
            is_tls,
            host: host.to_string(),
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("is not a URL"))?,
            path: uri.path().trim_end_matches('/').to_string(),
            query: uri.query().map(str::to_string),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_taken_apart() {
        let base = BaseUrl::parse("a", "https://example.com/openai/v1/?api-version=1").unwrap();
        assert_eq!((base.is_tls, base.host.as_str(), base.port), (true, "example.com", 443));
        assert_eq!((base.path.as_str(), base.query.as_deref()), ("/openai/v1", Some("api-version=1")));
        let base = BaseUrl::parse("a", "http://[::1]:8080").unwrap();
        assert_eq!((base.is_tls, base.host.as_str(), base.port), (false, "::1", 8080));
        assert_eq!((base.path.as_str(), base.authority), ("", HeaderValue::from_static("[::1]:8080")));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said_without_showing_it() {
        for (url, why) in [
            ("example.com/v1", "is not a URL"),
            ("ftp://example.com", "begins with neither"),
            ("https://me:secret@example.com", "holds a user name or password"),
            ("http://:80/", "names no host"),
            ("", "is not a URL"),
        ] {
            let message = match BaseUrl::parse("east", url) {
                Ok(_) => panic!("{url} was taken"),
                Err(error) => error.to_string(),
            };
            assert!(message.contains(why) && message.contains("'east'"), "{url}: {message}");
            assert!(!message.contains("secret"));
        }
    }
}
