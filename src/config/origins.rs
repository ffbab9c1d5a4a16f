//! Which `Host` and `Origin` values are answered.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};

use super::fault::quoted;

use crate::advice::Advice;

/// The `Host` values that requests may carry, against DNS rebinding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHosts {
    /// Whatever the client sends.
    Any,
    /// These names and addresses.
    Only(Vec<HostPattern>),
}

/// A name or address; without a port it stands for every port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    host: String,
    port: Option<u16>,
}

/// As `MCP_ALLOWED_HOSTS` has it.
impl fmt::Display for AllowedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Only(hosts) = self else {
            return f.write_str("*");
        };
        let hosts = hosts.iter().map(|HostPattern { host, port }| {
            let host = match host.contains(':') {
                true => format!("[{host}]"),
                false => host.clone(),
            };
            port.map_or(host.clone(), |port| format!("{host}:{port}"))
        });
        f.write_str(&hosts.collect::<Vec<_>>().join(","))
    }
}

impl AllowedHosts {
    /// The names of this machine for itself, and the address that the service listens on.
    pub(super) fn local(listen: SocketAddr) -> Self {
        let listen = listen.ip().to_string();
        let mut hosts = vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        if !hosts.contains(&listen) {
            hosts.push(listen);
        }
        Self::Only(
            hosts
                .into_iter()
                .map(|host| HostPattern { host, port: None })
                .collect(),
        )
    }

    /// What both answer.
    pub fn within(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, narrower) | (narrower, Self::Any) => narrower.clone(),
            (Self::Only(own), Self::Only(others)) => Self::Only(common(own, others)),
        }
    }

    /// Whether a request with this `Host` header is answered.
    ///
    /// Letter case and the dot of a fully qualified name make no difference. A pattern for port 80
    /// or 443 takes a header without a port too, for browsers leave these out.
    pub(crate) fn allows(&self, header: &str) -> bool {
        let Self::Only(patterns) = self else {
            return true;
        };
        let Some((host, port)) = split_host(header) else {
            return false;
        };
        let host = host.strip_suffix('.').unwrap_or(&host);
        patterns.iter().any(|pattern| {
            let port_fits = match pattern.port {
                None => true,
                Some(expected) => match port {
                    Some(port) => port == expected,
                    None => matches!(expected, 80 | 443),
                },
            };
            port_fits && pattern.host == host
        })
    }
}

/// Reads one entry of `MCP_ALLOWED_HOSTS` that is not `*`.
pub(super) fn parse_host(text: &str) -> Result<HostPattern, Advice> {
    // A bare IPv6 address has no brackets, since it has no port.
    let address = text
        .parse::<Ipv6Addr>()
        .map(|address| (address.to_string(), None));
    match address.ok().or_else(|| split_host(text)) {
        Some((host, port)) => {
            let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
            Ok(HostPattern { host, port })
        }
        None => Err(Advice::new(
            format!(
                "expected a host name, with a port or without, not {}",
                quoted(text)
            ),
            "for example db.example.com, db.example.com:8000 or [::1]:8000, without https://",
        )),
    }
}

/// The browser origins that are let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every origin but `null`.
    Any,
    /// These, compared whole.
    Only(Vec<Origin>),
}

/// An origin in its normal form: lower case, and no port where it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// The entries of one list that another has too.
fn common<T: Clone + PartialEq>(own: &[T], others: &[T]) -> Vec<T> {
    let both = own.iter().filter(|entry| others.contains(entry));
    both.cloned().collect()
}

impl AllowedOrigins {
    /// What both let in.
    pub fn within(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, narrower) | (narrower, Self::Any) => narrower.clone(),
            (Self::Only(own), Self::Only(others)) => Self::Only(common(own, others)),
        }
    }

    /// Whether a request with this `Origin` header is let in; `null` never is, since any page can
    /// have itself called so.
    pub(crate) fn allows(&self, header: &str) -> bool {
        let Some(origin) = split_origin(header) else {
            return false;
        };
        match self {
            Self::Any => true,
            Self::Only(origins) => origins.contains(&origin),
        }
    }
}

/// Reads one entry of `MCP_ALLOWED_ORIGINS` that is not `*`.
pub(super) fn parse_origin(text: &str) -> Result<Origin, Advice> {
    split_origin(text.strip_suffix('/').unwrap_or(text)).ok_or_else(|| {
        let help = if text.eq_ignore_ascii_case("null") {
            "any page can send the origin null, so it is never let in; leave it out"
        } else {
            "for example https://app.example.com or http://localhost:3000, without a path"
        };
        Advice::new(
            format!(
                "expected scheme://host or scheme://host:port, not {}",
                quoted(text)
            ),
            help,
        )
    })
}

fn split_origin(text: &str) -> Option<Origin> {
    let (scheme, place) = text.split_once("://")?;
    let well_formed = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let scheme = scheme.to_ascii_lowercase();
    let (host, port) = split_host(place).filter(|_| well_formed)?;
    let own_port = match scheme.as_str() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    };
    let port = port.filter(|port| Some(*port) != own_port);
    Some(Origin { scheme, host, port })
}

/// Splits `name`, `name:port`, `[IPv6]` or `[IPv6]:port`; the name comes in lower case, an IPv6
/// address in its shortest form without brackets.
fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            (address.parse::<Ipv6Addr>().ok()?.to_string(), port)
        }
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
                || !name.bytes().all(plain)
            {
                return None;
            }
            (name.to_ascii_lowercase(), port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
        }
        _ => return None,
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(list: &[&str]) -> AllowedHosts {
        AllowedHosts::Only(list.iter().map(|host| parse_host(host).unwrap()).collect())
    }

    fn origins(list: &[&str]) -> AllowedOrigins {
        AllowedOrigins::Only(
            list.iter()
                .map(|origin| parse_origin(origin).unwrap())
                .collect(),
        )
    }

    #[test]
    fn by_default_only_this_machine_and_the_listen_address() {
        let hosts = AllowedHosts::local("192.168.1.5:8000".parse().unwrap());
        for host in [
            "localhost",
            "localhost:8000",
            "LocalHost:9000",
            "localhost.",
            "localhost.:80",
            "127.0.0.1",
            "127.0.0.1:8000",
            "[::1]",
            "[::1]:8000",
            "[0:0:0:0:0:0:0:1]:8000",
            "192.168.1.5:8000",
            "192.168.1.5",
            "localhost:",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "localhost@evil",
            "evil@localhost",
            "127.0.0.2",
            "127.0.0.1.evil.example",
            "::1",
            "[::1",
            "[::2]",
            "localhost:port",
            "localhost:99999",
            "localhost:80:80",
            " localhost",
            "localhost ",
            "localhost..",
            "localhost/",
            "localhost,evil",
            "http://localhost",
            "*",
            ".",
            ":8000",
            "[localhost]",
            "localhost\u{0}",
            "l\u{f6}calhost",
            "localhost:+80",
        ] {
            assert!(!hosts.allows(host), "{host:?}");
        }
    }

    #[test]
    fn a_pattern_with_a_port_takes_that_port_alone() {
        let hosts = hosts(&[
            "App.Example.com:8443",
            "plain.example.com",
            "web.example.com:443",
            "::1",
        ]);
        for host in [
            "app.example.com:8443",
            "plain.example.com:1",
            "plain.example.com",
            "web.example.com",
            "web.example.com:443",
            "[::1]:5",
        ] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in [
            "app.example.com",
            "app.example.com:443",
            "web.example.com:80",
            "example.com",
        ] {
            assert!(!hosts.allows(host), "{host}");
        }
        assert!(AllowedHosts::Any.allows("anything at all"));
    }

    #[test]
    fn refuses_patterns_without_a_meaning() {
        for text in [
            "https://a.example",
            "a.example/x",
            "*.example.com",
            "a b",
            "a:b",
            "[::1",
            "ä.example",
            ":80",
        ] {
            assert!(parse_host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_compared_whole() {
        let origins = origins(&[
            "https://App.Example.com",
            "http://localhost:3000",
            "http://a.example:80/",
            "vscode-webview://1abc",
            "http://[::1]:3000",
        ]);
        for origin in [
            "https://app.example.com",
            "HTTPS://APP.EXAMPLE.COM:443",
            "http://localhost:3000",
            "http://a.example",
            "http://a.example:80",
            "vscode-webview://1abc",
            "http://[::1]:3000",
        ] {
            assert!(origins.allows(origin), "{origin}");
        }
        for origin in [
            "",
            "null",
            "NULL",
            "*",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.example",
            "https://evil.example",
            "http://localhost",
            "http://localhost:3001",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://u@app.example.com",
            "https://app.example.com https://evil.example",
            "app.example.com",
            "://app.example.com",
            "https://",
            "https://app.example.com.",
        ] {
            assert!(!origins.allows(origin), "{origin}");
        }
    }

    #[test]
    fn any_origin_is_still_an_origin() {
        assert!(AllowedOrigins::Any.allows("https://evil.example"));
        assert!(!AllowedOrigins::Any.allows("null"));
        assert!(!AllowedOrigins::Only(Vec::new()).allows("http://localhost:8000"));
    }

    #[test]
    fn refuses_origins_without_a_meaning() {
        for text in [
            "null",
            "app.example.com",
            "https://a/b",
            "https://*.example.com",
            "file://",
            "1s://a",
        ] {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }
}
