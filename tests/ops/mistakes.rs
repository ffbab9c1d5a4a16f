//! Twenty mistakes of operators, each made for real and graded by what they are told then: whether
//! it is said that something is wrong, why, and what to do. A text earns a point for each of the
//! three that it holds.

use std::process::Command;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::skipped::skipped;
use crate::support::*;

const KEY: &str = "abababababababababababababababababababababababababababababababab";
const OTHER_KEY: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
const SERVER: &str = "postgres://postgres@127.0.0.1:5432";

/// A mistake, what was said of it, and which words of it name the fault, the cause and the remedy.
struct Told {
    mistake: &'static str,
    said: String,
    fault: &'static [&'static str],
    cause: &'static [&'static str],
    remedy: &'static [&'static str],
}

impl Told {
    fn grade(&self) -> usize {
        let holds = |words: &[&str]| {
            !words.is_empty() && words.iter().all(|words| self.said.contains(words))
        };
        let parts = [self.fault, self.cause, self.remedy];
        parts.into_iter().filter(|words| holds(words)).count()
    }
}

/// What a command says in a folder, whatever comes of it.
async fn run(folder: &Folder, words: &[&str]) -> String {
    let mut command = Command::new(&program()[0]);
    command.args(words).current_dir(folder.root()).env_clear();
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&ended.stdout) + &text(&ended.stderr)
}

/// What the service says that does not begin.
async fn refused(folder: &Folder) -> String {
    let mut served = folder.spawn(&program());
    served.says("error: ", 1).await;
    served.says("help: ", 1).await;
    served.ended().await;
    served.log()
}

/// The lines of a running service with these words, once there is one.
async fn lines(served: &Served, words: &str) -> String {
    served.says(words, 1).await;
    let log = served.log();
    let lines = log.lines().filter(|line| line.contains(words));
    lines.collect::<Vec<_>>().join("\n")
}

async fn alter(folder: &Folder, statement: &'static str) {
    let url = format!("sqlite:{}", folder.path("shop.db").display());
    let mut writer = SqliteConnection::connect(&url).await.unwrap();
    writer.execute(statement).await.unwrap();
    writer.close().await.unwrap();
}

/// A folder with a store: the tenant `acme` with the sample, and a token of it.
async fn with_store(lines: &str) -> (Folder, String) {
    let folder = Folder::new().await;
    folder.configure(&format!(
        "MCP_STORE=sqlite:store.db\nMCP_ENCRYPTION_KEY={KEY}\n{lines}"
    ));
    run(&folder, &["tenant", "create", "acme"]).await;
    let add = [
        "database",
        "add",
        "shop",
        "sqlite:shop.db",
        "--tenant",
        "acme",
    ];
    run(&folder, &[&add[..], &["--models", "users"]].concat()).await;
    let made = run(&folder, &["token", "create", "agent", "--tenant", "acme"]).await;
    let secret = made.lines().next().unwrap().to_owned();
    (folder, secret)
}

async fn in_the_settings(told: &mut Vec<Told>) {
    let folder = Folder::new().await;
    told.push(Told {
        mistake: "a command in the wrong folder",
        said: run(&folder, &["tenant", "list"]).await,
        fault: &["error: MCP_STORE"],
        cause: &["no store is named"],
        remedy: &["MCP_STORE=sqlite:", "here or in .env"],
    });
    folder.configure("MCP_ALLOWED_MODELS=users,ticket");
    let served = folder.serve().await;
    told.push(Told {
        mistake: "a whitelist with a typo",
        said: lines(&served, "ticket is not served").await,
        fault: &["MCP_ALLOWED_MODELS: ticket is not served"],
        cause: &["no such table"],
        remedy: &["it has tickets"],
    });
    drop(served);
    folder.configure("MCP_HIDDEN_FIELDS=users.emial");
    let served = folder.serve().await;
    told.push(Told {
        mistake: "a hidden field with a typo",
        said: lines(&served, "emial").await,
        fault: &["WARN MCP_HIDDEN_FIELDS"],
        cause: &["touches no field of the models"],
        remedy: &["did you mean users.email?"],
    });
    drop(served);
    folder.put("token", "first-half-of-a-token\nsecond-half\n");
    folder.configure("MCP_TOKEN_FILE=token");
    told.push(Told {
        mistake: "a token with a line break",
        said: refused(&folder).await,
        fault: &["error: MCP_TOKEN_FILE"],
        cause: &["a line break"],
        remedy: &["commas separate several tokens"],
    });
    folder.configure("MCP_LOG='info");
    told.push(Told {
        mistake: "a quote in .env that does not close",
        said: refused(&folder).await,
        fault: &["line 6", "cannot be read"],
        cause: &["quote"],
        remedy: &["closed on the same line"],
    });
    folder.configure("DATABASE_URL=postgres://reader:s3same@horse #1@127.0.0.1/shop");
    told.push(Told {
        mistake: "a password with a blank and # in .env",
        said: refused(&folder).await,
        fault: &["error: DATABASE_URL"],
        cause: &["ends at \" #\""],
        remedy: &["single quotes"],
    });
    folder.configure("DATABASE_URL=postgres://reader@127.0.0.1/shop?sslmode=requre");
    told.push(Told {
        mistake: "a wrong sslmode",
        said: refused(&folder).await,
        fault: &["error: DATABASE_URL"],
        cause: &["sslmode"],
        remedy: &["verify-full"],
    });
    folder.configure("DATABASE_URL=postgres://reader@127.0.0.1:1/shop");
    let served = folder.serve().await;
    told.push(Told {
        mistake: "a database that is down",
        said: lines(&served, "does not answer").await,
        fault: &["requests are refused until it does"],
        cause: &["does not answer"],
        remedy: &["try pg_isready -h 127.0.0.1 -p 1"],
    });
    let address = served.address.to_string();
    let taken = format!("MCP_LISTEN={address}");
    folder.put(
        ".env",
        &format!("MCP_ENABLED=true\nMCP_TOKEN={TOKEN}\nDATABASE_URL=sqlite:shop.db\n{taken}\n"),
    );
    told.push(Told {
        mistake: "a port in use",
        said: refused(&folder).await,
        fault: &["error: 127.0.0.1:"],
        cause: &["is in use"],
        remedy: &["help: MCP_LISTEN=127.0.0.1:", " is free now"],
    });
}

async fn in_the_database(told: &mut Vec<Told>) {
    let folder = Folder::new().await;
    folder.configure("");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    alter(&folder, "ALTER TABLE users RENAME TO people").await;
    ask(&mut socket, LIST).await;
    told.push(Told {
        mistake: "a table that a migration renames",
        said: lines(&served, "the database has changed").await,
        fault: &["users", "not served"],
        cause: &["the database has changed"],
        remedy: &["was it renamed?", "mend the whitelist and reload"],
    });
    drop(served);
    alter(
        &folder,
        "CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
         WHERE i < 1000000000) SELECT max(i) AS most FROM n",
    )
    .await;
    folder.configure("MCP_ALLOWED_MODELS=slow\nMCP_QUERY_TIMEOUT=1");
    let served = folder.serve().await;
    let mut socket = served.connect(TOKEN).await;
    ask(&mut socket, r#"{"action":"list","model":"slow"}"#).await;
    told.push(Told {
        mistake: "MCP_QUERY_TIMEOUT too short",
        said: lines(&served, "query failed for model slow").await,
        fault: &["Query timed out after 1s"],
        cause: &["it took longer than it may"],
        remedy: &["raise MCP_QUERY_TIMEOUT"],
    });
}

/// Comes back with how many were left out, for lack of a server.
async fn in_the_role(told: &mut Vec<Told>) -> usize {
    let Ok(mut admin) = PgConnection::connect(&format!("{SERVER}/postgres")).await else {
        skipped("postgres", "no postgres for a role without rights");
        return 1;
    };
    let name = format!("lucarne_mistake_{}", std::process::id());
    let clean = [
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        format!("DROP ROLE IF EXISTS {name}"),
    ];
    let make = [
        format!("CREATE DATABASE {name}"),
        format!("CREATE ROLE {name} LOGIN"),
    ];
    for statement in clean.iter().chain(&make) {
        admin
            .execute(AssertSqlSafe(statement.clone()))
            .await
            .unwrap();
    }
    let mut own = PgConnection::connect(&format!("{SERVER}/{name}"))
        .await
        .unwrap();
    let tables = format!(
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE notes (id int PRIMARY KEY);
         GRANT SELECT ON users TO {name}"
    );
    own.execute(AssertSqlSafe(tables)).await.unwrap();
    let folder = Folder::new().await;
    folder.configure(&format!(
        "DATABASE_URL=postgres://{name}@127.0.0.1:5432/{name}\nMCP_ALLOWED_MODELS=users,notes"
    ));
    let served = folder.serve().await;
    told.push(Told {
        mistake: "a role without rights on a table",
        said: lines(&served, "notes is not served").await,
        fault: &["notes is not served"],
        cause: &["the role may not read public.notes"],
        remedy: &["GRANT SELECT"],
    });
    drop((served, own));
    for statement in &clean {
        admin
            .execute(AssertSqlSafe(statement.clone()))
            .await
            .unwrap();
    }
    0
}

/// Comes back with how many were left out, for lack of a program.
async fn in_the_running_service(told: &mut Vec<Told>) -> usize {
    let folder = Folder::new().await;
    folder.configure("MCP_AUDIT_FILE=/dev/full");
    let served = folder.serve().await;
    told.push(Told {
        mistake: "a full disk of the audit",
        said: lines(&served, "the audit").await,
        fault: &[
            "the audit /dev/full cannot be written",
            "every request is refused",
        ],
        cause: &["no space"],
        remedy: &["make room", "no restart is needed"],
    });
    drop(served);
    folder.configure("MCP_ALLOWED_HOSTS=db.example.com\nMCP_MAX_CONNECTIONS=1");
    let served = folder.serve().await;
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(403));
    told.push(Told {
        mistake: "a host that no proxy was to pass on",
        said: lines(&served, "Host not allowed").await,
        fault: &["Host not allowed"],
        cause: &["host=\"127.0.0.1:"],
        remedy: &["add it to MCP_ALLOWED_HOSTS"],
    });
    drop(served);
    folder.configure("MCP_MAX_CONNECTIONS=1");
    let served = folder.serve().await;
    folder.configure("MCP_MAX_CONNECTIONS=1\nMCP_POOL_SIZE=3");
    served.reload().await;
    let kept = served.connect(TOKEN).await;
    assert_eq!(served.try_connect(TOKEN).await.err(), Some(503));
    told.push(Told {
        mistake: "MCP_MAX_CONNECTIONS too low",
        said: lines(&served, "Too many connections").await,
        fault: &["Too many connections"],
        cause: &["1 are open"],
        remedy: &["raise MCP_MAX_CONNECTIONS"],
    });
    told.push(Told {
        mistake: "a restart that was forgotten",
        said: lines(&served, "MCP_POOL_SIZE").await,
        fault: &["WARN"],
        cause: &["MCP_POOL_SIZE: unset -> 3"],
        remedy: &["needs a restart"],
    });
    drop((served, kept));
    let make = "faketime '2020-01-01' openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
                -nodes -days 30 -subj /CN=localhost -keyout tls.key -out tls.crt";
    let made = Command::new("bash")
        .args(["-c", make])
        .current_dir(folder.root())
        .output();
    if !made.unwrap().status.success() {
        skipped(
            "faketime",
            "there is no faketime or openssl for an expired certificate",
        );
        return 1;
    }
    folder.configure("MCP_TLS_CERT=tls.crt\nMCP_TLS_KEY=tls.key");
    let served = folder.serve().await;
    told.push(Told {
        mistake: "a certificate that has expired",
        said: lines(&served, "expired").await,
        fault: &["WARN MCP_TLS_CERT"],
        cause: &["the certificate expired on 2020-01-31"],
        remedy: &["renew it"],
    });
    0
}

async fn in_the_store(told: &mut Vec<Told>) {
    let (folder, secret) = with_store("").await;
    let served = folder.serve().await;
    let copy = std::fs::read(folder.path("store.db")).unwrap();
    until("the revoked token", || served.logged("connection") < 1).await;
    run(&folder, &["token", "revoke", "agent", "--yes"]).await;
    served.says("the store was changed", 1).await;
    std::fs::write(folder.path("store.db"), copy).unwrap();
    told.push(Told {
        mistake: "an old copy of the store put back",
        said: lines(&served, "the store went back").await,
        fault: &["WARN the store went back from revision"],
        cause: &["is it an older copy?", "revoked since may be valid again"],
        remedy: &["see lucarne token list"],
    });
    assert!(!served.log().contains(&secret));

    // Another instance seals with a key of its own.
    let other = format!(
        "MCP_ENABLED=true\nMCP_STORE=sqlite:store.db\nMCP_LISTEN=127.0.0.1:0\n\
         MCP_ENCRYPTION_KEY={OTHER_KEY}\nMCP_ENCRYPTION_KEY_PREVIOUS={KEY}\n"
    );
    folder.put(".env", &other);
    run(&folder, &["database", "reseal", "--yes"]).await;
    told.push(Told {
        mistake: "two services with two keys on one store",
        said: lines(&served, "does not open").await,
        fault: &[
            "ERROR the store: the URL of database shop does not open",
            "nothing of it is served",
        ],
        cause: &["sealed with another key"],
        remedy: &["MCP_ENCRYPTION_KEY_PREVIOUS of every instance"],
    });
    drop(served);
    folder.put(
        ".env",
        &other
            .replace(OTHER_KEY, &"ef".repeat(32))
            .replace(KEY, &"ef".repeat(32)),
    );
    let said = refused(&folder).await;
    told.push(Told {
        mistake: "a key that is lost",
        said,
        fault: &["error: MCP_ENCRYPTION_KEY: database \"shop\""],
        cause: &["sealed with another key"],
        remedy: &["if that key is lost", "lucarne database update NAME --url"],
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_twenty_mistakes_is_told_with_its_cause_and_its_remedy() {
    let mut told = Vec::new();
    in_the_settings(&mut told).await;
    in_the_database(&mut told).await;
    let mut left_out = in_the_role(&mut told).await;
    left_out += in_the_running_service(&mut told).await;
    in_the_store(&mut told).await;
    for one in &told {
        println!("{} ({})\n  {}\n", one.mistake, one.grade(), one.said.trim());
    }
    let poor: Vec<&str> = told
        .iter()
        .filter(|one| one.grade() < 2)
        .map(|one| one.mistake)
        .collect();
    assert!(poor.is_empty(), "{poor:?}");
    let sum: usize = told.iter().map(Told::grade).sum();
    // In tenths, for the mean is to be 2.8 or more.
    assert!(sum * 10 >= told.len() * 28, "{sum} of {}", told.len() * 3);
    assert_eq!(told.len() + left_out, 20);
    let names: std::collections::BTreeSet<&str> = told.iter().map(|one| one.mistake).collect();
    assert_eq!(names.len(), told.len(), "each is another one");
}
