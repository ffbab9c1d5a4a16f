//! Where a service is: one address from `--url` or `MCP_LISTEN`, and its routes.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use hyper::Uri;

use super::trust::Trust;
use crate::cli::failure::Failure;

/// The path of the WebSocket endpoint below a service's base.
const SOCKET: &str = "/mcp/ws";

/// The address of a service, from which each of its routes is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) trust: Trust,
    base: String,
    socket: String,
    query: String,
}

impl Service {
    /// Reads a `--url`: `http`, `https`, `ws` or `wss`, or only a host and a port.
    ///
    /// A path that ends in `/ws` is the WebSocket endpoint itself; any other is the base that the
    /// routes are below, whichever of them was pasted.
    pub(crate) fn from_url(url: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::unable(format!("--url: {why}"))
                .help("for example: --url ws://127.0.0.1:8000/mcp/ws")
        };
        let url = url.trim();
        let full = if url.contains("://") {
            url.to_owned()
        } else {
            format!("ws://{url}")
        };
        let uri: Uri = full.parse().map_err(|_| wrong("this is not an address"))?;
        let secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(wrong("expected ws, wss, http or https")),
        };
        let authority = uri
            .authority()
            .ok_or_else(|| wrong("there is no host in it"))?;
        if authority.as_str().contains('@') {
            return Err(wrong(
                "a name and password in it are not used; give the token with --token",
            ));
        }
        if authority.host().is_empty() {
            return Err(wrong("there is no host in it"));
        }
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == authority.host() => {
                if secure {
                    443
                } else {
                    80
                }
            }
            None => return Err(wrong("its port is not one")),
        };
        let path = uri.path().trim_end_matches('/');
        let (base, socket) = match path.strip_suffix(SOCKET) {
            Some(base) => (base, path.to_owned()),
            None if path.ends_with("/ws") => (path.trim_end_matches("/ws"), path.to_owned()),
            None => {
                let base = ["/mcp", "/health"]
                    .iter()
                    .find_map(|route| path.strip_suffix(route))
                    .unwrap_or(path);
                (base, format!("{base}{SOCKET}"))
            }
        };
        Ok(Self {
            secure,
            host: authority.host().to_owned(),
            port,
            trust: Trust::System,
            base: base.to_owned(),
            socket,
            query: uri
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default(),
        })
    }

    /// The service that listens at this address, with TLS where it has a certificate; one that
    /// listens everywhere is asked at loopback.
    pub(crate) fn listening(at: SocketAddr, certificate: Option<PathBuf>) -> Self {
        let ip = match at.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Self {
            secure: certificate.is_some(),
            host: match ip {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            },
            port: at.port(),
            trust: certificate.map_or(Trust::System, Trust::Own),
            base: String::new(),
            socket: SOCKET.to_owned(),
            query: String::new(),
        }
    }

    /// The same service, proved by the authorities of a file where one is given.
    #[must_use]
    pub(crate) fn proved_by(mut self, authorities: Option<&Path>) -> Self {
        if let Some(file) = authorities {
            self.trust = Trust::Authorities(file.to_owned());
        }
        self
    }

    /// The URL of the WebSocket endpoint, for a client's configuration.
    pub(crate) fn socket_url(&self) -> String {
        format!(
            "{}://{}{}",
            if self.secure { "wss" } else { "ws" },
            self.authority(),
            self.socket
        )
    }

    /// The URL of the Streamable HTTP endpoint, for a client's configuration.
    pub(crate) fn http_url(&self) -> String {
        format!(
            "{}://{}{}/mcp",
            if self.secure { "https" } else { "http" },
            self.authority(),
            self.base
        )
    }

    /// What to ask for to open the socket, the URL's own query included.
    pub(crate) fn socket_path(&self) -> String {
        format!("{}{}", self.socket, self.query)
    }

    /// What to ask for to see whether the service is alive.
    pub(crate) fn health_path(&self) -> String {
        format!("{}/health", self.base)
    }

    /// The host without the brackets of an IPv6 address.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Host and port as a URL and a `Host` header write them.
    pub(crate) fn authority(&self) -> String {
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// Whether the service is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.host == "localhost"
            || self
                .bare_host()
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

/// Host and port, never a query string: it may hold a token.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_the_socket() {
        for (url, expected) in [
            ("ws://127.0.0.1:8000/mcp/ws", "ws://127.0.0.1:8000/mcp/ws"),
            ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/mcp/ws"),
            ("http://127.0.0.1:8000/", "ws://127.0.0.1:8000/mcp/ws"),
            ("http://127.0.0.1:8000/mcp", "ws://127.0.0.1:8000/mcp/ws"),
            ("http://127.0.0.1:8000/health", "ws://127.0.0.1:8000/mcp/ws"),
            ("https://data.example", "wss://data.example/mcp/ws"),
            (
                "https://data.example/lucarne",
                "wss://data.example/lucarne/mcp/ws",
            ),
            (
                "wss://data.example/custom/ws",
                "wss://data.example/custom/ws",
            ),
            ("localhost:9000", "ws://localhost:9000/mcp/ws"),
            ("ws://[::1]:9000", "ws://[::1]:9000/mcp/ws"),
        ] {
            assert_eq!(
                Service::from_url(url).map(|service| service.socket_url()),
                Ok(expected.to_owned()),
                "{url}"
            );
        }
    }

    #[test]
    fn every_route_comes_from_the_base() {
        let service =
            Service::from_url("https://data.example/lucarne/mcp/ws?token=secret").unwrap();
        assert_eq!(service.http_url(), "https://data.example/lucarne/mcp");
        assert_eq!(service.health_path(), "/lucarne/health");
        assert_eq!(service.socket_path(), "/lucarne/mcp/ws?token=secret");
        assert_eq!(service.to_string(), "data.example:443");
        assert!(!service.socket_url().contains("secret"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "ftp://host",
            "ws://",
            "ws://host:port",
            "ws://host:99999",
            "ws://me:pw@host",
            "a b",
        ] {
            assert!(Service::from_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_open_listener_is_asked_at_loopback() {
        for (listen, expected) in [
            ("127.0.0.1:8000", "ws://127.0.0.1:8000/mcp/ws"),
            ("0.0.0.0:80", "ws://127.0.0.1/mcp/ws"),
            ("[::]:8000", "ws://[::1]:8000/mcp/ws"),
        ] {
            let service = Service::listening(listen.parse().unwrap(), None);
            assert_eq!(service.socket_url(), expected, "{listen}");
            assert!(service.is_local());
            let secured = Service::listening(listen.parse().unwrap(), Some("cert.pem".into()));
            assert!(secured.socket_url().starts_with("wss://"), "{listen}");
        }
    }
}
