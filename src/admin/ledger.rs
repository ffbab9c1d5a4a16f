//! What the audit is told of those who administer: each change before it is tried and how it ended,
//! and each look.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use tracing::warn;

use super::Refused;
use crate::auth::{self, Credential};
use crate::observe::{Audit, ChangeRecord};

/// How often a name may be encoded on its way into a path.
const ENCODINGS: usize = 3;

/// Who administers, and where it is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ledger<'a> {
    /// Where it is recorded, if anywhere.
    pub audit: Option<&'a Audit>,
    /// Whether what cannot be recorded is refused.
    pub(crate) denies: bool,
    /// By which way it is done.
    pub way: Way,
    /// Who does it: the user of the system, or the client's address.
    pub who: &'a str,
    /// Which token of `MCP_ADMIN_TOKEN` it was, by its place there.
    pub token: Option<usize>,
}

/// By which way the store is administered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A command of the program: its user may do anything that the program may.
    Command,
    /// The admin API: its databases may only be where the operator allows.
    Api,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Api => "api",
        }
    }
}

impl Ledger<'_> {
    /// Records what only reads, once it is done; `code` is `ok`, or why it was not.
    ///
    /// # Errors
    /// An audit that denies; then it must not be answered.
    pub(crate) async fn has_read(&self, what: &str, of: &str, code: &str) -> Result<(), Refused> {
        let change = Change {
            code: Some(code),
            ..Change::of(what, of)
        };
        self.record("read", change, Refused::Unrecordable).await
    }

    pub(super) async fn record(
        &self,
        event: &'static str,
        change: Change<'_>,
        refused: Refused,
    ) -> Result<(), Refused> {
        let Some(audit) = self.audit else {
            return Ok(());
        };
        let of = without_tokens(change.of);
        let record = ChangeRecord {
            event,
            by: self.way.name(),
            who: self.who,
            admin_token: self.token,
            what: change.what,
            of: &of,
            code: change.code,
            revision: change.revision,
            before: change.before,
            after: change.after,
        };
        match audit.record_change(&record).await {
            Err(_) if self.denies => Err(refused),
            Err(_) => {
                warn!(what = change.what, "a change is not in the audit");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// The name or path of what is meant, without a token that somebody took for a name: whoever revokes
/// one that leaked may well paste it, with what stands around it, and a page or a shell encodes that.
fn without_tokens(of: &str) -> Cow<'_, str> {
    let (mut plain, mut is_other) = (of.to_owned(), false);
    for encodings in 0..=ENCODINGS {
        if encodings > 0 {
            plain = percent_decode_str(&plain).decode_utf8_lossy().into_owned();
        }
        if auth::may_hold_made(&plain) {
            (plain, is_other) = (labelled(&plain), true);
        }
    }
    match is_other {
        true => plain.into(),
        false => of.into(),
    }
}

/// A text with labels in the place of what may be tokens.
fn labelled(text: &str) -> String {
    let ends = |letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_');
    let mut told = String::with_capacity(text.len());
    for piece in text.split_inclusive(ends) {
        let (word, end) = piece.split_at(piece.trim_end_matches(ends).len());
        // Two digits after a percent sign are no part of a token that is whole without them.
        let escape = match told.ends_with('%') && word.get(2..).is_some_and(auth::may_hold_made) {
            true => 2,
            false => 0,
        };
        let (escape, word) = word.split_at(escape);
        told += escape;
        match auth::may_hold_made(word) {
            true => told.extend(["[token ", &Credential::of(word).to_string(), "]"]),
            false => told += word,
        }
        told += end;
    }
    told
}

/// What a line of the audit says.
pub(super) struct Change<'c> {
    pub(super) what: &'c str,
    pub(super) of: &'c str,
    pub(super) code: Option<&'c str>,
    pub(super) revision: Option<i64>,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

impl<'c> Change<'c> {
    /// A line that tells of nothing else.
    pub(super) fn of(what: &'c str, of: &'c str) -> Self {
        Self {
            what,
            of,
            code: None,
            revision: None,
            before: None,
            after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_taken_for_a_name_is_not_recorded() {
        let (shared, of_store) = ("Ab-_".repeat(11), "Zz09".repeat(16));
        for token in [&shared[..43], &of_store[..]] {
            let told = without_tokens(token);
            assert_eq!(told, format!("[token {}]", Credential::of(token)));
            let path = format!("/admin/api/tokens/{token}/rotate");
            let told = without_tokens(&path);
            assert!(told.starts_with("/admin/api/tokens/[token ") && told.ends_with("]/rotate"));
            // As it is pasted, and as a page or a shell encodes that.
            let label = format!("[token {}]", Credential::of(token));
            for (before, behind) in [
                ("Bearer ", ""),
                (" ", "%20"),
                ("\"", "\""),
                ("é", "\n"),
                ("%20", ""),
                ("%22", "%22"),
                ("Bearer%20", ""),
                ("x-mcp-token%3A%20", ""),
                ("%E2%80%9C", "%E2%80%9D"),
            ] {
                let told = without_tokens(&format!("{before}{token}{behind}")).into_owned();
                assert!(told.contains(&label), "{told}");
            }
            // With more of its own letters around it, with those encoded, and behind a percent sign
            // that encodes nothing.
            let encoded = token.replace('-', "%2D").replace('_', "%255f");
            for pasted in [
                format!("x{token}"),
                format!("-{token}"),
                format!("lucarne_{token}_"),
                format!("%{token}"),
                format!("%2520{token}%2520"),
                format!("100%{}", token.replace("Ab", "25").replace("Zz", "ab")),
                encoded,
            ] {
                let told = without_tokens(&pasted);
                let longest = told.split(|c: char| !c.is_ascii_alphanumeric());
                let longest = longest.map(str::len).max();
                assert!(longest <= Some(8), "{pasted}: {told}");
            }
        }
        for name in [
            "acme",
            "0123456789abcdef",
            "",
            "/",
            &"é".repeat(43),
            &"a b".repeat(20),
            "a%20b",
            "100%",
            "0191e2c4-7d3b-7c1e-9f5a-2b8d4e6f1a3c",
        ] {
            assert_eq!(without_tokens(name), name);
        }
    }
}
