//! What the role could do beyond reading, and the role that cannot.

use lucarne::catalog::Built;

use crate::support::{Asked, Database, built, clean_up, configured, database};

const TABLES: &str = "
    CREATE SCHEMA \"Odd one\";
    CREATE TABLE users (id int PRIMARY KEY, email text, password_hash text);
    CREATE TABLE \"Odd one\".\"the \"\"log\" (id int PRIMARY KEY, t text);
    CREATE TABLE owned (id int PRIMARY KEY, user_id int REFERENCES users);
    INSERT INTO users VALUES (1, 'a@example.org', 'x');
    INSERT INTO owned VALUES (1, 1);";
const MODELS: &str = "users,log=\"Odd one\".\"the \"\"log\",owned";

/// A role that goes with its value, after the database with its grants.
struct Role {
    name: String,
    server: String,
}

impl Drop for Role {
    fn drop(&mut self) {
        clean_up(&self.server, format!("DROP ROLE IF EXISTS {}", self.name));
    }
}

async fn read(url: &str) -> (lucarne::db::Db, Built) {
    let config = configured(url, MODELS, &[]);
    let db = database(&config);
    let built = built(&config, &db).await.unwrap();
    (db, built)
}

async fn weaknesses(url: &str) -> Vec<String> {
    // The catalog of the owner, for the role may see less of it.
    let (db, built) = read(url).await;
    let found = db.weaknesses(&built.catalog, &built.hidden).await.unwrap();
    found.into_iter().map(|weakness| weakness.what).collect()
}

#[tokio::test]
async fn a_role_tells_its_weaknesses() {
    let name = format!("lucarne_test_weak_{}", std::process::id());
    let Some(outer) = Database::new(TABLES).await else {
        return;
    };
    let _role = Role {
        name: name.clone(),
        server: outer.server(),
    };
    let place = outer;
    place
        .execute(&format!(
            "CREATE ROLE {name} LOGIN BYPASSRLS; GRANT ALL ON SCHEMA \"Odd one\" TO {name};
             GRANT SELECT, INSERT ON users TO {name};
             GRANT SELECT (id), UPDATE (t) ON \"Odd one\".\"the \"\"log\" TO {name};
             ALTER TABLE owned OWNER TO {name}"
        ))
        .await;
    assert_eq!(
        weaknesses(&place.url_as(&name)).await,
        [
            format!("the role \"{name}\" passes by row security"),
            format!("the role \"{name}\" owns public.owned"),
            format!("the role \"{name}\" may write Odd one.the \"log, public.users"),
            format!("the role \"{name}\" may read hidden fields: public.users.password_hash"),
        ]
    );
    let superuser = weaknesses(&place.url()).await;
    assert!(
        superuser.len() == 1 && superuser[0].contains("is a superuser"),
        "{superuser:?}"
    );
    // A column that the role may not read is no field.
    let asked = Asked::new(&place.url_as(&name), MODELS, &[]).await;
    let error = asked
        .ask("query", "log", r#"{"fields":["t"]}"#)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        "invalid_parameter: Field 't' is not allowed for model 'log'"
    );
    drop(place);
}

#[tokio::test]
async fn the_role_that_is_proposed_has_none() {
    let name = format!("lucarne_test_reader_{}", std::process::id());
    let Some(outer) = Database::new(TABLES).await else {
        return;
    };
    let _role = Role {
        name: name.clone(),
        server: outer.server(),
    };
    let place = outer;
    let (db, built) = read(&place.url()).await;
    let sql = db.setup_sql(&built.catalog).unwrap();
    assert!(
        sql.contains("GRANT SELECT (\"id\", \"email\") ON \"public\".\"users\" TO lucarne_reader;"),
        "{sql}"
    );
    let odd = sql.lines().find(|line| line.contains("Odd one\".\"the"));
    let odd = odd.unwrap_or_default();
    assert!(
        odd.starts_with("GRANT SELECT (")
            && odd.ends_with(" ON \"Odd one\".\"the \"\"log\" TO lucarne_reader;"),
        "{sql}"
    );
    place.execute(&sql.replace("lucarne_reader", &name)).await;
    let url = place.url_as(&name);
    assert_eq!(weaknesses(&url).await, Vec::<String>::new());
    let asked = Asked::new(&url, MODELS, &[]).await;
    assert_eq!(
        asked
            .ask("query", "owned", r#"{"expand":["user"],"total":true}"#)
            .await
            .unwrap(),
        r#"{"data":[{"id":1,"user_id":1,"user":{"id":1,"email":"a@example.org"}}],"count":1,"limit":50,"offset":0,"has_more":false,"total":1}"#
    );
    // Without any right to a table it is not served, and the reason is told.
    place
        .execute(&format!(
            "REVOKE ALL ON owned FROM {name}; REVOKE ALL ON SCHEMA \"Odd one\" FROM {name}"
        ))
        .await;
    let asked = Asked::new(&url, MODELS, &[]).await;
    assert_eq!(
        asked.missing,
        [
            "the role may not look into schema Odd one: GRANT USAGE on it",
            "the role may not read public.owned: GRANT SELECT on it",
        ]
    );
    drop(place);
}
