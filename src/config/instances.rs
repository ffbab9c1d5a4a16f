//! What several instances of the service share.

use secrecy::SecretBox;
use serde::Deserialize;

use super::change::Widens;
use super::fault::Faults;
use super::reader::Reader;
use super::secrets::{self, Secret};
use super::variables::{Group, secret};

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "Several instances",
    variables: &[secret(
        "MCP_CURSOR_KEY",
        "key for cursors that several instances share: 43 base64url characters or 64 hex digits",
    )
    .follows(Widens::Never)],
};

/// What several instances of the service share.
#[derive(Debug)]
pub(crate) struct Instances {
    /// The key of cursors that several instances share; `None` asks for one of its own.
    pub(crate) cursor_key: Option<SecretBox<[u8; 32]>>,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_cursor_key: Option<String>,
    mcp_cursor_key_file: Option<String>,
}

pub(super) fn read(reader: &mut Reader) -> Result<Instances, Faults> {
    let typed: Texts = reader.typed()?;
    let forms = (typed.mcp_cursor_key, typed.mcp_cursor_key_file);
    let cursor_key = match reader.needed("MCP_CURSOR_KEY", forms) {
        Secret::Found { variable, text } => {
            let key = secrets::cursor_key(&text);
            reader.needed.accept(&variable, key)
        }
        Secret::Missing | Secret::Faulty => None,
    };
    Ok(Instances { cursor_key })
}
