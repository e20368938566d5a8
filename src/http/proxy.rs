//! The proxy that the environment names for a target, and the tunnel through it.
//!
//! As curl reads it: `https_proxy` or `HTTPS_PROXY` for https, `http_proxy` for http (in capitals it could
//! be the `Proxy` header of a CGI request), then `all_proxy` or `ALL_PROXY`; `no_proxy` or `NO_PROXY` lists what
//! is reached directly. As Go does and curl does not, `localhost` and loopback addresses are never proxied.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use http::header::HeaderValue;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::{Error, Result};
use crate::wire::{Fault, FaultKind};

/// Which proxy leads where.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Direct>,
}

impl Proxies {
    /// What the process's environment names.
    pub fn from_env() -> Result<Proxies> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// What an environment names, of which `variable` gives the values.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Proxies> {
        let value = |names: &[&'static str]| {
            let set = names.iter().filter_map(|name| variable(name).map(|value| (*name, value)));
            set.into_iter().find(|(_, value)| !value.trim().is_empty())
        };
        let proxy = |names: &[&'static str]| {
            let named = value(names).or_else(|| value(&["all_proxy", "ALL_PROXY"]));
            named.map(|(name, value)| Proxy::parse(name, value.trim())).transpose()
        };
        let list = value(&["no_proxy", "NO_PROXY"]).map(|(_, value)| value).unwrap_or_default();
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        Ok(Proxies {
            http: proxy(&["http_proxy"])?,
            https: proxy(&["https_proxy", "HTTPS_PROXY"])?,
            direct: entries.filter(|entry| !entry.is_empty()).map(Direct::parse).collect(),
        })
    }

    /// The proxy on the way to a host, given without brackets.
    pub(crate) fn to(&self, is_tls: bool, host: &str, port: u16) -> Option<&Proxy> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        let is_loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        if is_loopback || self.direct.iter().any(|direct| direct.covers(&host, address, port)) {
            return None;
        }
        if is_tls { self.https.as_ref() } else { self.http.as_ref() }
    }
}

/// An HTTP proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// The value of `proxy-authorization`, where the URL names a user.
    pub authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads the value of the variable `name`.
    fn parse(name: &str, value: &str) -> Result<Proxy> {
        // The value may hold a password.
        let wrong =
            |why: &str| Error::usage(format!("{name} {why}; write it like http://proxy.example:3128"));
        let url = if value.contains("://") { value.to_string() } else { format!("http://{value}") };
        let uri: Uri = url.parse().map_err(|_| wrong("is not a proxy's URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("names a proxy that is not spoken to in plain HTTP, which is all we can"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong("names no host"));
        }
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| user);
        Ok(Proxy {
            host: host.to_string(),
            port: authority.port_u16().unwrap_or(80),
            authorization: user.map(basic),
        })
    }

    /// Asks for a tunnel to the host.
    pub async fn tunnel(
        &self,
        stream: &mut TcpStream,
        host: &str,
        port: u16,
    ) -> std::result::Result<(), Fault> {
        let refused = |why: &str| {
            let detail =
                format!("the proxy {}:{} gave no tunnel to {host}:{port}: {why}", self.host, self.port);
            Fault::new(FaultKind::Connect, detail)
        };
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut ask = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            ask.extend_from_slice(b"Proxy-Authorization: ");
            ask.extend_from_slice(value.as_bytes());
            ask.extend_from_slice(b"\r\n");
        }
        ask.extend_from_slice(b"\r\n");
        stream.write_all(&ask).await.map_err(|cause| refused(&cause.to_string()))?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // What follows the head is the target's, so no byte more than the head is read.
            match stream.read_u8().await {
                Ok(byte) if head.len() < HEAD_MAX => head.push(byte),
                Ok(_) => return Err(refused("the head of its answer is too large")),
                Err(cause) => return Err(refused(&cause.to_string())),
            }
        }
        let line = String::from_utf8_lossy(&head);
        let line = line.lines().next().unwrap_or_default();
        let (version, status) = line.split_once(' ').unwrap_or_default();
        match (version.starts_with("HTTP/1."), status.get(..3)) {
            (true, Some(code)) if code.starts_with('2') => Ok(()),
            (true, Some("407")) => {
                Err(refused(&format!("{status}; give a user and password in the proxy's URL")))
            }
            (true, Some(_)) => Err(refused(status)),
            _ => Err(refused("its answer is not HTTP")),
        }
    }
}

/// Basic authentication of a URL's `user:password`.
fn basic(user: &str) -> HeaderValue {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut plain: Vec<u8> = percent_decode_str(name).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let text = format!("Basic {}", BASE64_STANDARD.encode(plain));
    let mut value = HeaderValue::try_from(text).expect("base64 is plain text");
    value.set_sensitive(true);
    value
}

/// What is reached without a proxy.
#[derive(Clone, Debug)]
enum Direct {
    All,
    /// The domain and all below it; on every port, or on one.
    Domain(String, Option<u16>),
    /// Addresses that agree in so many leading bits.
    Network(IpAddr, u32, Option<u16>),
}

impl Direct {
    fn parse(entry: &str) -> Direct {
        if entry == "*" {
            return Direct::All;
        }
        if let Some((address, length)) = entry.split_once('/')
            && let (Ok(address), Ok(length)) = (address.parse(), length.parse())
        {
            return Direct::Network(address, length, None);
        }
        let is_bare_v6 = entry.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
        let split = entry.rsplit_once(':').filter(|_| !is_bare_v6);
        let split = split.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = split.map_or((entry, None), |(host, port)| (host, Some(port)));
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => Direct::Network(address, width(address), port),
            Err(_) => {
                let domain = host.trim_start_matches('*').trim_matches('.');
                Direct::Domain(domain.to_ascii_lowercase(), port)
            }
        }
    }

    /// Whether it covers the host, in lower case; `address` is the host where it is one.
    fn covers(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let is_port = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match self {
            Direct::All => true,
            Direct::Domain(domain, wanted) => {
                let above = host.strip_suffix(domain.as_str());
                is_port(wanted)
                    && !domain.is_empty()
                    && above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Direct::Network(network, length, wanted) => {
                let is_same = |address: IpAddr| {
                    let differing = bits(address) ^ bits(*network);
                    let free = width(*network).saturating_sub(*length);
                    width(address) == width(*network) && differing.checked_shr(free).unwrap_or(0) == 0
                };
                is_port(wanted) && address.is_some_and(is_same)
            }
        }
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The largest head of a proxy's answer, in bytes.
const HEAD_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies> {
        Proxies::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_string())
        })
    }

    fn to(variables: &[(&str, &str)], is_tls: bool, host: &str) -> Option<String> {
        let proxies = proxies(variables).unwrap();
        proxies.to(is_tls, host, 443).map(|proxy| format!("{}:{}", proxy.host, proxy.port))
    }

    #[test]
    fn each_scheme_has_its_variable_and_the_rest_goes_by_all_proxy() {
        let both = [("https_proxy", "http://s:1"), ("http_proxy", "h:2"), ("ALL_PROXY", "http://a")];
        assert_eq!(to(&both, true, "example.com").as_deref(), Some("s:1"));
        assert_eq!(to(&both, false, "example.com").as_deref(), Some("h:2"));
        assert_eq!(to(&both[2..], false, "example.com").as_deref(), Some("a:80"));
        assert_eq!(to(&[("HTTPS_PROXY", "S:1")], true, "example.com").as_deref(), Some("S:1"));
        assert_eq!(to(&[("HTTP_PROXY", "http://cgi:1")], false, "example.com"), None);
        assert_eq!(to(&[("https_proxy", ""), ("HTTPS_PROXY", "s:1")], true, "a.b").as_deref(), Some("s:1"));
        assert_eq!(to(&[("https_proxy", "[::2]:8")], true, "a.b").as_deref(), Some("::2:8"));
    }

    #[test]
    fn what_no_proxy_lists_is_reached_directly() {
        let list = " example.com,.inner.test  *.star.test 10.1.0.0/16,192.168.7.1,fd00::/8,[fd99::1]:443,port.test:80";
        let variables = [("all_proxy", "p:1"), ("NO_PROXY", list)];
        for host in
            ["example.com", "API.Example.com.", "inner.test", "a.inner.test", "a.star.test", "10.1.255.1"]
                .into_iter()
                .chain(["192.168.7.1", "fd12::9", "localhost", "127.3.2.1", "::1"])
        {
            assert_eq!(to(&variables, true, host), None, "{host}");
        }
        for host in
            ["notexample.com", "example.com.evil.test", "10.2.0.1", "192.168.7.2", "fe80::1", "port.test"]
        {
            assert_eq!(to(&variables, true, host).as_deref(), Some("p:1"), "{host}");
        }
        assert_eq!(to(&[("all_proxy", "p:1"), ("no_proxy", "*")], false, "example.com"), None);
        let odd = [("all_proxy", "p:1"), ("no_proxy", "0.0.0.0/0,::/300,1.2.3.4/x,.,:,*.")];
        assert_eq!(to(&odd, false, "8.8.8.8"), None);
        assert_eq!(to(&odd, false, "example.com").as_deref(), Some("p:1"));
    }

    #[test]
    fn a_user_is_shown_to_the_proxy_and_to_nobody_else() {
        let proxies = proxies(&[("https_proxy", "http://me:p%40ss@proxy.test:3128")]).unwrap();
        let proxy = proxies.to(true, "example.com", 443).unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.test", 3128));
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic bWU6cEBzcw==");
        let shown = format!("{proxies:?}");
        assert!(!shown.contains("p%40ss") && !shown.contains("bWU6"), "{shown}");
    }

    #[test]
    fn a_wrong_proxy_is_an_error_that_does_not_show_it() {
        for (value, why) in [
            ("https://me:secret@proxy:1", "plain HTTP"),
            ("socks5://me:secret@proxy:1", "plain HTTP"),
            ("http://me:secret@:80", "no host"),
            ("http://me secret", "not a proxy's URL"),
        ] {
            let message = match proxies(&[("https_proxy", value)]) {
                Ok(_) => panic!("{value} was taken"),
                Err(error) => error.to_string(),
            };
            assert!(message.starts_with("https_proxy ") && message.contains(why), "{value}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
