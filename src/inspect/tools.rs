//! Which tools of the operator a token may call, and which rule says so.

use super::explain::{ModelAccess, Verdict, verdict};
use crate::auth::{Scope, Scopes};
use crate::policy::{Permissions, Written, WrittenTools, dialect_of};
use crate::store::{Database, RowRule, Token};

/// Explains each tool, by the databases of the token's tenant in their turn and by what is seen of
/// them.
pub(super) fn explain(
    token: &Token,
    tools: &WrittenTools,
    databases: &[&Database],
    models: &[ModelAccess],
    rules: &[RowRule],
) -> Vec<Verdict> {
    let told = tools.all().map(|written| {
        let judged = by_token(token, written).and_then(|by| {
            by_database(written, databases, models, rules)?;
            Ok(by)
        });
        let (allowed, why) = match judged {
            Ok(why) => (true, why),
            Err(why) => (false, why),
        };
        verdict(&written.tool.name, allowed, why)
    });
    told.collect()
}

/// The scope by which a token may call a tool, or what keeps it back.
fn by_token(token: &Token, written: &Written) -> Result<String, String> {
    let scopes = Scopes::named(token.scopes.iter().map(String::as_str));
    let may = Permissions::new(scopes, None);
    let wanted = &written.tool.scopes;
    if !written.is_open_to(may, &token.scopes) {
        return Err(match wanted.is_empty() {
            true => format!("the scope {} is missing", Scope::Tools),
            false => format!(
                "the scope {} is missing, or {}",
                Scope::Tools,
                wanted.join(" or ")
            ),
        });
    }
    let given = token.tools.as_ref();
    if given.is_some_and(|given| !given.contains(&written.tool.name)) {
        return Err("it is not among the token's tools".to_owned());
    }
    let own = wanted.iter().find(|scope| token.scopes.contains(scope));
    let by = match scopes.has(Scope::Tools) {
        true => Scope::Tools.name(),
        false => own.map_or("", String::as_str),
    };
    Ok(format!("the scope {by}"))
}

/// What keeps a tool back in the database that it reads.
fn by_database(
    written: &Written,
    databases: &[&Database],
    models: &[ModelAccess],
    rules: &[RowRule],
) -> Result<(), String> {
    let mut databases = databases.iter();
    let database = match &written.tool.database {
        None => databases.next().ok_or("the tenant has no database")?,
        Some(name) => {
            let found = databases.find(|database| database.name == *name);
            found.ok_or_else(|| format!("the tenant has no database {name}"))?
        }
    };
    if written.tool.reads.is_some() && (!rules.is_empty() || database.row_security) {
        return Err("it reads the database itself, and the token sees some rows alone".to_owned());
    }
    let dialect = dialect_of(database).ok_or("the database cannot be told")?;
    let read = written.models(dialect);
    let read = read.ok_or("its SQL is none of that database")?;
    let is_seen = |name: &&String| {
        let mut models = models.iter();
        models.any(|model| {
            model.verdict.allowed
                && model.verdict.name == **name
                && model.database.as_deref() == Some(&database.name)
        })
    };
    match read.iter().find(|name| !is_seen(name)) {
        Some(name) => Err(format!("it reads {name}, which the token does not see")),
        None => Ok(()),
    }
}
