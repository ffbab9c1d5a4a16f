//! What the token of the admin API must be, beside the others.

use secrecy::ExposeSecret as _;

use super::Config;
use super::check::Check;
use super::fault::Reason;

/// Judges the admin token among the tokens of clients.
pub(super) fn judge(check: &mut Check, config: &Config) {
    const NAME: &str = "MCP_ADMIN_TOKEN";
    if config.admin_tokens.is_empty() {
        return;
    }
    let is_shared = config.admin_tokens.iter().any(|admin| {
        let same = |token: &secrecy::SecretString| token.expose_secret() == admin.expose_secret();
        config.tokens.iter().any(same)
    });
    if is_shared {
        let reason = Reason::new(
            "is one of MCP_TOKEN too: clients would administer the service",
            "make another one with: lucarne token",
        );
        check.fault(NAME, reason);
    }
    if config.store.is_none() {
        let help = "set MCP_STORE, for example to sqlite:lucarne-store.db";
        check.warn(NAME, "opens nothing without MCP_STORE", help);
    }
    match config.admin_listen {
        None => {
            let help = "set MCP_ADMIN_LISTEN, for example to 127.0.0.1:9090";
            check.warn(NAME, "opens nothing without MCP_ADMIN_LISTEN", help);
        }
        Some(listen) if !listen.ip().is_loopback() => {
            let message = format!("other machines send it to {listen} without encryption");
            check.warn(
                NAME,
                message,
                "put a proxy with TLS in front, or keep to 127.0.0.1",
            );
        }
        Some(_) => {}
    }
}
