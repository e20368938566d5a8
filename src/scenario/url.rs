//! Where an endpoint is: the embedded mock, this machine, or elsewhere.

use std::net::IpAddr;

use http::Uri;

/// What a `url` of a scenario points at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Url {
    /// A server on this machine.
    Local,
    /// The embedded stand-in.
    Mock,
    /// A server elsewhere: it may cost money.
    Remote,
}

/// What `text` points at, or what is wrong with it, for a person to read.
pub fn parse(text: &str) -> Result<Url, String> {
    if text == "mock" {
        return Ok(Url::Mock);
    }
    if text.eq_ignore_ascii_case("mock") {
        return Err("did you mean \"mock\"?".into());
    }
    if !text.contains("://") {
        return Err("it does not begin with https:// or http://".into());
    }
    let uri: Uri = text.parse().map_err(|cause| format!("{cause}"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        other => {
            let scheme = other.unwrap_or_default();
            return Err(format!("{scheme}:// is not spoken, only http:// and https://"));
        }
    }
    let Some(authority) = uri.authority() else { return Err("it names no host".into()) };
    if authority.as_str().contains('@') {
        return Err("a user or password does not belong in it; name the key's variable in `key_env`".into());
    }
    if uri.query().is_some() || text.contains('#') {
        return Err("it ends with the path: no `?` and no `#`".into());
    }
    let host = authority.host();
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_local =
        host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
    match host {
        "" => Err("it names no host".into()),
        _ if is_local => Ok(Url::Local),
        _ => Ok(Url::Remote),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_this_machine_is_remote() {
        for (text, url) in [
            ("mock", Url::Mock),
            ("http://127.0.0.1:8080/a/v1", Url::Local),
            ("http://[::1]:80", Url::Local),
            ("http://LOCALHOST/v1", Url::Local),
            ("https://localhost.example.com", Url::Remote),
            ("https://api.openai.com/v1", Url::Remote),
            ("http://10.0.0.1", Url::Remote),
        ] {
            assert_eq!(parse(text), Ok(url), "{text}");
        }
        for bad in [
            "",
            "Mock",
            "api.openai.com/v1",
            "ftp://a",
            "http://",
            "http://u:p@h",
            "https://h/?a=1",
            "https://h/#x",
            "http://:80",
            "/v1",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
