//! Whether a tenant's database can be read, and what of it would be served.

use std::time::Duration;

use super::{Cover, covers, idle, uncovered, unserved};
use crate::advice::Advice;
use crate::catalog::{self, Hidden, Kind, Narrowing, Table, WantedRule};
use crate::db::Db;
use crate::egress::Reach;
use crate::policy::databases::Reached;
use crate::policy::{Policy, Unread, directory};
use crate::store::{Database, RowRule};

/// Sessions that a look takes.
const SESSIONS: usize = 1;

/// What was found in a database that can be read.
#[derive(Debug)]
pub struct Probe {
    /// The models that would be served, each with the number of its fields.
    pub models: Vec<(String, usize)>,
    /// Fields that a rule hides.
    pub hidden: Vec<Hidden>,
    /// Names of the whitelist that would not be served, and why.
    pub missing: Vec<(String, String)>,
    /// The rules that rows of each model must keep, where the tenant has any.
    pub(crate) covers: Vec<Cover>,
    /// The first of the keys given for it that cannot be.
    pub(crate) unrelated: Option<Advice>,
    /// What the database's role could do beyond reading what is served, what no rule reaches, and
    /// what no index serves.
    pub weaknesses: Vec<Advice>,
}

impl Probe {
    /// All that is to be looked at again.
    pub fn warnings(&self) -> impl Iterator<Item = &Advice> {
        self.unrelated.iter().chain(&self.weaknesses)
    }
}

/// Connects to a tenant's database, reads its whitelist by the tenant's rules, and leaves again; one
/// that is guarded only where it is in reach.
///
/// # Errors
/// A database that cannot be read.
pub async fn probe(
    database: &Database,
    rules: &[RowRule],
    reach: &Reach,
    query_timeout: Duration,
) -> Result<Probe, Unread> {
    let reached = Reached::new(database, reach, SESSIONS, query_timeout, None).await?;
    let tables = reached.tables().await?;
    let unguarded = match database.row_security {
        true => unguarded(tables.iter().flatten()),
        false => None,
    };
    let wanted: Vec<WantedRule<'_>> = rules.iter().filter_map(directory::wanted).collect();
    let (tables, given) = reached.related(tables);
    let unrelated = given.err();
    let idle = idle::weaknesses(&tables, &reached.sensitive).into_iter();
    let built = catalog::build(
        tables
            .iter()
            .map(|(name, table)| (name, table.clone()))
            .collect(),
        &reached.sensitive,
        Narrowing {
            rules: &wanted,
            ..Narrowing::default()
        },
    );
    let covers = covers(rules, &reached.names);
    let uncovered = uncovered(&covers);
    let weaknesses = reached.db.weaknesses(&built.catalog, &built.hidden).await;
    let weaknesses = weaknesses.unwrap_or_else(|_| vec![unknown_rights()]);
    let weaknesses = weaknesses.into_iter();
    let unserved = unserved(&built.catalog);
    let models = built.catalog.models().iter();
    let missing = built.missing.into_iter();
    Ok(Probe {
        models: models
            .map(|model| (model.name().to_owned(), model.fields().len()))
            .collect(),
        missing: missing
            .map(|missing| (missing.name, missing.reason))
            .collect(),
        hidden: built.hidden,
        covers,
        unrelated,
        weaknesses: weaknesses
            .chain(unguarded)
            .chain(unserved)
            .chain(idle)
            .chain(uncovered)
            .collect(),
    })
}

/// What the role of the service's own database could do beyond reading what its policy serves, and
/// what of the configuration hides nothing.
pub(crate) async fn own_weaknesses(db: &Db, policy: &Policy) -> Vec<Advice> {
    let own = policy.exposed.first();
    let Some((own, (built, judged))) = own.and_then(|own| Some((own, own.built()?))) else {
        return Vec::new();
    };
    let found = db.weaknesses(&built.catalog, &built.hidden).await;
    let mut all = idle::weaknesses(judged.judged(), &own.sensitive());
    all.extend(unserved(&built.catalog));
    all.extend(found.unwrap_or_else(|_| vec![unknown_rights()]));
    all
}

/// The weakness of a role whose rights could not be read.
fn unknown_rights() -> Advice {
    Advice::new(
        "the rights of the database's role could not be read",
        "MCP_LOG=debug shows more",
    )
}

/// The tables that show the role every row, though the database is told whom it shows them to. What
/// a view shows is not known here.
fn unguarded<'t>(tables: impl Iterator<Item = &'t Table>) -> Option<Advice> {
    let open = tables.filter(|table| table.kind != Kind::View && !table.secured);
    let open: Vec<String> = open.map(|table| table.name.to_string()).collect();
    (!open.is_empty()).then(|| {
        Advice::new(
            format!(
                "row security does not hold the role back from {}",
                open.join(", ")
            ),
            "ALTER TABLE … ENABLE ROW LEVEL SECURITY, and read by a role that neither owns the \
               table nor passes by it",
        )
    })
}
