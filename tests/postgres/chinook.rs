//! A whole database that others made, page by page.

use std::path::Path;

use serde_json::value::RawValue;

use crate::common::skipped;
use crate::support::{Asked, Database};

#[derive(serde::Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    next_cursor: Option<String>,
}

/// Every row of a table as it is answered.
async fn listing(asked: &Asked, table: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let mut params = r#"{"limit":100}"#.to_owned();
    loop {
        let answer = asked.ask("list", table, &params).await.unwrap();
        let page: Page<'_> = serde_json::from_str(&answer).unwrap();
        rows.extend(page.data.iter().map(|row| row.get().to_owned()));
        match page.next_cursor {
            Some(cursor) => params = format!(r#"{{"limit":100,"cursor":"{cursor}"}}"#),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn chinook_is_listed_whole() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/chinook");
    let Ok(script) = std::fs::read_to_string(shared.join("Chinook_PostgreSql.sql")) else {
        return skipped(
            "chinook",
            "the Chinook database is not beside the repository",
        );
    };
    let (_, script) = script.split_once("\\c chinook;").unwrap();
    let Some(place) = Database::new(script).await else {
        return;
    };
    let tables = [
        ("album", "album_id"),
        ("artist", "artist_id"),
        ("customer", "customer_id"),
        ("employee", "employee_id"),
        ("genre", "genre_id"),
        ("invoice", "invoice_id"),
        ("invoice_line", "invoice_line_id"),
        ("media_type", "media_type_id"),
        ("playlist", "playlist_id"),
        ("playlist_track", "playlist_id, playlist_track.track_id"),
        ("track", "track_id"),
    ];
    let names: Vec<&str> = tables.iter().map(|table| table.0).collect();
    let asked = place.service(&names.join(",")).await;
    for (table, key) in tables {
        let sql =
            format!("SELECT CAST(to_json({table}) AS text) FROM {table} ORDER BY {table}.{key}");
        let expected = place.column(&sql).await;
        let found = listing(&asked, table).await;
        assert_eq!(found.len(), expected.len(), "{table}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{table}");
        }
    }
    let params = r#"{"fields":["name"],"filters":{"track_id":1},"expand":["album","genre"]}"#;
    let track = asked.ask("query", "track", params).await.unwrap();
    assert!(
        track.contains(
            r#""album":{"album_id":1,"title":"For Those About To Rock We Salute You","artist_id":1},"genre":{"genre_id":1,"name":"Rock"}"#
        ),
        "{track}"
    );
    let params = r#"{"group_by":[{"$year":"invoice_date"}],"aggregate":{"sum":{"$sum":"total"}}}"#;
    let expected = place
        .column("SELECT CAST(sum(total) AS text) FROM invoice GROUP BY date_part('year', invoice_date) ORDER BY min(invoice_date)")
        .await;
    assert_eq!(asked.values("invoice", params, "sum").await, expected);
}
