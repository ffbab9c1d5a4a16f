//! What fails on a value, and pages: neither tells of rows that a rule hides.

use crate::data::Data;
use crate::support::{Client, Running, Way, rules, start, token};
use lucarne::store::{NewToken, Tenant};
use serde_json::{Value, json};

/// Tickets 4 and 5 are another's, as are the notes of kind `kept`; what they hold is beyond what
/// floats and calendars hold.
const SHOP: [&str; 9] = [
    "DROP TABLE notes",
    "DROP TABLE tickets",
    "CREATE TABLE users (id INTEGER PRIMARY KEY, company VARCHAR(20))",
    "CREATE TABLE tickets (id INTEGER PRIMARY KEY, user_id INTEGER, title VARCHAR(40), \
     status VARCHAR(20), amount DECIMAL(12, 2), ratio DOUBLE PRECISION, \
     weight DOUBLE PRECISION, seen_at {moment}, FOREIGN KEY (user_id) REFERENCES users (id))",
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, ticket_id INTEGER, kind VARCHAR(20), \
     txt VARCHAR(20), ratio DOUBLE PRECISION, FOREIGN KEY (ticket_id) REFERENCES tickets (id))",
    "CREATE INDEX by_title ON tickets (title)",
    "INSERT INTO users VALUES (1, 'acme'), (2, 'acme'), (3, 'other')",
    "INSERT INTO tickets VALUES \
     (1, 1, 'alpha', 'closed', 20, 1.5, 1e300, '2026-01-01 10:00:00'), \
     (2, 1, 'beta', 'closed', 20, 2.5, 1, '2026-01-02 10:00:00'), \
     (3, 2, 'gamma', 'closed', 20, NULL, 1, NULL), \
     (4, 3, 'hidden', 'open', 30, 1e300, 1, '{end}'), \
     (5, 3, 'hidden2', 'open', 30, 0, 1, '{end}')",
    "INSERT INTO notes VALUES (1, 1, 'told', 'n1', 1), (2, 2, 'told', 'n2', 2), \
     (3, 4, 'told', 'n3', 1e300), (4, 5, 'told', 'n4', 1e300), (5, 1, 'kept', 'secret', 1)",
];

/// The same rows that may be seen, and others in the place of those that may not.
const OTHERWISE: [&str; 2] = [
    "UPDATE tickets SET ratio = -1, title = 'other', seen_at = NULL WHERE id > 3",
    "UPDATE notes SET txt = 'other' WHERE kind = 'kept'",
];

async fn shop(data: &Data) -> (Running, Tenant) {
    let (moment, end) = match data {
        Data::Sqlite(_) => ("DATETIME", "9999-12-31 23:59:59"),
        Data::Postgres { .. } => ("TIMESTAMPTZ", "294276-12-31 23:59:59+00"),
        Data::MySql { .. } => ("DATETIME", "9999-12-31 23:59:59"),
    };
    for statement in SHOP {
        let statement = statement.replace("{moment}", moment).replace("{end}", end);
        data.execute(&statement).await;
    }
    let running = start(&[]).await;
    let tenant = running.tenant("acme", &data.url(), &[]).await;
    let held = running.store.contents().await.unwrap().databases.remove(0);
    let update = running.store.update_database(&held.id, |database| {
        database.models = "users,tickets,notes".to_owned();
    });
    update.await.unwrap();
    (running, tenant)
}

async fn client(running: &Running, tenant: &Tenant, name: &str, rows: &[&str]) -> Client {
    let new = NewToken {
        rows: rules(rows),
        ..token(name)
    };
    let (_, secret) = running.token(tenant, new).await;
    let client = Client::connect(running.address, &secret, Way::Native).await;
    client.ok().unwrap()
}

/// `ratio` + 1, times more than a double holds: no number fails it but -1.
fn huge() -> Value {
    fn power(depth: u8) -> Value {
        match depth {
            0 => json!(1e29),
            _ => json!({"$mul": [power(depth - 1), power(depth - 1)]}),
        }
    }
    let small = json!({"$mul": [{"$add": ["ratio", 1]}, {"$mul": [1e29, 1e29]}]});
    json!({"$mul": [{"$mul": [small, power(2)]}, power(3)]})
}

fn square(path: &str) -> Value {
    json!({"$mul": [path, path]})
}

/// Requests of tickets, each of which computes something of every ticket that it finds.
fn of_tickets() -> Vec<(&'static str, Value)> {
    let mut requests = Vec::new();
    for found in [
        json!({"id": 5}),
        json!({"id": {"$gt": 3}}),
        json!({"title": "hidden"}),
        json!({"title": {"$startswith": "h"}}),
        json!({"id": 5, "status": "closed", "amount": 20}),
    ] {
        for z in [
            huge(),
            square("ratio"),
            json!({"$sum": square("notes.ratio")}),
        ] {
            for test in [
                json!({"z": {"$gt": 0}}),
                json!({"z": {"$null": false}}),
                json!({"$or": [{"z": 1}, {"z": {"$lt": 0}}]}),
                json!({"$not": {"z": {"$gte": 0}}}),
            ] {
                let filters = json!({"$and": [found, test]});
                let params = json!({"filters": filters, "compute": {"z": z}, "fields": ["id"], "total": true});
                requests.push(("tickets", params));
            }
            for sort in ["z", "-z"] {
                let params = json!({"filters": found, "compute": {"z": z}, "fields": ["id"], "sort": [sort]});
                requests.push(("tickets", params));
            }
        }
        for part in ["$year", "$week", "$day", "$hour"] {
            let path = format!("seen_at.{part}");
            let filters = json!({"$and": [found, {path.as_str(): {"$null": false}}]});
            requests.push(("tickets", json!({"filters": filters, "zone": "Asia/Tokyo"})));
            let groups = json!({"filters": found, "group_by": [path], "zone": "Asia/Tokyo"});
            requests.push(("tickets", groups));
        }
    }
    requests
}

/// The same of tickets that notes, and of notes that users, lead to.
fn of_others() -> Vec<(&'static str, Value)> {
    let mut requests = Vec::new();
    for (found, z) in [
        (json!({"ticket_id": 4}), square("ticket.ratio")),
        (json!({"ticket.id": 5}), square("ticket.ratio")),
        (json!({"id": {"$in": [3, 4]}}), square("ticket.ratio")),
        // The ticket may be seen, and the note that leads to it may not.
        (json!({"txt": "secret"}), square("ticket.weight")),
        (
            json!({"txt": {"$startswith": "s"}}),
            square("ticket.weight"),
        ),
    ] {
        let filters = json!({"$and": [found, {"z": {"$gt": 0}}]});
        let params =
            json!({"filters": filters, "compute": {"z": z}, "fields": ["id"], "total": true});
        requests.push(("notes", params));
        let params =
            json!({"filters": found, "compute": {"z": z}, "fields": ["id"], "sort": ["-z"]});
        requests.push(("notes", params));
        requests.push((
            "notes",
            json!({"filters": found, "aggregate": {"z": {"$sum": z}}}),
        ));
    }
    let z = json!({"$sum": square("tickets.ratio")});
    let filters = json!({"id": 3, "z": {"$gt": 0}});
    requests.push((
        "users",
        json!({"filters": filters, "compute": {"z": z}, "fields": ["id"]}),
    ));
    requests.push((
        "users",
        json!({"compute": {"z": z}, "sort": ["z"], "fields": ["id"]}),
    ));
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_fails_on_a_value_tells_of_a_hidden_row() {
    for data in Data::each().await {
        let (running, tenant) = shop(&data).await;
        let mut clients = Vec::new();
        for (at, rule) in [
            "tickets.user.company = acme",
            "tickets.status = closed",
            "tickets.status in (a, b, c, d, e, f, g, h, i, j, closed)",
            "tickets.id in (1, 2, 3)",
            "tickets.amount = 20",
        ]
        .into_iter()
        .enumerate()
        {
            let rows = [rule, "users: all", "notes.kind = told"];
            let client = client(&running, &tenant, &format!("token-{at}"), &rows).await;
            clients.push((rule, client));
        }
        let requests = [of_tickets(), of_others()].concat();
        let mut before = Vec::new();
        for (rule, client) in &mut clients {
            for (model, params) in &requests {
                let answer = client.ask("query", Some(model), params.clone()).await;
                let is_zone = answer["error"]
                    .as_str()
                    .is_some_and(|it| it.contains("zone"));
                let is_plain = answer["code"].is_null() || is_zone;
                assert!(is_plain, "{rule}: {model} {params}: {answer}");
                before.push((answer["data"].clone(), answer["total"].clone()));
            }
        }
        for statement in OTHERWISE {
            data.execute(statement).await;
        }
        let mut before = before.into_iter();
        for (rule, client) in &mut clients {
            for (model, params) in &requests {
                let answer = client.ask("query", Some(model), params.clone()).await;
                let after = (answer["data"].clone(), answer["total"].clone());
                assert_eq!(before.next(), Some(after), "{rule}: {model} {params}");
            }
        }
    }
}

/// A page goes on in the order of computed numbers, of rows that may be seen alone.
#[tokio::test(flavor = "multi_thread")]
async fn pages_in_the_order_of_what_is_computed_pass_over_hidden_rows() {
    for data in Data::each().await {
        let (running, tenant) = shop(&data).await;
        let rows = ["tickets.user.company = acme", "users: all", "notes: all"];
        let mut client = client(&running, &tenant, "pages", &rows).await;
        for sort in ["z", "-z"] {
            let mut params = json!({"compute": {"z": square("ratio")}, "fields": ["id"], "sort": [sort], "limit": 1});
            let mut ids = Vec::new();
            loop {
                let page = client.ask("query", Some("tickets"), params.clone()).await;
                assert!(page["code"].is_null(), "{page}");
                ids.push(page["data"][0]["id"].as_i64().unwrap());
                match page["next_cursor"].as_str() {
                    Some(next) => params["cursor"] = json!(next),
                    None => break,
                }
            }
            let expected = if sort == "z" { [3, 1, 2] } else { [2, 1, 3] };
            assert_eq!(ids, expected, "{sort}");
        }
    }
}

/// A rule along a key that points to several rows keeps a row once, whatever is passed over.
#[tokio::test(flavor = "multi_thread")]
async fn an_offset_passes_over_each_row_once_that_a_rule_finds_several_times() {
    for data in Data::each().await {
        for statement in [
            "CREATE TABLE places (id INTEGER PRIMARY KEY, name INTEGER, kind VARCHAR(9))",
            "CREATE INDEX by_name ON places (name)",
            "CREATE TABLE visits (id INTEGER PRIMARY KEY, place INTEGER)",
        ] {
            data.execute(statement).await;
        }
        for id in 1..=10 {
            let rows = (0..4).map(|at| format!("({}, {id}, 'seen')", id * 4 + at));
            let rows = rows.collect::<Vec<_>>().join(", ");
            data.execute(&format!("INSERT INTO places VALUES {rows}"))
                .await;
            data.execute(&format!("INSERT INTO visits VALUES ({id}, {id})"))
                .await;
        }
        let running = start(&[]).await;
        let tenant = running.tenant("acme", &data.url(), &[]).await;
        let held = running.store.contents().await.unwrap().databases.remove(0);
        let update = running.store.update_database(&held.id, |database| {
            database.models = "visits,places".to_owned();
            database.relations = "at:visits.place=places.name".to_owned();
        });
        update.await.unwrap();
        let rows = ["visits.at.kind = seen", "places: all"];
        let mut client = client(&running, &tenant, "offsets", &rows).await;
        for offset in 0..10 {
            let params = json!({"limit": 3, "offset": offset, "total": true});
            let page = client.ask("query", Some("visits"), params).await;
            assert_eq!(page["total"], 10, "{page}");
            let rows = page["data"].as_array().unwrap();
            let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
            let expected: Vec<i64> = (offset + 1..=10).take(3).collect();
            assert_eq!(ids, expected, "{offset}");
        }
    }
}
