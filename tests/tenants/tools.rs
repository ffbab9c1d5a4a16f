//! Tools of the operator: which tokens of tenants may call them, and what they see.

use std::collections::BTreeMap;

use lucarne::store::NewToken;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Api, administered};
use crate::data::{Data, TICKETS};
use crate::support::{Client, Way, start, token};

const TOOLS: &str = r#"
[[tool]]
name = "count"
description = "How many tickets there are."
sql = "SELECT COUNT(*) AS n, SUM(t.amount) AS amount FROM tickets t"
result = "one"
database = "shop"

[[tool]]
name = "report"
description = "Tickets with their notes, for those who report."
sql = '''
WITH busy AS (SELECT n.ticket_id, COUNT(*) AS notes FROM notes n GROUP BY n.ticket_id)
SELECT t.id, b.notes, ROW_NUMBER() OVER (ORDER BY t.id) AS place
FROM tickets t JOIN busy b ON b.ticket_id = t.id ORDER BY t.id
'''
tokens = ["reports"]

[[tool]]
name = "mine"
description = "The ticket of whoever asks."
sql = "SELECT id FROM tickets WHERE title = :title OR title = :who OR title = :whose"
[tool.params]
title = { from = "caller.attr.title" }
who = { from = "caller.token" }
whose = { from = "caller.tenant" }
"#;

fn file() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools.toml");
    std::fs::write(&path, TOOLS).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

fn with(name: &str, scopes: &[&str]) -> NewToken {
    NewToken {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..token(name)
    }
}

async fn call(client: &mut Client, tool: &str) -> Value {
    exchanged(client, &json!({ "id": 1, "action": "call", "tool": tool })).await
}

async fn exchanged(client: &mut Client, message: &Value) -> Value {
    let answer = client.exchange(message.to_string()).await.unwrap();
    serde_json::from_str(&answer).expect(&answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_for_the_tokens_that_have_its_scope() {
    let data = Data::sqlite().await;
    let (_folder, path) = file();
    let running = start(&[("MCP_TOOLS_FILE", &path)]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let narrow = NewToken {
        tools: Some(vec!["mine".to_owned()]),
        ..with("narrow", &["tools"])
    };
    let blind = NewToken {
        models: Some(vec!["tickets".to_owned()]),
        ..with("blind", &["tools", "reports"])
    };
    for (new, listed) in [
        (
            with("all", &["describe", "tools"]),
            &["count", "report", "mine"][..],
        ),
        (with("reporter", &["reports"]), &["report"]),
        (with("reader", &["describe", "read"]), &[]),
        (narrow, &["mine"]),
        (blind, &["count", "mine"]),
    ] {
        let name = new.name.clone();
        let (_, secret) = running.token(&tenant, new).await;
        let connected = Client::connect(running.address, &secret, Way::Http).await;
        let mut client = connected.ok().unwrap();
        let answer = client.method("tools/list", json!({})).await;
        let tools = answer["result"]["tools"].as_array().unwrap().iter();
        let tools = tools.filter_map(|tool| tool["name"].as_str());
        let own = tools.filter(|name| ["count", "report", "mine"].contains(name));
        assert_eq!(own.collect::<Vec<_>>(), listed, "{name}");
        let connected = Client::connect(running.address, &secret, Way::Native).await;
        let mut client = connected.ok().unwrap();
        for tool in ["count", "report"] {
            let answer = call(&mut client, tool).await;
            let code = answer["code"].as_str();
            let expected = (!listed.contains(&tool)).then_some("tool_not_allowed");
            assert_eq!(code, expected, "{name} {tool}: {answer}");
        }
        let answer = call(&mut client, "a\\nb").await;
        assert_eq!(answer["code"], "tool_not_allowed", "{answer}");
    }
    // Only names of the file are counted by.
    let figures = running.figures();
    let lines = figures.lines();
    let counted = lines.filter_map(|line| line.strip_prefix("mcp_tool_invocations_total{tool=\""));
    let names = counted.filter_map(|line| line.split('"').next());
    // These are there from the start.
    let names = names.filter(|name| !["list", "get", "query", "describe"].contains(name));
    let names: std::collections::BTreeSet<&str> = names.collect();
    assert_eq!(names, ["call", "count", "report"].into(), "{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_a_token_is_taken_from_the_store() {
    let data = Data::sqlite().await;
    let (_folder, path) = file();
    let running = start(&[("MCP_TOOLS_FILE", &path)]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let title = "ticket 4 of company-2".to_owned();
    let known = NewToken {
        attributes: BTreeMap::from([("title".to_owned(), title)]),
        ..with("known", &["tools"])
    };
    let (_, known) = running.token(&tenant, known).await;
    let (_, unknown) = running.token(&tenant, with("unknown", &["tools"])).await;
    let connected = Client::connect(running.address, &known, Way::Native).await;
    let mut client = connected.ok().unwrap();
    let answer = call(&mut client, "mine").await;
    assert_eq!(answer["data"], json!([{ "id": 4 }]), "{answer}");
    // It is taken from no client.
    let given = json!({ "id": 1, "action": "call", "tool": "mine", "params": { "title": "x" } });
    let answer = exchanged(&mut client, &given).await;
    assert_eq!(answer["code"], "invalid_parameter", "{answer}");
    let connected = Client::connect(running.address, &unknown, Way::Native).await;
    let mut client = connected.ok().unwrap();
    let answer = call(&mut client, "mine").await;
    assert_eq!(answer["code"], "not_permitted", "{answer}");
}

/// One tool serves every tenant that has a database of its name, whatever engine that is.
#[tokio::test(flavor = "multi_thread")]
async fn one_tool_serves_the_tenants_of_every_engine() {
    let (_folder, path) = file();
    let running = start(&[("MCP_TOOLS_FILE", &path)]).await;
    let mut kept = Vec::new();
    for (at, data) in Data::each().await.into_iter().enumerate() {
        let (all, one) = (format!("all-{at}"), format!("one-{at}"));
        let whole = running.tenant(&all, &data.url(), &[]).await;
        let rules = ["tickets.company_id = 2", "notes.company_id = 2"];
        let narrow = running.tenant(&one, &data.url(), &rules).await;
        for (tenant, count) in [(&whole, TICKETS), (&narrow, TICKETS / 3)] {
            let (_, secret) = running.token(tenant, with("t", &["tools"])).await;
            let connected = Client::connect(running.address, &secret, Way::Native).await;
            let mut client = connected.ok().unwrap();
            let answer = call(&mut client, "count").await;
            assert_eq!(answer["data"]["n"], count, "{}: {answer}", data.url());
            let answer = call(&mut client, "report").await;
            let rows = answer["data"].as_array().unwrap();
            let of_others = rows
                .iter()
                .filter(|row| row["id"].as_i64().unwrap() % 3 != 1);
            if count < TICKETS {
                assert_eq!(of_others.count(), 0, "{}: {answer}", data.url());
            }
            assert_eq!(rows[0]["place"], 1, "{answer}");
        }
        kept.push(data);
    }
}

/// What fails on a row that a rule hides fails for nobody: the rule comes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_tells_nothing_of_rows_that_rules_hide() {
    for data in Data::each().await {
        // What an index holds is asked for before the rest of a row.
        data.execute("CREATE INDEX by_amount ON tickets (amount)")
            .await;
        let whole = "amount BETWEEN 1 AND 3 AND ABS(CASE WHEN amount = :d THEN -9223372036854775807 - 1 ELSE 0 END) >= 0";
        let (test, own) = match data {
            Data::Postgres { .. } => (
                "amount BETWEEN 1 AND 3 AND 100 / (CASE WHEN amount = :d THEN 0 ELSE 1 END) > 0",
                "CAST(CASE WHEN t.amount = :d THEN 'x' ELSE '1' END AS integer) = 1",
            ),
            _ => (whole, whole),
        };
        let file = format!(
            "[[tool]]\nname = \"plain\"\ndescription = \"x\"\n\
             sql = \"SELECT id FROM tickets WHERE {test} ORDER BY id\"\n\
             params = {{ d = {{ type = \"integer\", description = \"x\" }} }}\n\
             [[tool]]\nname = \"nested\"\ndescription = \"x\"\n\
             sql = \"WITH own AS (SELECT t.id FROM tickets t WHERE {own}) SELECT o.id FROM own o JOIN notes n ON n.ticket_id = o.id ORDER BY o.id\"\n\
             params = {{ d = {{ type = \"integer\", description = \"x\" }} }}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tools.toml");
        std::fs::write(&path, file).unwrap();
        let running = start(&[("MCP_TOOLS_FILE", &path.display().to_string())]).await;
        let rules = ["tickets.company_id = 2", "notes.company_id = 2"];
        let tenant = running.tenant("acme", &data.url(), &rules).await;
        let (_, secret) = running.token(&tenant, with("t", &["tools"])).await;
        let connected = Client::connect(running.address, &secret, Way::Native).await;
        let mut client = connected.ok().unwrap();
        for tool in ["plain", "nested"] {
            let mut told = Vec::new();
            for d in [2, 999, 1] {
                let params = json!({ "d": d });
                let message = json!({ "id": 1, "action": "call", "tool": tool, "params": params });
                told.push(exchanged(&mut client, &message).await);
            }
            assert_eq!(told[0]["code"], json!(null), "{}: {}", data.url(), told[0]);
            assert_eq!(told[0]["data"], told[1]["data"], "{}: {tool}", data.url());
            // Of a row that may be seen it fails.
            assert!(told[2]["code"].is_string(), "{}: {}", data.url(), told[2]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_tries_the_examples_where_rows_may_be_read() {
    const EXAMPLES: &str = r#"
[[tool]]
name = "sought"
description = "A ticket by its title."
sql = "SELECT id FROM tickets WHERE title = :title OR title = :whose"
tokens = ["reports"]
[tool.params]
title = { type = "text", description = "Which" }
whose = { from = "caller.attr.title" }
[[tool.example]]
params = { title = "none" }
caller = { tenant = "acme", token = "agent", attr = { title = "ticket 4 of company-2" } }
first = { id = 4 }
[[tool.example]]
params = { title = "none" }
rows = "7"
[[tool.example]]
params = { title = 5 }
caller = { tenant = "globex" }
error = "invalid_value"
within_ms = 60000
"#;
    let data = Data::sqlite().await;
    let Data::Sqlite(folder) = &data else {
        panic!("a file")
    };
    let (tools, audit) = (folder.path().join("t.toml"), folder.path().join("a.jsonl"));
    std::fs::write(&tools, EXAMPLES).unwrap();
    let running = administered(&[
        ("MCP_ADMIN_READ", "true"),
        ("MCP_TOOLS_FILE", &tools.display().to_string()),
        ("MCP_AUDIT_FILE", &audit.display().to_string()),
    ])
    .await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    running.token(&tenant, with("agent", &["reports"])).await;
    let mut api = Api::new(&running);
    let scopes = api.done("GET", "/scopes", json!(null)).await;
    assert_eq!(
        scopes.as_array().unwrap().last(),
        Some(&json!({ "name": "reports", "meaning": "calls of sought" }))
    );
    let told = api.done("GET", "/tools", json!(null)).await;
    let examples = told["tools"][0]["examples"].clone();
    assert_eq!(
        examples[0],
        json!({
            "params": { "title": "none" },
            "caller": "token agent, tenant acme, title = ticket 4 of company-2",
            "expected": ["first {\"id\":4}"],
            "place": "t.toml:10:1",
        })
    );
    let expected = &examples[2]["expected"];
    assert_eq!(expected, &json!(["invalid_value", "within 60000 ms"]));
    let tried = api.done("POST", "/tools/sought/test", json!(null)).await;
    let misses: Vec<&Value> = tried
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["misses"])
        .collect();
    assert_eq!(misses[0], &json!([]), "{tried}");
    // Nobody is named: the first token that may call it has no title.
    assert_eq!(misses[1][0], "refused: not_permitted", "{tried}");
    let miss = "no token of a tenant globex in the store may call it";
    assert_eq!(misses[2], &json!([miss]));
    assert_eq!(tried[0]["place"], examples[0]["place"]);
    let code = api
        .refused("POST", "/tools/nothing/test", json!(null), 404)
        .await;
    assert_eq!(code, "not_found");
    running.service.audit().unwrap().flush().await;
    let lines = std::fs::read_to_string(&audit).unwrap();
    let read = lines.lines().filter(|line| line.contains("testTool"));
    assert_eq!(read.count(), 2, "{lines}");
    // Each call stands there as one of the token.
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let asked: Vec<Value> = lines
        .filter(|line: &Value| line["event"] == "request")
        .collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    for (line, (code, rows)) in asked.iter().zip([("ok", 1), ("not_permitted", 0)]) {
        for (member, value) in [
            ("tenant", json!("acme")),
            ("name", json!("agent")),
            ("action", json!("call")),
            ("tool", json!("sought")),
            ("transport", json!("admin")),
            ("asked_by", json!("admin")),
            ("code", json!(code)),
            ("rows", json!(rows)),
        ] {
            assert_eq!(line[member], value, "{member} of {line}");
        }
        assert_ne!(line["token"], "local");
    }
    api.hold_to_description().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_are_tried_as_requests_of_the_token_and_so_many_at_once() {
    let data = Data::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools.toml");
    let one = "\n[[tool.example]]\nrows = \"1\"";
    let file = format!(
        "[[tool]]\nname = \"first\"\ndescription = \"A ticket.\"\n\
         sql = \"SELECT id FROM tickets ORDER BY id LIMIT 1\"\nlimit = 1{}",
        one.repeat(23)
    );
    std::fs::write(&path, file).unwrap();
    let path = path.display().to_string();
    let running = administered(&[("MCP_ADMIN_READ", "true"), ("MCP_TOOLS_FILE", &path)]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let mut agent = with("agent", &["tools"]);
    agent.limits.rows_per_day = Some(6);
    running.token(&tenant, agent).await;
    let mut api = Api::new(&running);
    let call = json!({ "action": "call", "tool": "first" });
    let asked = api.done("POST", "/tokens/agent/ask", call.clone()).await;
    assert_eq!(asked["status"], "ok", "{asked}");
    let tried = api.done("POST", "/tools/first/test", json!(null)).await;
    let misses = tried.as_array().unwrap().iter().map(|it| &it["misses"][0]);
    let misses: Vec<&Value> = misses.collect();
    // Both take of the rows of its day.
    let untried = "not tried: lucarne tool test tries them all";
    for (at, miss) in misses.iter().enumerate() {
        match at {
            0..5 => assert!(miss.is_null(), "{at}: {tried}"),
            5..20 => assert_eq!(*miss, "refused: budget_spent", "{at}: {tried}"),
            _ => assert_eq!(*miss, untried, "{at}: {tried}"),
        }
    }
    assert_eq!(misses.len(), 23);
    let asked = api.done("POST", "/tokens/agent/ask", call).await;
    assert_eq!(asked["code"], "budget_spent", "{asked}");
}
