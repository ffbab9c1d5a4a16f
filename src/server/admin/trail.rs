//! The end of the audit's file, read backwards page by page, its chain verified as it is read.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::One;
use super::desk::Desk;
use super::input::number;
use super::refusal::Refusal;
use super::route::Asked;
use crate::observe::{NotVerified, Verifier};

/// What is read of the file at once: more than the longest line.
const PAGE: u64 = 80 * 1024;

/// A page of the audit.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditPage")]
pub(super) struct TrailView {
    /// Its lines, the newest first, as they were written.
    lines: Vec<Map<String, Value>>,
    /// Where the page before begins, to be given as `before`; null at the beginning of the file.
    before: Option<u64>,
    /// Lines of the page that are as they were written, one after the other.
    verified: u64,
    /// What is wrong with the chain, where it is broken within the page.
    broken: Option<String>,
}

/// Which page is wanted, and what of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TrailQuery {
    /// The place in the file that the page ends at; the end of the file where it is not given.
    #[serde(deserialize_with = "number")]
    before: Option<u64>,
    /// Lines of this token alone, by its name or by the beginning of its digest.
    token: Option<String>,
    /// Lines with this code alone.
    code: Option<String>,
    /// Lines about this model alone.
    model: Option<String>,
}

/// A page as it is read.
struct Page {
    lines: Vec<Map<String, Value>>,
    before: Option<u64>,
    verified: u64,
    broken: Option<String>,
}

pub(super) async fn show(desk: Desk, asked: Asked<TrailQuery>) -> Result<One<TrailView>, Refusal> {
    let path = path(&desk).ok_or_else(|| {
        let hint = "MCP_AUDIT_FILE names one; what goes to standard error is in the log";
        Refusal::not_found("there is no file of an audit", hint)
    })?;
    let before = asked.query.before;
    let read = tokio::task::spawn_blocking(move || page(&path, before)).await;
    let page = read.ok().and_then(Result::ok).ok_or_else(|| {
        let hint = "look at the rights of MCP_AUDIT_FILE";
        Refusal::not_found("the file of the audit cannot be read", hint)
    })?;
    let lines = page.lines.into_iter().rev();
    Ok(One::from(TrailView {
        lines: lines.filter(|line| asked.query.takes(line)).collect(),
        before: page.before,
        verified: page.verified,
        broken: page.broken,
    }))
}

/// The file that the audit is written to.
fn path(desk: &Desk) -> Option<PathBuf> {
    desk.service().audit()?;
    let settings = &desk.access().administration.settings;
    let setting = settings.iter().find(|it| it.name == "MCP_AUDIT_FILE")?;
    let path = setting.value.as_deref()?;
    (path != "stderr").then(|| path.into())
}

impl TrailQuery {
    fn takes(&self, line: &Map<String, Value>) -> bool {
        let is = |members: &[&str], wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| {
                let mut members = members.iter().filter_map(|member| line.get(*member));
                members.any(|value| value.as_str() == Some(wanted))
            })
        };
        is(&["token", "name"], &self.token)
            && is(&["code"], &self.code)
            && is(&["model"], &self.model)
    }
}

/// Reads the lines that end before a place.
fn page(path: &Path, before: Option<u64>) -> io::Result<Page> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let end = before.unwrap_or(length).min(length);
    let begin = end.saturating_sub(PAGE);
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(end - begin).read_to_end(&mut bytes)?;
    // A line that is being written has no end yet, and the first one may have lost its beginning.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(whole.map_or(0, |at| at + 1));
    let skipped = match begin {
        0 => 0,
        _ => bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1),
    };
    let lines = &bytes[skipped..];
    let mut verifier = Verifier::default();
    let broken = match verifier.read(lines) {
        Ok(()) => None,
        Err(NotVerified::Unreadable(error)) => return Err(error),
        Err(NotVerified::Broken(line, broken)) => {
            Some(format!("line {line} of the page: {broken}"))
        }
    };
    let parsed = lines.split(|byte| *byte == b'\n');
    let parsed = parsed.filter_map(|line| serde_json::from_slice(line).ok());
    let begins = begin + skipped as u64;
    Ok(Page {
        lines: parsed.collect(),
        before: (begins > 0 && !lines.is_empty()).then_some(begins),
        verified: verifier.lines,
        broken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_meet_and_leave_nothing_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let lines = 0..5_000;
        let text: String = lines
            .map(|n| format!("{{\"n\":{n},\"x\":\"{n:0>60}\"}}\n"))
            .collect();
        std::fs::write(&path, text + "{\"n\":").unwrap();
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let page = page(&path, before).unwrap();
            let numbers = page
                .lines
                .iter()
                .rev()
                .map(|line| line["n"].as_u64().unwrap());
            seen.extend(numbers);
            before = page.before;
            if before.is_none() {
                break;
            }
        }
        seen.reverse();
        assert_eq!(seen, (0..5_000).collect::<Vec<_>>());
        assert!(page(&path, Some(u64::MAX)).unwrap().broken.is_some());
        assert!(page(&path, Some(0)).unwrap().lines.is_empty());
    }
}
