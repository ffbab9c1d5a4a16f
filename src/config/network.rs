//! Whom the service answers: TLS, hosts, browsers and proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use super::address;
use super::change::Widens;
use super::check::Check;
use super::fault::{Faults, quoted};
use super::origins::{self, AllowedHosts, AllowedOrigins};
use super::reader::Reader;
use super::variables::{Group, unset, variable};

use crate::advice::Advice;

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "TLS, browsers and proxies",
    variables: &[
        unset(
            "MCP_TLS_CERT",
            "a PEM file with the certificate and its chain: MCP_LISTEN then speaks TLS alone",
        )
        .follows(Widens::Any),
        unset(
            "MCP_TLS_KEY",
            "a PEM file with the certificate's private key",
        )
        .follows(Widens::Any),
        unset(
            "MCP_ALLOWED_HOSTS",
            "Host values answered; unset: loopback names and the listen address; * for any",
        )
        .follows(Widens::Any),
        unset(
            "MCP_ALLOWED_ORIGINS",
            "browser origins let in, such as https://app.example.com",
        )
        .follows(Widens::Added),
        variable(
            "MCP_ALLOW_QUERY_TOKEN",
            "true",
            "whether /mcp/ws takes ?token=",
        )
        .follows(Widens::Any),
        unset(
            "MCP_TRUSTED_PROXIES",
            "networks whose X-Forwarded-For is believed, such as 10.0.0.0/8",
        )
        .follows(Widens::Added),
    ],
};

/// Whom the service answers.
#[derive(Debug)]
pub struct Network {
    /// What the service proves itself with, where it speaks TLS.
    pub tls: Option<TlsFiles>,
    /// `Host` values answered.
    pub(crate) allowed_hosts: AllowedHosts,
    /// Browser origins let in.
    pub(crate) allowed_origins: AllowedOrigins,
    /// Whether the WebSocket route takes `?token=`.
    pub(crate) allow_query_token: bool,
    /// Networks whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and its chain, as PEM.
    pub(crate) cert: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_tls_cert: Option<String>,
    mcp_tls_key: Option<String>,
    mcp_allowed_hosts: Option<String>,
    mcp_allowed_origins: Option<String>,
    mcp_allow_query_token: String,
    mcp_trusted_proxies: Option<String>,
}

pub(super) fn read(reader: &mut Reader, listen: SocketAddr) -> Result<Network, Faults> {
    let typed: Texts = reader.typed()?;
    let check = &mut reader.check;
    let query_token = &typed.mcp_allow_query_token;
    Ok(Network {
        tls: tls(check, typed.mcp_tls_cert, typed.mcp_tls_key),
        allowed_hosts: hosts(check, typed.mcp_allowed_hosts, listen),
        allowed_origins: origins(check, typed.mcp_allowed_origins),
        allow_query_token: check.boolean("MCP_ALLOW_QUERY_TOKEN", query_token, false),
        trusted_proxies: proxies(check, typed.mcp_trusted_proxies),
    })
}

pub(super) fn listen(check: &mut Check, text: &str) -> SocketAddr {
    let stand_in = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    check
        .accept("MCP_LISTEN", address::parse(text))
        .unwrap_or(stand_in)
}

pub(super) fn admin_listen(
    check: &mut Check,
    text: Option<String>,
    listen: SocketAddr,
) -> Option<SocketAddr> {
    const NAME: &str = "MCP_ADMIN_LISTEN";
    let admin = check.accept(NAME, address::parse(&text?))?;
    if admin.port() == listen.port()
        && admin.port() != 0
        && (admin.ip() == listen.ip()
            || admin.ip().is_unspecified()
            || listen.ip().is_unspecified())
    {
        let message = format!("expected another port than that of MCP_LISTEN, not {admin}");
        let help = "for example MCP_ADMIN_LISTEN=127.0.0.1:9090";
        check.fault("MCP_ADMIN_LISTEN", Advice::new(message, help));
    }
    Some(admin)
}

/// Whether a list is, or holds, the entry that stands for everything.
fn has_star(list: &str) -> bool {
    list.split(',').any(|entry| entry.trim() == "*")
}

fn hosts(check: &mut Check, list: Option<String>, listen: SocketAddr) -> AllowedHosts {
    const NAME: &str = "MCP_ALLOWED_HOSTS";
    match list {
        None => AllowedHosts::local(listen),
        Some(list) if has_star(&list) => {
            let help = "name the hosts that clients use, such as db.example.com";
            check.warn(
                NAME,
                "* answers any Host, so DNS rebinding is not stopped",
                help,
            );
            AllowedHosts::Any
        }
        Some(list) => match check.list(NAME, &list, origins::parse_host) {
            blank if blank.is_empty() => AllowedHosts::local(listen),
            hosts => AllowedHosts::Only(hosts),
        },
    }
}

fn origins(check: &mut Check, list: Option<String>) -> AllowedOrigins {
    const NAME: &str = "MCP_ALLOWED_ORIGINS";
    match list {
        Some(list) if has_star(&list) => {
            let help = "name the pages that may, such as https://app.example.com";
            check.warn(NAME, "* lets scripts of any web page in", help);
            AllowedOrigins::Any
        }
        list => {
            let list = list.unwrap_or_default();
            AllowedOrigins::Only(check.list(NAME, &list, origins::parse_origin))
        }
    }
}

fn proxies(check: &mut Check, list: Option<String>) -> Vec<IpNet> {
    const NAME: &str = "MCP_TRUSTED_PROXIES";
    let networks = check.list(NAME, &list.unwrap_or_default(), |entry| {
        let network = entry.parse().map(|network: IpNet| network.trunc()).ok();
        let network = network.or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
        network.ok_or_else(|| {
            Advice::new(
                format!("expected an IP address or network, not {}", quoted(entry)),
                "for example 10.0.0.0/8, 192.168.1.5 or fd00::/8",
            )
        })
    });
    if let Some(all) = networks.iter().find(|network| network.prefix_len() == 0) {
        let message = format!("{all} lets every client choose its own address");
        check.warn(NAME, message, "name the networks of your proxies alone");
    }
    networks
}

fn tls(check: &mut Check, cert: Option<String>, key: Option<String>) -> Option<TlsFiles> {
    const NAMES: [&str; 2] = ["MCP_TLS_CERT", "MCP_TLS_KEY"];
    let mut read = |name, text: Option<String>| text.map(|text| check.path(name, &text));
    let (missing, set) = match (read(NAMES[0], cert), read(NAMES[1], key)) {
        (Some(cert), Some(key)) => return Some(TlsFiles { cert, key }),
        (None, None) => return None,
        (Some(_), None) => (NAMES[1], NAMES[0]),
        (None, Some(_)) => (NAMES[0], NAMES[1]),
    };
    let message = format!("missing, and needed when {set} is set");
    check.fault(
        missing,
        Advice::new(message, format!("set both, or unset {set}")),
    );
    None
}
