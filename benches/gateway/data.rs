//! The rows that are read, by a formula that SQL and this program share, so that every answer can
//! be checked.

use std::io::Write as _;

use chrono::{TimeDelta, TimeZone as _, Utc};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Users that tickets belong to; a prime, so that a user's tickets have every status.
pub(crate) const USERS: u64 = 997;
/// Changes with the formula, so that databases of another one are not taken for it.
pub(crate) const VERSION: u32 = 3;

const STATUSES: [&str; 4] = ["open", "pending", "solved", "closed"];
const PRIORITIES: [&str; 3] = ["low", "normal", "high"];
const TITLE: &str = ": cannot sign in on the \"Zürich\" site";
const DESCRIPTION: &str = "Since the update of last night the page answers with an error.\n\
    It happens in every browser, and only for members of the team «Support».\n\
    What we tried: another password, another machine. Case ";

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
    Mysql,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
            Self::Mysql => "mysql",
        }
    }
}

/// The columns of a ticket, in the order of the table.
pub(crate) const COLUMNS: &str = "id, title, description, status, priority, user_id, assignee_id, \
    amount, is_escalated, created_at, updated_at";

/// The status of a ticket.
pub(crate) fn status(id: u64) -> &'static str {
    STATUSES[(id % 4) as usize]
}

/// Its user.
pub(crate) fn user(id: u64) -> u64 {
    1 + id % USERS
}

/// Its amount in cents, of which the last digit is never 0: every engine writes it alike.
pub(crate) fn cents(id: u64) -> u64 {
    (id * 37 % 10_000) * 100 + (id % 10) * 10 + 1 + id % 9
}

fn priority(id: u64) -> Option<&'static str> {
    (!id.is_multiple_of(10)).then(|| PRIORITIES[(id % 3) as usize])
}

fn assignee(id: u64) -> Option<u64> {
    (!id.is_multiple_of(7)).then(|| 1 + id % 50)
}

/// Writes a ticket as the service must.
pub(crate) fn record(out: &mut Vec<u8>, id: u64) {
    let moment = |seconds: u64| {
        let at = Utc.timestamp_opt(1_735_689_600, 0).earliest();
        let at = at.unwrap_or_default() + TimeDelta::seconds(seconds as i64);
        at.format("%Y-%m-%dT%H:%M:%S").to_string()
    };
    let text = |text: Option<&str>| text.map_or("null".to_owned(), |text| format!("\"{text}\""));
    let cents = cents(id);
    let (title, description) = (escaped(TITLE), escaped(DESCRIPTION));
    // Writing into memory cannot fail.
    let _ = write!(
        out,
        "{{\"id\":{id},\"title\":\"Request {id:08}{title}\",\
         \"description\":\"{description}{:08}.\",\"status\":\"{}\",\"priority\":{},\
         \"user_id\":{},\"assignee_id\":{},\"amount\":{}.{:02},\"is_escalated\":{},\
         \"created_at\":\"{}\",\"updated_at\":\"{}\"}}",
        id * 7919 % 100_000_000,
        status(id),
        text(priority(id)),
        user(id),
        assignee(id).map_or("null".to_owned(), |id| id.to_string()),
        cents / 100,
        cents % 100,
        id.is_multiple_of(20),
        moment(id * 37),
        moment(id * 37 + id % 1000 * 60),
    );
}

/// Writes its id and its title, and what its user is reached by where that is wanted.
pub(crate) fn excerpt(out: &mut Vec<u8>, id: u64, related: bool) {
    // As above.
    let _ = write!(
        out,
        "{{\"id\":{id},\"title\":\"Request {id:08}{}\"",
        escaped(TITLE)
    );
    if related {
        let _ = write!(out, ",\"user.email\":\"user{}@example.com\"", user(id));
    }
    out.push(b'}');
}

/// How long that is, without writing it.
pub(crate) fn record_length(id: u64) -> usize {
    const FIXED: usize = 444;
    let quoted = |text: Option<&str>| text.map_or(4, |text| text.len() + 2);
    FIXED
        + digits(id)
        + status(id).len()
        + quoted(priority(id))
        + digits(user(id))
        + assignee(id).map_or(4, digits)
        + digits(cents(id) / 100)
        + if id.is_multiple_of(20) { 4 } else { 5 }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

fn escaped(text: &str) -> String {
    text.replace('"', "\\\"").replace('\n', "\\n")
}

/// The statements that make the tables, to be run one after the other.
pub(crate) fn script(engine: Engine, rows: u64) -> Vec<String> {
    let (big, moment, boolean, text, short) = match engine {
        Engine::Postgres => ("bigint", "timestamp", "boolean", "text", "varchar(20)"),
        Engine::Sqlite => ("INTEGER", "DATETIME", "BOOLEAN", "TEXT", "VARCHAR(20)"),
        Engine::Mysql => (
            "BIGINT",
            "DATETIME",
            "BOOLEAN",
            "VARCHAR(400)",
            "VARCHAR(20)",
        ),
    };
    let users = format!(
        "CREATE TABLE users (id {big} PRIMARY KEY, email {text} NOT NULL, first_name {short} NOT \
         NULL, last_name {short} NOT NULL, role {short} NOT NULL, created_at {moment} NOT NULL)"
    );
    let tickets = format!(
        "CREATE TABLE tickets (id {big} PRIMARY KEY, title {text} NOT NULL, description {text} NOT \
         NULL, status {short} NOT NULL, priority {short}, user_id {big} NOT NULL \
         REFERENCES users (id), assignee_id {big}, amount decimal(10, 2) NOT NULL, is_escalated {boolean} NOT NULL, created_at \
         {moment} NOT NULL, updated_at {moment} NOT NULL)"
    );
    let at = |seconds: &str| match engine {
        Engine::Postgres => format!("timestamp '2025-01-01' + interval '1 second' * {seconds}"),
        Engine::Sqlite => {
            format!("strftime('%Y-%m-%d %H:%M:%S', 1735689600 + {seconds}, 'unixepoch')")
        }
        Engine::Mysql => format!("'2025-01-01' + INTERVAL {seconds} SECOND"),
    };
    let padded = |number: &str| match engine {
        Engine::Postgres => format!("lpad(({number})::text, 8, '0')"),
        Engine::Sqlite => format!("printf('%08d', {number})"),
        Engine::Mysql => format!("lpad({number}, 8, '0')"),
    };
    let series = |to: u64| match engine {
        Engine::Postgres => format!("FROM generate_series(1::bigint, {to}) AS s(id)"),
        Engine::Sqlite => format!(
            "FROM (WITH RECURSIVE s(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM s WHERE id < \
             {to}) SELECT id FROM s)"
        ),
        Engine::Mysql => format!("FROM (SELECT seq AS id FROM seq_1_to_{to}) AS s"),
    };
    let joined = |parts: &[&str]| match engine {
        Engine::Mysql => format!("concat({})", parts.join(", ")),
        _ => parts.join(" || "),
    };
    let name = |first: &str| joined(&[first, "id"]);
    let fill_users = format!(
        "INSERT INTO users SELECT id, {}, {}, {}, 'customer', {} {}",
        joined(&["'user'", "id", "'@example.com'"]),
        name("'First'"),
        name("'Last'"),
        at("id * 60"),
        series(USERS)
    );
    let literal = |text: &str| match engine {
        Engine::Postgres | Engine::Sqlite => format!("'{text}'"),
        Engine::Mysql => format!("'{}'", text.replace('\n', "\\n")),
    };
    let cents = "((id * 37 % 10000) * 100 + (id % 10) * 10 + 1 + id % 9)";
    let escalated = match engine {
        Engine::Postgres => "id % 20 = 0",
        _ => "CASE WHEN id % 20 = 0 THEN 1 ELSE 0 END",
    };
    let fill_tickets = format!(
        "INSERT INTO tickets SELECT id, {}, {}, CASE id % 4 WHEN 0 THEN 'open' WHEN 1 THEN \
         'pending' WHEN 2 THEN 'solved' ELSE 'closed' END, CASE WHEN id % 10 = 0 THEN NULL WHEN id \
         % 3 = 0 THEN 'low' WHEN id % 3 = 1 THEN 'normal' ELSE 'high' END, 1 + id % {USERS}, CASE \
         WHEN id % 7 = 0 THEN NULL ELSE 1 + id % 50 END, {cents} / 100.0, {escalated}, {}, {} {}",
        joined(&["'Request '", &padded("id"), &literal(TITLE)]),
        joined(&[
            &literal(DESCRIPTION),
            &padded("id * 7919 % 100000000"),
            "'.'"
        ]),
        at("id * 37"),
        at("(id * 37 + id % 1000 * 60)"),
        series(rows)
    );
    let mut script = vec![users, tickets, fill_users, fill_tickets];
    script.push("CREATE INDEX tickets_status_id ON tickets (status, id)".to_owned());
    script.push("CREATE INDEX tickets_user_id ON tickets (user_id)".to_owned());
    script
}
