//! Where the service listens, and whom it answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use super::Config;
use super::address;
use super::check::Check;
use super::fault::{Reason, quoted};
use super::origins::{self, AllowedHosts, AllowedOrigins};

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
        check.fault("MCP_ADMIN_LISTEN", Reason::new(message, help));
    }
    Some(admin)
}

/// Judges `MCP_REQUIRE_AUTH=false`: it is for one machine and its developer.
pub(super) fn unguarded(check: &mut Check, config: &Config) {
    const NAME: &str = "MCP_REQUIRE_AUTH";
    if config.require_auth || !config.enabled {
        return;
    }
    let fault = if !config.listen.ip().is_loopback() {
        Some((
            format!("false would let anyone in at {}", config.listen),
            "set MCP_LISTEN=127.0.0.1:8000, or leave MCP_REQUIRE_AUTH out",
        ))
    } else if !config.trusted_proxies.is_empty() {
        Some((
            "false would let in whoever reaches the proxies of MCP_TRUSTED_PROXIES".to_owned(),
            "leave one of the two out",
        ))
    } else {
        None
    };
    match fault {
        Some((message, help)) => check.fault(NAME, Reason::new(message, help)),
        None => check.warn(
            NAME,
            "false lets every program of this machine in without a token",
            "for development alone",
        ),
    }
}

/// Whether a list is, or holds, the entry that stands for everything.
fn has_star(list: &str) -> bool {
    list.split(',').any(|entry| entry.trim() == "*")
}

pub(super) fn hosts(check: &mut Check, list: Option<String>, listen: SocketAddr) -> AllowedHosts {
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

pub(super) fn origins(check: &mut Check, list: Option<String>) -> AllowedOrigins {
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

pub(super) fn proxies(check: &mut Check, list: Option<String>) -> Vec<IpNet> {
    const NAME: &str = "MCP_TRUSTED_PROXIES";
    let networks = check.list(NAME, &list.unwrap_or_default(), |entry| {
        let network = entry.parse().map(|network: IpNet| network.trunc()).ok();
        let network = network.or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
        network.ok_or_else(|| {
            Reason::new(
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
