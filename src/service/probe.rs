//! Whether a tenant's database can be read, and what of it would be served.

use std::time::Duration;

use crate::catalog::{self, Hidden, Narrowing};
use crate::db::Weakness;
use crate::reach::Reach;
use crate::store::Database;

use super::Unread;
use super::tenant::Reached;

/// Sessions that a look takes.
const SESSIONS: usize = 1;

/// What was found in a database that can be read.
#[derive(Debug)]
pub struct Probed {
    /// The models that would be served, each with the number of its fields.
    pub models: Vec<(String, usize)>,
    /// Fields that a rule hides.
    pub hidden: Vec<Hidden>,
    /// Names of the whitelist that would not be served, and why.
    pub missing: Vec<(String, String)>,
    /// What the database's role could do beyond reading what is served.
    pub weaknesses: Vec<Weakness>,
}

/// Connects to a tenant's database, reads its whitelist, and leaves again; one that is guarded only
/// where it is in reach.
///
/// # Errors
/// A database that cannot be read.
pub async fn probe(
    database: &Database,
    reach: &Reach,
    query_timeout: Duration,
) -> Result<Probed, Unread> {
    let reached = Reached::new(database, reach, SESSIONS, query_timeout).await?;
    let tables = reached.tables().await?;
    let built = catalog::build(
        reached.names.iter().zip(tables).collect(),
        &reached.sensitive,
        Narrowing::default(),
    );
    let weaknesses = reached.db.weaknesses(&built.catalog, &built.hidden).await;
    let models = built.catalog.models().iter();
    let missing = built.missing.into_iter();
    Ok(Probed {
        models: models
            .map(|model| (model.name().to_owned(), model.fields().len()))
            .collect(),
        missing: missing
            .map(|missing| (missing.name, missing.reason))
            .collect(),
        hidden: built.hidden,
        weaknesses: weaknesses.unwrap_or_default(),
    })
}
