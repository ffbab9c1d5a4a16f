//! Twelve questions over Chinook as an agent asks them: with the tools alone, each in one call, and
//! compared with SQL that is written by hand.
//!
//! Chinook is not part of this repository; without it this test says so and passes.

use std::path::Path;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use crate::support::{call, post, start_over};

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/data/chinook/Chinook_Sqlite.sqlite"
);

const MODELS: &str = "Album,Artist,Customer,Employee,Genre,Invoice,InvoiceLine,MediaType,Playlist,PlaylistTrack,Track";

/// A question, the arguments of `query_records`, and SQL of one text a row: its values.
fn questions() -> [(&'static str, Value, &'static str); 12] {
    [
        (
            "Which genre earned most in 2023?",
            json!({"model": "InvoiceLine", "filters": {"Invoice.InvoiceDate.$year": "2023"},
                "group_by": ["Track.Genre.Name"],
                "aggregate": {"revenue": {"$sum": {"$mul": ["UnitPrice", "Quantity"]}}},
                "sort": ["-revenue"], "limit": 1}),
            "SELECT g.Name || '|' || round(SUM(l.UnitPrice * l.Quantity), 2) FROM InvoiceLine l JOIN Invoice i USING (InvoiceId) JOIN Track t USING (TrackId) JOIN Genre g USING (GenreId) WHERE i.InvoiceDate LIKE '2023%' GROUP BY g.Name ORDER BY SUM(l.UnitPrice * l.Quantity) DESC LIMIT 1",
        ),
        (
            "Of which three artists were most tracks sold?",
            json!({"model": "InvoiceLine", "group_by": ["Track.Album.Artist.Name"],
                "aggregate": {"sold": {"$sum": "Quantity"}}, "sort": ["-sold"], "limit": 3}),
            "SELECT a.Name || '|' || SUM(l.Quantity) FROM InvoiceLine l JOIN Track t USING (TrackId) JOIN Album b USING (AlbumId) JOIN Artist a USING (ArtistId) GROUP BY a.Name ORDER BY SUM(l.Quantity) DESC LIMIT 3",
        ),
        (
            "Which artists have no album?",
            json!({"model": "Artist", "filters": {"Album": {"$none": {}}}, "fields": ["Name"],
                "limit": 100, "format": "columns"}),
            "SELECT Name FROM Artist WHERE ArtistId NOT IN (SELECT ArtistId FROM Album) ORDER BY ArtistId LIMIT 100",
        ),
        (
            "To which countries went more than 30 invoices?",
            json!({"model": "Invoice", "group_by": ["Customer.Country"],
                "aggregate": {"n": {"$count": "*"}}, "having": {"n": {"$gt": 30}}, "sort": ["-n"]}),
            "SELECT c.Country || '|' || COUNT(*) FROM Invoice i JOIN Customer c USING (CustomerId) GROUP BY c.Country HAVING COUNT(*) > 30 ORDER BY COUNT(*) DESC, c.Country",
        ),
        (
            "What part of each year's sales came from the USA?",
            json!({"model": "Invoice", "group_by": ["InvoiceDate.$year"],
                "aggregate": {"all": {"$sum": "Total"},
                    "usa": {"$sum": "Total", "where": {"BillingCountry": "USA"}}}}),
            "SELECT substr(InvoiceDate, 1, 4) || '|' || round(SUM(Total), 2) || '|' || round(SUM(CASE WHEN BillingCountry = 'USA' THEN Total END), 2) FROM Invoice GROUP BY substr(InvoiceDate, 1, 4) ORDER BY substr(InvoiceDate, 1, 4)",
        ),
        (
            "Which playlists hold a track of AC/DC?",
            json!({"model": "Playlist", "fields": ["PlaylistId", "Name"],
                "filters": {"PlaylistTrack": {"$some": {"Track.Album.Artist.Name": "AC/DC"}}}}),
            "SELECT DISTINCT p.PlaylistId || '|' || p.Name FROM Playlist p JOIN PlaylistTrack USING (PlaylistId) JOIN Track t USING (TrackId) JOIN Album b USING (AlbumId) JOIN Artist a USING (ArtistId) WHERE a.Name = 'AC/DC' ORDER BY p.PlaylistId",
        ),
        (
            "Which customers spent more than 45, and how much?",
            json!({"model": "Customer", "fields": ["LastName"], "compute": {"spent": {"$sum": "Invoice.Total"}},
                "filters": {"spent": {"$gt": 45}}, "sort": ["-spent"]}),
            "SELECT c.LastName || '|' || round(SUM(i.Total), 2) FROM Customer c JOIN Invoice i USING (CustomerId) GROUP BY c.CustomerId HAVING SUM(i.Total) > 45 ORDER BY SUM(i.Total) DESC, c.CustomerId",
        ),
        (
            "What was the last invoice of each customer in Canada?",
            json!({"model": "Customer", "fields": ["LastName"], "filters": {"Country": "Canada"},
                "include": {"Invoice": {"fields": ["InvoiceId", "Total"], "sort": ["-InvoiceDate"], "limit": 1}}}),
            "SELECT c.LastName || '|' || i.InvoiceId || '|' || i.Total || '|' || 1 FROM Customer c JOIN Invoice i USING (CustomerId) WHERE c.Country = 'Canada' AND i.InvoiceDate = (SELECT MAX(InvoiceDate) FROM Invoice x WHERE x.CustomerId = c.CustomerId) ORDER BY c.CustomerId",
        ),
        (
            "How many tracks were never sold, and how many of these are longer than ten minutes?",
            json!({"model": "Track", "filters": {"InvoiceLine": {"$none": {}}},
                "aggregate": {"n": {"$count": "*"},
                    "long": {"$count": "*", "where": {"Milliseconds": {"$gt": 600000}}}}}),
            "SELECT COUNT(*) || '|' || SUM(Milliseconds > 600000) FROM Track t WHERE NOT EXISTS (SELECT 1 FROM InvoiceLine l WHERE l.TrackId = t.TrackId)",
        ),
        (
            "How many customers does each employee support, and whom do they report to?",
            json!({"model": "Employee", "fields": ["LastName", "Employee.LastName"],
                "compute": {"customers": {"$count": "Customer"}}, "sort": ["-customers"], "limit": 4}),
            "SELECT e.LastName || coalesce('|' || b.LastName, '') || '|' || (SELECT COUNT(*) FROM Customer c WHERE c.SupportRepId = e.EmployeeId) FROM Employee e LEFT JOIN Employee b ON b.EmployeeId = e.ReportsTo ORDER BY (SELECT COUNT(*) FROM Customer c WHERE c.SupportRepId = e.EmployeeId) DESC, e.EmployeeId LIMIT 4",
        ),
        (
            "What is the mean invoice of each support agent's customers?",
            json!({"model": "Invoice", "group_by": ["Customer.SupportRep.LastName"],
                "aggregate": {"mean": {"$avg": "Total"}}}),
            "SELECT e.LastName || '|' || AVG(i.Total) FROM Invoice i JOIN Customer c USING (CustomerId) JOIN Employee e ON e.EmployeeId = c.SupportRepId GROUP BY e.LastName ORDER BY e.LastName",
        ),
        (
            "Which albums hold nothing but tracks of more than seven minutes, at least three?",
            json!({"model": "Album", "fields": ["Title", "Artist.Name"], "filters": {"Track": {
                "$every": {"Milliseconds": {"$gt": 420000}}, "$count": {"$gte": 3}}}}),
            "SELECT b.Title || '|' || a.Name FROM Album b JOIN Artist a USING (ArtistId) WHERE (SELECT COUNT(*) >= 3 AND MIN(Milliseconds) > 420000 FROM Track t WHERE t.AlbumId = b.AlbumId) ORDER BY b.AlbumId",
        ),
    ]
}

/// The values of a row, one after the other, numbers by what they are worth.
fn values(row: &Value, into: &mut Vec<String>) {
    match row {
        Value::Object(members) => members.values().for_each(|value| values(value, into)),
        Value::Array(parts) => parts.iter().for_each(|value| values(value, into)),
        Value::String(text) => into.push(worth(text)),
        Value::Bool(value) => into.push(worth(&u8::from(*value).to_string())),
        Value::Null => {}
        number => into.push(worth(&number.to_string())),
    }
}

fn worth(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) => format!("{number:.6}"),
        Err(_) => text.to_owned(),
    }
}

#[tokio::test]
async fn each_question_is_one_call() {
    if !Path::new(FILE).exists() {
        eprintln!("SKIPPED: there is no Chinook database");
        return;
    }
    let running = start_over(&format!("sqlite:{FILE}"), &[("MCP_ALLOWED_MODELS", MODELS)]).await;
    let mut direct = SqliteConnectOptions::new()
        .filename(FILE)
        .read_only(true)
        .connect()
        .await
        .unwrap();
    let mut bytes = 0;
    for (question, arguments, sql) in questions() {
        let arguments = arguments.to_string();
        let answer = post(running.address, &call(1, "query_records", &arguments)).await;
        bytes += arguments.len() + answer.body.len();
        let told = &answer.json()["result"]["structuredContent"];
        let rows = told["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{question} {told}"));
        let rows = rows.iter().map(|row| {
            let mut all = Vec::new();
            values(row, &mut all);
            all.sort_unstable();
            all
        });
        let expected: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut direct)
            .await
            .unwrap();
        let expected = expected.iter().map(|row| {
            let mut all: Vec<String> = row.split('|').map(worth).collect();
            all.sort_unstable();
            all
        });
        let expected: Vec<_> = expected.collect();
        assert!(!expected.is_empty(), "{question}");
        assert_eq!(rows.collect::<Vec<_>>(), expected, "{question}");
    }
    // By the tools of before these were 78 calls and 102 KB.
    assert!(bytes < 20_000, "{bytes}");
}
