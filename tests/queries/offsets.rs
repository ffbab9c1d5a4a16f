//! A page at an offset is that part of the whole list, whatever is asked of other rows.

use crate::engines::Engine;
use crate::support::Served;

const MODELS: &str = "users,tickets,notes";

/// Ten tickets of five users, and four notes of each but the last.
fn shop() -> Vec<String> {
    let rows =
        |row: &dyn Fn(u32) -> String, count| (1..=count).map(row).collect::<Vec<_>>().join(", ");
    vec![
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(9))".to_owned(),
        "CREATE TABLE tickets (id INTEGER PRIMARY KEY, user_id INTEGER, t VARCHAR(9), FOREIGN KEY (user_id) REFERENCES users (id))".to_owned(),
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, ticket_id INTEGER, txt VARCHAR(9), FOREIGN KEY (ticket_id) REFERENCES tickets (id))".to_owned(),
        "CREATE INDEX by_ticket ON notes (ticket_id)".to_owned(),
        "CREATE INDEX by_user ON tickets (user_id)".to_owned(),
        "CREATE INDEX by_t ON tickets (t)".to_owned(),
        format!("INSERT INTO users VALUES {}", rows(&|id| format!("({id}, 'u')"), 5)),
        format!("INSERT INTO tickets VALUES {}", rows(&|id| format!("({id}, {}, 't{}')", 1 + id % 5, id % 2), 10)),
        format!("INSERT INTO notes VALUES {}", rows(&|id| format!("({id}, {}, 'n')", 1 + id % 9), 36)),
    ]
}

#[tokio::test]
async fn each_offset_is_its_part_of_the_whole_list() {
    let sqlite = Served::new(&shop().join(";\n"), MODELS).await;
    let mut engines = vec![Engine::sqlite(sqlite)];
    engines.extend(Engine::postgres(shop(), MODELS, &[]).await);
    engines.extend(Engine::mysql(shop(), MODELS, &[]).await);
    for engine in engines {
        for (model, filters) in [
            ("tickets", r#"{"notes":{"$some":{}}}"#),
            ("tickets", r#"{"notes":{"$some":{"txt":"n"}}}"#),
            (
                "tickets",
                r#"{"notes":{"$some":{"txt":{"$ne":"z"}}},"id":{"$gt":2}}"#,
            ),
            ("tickets", r#"{"notes":{"$some":{"ticket.user.name":"u"}}}"#),
            ("tickets", r#"{"notes":{"$count":{"$gt":0}}}"#),
            ("tickets", r#"{"notes":{"$none":{"txt":"z"}}}"#),
            ("tickets", r#"{"notes":{"$every":{"txt":"n"}}}"#),
            ("users", r#"{"tickets":{"$some":{}}}"#),
            ("users", r#"{"tickets":{"$some":{"notes":{"$some":{}}}}}"#),
            ("notes", r#"{"ticket.notes":{"$some":{"txt":"n"}}}"#),
        ] {
            for sort in ["[]", r#"["-id"]"#] {
                let whole = format!(
                    r#"{{"filters":{filters},"sort":{sort},"fields":["id"],"limit":100,"total":true}}"#
                );
                let whole = engine.served.query(model, &whole).await;
                let all = whole["data"].as_array().unwrap();
                assert!(all.len() > 3, "{whole}");
                assert_eq!(whole["total"], all.len(), "{whole}");
                for offset in 0..=all.len() {
                    let params = format!(
                        r#"{{"filters":{filters},"sort":{sort},"fields":["id"],"limit":3,"offset":{offset},"total":true}}"#
                    );
                    let page = engine.served.query(model, &params).await;
                    let expected: Vec<_> = all.iter().skip(offset).take(3).collect();
                    let found: Vec<_> = page["data"].as_array().unwrap().iter().collect();
                    assert_eq!(found, expected, "{}: {model} {params}", engine.name);
                    assert_eq!(page["total"], all.len(), "{}: {params}", engine.name);
                }
            }
        }
    }
}
