//! Whether the service answers, whom the shared token lets in, and where it listens.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;

use super::change::Widens;
use super::fault::Faults;
use super::reader::Reader;
use super::secrets::{self, Secret};
use super::variables::{Group, secret, unset, variable};
use super::{control, network};

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "The service",
    variables: &[
        variable(
            "MCP_ENABLED",
            "false",
            "opens /mcp; while off it answers 503",
        ),
        secret(
            "MCP_TOKEN",
            "the shared token, needed when enabled; a comma list holds several at once",
        )
        .follows(Widens::Elsewhere),
        variable(
            "MCP_REQUIRE_AUTH",
            "true",
            "false lets anyone of this machine in, for development; only on a loopback MCP_LISTEN",
        )
        .follows(Widens::Any),
        variable("MCP_LISTEN", "127.0.0.1:8000", "the address to listen on"),
        unset(
            "MCP_ADMIN_LISTEN",
            "a second address for /health, /ready and /metrics without a token",
        ),
        unset(
            "MCP_CONTROL_SOCKET",
            "a socket for lucarne reload and lucarne exposed, or off; unset: the one of systemd's RuntimeDirectory, else none",
        ),
    ],
};

/// Whether the service answers, to whom, and where.
#[derive(Debug)]
pub struct Service {
    /// Whether `/mcp` answers with anything but 503.
    pub enabled: bool,
    /// The tokens that are valid; at least one when enabled without a store.
    pub tokens: Vec<SecretString>,
    /// Whether a client without a token is refused; only false on a loopback address.
    pub(crate) require_auth: bool,
    /// Where the service listens.
    pub listen: SocketAddr,
    /// Where health and metrics are answered without a token.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// The socket by which whoever owns the service speaks to it.
    pub(crate) control_socket: Option<PathBuf>,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_enabled: String,
    mcp_token: Option<String>,
    mcp_token_file: Option<String>,
    mcp_require_auth: String,
    mcp_listen: String,
    mcp_admin_listen: Option<String>,
    mcp_control_socket: Option<String>,
}

pub(super) fn read(reader: &mut Reader) -> Result<Service, Faults> {
    let typed: Texts = reader.typed()?;
    let check = &mut reader.check;
    // A faulty switch most likely meant to switch on, so what is needed then is checked too.
    reader.enabled = check.boolean("MCP_ENABLED", &typed.mcp_enabled, true);
    let require_auth = check.boolean("MCP_REQUIRE_AUTH", &typed.mcp_require_auth, true);
    let listen = network::listen(check, &typed.mcp_listen);
    let admin_listen = network::admin_listen(check, typed.mcp_admin_listen, listen);
    let tokens = match reader.needed("MCP_TOKEN", (typed.mcp_token, typed.mcp_token_file)) {
        Secret::Found { variable, text } => secrets::tokens(&mut reader.needed, &variable, &text),
        Secret::Missing if require_auth => {
            reader.missing("MCP_TOKEN", secrets::NEW_TOKEN);
            Vec::new()
        }
        Secret::Missing | Secret::Faulty => Vec::new(),
    };
    let socket = typed.mcp_control_socket.as_deref();
    let control_socket = control::read(&mut reader.check, socket, &reader.vars);
    Ok(Service {
        enabled: reader.enabled,
        tokens,
        require_auth,
        listen,
        admin_listen,
        control_socket,
    })
}
