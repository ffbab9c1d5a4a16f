//! What a session lets a statement read: everything, but for those of tools, which are held to what
//! they were judged to read.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::db::tool::Reads;

/// What the statements of a session may do at the moment.
#[derive(Debug, Clone, Default)]
pub(super) enum Mode {
    /// Whatever a session that only reads can do.
    #[default]
    Free,
    /// The same, noted.
    Noted(Arc<Mutex<Reads>>),
    /// This alone.
    Held(Arc<Reads>),
}

/// The mode of a session. It is one authorizer for good: SQLite forgets what it has prepared when
/// another takes its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard(Arc<Mutex<Mode>>);

impl Guard {
    /// Stands before what a session prepares.
    pub(super) fn watch(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mode = Arc::clone(&self.0);
        connection.authorizer(Some(move |asked: AuthContext<'_>| {
            let mode = mode.lock().unwrap_or_else(PoisonError::into_inner);
            judge(&mode, &asked)
        }))
    }

    pub(super) fn set(&self, mode: Mode) {
        // A mode is sound whatever a panicking holder was about to do.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }
}

fn judge(mode: &Mode, asked: &AuthContext<'_>) -> Authorization {
    // The schema's number, which each read asks for.
    if let AuthAction::Pragma {
        pragma_name: "schema_version",
        pragma_value: None,
    } = asked.action
    {
        return Authorization::Allow;
    }
    match mode {
        Mode::Free => Authorization::Allow,
        Mode::Noted(reads) => {
            note(
                &mut reads.lock().unwrap_or_else(PoisonError::into_inner),
                asked,
            );
            Authorization::Allow
        }
        Mode::Held(reads) => {
            let mut own = Reads::default();
            note(&mut own, asked);
            let within = own.others.is_empty()
                && own.columns.is_subset(&reads.columns)
                && own.functions.is_subset(&reads.functions);
            match within {
                true => Authorization::Allow,
                false => Authorization::Deny,
            }
        }
    }
}

fn note(reads: &mut Reads, asked: &AuthContext<'_>) {
    match asked.action {
        AuthAction::Select | AuthAction::Recursive => {}
        AuthAction::Read {
            table_name,
            column_name,
        } => {
            // Of what is named without a schema and has no column read it may be a list of WITH.
            let table = match (asked.database_name, column_name) {
                (None, "") => table_name.to_owned(),
                (schema, _) => format!("{}.{table_name}", schema.unwrap_or("main")),
            };
            reads.columns.insert((table, column_name.to_owned()));
        }
        AuthAction::Function { function_name } => {
            reads.functions.insert(function_name.to_ascii_lowercase());
        }
        other => {
            reads.others.insert(format!("{other:?}"));
        }
    }
}
