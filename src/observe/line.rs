//! A line of the audit: what it says, and how long it may be.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;

use super::chain;

/// The longest line but for its place in the chain, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// The number of a line, which is known once the line is written.
#[derive(Debug, Clone, Default)]
pub struct LineNumber(Arc<AtomicU64>);

impl LineNumber {
    /// The number; none of what is not written.
    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    pub(super) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }
}

/// What is recorded of a request, or of a client that was not let in.
#[derive(Debug, Serialize)]
pub struct Record<'r> {
    /// Where the number of its line is told.
    #[serde(skip)]
    pub number: LineNumber,
    /// `request`, `refused` for what never became one, or `opened` for a socket or stream.
    pub event: &'static str,
    /// The first characters of the token's digest.
    pub token: Option<String>,
    /// The tenant, of a token of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'r str>,
    /// The token's name in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'r str>,
    /// The client's address.
    pub address: IpAddr,
    /// The transport, as metrics name it.
    pub transport: &'r str,
    /// The action, or `unknown`.
    pub action: Option<&'r str>,
    /// The model, or `unknown`.
    pub model: Option<&'r str>,
    /// The tool of the operator that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'r str>,
    /// The readable fields that the filter names; of a tool the parameters that were given.
    pub filters: &'r [String],
    /// Rows that were read.
    pub rows: usize,
    /// Bytes of the answer.
    pub bytes: usize,
    /// `admin` where an administrator asked as the token would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<&'r str>,
    /// `ok`, or the code of the error.
    pub code: &'r str,
    /// What it took.
    pub ms: f64,
}

/// What is recorded of a change of the store.
#[derive(Debug, Serialize)]
pub struct ChangeRecord<'r> {
    /// `change_asked` before it is tried; `change` once it is made, or `change_failed`; `read` of
    /// what only reads.
    pub event: &'static str,
    /// `command` or `api`.
    pub by: &'static str,
    /// The user of the system, or the client's address.
    pub who: &'r str,
    /// Which of the tokens of `MCP_ADMIN_TOKEN` it was, by its place there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_token: Option<usize>,
    /// What was done, such as `tenant.update`.
    pub what: &'r str,
    /// The name or id of what is to be changed, or the id of what was.
    pub of: &'r str,
    /// How it ended, where it was not made or only reads: a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'r str>,
    /// The revision that the change made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// What it was, without secrets; absent for what was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is, without secrets; absent for what was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The members of a line that do not depend on its place.
pub(super) fn members(record: &impl Serialize) -> String {
    let time = now();
    // A struct of texts and numbers is always JSON.
    let json = bounded(serde_json::to_string(record).unwrap_or_default());
    let inner = json
        .strip_prefix('{')
        .and_then(|json| json.strip_suffix('}'))
        .unwrap_or_default();
    format!("\"time\":\"{time}\",{inner}")
}

/// A line that is not too long: the longest members give way to their size and digest, by which
/// they can be told once they are found elsewhere.
fn bounded(json: String) -> String {
    if json.len() <= LONGEST {
        return json;
    }
    let Ok(Value::Object(mut members)) = serde_json::from_str(&json) else {
        return json;
    };
    let mut sizes: Vec<(usize, String)> = members
        .iter()
        .map(|(name, value)| (value.to_string().len(), name.clone()))
        .collect();
    sizes.sort_unstable();
    let mut length = json.len();
    while length > LONGEST
        && let Some((size, name)) = sizes.pop()
    {
        let Some(value) = members.get_mut(&name) else {
            continue;
        };
        let digest = chain::digest(&value.to_string());
        *value = serde_json::json!({ "bytes": size, "sha256": digest });
        length = length - size + value.to_string().len();
    }
    Value::Object(members).to_string()
}

/// A line that tells of others.
pub(super) fn counted(name: &str, member: &str, count: u64) -> String {
    let time = now();
    format!("\"time\":\"{time}\",\"event\":\"{name}\",\"{member}\":{count}")
}

/// The line with which a service begins.
pub(super) fn begun() -> String {
    let (time, version) = (now(), env!("CARGO_PKG_VERSION"));
    format!("\"time\":\"{time}\",\"event\":\"begun\",\"version\":\"{version}\"")
}

/// The line that tells of the beginning of another, which was never finished.
pub(super) fn torn(bytes: u64) -> String {
    counted("torn", "bytes", bytes)
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_long_tells_what_it_left_out() {
        let rules: Vec<String> = (0..10_000).map(|n| format!("tickets.n = {n}")).collect();
        let after = serde_json::json!({ "rows": rules });
        let change = ChangeRecord {
            event: "change",
            by: "command",
            who: "root",
            admin_token: None,
            what: "tenant.create",
            of: "acme",
            code: None,
            revision: Some(7),
            before: None,
            after: Some(after.clone()),
        };
        let line = format!("{{{}}}", members(&change));
        assert!(line.len() < LONGEST, "{}", line.len());
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["of"], &line["revision"]),
            (&"acme".into(), &7.into())
        );
        assert_eq!(line["after"]["bytes"], after.to_string().len());
        assert_eq!(line["after"]["sha256"], chain::digest(&after.to_string()));
        let short = members(&ChangeRecord {
            after: Some(serde_json::json!({ "rows": &rules[..9] })),
            ..change
        });
        assert!(short.contains("tickets.n = 8"), "{short}");
    }
}
