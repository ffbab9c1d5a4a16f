//! What the account could do beyond reading what is served.

use crate::support::{Asker, Database, built, configured, database};

const MADE: &str = r#"
CREATE TABLE users (id INT PRIMARY KEY, email TEXT, password TEXT, profile JSON);
INSERT INTO users VALUES (1, 'a@b.c', 'hunter2', '{"a":1}');
CREATE TABLE notes (id INT PRIMARY KEY, user_id INT, body TEXT, KEY (user_id),
  FOREIGN KEY (user_id) REFERENCES users (id));
INSERT INTO notes VALUES (7, 1, 'hello');
"#;

/// The account that the tests make goes with the database's name.
fn account(place: &Database) -> String {
    format!("'{}'@'127.0.0.1'", place.name)
}

#[tokio::test]
async fn an_account_by_the_printed_sql_reads_what_is_served_and_nothing_else() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let config = configured(&place.url(), "users,notes", &[]);
    let db = database(&config);
    let all = built(&db, &config).await;
    let sql = db.setup_sql(&all.catalog).unwrap();
    let name = &place.name;
    assert_eq!(
        sql.lines().skip(2).collect::<Vec<_>>(),
        [
            "CREATE USER 'lucarne_reader'@'%' IDENTIFIED BY 'choose-a-password';",
            &format!(
                "GRANT SELECT (`id`, `user_id`, `body`), SHOW VIEW ON `{name}`.`notes` TO 'lucarne_reader'@'%';"
            ),
            &format!(
                "GRANT SELECT (`id`, `email`, `profile`), SHOW VIEW ON `{name}`.`users` TO 'lucarne_reader'@'%';"
            ),
        ]
    );
    place
        .run(&sql.replace("'lucarne_reader'@'%'", &account(&place)))
        .await;

    let url = place.url_of(&format!("{name}:choose-a-password"));
    let asker = Asker::new(&url, "users,notes").await;
    let note = asker
        .ask("query", "notes", r#"{"expand":["user"],"total":true}"#)
        .await
        .unwrap();
    assert!(
        note.contains(r#""user":{"id":1,"email":"a@b.c","profile":{"a":1}}"#),
        "JSON is JSON though its constraint cannot be seen: {note}"
    );
    let config = configured(&url, "users,notes", &[]);
    let db = database(&config);
    let own = built(&db, &config).await;
    let users = own.catalog.model("users").unwrap();
    assert_eq!(users.key().len(), 1);
    assert_eq!(db.weaknesses(&own.catalog, &all.hidden).await.unwrap(), []);
}

#[tokio::test]
async fn rights_on_columns_keep_relations_or_it_is_told() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let (name, account) = (&place.name, account(&place));
    place
        .run(&format!(
            "CREATE USER {account} IDENTIFIED BY 'pw';\n\
             GRANT SELECT (id, email) ON {name}.users TO {account};\n\
             GRANT SELECT (id, user_id) ON {name}.notes TO {account};\n"
        ))
        .await;
    let url = place.url_of(&format!("{name}:pw"));
    let found = async || {
        let config = configured(&url, "users,notes", &[]);
        let db = database(&config);
        let own = built(&db, &config).await;
        let found = db.weaknesses(&own.catalog, &own.hidden).await.unwrap();
        found
            .into_iter()
            .map(|weakness| weakness.what)
            .collect::<Vec<_>>()
    };
    let told = format!(
        "the account {name}@127.0.0.1 is not told of foreign keys, so that no relations are \
         served: {name}.notes, {name}.users"
    );
    assert_eq!(found().await, [told]);

    for table in ["users", "notes"] {
        place
            .run(&format!(
                "GRANT SHOW VIEW ON {name}.{table} TO {account};\n"
            ))
            .await;
    }
    assert!(found().await.is_empty());
    let asker = Asker::new(&url, "users,notes").await;
    let note = asker.ask("query", "notes", r#"{"expand":["user"]}"#).await;
    assert!(note.unwrap().contains(r#""user":{"id":1,"email":"a@b.c"}"#));
    let hidden = asker
        .ask("query", "notes", r#"{"fields":["body"]}"#)
        .await
        .unwrap_err();
    assert!(hidden.contains("body"), "{hidden}");
}

#[tokio::test]
async fn an_account_that_may_more_is_told_of() {
    let Some(place) = Database::new().await else {
        return;
    };
    place.run(MADE).await;
    let config = configured(&place.url(), "users,notes", &[]);
    let db = database(&config);
    let all = built(&db, &config).await;
    let found = db.weaknesses(&all.catalog, &all.hidden).await.unwrap();
    assert!(found[0].what.contains("may do anything"), "{found:?}");

    let (name, account) = (&place.name, account(&place));
    place
        .run(&format!(
            "CREATE USER {account} IDENTIFIED BY 'pw';\nGRANT FILE ON *.* TO {account};\n\
             GRANT SELECT, INSERT ON `{}`.* TO {account};\n\
             GRANT UPDATE (body) ON {name}.notes TO {account};\n",
            name.replace('_', "\\_")
        ))
        .await;
    let config = configured(&place.url_of(&format!("{name}:pw")), "users,notes", &[]);
    let db = database(&config);
    let own = built(&db, &config).await;
    let found = db.weaknesses(&own.catalog, &own.hidden).await.unwrap();
    let found: Vec<String> = found.into_iter().map(|weakness| weakness.what).collect();
    let account = format!("{name}@127.0.0.1");
    assert_eq!(
        found,
        [
            format!("the account {account} has rights on the whole server: FILE"),
            format!("the account {account} may do more than read {name}.notes: INSERT, UPDATE"),
            format!("the account {account} may do more than read {name}.users: INSERT"),
            format!("the account {account} may read hidden fields: {name}.users.password"),
        ]
    );
}
