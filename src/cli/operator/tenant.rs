//! `lucarne tenant`: who has tokens, databases and rows of their own.

use chrono::Utc;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{LimitArguments, confirm, print_list, print_record};
use crate::admin::{DatabaseView, TenantPatch, TenantView, TokenView, find};
use crate::cli::failure::Failure;
use crate::cli::text::{counted, visible};
use crate::cli::{operator, output};
use crate::store::{Contents, NewTenant, RowRule, Tenant};

/// Examples of the command, shown in its help and run by a test.
pub(crate) const EXAMPLES: &str = "\
Examples:
  lucarne tenant create globex --rows 'tickets.company_id = 7'
  lucarne tenant list
  lucarne tenant show acme
  lucarne tenant deactivate acme";

const CREATE_EXAMPLES: &str = "\
Examples:
  lucarne tenant create globex --description 'The company Globex'
  lucarne tenant create globex --rows 'tickets.company_id in (7, 8)'
  lucarne tenant create globex --rate-limit 600 --rows-per-day 100000";

const LIST_EXAMPLES: &str = "\
Examples:
  lucarne tenant list
  lucarne tenant list --json";

const SHOW_EXAMPLES: &str = "\
Examples:
  lucarne tenant show acme
  lucarne tenant show acme --json";

const UPDATE_EXAMPLES: &str = "\
Examples:
  lucarne tenant update acme --rows 'tickets.company_id = 42'
  lucarne tenant update acme --rate-limit none
  lucarne tenant update acme --all-rows";

const ACTIVATE_EXAMPLES: &str = "\
Examples:
  lucarne tenant activate acme";

const DEACTIVATE_EXAMPLES: &str = "\
Examples:
  lucarne tenant deactivate acme";

const REMOVE_EXAMPLES: &str = "\
Examples:
  lucarne tenant remove acme --yes";

/// What to do with tenants.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make a tenant
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// List the tenants
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a tenant with its databases and tokens
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// Its name or id
        tenant: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change a tenant
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Let the tokens of a tenant in
    #[command(after_help = ACTIVATE_EXAMPLES)]
    Activate {
        /// Its name or id
        tenant: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let the tokens of a tenant in no more, and close their sockets
    #[command(after_help = DEACTIVATE_EXAMPLES)]
    Deactivate {
        /// Its name or id
        tenant: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a tenant with its databases and tokens
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// Its name or id
        tenant: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// Its name, which no other tenant has
    name: String,
    /// What it is, for people
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Rows that its tokens see: "tickets.company_id = 42", "notes: all"; several are joined by AND
    #[arg(long, value_name = "RULE")]
    rows: Vec<RowRule>,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Update {
    /// Its name or id
    tenant: String,
    /// Another name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What it is, for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Rows that its tokens see, in the place of all rules before
    #[arg(long, value_name = "RULE")]
    rows: Vec<RowRule>,
    /// Its tokens see all rows
    #[arg(long, conflicts_with = "rows")]
    all_rows: bool,
    #[command(flatten)]
    limits: LimitArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A tenant with what it has.
#[derive(Serialize)]
struct TenantRecords {
    #[serde(flatten)]
    tenant: TenantView,
    databases: Vec<DatabaseView>,
    tokens: Vec<TokenView>,
}

/// Does what was asked.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.task {
        Task::Create(create) => self::create(create),
        Task::List { json } => list(json),
        Task::Show { tenant, json } => show(&tenant, json),
        Task::Update(update) => self::update(update),
        Task::Activate { tenant, json } => set_active(&tenant, true, json),
        Task::Deactivate { tenant, json } => set_active(&tenant, false, json),
        Task::Remove { tenant, yes } => remove(&tenant, yes),
    }
}

fn create(create: Create) -> Result<(), Failure> {
    let input = NewTenant {
        name: create.name,
        description: create.description,
        limits: create.limits.limits(),
        rows: create.rows,
    };
    let made = operator::change(async |admin| Ok(admin.create_tenant(input).await?))?;
    print_record(&made, create.json)
}

fn list(json: bool) -> Result<(), Failure> {
    let contents = operator::contents()?;
    let tenants: Vec<_> = contents.tenants.iter().map(TenantView::new).collect();
    print_list(&tenants, json, "no tenants")
}

fn show(name: &str, json: bool) -> Result<(), Failure> {
    let contents = operator::contents()?;
    let whole = whole(&contents, find::tenant(&contents, name)?);
    if json {
        return output::data(&operator::as_json(&whole)?);
    }
    print_record(&whole.tenant, false)?;
    output::data("\ndatabases")?;
    print_list(&whole.databases, false, "none of its own")?;
    output::data("\ntokens")?;
    print_list(&whole.tokens, false, "none")
}

fn whole(contents: &Contents, tenant: &Tenant) -> TenantRecords {
    let databases = contents.databases.iter();
    let tokens = contents.tokens.iter();
    let now = Utc::now();
    TenantRecords {
        tenant: TenantView::new(tenant),
        databases: databases
            .filter(|database| database.tenant == tenant.id)
            .map(|database| DatabaseView::new(database, contents))
            .collect(),
        tokens: tokens
            .filter(|token| token.tenant == tenant.id)
            .map(|token| TokenView::new(token, contents, now))
            .collect(),
    }
}

fn update(update: Update) -> Result<(), Failure> {
    let patch = TenantPatch {
        name: update.name,
        description: update.description,
        active: None,
        limits: update.limits.patch(),
        rows: (update.all_rows || !update.rows.is_empty()).then_some(update.rows),
    };
    let changed =
        operator::change(async |admin| Ok(admin.update_tenant(&update.tenant, patch).await?))?;
    print_record(&changed, update.json)?;
    operator::advise(&changed.id, None).map(|_| ())
}

fn set_active(tenant: &str, active: bool, json: bool) -> Result<(), Failure> {
    let patch = TenantPatch {
        active: Some(active),
        ..TenantPatch::default()
    };
    let changed = operator::change(async |admin| Ok(admin.update_tenant(tenant, patch).await?))?;
    print_record(&changed, json)
}

fn remove(name: &str, yes: bool) -> Result<(), Failure> {
    let contents = operator::contents()?;
    let whole = whole(&contents, find::tenant(&contents, name)?);
    let what = format!(
        "remove tenant {} with {} and {}",
        whole.tenant.name,
        counted(whole.databases.len(), "database"),
        counted(whole.tokens.len(), "token")
    );
    confirm(&what, yes)?;
    let id = &whole.tenant.id;
    operator::change(async |admin| Ok(admin.remove_tenant(id).await?))?;
    let name = &whole.tenant.name;
    output::data(&format!("removed: {name}"))?;
    output::words(format!(
        "nothing of {} is left in the store. Its name stays in the audit, for as long as you keep \
         that, and what it had in the backups that were made before",
        visible(name)
    ));
    Ok(())
}
