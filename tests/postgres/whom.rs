//! Row security: the database is told whom each transaction is for.

use std::sync::Arc;

use lucarne::catalog::Catalog;
use lucarne::config::Config;
use lucarne::db::{Db, Failure, FailureKind, Whom};
use lucarne::encode::{Layout, Numbers, Rows, Style};
use lucarne::plan::{self, CursorKey, Limits};
use lucarne::protocol::{Action, Object};
use lucarne::sensitive::Sensitive;
use lucarne::sql::shapes::Shapes;
use lucarne::sql::{self, Dialect};

use crate::lost::terminate;
use crate::pooler::Pooler;
use crate::support::{Database, built, clean_up, configured, database};

const LARGEST: usize = 1_048_576;
const ROWS: i64 = 200;

/// A policy as people write it: an unset tenant is an error, or one of no number.
const POLICIES: [&str; 2] = [
    "current_setting('lucarne.tenant')::int",
    "current_setting('lucarne.tenant', true)::int",
];

/// Tickets of two companies, of which a role sees those of the company that it is told.
struct Secured {
    /// Goes before the role, which has rights in it.
    place: Option<Database>,
    server: String,
    role: String,
}

impl Secured {
    async fn new(tenant: &str) -> Option<Self> {
        let place = Database::new(&format!(
            "CREATE TABLE tickets (id int PRIMARY KEY, company_id int NOT NULL);
             INSERT INTO tickets SELECT g, g % 2 + 1 FROM generate_series(1, {ROWS}) g;
             ALTER TABLE tickets ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON tickets USING (company_id = {tenant});
             CREATE VIEW told AS SELECT current_setting('lucarne.tenant', true) AS tenant, \
               current_setting('lucarne.token', true) AS agent, \
               current_setting('transaction_read_only') AS read_only, \
               current_setting('statement_timeout') AS allowed;
             CREATE TABLE noted (id int PRIMARY KEY);
             CREATE FUNCTION note() RETURNS boolean LANGUAGE plpgsql AS
               $$ BEGIN INSERT INTO public.noted VALUES (1); RETURN true; END $$;
             CREATE TABLE sly (id int PRIMARY KEY);
             INSERT INTO sly VALUES (1);
             ALTER TABLE sly ENABLE ROW LEVEL SECURITY;
             CREATE POLICY noted ON sly USING (note())"
        ))
        .await?;
        let secured = Self {
            role: format!("{}_reader", place.name()),
            server: place.server(),
            place: Some(place),
        };
        let role = &secured.role;
        let grant = format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
             GRANT INSERT ON noted TO {role}"
        );
        secured.place().execute(&grant).await;
        Some(secured)
    }

    fn place(&self) -> &Database {
        self.place.as_ref().unwrap()
    }

    async fn read(&self, variables: &[(&str, &str)]) -> Read {
        self.read_at(&self.place().url_as(&self.role), variables)
            .await
    }

    async fn read_at(&self, url: &str, variables: &[(&str, &str)]) -> Read {
        let config = configured(url, "tickets,told,sly", variables);
        let db = database(&config);
        let catalog = built(&config, &db).await.unwrap().catalog;
        assert_eq!(catalog.models().len(), 3);
        Read {
            config,
            reader: Reader {
                db,
                catalog: Arc::new(catalog),
                shapes: Arc::default(),
            },
        }
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.place = None;
        clean_up(&self.server, format!("DROP ROLE IF EXISTS {}", self.role));
    }
}

/// A database that was read, and by which configuration.
struct Read {
    config: Config,
    reader: Reader,
}

/// Reads as one caller, or as nobody.
#[derive(Clone)]
struct Reader {
    db: Db,
    catalog: Arc<Catalog>,
    shapes: Arc<Shapes>,
}

fn style() -> Style {
    Style {
        numbers: Numbers::Native,
        nesting: None,
        sensitive: Arc::new(Sensitive::default()),
    }
}

fn rows(layout: &Arc<Layout>) -> Rows {
    Rows::new(Vec::new(), Arc::clone(layout), style(), 100, LARGEST)
}

fn text(rows: Rows) -> String {
    String::from_utf8(rows.finish().out).unwrap()
}

impl Reader {
    fn of(&self, tenant: i64) -> Self {
        let whom = Whom {
            tenant: tenant.to_string(),
            token: format!("agent of {tenant}"),
        };
        Self {
            db: self.db.for_whom(Arc::new(whom)),
            ..self.clone()
        }
    }

    async fn get(&self, id: i64) -> Result<String, Failure> {
        let params = format!(r#"{{"id":{id}}}"#);
        let params = Object::parse(&params).unwrap();
        let plan = plan::get(&params, self.catalog.model("tickets").unwrap()).unwrap();
        let lookup = self.shapes.lookup(&plan, Dialect::Postgres, LARGEST);
        let (lookup, id) = lookup.unwrap();
        let empty = rows(lookup.layout());
        self.db.lookup(lookup, id, empty).await.map(text)
    }

    async fn list(&self, model: &str) -> Result<String, Failure> {
        let limits = Limits {
            default_limit: 100,
            max_limit: 100,
            scan_limit: None,
        };
        let (params, key) = (Object::parse("{}").unwrap(), CursorKey::new(&[0; 32]));
        let model = self.catalog.model(model).unwrap();
        let plan = plan::rows(Action::List, &params, model, &self.catalog, &limits, &key);
        let statements = sql::rows(&plan.unwrap(), Dialect::Postgres, LARGEST, &self.shapes);
        let empty = rows(&statements[0].layout);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        self.db.fetch(&statements[0], empty, until).await.map(text)
    }
}

fn ticket(id: i64) -> String {
    format!(r#"{{"id":{id},"company_id":{}}}"#, id % 2 + 1)
}

fn tickets(company: i64) -> String {
    let own = (1..=ROWS).filter(|id| id % 2 + 1 == company);
    own.map(ticket).collect::<Vec<_>>().join(",")
}

/// Two callers, many requests at once, and each request sees its caller's rows.
async fn ask_as_two(reader: &Reader, rounds: i64) {
    let asking = (0..8).map(|task| {
        let company = task % 2 + 1;
        let reader = reader.of(company);
        tokio::spawn(async move {
            for round in 0..rounds {
                let ids: Vec<i64> = (0..16).map(|n| (round * 16 + n) % ROWS + 1).collect();
                let got = ids.iter().map(|id| reader.get(*id));
                let got = futures_util::future::join_all(got).await;
                for (id, got) in ids.into_iter().zip(got) {
                    let expected = match id % 2 + 1 == company {
                        true => ticket(id),
                        false => String::new(),
                    };
                    assert_eq!(got.unwrap(), expected, "{id} for {company}");
                }
                assert_eq!(reader.list("tickets").await.unwrap(), tickets(company));
            }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_callers_over_the_same_sessions_do_not_cross() {
    for tenant in POLICIES {
        let Some(secured) = Secured::new(tenant).await else {
            return;
        };
        let read = secured.read(&[]).await;
        ask_as_two(&read.reader, 16).await;
        let usage = read.reader.db.usage();
        assert!(usage.idle <= 4, "{usage:?}");
    }
}

/// A catalog is read for nobody, before any caller and after some.
#[tokio::test]
async fn policies_that_ask_for_a_caller_do_not_keep_the_catalog_from_being_read() {
    for tenant in POLICIES {
        let Some(secured) = Secured::new(tenant).await else {
            return;
        };
        let read = secured.read(&[("MCP_POOL_SIZE", "1")]).await;
        let own = read.reader.of(1);
        assert_eq!(own.list("tickets").await.unwrap(), tickets(1));
        let again = built(&read.config, &read.reader.db).await.unwrap();
        assert!(again.missing.is_empty(), "{:?}", again.missing);
    }
}

#[tokio::test]
async fn a_session_keeps_nothing_of_whom_it_was_for() {
    let Some(secured) = Secured::new(POLICIES[1]).await else {
        return;
    };
    let variables = [("MCP_POOL_SIZE", "1"), ("MCP_QUERY_TIMEOUT", "7")];
    let Read { reader, .. } = secured.read(&variables).await;
    let told = |tenant: &str, agent: &str| {
        format!(r#"{{"tenant":"{tenant}","agent":"{agent}","read_only":"on","allowed":"7s"}}"#)
    };
    for tenant in [1, 2] {
        let own = reader.of(tenant);
        let agent = format!("agent of {tenant}");
        assert_eq!(
            own.list("told").await.unwrap(),
            told(&tenant.to_string(), &agent)
        );
        assert_eq!(own.get(2).await.unwrap().is_empty(), tenant == 2);
        // Nor does one that failed, here in a policy that would write.
        assert_eq!(
            *own.list("sly").await.unwrap_err().kind(),
            FailureKind::Internal
        );
        assert_eq!(reader.list("told").await.unwrap(), told("", ""));
    }
    assert_eq!(reader.db.usage().idle, 1, "one session served them all");
    let noted = "SELECT CAST(count(*) AS text) FROM noted";
    assert_eq!(secured.place().column(noted).await, ["0"]);
}

#[tokio::test]
async fn a_session_in_the_place_of_a_lost_one_is_told_again() {
    let Some(secured) = Secured::new(POLICIES[0]).await else {
        return;
    };
    let Read { reader, .. } = secured.read(&[("MCP_POOL_SIZE", "1")]).await;
    for tenant in [1, 2, 1] {
        assert_eq!(
            reader.of(tenant).list("tickets").await.unwrap(),
            tickets(tenant)
        );
        terminate(secured.place()).await;
        let got = reader.of(3 - tenant).get(2).await.unwrap();
        assert_eq!(got.is_empty(), tenant == 1, "{got}");
        terminate(secured.place()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooler_hands_no_caller_on() {
    let Some(secured) = Secured::new(POLICIES[1]).await else {
        return;
    };
    let (place, role) = (secured.place(), &secured.role);
    let Some(pooler) = Pooler::of_role(place, role, "").await else {
        return;
    };
    let url = place.url_through(pooler.port);
    let variables = [("MCP_PGBOUNCER", "true"), ("MCP_POOL_SIZE", "8")];
    let read = secured.read_at(&url, &variables).await;
    ask_as_two(&read.reader, 4).await;
    let again = built(&read.config, &read.reader.db).await.unwrap();
    assert!(again.missing.is_empty(), "{:?}", again.missing);
}

/// The statistics of a table know the rows of everybody.
#[tokio::test]
async fn what_the_statistics_know_of_a_secured_table_is_not_told() {
    let Some(secured) = Secured::new(POLICIES[0]).await else {
        return;
    };
    for rows in [None, Some(ROWS.unsigned_abs())] {
        let Read { reader, .. } = secured.read(&[]).await;
        let tickets = reader.catalog.model("tickets").unwrap();
        assert!(tickets.is_partial());
        assert_eq!(tickets.estimated_rows(), None);
        assert_eq!(tickets.table_rows(), rows);
        secured.place().execute("ANALYZE tickets").await;
    }
    // Whoever passes by row security sees all rows.
    let owner = secured.read_at(&secured.place().url(), &[]).await.reader;
    let tickets = owner.catalog.model("tickets").unwrap();
    assert_eq!(tickets.estimated_rows(), Some(ROWS.unsigned_abs()));
}
