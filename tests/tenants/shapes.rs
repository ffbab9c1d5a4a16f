//! What operators write is answered under row rules as if the other rows were not there: by a
//! database in which they are, and by one from which they are gone.

use std::net::Ipv4Addr;

use lucarne::auth::Credential;
use lucarne::service::Trial;
use lucarne::store::NewToken;
use serde_json::Value;

use crate::data::Data;
use crate::support::{Running, start, token};

const RULES: [&str; 2] = ["tickets.company_id = 2", "notes.company_id = 2"];

/// What every engine has.
const EVERY: &[&str] = &[
    "SELECT t.id, t.title FROM tickets t ORDER BY t.id LIMIT 5",
    "SELECT t.id FROM tickets t ORDER BY t.id DESC LIMIT 3 OFFSET 4",
    "SELECT DISTINCT t.company_id FROM tickets t",
    "SELECT id, title FROM tickets WHERE amount BETWEEN 100 AND 900 AND title LIKE 'ticket 1%' ORDER BY 1",
    "SELECT id FROM tickets WHERE id IN (1, 4, 7, 8) OR id NOT IN (SELECT ticket_id FROM notes) ORDER BY id",
    "SELECT t.id, n.body FROM tickets t JOIN notes n ON n.ticket_id = t.id ORDER BY t.id, n.id",
    "SELECT t.id, n.body FROM tickets t LEFT JOIN notes n ON n.ticket_id = t.id AND n.id > 90 ORDER BY t.id",
    "SELECT t.id, n.body FROM notes n RIGHT JOIN tickets t ON n.ticket_id = t.id WHERE t.id < 40 ORDER BY t.id",
    "SELECT a.id, b.id AS other FROM tickets a CROSS JOIN tickets b WHERE a.id < 12 AND b.id < 12 ORDER BY a.id, b.id",
    "SELECT a.id, b.id AS other FROM tickets a, notes b WHERE a.id = b.ticket_id AND a.id < 50 ORDER BY a.id",
    "SELECT id, n.body FROM tickets t JOIN notes n USING (id) ORDER BY id",
    "SELECT a.id, b.title FROM tickets a JOIN tickets b ON b.id = a.id + 3 ORDER BY a.id",
    "SELECT a.id FROM tickets a JOIN notes n ON n.ticket_id = a.id JOIN tickets b ON b.id = n.id LEFT JOIN notes m ON m.id = b.id ORDER BY a.id",
    "SELECT company_id, COUNT(*) AS n, SUM(amount) AS s, MIN(title) AS a, MAX(id) AS b FROM tickets GROUP BY company_id",
    "SELECT id % 4 AS part, COUNT(*) AS n FROM tickets GROUP BY id % 4 ORDER BY id % 4",
    "SELECT n.ticket_id, COUNT(*) AS n FROM notes n GROUP BY n.ticket_id HAVING COUNT(*) > 0 ORDER BY n.ticket_id LIMIT 7",
    "SELECT t.company_id FROM tickets t GROUP BY t.company_id HAVING MAX(t.id) >= (SELECT MAX(n.ticket_id) FROM notes n)",
    "SELECT COUNT(DISTINCT t.company_id) AS companies, COUNT(t.id) AS n, AVG(t.id) AS mean FROM tickets t",
    "SELECT t.id, (SELECT COUNT(*) FROM notes n WHERE n.ticket_id = t.id) AS notes FROM tickets t ORDER BY t.id",
    "SELECT t.id, (SELECT MAX(n.body) FROM notes n WHERE n.ticket_id = t.id) AS body FROM tickets t ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.id = (SELECT MIN(n.ticket_id) FROM notes n WHERE n.id > 9)",
    "SELECT t.id FROM tickets t WHERE EXISTS (SELECT 1 FROM notes n WHERE n.ticket_id = t.id AND n.id > 100) ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE NOT EXISTS (SELECT 1 FROM notes n WHERE n.ticket_id = t.id AND n.id > 100) ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.id IN (SELECT n.ticket_id FROM notes n WHERE n.id < 60) ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.id NOT IN (SELECT n.ticket_id FROM notes n WHERE n.id < 60 AND n.ticket_id IS NOT NULL) ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.id IN (SELECT n.ticket_id FROM notes n GROUP BY n.ticket_id HAVING COUNT(*) = 1) ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.id IN (SELECT n.id FROM notes n UNION SELECT m.ticket_id FROM notes m) ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE (SELECT COUNT(*) FROM notes n WHERE n.ticket_id = t.id) > 0 ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.amount > (SELECT AVG(x.amount) FROM tickets x) AND t.id IN (SELECT n.ticket_id FROM notes n WHERE EXISTS (SELECT 1 FROM tickets y WHERE y.id = n.id)) ORDER BY t.id",
    "SELECT d.part, d.n FROM (SELECT id % 3 AS part, COUNT(*) AS n FROM tickets GROUP BY id % 3) AS d ORDER BY d.part",
    "SELECT MAX(e.n) AS most FROM (SELECT d.part, COUNT(*) AS n FROM (SELECT id % 5 AS part FROM tickets WHERE id > 9) AS d GROUP BY d.part) AS e",
    "SELECT t.id, c.n FROM tickets t LEFT JOIN (SELECT ticket_id, COUNT(*) AS n FROM notes GROUP BY ticket_id) AS c ON c.ticket_id = t.id ORDER BY t.id",
    "SELECT t.id FROM tickets t LEFT JOIN notes n ON n.ticket_id = t.id AND n.id < 99 WHERE n.id IS NULL ORDER BY t.id",
    "SELECT id FROM tickets WHERE id < 9 UNION SELECT ticket_id FROM notes WHERE id < 20 ORDER BY id",
    "SELECT id FROM tickets WHERE id < 9 UNION ALL SELECT ticket_id FROM notes WHERE id < 20 ORDER BY id LIMIT 4",
    "SELECT id FROM tickets EXCEPT SELECT ticket_id FROM notes WHERE id > 50 ORDER BY id",
    "SELECT id FROM tickets INTERSECT SELECT ticket_id FROM notes WHERE id > 50 ORDER BY id",
    "SELECT COUNT(*) AS n FROM (SELECT id FROM tickets UNION ALL SELECT id FROM notes) AS u",
    "SELECT u.kind, COUNT(*) AS n FROM (SELECT 'ticket' AS kind, id FROM tickets UNION ALL SELECT 'note' AS kind, id FROM notes) AS u GROUP BY u.kind ORDER BY u.kind",
    "WITH w AS (SELECT id FROM tickets UNION SELECT ticket_id FROM notes) SELECT COUNT(*) AS n FROM w",
    "WITH w AS (SELECT company_id, COUNT(*) AS n FROM tickets GROUP BY company_id) SELECT COUNT(*) AS n FROM w",
    "WITH w AS (SELECT id FROM tickets WHERE id < 30) SELECT a.id FROM w a JOIN w b ON b.id = a.id + 3 ORDER BY a.id",
    "WITH w AS (SELECT id, amount FROM tickets), v AS (SELECT id, amount FROM w WHERE amount > 50) SELECT COUNT(*) AS n, MAX(v.amount) AS most FROM v",
    "WITH w AS (SELECT ticket_id, COUNT(*) AS n FROM notes GROUP BY ticket_id) SELECT t.id, w.n FROM tickets t JOIN w ON w.ticket_id = t.id WHERE w.n = (SELECT MAX(n) FROM w) ORDER BY t.id",
    "WITH RECURSIVE w AS (SELECT id, title FROM tickets WHERE id = 1 UNION ALL SELECT t.id, t.title FROM tickets t JOIN w ON t.id = w.id + 3 WHERE t.id < 60) SELECT id, title FROM w ORDER BY id",
    "WITH RECURSIVE c AS (SELECT 1 AS k UNION ALL SELECT k + 1 FROM c WHERE k < 9) SELECT c.k, COUNT(t.id) AS n FROM c LEFT JOIN tickets t ON t.id % 9 = c.k GROUP BY c.k ORDER BY c.k",
    "SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS r, RANK() OVER (PARTITION BY company_id ORDER BY title) AS q FROM tickets ORDER BY id",
    "SELECT id, SUM(amount) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s, LAG(id, 1) OVER (ORDER BY id) AS b FROM tickets ORDER BY id",
    "SELECT id, COUNT(*) OVER w AS n FROM tickets WINDOW w AS (PARTITION BY company_id) ORDER BY id",
    "SELECT d.id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY company_id ORDER BY amount DESC, id) AS r FROM tickets) AS d WHERE d.r < 4 ORDER BY d.id",
    "SELECT company_id, SUM(COUNT(*)) OVER () AS n FROM tickets GROUP BY company_id",
    "SELECT id, CASE WHEN amount > 500 THEN 'much' WHEN amount IS NULL THEN 'none' ELSE 'little' END AS size, COALESCE(title, '-') AS title, NULLIF(id, 4) AS x FROM tickets ORDER BY id",
    "SELECT UPPER(title) AS a, SUBSTR(title, 1, 6) AS b, LENGTH(title) AS c, REPLACE(title, 'ticket', 't') AS d, TRIM(title) AS e FROM tickets ORDER BY id",
    "SELECT id, amount * 2 + 1 AS a, ABS(amount - 500) AS b, ROUND(amount / 7.0, 2) AS c FROM tickets ORDER BY amount * -1",
    "SELECT id, amount AS much FROM tickets ORDER BY much DESC LIMIT 5",
    "SELECT company_id, MAX(amount) AS most FROM tickets GROUP BY company_id ORDER BY MAX(amount) DESC",
    "SELECT (SELECT COUNT(*) FROM tickets) AS tickets, (SELECT COUNT(*) FROM notes) AS notes",
    "SELECT t.id FROM tickets t WHERE (t.id, t.company_id) IN (SELECT n.ticket_id, n.company_id FROM notes n) ORDER BY t.id",
    "SELECT t.id FROM tickets t JOIN (SELECT company_id, MAX(amount) AS most FROM tickets GROUP BY company_id) AS m ON m.company_id = t.company_id AND m.most = t.amount",
    "SELECT t.id, n.id AS note FROM tickets t JOIN notes n ON n.ticket_id = t.id AND n.id = (SELECT MAX(m.id) FROM notes m WHERE m.ticket_id = t.id) ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.title LIKE :like AND t.id IN (:ids) ORDER BY t.id",
];
/// What the servers have besides.
const SERVERS: &[&str] = &[
    "SELECT t.id FROM tickets t WHERE t.id = ANY (SELECT n.ticket_id FROM notes n WHERE n.id > 70) ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.amount >= ALL (SELECT x.amount FROM tickets x)",
    "SELECT t.id, EXTRACT(YEAR FROM t.moment) AS y, EXTRACT(DAY FROM moment) AS d FROM tickets t ORDER BY t.id",
    "SELECT t.id, TRIM(LEADING 't' FROM t.title) AS x, SUBSTRING(title FROM 2) AS y FROM tickets t ORDER BY t.id",
    "WITH a AS (SELECT t.id, MAX(t.moment) AS m FROM tickets t GROUP BY t.id) SELECT a.id, EXTRACT(YEAR FROM a.m) AS y FROM a ORDER BY a.id",
    "WITH a AS (SELECT t.id, MAX(t.title) AS m FROM tickets t GROUP BY t.id) SELECT a.id, TRIM(LEADING 't' FROM a.m) AS x, SUBSTRING(a.m FROM 2) AS y FROM a ORDER BY a.id",
    "SELECT t.id, t.id IN (SELECT n.ticket_id FROM notes n WHERE n.id > 40) AS x FROM tickets t ORDER BY t.id",
    "SELECT n.id, n.ticket_id IN (SELECT t.id FROM tickets t WHERE t.amount > 100) AS x FROM notes n ORDER BY n.id",
    "SELECT n.ticket_id FROM notes n GROUP BY n.ticket_id HAVING n.ticket_id NOT IN (SELECT t.id FROM tickets t WHERE t.amount > 100) ORDER BY n.ticket_id",
];

/// What an engine has alone.
fn own(data: &Data) -> &'static [&'static str] {
    match data {
        Data::Sqlite(_) => &[
            "SELECT GROUP_CONCAT(title, ', ') AS x FROM (SELECT title FROM tickets ORDER BY id LIMIT 3) AS d",
            "SELECT COUNT(*) FILTER (WHERE id > 90) AS n FROM tickets",
        ],
        Data::Postgres { .. } => &[
            "SELECT STRING_AGG(title, ', ' ORDER BY id) AS x FROM tickets WHERE id < 20",
            "SELECT COUNT(*) FILTER (WHERE id > 90) AS n FROM tickets",
            "SELECT DISTINCT ON (company_id) company_id, id FROM tickets ORDER BY company_id, id DESC",
            "SELECT company_id, COUNT(*) AS n FROM tickets GROUP BY ROLLUP (company_id) ORDER BY company_id",
            "SELECT t.id, d.n FROM tickets t CROSS JOIN LATERAL (SELECT COUNT(*) AS n FROM notes n WHERE n.ticket_id = t.id) AS d ORDER BY t.id",
            "SELECT t.id, v.word FROM tickets t JOIN (VALUES (1, 'one'), (4, 'four'), (5, 'five')) AS v (id, word) ON v.id = t.id ORDER BY t.id",
            "SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY amount) AS middle FROM tickets",
        ],
        Data::MySql { .. } => &[
            "SELECT GROUP_CONCAT(title ORDER BY id SEPARATOR ', ') AS x FROM tickets WHERE id < 20",
            "SELECT GROUP_CONCAT(DISTINCT company_id, '!') AS x FROM tickets WHERE id < 20",
            "SELECT company_id, COUNT(*) AS n FROM tickets GROUP BY company_id WITH ROLLUP",
            "SELECT id FROM tickets WHERE title REGEXP '^ticket [1-4]' ORDER BY id",
            "SELECT id, IF(amount > 500, 'much', 'little') AS size, IFNULL(title, '-') AS title, CONCAT(id, '-', title) AS c FROM tickets ORDER BY id",
            "SELECT id, title <=> NULL AS x, id DIV 4 AS d FROM tickets ORDER BY id",
        ],
    }
}

/// What fails on the rows that are hidden, and on those alone.
fn failing(data: &Data) -> &'static [&'static str] {
    match data {
        Data::Sqlite(_) => &[
            "ABS(CASE WHEN t.amount = 7 THEN -9223372036854775807 - 1 ELSE 1 END) > 0",
            "JSON_EXTRACT(CASE WHEN t.amount = 7 THEN '{' ELSE '1' END, '$') = 1",
        ],
        Data::Postgres { .. } => &[
            "100 / (t.amount - 7) < 1000",
            "CAST(CASE WHEN t.title = 'poison' THEN 'x' ELSE '1' END AS integer) = 1",
            "CHR(t.amount - 7) <> 'x'",
            "LN(t.amount) > 0",
            "t.amount = ANY (CAST(CASE WHEN t.title = 'poison' THEN '{' ELSE '{11}' END AS int4[]))",
            "t.wide > t.ratio",
            "t.wide IN (1.5, t.ratio)",
            "t.wide > :f",
            "COALESCE(t.wide, t.ratio) > 0",
            "COALESCE(t.due, t.moment) IS NULL",
            "COALESCE(t.due, CURRENT_TIMESTAMP) IS NULL",
            "EXISTS (SELECT 1 FROM (VALUES (t.due), (t.moment)) AS v (x) WHERE v.x IS NULL)",
            "EXISTS (SELECT 1 FROM (SELECT t.due AS d UNION ALL SELECT t.moment) AS v WHERE v.d IS NULL)",
            "t.id IN (SELECT x.id FROM tickets x JOIN (SELECT y.moment AS due FROM tickets y) AS z USING (due) WHERE due IS NULL)",
            "t.thing = t.big",
        ],
        Data::MySql { .. } => &[
            "ABS(CASE WHEN t.amount = 7 THEN -9223372036854775807 - 1 ELSE 1 END) > 0",
            "EXP(CASE WHEN t.amount = 7 THEN 9999 ELSE 1 END) > 0",
        ],
    }
}

/// Where that may stand.
const PLACES: &[&str] = &[
    "SELECT t.id FROM tickets t WHERE {} ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE t.id > 0 AND ({} OR t.id < 0) ORDER BY t.id",
    "SELECT n.id FROM notes n JOIN tickets t ON t.id = n.ticket_id AND {} ORDER BY n.id",
    "SELECT n.id, t.id AS ticket FROM notes n LEFT JOIN tickets t ON {} AND t.id = n.ticket_id ORDER BY n.id",
    "SELECT t.id, CASE WHEN {} THEN 1 ELSE 0 END AS x FROM tickets t ORDER BY t.id",
    "SELECT t.id FROM tickets t ORDER BY CASE WHEN {} THEN 1 ELSE 0 END, t.id LIMIT 5",
    "SELECT t.company_id, MAX(CASE WHEN {} THEN 1 ELSE 0 END) AS x FROM tickets t GROUP BY t.company_id",
    "SELECT COUNT(*) AS n FROM tickets t GROUP BY CASE WHEN {} THEN 1 ELSE 0 END ORDER BY COUNT(*)",
    "SELECT n.id FROM notes n WHERE EXISTS (SELECT 1 FROM tickets t WHERE {} AND t.id = n.ticket_id) ORDER BY n.id",
    "SELECT n.id FROM notes n WHERE n.ticket_id IN (SELECT t.id FROM tickets t WHERE {}) ORDER BY n.id",
    "SELECT d.id FROM (SELECT t.id FROM tickets t WHERE {}) AS d ORDER BY d.id",
    "WITH w AS (SELECT t.id FROM tickets t WHERE {}) SELECT COUNT(*) AS n FROM w",
    "SELECT t.id, COUNT(*) OVER (PARTITION BY CASE WHEN {} THEN 1 ELSE 0 END) AS n FROM tickets t ORDER BY t.id",
    "SELECT t.id FROM tickets t WHERE {} UNION ALL SELECT n.id FROM notes n ORDER BY id",
];

/// Two databases with the same rows of the company that is seen: in the first there are others too,
/// on which much fails.
async fn prepared(data: [&Data; 2]) {
    let [all, own] = data;
    for data in data {
        let double = match data {
            Data::Postgres { .. } => "float8",
            _ => "DOUBLE",
        };
        let wide = match data {
            Data::MySql { .. } => "DECIMAL(60, 2)",
            _ => "NUMERIC",
        };
        let (moment, thing) = match data {
            Data::Postgres { .. } => ("timestamptz", "oid"),
            _ => ("DATETIME", "BIGINT"),
        };
        for statement in [
            "DELETE FROM notes WHERE id > 1000".to_owned(),
            "ALTER TABLE tickets ADD COLUMN due DATE".to_owned(),
            format!("ALTER TABLE tickets ADD COLUMN moment {moment}"),
            format!("ALTER TABLE tickets ADD COLUMN thing {thing}"),
            "ALTER TABLE tickets ADD COLUMN big BIGINT".to_owned(),
            "UPDATE tickets SET due = '2026-01-02', moment = '2026-01-02 10:00:00', thing = 1, big = 1"
                .to_owned(),
            format!("ALTER TABLE tickets ADD COLUMN wide {wide}"),
            format!("ALTER TABLE tickets ADD COLUMN ratio {double}"),
            "UPDATE tickets SET amount = id * 5 + 10, wide = 1.5, ratio = 0.5".to_owned(),
            "CREATE INDEX by_amount ON tickets (amount)".to_owned(),
            "CREATE INDEX by_company ON tickets (company_id)".to_owned(),
        ] {
            data.execute(&statement).await;
        }
    }
    all.execute("UPDATE tickets SET amount = 7, title = 'poison' WHERE company_id = 1")
        .await;
    all.execute(
        "UPDATE tickets SET amount = -5, title = '{\"password\": \"x\"}' WHERE company_id = 3",
    )
    .await;
    if let Data::Postgres { .. } = all {
        all.execute(
            "UPDATE tickets SET wide = CAST('1e400' AS numeric), due = '294277-01-01', \
             big = 1099511627776 WHERE company_id = 1",
        )
        .await;
    }
    own.execute("DELETE FROM notes WHERE company_id <> 2").await;
    own.execute("DELETE FROM tickets WHERE company_id <> 2")
        .await;
}

fn file(statements: &[String]) -> String {
    let tools = statements.iter().enumerate().map(|(at, sql)| {
        let mut params = String::new();
        for (name, declared) in [
            (":like", "like = { type = \"text\", description = \"x\", default = \"ticket 1%\" }"),
            (":ids", "ids = { type = \"integer[]\", description = \"x\", default = [1, 10, 13, 14] }"),
            (":f", "f = { type = \"float\", description = \"x\", default = 0.5 }"),
        ] {
            if sql.split(|letter: char| !(letter.is_alphanumeric() || letter == ':')).any(|it| it == name) {
                params += &format!("{declared}\n");
            }
        }
        format!("[[tool]]\nname = \"t{at}\"\ndescription = \"x\"\nsql = '''{sql}'''\n[tool.params]\n{params}\n")
    });
    tools.collect()
}

/// What becomes of each tool, with what is known of a failure.
async fn answers(running: &Running, secret: &str, count: usize) -> Vec<Result<Value, String>> {
    let service = &running.service;
    let policy = service
        .access()
        .policy(&Credential::of(secret))
        .unwrap()
        .clone();
    let mut answers = Vec::new();
    for at in 0..count {
        let name = format!("t{at}");
        let trial = Trial::new(service, None, (Ipv4Addr::LOCALHOST.into(), "test"));
        let answer = trial.call(&policy, (&name, "{}"), &[]).await;
        answers.push(match answer {
            Ok(text) => Ok(serde_json::from_str(&text).unwrap()),
            Err(refused) => Err(format!("{}: {:?}", refused.error, refused.cause)),
        });
    }
    answers
}

async fn alike(data: [&Data; 2], statements: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tools.toml");
    std::fs::write(&path, file(statements)).unwrap();
    let running = start(&[("MCP_TOOLS_FILE", &path.display().to_string())]).await;
    let mut told = Vec::new();
    for (name, data, rules) in [("all", data[0], &RULES[..]), ("own", data[1], &[])] {
        let tenant = running.tenant(name, &data.url(), rules).await;
        let scopes = vec!["tools".to_owned()];
        let new = NewToken {
            scopes,
            ..token("t")
        };
        let (_, secret) = running.token(&tenant, new).await;
        told.push(answers(&running, &secret, statements.len()).await);
    }
    let [ruled, plain] = &told[..] else { panic!() };
    let mut wrong = Vec::new();
    for ((sql, ruled), plain) in statements.iter().zip(ruled).zip(plain) {
        if ruled != plain || plain.is_err() {
            wrong.push(format!(
                "{sql}\n  behind rules: {ruled:?}\n  without: {plain:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}: {} of {}\n{}",
        data[0].url(),
        wrong.len(),
        statements.len(),
        wrong.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operators_write_is_answered_behind_row_rules() {
    for (all, own_rows) in Data::each().await.iter().zip(Data::each().await.iter()) {
        prepared([all, own_rows]).await;
        let mut statements = EVERY.to_vec();
        if !matches!(all, Data::Sqlite(_)) {
            statements.extend(SERVERS);
        }
        statements.extend(own(all));
        let statements: Vec<String> = statements.iter().map(|&it| it.to_owned()).collect();
        alike([all, own_rows], &statements).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_on_hidden_rows_fails_for_nobody() {
    for (all, own_rows) in Data::each().await.iter().zip(Data::each().await.iter()) {
        prepared([all, own_rows]).await;
        for test in failing(all) {
            let statements: Vec<String> = PLACES.iter().map(|it| it.replace("{}", test)).collect();
            alike([all, own_rows], &statements).await;
        }
    }
}
