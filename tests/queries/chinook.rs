//! The Chinook database: every table to its end, and questions in words with their queries.
//!
//! It is not part of this repository; without it these tests say so and pass.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, TypeInfo as _, ValueRef as _};

use crate::engines::Engine;
use crate::spelling::snake;
use crate::support::Served;

/// The tables, and their keys.
pub(crate) const TABLES: [(&str, &str); 11] = [
    ("Album", "AlbumId"),
    ("Artist", "ArtistId"),
    ("Customer", "CustomerId"),
    ("Employee", "EmployeeId"),
    ("Genre", "GenreId"),
    ("Invoice", "InvoiceId"),
    ("InvoiceLine", "InvoiceLineId"),
    ("MediaType", "MediaTypeId"),
    ("Playlist", "PlaylistId"),
    ("PlaylistTrack", "PlaylistId, TrackId"),
    ("Track", "TrackId"),
];

/// The file, where it is there.
pub(crate) fn file() -> Option<PathBuf> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/chinook/Chinook_Sqlite.sqlite");
    if !path.exists() {
        eprintln!("SKIPPED: there is no Chinook database");
    }
    path.exists().then_some(path)
}

/// All of Chinook.
pub(crate) async fn served() -> Option<Served> {
    let models = TABLES.map(|(table, _)| table).join(",");
    Some(Served::over(&file()?, &models, &[]).await)
}

/// A table as the driver reads it.
async fn direct(connection: &mut SqliteConnection, table: &str, key: &str) -> Vec<Value> {
    let sql = format!("SELECT * FROM {table} ORDER BY {key}");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await;
    let mut all = Vec::new();
    for row in rows.unwrap() {
        let mut object = serde_json::Map::new();
        for (index, column) in row.columns().iter().enumerate() {
            use sqlx::Column as _;
            let value = row.try_get_raw(index).unwrap();
            let class = value.type_info().name().to_owned();
            let value = match class.as_str() {
                _ if value.is_null() => Value::Null,
                "INTEGER" => row.get_unchecked::<i64, _>(index).into(),
                "REAL" => row.get_unchecked::<f64, _>(index).into(),
                _ => {
                    let text: String = row.get_unchecked(index);
                    match column.name().ends_with("Date") {
                        true => text.replacen(' ', "T", 1).into(),
                        false => text.into(),
                    }
                }
            };
            object.insert(column.name().to_owned(), value);
        }
        all.push(Value::Object(object));
    }
    all
}

/// The script that makes Chinook in another dialect, from its first table on.
pub(crate) fn dialect(name: &str) -> Vec<String> {
    let script = std::fs::read_to_string(file().unwrap().with_file_name(name)).unwrap();
    let start = script.find("CREATE TABLE").unwrap();
    vec![script[start..].replace("\r\n", "\n")]
}

/// A row with its members renamed, and its texts without backslashes and without the blanks at
/// their end: the scripts themselves differ in those.
fn plain(row: &Value, named: &dyn Fn(&str) -> String) -> Value {
    let members = row.as_object().unwrap().iter();
    members
        .map(|(name, value)| match value.as_str() {
            Some(text) => (named(name), text.replace('\\', "").trim_end().into()),
            None => (named(name), value.clone()),
        })
        .collect()
}

#[tokio::test]
async fn every_dialect_answers_the_same() {
    let Some(sqlite) = served().await else {
        return;
    };
    let names = TABLES.map(|(table, _)| table.to_owned()).join(",");
    let aliased = TABLES.map(|(table, _)| format!("{table}={}", snake(table)));
    let others = [
        Engine::postgres(dialect("Chinook_PostgreSql.sql"), &aliased.join(","), &[]).await,
        Engine::mysql(dialect("Chinook_MySql.sql"), &names, &[]).await,
    ];
    for other in others.iter().flatten() {
        let named = |field: &str| match other.name {
            "postgres" => snake(field),
            _ => field.to_owned(),
        };
        for (table, _) in TABLES {
            let listed = sqlite
                .walk("list", table, r#"{"limit":100}"#)
                .await
                .concat();
            let expected: Vec<Value> = listed.iter().map(|row| plain(row, &named)).collect();
            let rows = other
                .served
                .walk("list", table, r#"{"limit":100}"#)
                .await
                .concat();
            let rows: Vec<Value> = rows.iter().map(|row| plain(row, &str::to_owned)).collect();
            let differ = rows
                .iter()
                .zip(&expected)
                .find(|(row, expected)| row != expected);
            assert_eq!(differ, None, "{table} on {}", other.name);
            assert_eq!(rows.len(), expected.len(), "{table} on {}", other.name);
        }
    }
}

#[tokio::test]
async fn every_table_is_read_to_its_end_by_cursor_and_by_offset() {
    let Some(served) = served().await else {
        return;
    };
    let mut connection = served.connection().await;
    let mut total = 0;
    for (table, key) in TABLES {
        let expected = direct(&mut connection, table, key).await;
        let pages = served.walk("list", table, r#"{"limit":100}"#).await;
        assert!(pages.concat() == expected, "{table} by cursor");
        let mut by_offset = Vec::new();
        while by_offset.len() < expected.len() {
            let params = format!(r#"{{"limit":100,"offset":{}}}"#, by_offset.len());
            let answer = served.ask("list", table, &params).await.unwrap();
            let rows = answer["data"].as_array().unwrap();
            by_offset.extend(rows.iter().cloned());
            let more = by_offset.len() < expected.len();
            assert_eq!(answer["has_more"], more, "{table} {params}");
            assert_eq!(
                (rows.len(), more),
                (if more { 100 } else { rows.len() }, more)
            );
        }
        assert!(by_offset == expected, "{table} by offset");
        let answer = served.query(table, r#"{"limit":1,"total":true}"#).await;
        assert_eq!(answer["total"], expected.len(), "{table}");
        for row in expected.iter().step_by(expected.len() / 20 + 1) {
            let id = match key.split_once(", ") {
                Some((one, other)) => json!({one: row[one], other: row[other]}),
                None => row[key].clone(),
            };
            let answer = served
                .ask("get", table, &json!({ "id": id }).to_string())
                .await;
            assert_eq!(answer.unwrap()["data"], *row);
        }
        total += expected.len();
    }
    assert_eq!(total, 15_607);
}
