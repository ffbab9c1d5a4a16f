//! Where requests are recorded.

use std::path::PathBuf;

use serde::Deserialize;

use super::change::Widens;
use super::fault::Faults;
use super::reader::Reader;
use super::variables::{Group, unset, variable};

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "Audit",
    variables: &[
        unset(
            "MCP_AUDIT_FILE",
            "a file that records every request, or stderr; unset: no audit",
        ),
        variable(
            "MCP_AUDIT_ON_ERROR",
            "deny",
            "when the audit cannot be written: deny refuses requests, warn answers them",
        )
        .follows(Widens::Never),
    ],
};

/// Where requests are recorded.
#[derive(Debug)]
pub struct Audit {
    /// Where the record is; none where nothing is recorded.
    pub target: Option<AuditTarget>,
    /// Whether an answer that cannot be recorded is withheld.
    pub(crate) denies: bool,
}

/// Where the record of requests is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditTarget {
    /// Standard error, among the lines of the log.
    StandardError,
    /// A file.
    File(PathBuf),
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    mcp_audit_file: Option<String>,
    mcp_audit_on_error: String,
}

pub(super) fn read(reader: &mut Reader) -> Result<Audit, Faults> {
    let typed: Texts = reader.typed()?;
    let check = &mut reader.check;
    let target = typed.mcp_audit_file.map(|text| match text.as_str() {
        "stderr" => AuditTarget::StandardError,
        _ => AuditTarget::File(check.path("MCP_AUDIT_FILE", &text)),
    });
    let words = [("deny", true), ("warn", false)];
    let denies = check.choice(
        "MCP_AUDIT_ON_ERROR",
        &typed.mcp_audit_on_error,
        &words,
        true,
    );
    Ok(Audit { target, denies })
}
