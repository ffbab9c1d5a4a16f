//! Tools that the operator wrote.

use std::path::PathBuf;

use serde::Deserialize;

use super::fault::Faults;
use super::reader::Reader;
use super::variables::{Group, unset};

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "Tools of your own",
    variables: &[unset(
        "MCP_TOOLS_FILE",
        "a file of tools that you wrote in SQL, or a folder of such; unset: none",
    )],
};

/// Tools that the operator wrote.
#[derive(Debug)]
pub struct Tools {
    /// A file of them, or a folder of such files.
    pub path: Option<PathBuf>,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_tools_file: Option<String>,
}

pub(super) fn read(reader: &mut Reader) -> Result<Tools, Faults> {
    let typed: Texts = reader.typed()?;
    let check = &mut reader.check;
    let path = typed.mcp_tools_file;
    let path = path.map(|text| check.path("MCP_TOOLS_FILE", &text));
    Ok(Tools { path })
}
