//! Twelve questions over Chinook as an agent asks them: with the tools alone, each in one call, and
//! compared with SQL that is written by hand. What each costs in three dialects stands in
//! `docs/mcp.md`; `LUCARNE_DOCS=write cargo test --test mcp twelve` writes it anew.
//!
//! Chinook is not part of this repository; without it this test says so and passes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection, Executor as _, MySqlConnection};
use sqlx::{PgConnection, SqliteConnection};

use crate::common::server;
use crate::spelling::{snake, snaked};
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

/// A service over Chinook in a dialect.
struct Dialect {
    name: &'static str,
    url: String,
    models: String,
    /// The server, and the database that is removed at the end.
    left: Option<(String, String)>,
}

impl Dialect {
    fn sqlite() -> Self {
        Self {
            name: "SQLite",
            url: format!("sqlite:{FILE}"),
            models: MODELS.to_owned(),
            left: None,
        }
    }

    /// A database of its own on a server that is there, made by the script of its dialect.
    async fn on(name: &'static str, server: String, models: String, file: &str) -> Self {
        let database = format!("lucarne_twelve_{}", std::process::id());
        execute(&server, format!("CREATE DATABASE {database}")).await;
        let url = format!("{}/{database}", server.rsplit_once('/').unwrap().0);
        let script = fs::read_to_string(Path::new(FILE).with_file_name(file)).unwrap();
        let start = script.find("CREATE TABLE").unwrap();
        execute(&url, script[start..].replace("\r\n", "\n")).await;
        Self {
            name,
            url,
            models,
            left: Some((server, format!("DROP DATABASE {database}"))),
        }
    }
}

/// Runs SQL of one's own on a server.
async fn execute(url: &str, sql: String) {
    let sql = AssertSqlSafe(sql);
    if url.starts_with("postgres") {
        let mut session = PgConnection::connect(url).await.unwrap();
        session.execute(sql).await.unwrap();
        session.close().await.unwrap();
    } else {
        let mut session = MySqlConnection::connect(url).await.unwrap();
        session.execute(sql).await.unwrap();
        session.close().await.unwrap();
    }
}

/// The rows of an answer as sorted values.
fn sorted(row: &Value) -> Vec<String> {
    let mut all = Vec::new();
    values(row, &mut all);
    all.sort_unstable();
    all
}

/// What SQLite answers to SQL that is written by hand.
async fn by_hand(direct: &mut SqliteConnection, sql: &str) -> Vec<Vec<String>> {
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_all(direct)
        .await
        .unwrap();
    let rows = rows.iter().map(|row| {
        let mut all: Vec<String> = row.split('|').map(worth).collect();
        all.sort_unstable();
        all
    });
    rows.collect()
}

/// The bytes of each question's arguments and of its answer's text.
async fn asked(dialect: &Dialect, expected: &[Vec<Vec<String>>]) -> Vec<(usize, usize)> {
    let running = start_over(&dialect.url, &[("MCP_ALLOWED_MODELS", &dialect.models)]).await;
    let mut bytes = Vec::new();
    for ((question, arguments, _), expected) in questions().iter().zip(expected) {
        let arguments = match dialect.name {
            "PostgreSQL" => snaked(arguments, false).to_string(),
            _ => arguments.to_string(),
        };
        let answer = post(running.address, &call(1, "query_records", &arguments)).await;
        let result = &answer.json()["result"];
        let told = &result["structuredContent"];
        let rows = told["data"].as_array();
        let rows = rows.unwrap_or_else(|| panic!("{question} {} {told}", dialect.name));
        let rows: Vec<Vec<String>> = rows.iter().map(sorted).collect();
        assert_eq!(rows, *expected, "{question} {}", dialect.name);
        let text = result["content"][0]["text"].as_str().unwrap();
        bytes.push((arguments.len(), text.len()));
    }
    bytes
}

/// The table of the page.
fn table(dialects: &[Dialect], bytes: &[Vec<(usize, usize)>]) -> String {
    let mut head = "| Question".to_owned();
    let mut line = "| ---".to_owned();
    for dialect in dialects {
        head += &format!(" | {}: arguments | text", dialect.name);
        line += " | ---: | ---:";
    }
    let mut lines = vec![format!("{head} |"), format!("{line} |")];
    for (at, (question, ..)) in questions().iter().enumerate() {
        let each = bytes
            .iter()
            .map(|all| format!(" | {} | {}", all[at].0, all[at].1));
        lines.push(format!("| {question}{} |", each.collect::<String>()));
    }
    let sums = bytes.iter().map(|all| {
        let arguments: usize = all.iter().map(|it| it.0).sum();
        let texts: usize = all.iter().map(|it| it.1).sum();
        format!(" | {arguments} | {texts}")
    });
    lines.push(format!("| together{} |", sums.collect::<String>()));
    lines.join("\n")
}

#[tokio::test]
async fn each_question_is_one_call() {
    if !Path::new(FILE).exists() {
        eprintln!("SKIPPED: there is no Chinook database");
        return;
    }
    let mut direct = SqliteConnectOptions::new()
        .filename(FILE)
        .read_only(true)
        .connect()
        .await
        .unwrap();
    let mut expected = Vec::new();
    for (question, _, sql) in questions() {
        let rows = by_hand(&mut direct, sql).await;
        assert!(!rows.is_empty(), "{question}");
        expected.push(rows);
    }
    let lower: Vec<String> = MODELS.split(',').map(snake).collect();
    let postgres = server::<PgConnection>(
        "postgres",
        "LUCARNE_TEST_POSTGRES",
        "postgres://root@127.0.0.1:5432/postgres",
    );
    let mysql = server::<MySqlConnection>(
        "mysql",
        "LUCARNE_TEST_MYSQL",
        "mysql://root@127.0.0.1:3306/",
    );
    let mut dialects = vec![Dialect::sqlite()];
    if let Some(server) = postgres.await {
        let file = "Chinook_PostgreSql.sql";
        dialects.push(Dialect::on("PostgreSQL", server, lower.join(","), file).await);
    }
    if let Some(server) = mysql.await {
        let models = MODELS.to_owned();
        dialects.push(Dialect::on("MariaDB", server, models, "Chinook_MySql.sql").await);
    }
    let mut bytes = Vec::new();
    for dialect in &dialects {
        bytes.push(asked(dialect, &expected).await);
    }
    for (server, sql) in dialects.iter().filter_map(|dialect| dialect.left.clone()) {
        // The service that was just asked may still hold a session.
        let force = if server.starts_with("postgres") {
            " WITH (FORCE)"
        } else {
            ""
        };
        execute(&server, format!("{sql}{force}")).await;
    }
    // By the tools of before these were 78 calls and 102 KB.
    for all in &bytes {
        assert!(
            all.iter().map(|it| it.0 + it.1).sum::<usize>() < 12_000,
            "{all:?}"
        );
    }
    if dialects.len() == 3 {
        documented(&table(&dialects, &bytes));
    }
}

/// Compares the table with that of `docs/mcp.md`.
fn documented(table: &str) {
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/mcp.md");
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once("<!-- twelve: begin -->\n").unwrap();
    let (told, after) = rest.split_once("\n<!-- twelve: end -->").unwrap();
    if std::env::var("LUCARNE_DOCS").is_ok_and(|value| value == "write") {
        let page = format!("{before}<!-- twelve: begin -->\n{table}\n<!-- twelve: end -->{after}");
        fs::write(PAGE, page).unwrap();
        return;
    }
    assert_eq!(told, table);
}
