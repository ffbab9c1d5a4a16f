//! The pages by which an operator deploys and restores, played: their own commands, in their order.

use std::process::{Command, Output, Stdio};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::skipped::skipped;
use crate::support::*;

const SERVER: &str = "postgres://postgres@127.0.0.1:5432";

/// The blocks of a page that a shell runs.
fn blocks(page: &str) -> Vec<String> {
    let parts = page.split("\n```sh\n").skip(1);
    parts
        .map(|part| part.split_once("\n```\n").unwrap().0.to_owned())
        .collect()
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// A database with the sample, and the role that the page makes, gone with this value.
struct Shop {
    name: String,
    role: String,
}

impl Shop {
    async fn new() -> Option<Self> {
        let admin = format!("{SERVER}/postgres");
        let Ok(mut connection) = PgConnection::connect(&admin).await else {
            skipped(
                "postgres",
                "no postgres at 127.0.0.1:5432 for the deploy page",
            );
            return None;
        };
        let own = std::process::id();
        let shop = Self {
            name: format!("lucarne_deploy_{own}"),
            role: format!("lucarne_deploy_reader_{own}"),
        };
        shop.drop_all(&mut connection).await;
        let create = format!("CREATE DATABASE {}", shop.name);
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        let mut filled = PgConnection::connect(&shop.url()).await.unwrap();
        let sample = include_str!("../../schema/postgres.sql");
        filled.execute(sample).await.unwrap();
        filled.close().await.unwrap();
        Some(shop)
    }

    fn url(&self) -> String {
        format!("{SERVER}/{}", self.name)
    }

    async fn drop_all(&self, connection: &mut PgConnection) {
        for statement in [
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name),
            format!("DROP ROLE IF EXISTS {}", self.role),
        ] {
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        }
    }

    async fn remove(self) {
        let mut connection = PgConnection::connect(&format!("{SERVER}/postgres"))
            .await
            .unwrap();
        self.drop_all(&mut connection).await;
    }
}

/// Runs a script of bash to its end.
async fn play(script: String, folder: &Folder, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .current_dir(folder.root())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.root())
        .envs(variables.iter().copied())
        .stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn told(output: Output) -> String {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    format!("{out}\n{err}")
}

/// Ports that are free now.
fn free_ports<const N: usize>() -> [String; N] {
    let taken = [(); N].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    taken.map(|taken| taken.local_addr().unwrap().port().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deploy_page_leads_from_nothing_to_a_served_database() {
    for program in ["nginx", "openssl", "psql", "curl"] {
        if !is_there(program) {
            skipped(
                program,
                &format!("there is no {program} for the deploy page"),
            );
            return;
        }
    }
    let Some(shop) = Shop::new().await else {
        return;
    };
    let folder = Folder::new().await;
    let root = folder.root().display().to_string();
    let page = include_str!("../../docs/deploy.md");
    let [public, admin, tls] = free_ports();
    let page = blocks(page).join("\necho \"== done\"\n");
    let page = page
        .replace("/etc/", &format!("{root}/etc/"))
        .replace("/usr/local/", &format!("{root}/usr/local/"))
        .replace("/var/", &format!("{root}/var/"))
        .replace("127.0.0.1:8000", &format!("127.0.0.1:{public}"))
        .replace("127.0.0.1:9090", &format!("127.0.0.1:{admin}"))
        .replace("listen 443", &format!("listen 127.0.0.1:{tls}"))
        .replace(":443:", &format!(":{tls}:"))
        .replace(
            "https://db.example.com",
            &format!("https://db.example.com:{tls}"),
        )
        .replace("/shop", &format!("/{}", shop.name))
        .replace("lucarne_reader", &shop.role)
        .replace(
            "install -m 0755 lucarne ",
            &format!("install -m 0755 {} ", program()[0]),
        )
        .replace(
            "install -m 0644 lucarne.service ",
            concat!(
                "install -m 0644 ",
                env!("CARGO_MANIFEST_DIR"),
                "/docs/lucarne.service "
            ),
        );
    // The page leaves the address of clients as it is by default.
    let page = page.replace(
        "MCP_ENABLED=true",
        &format!("MCP_ENABLED=true\nMCP_LISTEN=127.0.0.1:{public}"),
    );
    let script = format!(
        "{}\ntrap 'kill $SERVICE; nginx -s stop' EXIT\n{page}\n\
         # A change that cannot be: refused, and told why.\n\
         echo MCP_MAX_LIMIT=many >> .env\n\
         if systemctl reload lucarne; then echo the reload is not refused; exit 1; fi\n\
         cat {root}/var/log/journal >&2",
        include_str!("deploy/machine.sh"),
    );
    let played = play(script, &folder, &[("ROOT", &root), ("ROLE", &shop.role)]).await;
    shop.remove().await;
    let told = told(played);
    for words in [
        // The role is one that may only read, and nothing is left to be warned of.
        "\"status\"",
        "mcp_requests_running ",
        " lines in order, 1 to ",
        "MCP_HIDDEN_FIELDS: unset -> users.email",
        "no longer exposed: users.email",
        "reloaded: 2 models",
        "the reload was refused, and nothing is changed",
        "MCP_MAX_LIMIT: expected",
        "each session is asked whether it is read-only, and says so",
        "records each request in ",
    ] {
        assert!(told.contains(words), "{words:?} is not in {told}");
    }
    let (_, as_reader) = told.rsplit_once("\"status\"").unwrap_or_default();
    assert!(!as_reader.contains("may read hidden fields"), "{told}");
    assert_eq!(
        told.matches("== done").count(),
        blocks(include_str!("../../docs/deploy.md")).len() - 1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backup_page_keeps_a_revoked_token_out() {
    let folder = Folder::new().await;
    let root = folder.root().display().to_string();
    let blocks = blocks(include_str!("../../docs/backup.md"));
    let blocks: Vec<String> = blocks
        .iter()
        .map(|block| block.replace("/var/backups", &format!("{root}/backups")))
        .collect();
    let [backup, restore, new_key, new_url] = blocks.as_slice() else {
        panic!("{blocks:?}")
    };
    let prelude = include_str!("deploy/store.sh");
    let script = format!(
        "{prelude}\n{backup}\nrevoke\n{restore}\nsees_revoked\n\
         KEY=$({new_key})\nlose_key \"$KEY\"\n{new_url}\nsees_rows\necho played"
    );
    let program = program()[0].clone();
    let variables = [("ROOT", &*root), ("LUCARNE", &*program)];
    assert!(told(play(script, &folder, &variables).await).contains("played"));
}
