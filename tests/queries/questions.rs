//! The questions of `docs/queries.md` across relations, on Chinook in three dialects, compared with
//! SQL that is written by hand.

use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::chinook::{TABLES, dialect, served};
use crate::engines::Engine;
use crate::sent;
use crate::spelling::{snake, snaked};

/// Of each question, from the eleventh on.
const BY_HAND: [&str; 10] = [
    "SELECT CONCAT_WS('|', g.Name, SUM(l.UnitPrice * l.Quantity)) FROM InvoiceLine l JOIN Invoice i ON i.InvoiceId = l.InvoiceId JOIN Track t ON t.TrackId = l.TrackId JOIN Genre g ON g.GenreId = t.GenreId WHERE i.InvoiceDate >= '2023-01-01' AND i.InvoiceDate < '2024-01-01' GROUP BY g.Name ORDER BY SUM(l.UnitPrice * l.Quantity) DESC, g.Name LIMIT 3",
    "SELECT CONCAT_WS('|', a.Name, SUM(l.Quantity)) FROM InvoiceLine l JOIN Track t ON t.TrackId = l.TrackId JOIN Album b ON b.AlbumId = t.AlbumId JOIN Artist a ON a.ArtistId = b.ArtistId GROUP BY a.Name ORDER BY SUM(l.Quantity) DESC, a.Name LIMIT 3",
    "SELECT CONCAT_WS('|', c.Country, COUNT(*), SUM(i.Total)) FROM Invoice i JOIN Customer c ON c.CustomerId = i.CustomerId GROUP BY c.Country HAVING COUNT(*) > 30 ORDER BY COUNT(*) DESC, c.Country",
    "SELECT CONCAT_WS('|', SUBSTR(CAST(i.InvoiceDate AS CHAR(30)), 1, 4), SUM(i.Total), SUM(CASE WHEN c.Country = 'USA' THEN i.Total END)) FROM Invoice i JOIN Customer c ON c.CustomerId = i.CustomerId GROUP BY SUBSTR(CAST(i.InvoiceDate AS CHAR(30)), 1, 4) ORDER BY SUBSTR(CAST(i.InvoiceDate AS CHAR(30)), 1, 4)",
    "SELECT CONCAT_WS('|', e.LastName, SUM(i.Total), COUNT(DISTINCT i.CustomerId)) FROM Invoice i JOIN Customer c ON c.CustomerId = i.CustomerId JOIN Employee e ON e.EmployeeId = c.SupportRepId GROUP BY e.LastName ORDER BY SUM(i.Total) DESC",
    "SELECT CONCAT_WS('|', t.Name, b.Title) FROM Track t JOIN Album b ON b.AlbumId = t.AlbumId JOIN Artist a ON a.ArtistId = b.ArtistId WHERE a.Name = 'AC/DC' ORDER BY t.Milliseconds DESC LIMIT 3",
    "SELECT CONCAT_WS('|', COUNT(DISTINCT i.CustomerId)) FROM InvoiceLine l JOIN Invoice i ON i.InvoiceId = l.InvoiceId JOIN Track t ON t.TrackId = l.TrackId JOIN Genre g ON g.GenreId = t.GenreId WHERE g.Name = 'Jazz'",
    "SELECT CONCAT_WS('|', m.Name, MAX(t.Milliseconds) / 1000.0) FROM Track t JOIN MediaType m ON m.MediaTypeId = t.MediaTypeId GROUP BY m.Name ORDER BY MAX(t.Milliseconds) DESC",
    "SELECT CONCAT_WS('|', p.Name, COUNT(*)) FROM PlaylistTrack x JOIN Playlist p ON p.PlaylistId = x.PlaylistId JOIN Track t ON t.TrackId = x.TrackId JOIN Genre g ON g.GenreId = t.GenreId WHERE g.Name = 'Rock' GROUP BY p.Name ORDER BY COUNT(*) DESC, p.Name LIMIT 3",
    "SELECT DISTINCT g.Name FROM InvoiceLine l JOIN Invoice i ON i.InvoiceId = l.InvoiceId JOIN Track t ON t.TrackId = l.TrackId JOIN Genre g ON g.GenreId = t.GenreId WHERE i.CustomerId = 1 ORDER BY g.Name",
];

/// The requests of the page, from the eleventh question on.
fn questions() -> Vec<Value> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/queries.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, questions) = page.split_once("\n## Twenty questions").unwrap();
    let blocks = questions.split("```json\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("\n```").unwrap().0);
    let requests = blocks.filter(|block| block.contains("\"action\""));
    requests
        .skip(10)
        .map(|request| serde_json::from_str(request).unwrap())
        .collect()
}

/// SQL with its names spelt so, but for its texts.
fn snaked_sql(sql: &str) -> String {
    let mut out = String::new();
    for (index, part) in sql.split('\'').enumerate() {
        if index % 2 == 1 {
            out.push_str(&format!("'{part}'"));
            continue;
        }
        for word in part.split_inclusive(|c: char| !c.is_alphanumeric()) {
            let name = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            let camel = name.chars().any(char::is_lowercase);
            out.push_str(&if camel { snake(name) } else { name.to_owned() });
            out.push_str(&word[name.len()..]);
        }
    }
    out
}

/// A row's values side by side, numbers by what they are worth.
fn worth(values: impl Iterator<Item = String>) -> String {
    let values = values.map(|value| match value.parse::<f64>() {
        Ok(number) => format!("{:.6}", number),
        Err(_) => value,
    });
    values.collect::<Vec<_>>().join("|")
}

async fn by_hand(engine: &Engine, sql: &str) -> Vec<String> {
    let sql = AssertSqlSafe(match engine.name {
        "postgres" => snaked_sql(sql),
        _ => sql.to_owned(),
    });
    let rows: Vec<String> = match engine.name {
        "sqlite" => {
            let mut session = engine.served.connection().await;
            sqlx::query_scalar(sql)
                .fetch_all(&mut session)
                .await
                .unwrap()
        }
        "postgres" => {
            let mut session = engine.postgres_connection().await;
            sqlx::query_scalar(sql)
                .fetch_all(&mut session)
                .await
                .unwrap()
        }
        _ => {
            let mut session = engine.mysql_connection().await;
            sqlx::query_scalar(sql)
                .fetch_all(&mut session)
                .await
                .unwrap()
        }
    };
    let values = |row: &String| worth(row.split('|').map(str::to_owned));
    rows.iter().map(values).collect()
}

#[tokio::test]
async fn one_call_answers_what_sql_does() {
    let Some(sqlite) = served().await else {
        return;
    };
    let names = TABLES.map(|(table, _)| table.to_owned()).join(",");
    let aliased = TABLES.map(|(table, _)| format!("{table}={}", snake(table)));
    let mut engines = vec![Engine::sqlite(sqlite)];
    engines
        .extend(Engine::postgres(dialect("Chinook_PostgreSql.sql"), &aliased.join(","), &[]).await);
    engines.extend(Engine::mysql(dialect("Chinook_MySql.sql"), &names, &[]).await);
    let questions = questions();
    assert_eq!(questions.len(), BY_HAND.len());
    for engine in &engines {
        for (question, sql) in questions.iter().zip(BY_HAND) {
            let model = question["model"].as_str().unwrap();
            let params = match engine.name {
                "postgres" => snaked(&question["params"], false),
                _ => question["params"].clone(),
            };
            let sent = sent::ask(&engine.served, "query", model, &params).await;
            let rows = sent.rows().unwrap_or_else(|| panic!("{params}: {sent:?}"));
            let plain = |value: String| match serde_json::from_str::<Value>(&value).unwrap() {
                Value::String(text) => text,
                _ => value,
            };
            let told: Vec<String> = rows
                .into_iter()
                .map(|row| worth(row.into_iter().map(plain).filter(|value| value != "null")))
                .collect();
            let expected = by_hand(engine, sql).await;
            assert!(!expected.is_empty());
            assert_eq!(told, expected, "{params} on {}", engine.name);
        }
    }
}
