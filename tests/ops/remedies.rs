//! Each kind of refusal, made for real: the command that the traffic tells is run, and the same
//! request is let through.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::*;

const ADMIN: &str = "the-token-of-an-operator";
const TOOLS: &str = r#"
[[tool]]
name = "open_tickets"
description = "Tickets that are open."
sql = "SELECT id, title FROM tickets WHERE status = 'open'"
database = "shop"

[[tool]]
name = "reported"
description = "Tickets for those who report."
sql = "SELECT id FROM tickets WHERE title = :company"
database = "shop"
tokens = ["reports"]
[tool.params]
company = { from = "caller.attr.company" }
"#;

/// How something is asked.
enum Ask {
    /// A native message.
    Native(Value),
    /// A call of a tool of MCP, by HTTP.
    Mcp(&'static str, Value),
    /// A socket, opened with another header.
    Open(&'static str, &'static str),
}

/// A token of a tenant.
struct Asker {
    /// How the tenant is made, where it is not `acme`.
    tenant: Option<(&'static str, &'static str)>,
    /// How the token is made.
    flags: String,
    /// What becomes of it before it asks.
    then: &'static str,
}

/// A refusal to be made.
struct Case {
    /// The token that asks; that of `MCP_TOKEN` where there is none.
    of: Option<Asker>,
    ask: Ask,
    code: &'static str,
    /// What the command holds.
    told: &'static str,
    /// What the operator puts in the place of what only the client or the log knows.
    named: &'static str,
}

/// The folder of a service with a tenant, `acme`, whose database is the sample.
struct Shop {
    folder: Folder,
    lines: Vec<String>,
}

impl Shop {
    async fn new(lines: &[&str]) -> Self {
        let folder = Folder::new().await;
        let url = format!("sqlite:{}", folder.path("shop.db").display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        for (id, kilobytes) in [(900_001, 100), (900_002, 2_000)] {
            let statement = format!(
                "INSERT INTO tickets SELECT {id}, title, hex(zeroblob({kilobytes} * 500)), status, \
                 priority, user_id, assignee_id, tags, custom_fields, amount, satisfaction, \
                 is_escalated, due_on, created_at, updated_at, closed_at, webhook_secret \
                 FROM tickets LIMIT 1"
            );
            let statement = sqlx::AssertSqlSafe(statement);
            connection.execute(statement).await.unwrap();
        }
        folder.put("tools.toml", TOOLS);
        let own = [
            format!("MCP_STORE=sqlite:{}", folder.path("store.db").display()),
            format!("MCP_ENCRYPTION_KEY={}", "ab".repeat(32)),
            format!("MCP_ADMIN_TOKEN={ADMIN}"),
            format!("MCP_TOOLS_FILE={}", folder.path("tools.toml").display()),
            "MCP_ALLOWED_MODELS=users,tickets".to_owned(),
        ];
        let more = lines.iter().map(|line| (*line).to_owned());
        let shop = Self {
            lines: own.into_iter().chain(more).collect(),
            folder,
        };
        shop.configure();
        shop.run("lucarne tenant create acme --json").await;
        let database = "lucarne database add shop sqlite:shop.db --tenant acme \
                        --models users,tickets --hidden tickets.title";
        shop.run(database).await;
        shop
    }

    fn configure(&self) {
        self.folder.configure(&self.lines.join("\n"));
    }

    /// Runs a command as one pastes it into a shell, and gives what it prints.
    async fn run(&self, command: &str) -> String {
        let program = program().remove(0);
        let folder = std::path::Path::new(&program).parent().unwrap().to_owned();
        let mut shell = Command::new("bash");
        let path = std::env::var("PATH").unwrap();
        shell
            .args(["-c", command])
            .current_dir(self.folder.root())
            .env_clear()
            .env("PATH", format!("{}:{path}", folder.display()));
        let ended = tokio::task::spawn_blocking(move || shell.output().unwrap());
        let ended = ended.await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, log) = (text(ended.stdout), text(ended.stderr));
        assert!(ended.status.success(), "{command}: {out}{log}");
        out.trim().to_owned()
    }

    /// A token of that name, and its tenant where that is not there.
    async fn token(&self, name: &str, asker: &Asker) -> String {
        if let Some((tenant, flags)) = asker.tenant {
            self.run(&format!("lucarne tenant create {tenant} {flags}"))
                .await;
            let add = "lucarne database add shop sqlite:shop.db --models tickets --tenant";
            self.run(&format!("{add} {tenant}")).await;
        }
        let (tenant, flags) = (asker.tenant.map_or("acme", |it| it.0), &asker.flags);
        self.run(&format!(
            "lucarne token create {name} --tenant {tenant} {flags}"
        ))
        .await
    }

    /// Does what an operator does with what is told: runs it, or sets it and reloads.
    async fn obey(&mut self, served: &Served, command: &str) {
        let Some((variable, _)) = command
            .split_once('=')
            .filter(|(name, _)| name.starts_with("MCP_"))
        else {
            self.run(command).await;
            return;
        };
        let begins = format!("{variable}=");
        self.lines.retain(|line| !line.starts_with(&begins));
        self.lines.push(command.to_owned());
        self.configure();
        served.reload().await;
    }
}

/// Sends a request by HTTP and gives its status and body, as far as it is there.
async fn http(address: std::net::SocketAddr, head: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let host = match head.contains("Host: ") {
        true => String::new(),
        false => format!("Host: {address}\r\n"),
    };
    let text = format!("{head}{host}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut read = vec![0; 4 << 20];
    let mut length = 0;
    loop {
        let more = tokio::time::timeout(PATIENCE, stream.read(&mut read[length..]));
        let more = more.await.unwrap().unwrap();
        length += more;
        let text = String::from_utf8_lossy(&read[..length]);
        let status = text.split(' ').nth(1).and_then(|it| it.parse().ok());
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
        let whole = body.and_then(|body| serde_json::from_str(body).ok());
        match (status, whole) {
            (Some(status), Some(body)) => return (status, body),
            (Some(101), _) => return (101, Value::Null),
            _ => assert!(more > 0, "{text}"),
        }
    }
}

/// The code of what is answered; of who is not let in the status.
async fn asked(served: &Served, token: &str, ask: &Ask) -> String {
    match ask {
        Ask::Native(message) => {
            let mut socket = match served.try_connect(token).await {
                Ok(socket) => socket,
                Err(status) => return status.to_string(),
            };
            code(&crate::support::ask(&mut socket, &message.to_string()).await).to_owned()
        }
        Ask::Mcp(tool, arguments) => {
            let head = format!(
                "POST /mcp HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: \
                 application/json\r\nAccept: application/json, text/event-stream\r\n"
            );
            let params = json!({ "name": tool, "arguments": arguments });
            let call =
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
            let (_, answer) = http(served.address, &head, &call.to_string()).await;
            code(&answer["result"]["structuredContent"]).to_owned()
        }
        Ask::Open(name, value) => {
            let head = format!(
                "GET /mcp/ws HTTP/1.1\r\nX-MCP-Token: {token}\r\nConnection: Upgrade\r\nUpgrade: \
                 websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
                 dGhlIHNhbXBsZSBub25jZQ==\r\n{name}: {value}\r\n"
            );
            match http(served.address, &head, "").await {
                (101, _) => "ok".to_owned(),
                (status, _) => status.to_string(),
            }
        }
    }
}

/// The refusal that was noted last, explained.
async fn explained(served: &Served) -> Value {
    let get = async |path: &str| {
        let head = format!("GET /admin/api{path} HTTP/1.1\r\nAuthorization: Bearer {ADMIN}\r\n");
        http(served.admin, &head, "").await.1["data"].clone()
    };
    let traffic = get("/traffic?code=refused").await;
    let last = traffic.as_array().and_then(|all| all.last());
    let last = last.unwrap_or_else(|| panic!("{traffic} {}", served.log()));
    let number = last["number"].clone();
    get(&format!("/traffic/{number}")).await
}

/// Makes each refusal, obeys what is told, and sees that the request is let through.
async fn obeyed(lines: &[&str], cases: Vec<Case>) {
    let mut shop = Shop::new(lines).await;
    let mut made = Vec::new();
    for (number, case) in cases.into_iter().enumerate() {
        let name = format!("token-{number}");
        let token = match &case.of {
            Some(asker) => shop.token(&name, asker).await,
            None => TOKEN.to_owned(),
        };
        made.push((name, case, token));
    }
    let served = shop.folder.serve().await;
    for (name, case, token) in made {
        if let Some(asker) = &case.of {
            shop.run(&asker.then.replace("NAME", &name)).await;
        }
        let begun = Instant::now();
        let mut came = asked(&served, &token, &case.ask).await;
        // A window or a budget is spent first, and a change is heard within a second.
        while came != case.code && begun.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(400)).await;
            came = asked(&served, &token, &case.ask).await;
        }
        assert_eq!(came, case.code, "{}", case.told);
        let explained = explained(&served).await;
        let command = explained["remedies"][0]["command"].as_str();
        let command = command.unwrap_or_else(|| panic!("{} {explained}", case.told));
        assert!(command.contains(case.told), "{command}");
        let command = command
            .replace("NAME", case.named)
            .replace("VALUE", case.named);
        shop.obey(&served, &command).await;
        let begun = Instant::now();
        loop {
            let came = asked(&served, &token, &case.ask).await;
            if came == "ok" {
                break;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(15),
                "{command}: {came} {explained}"
            );
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    }
}

/// A token of the tenant `acme`, made with these flags.
fn of(flags: impl Into<String>) -> Option<Asker> {
    Some(Asker {
        tenant: None,
        flags: flags.into(),
        then: "",
    })
}

/// The same, and what becomes of it before it asks.
fn then(then: &'static str) -> Option<Asker> {
    Some(Asker { then, ..of("")? })
}

/// A token of a tenant of its own.
fn tenant(name: &'static str, flags: &'static str) -> Option<Asker> {
    Some(Asker {
        tenant: Some((name, flags)),
        ..of("")?
    })
}

fn case(of: Option<Asker>, ask: Ask, code: &'static str, told: &'static str) -> Case {
    Case {
        of,
        ask,
        code,
        told,
        named: "",
    }
}

fn list(model: &str) -> Ask {
    Ask::Native(json!({ "action": "list", "model": model, "params": { "limit": 2 } }))
}

fn call(tool: &str) -> Ask {
    Ask::Native(json!({ "action": "call", "tool": tool }))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_token_may_not_is_let_through_by_the_command_that_is_told() {
    let greater = json!({ "action": "query", "model": "tickets", "params": { "filters": { "id": { "$lt": 3 } } } });
    let fields = |model: &str, name: &str| {
        let params = json!({ "fields": ["id", name], "limit": 1 });
        Ask::Native(json!({ "action": "query", "model": model, "params": params }))
    };
    let get = Ask::Native(json!({ "action": "get", "model": "tickets", "params": { "id": 1 } }));
    obeyed(
        &[],
        vec![
            case(of("--models tickets"), list("users"), "model_not_allowed", "--models tickets,users"),
            // A scope of tools of one's own is kept.
            case(
                of("--scopes describe,read,reports"),
                Ask::Native(greater),
                "not_permitted",
                "--scopes describe,read,reports,operators",
            ),
            case(
                of("--tools list_records,open_tickets --scopes read,tools"),
                get,
                "not_permitted",
                "--tools list_records,open_tickets,get_record",
            ),
            case(of(""), fields("users", "api_key"), "invalid_parameter", "--reveal users.api_key"),
            // Of a filter as of a field.
            case(
                of(""),
                Ask::Native(json!({ "action": "list", "model": "users", "params": { "filters": { "totp_secret": "x" } } })),
                "invalid_filter",
                "--reveal users.api_key,users.totp_secret",
            ),
            case(of(""), fields("tickets", "title"), "invalid_parameter", "--hidden ''"),
            Case {
                named: "change_log",
                ..case(of(""), list("change_log"), "model_not_allowed", "--models users,tickets,NAME")
            },
            case(of("--scopes read"), call("open_tickets"), "tool_not_allowed", "--scopes read,tools"),
            case(of("--scopes read --attr company=Acme"), call("reported"), "tool_not_allowed", "--scopes read,reports"),
            Case {
                named: "Acme",
                ..case(of("--scopes reports --attr a=b"), call("reported"), "not_permitted", "--attr a=b --attr company=VALUE")
            },
            case(
                of("--scopes tools --models users"),
                call("open_tickets"),
                "tool_not_allowed",
                "--models users,tickets",
            ),
            case(
                of("--scopes tools --tools reported"),
                call("open_tickets"),
                "tool_not_allowed",
                "--tools reported,open_tickets",
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_over_a_limit_or_not_let_in_is_let_through_by_the_command_that_is_told() {
    let soon = || {
        let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(15);
        let soon = soon.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        format!("--expires {soon}")
    };
    obeyed(
        &[],
        vec![
            case(
                of("--rate-limit 2"),
                list("tickets"),
                "rate_limited",
                "--rate-limit 4",
            ),
            // More was read than the limit: twice as much would not do.
            case(
                of("--rows-per-day 1"),
                list("tickets"),
                "budget_spent",
                "--rows-per-day 3",
            ),
            case(
                tenant("busy", "--rate-limit 2"),
                list("tickets"),
                "rate_limited",
                "lucarne tenant update busy --rate-limit 4",
            ),
            case(
                tenant("greedy", "--rows-per-day 1"),
                list("tickets"),
                "budget_spent",
                "lucarne tenant update greedy --rows-per-day 3",
            ),
        ],
    )
    .await;
    // Each by a service of its own, for many failures make a stranger of whoever asks.
    for (asker, told) in [
        (of(soon()), "--expires never"),
        (
            then("lucarne token revoke NAME --tenant acme --yes"),
            "--active true",
        ),
        (
            then("lucarne tenant deactivate acme"),
            "lucarne tenant activate acme",
        ),
    ] {
        obeyed(&[], vec![case(asker, list("tickets"), "401", told)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_refuses_is_let_through_by_the_line_that_is_told() {
    let fields = |name: &str| {
        let params = json!({ "fields": ["id", name], "limit": 1 });
        Ask::Native(json!({ "action": "query", "model": "users", "params": params }))
    };
    let one = |id: u32| json!({ "model": "tickets", "id": id });
    let named = |named: &'static str, of: Case| Case { named, ..of };
    obeyed(
        &[
            "MCP_HIDDEN_FIELDS=users.locale,users.timezone",
            "MCP_REVEAL_FIELDS=users.totp_secret",
            "MCP_SCAN_LIMIT=100",
        ],
        vec![
            case(None, fields("api_key"), "invalid_parameter", "MCP_REVEAL_FIELDS=users.totp_secret,users.api_key"),
            case(None, fields("locale"), "invalid_parameter", "MCP_HIDDEN_FIELDS=users.timezone"),
            named("change_log", case(None, list("change_log"), "model_not_allowed", "MCP_ALLOWED_MODELS=users,tickets,NAME")),
            case(
                None,
                Ask::Native(json!({ "action": "list", "model": "tickets", "params": { "filters": { "priority": "low" } } })),
                "invalid_filter",
                "MCP_SCAN_LIMIT=",
            ),
            case(None, Ask::Mcp("get_record", one(900_001)), "response_too_large", "MCP_TOOL_MAX_BYTES="),
            case(
                None,
                Ask::Native(json!({ "action": "get", "model": "tickets", "params": { "id": 900_002 } })),
                "response_too_large",
                "MCP_MAX_RESPONSE_BYTES=",
            ),
            named("shop.example", case(None, Ask::Open("Host", "shop.example"), "403", "MCP_ALLOWED_HOSTS='localhost,127.0.0.1,[::1],NAME'")),
            named("https://shop.example", case(None, Ask::Open("Origin", "https://shop.example"), "403", "MCP_ALLOWED_ORIGINS=NAME")),
        ],
    )
    .await;
}
