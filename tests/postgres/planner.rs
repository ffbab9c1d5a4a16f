//! Functions of a table's owner that PostgreSQL calls while it only plans a read.

use crate::support::{Asked, Database, clean_up, configured, database, table};

/// A role that owns tables and one that reads them, and more than it should.
struct Roles {
    owner: String,
    reader: String,
    server: String,
}

impl Drop for Roles {
    fn drop(&mut self) {
        for role in [&self.reader, &self.owner] {
            clean_up(&self.server, format!("DROP ROLE IF EXISTS \"{role}\""));
        }
    }
}

/// Functions that are called immutable: in the session of the reader they free it from reading
/// only, and once that is done they write.
const FREEING: &str = "
    CREATE FUNCTION frees(n int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
      IF current_user LIKE '%_reader' THEN
        IF current_setting('transaction_read_only') = 'on' THEN
          PERFORM set_config('default_transaction_read_only', 'off', false);
          PERFORM set_config('statement_timeout', '0', false);
        ELSE
          INSERT INTO public.loot VALUES (n);
        END IF;
      END IF;
      RETURN true; END $$;
    CREATE FUNCTION number(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
      $$ BEGIN PERFORM public.frees(n); RETURN n; END $$;";

/// One table for each way; every function is called with constants, so that planning calls it.
const TABLES: &str = "
    CREATE TABLE expression (id int PRIMARY KEY, n int);
    CREATE INDEX ON expression ((n + number(1)));
    CREATE TABLE predicate (id int PRIMARY KEY, n int);
    CREATE INDEX ON predicate (n) WHERE frees(2);
    CREATE TABLE statistic (id int PRIMARY KEY, n int);
    CREATE STATISTICS told ON (n + number(3)), (n - number(4)) FROM statistic;
    CREATE TABLE parts (id int, n int) PARTITION BY RANGE (id);
    CREATE TABLE part PARTITION OF parts (CHECK (n IS NULL OR frees(5))) FOR VALUES FROM (0) TO (99);
    CREATE TABLE parent (id int PRIMARY KEY, n int);
    CREATE TABLE child (CHECK (frees(6))) INHERITS (parent);
    CREATE TABLE below (CHECK (frees(7))) INHERITS (child);
    CREATE TABLE pointing (id int PRIMARY KEY, to_id int REFERENCES expression);
    CREATE DOMAIN checked AS int CHECK (frees(8));
    CREATE TABLE domains (id int PRIMARY KEY, n checked, many checked[]);";

const MODELS: [&str; 7] = [
    "expression",
    "predicate",
    "statistic",
    "parts",
    "parent",
    "pointing",
    "domains",
];

/// A database whose tables belong to one role, and which another one reads.
async fn owned() -> Option<(Roles, Database)> {
    let place = Database::new("CREATE TABLE loot (n int)").await?;
    let roles = Roles {
        owner: format!("{}_owner", place.name()),
        reader: format!("{}_reader", place.name()),
        server: place.server(),
    };
    let (owner, reader) = (&roles.owner, &roles.reader);
    place
        .execute(&format!(
            "CREATE ROLE \"{owner}\" LOGIN; CREATE ROLE \"{reader}\" LOGIN; \
             CREATE TABLE calm (id int PRIMARY KEY, n int); \
             CREATE VIEW settings AS SELECT 1 AS id, current_setting('statement_timeout') AS t, \
               current_setting('default_transaction_read_only') AS r; \
             GRANT INSERT ON loot TO \"{reader}\"; \
             GRANT CREATE ON SCHEMA public TO \"{owner}\"; \
             SET SESSION AUTHORIZATION \"{owner}\"; {FREEING} {TABLES} \
             INSERT INTO expression VALUES (1, 1); INSERT INTO predicate VALUES (1, 1); \
             INSERT INTO statistic VALUES (1, 1); INSERT INTO parts VALUES (1, 1); \
             INSERT INTO parent VALUES (1, 1); INSERT INTO pointing VALUES (1, 1); \
             INSERT INTO domains VALUES (1, 1); \
             RESET SESSION AUTHORIZATION; \
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"{reader}\"; \
             REVOKE SELECT ON loot FROM \"{reader}\""
        ))
        .await;
    Some((roles, place))
}

/// Asks for a model in every way, and after each looks at the session.
async fn ask_all(asked: &Asked, place: &Database, model: &str) {
    for (action, params) in [
        ("get", r#"{"id":1}"#),
        ("list", "{}"),
        ("query", r#"{"filters":{"n":{"$gt":0},"id":1}}"#),
        ("query", r#"{"total":true,"offset":5}"#),
        (
            "query",
            r#"{"total":"estimate","limit":1,"filters":{"id":{"$gt":0}}}"#,
        ),
        (
            "query",
            r#"{"group_by":["id"],"aggregate":{"c":{"$count":"*"}}}"#,
        ),
        ("query", r#"{"filters":{"to.n":1}}"#),
        ("query", r#"{"expand":["to"]}"#),
        ("query", r#"{"filters":{"id":5000}}"#),
    ] {
        // Some have no key, or no such relation: the refusal runs nothing.
        let _ = asked.ask(action, model, params).await;
        assert_eq!(
            asked.ask("get", "settings", r#"{"id":1}"#).await.unwrap(),
            r#"{"data":{"id":1,"t":"5s","r":"on"}}"#,
            "{action} {model} {params}"
        );
    }
    let written = place.column("SELECT CAST(n AS text) FROM loot").await;
    assert!(written.is_empty(), "{model} wrote {written:?}");
}

#[tokio::test]
async fn what_an_owner_lets_the_planner_call_ends_with_its_statement() {
    let Some((roles, place)) = owned().await else {
        return;
    };
    let url = place.url_as(&roles.reader);
    let models = format!("{},settings", MODELS.join(","));
    for model in MODELS {
        let asked = Asked::new(&url, &models, &[("MCP_POOL_SIZE", "1")]).await;
        ask_all(&asked, &place, model).await;
    }
}

#[tokio::test]
async fn what_an_owner_adds_later_ends_with_its_statement_too() {
    let Some((roles, place)) = owned().await else {
        return;
    };
    let url = place.url_as(&roles.reader);
    // The owner of some is not the owner of all.
    place
        .execute(&format!(
            "INSERT INTO calm VALUES (1, 1); ALTER TABLE calm OWNER TO \"{}\"; \
             CREATE TABLE own (id int PRIMARY KEY); GRANT SELECT ON own TO PUBLIC",
            roles.owner
        ))
        .await;
    let asked = Asked::new(&url, "calm,own,settings", &[("MCP_POOL_SIZE", "1")]).await;
    ask_all(&asked, &place, "calm").await;
    place
        .execute("CREATE INDEX ON calm (n) WHERE frees(9)")
        .await;
    ask_all(&asked, &place, "calm").await;
}

#[tokio::test]
async fn tables_that_run_code_are_known() {
    let Some((roles, place)) = owned().await else {
        return;
    };
    let told = async |models: &str| {
        let config = configured(&place.url_as(&roles.reader), models, &[]);
        let db = database(&config);
        let mut told = Vec::new();
        for at in 0..config.data.models.len() {
            told.push(table(&db, &config, at).await.unwrap().runs_code);
        }
        told
    };
    assert_eq!(told(&MODELS[..5].join(",")).await, [true; 5]);
    assert_eq!(told("domains").await, [true]);
    // What belongs to one role alone and calls nothing is read as it is.
    assert_eq!(told("pointing").await, [false]);
    assert_eq!(told("calm").await, [false]);
    assert_eq!(told("pointing,calm").await, [true, false]);
    // A partition of another owner counts as its parent.
    let superuser = "ALTER TABLE parts OWNER TO CURRENT_USER; \
        ALTER TABLE part DROP CONSTRAINT part_n_check";
    place.execute(superuser).await;
    assert_eq!(told("parts").await, [true]);
    place
        .execute("ALTER TABLE part OWNER TO CURRENT_USER")
        .await;
    assert_eq!(told("parts,calm").await, [false, false]);
    // An extension's functions are its server's own, as far as a superuser owns them.
    if place
        .column("SELECT CAST(name AS text) FROM pg_available_extensions WHERE name = 'citext'")
        .await
        .is_empty()
    {
        return crate::common::note("SKIPPED: no citext");
    }
    place
        .execute(
            "CREATE EXTENSION citext; CREATE TABLE mails (id int PRIMARY KEY, mail citext); \
             CREATE INDEX ON mails (mail) WHERE mail <> 'x'; GRANT SELECT ON mails TO PUBLIC",
        )
        .await;
    assert_eq!(told("mails").await, [false]);
    place
        .execute(&format!(
            "CREATE FUNCTION added(citext) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; \
             ALTER FUNCTION added(citext) OWNER TO \"{}\"; \
             ALTER EXTENSION citext ADD FUNCTION added(citext); \
             CREATE INDEX ON mails (id) WHERE added(mail)",
            roles.owner
        ))
        .await;
    assert_eq!(told("mails").await, [true]);
}
