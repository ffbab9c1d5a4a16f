//! What is right by itself and weak, or wrong, beside the rest.

use super::Config;
use super::admin;
use super::check::Check;

use crate::advice::Advice;

pub(super) fn judge(check: &mut Check, config: &Config, hosts_are_named: bool) {
    if !config.data.read_only {
        let message = "false changes only an error text: there is no write path";
        check.warn("MCP_READONLY", message, "leave it out");
    }
    admin::judge(check, config);
    if config.service.enabled && config.store.url.is_some() {
        match (
            config.service.tokens.is_empty(),
            config.data.database.is_none(),
        ) {
            (false, true) => {
                let message = "opens nothing without DATABASE_URL: the store has tokens of its own";
                check.warn("MCP_TOKEN", message, "set DATABASE_URL, or leave both out");
            }
            (true, false) if config.service.require_auth => {
                let message =
                    "is read by nobody without MCP_TOKEN: the store has databases of its own";
                check.warn("DATABASE_URL", message, "set MCP_TOKEN, or leave both out");
            }
            _ => {}
        }
    }
    if config.service.enabled && config.store.url.is_some() && config.audit.target.is_none() {
        let message = "unset: nothing records who asked for what, and who changed the store";
        let help = "for example MCP_AUDIT_FILE=/var/log/lucarne/audit.jsonl";
        check.warn("MCP_AUDIT_FILE", message, help);
    }
    unguarded(check, config);
    if config.limits.rate_limit == 0 {
        let help = "set a number of requests per window, such as MCP_RATE_LIMIT=60";
        check.warn("MCP_RATE_LIMIT", "0 turns the rate limit off", help);
    }
    if !config.service.listen.ip().is_loopback() && config.network.tls.is_none() {
        let message = format!(
            "{} is reachable from other machines, without encryption",
            config.service.listen
        );
        let help = if hosts_are_named {
            "put a proxy with TLS in front of it"
        } else {
            "put a proxy with TLS in front of it, and name its hosts in MCP_ALLOWED_HOSTS"
        };
        check.warn("MCP_LISTEN", message, help);
    }
    let Some(admin) = config.service.admin_listen else {
        return;
    };
    if !admin.ip().is_loopback() {
        let message = format!("{admin} shows metrics to other machines, without a token");
        check.warn(
            "MCP_ADMIN_LISTEN",
            message,
            "keep it to 127.0.0.1 or to a network of your own",
        );
    }
}

/// Judges `MCP_REQUIRE_AUTH=false`: it is for one machine and its developer.
fn unguarded(check: &mut Check, config: &Config) {
    const NAME: &str = "MCP_REQUIRE_AUTH";
    if config.service.require_auth || !config.service.enabled {
        return;
    }
    let fault = if !config.service.listen.ip().is_loopback() {
        Some((
            format!("false would let anyone in at {}", config.service.listen),
            "set MCP_LISTEN=127.0.0.1:8000, or leave MCP_REQUIRE_AUTH out",
        ))
    } else if !config.network.trusted_proxies.is_empty() {
        Some((
            "false would let in whoever reaches the proxies of MCP_TRUSTED_PROXIES".to_owned(),
            "leave one of the two out",
        ))
    } else {
        None
    };
    match fault {
        Some((message, help)) => check.fault(NAME, Advice::new(message, help)),
        None => check.warn(
            NAME,
            "false lets every program of this machine in without a token",
            "for development alone",
        ),
    }
}
