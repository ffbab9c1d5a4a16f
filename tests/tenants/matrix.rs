//! Every tenant by every action by every way on every engine: nobody sees another's row, count,
//! model or error.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::data::{COMPANIES, Data, TICKETS, company};
use crate::support::{Client, Running, WAYS, Way, start, token};

/// What an answer must not hold: a word of another company.
fn only_of(company: i64, answer: &Value) {
    // A cursor is sealed, and may have any letters.
    let mut read = answer.clone();
    read.as_object_mut().map(|it| it.remove("next_cursor"));
    let text = read.to_string();
    for other in (1..=COMPANIES).filter(|other| *other != company) {
        let word = format!("company-{other}");
        assert!(
            !text.contains(&word),
            "{word} in what {company} sees: {text}"
        );
    }
    assert!(!text.contains("key-"), "{text}");
}

struct Asker {
    company: i64,
    client: Client,
}

impl Asker {
    async fn ask(&mut self, action: &str, model: Option<&str>, params: Value) -> Value {
        let answer = self.client.ask(action, model, params).await;
        only_of(self.company, &answer);
        answer
    }

    fn own(&self) -> Vec<i64> {
        (1..=TICKETS)
            .filter(|id| company(*id) == self.company)
            .collect()
    }

    async fn describes(&mut self) {
        let all = self.ask("describe", None, json!({})).await;
        let names: Vec<&str> = all["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["tickets", "notes"]);
        for model in ["tickets", "notes"] {
            let one = self.ask("describe", Some(model), json!({})).await;
            assert_eq!(one["data"]["estimated_rows"], Value::Null, "{one}");
            assert!(!one.to_string().contains("secret_token"), "{one}");
        }
    }

    /// Another's record and one that there is not are the same bytes.
    async fn gets(&mut self) {
        for id in 1..=2 * COMPANIES {
            let answer = self.ask("get", Some("tickets"), json!({ "id": id })).await;
            if company(id) == self.company {
                assert_eq!(answer["data"]["id"], id, "{answer}");
                continue;
            }
            let absent = self
                .ask("get", Some("tickets"), json!({ "id": 900 + id }))
                .await;
            assert_eq!(answer["code"], "not_found", "{answer}");
            let known =
                |id: i64, answer: &Value| answer.to_string().replace(&format!("id={id}"), "id=?");
            assert_eq!(known(id, &answer), known(900 + id, &absent));
        }
    }

    async fn lists(&mut self) {
        let own = self.own();
        for step in ["cursor", "offset"] {
            let mut seen = Vec::new();
            let mut params = json!({ "limit": 7 });
            loop {
                let page = self.ask("list", Some("tickets"), params.clone()).await;
                let rows = page["data"].as_array().expect("rows");
                seen.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
                if page["has_more"] == false {
                    break;
                }
                params[step] = match step {
                    "cursor" => page["next_cursor"].clone(),
                    _ => seen.len().into(),
                };
            }
            assert_eq!(seen, own, "{step}");
        }
        let other = company(self.company);
        let filtered = json!({ "filters": { "company_id": other } });
        let none = self.ask("list", Some("tickets"), filtered).await;
        assert_eq!(
            (&none["count"], &none["has_more"]),
            (&json!(0), &json!(false))
        );
    }

    async fn queries(&mut self) {
        let own = self.own();
        for total in [json!(true), json!("estimate")] {
            let params = json!({ "total": total, "limit": 3, "sort": ["-amount"] });
            let page = self.ask("query", Some("tickets"), params).await;
            assert_eq!(page["total"], own.len(), "{page}");
            assert_eq!(page["data"][0]["id"], *own.last().unwrap());
            // What only others have is not estimated either.
            let params = json!({ "total": total, "limit": 1, "filters":
                { "company_id": { "$ne": self.company } } });
            assert_eq!(self.ask("query", Some("tickets"), params).await["total"], 0);
        }
        let sums = json!({ "aggregate": {
            "n": { "$count": "*" }, "sum": { "$sum": "amount" }, "most": { "$max": "amount" },
        } });
        let sums = self.ask("query", Some("tickets"), sums).await;
        assert_eq!(sums["data"][0]["n"], own.len());
        assert_eq!(sums["data"][0]["most"], *own.last().unwrap());
        assert_eq!(
            sums["data"][0]["sum"].to_string(),
            own.iter().sum::<i64>().to_string()
        );
        let groups = json!({ "group_by": ["company_id"], "aggregate": { "n": { "$count": "*" } } });
        let groups = self.ask("query", Some("tickets"), groups).await;
        assert_eq!(groups["data"].as_array().unwrap().len(), 1, "{groups}");
        assert_eq!(groups["data"][0]["company_id"], self.company);
        let either = json!({ "limit": 100, "filters": { "$or": [
            { "company_id": { "$gt": 0 } }, { "title": { "$icontains": "company" } },
        ] } });
        let either = self.ask("query", Some("tickets"), either).await;
        assert_eq!(either["count"], own.len());
    }

    /// The row of another that an own row points to is as one that is not there.
    async fn expands(&mut self) {
        let params = json!({ "expand": ["ticket"], "limit": 100, "sort": ["id"] });
        let page = self.ask("query", Some("notes"), params).await;
        let rows = page["data"].as_array().unwrap();
        assert_eq!(rows.len(), self.own().len() + 1, "{page}");
        for row in rows {
            let ticket = row["ticket_id"].as_i64().unwrap();
            match company(ticket) == self.company {
                true => assert_eq!(row["ticket"]["id"], ticket, "{row}"),
                false => assert_eq!(row["ticket"], Value::Null, "{row}"),
            }
        }
        let stray = 1_000 + self.company;
        assert_eq!(rows.last().unwrap()["id"], stray);
    }

    /// What belongs to a row is what may be seen of it: nothing of another is found, told of or
    /// listed, be it asked for or asked not to be there.
    async fn many(&mut self) {
        let (own, company) = (self.own(), self.company);
        let stray = 1_000 + company;
        for (model, filters, found) in [
            ("tickets", json!({ "notes": { "$some": {} } }), own.len()),
            ("tickets", json!({ "notes": { "$none": {} } }), 0),
            ("tickets", json!({ "notes": { "$count": { "$ne": 1 } } }), 0),
            (
                "tickets",
                json!({ "notes": { "$some": { "company_id": { "$ne": company } } } }),
                0,
            ),
            (
                "tickets",
                json!({ "notes": { "$every": { "company_id": company } } }),
                own.len(),
            ),
            (
                "notes",
                json!({ "ticket.notes": { "$some": {} } }),
                own.len(),
            ),
            ("notes", json!({ "ticket.notes": { "$none": {} } }), 1),
            ("notes", json!({ "ticket.notes": { "$count": 0 } }), 1),
            (
                "notes",
                json!({ "ticket.notes": { "$every": {} } }),
                own.len() + 1,
            ),
        ] {
            let params = json!({ "filters": filters, "total": true, "limit": 1 });
            let page = self.ask("query", Some(model), params).await;
            assert_eq!(page["total"], found, "{model} {filters} {page}");
            let params = json!({ "aggregate": { "n": { "$count": "*", "where": filters } } });
            let page = self.ask("query", Some(model), params).await;
            assert_eq!(page["data"][0]["n"], found, "{model} {filters} {page}");
        }
        let params = json!({ "limit": 100, "fields": ["id"], "sort": ["-n", "id"],
            "filters": { "n": { "$lt": 9 } },
            "compute": { "n": { "$count": "notes" }, "least": { "$min": "notes.company_id" },
                "most": { "$max": "notes.company_id" }, "sum": { "$sum": "notes.id" } },
            "include": { "notes": { "fields": ["id"], "expand": ["ticket"] } } });
        let page = self.ask("query", Some("tickets"), params).await;
        let rows = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
        assert_eq!(rows.len(), own.len());
        for (row, id) in rows.iter().zip(own) {
            let told = ["id", "n", "least", "most", "sum"].map(|name| row[name].as_i64().unwrap());
            assert_eq!(told, [id, 1, company, company, id], "{row}");
            let list = row["notes"]["rows"].as_array().unwrap();
            assert_eq!((list.len(), &row["notes"]["has_more"]), (1, &json!(false)));
            assert_eq!(
                (&list[0]["id"], &list[0]["ticket"]["id"]),
                (&json!(id), &json!(id))
            );
        }
        let params = json!({ "filters": { "id": stray }, "expand": ["ticket.notes"] });
        let page = self.ask("query", Some("notes"), params).await;
        assert_eq!(page["data"][0]["ticket"], Value::Null, "{page}");
        // A hidden field is an unknown one there too.
        let mut told = BTreeSet::new();
        for name in ["secret_token", "secret_taken"] {
            for params in [
                json!({ "filters": { "ticket.notes": { "$some": { "ticket": {}, name: 1 } } } }),
                json!({ "filters": { "ticket.notes": { "$none": { format!("ticket.{name}"): 1 } } } }),
                json!({ "compute": { "n": { "$max": format!("ticket.notes.ticket.{name}") } } }),
                json!({ "compute": { "n": { "$count": "ticket.notes", "where": { name: null } } } }),
                json!({ "include": { "ticket.notes": { "filters": { name: 1 } } } }),
                json!({ "include": { "ticket": { "fields": [name] } } }),
            ] {
                let refused = self
                    .ask("query", Some("notes"), params.clone())
                    .await
                    .to_string();
                assert!(refused.contains("not allowed"), "{params} {refused}");
                told.insert(refused.replace(name, "?"));
            }
        }
        assert!(told.len() <= 6, "{told:?}");
    }

    async fn errors(&mut self) {
        let hidden = json!({ "filters": { "secret_token": "key-1" } });
        let unknown = json!({ "filters": { "secret_taken": "key-1" } });
        let hidden = self.ask_plain("list", hidden).await;
        let unknown = self.ask_plain("list", unknown).await;
        assert_eq!(
            hidden.replace("secret_token", "?"),
            unknown.replace("secret_taken", "?")
        );
        let model = self.ask("list", Some("companies"), json!({})).await;
        let told = "Model 'companies' not allowed. Allowed models: tickets, notes";
        assert!(model.to_string().contains(told), "{model}");
    }

    async fn ask_plain(&mut self, action: &str, params: Value) -> String {
        self.client
            .ask(action, Some("tickets"), params)
            .await
            .to_string()
    }

    async fn resources(&mut self) {
        let read = |id: i64| json!({ "uri": format!("lucarne://models/tickets/{id}") });
        let own = self
            .client
            .method("resources/read", read(self.own()[0]))
            .await;
        assert!(own["result"]["contents"][0]["text"].is_string(), "{own}");
        let others = (1..).find(|id| company(*id) != self.company).unwrap();
        let mut told = BTreeSet::new();
        for id in [others, 901] {
            let answer = self.client.method("resources/read", read(id)).await;
            only_of(self.company, &answer);
            assert!(answer.get("error").is_some(), "{answer}");
            let text = answer.to_string();
            let text = text.replace(&format!("id={id}"), "id=?");
            told.insert(text.replace(&format!("tickets/{id}"), "tickets/?"));
        }
        assert_eq!(told.len(), 1, "{told:?}");
        let params = json!({ "ref": { "type": "ref/resource", "uri": "lucarne://models/{model}" },
            "argument": { "name": "model", "value": "" } });
        let completed = self.client.method("completion/complete", params).await;
        assert_eq!(
            completed["result"]["completion"]["values"],
            json!(["tickets", "notes"])
        );
    }
}

async fn companies(running: &Running, data: &Data) -> Vec<(i64, String)> {
    let mut tokens = Vec::new();
    for company in 1..=COMPANIES {
        let rows = [
            format!("tickets.company_id = {company}"),
            // A rule may name a field that nobody else can.
            format!("tickets.secret_token = key-{company}"),
            format!("notes.company_id in ({company})"),
        ];
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let tenant = running
            .tenant(&format!("company-{company}"), &data.url(), &rows)
            .await;
        let (_, secret) = running.token(&tenant, token("agent")).await;
        tokens.push((company, secret));
    }
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anything_of_another() {
    for data in Data::each().await {
        let running = start(&[]).await;
        for (company, secret) in companies(&running, &data).await {
            for way in WAYS {
                let client = Client::connect(running.address, &secret, way).await;
                let client = client.unwrap_or_else(|refused| panic!("{way:?}: {refused:?}"));
                let mut asker = Asker { company, client };
                asker.describes().await;
                asker.gets().await;
                asker.lists().await;
                asker.queries().await;
                asker.expands().await;
                asker.many().await;
                asker.errors().await;
                if way != Way::Native {
                    asker.resources().await;
                }
            }
        }
    }
}

/// A cursor of one tenant is none of another's, though request, model and database are the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_fits_whom_it_was_made_for_alone() {
    let data = Data::sqlite().await;
    let running = start(&[]).await;
    let tokens = companies(&running, &data).await;
    let mut cursors = Vec::new();
    for (_, secret) in &tokens {
        let mut client = Client::connect(running.address, secret, Way::Native)
            .await
            .ok()
            .unwrap();
        let page = client
            .ask("list", Some("tickets"), json!({ "limit": 5 }))
            .await;
        cursors.push(page["next_cursor"].as_str().unwrap().to_owned());
    }
    for (at, (_, secret)) in tokens.iter().enumerate() {
        let mut client = Client::connect(running.address, secret, Way::Native)
            .await
            .ok()
            .unwrap();
        for (from, cursor) in cursors.iter().enumerate() {
            let params = json!({ "limit": 5, "cursor": cursor });
            let page = client.ask("list", Some("tickets"), params).await;
            match at == from {
                true => assert_eq!(page["count"], 5, "{page}"),
                false => assert_eq!(page["error"], "Invalid cursor", "{page}"),
            }
        }
    }
}
