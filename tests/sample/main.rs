//! The sample database: what it holds, that it is made once, that all engines hold the same rows.
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows test functions, not the functions they call"
)]

#[path = "../common/mod.rs"]
mod common;

use std::{collections::BTreeMap, fs, path::Path};

use lucarne::sample::{SampleError, SampleState, create_sqlite, load};
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions,
};

/// How the values of a column are written and compared.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Number,
    Boolean,
    Date,
    Moment,
    Json,
}
use Kind::{Boolean, Date, Json, Moment, Number, Text};

const TABLES: [(&str, &[(&str, Kind)]); 3] = [
    (
        "users",
        &[
            ("id", Number),
            ("email", Text),
            ("first_name", Text),
            ("last_name", Text),
            ("role", Text),
            ("is_super_admin", Boolean),
            ("is_active", Boolean),
            ("company", Text),
            ("locale", Text),
            ("timezone", Text),
            ("preferences", Json),
            ("created_at", Moment),
            ("last_login_at", Moment),
            ("password_hash", Text),
            ("totp_secret", Text),
            ("api_key", Text),
            ("auth_token", Text),
        ],
    ),
    (
        "tickets",
        &[
            ("id", Number),
            ("title", Text),
            ("body", Text),
            ("status", Text),
            ("priority", Text),
            ("user_id", Number),
            ("assignee_id", Number),
            ("tags", Json),
            ("custom_fields", Json),
            ("amount", Number),
            ("satisfaction", Number),
            ("is_escalated", Boolean),
            ("due_on", Date),
            ("created_at", Moment),
            ("updated_at", Moment),
            ("closed_at", Moment),
            ("webhook_secret", Text),
        ],
    ),
    (
        "change_log",
        &[
            ("id", Number),
            ("ticket_id", Number),
            ("user_id", Number),
            ("action", Text),
            ("field", Text),
            ("old_value", Text),
            ("new_value", Text),
            ("payload", Json),
            ("created_at", Moment),
        ],
    ),
];

/// The columns that must never be shown, and the members inside JSON.
const SENSITIVE: [&str; 8] = [
    "password_hash",
    "totp_secret",
    "api_key",
    "auth_token",
    "webhook_secret",
    "password",
    "token",
    "client_secret",
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
    Sqlite,
    Postgres,
    MySql,
}

/// A cell in a form that is the same for the same meaning.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Null,
    Text(String),
    /// In hundredths, which every number of the sample has exactly.
    Hundredths(i64),
    Json(Value),
}

type Dump = BTreeMap<&'static str, Vec<Vec<Cell>>>;

/// A SELECT of one table with every column as text in the same notation on all engines.
fn select(engine: Engine, table: &str, columns: &[(&str, Kind)]) -> String {
    let list: Vec<String> = columns
        .iter()
        .map(|&(name, kind)| match (engine, kind) {
            (Engine::Sqlite, _) => format!("CAST({name} AS TEXT)"),
            (Engine::Postgres, Boolean) => format!("CAST(CAST({name} AS integer) AS text)"),
            (Engine::Postgres, Moment) => {
                format!(r#"to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"#)
            }
            (Engine::Postgres, _) => format!("CAST({name} AS text)"),
            (Engine::MySql, Moment) => format!("DATE_FORMAT({name}, '%Y-%m-%dT%H:%i:%sZ')"),
            (Engine::MySql, _) => format!("CAST({name} AS CHAR)"),
        })
        .collect();
    // The table is named, for a plain id would be the text of the list above.
    format!(
        "SELECT {} FROM {table} ORDER BY {table}.id",
        list.join(", ")
    )
}

fn cell(kind: Kind, text: Option<String>) -> Cell {
    let Some(text) = text else { return Cell::Null };
    match kind {
        Text | Boolean | Date | Moment => Cell::Text(text),
        Number => {
            let hundredths = text.parse::<f64>().unwrap() * 100.0;
            assert!((hundredths - hundredths.round()).abs() < 1e-6, "{text}");
            Cell::Hundredths(hundredths.round() as i64)
        }
        Json => Cell::Json(serde_json::from_str(&text).unwrap()),
    }
}

macro_rules! dump {
    ($engine:expr, $connection:expr) => {{
        let mut dump = Dump::new();
        for (table, columns) in TABLES {
            let sql = select($engine, table, columns);
            let rows = sqlx::query(AssertSqlSafe(sql))
                .fetch_all(&mut $connection)
                .await
                .unwrap();
            let cells = rows.iter().map(|row| {
                let kinds = columns.iter().enumerate();
                kinds
                    .map(|(at, &(_, kind))| cell(kind, sqlx::Row::get(row, at)))
                    .collect()
            });
            dump.insert(table, cells.collect());
        }
        dump
    }};
}

mod servers;

async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .connect()
        .await
        .unwrap()
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

async fn made() -> (tempfile::TempDir, std::path::PathBuf, SampleState) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.db");
    let created = create_sqlite(&path).await.unwrap();
    (folder, path, created)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_file_holds_sound_rows() {
    let (folder, path, created) = made().await;
    assert!(created.made);
    assert_eq!(names(folder.path()), ["sample.db"]);
    let mut db = open(&path).await;
    for (table, rows) in created.rows {
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut db)
            .await
            .unwrap();
        assert_eq!(u64::try_from(count).unwrap(), rows, "{table}");
    }
    assert_eq!(created.rows[0], ("users", 200));
    assert_eq!(created.rows[1], ("tickets", 4000));
    assert!((9_000..10_000).contains(&created.rows[2].1));
    for (table, rows) in created.rows {
        let line = format!("| `{table}` | {rows} |");
        assert!(
            include_str!("../../docs/sample.md").contains(&line),
            "{line}"
        );
    }

    let integrity: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(integrity, "ok");
    let orphans = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert!(orphans.is_empty());
    for (what, sql, expected) in [
        (
            "super administrators",
            "SELECT sum(is_super_admin) FROM users WHERE id = 1 AND email = 'admin@example.com' \
             AND first_name = 'Admin' AND last_name = 'User'",
            1,
        ),
        (
            "other super administrators",
            "SELECT count(*) FROM users WHERE is_super_admin AND id <> 1",
            0,
        ),
        (
            "ticket 123",
            "SELECT count(*) FROM tickets WHERE id = 123",
            1,
        ),
        (
            "addresses that could be somebody's",
            "SELECT count(*) FROM users WHERE email NOT LIKE '%@example.com' \
             AND email NOT LIKE '%@example.org' AND email NOT LIKE '%@example.net'",
            0,
        ),
        (
            "tickets of people not yet there",
            "SELECT count(*) FROM tickets JOIN users ON users.id = tickets.user_id \
             WHERE tickets.created_at < users.created_at",
            0,
        ),
        (
            "tickets before an earlier number",
            "SELECT count(*) FROM tickets AS one JOIN tickets AS next ON next.id = one.id + 1 \
             WHERE next.created_at <= one.created_at",
            0,
        ),
        (
            "tickets whose end and state disagree",
            "SELECT count(*) FROM tickets WHERE (status = 'closed') <> (closed_at IS NOT NULL)",
            0,
        ),
        (
            "entries outside their ticket's time",
            "SELECT count(*) FROM change_log AS log JOIN tickets ON tickets.id = log.ticket_id \
             WHERE log.created_at NOT BETWEEN tickets.created_at AND tickets.updated_at",
            0,
        ),
        (
            "tickets outside the two years",
            "SELECT count(*) FROM tickets WHERE created_at < '2024-11-01' OR updated_at > '2026-11-20'",
            0,
        ),
        (
            "assignees who do not answer",
            "SELECT count(*) FROM tickets JOIN users ON users.id = assignee_id WHERE role <> 'agent'",
            0,
        ),
    ] {
        assert_eq!(number(&mut db, sql).await, expected, "{what}");
    }
    let urgent = "SELECT count(*) FROM tickets WHERE status = 'open' AND priority = 'high'";
    assert!((20..200).contains(&number(&mut db, urgent).await));
    let texts = "SELECT count(DISTINCT body) FROM tickets";
    assert_eq!(number(&mut db, texts).await, 4000);
    for column in ["priority", "assignee_id", "custom_fields", "amount"] {
        let sql = format!("SELECT count(*) FROM tickets WHERE {column} IS NULL");
        let nulls: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut db)
            .await
            .unwrap();
        assert!(nulls > 50 && nulls < 3900, "{column}: {nulls}");
    }

    // Every value in its notation, every JSON text valid.
    for (table, rows) in &dump!(Engine::Sqlite, db) {
        let columns = TABLES.iter().find(|(name, _)| name == table).unwrap().1;
        for row in rows {
            for (&(name, kind), cell) in columns.iter().zip(row) {
                let Cell::Text(text) = cell else { continue };
                let shape: String = text.chars().map(digits_as_nine).collect();
                match kind {
                    Boolean => assert!(text == "0" || text == "1", "{table}.{name}: {text}"),
                    Date => assert_eq!(shape, "9999-99-99", "{table}.{name}"),
                    Moment => assert_eq!(shape, "9999-99-99T99:99:99Z", "{table}.{name}"),
                    _ => {}
                }
            }
        }
    }
}

fn digits_as_nine(letter: char) -> char {
    if letter.is_ascii_digit() { '9' } else { letter }
}

#[tokio::test]
async fn planted_secrets_stand_only_under_sensitive_names() {
    fn search(value: &Value, member: &str, found: &mut BTreeMap<String, usize>) {
        match value {
            Value::String(text) if text.contains("planted-") => {
                assert!(SENSITIVE.contains(&member), "{member}: {text}");
                *found.entry(member.to_owned()).or_default() += 1;
            }
            Value::Array(items) => items.iter().for_each(|item| search(item, member, found)),
            Value::Object(members) => {
                for (name, item) in members {
                    search(item, name, found);
                }
            }
            _ => {}
        }
    }

    let (_folder, path, _) = made().await;
    let mut db = open(&path).await;
    let mut found = BTreeMap::new();
    for (table, rows) in &dump!(Engine::Sqlite, db) {
        let columns = TABLES.iter().find(|(name, _)| name == table).unwrap().1;
        for row in rows {
            for (&(name, _), cell) in columns.iter().zip(row) {
                match cell {
                    Cell::Text(text) => search(&Value::String(text.clone()), name, &mut found),
                    Cell::Json(value) => search(value, name, &mut found),
                    _ => {}
                }
            }
        }
    }
    let mut expected = SENSITIVE.to_vec();
    expected.sort_unstable();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected);
    assert!(found.values().all(|&count| count >= 20), "{found:?}");
}

#[tokio::test]
async fn a_second_call_uses_the_same_file() {
    let (folder, path, first) = made().await;
    let (bytes, written) = (
        fs::read(&path).unwrap(),
        fs::metadata(&path).unwrap().modified().unwrap(),
    );
    let second = create_sqlite(&path).await.unwrap();
    assert!(!second.made);
    assert_eq!(second.rows, first.rows);
    assert!(fs::read(&path).unwrap() == bytes);
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written);
    assert_eq!(names(folder.path()), ["sample.db"]);
}

#[tokio::test]
async fn calls_at_the_same_time_make_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.db");
    let calls = std::array::from_fn::<_, 4, _>(|_| create_sqlite(&path));
    let results = futures_util::future::join_all(calls).await;
    let made = results
        .iter()
        .filter(|result| result.as_ref().unwrap().made);
    assert_eq!(made.count(), 1);
    assert_eq!(names(folder.path()), ["sample.db"]);
}

#[tokio::test]
async fn what_is_there_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    let mut connection = SqliteConnectOptions::new()
        .filename(&other)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let text = folder.path().join("text.db");
    fs::write(&text, "a shopping list").unwrap();
    let empty = folder.path().join("empty.db");
    fs::write(&empty, "").unwrap();
    let inner = folder.path().join("folder.db");
    fs::create_dir(&inner).unwrap();

    let before = names(folder.path());
    for path in [&other, &text, &empty] {
        let bytes = fs::read(path).unwrap();
        let error = create_sqlite(path).await.unwrap_err();
        assert!(matches!(error, SampleError::NotTheSample(_)), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "{} is there already and is not the sample of Lucarne",
                path.display()
            )
        );
        assert!(fs::read(path).unwrap() == bytes);
    }
    let error = create_sqlite(&inner).await.unwrap_err();
    assert!(matches!(error, SampleError::NotTheSample(_)), "{error}");
    let missing = folder.path().join("absent").join("sample.db");
    let error = create_sqlite(&missing).await.unwrap_err();
    assert!(matches!(error, SampleError::NoFolder(_)), "{error}");
    assert_eq!(names(folder.path()), before);
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused_without_repeating_it() {
    for url in [
        "sqlite:sample.db",
        "sample.db",
        "http://reader:hunter2@localhost/db",
        "postgres://reader:hunter2@localhost:port/db",
        "mysql://reader:hunter2@localhost:port/db",
    ] {
        let error = load(url).await.unwrap_err();
        assert!(matches!(error, SampleError::Url), "{url}: {error:?}");
        assert!(!format!("{error:?} {error} {}", error.help()).contains("hunter2"));
    }
    let error = load("postgres://reader:hunter2@127.0.0.1:1/db")
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot connect to PostgreSQL");
    assert!(!format!("{error:?}").contains("hunter2"));
}
