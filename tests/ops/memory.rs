//! What rows and lists take on their way from the database, over all sessions.

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use crate::floods::memory;
use crate::support::*;
use crate::worst::{on_mariadb, on_postgres};

/// Columns of a row that is as wide as one may be, each value as long as it may be with all others.
const COLUMNS: usize = 64;
/// Columns with a bound of their own that a row holds.
const BOUNDED: usize = 180;
/// Clients that ask at once.
const CLIENTS: usize = 24;
/// What each of the two budgets holds here, in megabytes.
const BUDGET: usize = 64;

/// Asks for the same by many clients at once; how many kilobytes it took beyond what there was.
async fn taken(served: &Served, request: &str, codes: &[&str]) -> usize {
    let before = memory(served, "VmRSS");
    let mut asking = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = served.connect(TOKEN).await;
        let request = request.to_owned();
        let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
        asking.push(tokio::spawn(async move {
            for _ in 0..2 {
                let answer = ask(&mut client, &request).await;
                let code = code(&answer).to_owned();
                assert!(codes.contains(&code), "{answer:.300}");
            }
        }));
    }
    for one in asking {
        one.await.unwrap();
    }
    memory(served, "VmHWM").saturating_sub(before)
}

async fn wide(engine: &str, url: &str) {
    let folder = Folder::new().await;
    folder.configure(&format!(
        "DATABASE_URL={url}\nMCP_ALLOWED_MODELS=wide\nMCP_RATE_LIMIT=0\nMCP_POOL_SIZE={CLIENTS}\n\
         MCP_QUERY_TIMEOUT=30\nMCP_MAX_MEMORY_BYTES={}",
        BUDGET << 20
    ));
    let served = folder.serve().await;
    let request = r#"{"action":"query","model":"wide","params":{"limit":1}}"#;
    let kilobytes = taken(&served, request, &["response_too_large"]).await;
    println!(
        "{engine}: {CLIENTS} of the widest rows at once took {} MB",
        kilobytes / 1024
    );
    // Without a bound over all sessions it is 24 MB for each.
    assert!(kilobytes < (3 * BUDGET) << 10, "{engine}: {kilobytes} KB");
}

fn columns(kind: &str) -> String {
    let columns: Vec<String> = (0..COLUMNS).map(|at| format!("c{at} {kind}")).collect();
    columns.join(", ")
}

fn repeated(value: &str) -> String {
    vec![value; COLUMNS].join(", ")
}

fn leaked(text: String) -> &'static str {
    text.leak()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_widest_rows_of_all_sessions_share_a_bound() {
    let made = [
        leaked(format!(
            "CREATE TABLE wide (id int PRIMARY KEY, {})",
            columns("text")
        )),
        leaked(format!(
            "INSERT INTO wide SELECT 1, {}",
            repeated("repeat('a', 380000)")
        )),
    ];
    on_postgres(&made, |url| async move { wide("PostgreSQL", &url).await }).await;
    // Numbers without a precision have as many digits as there is room for.
    let many: Vec<String> = (0..BOUNDED).map(|at| format!("c{at} numeric")).collect();
    let value = vec!["CAST(repeat('7', 131000) AS numeric)"; BOUNDED].join(", ");
    let made = [
        leaked(format!(
            "CREATE TABLE wide (id int PRIMARY KEY, {})",
            many.join(", ")
        )),
        leaked(format!("INSERT INTO wide SELECT 1, {value}")),
    ];
    on_postgres(&made, |url| async move {
        wide("PostgreSQL, numbers", &url).await;
    })
    .await;
    let made = [
        leaked(format!(
            "CREATE TABLE wide (id int PRIMARY KEY, {})",
            columns("longtext")
        )),
        // A statement holds no more than the server takes at once.
        leaked(format!(
            "INSERT INTO wide SELECT 1, {}",
            repeated("repeat('a', 180000)")
        )),
    ];
    on_mariadb(&made, |url| async move { wide("MariaDB", &url).await }).await;
    // Columns with a bound of their own, of which a row has many.
    let many: Vec<String> = (0..BOUNDED).map(|at| format!("c{at} text")).collect();
    let value = vec!["repeat('a', 65000)"; BOUNDED / 2].join(", ");
    let first: Vec<String> = (0..BOUNDED / 2).map(|at| format!("c{at}")).collect();
    let rest: Vec<String> = (BOUNDED / 2..BOUNDED)
        .map(|at| format!("c{at} = repeat('b', 65000)"))
        .collect();
    let made = [
        leaked(format!(
            "CREATE TABLE wide (id int PRIMARY KEY, {})",
            many.join(", ")
        )),
        leaked(format!(
            "INSERT INTO wide (id, {}) SELECT 1, {value}",
            first.join(", ")
        )),
        leaked(format!("UPDATE wide SET {}", rest.join(", "))),
    ];
    on_mariadb(&made, |url| async move {
        wide("MariaDB, bounded columns", &url).await;
    })
    .await;
    let folder = Folder::new().await;
    let path = folder.path("wide.db");
    let mut file = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display()))
        .await
        .unwrap();
    for statement in [
        leaked(format!(
            "CREATE TABLE wide (id INTEGER PRIMARY KEY, {})",
            columns("TEXT")
        )),
        leaked(format!(
            "INSERT INTO wide SELECT 1, {}",
            repeated("hex(zeroblob(190000))")
        )),
    ] {
        file.execute(statement).await.unwrap();
    }
    file.close().await.unwrap();
    wide("SQLite", &format!("sqlite:{}", path.display())).await;
}

/// Types whose text is far longer than what is stored of it, and a value of each of 50 MB or more.
const SHORT: [(&str, &str, &str); 9] = [
    (
        "numbers",
        "numeric[]",
        "array_fill(1e131071::numeric, array[400])",
    ),
    (
        "named",
        "listed",
        "array_fill(1e131071::numeric, array[400])",
    ),
    (
        "doc",
        "jsonb",
        "to_jsonb(array_fill(1e131071::numeric, array[400]))",
    ),
    (
        "object",
        "pile",
        "ROW(array_fill(1e131071::numeric, array[400]))::pile",
    ),
    (
        "ranges",
        "numrange[]",
        "array_fill(numrange(1, 1e131071), array[400])",
    ),
    (
        "several",
        "nummultirange",
        "(SELECT range_agg(numrange(('1e' || k)::numeric, ('2e' || k)::numeric)) \
         FROM generate_series(130872, 131071) k)",
    ),
    (
        "objects",
        "long_names[]",
        "array_fill(ROW()::long_names, array[70000])",
    ),
    ("wide", "numeric", "1e131071"),
    ("padded", "char(10485760)", "'x'"),
];

/// The columns of such a table: of one that is made of short values, many.
fn of_short(table: &str) -> Vec<String> {
    let count = match table {
        "wide" => 400,
        "padded" => 5,
        _ => 1,
    };
    (0..count).map(|at| format!("c{at}")).collect()
}

async fn short(url: &str) {
    let folder = Folder::new().await;
    let models = SHORT.map(|(table, ..)| table).join(",");
    let tools = ["numbers", "doc", "wide", "padded"].map(|table| {
        let columns = of_short(table).join(", ");
        format!(
            "[[tool]]\nname = \"read_{table}\"\ndescription = \"Reads.\"\n\
             sql = \"SELECT {columns} FROM {table}\"\n"
        )
    });
    folder.put("tools.toml", &tools.join("\n"));
    folder.configure(&format!(
        "DATABASE_URL={url}\nMCP_ALLOWED_MODELS={models}\nMCP_TOOLS_FILE=tools.toml\n\
         MCP_RATE_LIMIT=0\nMCP_QUERY_TIMEOUT=30\nMCP_MAX_MEMORY_BYTES={}",
        BUDGET << 20
    ));
    let served = folder.serve().await;
    let mut client = served.connect(TOKEN).await;
    let listed = SHORT.iter().flat_map(|(table, ..)| {
        [
            format!(r#"{{"action":"list","model":"{table}","params":{{"limit":1}}}}"#),
            format!(r#"{{"action":"get","model":"{table}","params":{{"id":1}}}}"#),
        ]
    });
    let called = ["numbers", "doc", "wide", "padded"];
    let called = called.map(|table| format!(r#"{{"action":"call","tool":"read_{table}"}}"#));
    for request in listed.chain(called) {
        let before = memory(&served, "VmHWM");
        let answer = ask(&mut client, &request).await;
        assert_eq!(
            code(&answer),
            "response_too_large",
            "{request} {answer:.300}"
        );
        let taken = memory(&served, "VmHWM").saturating_sub(before) / 1024;
        println!("{request} took {taken} MB more: {}", answer["hint"]);
        assert!(taken < 16, "{request}: {taken} MB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_in_few_bytes_takes_no_more_than_other_rows() {
    let long: Vec<String> = (0..10)
        .map(|at| format!("{}{at} int", "n".repeat(60)))
        .collect();
    let mut made = vec![
        "CREATE DOMAIN listed AS numeric[]",
        "CREATE TYPE pile AS (numbers numeric[])",
        leaked(format!("CREATE TYPE long_names AS ({})", long.join(", "))),
    ];
    for (table, kind, value) in SHORT {
        let columns = of_short(table);
        let value = match table {
            "objects" => value.replace("ROW()", &format!("ROW({})", ["NULL"; 10].join(", "))),
            _ => value.to_owned(),
        };
        let values = vec![value; columns.len()].join(", ");
        let columns = columns.iter().map(|column| format!("{column} {kind}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        made.push(leaked(format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, {columns})"
        )));
        made.push(leaked(format!("INSERT INTO {table} SELECT 1, {values}")));
    }
    on_postgres(&made, |url| async move { short(&url).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_take_no_more_than_is_set_aside_for_them() {
    let folder = Folder::new().await;
    let path = folder.path("lists.db");
    let mut file = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", path.display()))
        .await
        .unwrap();
    let made = "CREATE TABLE up (id INTEGER PRIMARY KEY);
        CREATE TABLE middle (id INTEGER PRIMARY KEY, up_id INT REFERENCES up (id));
        CREATE TABLE down (id INTEGER PRIMARY KEY, middle_id INT REFERENCES middle (id));
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)
            INSERT INTO up SELECT i FROM n;
        INSERT INTO middle (up_id) SELECT a.id FROM up a, up b WHERE b.id <= 20;
        INSERT INTO down (middle_id) SELECT m.id FROM middle m, up WHERE up.id <= 20;
        CREATE INDEX by_up ON middle (up_id); CREATE INDEX by_middle ON down (middle_id);";
    file.execute(made).await.unwrap();
    file.close().await.unwrap();
    folder.configure(&format!(
        "DATABASE_URL=sqlite:{}\nMCP_ALLOWED_MODELS=up,middle,down\nMCP_RATE_LIMIT=0\n\
         MCP_POOL_SIZE={CLIENTS}\nMCP_QUERY_TIMEOUT=10\nMCP_MAX_MEMORY_BYTES={}",
        path.display(),
        BUDGET << 20
    ));
    let served = folder.serve().await;
    let request = r#"{"action":"query","model":"up","params":{"limit":100,"include":
        {"middle":{"limit":100,"include":{"down":{"limit":100}}}}}}"#;
    let kilobytes = taken(&served, request, &["ok", "overloaded", "timeout"]).await;
    println!(
        "SQLite: lists for {CLIENTS} at once took {} MB",
        kilobytes / 1024
    );
    assert!(kilobytes < (2 * BUDGET) << 10, "{kilobytes} KB");
}
