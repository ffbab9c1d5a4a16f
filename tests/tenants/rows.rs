//! Rules by every type, and the row security of PostgreSQL itself.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::data::{COMPANIES, Data, TICKETS, company};
use crate::support::{Client, Running, Way, configured, database, rules, start, token};
use lucarne::egress::Reach;
use lucarne::inspect;
use lucarne::store::{Database, NewTenant, NewToken, Tenant};
use serde_json::{Value, json};

async fn client(running: &Running, secret: &str) -> Client {
    let client = Client::connect(running.address, secret, Way::Native).await;
    client.ok().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_compare_each_type_as_filters_do() {
    for data in Data::each().await {
        let (moment, truth, zone) = match data {
            Data::Sqlite(_) => ("DATETIME", ["1", "0"], ""),
            Data::Postgres { .. } => ("TIMESTAMPTZ", ["true", "false"], "Z"),
            Data::MySql { .. } => ("DATETIME", ["1", "0"], ""),
        };
        data.execute(&format!(
            "CREATE TABLE things (id INTEGER PRIMARY KEY, word VARCHAR(20), day DATE, ok BOOLEAN, \
             price DECIMAL(10, 2), score DOUBLE PRECISION, tag UUID, seen_at {moment})"
        ))
        .await;
        for (id, word, day, ok, price, tag, at) in [
            (1, "one", "2026-01-31", truth[0], "1.50", 'a', "08:00:00"),
            (
                2,
                "two, words",
                "2026-02-01",
                truth[1],
                "2.50",
                'b',
                "09:00:00",
            ),
            (3, "it''s", "2026-02-02", truth[1], "3.50", 'c', "09:00:00"),
        ] {
            // SQLite keeps moments as they were written.
            let between = if id == 3 { 'T' } else { ' ' };
            data.execute(&format!(
                "INSERT INTO things VALUES ({id}, '{word}', '{day}', {ok}, {price}, 0.{id}, \
                 '{tag}0000000-0000-0000-0000-000000000001', '2026-03-01{between}{at}{zone}')"
            ))
            .await;
        }
        data.execute("INSERT INTO things (id) VALUES (4)").await;
        let running = start(&[]).await;
        let tenant = running.tenant("acme", &data.url(), &[]).await;
        let held = running.store.contents().await.unwrap().databases.remove(0);
        let update = running
            .store
            .update_database(&held.id, |database| database.models = "things".to_owned());
        update.await.unwrap();
        let moment = format!("things.seen_at = 2026-03-01T09:00:00{zone}");
        for (at, (rule, seen)) in [
            ("things.id in (1, 4)", vec![1, 4]),
            ("things.word = 'two, words'", vec![2]),
            ("things.word in (one, 'it''s', '')", vec![1, 3]),
            ("things.day in (2026-01-31, 2026-02-02)", vec![1, 3]),
            ("things.ok = true", vec![1]),
            ("things.ok = 0", vec![2, 3]),
            ("things.price = 2.50", vec![2]),
            ("things.price in (1.5, 3.50)", vec![1, 3]),
            ("things.score = 0.3", vec![3]),
            ("things.tag = b0000000-0000-0000-0000-000000000001", vec![2]),
            (&moment, vec![2, 3]),
            ("things: all", vec![1, 2, 3, 4]),
        ]
        .into_iter()
        .enumerate()
        {
            let ruled = NewToken {
                rows: rules(&[rule]),
                ..token(&format!("token-{at}"))
            };
            let (_, secret) = running.token(&tenant, ruled).await;
            let mut client = client(&running, &secret).await;
            let page = client.ask("list", Some("things"), json!({})).await;
            let rows = page["data"]
                .as_array()
                .unwrap_or_else(|| panic!("{rule}: {page}"));
            let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
            assert_eq!(ids, seen, "{rule}");
        }
    }
}

/// Texts that some column takes for `acme`, and one that every column tells apart.
const ALIKE: [&str; 5] = ["acme", "ACME", "acmé", "acme  ", "other"];

/// The border between tenants is the bytes of their names, whatever a column takes for equal.
#[tokio::test(flavor = "multi_thread")]
async fn rules_compare_texts_byte_for_byte() {
    for data in Data::each().await {
        let kinds: &[&str] = match data {
            Data::Sqlite(_) => &["TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM"],
            Data::Postgres { .. } => &["text", "varchar(20)", "citext", "text COLLATE folding"],
            Data::MySql { .. } => &[
                "varchar(20) COLLATE utf8mb4_general_ci",
                "varchar(20) COLLATE utf8mb4_bin",
                "text COLLATE utf8mb4_unicode_ci",
                "varchar(20) CHARACTER SET latin1",
            ],
        };
        if let Data::Postgres { .. } = data {
            data.execute("CREATE EXTENSION citext").await;
            let folding = "CREATE COLLATION folding (provider = icu, \
                locale = 'und-u-ks-level1', deterministic = false)";
            data.execute(folding).await;
        }
        let columns: Vec<String> = (0..kinds.len())
            .map(|at| format!("c{at} {}", kinds[at]))
            .collect();
        let columns = columns.join(", ");
        data.execute(&format!(
            "CREATE TABLE things (id INTEGER PRIMARY KEY, {columns})"
        ))
        .await;
        for (id, text) in ALIKE.iter().enumerate() {
            let values = vec![format!("'{text}'"); kinds.len()].join(", ");
            data.execute(&format!("INSERT INTO things VALUES ({id}, {values})"))
                .await;
        }
        data.execute("CREATE INDEX by_name ON things (c1)").await;
        let running = start(&[]).await;
        let tenant = running.tenant("acme", &data.url(), &[]).await;
        let held = running.store.contents().await.unwrap().databases.remove(0);
        let update = running
            .store
            .update_database(&held.id, |database| database.models = "things".to_owned());
        update.await.unwrap();
        for (at, kind) in kinds.iter().enumerate() {
            for (rule, seen) in [
                (format!("things.c{at} = acme"), vec![0]),
                (format!("things.c{at} in ('acme  ', ACME)"), vec![1, 3]),
                (format!("things.c{at} = Acme"), vec![]),
            ] {
                let ruled = NewToken {
                    rows: rules(&[&rule]),
                    ..token(&format!(
                        "token-{}",
                        rule.replace(|c: char| !c.is_alphanumeric(), "-")
                    ))
                };
                let (_, secret) = running.token(&tenant, ruled).await;
                let mut client = client(&running, &secret).await;
                let page = client.ask("list", Some("things"), json!({})).await;
                let rows = page["data"].as_array();
                let rows = rows.unwrap_or_else(|| panic!("{kind}: {rule}: {page}"));
                let ids: Vec<i64> = rows.iter().map(|row| row["id"].as_i64().unwrap()).collect();
                assert_eq!(ids, seen, "{kind}: {rule}");
                for id in 0..ALIKE.len() {
                    let got = client.ask("get", Some("things"), json!({ "id": id })).await;
                    let may = seen.contains(&i64::try_from(id).unwrap());
                    assert_eq!(got["code"].is_null(), may, "{kind}: {rule}: {got}");
                }
            }
        }
    }
}

/// An enum is what its value is called, wherever a later statement puts it in the list.
#[tokio::test(flavor = "multi_thread")]
async fn rules_compare_enums_by_their_names() {
    for data in Data::each().await {
        let (kind, altered) = match data {
            Data::Sqlite(_) => continue,
            Data::Postgres { .. } => {
                data.execute("CREATE TYPE seen AS ENUM ('public', 'secret')")
                    .await;
                ("seen", "ALTER TYPE seen ADD VALUE 'first' BEFORE 'public'")
            }
            Data::MySql { .. } => (
                "ENUM('public', 'secret')",
                "ALTER TABLE docs MODIFY v ENUM('first', 'secret', 'public')",
            ),
        };
        data.execute(&format!(
            "CREATE TABLE docs (id INTEGER PRIMARY KEY, v {kind})"
        ))
        .await;
        data.execute("INSERT INTO docs VALUES (1, 'public'), (2, 'secret'), (3, NULL)")
            .await;
        let running = start(&[]).await;
        let tenant = running
            .tenant("acme", &data.url(), &["docs.v = public"])
            .await;
        let held = running.store.contents().await.unwrap().databases.remove(0);
        let update = running
            .store
            .update_database(&held.id, |database| database.models = "docs".to_owned());
        update.await.unwrap();
        let (_, secret) = running.token(&tenant, token("agent")).await;
        let mut client = client(&running, &secret).await;
        for round in ["as it was", "altered"] {
            let page = client.ask("list", Some("docs"), json!({})).await;
            let expected = json!([{ "id": 1, "v": "public" }]);
            assert_eq!(page["data"], expected, "{round}: {page}");
            let hidden = client.ask("get", Some("docs"), json!({ "id": 2 })).await;
            assert_eq!(hidden["code"], "not_found", "{round}: {hidden}");
            if round == "as it was" {
                data.execute(altered).await;
            }
        }
    }
}

/// Keys that are UUIDs share statements on PostgreSQL; those of two clients do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn gets_by_uuid_keep_to_the_rules_of_who_asks() {
    for data in Data::each().await {
        data.execute("CREATE TABLE things (id UUID PRIMARY KEY, company_id INTEGER NOT NULL)")
            .await;
        let id = |n: i64| format!("{n:08}-0000-4000-8000-{n:012}");
        let rows = (1..=TICKETS).map(|n| format!("('{}', {})", id(n), company(n)));
        let rows = rows.collect::<Vec<_>>().join(", ");
        data.execute(&format!("INSERT INTO things VALUES {rows}"))
            .await;
        let running = start(&[]).await;
        let tenant = running.tenant("acme", &data.url(), &[]).await;
        let held = running.store.contents().await.unwrap().databases.remove(0);
        let update = running
            .store
            .update_database(&held.id, |database| database.models = "things".to_owned());
        update.await.unwrap();
        let mut asking = Vec::new();
        for of in 1..=COMPANIES {
            let ruled = NewToken {
                rows: rules(&[&format!("things.company_id = {of}")]),
                ..token(&format!("company-{of}"))
            };
            let (_, secret) = running.token(&tenant, ruled).await;
            let mut client = client(&running, &secret).await;
            asking.push(tokio::spawn(async move {
                let (mut found, mut refusals) = (0, BTreeSet::new());
                // The last ones are nobody's.
                for n in 1..=TICKETS + 9 {
                    let get = json!({ "id": n, "action": "get", "model": "things",
                        "params": { "id": id(n) } });
                    client.tell(get.to_string()).await;
                }
                for n in 1..=TICKETS + 9 {
                    let answer = client.next().await.unwrap();
                    if n <= TICKETS && company(n) == of {
                        let own = format!("\"company_id\":{of}");
                        assert!(answer.contains(&own), "{answer}");
                        found += 1;
                    } else {
                        let answer = answer.replace(&id(n), "?");
                        refusals.insert(answer.replace(&format!("\"id\":{n},"), ""));
                    }
                }
                assert_eq!(found, TICKETS / COMPANIES);
                assert_eq!(refusals.len(), 1, "{refusals:?}");
            }));
        }
        for asked in asking {
            asked.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_whose_rule_cannot_hold_is_not_served() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    for (at, rule) in [
        "tickets.company_id = many",
        "tickets.company = 1",
        "tickets.company_id in (1, '1 OR 1=1')",
    ]
    .into_iter()
    .enumerate()
    {
        let tenant = running
            .tenant(&format!("tenant-{at}"), &data.url(), &[rule])
            .await;
        let (_, secret) = running.token(&tenant, token("agent")).await;
        let mut client = client(&running, &secret).await;
        let answer = client.ask("list", Some("tickets"), json!({})).await;
        let told = "Model 'tickets' not allowed. Allowed models: notes";
        assert_eq!(answer["error"], told, "{rule}: {answer}");
        let notes = client.ask("describe", Some("notes"), json!({})).await;
        assert_eq!(notes["data"]["expand"], json!([]), "{notes}");
    }
}

/// The companies in PostgreSQL, and a role that sees of the tickets what a policy lets it: those of
/// the company that is told, to the token that is.
struct Secured {
    data: Data,
    role: String,
}

impl Secured {
    async fn new() -> Option<Self> {
        let data = Data::postgres().await?;
        let Data::Postgres(own) = &data else {
            panic!("PostgreSQL")
        };
        let role = format!("{}_reader", own.name);
        for statement in [
            format!("CREATE ROLE {role} LOGIN"),
            format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"),
            "ALTER TABLE tickets ENABLE ROW LEVEL SECURITY".to_owned(),
            "CREATE POLICY by_tenant ON tickets USING \
                ('company-' || company_id = current_setting('lucarne.tenant') \
                AND current_setting('lucarne.token') LIKE 'agent%')"
                .to_owned(),
            // security_invoker came with PostgreSQL 15.
            "CREATE VIEW seen WITH (security_invoker = true) AS SELECT * FROM tickets".to_owned(),
            format!("GRANT SELECT ON seen TO {role}"),
            "ANALYZE tickets".to_owned(),
        ] {
            data.execute(&statement).await;
        }
        Some(Self { data, role })
    }

    /// A tenant of a company, and the database as it is kept for it.
    async fn tenant(&self, running: &Running, company: i64) -> (Tenant, Database) {
        let new = NewTenant {
            name: format!("company-{company}"),
            ..NewTenant::default()
        };
        let tenant = running.store.create_tenant(new).await.unwrap();
        let tenant = tenant.after.unwrap();
        let as_role = format!("//{}@", self.role);
        let mut secured = database(&self.data.url().replacen("//root@", &as_role, 1));
        secured.row_security = true;
        secured.models = "tickets,seen,notes".to_owned();
        let added = running.store.add_database(&tenant.id, secured).await;
        (tenant, added.unwrap().after.unwrap())
    }

    async fn remove(self) {
        for statement in ["DROP OWNED BY", "DROP ROLE"] {
            self.data
                .execute(&format!("{statement} {}", self.role))
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_database_is_told_whom_each_transaction_is_for() {
    let Some(secured) = Secured::new().await else {
        return;
    };
    let running = start(&[]).await;
    let mut asking = Vec::new();
    for of in 1..=COMPANIES {
        let (tenant, _) = secured.tenant(&running, of).await;
        let (_, other) = running.token(&tenant, token("other")).await;
        let (_, secret) = running.token(&tenant, token("agent")).await;
        let mut none = client(&running, &other).await;
        let none = none.ask("list", Some("tickets"), json!({})).await;
        assert_eq!(none["count"], 0, "{none}");
        for _ in 0..3 {
            let mut client = client(&running, &secret).await;
            asking.push(tokio::spawn(async move {
                for id in 1..=TICKETS {
                    let got = client
                        .ask("get", Some("tickets"), json!({ "id": id }))
                        .await;
                    assert_eq!(got.get("data").is_some(), company(id) == of, "{got}");
                    if id % 20 == 0 {
                        for model in ["tickets", "seen"] {
                            let total = json!({ "total": true, "limit": 1 });
                            let page = client.ask("query", Some(model), total).await;
                            assert_eq!(page["total"], TICKETS / COMPANIES, "{page}");
                            assert_eq!(page["data"][0]["company_id"], of, "{page}");
                        }
                    }
                }
            }));
        }
    }
    for asked in asking {
        asked.await.unwrap();
    }
    drop(running);
    secured.remove().await;
}

/// The server's statistics know the rows of everybody, and a view does not say whose it shows.
#[tokio::test(flavor = "multi_thread")]
async fn no_estimate_tells_of_rows_that_a_policy_holds_back() {
    let Some(secured) = Secured::new().await else {
        return;
    };
    let running = start(&[]).await;
    let (tenant, _) = secured.tenant(&running, 1).await;
    let (_, secret) = running.token(&tenant, token("agent")).await;
    let mut client = client(&running, &secret).await;
    for model in ["tickets", "seen"] {
        let described = client.ask("describe", Some(model), json!({})).await;
        assert_eq!(described["data"]["estimated_rows"], Value::Null, "{model}");
        for (filters, total) in [
            (json!({}), TICKETS / COMPANIES),
            (json!({ "company_id": 2 }), 0),
        ] {
            let params = json!({ "total": "estimate", "limit": 1, "filters": filters });
            let page = client.ask("query", Some(model), params).await;
            assert_eq!(page["total"], total, "{model}: {page}");
        }
    }
    drop(running);
    secured.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_under_row_security_is_its_tokens_own() {
    let Some(secured) = Secured::new().await else {
        return;
    };
    let running = start(&[]).await;
    let (tenant, _) = secured.tenant(&running, 1).await;
    let (_, one) = running.token(&tenant, token("agent")).await;
    let (_, two) = running.token(&tenant, token("agent-2")).await;
    let (mut one, mut two) = (client(&running, &one).await, client(&running, &two).await);
    let first = json!({ "limit": 5 });
    let page = one.ask("list", Some("tickets"), first).await;
    let next = json!({ "limit": 5, "cursor": page["next_cursor"] });
    let refused = two.ask("list", Some("tickets"), next.clone()).await;
    assert_eq!(refused["error"], "Invalid cursor", "{refused}");
    let page = one.ask("list", Some("tickets"), next).await;
    assert_eq!(page["count"], 5, "{page}");
    drop(running);
    secured.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_no_policy_guards_is_warned_of() {
    let Some(secured) = Secured::new().await else {
        return;
    };
    let running = start(&[]).await;
    let (_, database) = secured.tenant(&running, 1).await;
    let reach = Reach::new(configured(&running.folder, &[]).admin.places);
    let probed = inspect::probe(&database, &[], &reach, Duration::from_secs(5)).await;
    let told = probed.unwrap().weaknesses;
    let told: Vec<&str> = told.iter().map(|it| it.what.as_str()).collect();
    let expected = "row security does not hold the role back from public.notes";
    assert!(told.contains(&expected), "{told:?}");
    drop(running);
    secured.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_holds_by_whatever_name_it_names_its_model() {
    for data in Data::each().await {
        let schema = match &data {
            Data::Sqlite(_) => "main".to_owned(),
            Data::Postgres { .. } => "public".to_owned(),
            Data::MySql(own) => own.name.clone(),
        };
        let running = start(&[]).await;
        let new = NewTenant {
            name: "acme".to_owned(),
            rows: rules(&[&format!("{schema}.tickets.company_id = 2")]),
            ..NewTenant::default()
        };
        let tenant = running
            .store
            .create_tenant(new)
            .await
            .unwrap()
            .after
            .unwrap();
        let shop = lucarne::store::NewDatabase {
            models: "t=tickets,notes".to_owned(),
            hidden: format!("{schema}.tickets.title"),
            ..database(&data.url())
        };
        running.store.add_database(&tenant.id, shop).await.unwrap();
        let (_, secret) = running.token(&tenant, token("agent")).await;
        let mut client = client(&running, &secret).await;
        let told = client
            .ask("query", Some("t"), json!({"total": true, "limit": 1}))
            .await;
        assert_eq!(told["total"], TICKETS / COMPANIES, "{told}");
        assert!(told["data"][0].get("title").is_none(), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_about_no_model_takes_every_model_away() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    for (name, rule) in [
        ("one", "ticket.company_id = 1"),
        ("two", "other.tickets.company_id = 1"),
    ] {
        let tenant = running.tenant(name, &data.url(), &[rule]).await;
        let (_, secret) = running.token(&tenant, token("agent")).await;
        let mut client = client(&running, &secret).await;
        let told = client.ask("list", Some("tickets"), json!({})).await;
        assert_eq!(told["code"], "model_not_allowed", "{rule}: {told}");
    }
}
