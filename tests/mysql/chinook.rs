//! A database from elsewhere, listed whole: each row as the server itself prints it.

use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, Row as _, ValueRef as _};

use crate::support::{Asker, Database};

const TABLES: [(&str, &str); 11] = [
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

#[tokio::test]
async fn every_row_is_listed_as_it_is() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/chinook/Chinook_MySql.sql");
    let Ok(script) = std::fs::read_to_string(&file) else {
        crate::common::skipped("chinook", "no Chinook_MySql.sql for this test");
        return;
    };
    let Some(place) = Database::new().await else {
        return;
    };
    let start = script.find("CREATE TABLE").unwrap();
    place.run(&script[start..].replace("\r\n", "\n")).await;
    let models: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    let asker = Asker::new(&place.url(), &models.join(",")).await;
    let mut admin = place.admin().await;
    let mut total = 0;
    for (table, key) in TABLES {
        let sql = format!("SELECT * FROM {table} ORDER BY {key}");
        // As text, by the protocol without prepared statements.
        let rows = admin.fetch_all(AssertSqlSafe(sql)).await.unwrap();
        let listed = asker.walk(table, "[]", 100).await;
        assert_eq!(listed.len(), rows.len(), "{table}");
        total += rows.len();
        for (row, listed) in rows.iter().zip(&listed) {
            let listed: Value = serde_json::from_str(listed).unwrap();
            let members = listed.as_object().unwrap();
            assert_eq!(members.len(), row.columns().len());
            for (index, (name, value)) in members.iter().enumerate() {
                let raw = row.try_get_raw(index).unwrap();
                let printed = match raw.is_null() {
                    true => "NULL".to_owned(),
                    false => row.try_get_unchecked::<String, _>(index).unwrap(),
                };
                let told = match value {
                    Value::Null => "NULL".to_owned(),
                    Value::String(text) => {
                        text.replacen('T', " ", usize::from(name.ends_with("Date")))
                    }
                    other => other.to_string(),
                };
                let printed = match printed
                    .strip_suffix('0')
                    .filter(|_| value.is_number() && printed.contains('.'))
                {
                    // The comparison here reads numbers as floats.
                    Some(_) => printed.parse::<f64>().unwrap().to_string(),
                    None => printed,
                };
                assert_eq!(told, printed, "{table}.{name} of {listed}");
            }
        }
    }
    assert_eq!(total, 15_607);
}
