//! `lucarne database`: the databases of tenants, whose URLs are kept sealed.

use clap::{Args, Subcommand};

use super::{Of, confirm, print_list, print_record, secret};
use crate::admin::{DatabasePatch, DatabaseView, Reference, find};
use crate::advice::Advice;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::text::counted;
use crate::cli::{operator, output};
use crate::config;
use crate::egress::Reach;
use crate::inspect::{self, Cover, Probe};
use crate::policy::Unread;
use crate::store::NewDatabase;

/// Examples of the command, shown in its help and run by a test.
pub(crate) const EXAMPLES: &str = "\
Examples:
  echo sqlite:shop.db | lucarne database add new --tenant acme --models users
  lucarne database list
  lucarne database test shop";

const ADD_EXAMPLES: &str = "\
Examples:
  echo sqlite:shop.db | lucarne database add new --tenant acme --models users
  lucarne database add new --tenant acme --models users --url-env DATABASE_URL
  lucarne database add new sqlite:shop.db --tenant acme --models users,tickets";

/// The whole one would be too wide.
const ADD_USAGE: &str = "lucarne database add --tenant <TENANT> --models <LIST> <NAME> [URL]";

const LIST_EXAMPLES: &str = "\
Examples:
  lucarne database list
  lucarne database list --tenant acme --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  lucarne database show shop";

const TEST_EXAMPLES: &str = "\
Examples:
  lucarne database test shop
  lucarne database test shop --tenant acme --json";

const UPDATE_EXAMPLES: &str = "\
Examples:
  lucarne database update shop --models users,tickets --hidden users.phone
  echo sqlite:shop.db | lucarne database update shop --url";

const REMOVE_EXAMPLES: &str = "\
Examples:
  lucarne database remove shop --yes";

const RESEAL_EXAMPLES: &str = "\
Examples:
  lucarne database reseal --yes";

/// What to do with databases.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Give a tenant a database
    #[command(after_help = ADD_EXAMPLES, override_usage = ADD_USAGE)]
    Add(Add),
    /// List the databases of tenants
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Of this tenant alone
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a database, without user and password
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Its name or id
        database: String,
        #[command(flatten)]
        of: Of,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Connect to a database, and tell what of it is served
    #[command(after_help = TEST_EXAMPLES)]
    Test {
        /// Its name or id
        database: String,
        #[command(flatten)]
        of: Of,
        /// End with exit code 1 when there are warnings
        #[arg(long)]
        strict: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a database
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Remove a database from its tenant; the database itself is not touched
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// Its name or id
        database: String,
        #[command(flatten)]
        of: Of,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Seal every URL with MCP_ENCRYPTION_KEY of now
    #[command(after_help = RESEAL_EXAMPLES)]
    Reseal {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Its name, which no other database of the tenant has
    name: String,
    /// As DATABASE_URL; asked for without it. Other users of the machine see an argument in ps
    url: Option<String>,
    /// The tenant, by name or id
    #[arg(long)]
    tenant: String,
    /// Tables and views to expose, as MCP_ALLOWED_MODELS
    #[arg(long, value_name = "LIST")]
    models: String,
    /// More sensitive fields, as MCP_HIDDEN_FIELDS
    #[arg(long, value_name = "LIST", default_value = "")]
    hidden: String,
    /// Fields that a built-in rule hides wrongly, as MCP_REVEAL_FIELDS
    #[arg(long, value_name = "LIST", default_value = "")]
    reveal: String,
    /// Keys between models that it does not tell of itself, as MCP_RELATIONS
    #[arg(long, value_name = "LIST", default_value = "")]
    relations: String,
    /// It is behind a transaction pooler
    #[arg(long)]
    pgbouncer: bool,
    /// Each transaction names token and tenant, for PostgreSQL's row security
    #[arg(long)]
    row_security: bool,
    /// Take the URL from this variable
    #[arg(long, value_name = "VARIABLE", conflicts_with = "url")]
    url_env: Option<String>,
    /// End with exit code 1 when there are warnings
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Update {
    /// Its name or id
    database: String,
    #[command(flatten)]
    of: Of,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Ask for another URL, or read it from standard input
    #[arg(long)]
    url: bool,
    /// Take another URL from this variable
    #[arg(long, value_name = "VARIABLE")]
    url_env: Option<String>,
    /// Tables and views to expose, as MCP_ALLOWED_MODELS
    #[arg(long, value_name = "LIST")]
    models: Option<String>,
    /// More sensitive fields, as MCP_HIDDEN_FIELDS
    #[arg(long, value_name = "LIST")]
    hidden: Option<String>,
    /// Fields that a built-in rule hides wrongly, as MCP_REVEAL_FIELDS
    #[arg(long, value_name = "LIST")]
    reveal: Option<String>,
    /// Keys between models that it does not tell of itself, as MCP_RELATIONS
    #[arg(long, value_name = "LIST")]
    relations: Option<String>,
    /// Whether it is behind a transaction pooler
    #[arg(long)]
    pgbouncer: Option<bool>,
    /// Whether each transaction names token and tenant, for row security
    #[arg(long)]
    row_security: Option<bool>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Does what was asked.
pub(crate) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.task {
        Task::Add(add) => return self::add(add),
        Task::List { tenant, json } => list(tenant.as_deref(), json),
        Task::Show { database, of, json } => show(&database, &of, json),
        Task::Test {
            database,
            of,
            strict,
            json,
        } => return test(&database, &of, strict, json),
        Task::Update(update) => self::update(update),
        Task::Remove { database, of, yes } => remove(&database, &of, yes),
        Task::Reseal { yes } => reseal(yes),
    }
    .map(|()| Exit::Success)
}

const URL: &str = "URL of the database";

fn add(add: Add) -> Result<Exit, Failure> {
    let input = NewDatabase {
        url: secret(URL, add.url.as_deref(), add.url_env.as_deref())?,
        name: add.name,
        models: add.models,
        hidden: add.hidden,
        reveal: add.reveal,
        relations: add.relations,
        pgbouncer: add.pgbouncer,
        row_security: add.row_security,
        guarded: false,
    };
    let added = operator::change(async |admin| {
        // Two keys in one store would be one too many.
        admin.store.check_keys().await?;
        Ok(admin.add_database(&add.tenant, input).await?)
    })?;
    print_record(&added, add.json)?;
    if !add.json {
        tell_covers(&added.id)?;
    }
    let weak = is_amiss(&added)? | operator::advise(&added.tenant_id, None)?;
    Ok(judged(weak && add.strict))
}

/// Whether a database that was added or changed cannot be read, or not as it is given, which is told.
fn is_amiss(database: &DatabaseView) -> Result<bool, Failure> {
    let (name, probed) = probe(Reference {
        text: &database.id,
        tenant: None,
    })?;
    let amiss = match probed {
        Ok(probed) => probed.unrelated,
        Err(Unread { fault, .. }) => Some(fault),
    };
    if let Some(advice) = &amiss {
        operator::warn(&Advice::about(name, advice.text(), advice.help.clone()));
    }
    Ok(amiss.is_some())
}

fn judged(is_bad: bool) -> Exit {
    match is_bad {
        true => Exit::Bad,
        false => Exit::Success,
    }
}

/// Looks at a database, as the service would read it.
fn probe(of: Reference<'_>) -> Result<(String, Result<Probe, Unread>), Failure> {
    operator::read(async |store, config| {
        let contents = store.contents().await.map_err(operator::unread)?;
        let database = find::database(&contents, of)?;
        let reach = Reach::new(config.admin.places.clone());
        let tenant = find::tenant(&contents, database.tenant.as_str())?;
        let probed =
            inspect::probe(database, &tenant.rows, &reach, config.limits.query_timeout).await;
        Ok((database.name.clone(), probed))
    })
}

fn list(tenant: Option<&str>, json: bool) -> Result<(), Failure> {
    let contents = operator::contents()?;
    let of = tenant
        .map(|name| find::tenant(&contents, name))
        .transpose()?;
    let databases = contents.databases.iter();
    let databases = databases.filter(|it| of.is_none_or(|of| it.tenant == of.id));
    let views: Vec<_> = databases
        .map(|database| DatabaseView::new(database, &contents))
        .collect();
    print_list(&views, json, "no databases")
}

fn show(database: &str, of: &Of, json: bool) -> Result<(), Failure> {
    let contents = operator::contents()?;
    let database = find::database(&contents, of.reference(database))?;
    print_record(&DatabaseView::new(database, &contents), json)
}

fn test(database: &str, of: &Of, strict: bool, json: bool) -> Result<Exit, Failure> {
    let (name, probed) = probe(of.reference(database))?;
    let probed = probed.map_err(|Unread { fault, .. }| {
        Failure::unable(format!("{name}: {}", fault.text()))
            .help(fault.help)
            .exiting(Exit::Bad)
    })?;
    if json {
        output::data(&operator::as_json(&found(&probed))?)?;
    } else {
        output::data(&told(&name, &probed))?;
    }
    let contents = operator::contents()?;
    let tenant = &find::database(&contents, of.reference(database))?.tenant;
    let weak = probed.warnings().next().is_some() | operator::advise(tenant.as_str(), None)?;
    Ok(judged(probed.models.is_empty() || weak && strict))
}

fn found(probed: &Probe) -> serde_json::Value {
    let models = probed.models.iter();
    let missing = probed.missing.iter();
    let weaknesses: Vec<&Advice> = probed.warnings().collect();
    serde_json::json!({
        "models": models.map(|(name, fields)| serde_json::json!({"name": name, "fields": fields}))
            .collect::<Vec<_>>(),
        "hidden": probed.hidden.len(),
        "rules": probed.covers,
        "missing": missing.map(|(name, why)| serde_json::json!({"name": name, "reason": why}))
            .collect::<Vec<_>>(),
        "warnings": weaknesses,
    })
}

fn told(name: &str, probed: &Probe) -> String {
    let served = probed
        .models
        .iter()
        .map(|(model, fields)| format!("{model} ({})", counted(*fields, "field")));
    let served: Vec<String> = served.collect();
    let mut lines = vec![match served.is_empty() {
        true => format!("{name} answers, and serves nothing"),
        false => format!("{name} answers and serves {}", served.join(", ")),
    }];
    if !probed.hidden.is_empty() {
        lines.push(format!("hidden: {}", counted(probed.hidden.len(), "field")));
    }
    lines.extend(covered(&probed.covers));
    for (model, why) in &probed.missing {
        lines.push(format!("not served: {model}: {why}"));
    }
    for weakness in probed.warnings() {
        lines.push(format!("warning: {}", weakness.line()));
    }
    lines.join("\n")
}

/// A line for each model that rules reach.
fn covered(covers: &[Cover]) -> impl Iterator<Item = String> {
    let covers = covers.iter().filter(|cover| !cover.rules.is_empty());
    covers.map(|Cover { model, rules }| format!("rows of {model}: {}", rules.join(" and ")))
}

/// Tells which rules of its tenant reach the models of a database, by their names.
fn tell_covers(database: &str) -> Result<(), Failure> {
    let contents = operator::contents()?;
    let found = contents
        .databases
        .iter()
        .find(|it| it.id.as_str() == database);
    let Some(database) = found else {
        return Ok(());
    };
    let tenant = find::tenant(&contents, database.tenant.as_str())?;
    let names = config::model_names("models", &database.models).unwrap_or_default();
    let covers = inspect::covers(&tenant.rows, &names);
    let lines: Vec<String> = covered(&covers).collect();
    match lines.is_empty() {
        true => Ok(()),
        false => output::data(&lines.join("\n")),
    }
}

fn update(update: Update) -> Result<(), Failure> {
    let url = match (update.url, &update.url_env) {
        (false, None) => None,
        (_, variable) => Some(secret(URL, None, variable.as_deref())?),
    };
    let patch = DatabasePatch {
        name: update.name,
        url,
        models: update.models,
        hidden: update.hidden,
        reveal: update.reveal,
        relations: update.relations,
        pgbouncer: update.pgbouncer,
        row_security: update.row_security,
    };
    let is_related = patch.relations.is_some();
    let changed = operator::change(async |admin| {
        let reference = update.of.reference(&update.database);
        Ok(admin.update_database(reference, patch).await?)
    })?;
    print_record(&changed, update.json)?;
    if is_related {
        is_amiss(&changed)?;
    }
    operator::advise(&changed.tenant_id, None).map(|_| ())
}

fn remove(database: &str, of: &Of, yes: bool) -> Result<(), Failure> {
    let contents = operator::contents()?;
    let found = find::database(&contents, of.reference(database))?;
    let view = DatabaseView::new(found, &contents);
    confirm(
        &format!("remove database {} of {}", view.name, view.tenant),
        yes,
    )?;
    let reference = Reference {
        text: &view.id,
        tenant: None,
    };
    operator::change(async |admin| Ok(admin.remove_database(reference).await?))?;
    output::data(&format!("removed: {} of {}", view.name, view.tenant))
}

fn reseal(yes: bool) -> Result<(), Failure> {
    confirm(
        "seal every URL with MCP_ENCRYPTION_KEY; each instance must have that key already, and the \
         old one as MCP_ENCRYPTION_KEY_PREVIOUS",
        yes,
    )?;
    let (count, checked) = operator::change(async |admin| {
        let count = admin.reseal().await?;
        Ok((count, admin.store.check_keys().await))
    })?;
    output::data(&format!("sealed anew: {}", counted(count, "URL")))?;
    Ok(checked?)
}
