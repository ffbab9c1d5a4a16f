//! What of a database becomes a model, and under which names.

use lucarne::catalog::{FieldType, Kind};

use crate::support::{Asked, Database, clean_up, configured, database, table};

const ODD: &str = r#"
    CREATE SCHEMA "Odd Schema";
    CREATE TYPE "Odd Schema"."Mood" AS ENUM ('sad', 'ok');
    CREATE TABLE "Odd Schema"."Mixed ""Case""" (
        "Id" uuid NOT NULL, "order" int NOT NULL, "größe.x" numeric(8,3),
        "Mood" "Odd Schema"."Mood" DEFAULT 'ok', "%s ?1" text,
        PRIMARY KEY ("order", "Id"));
    COMMENT ON TABLE "Odd Schema"."Mixed ""Case""" IS 'odd on purpose';
    COMMENT ON COLUMN "Odd Schema"."Mixed ""Case"""."größe.x" IS 'in metres';
    INSERT INTO "Odd Schema"."Mixed ""Case""" VALUES
        ('00000000-0000-0000-0000-000000000001', 7, 1.5, 'sad', 'a?b');
    CREATE TABLE child (id serial PRIMARY KEY, "orderId" int, "theId" uuid,
        FOREIGN KEY ("orderId", "theId") REFERENCES "Odd Schema"."Mixed ""Case""" ("order", "Id"));
    INSERT INTO child ("orderId", "theId") VALUES (7, '00000000-0000-0000-0000-000000000001');
"#;

#[tokio::test]
async fn odd_names_are_served() {
    let Some(place) = Database::new(ODD).await else {
        return;
    };
    let models = r#"odd="Odd Schema"."Mixed ""Case""",child"#;
    let asked = place.service(models).await;
    assert_eq!(
        asked
            .ask(
                "get",
                "odd",
                r#"{"id":{"Id":"00000000-0000-0000-0000-000000000001","order":7}}"#
            )
            .await
            .unwrap(),
        "{\"data\":{\"Id\":\"00000000-0000-0000-0000-000000000001\",\"order\":7,\
         \"größe.x\":1.500,\"Mood\":\"sad\",\"%s ?1\":\"a?b\"}}"
    );
    for filters in [
        r#"{"größe.x":"1.5"}"#,
        r#"{"Mood":"sad"}"#,
        r#"{"%s ?1":{"$contains":"?"}}"#,
        r#"{"%s ?1":{"$in":["a?b","$1"]},"order":{"$between":[7,7]}}"#,
    ] {
        let params = format!(r#"{{"filters":{filters},"sort":["-größe.x","%s ?1"]}}"#);
        assert_eq!(
            asked.values("odd", &params, "order").await,
            ["7"],
            "{filters}"
        );
    }
    // A key of two fields is named after the other model.
    let child = asked
        .ask("query", "child", r#"{"expand":["odd"]}"#)
        .await
        .unwrap();
    assert!(
        child.contains(r#""odd":{"Id":"00000000-0000-0000-0000-000000000001","order":7,"#),
        "{child}"
    );
    let described = asked.value("describe", "odd", "{}").await;
    let data = &described["data"];
    assert_eq!(data["description"], "odd on purpose");
    assert_eq!(data["primary_key"], serde_json::json!(["order", "Id"]));
    assert_eq!(data["estimated_rows"], 1);
    assert_eq!(data["fields"][2]["description"], "in metres");
    assert_eq!(
        data["fields"][3]["values"],
        serde_json::json!(["sad", "ok"])
    );
    assert_eq!(data["fields"][1]["indexed"], true);
    assert_eq!(data["fields"][0]["indexed"], false);
}

#[tokio::test]
async fn each_kind_of_table_is_served() {
    let script = "
        CREATE TABLE base (id int PRIMARY KEY, n int, password text);
        INSERT INTO base SELECT g, g % 3, 'x' FROM generate_series(1, 5) g;
        CREATE VIEW plain AS SELECT n, id FROM base;
        CREATE VIEW keyless AS SELECT n AS a, n * 2 AS b FROM base;
        CREATE MATERIALIZED VIEW stored AS SELECT n, count(*) AS c FROM base GROUP BY n;
        CREATE TABLE parted (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
        CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
        INSERT INTO parted SELECT g, date '2026-12-30' + g FROM generate_series(1, 4) g;
        ANALYZE parted_1; ANALYZE parted_2; ANALYZE base;";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let models = "base,plain,keyless,stored,parted";
    let config = configured(&place.url(), models, &[]);
    let db = database(&config);
    for (at, kind, key, rows) in [
        (0, Kind::Table, vec!["id"], Some(5)),
        (1, Kind::View, vec![], None),
        (2, Kind::View, vec![], None),
        (3, Kind::MaterializedView, vec![], None),
        (4, Kind::Table, vec!["id", "day"], Some(4)),
    ] {
        let table = table(&db, &config, at).await.unwrap();
        assert_eq!(
            (table.kind, table.estimated_rows),
            (kind, rows),
            "{}",
            table.name
        );
        assert_eq!(table.primary_key, key);
        assert_eq!(table.name.schema.as_deref(), Some("public"));
    }
    let asked = place.service(models).await;
    // A view with a field id can be asked by it, one without cannot.
    assert_eq!(
        asked.ask("get", "plain", r#"{"id":2}"#).await.unwrap(),
        r#"{"data":{"n":2,"id":2}}"#
    );
    let error = asked
        .ask("get", "keyless", r#"{"id":2}"#)
        .await
        .unwrap_err();
    assert!(error.contains("has no primary key"), "{error}");
    assert_eq!(
        asked.values("keyless", "{}", "b").await,
        ["0", "2", "2", "4", "4"]
    );
    assert_eq!(asked.values("stored", "{}", "c").await, ["1", "2", "2"]);
    assert_eq!(
        asked.values("parted", r#"{"sort":["-day"]}"#, "day").await,
        [
            "\"2027-01-03\"",
            "\"2027-01-02\"",
            "\"2027-01-01\"",
            "\"2026-12-31\""
        ]
    );
    let error = asked
        .ask("list", "base", r#"{"filters":{"password":"x"}}"#)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        "invalid_filter: Filter field 'password' is not allowed for model 'base'"
    );
}

#[tokio::test]
async fn foreign_tables_are_served() {
    let Some(place) = Database::new(
        "CREATE TABLE far (id int PRIMARY KEY, t text); INSERT INTO far VALUES (1, 'x')",
    )
    .await
    else {
        return;
    };
    let available = place
        .column("SELECT CAST(name AS text) FROM pg_available_extensions")
        .await;
    if !available.iter().any(|name| name == "postgres_fdw") {
        return crate::common::skipped("postgres_fdw", "the server has no postgres_fdw");
    }
    let port = place
        .column("SELECT CAST(inet_server_port() AS text)")
        .await
        .remove(0);
    place
        .execute(&format!(
            "CREATE EXTENSION postgres_fdw;
             CREATE SERVER far_away FOREIGN DATA WRAPPER postgres_fdw
               OPTIONS (host '127.0.0.1', port '{port}', dbname '{}');
             CREATE USER MAPPING FOR CURRENT_USER SERVER far_away OPTIONS (user 'root', password_required 'false');
             CREATE FOREIGN TABLE near (id int, t text) SERVER far_away OPTIONS (table_name 'far')",
            place.name()
        ))
        .await;
    let asked = place.service("near").await;
    assert_eq!(
        asked.ask("get", "near", r#"{"id":1}"#).await.unwrap(),
        r#"{"data":{"id":1,"t":"x"}}"#
    );
    assert_eq!(
        asked.value("describe", "near", "{}").await["data"]["kind"],
        "foreign table"
    );
}

#[tokio::test]
async fn a_plain_name_is_resolved_once() {
    let script = "
        CREATE SCHEMA root; CREATE SCHEMA sales;
        CREATE TABLE public.users (id int PRIMARY KEY, t text);
        CREATE TABLE root.users (id int PRIMARY KEY, t text);
        CREATE TABLE sales.users (id int PRIMARY KEY, t text);
        CREATE TABLE sales.orders (id int PRIMARY KEY);
        CREATE TABLE \"Mixed\" (id int PRIMARY KEY);
        INSERT INTO public.users VALUES (1, 'public');
        INSERT INTO root.users VALUES (1, 'root');
        INSERT INTO sales.users VALUES (1, 'sales');";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let told = async |asked: &Asked, model: &str| asked.values(model, "{}", "t").await.join(" ");
    let asked = place
        .service("users,sales.users,r=root.users,USERS,mixed,orders,userz,pg_class,information_schema.tables,no.users")
        .await;
    assert_eq!(told(&asked, "users").await, "\"public\"");
    assert_eq!(told(&asked, "USERS").await, "\"public\"");
    assert_eq!(told(&asked, "sales.users").await, "\"sales\"");
    assert_eq!(told(&asked, "r").await, "\"root\"");
    assert_eq!(
        asked.missing,
        [
            "schema public, root has no such table; there is sales.orders",
            "schema public, root has no such table; it has users",
            "it belongs to PostgreSQL's own catalog",
            "it belongs to PostgreSQL's own catalog",
            "schema no has no such table",
        ]
    );
    // A search path that somebody chose counts.
    place
        .execute(&format!(
            "ALTER DATABASE {} SET search_path = sales, public",
            place.name()
        ))
        .await;
    assert_eq!(
        told(&place.service("users").await, "users").await,
        "\"sales\""
    );
    let url = format!("{}?options=-c%20search_path%3Droot", place.url());
    assert_eq!(
        told(&Asked::new(&url, "users", &[]).await, "users").await,
        "\"root\""
    );
}

#[tokio::test]
async fn what_a_view_does_beyond_reading_is_refused() {
    let script = "
        CREATE TABLE log (id serial PRIMARY KEY, t text);
        CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql AS
          $$ BEGIN INSERT INTO log (t) VALUES ('written'); RETURN 1; END $$;
        CREATE VIEW sly AS SELECT writes() AS id;
        CREATE VIEW counting AS SELECT nextval('log_id_seq') AS id;
        CREATE FUNCTION frees() RETURNS int LANGUAGE plpgsql AS
          $$ BEGIN PERFORM set_config('transaction_read_only', 'off', true); RETURN writes(); END $$;
        CREATE VIEW slier AS SELECT frees() AS id;
        CREATE VIEW freeing AS SELECT 1 AS id,
          set_config('default_transaction_read_only', 'off', false) AS a,
          set_config('statement_timeout', '0', false) AS b;
        CREATE VIEW settings AS SELECT 1 AS id, current_setting('statement_timeout') AS t,
          current_setting('default_transaction_read_only') AS r;";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let models = "sly,counting,slier,freeing,settings,log";
    let asked = Asked::new(&place.url(), models, &[("MCP_POOL_SIZE", "1")]).await;
    // What a view sets is undone with its transaction.
    asked.ask("list", "freeing", "{}").await.unwrap();
    asked.ask("list", "log", "{}").await.unwrap();
    assert_eq!(
        asked.ask("get", "settings", r#"{"id":1}"#).await.unwrap(),
        r#"{"data":{"id":1,"t":"5s","r":"on"}}"#
    );
    for model in ["sly", "counting", "slier"] {
        let error = asked.ask("list", model, "{}").await.unwrap_err();
        assert_eq!(error, "internal: Internal server error");
    }
    assert!(place.column("SELECT t FROM log").await.is_empty());
}

#[tokio::test]
async fn indexes_and_types_are_known() {
    let script = "
        CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text COLLATE \"C\", d text, p point,
            n numeric(10,2), u uuid, x xml, v varchar(10), ch char(3));
        CREATE INDEX ON t (a, b);
        CREATE INDEX ON t (b) WHERE a > 1;
        CREATE INDEX ON t (lower(c));
        CREATE INDEX ON t (n, lower(d), u);
        CREATE INDEX ON t (d COLLATE \"C\");
        CREATE INDEX ON t (v text_pattern_ops);
        CREATE INDEX ON t (c DESC, a);
        CREATE INDEX ON t USING hash (u);
        CREATE UNIQUE INDEX ON t (ch) INCLUDE (a);";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let config = configured(&place.url(), "t", &[]);
    let table = table(&database(&config), &config, 0).await.unwrap();
    let mut indexes: Vec<String> = table.indexes.iter().map(|index| index.join(",")).collect();
    indexes.sort();
    assert_eq!(indexes, ["a,b", "c", "ch", "id", "n"]);
    let column = |name: &str| table.columns.iter().find(|it| it.name == name).unwrap();
    for (name, class, cast, sortable) in [
        (
            "a",
            FieldType::Integer {
                unsigned: false,
                wide: false,
            },
            "integer",
            true,
        ),
        ("n", FieldType::Decimal { scale: Some(2) }, "numeric", true),
        ("p", FieldType::Other, "point", false),
        ("x", FieldType::Other, "xml", false),
        ("v", FieldType::Text, "text", true),
        ("ch", FieldType::Text, "bpchar", true),
    ] {
        let column = column(name);
        assert_eq!(
            (column.field_type, column.cast.as_str(), column.sortable),
            (class, cast, sortable),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_view_that_shows_what_nobody_may_read_is_left_out() {
    let role = format!("lucarne_test_views_{}", std::process::id());
    let Some(place) = Database::new(&format!(
        "CREATE ROLE {role} LOGIN; CREATE TABLE t (id int PRIMARY KEY, kept int); \
         CREATE VIEW own AS SELECT id FROM t; \
         CREATE VIEW invoked WITH (security_invoker) AS SELECT id, kept FROM t; \
         GRANT SELECT (id) ON t TO {role}; GRANT SELECT ON own, invoked TO {role}"
    ))
    .await
    else {
        return;
    };
    let asked = Asked::new(&place.url_as(&role), "t,own,invoked", &[]).await;
    assert_eq!(
        asked.missing,
        [
            "public.invoked shows what the role, or the view's owner, may not read: GRANT SELECT on that"
        ]
    );
    assert_eq!(asked.values("own", "{}", "id").await, [""; 0]);
    let server = place.server();
    drop(asked);
    drop(place);
    clean_up(&server, format!("DROP ROLE {role}"));
}
