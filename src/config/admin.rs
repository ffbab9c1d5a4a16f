//! Administration by HTTP: its tokens, its page, and what it may do.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Config;
use super::change::Widens;
use super::check::Check;
use super::fault::Faults;
use super::places::{self, DatabasePlaces};
use super::reader::Reader;
use super::secrets;
use super::variables::{Group, secret, unset, variable};

use crate::advice::Advice;

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "Administration by HTTP",
    variables: &[
        secret("MCP_ADMIN_TOKEN", "opens /admin/api on MCP_ADMIN_LISTEN; a comma list holds several at once").follows(Widens::Any),
        variable("MCP_PAGE", "admin", "where the page is: admin (on MCP_ADMIN_LISTEN, beside /admin/api), all (on MCP_LISTEN too) or off").follows(Widens::Any),
        variable("MCP_ADMIN_READ", "false", "whether the admin API may read rows as one of its tokens would").follows(Widens::Any),
        unset("MCP_ALLOWED_DATABASE_HOSTS", "hosts and networks of this machine and of private nets that the admin API may add").follows(Widens::Added),
        unset("MCP_DATABASE_FOLDER", "the folder of SQLite files that the admin API may add; unset: none").follows(Widens::Any),
    ],
};

/// Administration by HTTP.
#[derive(Debug)]
pub struct Admin {
    /// The tokens that open the admin API; without one it is not there.
    pub tokens: Vec<SecretString>,
    /// Where the page is.
    pub page: Page,
    /// Whether those who administer may ask as a token would.
    pub read: bool,
    /// Where databases that come by the admin API may be.
    pub places: DatabasePlaces,
}

/// Where the page is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Page {
    /// Nowhere.
    Off,
    /// On `MCP_ADMIN_LISTEN`, where the admin API is.
    Admin,
    /// On `MCP_LISTEN` too.
    All,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_admin_token: Option<String>,
    mcp_admin_token_file: Option<String>,
    mcp_page: String,
    mcp_admin_read: String,
    mcp_allowed_database_hosts: Option<String>,
    mcp_database_folder: Option<String>,
}

pub(super) fn read(reader: &mut Reader) -> Result<Admin, Faults> {
    let typed: Texts = reader.typed()?;
    let found = reader.secret(
        "MCP_ADMIN_TOKEN",
        (typed.mcp_admin_token, typed.mcp_admin_token_file),
    );
    let check = &mut reader.check;
    let tokens = found.map_or_else(Vec::new, |(variable, text)| {
        secrets::tokens(check, &variable, &text)
    });
    let pages = [
        ("admin", Page::Admin),
        ("all", Page::All),
        ("off", Page::Off),
    ];
    Ok(Admin {
        tokens,
        page: check.choice("MCP_PAGE", &typed.mcp_page, &pages, Page::Off),
        read: check.boolean("MCP_ADMIN_READ", &typed.mcp_admin_read, false),
        places: places::read(
            check,
            typed.mcp_allowed_database_hosts,
            typed.mcp_database_folder,
        ),
    })
}

/// Judges the admin token among the tokens of clients.
pub(super) fn judge(check: &mut Check, config: &Config) {
    const NAME: &str = "MCP_ADMIN_TOKEN";
    if config.admin.tokens.is_empty() {
        return;
    }
    let is_shared = config.admin.tokens.iter().any(|admin| {
        let same = |token: &SecretString| token.expose_secret() == admin.expose_secret();
        config.service.tokens.iter().any(same)
    });
    if is_shared {
        let reason = Advice::new(
            "is one of MCP_TOKEN too: clients would administer the service",
            "make another one with: lucarne token",
        );
        check.fault(NAME, reason);
    }
    if config.store.url.is_none() {
        let help = "set MCP_STORE, for example to sqlite:/var/lib/lucarne/store.db";
        check.warn(NAME, "opens nothing without MCP_STORE", help);
    }
    match config.service.admin_listen {
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
