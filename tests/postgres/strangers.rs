//! What others created in the database: their operators, functions, casts and types.

use crate::support::{Asked, Database, built, clean_up, configured, database};

/// An operator for each comparison of text, numbers and times, which fits better than the system's
/// own; a function for each name that our statements could call. All of them fail when called.
const TRAPS: &str = r#"
    CREATE FUNCTION public.trap() RETURNS boolean LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$;
    DO $do$
    DECLARE pair text[]; sign text;
    BEGIN
      FOREACH pair SLICE 1 IN ARRAY ARRAY[['varchar','text'],['varchar','varchar'],['char(9)','text'],
        ['int','bigint'],['bigint','bigint'],['int2','int8'],['numeric','numeric'],['date','date'],
        ['timestamptz','timestamptz'],['mood','mood'],['uuid','uuid'],['inet','inet']] LOOP
        EXECUTE format('CREATE FUNCTION public.trap(%s, %s) RETURNS boolean LANGUAGE plpgsql AS
          $f$ BEGIN RAISE EXCEPTION ''a stranger was called''; END $f$', pair[1], pair[2]);
        FOREACH sign IN ARRAY ARRAY['=', '<', '<=', '>', '>=', '<>', '~~', '~~*'] LOOP
          EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s,
            FUNCTION = public.trap)', sign, pair[1], pair[2]);
        END LOOP;
      END LOOP;
    END $do$;
    CREATE FUNCTION public.octet_length(varchar) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$;
    CREATE FUNCTION public.to_json(mood[]) RETURNS json LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$;
    CREATE FUNCTION public.to_char(date, text) RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$;
    CREATE FUNCTION public.to_char(timestamptz, varchar) RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$;"#;

#[tokio::test]
async fn nobodys_operators_or_functions_are_called() {
    let tables = "
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TABLE tickets (id int PRIMARY KEY, tenant varchar(20), code char(9), n bigint,
          small int2, price numeric(10,2), day date, at timestamptz, mood mood, moods mood[],
          u uuid, ip inet, parent_id int REFERENCES tickets);
        INSERT INTO tickets SELECT g, 'acme', 'c', g, g, g, '2026-01-31', '2026-01-31', 'ok',
          '{ok}', '00000000-0000-0000-0000-000000000001', '10.0.0.1', 1
          FROM generate_series(1, 9) g;";
    let Some(place) = Database::new(&format!("{tables} {TRAPS}")).await else {
        return;
    };
    // The path that a role may bring along does not count, wherever it puts the system's catalog.
    for options in ["", "?options=-c%20search_path%3Dpublic,pg_catalog"] {
        let url = format!("{}{options}", place.url());
        let asked = Asked::new(&url, "tickets", &[]).await;
        let uuid = r#""u":"00000000-0000-0000-0000-000000000001""#;
        for (params, rows) in [
            (r#"{"filters":{"tenant":"acme"}}"#.to_owned(), 9),
            (r#"{"filters":{"tenant":{"$in":["acme","b"]},"code":"c"}}"#.to_owned(), 9),
            (r#"{"filters":{"n":{"$gt":4},"small":{"$lte":8},"price":{"$gte":"1"}}}"#.to_owned(), 4),
            (r#"{"filters":{"day":"2026-01-31","at":{"$lt":"2026-02-01"}}}"#.to_owned(), 9),
            (format!(r#"{{"filters":{{"mood":"ok","ip":"10.0.0.1",{uuid}}}}}"#), 9),
            (r#"{"filters":{"tenant":{"$contains":"cm","$istartswith":"A"}}}"#.to_owned(), 9),
            (r#"{"filters":{"tenant":{"$ne":"b"}},"sort":["-tenant","n"]}"#.to_owned(), 9),
            (r#"{"expand":["parent"],"total":true}"#.to_owned(), 9),
            (r#"{"group_by":["tenant",{"$month":"at"},{"$year":"day"}],"aggregate":{"n":{"$sum":"n"},
               "m":{"$max":"mood"},"t":{"$min":"tenant"},"c":{"$count_distinct":"code"},
               "a":{"$avg":"price"}}}"#.to_owned(), 1),
        ] {
            let answer = asked.value("query", "tickets", &params).await;
            assert_eq!(answer["data"].as_array().unwrap().len(), rows, "{params}");
        }
        let row = asked.value("get", "tickets", r#"{"id":3}"#).await;
        assert_eq!(row["data"]["moods"][0], "ok");
    }
}

#[tokio::test]
async fn an_extension_compares_wherever_it_stands() {
    let script = r#"
        CREATE SCHEMA "odd $1 ""ext""";
        CREATE EXTENSION citext SCHEMA "odd $1 ""ext""";
        SET search_path = public, "odd $1 ""ext""";
        CREATE TABLE users (id int PRIMARY KEY, email citext);
        INSERT INTO users VALUES (1,'Foo@x.org'), (2,'BAR@x.org'), (3,'foo@y.org'), (4,'FOO@x.org');
        CREATE TABLE codes (code citext PRIMARY KEY, n int);
        INSERT INTO codes VALUES ('Abc', 1);
        CREATE TABLE uses (id int PRIMARY KEY, code citext REFERENCES codes, plain text);
        INSERT INTO uses VALUES (1, 'ABC', 'x');"#;
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("users,codes,uses").await;
    for (filters, ids) in [
        (r#"{"email":"foo@x.org"}"#, vec!["1", "4"]),
        (
            r#"{"email":{"$in":["bar@x.org","FOO@Y.org"]}}"#,
            vec!["2", "3"],
        ),
        (r#"{"email":{"$ne":"foo@x.org"}}"#, vec!["2", "3"]),
        (r#"{"email":{"$gt":"FOO@X.ORG"}}"#, vec!["3"]),
        (r#"{"email":{"$between":["b","c"]}}"#, vec!["2"]),
        (r#"{"email":{"$contains":"OO"}}"#, vec!["4"]),
        (r#"{"email":{"$icontains":"OO"}}"#, vec!["1", "3", "4"]),
    ] {
        let params = format!(r#"{{"filters":{filters},"sort":["id"]}}"#);
        assert_eq!(asked.values("users", &params, "id").await, ids, "{filters}");
    }
    let got = asked.ask("get", "codes", r#"{"id":"aBC"}"#).await.unwrap();
    assert_eq!(got, r#"{"data":{"code":"Abc","n":1}}"#);
    let expanded = asked
        .value("query", "uses", r#"{"expand":["codes"]}"#)
        .await;
    assert_eq!(expanded["data"][0]["codes"]["n"], 1);
    let ends = r#"{"aggregate":{"first":{"$min":"email"},"last":{"$max":"email"}}}"#;
    let ends = asked.value("query", "users", ends).await;
    assert_eq!(ends["data"][0]["first"], "BAR@x.org");
    assert_eq!(ends["data"][0]["last"], "foo@y.org");
    // A walk finds each row once.
    let mut found = Vec::new();
    let mut cursor = String::new();
    for _ in 0..4 {
        let params = format!(r#"{{"sort":["email"],"limit":1{cursor}}}"#);
        let page = asked.value("query", "users", &params).await;
        found.push(page["data"][0]["id"].to_string());
        cursor = format!(r#","cursor":{}"#, page["next_cursor"]);
    }
    assert_eq!(found, ["2", "1", "4", "3"]);
}

#[tokio::test]
async fn a_domain_is_as_the_enum_below_it() {
    let script = "
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE DOMAIN state AS mood;
        CREATE DOMAIN worse AS state;
        CREATE TABLE t (id int PRIMARY KEY, s worse);
        INSERT INTO t VALUES (1, 'ok'), (2, 'sad'), (3, NULL);
        CREATE TABLE k (s state PRIMARY KEY, n int);
        INSERT INTO k VALUES ('ok', 1), ('sad', 2);";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("t,k").await;
    for (filters, ids) in [
        (r#"{"s":"ok"}"#, vec!["1"]),
        (r#"{"s":{"$ne":"ok"}}"#, vec!["2", "3"]),
        (r#"{"s":{"$in":["ok","sad"]}}"#, vec!["1", "2"]),
        (r#"{"s":{"$lt":"ok"}}"#, vec!["2"]),
    ] {
        let params = format!(r#"{{"filters":{filters},"sort":["id"]}}"#);
        assert_eq!(asked.values("t", &params, "id").await, ids, "{filters}");
    }
    let most = r#"{"aggregate":{"m":{"$max":"s"}}}"#;
    assert_eq!(asked.values("t", most, "m").await, [r#""ok""#]);
    let got = asked.ask("get", "k", r#"{"id":"ok"}"#).await.unwrap();
    assert_eq!(got, r#"{"data":{"s":"ok","n":1}}"#);
    let first = asked.value("query", "k", r#"{"limit":1}"#).await;
    assert_eq!(first["data"][0]["s"], "sad");
    let params = format!(r#"{{"limit":1,"cursor":{}}}"#, first["next_cursor"]);
    assert_eq!(asked.values("k", &params, "s").await, [r#""ok""#]);
}

#[tokio::test]
async fn patterns_look_at_letters_whatever_a_collation_folds() {
    let script = "
        CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE t (id int PRIMARY KEY, s text COLLATE ci, v varchar(9) COLLATE ci);
        INSERT INTO t VALUES (1, 'Hello', 'Hello'), (2, 'help', 'help'), (3, NULL, NULL);";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("t").await;
    for (filters, ids) in [
        (r#"{"s":{"$contains":"ell"}}"#, vec!["1"]),
        (r#"{"v":{"$endswith":"LP"}}"#, vec![]),
        (r#"{"s":{"$startswith":"he"}}"#, vec!["2"]),
        (r#"{"v":{"$istartswith":"HE"}}"#, vec!["1", "2"]),
        (r#"{"s":"HELLO"}"#, vec!["1"]),
    ] {
        let params = format!(r#"{{"filters":{filters},"sort":["id"]}}"#);
        assert_eq!(asked.values("t", &params, "id").await, ids, "{filters}");
    }
}

#[tokio::test]
async fn casts_of_a_types_owner_do_not_run() {
    let script = r#"
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TYPE pair AS (one mood, other int);
        CREATE DOMAIN moods AS mood[];
        CREATE FUNCTION told(mood) RETURNS json LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$;
        CREATE FUNCTION written(mood) RETURNS text LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$;
        CREATE CAST (mood AS json) WITH FUNCTION told(mood);
        CREATE CAST (mood AS text) WITH FUNCTION written(mood);
        CREATE TYPE citext AS RANGE (subtype = int);
        CREATE TABLE t (id int PRIMARY KEY, m mood, a mood[], d moods, p pair, ps pair[], r citext);
        INSERT INTO t VALUES (1, 'ok', '{ok}', '{ok}', '(ok,1)', '{"(ok,1)"}', '[1,3)');"#;
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = place.service("t").await;
    let row = asked.ask("get", "t", r#"{"id":1}"#).await.unwrap();
    assert_eq!(row, r#"{"data":{"id":1,"m":"ok","r":"[1,3)"}}"#);
    let filtered = r#"{"filters":{"m":"ok"},"group_by":["m"],"aggregate":{"n":{"$max":"m"}}}"#;
    assert_eq!(asked.values("t", filtered, "n").await, [r#""ok""#]);
    let told = weaknesses(&place, "t").await;
    for column in ["a", "d", "p", "ps"] {
        let expected = format!("public.t.{column} is not served: ");
        assert!(
            told.iter().any(|what| what.starts_with(&expected)),
            "{told:?}"
        );
    }
}

#[tokio::test]
async fn schemas_that_others_may_create_in_are_told() {
    let Some(place) = Database::new("CREATE TABLE t (id int PRIMARY KEY)").await else {
        return;
    };
    let open = |told: &[String]| {
        told.iter()
            .filter(|what| what.contains("may create"))
            .count()
    };
    place
        .execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    let told = weaknesses(&place, "t").await;
    assert_eq!(open(&told), 0, "{told:?}");
    let role = format!("{}_maker", place.name());
    place
        .execute(&format!(
            "CREATE ROLE \"{role}\"; CREATE SCHEMA other; \
            GRANT CREATE ON SCHEMA public TO \"{role}\"; GRANT CREATE ON SCHEMA other TO PUBLIC"
        ))
        .await;
    let told = weaknesses(&place, "t").await;
    let expected = format!("{role} may create functions and operators in schema public");
    assert!(
        told.iter().any(|what| what.starts_with(&expected)),
        "{told:?}"
    );
    assert_eq!(open(&told), 1, "{told:?}");
    // A schema of the role's path is looked at as well.
    place
        .execute(&format!(
            "ALTER DATABASE {} SET search_path = public, other",
            place.name()
        ))
        .await;
    let told = weaknesses(&place, "t").await;
    let everybody = "every role may create functions and operators in schema other";
    assert!(
        told.iter().any(|what| what.starts_with(everybody)),
        "{told:?}"
    );
    // Who owns the tables may do with them what he likes anyway.
    place
        .execute(&format!(
            "ALTER TABLE t OWNER TO \"{role}\"; \
            ALTER DATABASE {} RESET search_path",
            place.name()
        ))
        .await;
    let told = weaknesses(&place, "t").await;
    assert_eq!(open(&told), 0, "{told:?}");
    let server = place.server();
    drop(place);
    clean_up(&server, format!("DROP ROLE \"{role}\""));
}

async fn weaknesses(place: &Database, models: &str) -> Vec<String> {
    let config = configured(&place.url(), models, &[]);
    let db = database(&config);
    let built = built(&config, &db).await.unwrap();
    let found = db.weaknesses(&built.catalog, &built.hidden).await.unwrap();
    found.into_iter().map(|weakness| weakness.what).collect()
}

#[tokio::test]
async fn what_a_policy_calls_ends_with_its_statement() {
    let script = "
        CREATE TABLE noted (id int PRIMARY KEY);
        CREATE FUNCTION frees() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
          PERFORM set_config('default_transaction_read_only', 'off', false);
          PERFORM set_config('statement_timeout', '0', false); RETURN true; END $$;
        CREATE TABLE freeing (id int PRIMARY KEY);
        INSERT INTO freeing VALUES (1);
        ALTER TABLE freeing ENABLE ROW LEVEL SECURITY;
        CREATE POLICY frees ON freeing USING (public.frees());
        CREATE VIEW settings AS SELECT 1 AS id, current_setting('statement_timeout') AS t,
          current_setting('default_transaction_read_only') AS r;
        CREATE VIEW computed AS SELECT 1 AS id WHERE public.frees();";
    let Some(place) = Database::new(script).await else {
        return;
    };
    let role = format!("{}_reader", place.name());
    place
        .execute(&format!(
            "CREATE ROLE \"{role}\" LOGIN; GRANT SELECT ON freeing, settings, computed \
            TO \"{role}\""
        ))
        .await;
    let alone = [("MCP_POOL_SIZE", "1")];
    let asked = Asked::new(&place.url_as(&role), "freeing,settings,computed", &alone).await;
    for (action, model, params) in [
        ("get", "freeing", r#"{"id":1}"#),
        ("list", "freeing", "{}"),
        ("query", "freeing", r#"{"total":true,"offset":5}"#),
        (
            "query",
            "freeing",
            r#"{"total":"estimate","limit":1,"filters":{"id":{"$gt":0}}}"#,
        ),
        ("list", "computed", "{}"),
        (
            "query",
            "computed",
            r#"{"total":"estimate","limit":1,"filters":{"id":{"$gt":0}}}"#,
        ),
    ] {
        asked.ask(action, model, params).await.unwrap();
        assert_eq!(
            asked.ask("get", "settings", r#"{"id":1}"#).await.unwrap(),
            r#"{"data":{"id":1,"t":"5s","r":"on"}}"#,
            "{action} {model} {params}"
        );
    }
    let server = place.server();
    drop((asked, place));
    clean_up(&server, format!("DROP ROLE \"{role}\""));
}

#[tokio::test]
async fn what_a_view_prepares_answers_nobody() {
    // A function that puts other statements in the place of those that the session has prepared.
    let script = r#"
        CREATE TABLE t (id int PRIMARY KEY, v text);
        CREATE TABLE other (id int PRIMARY KEY, v text);
        INSERT INTO t VALUES (1, 'right'); INSERT INTO other VALUES (1, 'wrong');
        CREATE FUNCTION public.replaces() RETURNS int LANGUAGE plpgsql AS $$
          DECLARE one record; BEGIN
            FOR one IN SELECT * FROM pg_catalog.pg_prepared_statements
                WHERE statement LIKE '%"public"."t"%' LOOP
              EXECUTE pg_catalog.format('DEALLOCATE %I', one.name);
              EXECUTE pg_catalog.format('PREPARE %I%s AS %s', one.name,
                CASE WHEN one.parameter_types = '{}' THEN ''
                  ELSE '(' || pg_catalog.array_to_string(one.parameter_types, ',') || ')' END,
                pg_catalog.replace(one.statement, '"public"."t"', '"public"."other"'));
            END LOOP;
            RETURN 1; END $$;
        CREATE VIEW replacing AS SELECT public.replaces() AS id;"#;
    let Some(place) = Database::new(script).await else {
        return;
    };
    let asked = Asked::new(&place.url(), "t,replacing", &[("MCP_POOL_SIZE", "1")]).await;
    for round in 0..3 {
        for (action, params) in [("get", r#"{"id":1}"#), ("list", "{}"), ("query", "{}")] {
            let answer = asked.ask(action, "t", params).await.unwrap();
            assert!(answer.contains("right"), "{round} {action}: {answer}");
        }
        asked.ask("list", "replacing", "{}").await.unwrap();
    }
}
