//! Says what paths and lists cost, beside the same without them and beside SQLite alone.
//!
//! `cargo bench --bench relations`
#![allow(
    clippy::print_stdout,
    reason = "figures on the terminal are what it is for"
)]

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lucarne::app::{self, OpenService};
use lucarne::auth::{Caller, Credential};
use lucarne::config;
use lucarne::observe::Metrics;
use lucarne::protocol::{Object, Read};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

const TOKEN: &str = "a-token-for-this-bench";
/// Requests whose median is told.
const ROUNDS: usize = 400;
/// Sums over all rows whose median is told.
const SUMS: usize = 7;

const SQL: &str = "
    CREATE TABLE shops (id INTEGER PRIMARY KEY, country TEXT);
    CREATE TABLE visitors (id INTEGER PRIMARY KEY, name TEXT, shop_id INTEGER REFERENCES shops (id));
    CREATE TABLE visits (id INTEGER PRIMARY KEY, visitor_id INTEGER REFERENCES visitors (id), units INTEGER);
    WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 100)
    INSERT INTO shops SELECT i, 'country ' || (i % 20) FROM i;
    WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 10000)
    INSERT INTO visitors SELECT i, 'visitor ' || i, i % 100 + 1 FROM i;
    WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 1000000)
    INSERT INTO visits SELECT i, i * 7919 % 10000 + 1, i % 13 FROM i;
    CREATE INDEX by_visitor ON visits (visitor_id);
    CREATE INDEX by_shop ON visitors (shop_id);
";

const OWN_SUM: &str = "SELECT s.country, sum(v.units) FROM visits v \
    LEFT JOIN visitors p ON p.id = v.visitor_id LEFT JOIN shops s ON s.id = p.shop_id \
    WHERE s.country <> 'country 3' GROUP BY s.country ORDER BY s.country";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("visits.db");
    let options = SqliteConnectOptions::new();
    let options = options.filename(&path).create_if_missing(true);
    let mut direct = options.connect().await?;
    sqlx::query(SQL).execute(&mut direct).await?;
    let url = format!("sqlite:{}", path.display());
    let config = config::load(
        [
            ("MCP_ENABLED", "true"),
            ("MCP_TOKEN", TOKEN),
            ("MCP_ALLOWED_MODELS", "visits,visitors,shops"),
            ("DATABASE_URL", &url),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    )?;
    let opened = app::open(&config, Arc::new(Metrics::default()))
        .await
        .map_err(|fault| fault.what)?;
    let caller = Caller::new(
        Credential::of(TOKEN),
        None,
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        "example",
    );
    let plain = json!({"fields": ["id", "units"], "limit": 50});
    for (what, model, params) in [
        ("50 rows", "visits", plain),
        (
            "50 rows with a text of their own",
            "visitors",
            json!({"fields": ["id", "shop_id", "name"], "limit": 50}),
        ),
        (
            "50 rows with a path",
            "visits",
            json!({"fields": ["id", "units", "visitor.name"], "limit": 50}),
        ),
        (
            "50 rows with a count of many",
            "visitors",
            json!({"fields": ["id"], "compute": {"n": {"$count": "visits"}}, "limit": 50}),
        ),
        (
            "50 rows with lists of 10",
            "visitors",
            json!({"fields": ["id"], "include": {"visits": {"fields": ["id"]}}, "limit": 50}),
        ),
        (
            "50 rows of some without any",
            "visitors",
            json!({"fields": ["id"], "filters": {"visits": {"$none": {"units": 12, "id": {"$lte": 120_000}}}}, "limit": 50}),
        ),
    ] {
        let time = median(ROUNDS, async || ask(&opened, &caller, model, &params).await).await?;
        println!("{what:>32}: {time:?}");
    }
    let sum = json!({"group_by": ["visitor.shop.country"], "aggregate": {"n": {"$sum": "units"}},
        "filters": {"visitor.shop.country": {"$ne": "country 3"}}});
    let ours = median(SUMS, async || ask(&opened, &caller, "visits", &sum).await).await?;
    let own = median(SUMS, async || {
        sqlx::query(OWN_SUM).fetch_all(&mut direct).await?;
        Ok(())
    })
    .await?;
    let ratio = ours.as_secs_f64() / own.as_secs_f64();
    println!(
        "a sum by a path of two over a million rows: {ours:?}, by SQLite alone {own:?}: {ratio:.2}"
    );
    direct.close().await?;
    Ok(())
}

/// The median of how long something takes.
async fn median(
    times: usize,
    mut work: impl AsyncFnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        work().await?;
        all.push(begun.elapsed());
    }
    all.sort_unstable();
    Ok(all[times / 2])
}

async fn ask(
    opened: &OpenService,
    caller: &Caller,
    model: &str,
    params: &Value,
) -> Result<(), Box<dyn Error>> {
    let params = params.to_string();
    let object = Object::parse(&params).ok_or("no object")?;
    let read = Read {
        tool: None,
        action: "query",
        model: Some(model),
        params: &object,
    };
    let answer = opened.service.answer(caller, &read, b"{".to_vec()).await?;
    match answer.rows {
        0 => Err("an answer without rows".into()),
        _ => Ok(()),
    }
}
