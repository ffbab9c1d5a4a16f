//! What the audit is told of those who administer: each change before it is tried and how it ended,
//! and each look.

use std::borrow::Cow;

use serde_json::Value;
use tracing::warn;

use super::Refused;
use crate::auth::{self, Credential};
use crate::observe::{Audit, ChangeRecord};

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
/// one that leaked may well paste it.
fn without_tokens(of: &str) -> Cow<'_, str> {
    let ends = |letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_');
    if !of.split(ends).any(auth::looks_made) {
        return of.into();
    }
    let mut told = String::with_capacity(of.len());
    for piece in of.split_inclusive(ends) {
        let word = piece.trim_end_matches(ends);
        match auth::looks_made(word) {
            true => told.extend(["[token ", &Credential::of(word).to_string(), "]"]),
            false => told += word,
        }
        told += &piece[word.len()..];
    }
    told.into()
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
            // As it is pasted.
            for (before, behind) in [("Bearer ", ""), (" ", "%20"), ("\"", "\""), ("é", "\n")] {
                let told = without_tokens(&format!("{before}{token}{behind}")).into_owned();
                assert!(!told.contains(token) && told.ends_with(behind), "{told}");
            }
        }
        for name in [
            "acme",
            "0123456789abcdef",
            "",
            "/",
            &"é".repeat(43),
            &"a b".repeat(20),
        ] {
            assert_eq!(without_tokens(name), name);
        }
    }
}
