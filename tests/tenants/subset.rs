//! No tool shows a token what `query` would not show it: tools that are made by chance, tokens of
//! several kinds, on every engine.

use std::collections::BTreeSet;

use lucarne::store::NewToken;
use serde_json::{Value, json};

use crate::data::Data;
use crate::support::{Client, Way, rules, start, token};

/// Where rows come from; `t` is a ticket in each.
const SOURCES: [&str; 9] = [
    "FROM tickets t",
    "FROM (SELECT id, title, amount FROM tickets) AS t",
    "FROM (SELECT id, title, amount FROM tickets WHERE id < 90 UNION ALL \
     SELECT id, title, amount FROM tickets WHERE id >= 90) AS t",
    "FROM tickets t JOIN notes n ON n.ticket_id = t.id",
    "FROM notes n JOIN tickets t ON t.id = n.ticket_id",
    "FROM tickets t LEFT JOIN notes n ON n.ticket_id = t.id AND n.id > 30",
    "FROM tickets t JOIN tickets o ON o.id = t.id + 1",
    "FROM listed t",
    "FROM (SELECT id, title, amount, ROW_NUMBER() OVER (ORDER BY id DESC) AS place FROM tickets) AS t",
];
/// Which rows of them.
const CONDITIONS: [&str; 7] = [
    "",
    "WHERE t.id < 60",
    "WHERE EXISTS (SELECT 1 FROM notes x WHERE x.ticket_id = t.id)",
    "WHERE t.id IN (SELECT x.ticket_id FROM notes x WHERE x.id > 20)",
    "WHERE t.amount > (SELECT AVG(x.amount) FROM tickets x)",
    "WHERE t.id NOT IN (SELECT x.id FROM tickets x WHERE x.amount < 40)",
    "WHERE t.amount = (SELECT MAX(x.amount) FROM tickets x)",
];
/// What is told of them: a name says what a value must be one of.
const RESULTS: [&str; 8] = [
    "t.id AS ticket, t.title AS title",
    "COUNT(*) AS tickets, MIN(t.title) AS title, MAX(t.title) AS title_2",
    "COUNT(DISTINCT t.id) AS tickets, MAX(t.id) AS ticket",
    "t.title AS title, MAX(t.title) OVER () AS title_2, FIRST_VALUE(t.id) OVER (ORDER BY t.id) AS ticket",
    "t.id AS ticket, (SELECT MAX(x.title) FROM tickets x WHERE x.id <> t.id) AS title",
    "t.id AS ticket, (SELECT MIN(x.body) FROM notes x) AS body",
    "CASE WHEN t.id > 100 THEN t.title ELSE NULL END AS title, t.id AS ticket",
    "DISTINCT t.title AS title",
];
/// Lists that stand before.
const LISTS: [&str; 3] = [
    "WITH listed AS (SELECT id, title, amount FROM tickets)",
    "WITH inner_list AS (SELECT id, title, amount FROM tickets WHERE amount > 3), \
     listed AS (SELECT i.id, i.title, i.amount FROM inner_list i JOIN tickets x ON x.id = i.id)",
    "WITH RECURSIVE listed AS (SELECT id, title, amount FROM tickets WHERE id < 9 UNION ALL \
     SELECT x.id, x.title, x.amount FROM tickets x JOIN listed l ON x.id = l.id + 9)",
];
const TOOLS: usize = 36;

/// Numbers by chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn of(&mut self, choices: &[&'static str]) -> &'static str {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        choices[(self.0 >> 33) as usize % choices.len()]
    }
}

fn tools() -> String {
    let mut chance = Chance(19);
    let tools = (0..TOOLS).map(|at| {
        let source = chance.of(&SOURCES);
        let list = match source.contains("listed") {
            true => chance.of(&LISTS),
            false => "",
        };
        let (result, condition) = (chance.of(&RESULTS), chance.of(&CONDITIONS));
        format!(
            "[[tool]]\nname = \"t{at}\"\ndescription = \"x\"\nlimit = 1000\n\
             sql = \'\'\'{list} SELECT {result} {source} {condition}\'\'\'\n"
        )
    });
    tools.collect()
}

async fn asked(client: &mut Client, message: Value) -> Value {
    let answer = client.exchange(message.to_string()).await.unwrap();
    serde_json::from_str(&answer).expect(&answer)
}

/// What `query` shows of a field.
async fn shown(client: &mut Client, model: &str, field: &str) -> BTreeSet<String> {
    let params = json!({ "fields": [field], "limit": 1000 });
    let message = json!({ "id": 1, "action": "query", "model": model, "params": params });
    let answer = asked(client, message).await;
    let rows = answer["data"].as_array().into_iter().flatten();
    rows.map(|row| row[field].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tool_shows_what_query_would_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools.toml");
    std::fs::write(&path, tools()).unwrap();
    let path = path.display().to_string();
    let variables = [("MCP_TOOLS_FILE", &*path), ("MCP_MAX_LIMIT", "1000")];
    let running = start(&variables).await;
    for (at, data) in Data::each().await.into_iter().enumerate() {
        let (all, one) = (format!("all-{at}"), format!("one-{at}"));
        let whole = running.tenant(&all, &data.url(), &[]).await;
        let of_one = ["tickets.company_id = 2", "notes.company_id in (1, 2)"];
        let narrow = running.tenant(&one, &data.url(), &of_one).await;
        let ruled = |rows: &[&str]| NewToken {
            rows: rules(rows),
            ..token("ruled")
        };
        let of_tickets = || NewToken {
            models: Some(vec!["tickets".to_owned()]),
            ..token("tickets")
        };
        let mut count = 0;
        for (tenant, new) in [
            (&whole, token("all")),
            (
                &whole,
                ruled(&["tickets.amount in (7, 8, 99)", "notes.id = 12"]),
            ),
            (&whole, of_tickets()),
            (&narrow, token("all")),
            (
                &narrow,
                ruled(&[
                    "tickets.title = 'ticket 4 of company-2'",
                    "notes.company_id = 1",
                ]),
            ),
            (&narrow, ruled(&["tickets.id = 0", "notes.id = 0"])),
        ] {
            let who = format!("{} of {} on {}", new.name, tenant.name, data.url());
            let mut scopes = new.scopes.clone();
            scopes.push("tools".to_owned());
            count += 1;
            let new = NewToken {
                scopes,
                name: format!("{}-{count}", new.name),
                ..new
            };
            let (_, secret) = running.token(tenant, new).await;
            let connected = Client::connect(running.address, &secret, Way::Native).await;
            let mut client = connected.ok().unwrap();
            let tickets = shown(&mut client, "tickets", "id").await;
            let titles = shown(&mut client, "tickets", "title").await;
            let bodies = shown(&mut client, "notes", "body").await;
            let mut called = 0;
            for tool in 0..TOOLS {
                let name = format!("t{tool}");
                let message = json!({ "id": 1, "action": "call", "tool": name });
                let answer = asked(&mut client, message).await;
                if answer["code"] == "tool_not_allowed" {
                    assert!(bodies.is_empty(), "{who}: {name}: {answer}");
                    continue;
                }
                assert_eq!(answer["status"], "ok", "{who}: {name}: {answer}");
                called += 1;
                for row in answer["data"].as_array().unwrap() {
                    for (member, value) in row.as_object().unwrap() {
                        let is_shown = match &**member {
                            _ if value.is_null() => true,
                            "ticket" => tickets.contains(&value.to_string()),
                            "title" | "title_2" => titles.contains(&value.to_string()),
                            "body" => bodies.contains(&value.to_string()),
                            "tickets" => {
                                let most = tickets.len() * (1 + bodies.len());
                                value.as_u64().unwrap() <= most as u64
                            }
                            other => panic!("{other}"),
                        };
                        assert!(is_shown, "{who}: {name}: {member}: {value}");
                    }
                }
            }
            assert!(called > TOOLS / 4, "{who}: {called}");
        }
    }
}
