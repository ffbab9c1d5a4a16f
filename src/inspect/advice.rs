//! What is likely meant otherwise in the rules of a tenant or token: names that are nowhere, and
//! models that the rules leave out.

use std::time::Duration;

use tokio::time::timeout;

use super::{covers, uncovered};
use crate::advice::Advice;
use crate::auth::Scope;
use crate::catalog::{self, Narrowing, WantedRule};
use crate::config::ModelName;
use crate::egress::Reach;
use crate::policy::databases::Reached;
use crate::policy::directory::{astray, listed, names_it, wanted};
use crate::store::{Contents, Database, RowRule, Tenant, Token};
use crate::suggest;

/// What one database may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the fields of rules are looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Where<'w> {
    /// Where databases of the admin API may be.
    pub reach: &'w Reach,
    /// What a statement may take.
    pub query_timeout: Duration,
}

/// What to look at again in a tenant's rules, and in what one of its tokens is given beside them.
///
/// A database with rules is connected to; what does not answer in time is told as a warning too.
pub(crate) async fn advice(
    contents: &Contents,
    tenant: &Tenant,
    token: Option<&Token>,
    at: Where<'_>,
) -> Vec<Advice> {
    let databases = contents.databases.iter();
    let databases: Vec<&Database> = databases.filter(|it| it.tenant == tenant.id).collect();
    let slips = token.into_iter().flat_map(slips);
    // Without a database nothing is seen, and no name of one can be misspelt yet.
    if databases.is_empty() {
        return slips.collect();
    }
    let of_token = token.map(|token| token.rows.as_slice()).unwrap_or_default();
    let rules: Vec<RowRule> = tenant.rows.iter().chain(of_token).cloned().collect();
    let mut found: Vec<Advice> = slips.collect();
    found.extend(by_names(tenant, token, &rules, &databases));
    for database in databases {
        let about = |name: &ModelName| rules.iter().any(|rule| name.may_begin(&rule.model));
        if listed(database).iter().any(about) {
            let read = timeout(PATIENCE, by_fields(database, &rules, at)).await;
            found.extend(read.unwrap_or_else(|_| vec![unread(database, "no answer in time")]));
        }
    }
    found
}

/// Scopes that only tools ask for, and that are likely meant for one that there is.
fn slips(token: &Token) -> impl Iterator<Item = Advice> {
    let own = token
        .scopes
        .iter()
        .filter(|name| Scope::parse(name).is_none());
    own.filter_map(|name| {
        let meant = suggest::nearest(name, Scope::ALL.map(Scope::name))?;
        Some(Advice::new(
            format!("the scope {name} lets call the tools that ask for it, and nothing else"),
            format!("did you mean {meant}?"),
        ))
    })
}

/// What the names alone tell.
fn by_names(
    tenant: &Tenant,
    token: Option<&Token>,
    rules: &[RowRule],
    databases: &[&Database],
) -> Vec<Advice> {
    let all: Vec<Vec<ModelName>> = databases.iter().map(|it| listed(it)).collect();
    let names: Vec<ModelName> = all.concat();
    let of = &tenant.name;
    let help = |name: &str| match suggest::nearest(name, names.iter().map(|it| &*it.exposed)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => {
            let all: Vec<&str> = names.iter().map(|it| &*it.exposed).collect();
            format!("its databases list {}", all.join(", "))
        }
    };
    let astray = astray(rules, &all).into_iter().map(|model| Advice::new(format!(
            "a row rule is about {model}, which no database of {of} lists: nothing is served to \
             whom it is for"
        ), help(model)));
    let seen = token.and_then(|token| token.models.as_deref());
    let nowhere = seen.unwrap_or_default().iter();
    let nowhere = nowhere.filter(|model| !names.iter().any(|name| names_it(model, name)));
    let nowhere = nowhere.map(|model| {
        Advice::new(
            format!("the token's models name {model}, which no database of {of} lists"),
            help(model),
        )
    });
    let is_seen = |name: &&ModelName| {
        seen.is_none_or(|models| models.iter().any(|model| names_it(model, name)))
    };
    let bare: Vec<ModelName> = names.iter().filter(is_seen).cloned().collect();
    let bare = uncovered(&covers(rules, &bare)).map(|weakness| weakness.of(of));
    astray.chain(nowhere).chain(bare).collect()
}

/// What the tables of a database tell of rules about them.
async fn by_fields(database: &Database, rules: &[RowRule], at: Where<'_>) -> Vec<Advice> {
    let reached = Reached::new(database, at.reach, 1, at.query_timeout, None).await;
    let read = match &reached {
        Ok(reached) => reached.tables().await.map_err(|unread| unread.fault.text()),
        Err(fault) => Err(fault.text()),
    };
    let (Ok(reached), Ok(tables)) = (&reached, &read) else {
        return vec![unread(database, read.as_ref().err().map_or("", |it| it))];
    };
    let wanted: Vec<WantedRule<'_>> = rules.iter().filter_map(wanted).collect();
    let (tables, _) = reached.related(tables.clone());
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
    let missing = built.missing.into_iter();
    missing
        .map(|missing| {
            Advice::new(
                format!("{} is not served: {}", missing.name, missing.reason),
                "mend the rule or the list of models",
            )
        })
        .collect()
}

fn unread(database: &Database, why: &str) -> Advice {
    Advice::new(
        format!(
            "{} cannot be read, so that its rules could not be compared: {why}",
            database.name
        ),
        format!("lucarne database test {} says more", database.name),
    )
}
