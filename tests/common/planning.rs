//! The way from a request to the statements of every dialect, without a database; it is the library
//! of the targets in `fuzz/`, and is tried by the seeded fuzz as well.

use std::sync::{Arc, LazyLock, OnceLock};

use lucarne::app;
use lucarne::config;
use lucarne::error::Error;
use lucarne::observe::Metrics;
use lucarne::plan::{self, ReadPlan};
use lucarne::policy::{Access, Policy};
use lucarne::protocol::{Action, Object};
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect};

/// The token that the policy lets in.
pub const TOKEN: &str = "first-token-of-the-tests";

/// What the statements share.
static SHAPES: LazyLock<Shapes> = LazyLock::new(Shapes::default);

/// The policy of the token, made once.
pub fn policy() -> &'static Policy {
    static POLICY: OnceLock<Arc<Policy>> = OnceLock::new();
    POLICY.get_or_init(|| Arc::clone(&shared().shared))
}

/// Who is let in, made once.
pub fn shared() -> Arc<Access> {
    static SHARED: OnceLock<Arc<Access>> = OnceLock::new();
    SHARED
        .get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("shop.db");
            { runtime }.enable_all().build().unwrap().block_on(async {
                lucarne::sample::create_sqlite(&path).await.unwrap();
                let url = format!("sqlite:{}", path.display());
                let variables = [
                    ("MCP_ENABLED", "true"),
                    ("MCP_TOKEN", TOKEN),
                    ("DATABASE_URL", &url),
                    (
                        "MCP_CURSOR_KEY",
                        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
                    ),
                ];
                let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
                let config = config::load(owned).unwrap();
                let opened = app::open(&config, Arc::new(Metrics::default())).await;
                opened.unwrap().service.access()
            })
        })
        .clone()
}

/// Plans a read of several rows, and writes it in every dialect.
///
/// # Errors
/// What the client is told.
pub fn planned(action: Action, model: &str, params: &Object<'_>) -> Result<(), Error> {
    let plan = plan(action, model, params)?;
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql] {
        let mut statements = sql::rows(&plan, dialect, 100_000, &SHAPES);
        statements.push(sql::count(&plan, dialect));
        statements.extend(sql::estimated(&plan, dialect));
        for statement in statements {
            let text = &statement.text;
            let reads = text.starts_with("SELECT ") || text.starts_with("EXPLAIN ");
            assert!(reads && !text.contains(';'), "{text}");
            for hidden in ["password_hash", "api_key", "totp_secret"] {
                assert!(!text.contains(hidden), "{text}");
            }
        }
    }
    Ok(())
}

/// Plans a read of several rows.
///
/// # Errors
/// What the client is told.
pub fn plan(action: Action, model: &str, params: &Object<'_>) -> Result<ReadPlan<'static>, Error> {
    let policy = policy();
    let catalog = policy.own().unwrap();
    let model = catalog.model(model).unwrap();
    plan::rows(
        action,
        params,
        model,
        catalog,
        &policy.settings.limits,
        &policy.settings.cursors,
    )
}
