//! What an engine's own client reads, and how it is written in JSON: all of it by these tests
//! themselves, as `docs/engines.md` has it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::types::ValueRef;
use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection, PgConnection, Row as _};

use crate::engines::Engine;

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Integer,
    Decimal,
    Float,
    Float32,
    Boolean,
    Bits,
    Text,
    Enum,
    Set,
    Uuid,
    Address,
    Date,
    Time,
    DateTime,
    Timestamp,
    Json,
    Bytes,
    /// By what the engine itself makes of it as JSON.
    Own,
    /// Whatever a value is (SQLite).
    Any,
}

impl Form {
    /// Whether a value can be compared with the column's.
    pub(crate) fn is_compared(self) -> bool {
        !matches!(self, Self::Json | Self::Bytes | Self::Own)
    }

    /// Whether the text that a value is served as may be refused by a filter.
    pub(crate) fn may_refuse(self, value: &str) -> bool {
        let quoted = value.starts_with('"');
        // Text that is no date, which SQLite keeps, and the ends of time.
        let is_none = quoted && !value[1..].starts_with(|first: char| first.is_ascii_digit());
        match self {
            Self::Integer | Self::Bits => quoted || value.contains(['.', 'e']),
            Self::Decimal | Self::Float | Self::Float32 => quoted,
            Self::Boolean => !matches!(value, "true" | "false"),
            // What a refused value leaves behind.
            Self::Enum => value == "\"\"",
            Self::Text => value.contains("\\u0000") || !quoted,
            Self::Any => value.contains("\\u0000"),
            Self::Set => false,
            Self::Uuid | Self::Address => false,
            // Years before the first, days that are none, hours beyond a day.
            Self::Date | Self::DateTime | Self::Timestamp => {
                let day: Vec<&str> = value.trim_matches('"').split(['T', '-']).take(3).collect();
                is_none || value.contains("BC") || day.contains(&"00")
            }
            Self::Time => {
                is_none
                    || value.starts_with("\"-")
                    || value.contains("24:")
                    || value.contains("838:")
            }
            Self::Json | Self::Bytes | Self::Own => true,
        }
    }

    /// The form of a column by the type that it was declared with.
    pub(crate) fn of(engine: &str, declared: &str, model: &str) -> Self {
        match engine {
            // A union does not keep the width, by which a boolean is known, nor what a text may be.
            "mysql" if declared == "TINYINT(1)" && model.starts_with("twice_") => Self::Integer,
            "mysql" if model.starts_with("twice_") => match Self::of_mysql(declared) {
                Self::Enum | Self::Set => Self::Text,
                form => form,
            },
            "postgres" => Self::of_postgres(declared),
            "mysql" => Self::of_mysql(declared),
            _ => Self::of_sqlite(declared),
        }
    }

    fn of_sqlite(declared: &str) -> Self {
        let declared = declared.split(" COLLATE").next().unwrap();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        match declared {
            "JSON" | "JSONB" => Self::Json,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "DATETIME" | "TIMESTAMP" => Self::DateTime,
            _ if has(&["BOOL"]) => Self::Boolean,
            _ if has(&["INT"]) => Self::Integer,
            _ if has(&["CHAR", "TEXT", "UUID"]) => Self::Text,
            _ if has(&["BLOB", "BINARY"]) => Self::Bytes,
            _ if has(&["REAL", "FLOA", "DOUB"]) => Self::Float,
            _ if has(&["DECIMAL", "NUMERIC", "NUMBER", "MONEY"]) => Self::Decimal,
            _ => Self::Any,
        }
    }

    fn of_postgres(declared: &str) -> Self {
        if declared.ends_with("[]") {
            return Self::Own;
        }
        let base = declared.split([' ', '(']).next().unwrap();
        match base {
            "int" | "bigint" | "smallint" | "positive" => Self::Integer,
            "numeric" => Self::Decimal,
            "float8" => Self::Float,
            "float4" => Self::Float32,
            "boolean" => Self::Boolean,
            "text" | "varchar" | "char" | "bpchar" | "citext" | "name" | "folded_text" => {
                Self::Text
            }
            "mood" | "feeling" => Self::Enum,
            "uuid" => Self::Uuid,
            "inet" | "cidr" => Self::Address,
            "date" => Self::Date,
            "time" => Self::Time,
            "timestamp" => Self::DateTime,
            "timestamptz" => Self::Timestamp,
            "bytea" => Self::Bytes,
            "json" | "jsonb" => Self::Json,
            _ => Self::Own,
        }
    }

    fn of_mysql(declared: &str) -> Self {
        let base = declared.split([' ', '(']).next().unwrap();
        match base {
            "TINYINT" if declared == "TINYINT(1)" => Self::Boolean,
            "BIT" if declared == "BIT(1)" => Self::Boolean,
            "INT" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "BIGINT" | "YEAR" => Self::Integer,
            "BIT" => Self::Bits,
            "DECIMAL" => Self::Decimal,
            "DOUBLE" => Self::Float,
            "FLOAT" => Self::Float32,
            "ENUM" => Self::Enum,
            "SET" => Self::Set,
            "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" => Self::Bytes,
            "JSON" => Self::Json,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "DATETIME" => Self::DateTime,
            "TIMESTAMP" => Self::Timestamp,
            "UUID" => Self::Uuid,
            "INET4" | "INET6" => Self::Address,
            _ => Self::Text,
        }
    }
}

/// A session of one's own.
pub(crate) enum Client {
    Sqlite(rusqlite::Connection),
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

impl Client {
    pub(crate) async fn of(engine: &Engine) -> Self {
        match engine.name {
            "postgres" => {
                let mut session = engine.postgres_connection().await;
                session.execute("SET timezone = 'UTC'").await.unwrap();
                Self::Postgres(session)
            }
            "mysql" => {
                let mut session = engine.mysql_connection().await;
                let settings = "SET sql_mode = '', time_zone = '+00:00', max_sort_length = 8192";
                session.execute(settings).await.unwrap();
                Self::MySql(session)
            }
            _ => Self::Sqlite(rusqlite::Connection::open(engine.served.path()).unwrap()),
        }
    }

    /// Runs a statement that changes something; what a key refuses is no matter.
    pub(crate) async fn write(&mut self, sql: String) {
        match self {
            Self::Sqlite(session) => {
                session
                    .execute(&sql, [])
                    .unwrap_or_else(|it| panic!("{sql}: {it}"));
            }
            Self::Postgres(session) => {
                session.execute(AssertSqlSafe(sql)).await.unwrap();
            }
            Self::MySql(session) => {
                session.execute(AssertSqlSafe(sql)).await.unwrap();
            }
        }
    }

    /// Expressions of each row, in JSON by their forms.
    pub(crate) async fn read(
        &mut self,
        columns: &[(String, Form)],
        rest: &str,
    ) -> Vec<Vec<String>> {
        let expressions: Vec<String> = columns
            .iter()
            .map(|(expression, form)| match self {
                Self::Sqlite(_) => expression.clone(),
                Self::Postgres(_) => postgres_text(expression, *form),
                Self::MySql(_) => mysql_text(expression, *form),
            })
            .collect();
        let sql = format!("SELECT {} {rest}", expressions.join(", "));
        let forms: Vec<Form> = columns.iter().map(|column| column.1).collect();
        match self {
            Self::Sqlite(session) => sqlite_rows(session, &sql, &forms),
            Self::Postgres(session) => {
                let rows = sqlx::query(AssertSqlSafe(sql.clone()))
                    .fetch_all(session)
                    .await;
                let rows = rows.unwrap_or_else(|it| panic!("{sql}: {it}"));
                let each = rows.iter().map(|row| {
                    let cells = forms.iter().enumerate();
                    cells
                        .map(|(at, form)| postgres_json(row.get(at), *form))
                        .collect()
                });
                each.collect()
            }
            Self::MySql(session) => {
                let rows = sqlx::query(AssertSqlSafe(sql.clone()))
                    .fetch_all(session)
                    .await;
                let rows = rows.unwrap_or_else(|it| panic!("{sql}: {it}"));
                let each = rows.iter().map(|row| {
                    let cells = forms.iter().enumerate();
                    cells
                        .map(|(at, form)| mysql_json(row.get(at), *form))
                        .collect()
                });
                each.collect()
            }
        }
    }
}

fn sqlite_rows(session: &rusqlite::Connection, sql: &str, forms: &[Form]) -> Vec<Vec<String>> {
    let mut statement = session
        .prepare(sql)
        .unwrap_or_else(|it| panic!("{sql}: {it}"));
    let mut rows = statement.query([]).unwrap();
    let mut read = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells = forms.iter().enumerate();
        read.push(
            cells
                .map(|(at, form)| sqlite_json(row.get_ref(at).unwrap(), *form))
                .collect(),
        );
    }
    read
}

fn sqlite_json(value: ValueRef<'_>, form: Form) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number @ (0 | 1)) if form == Form::Boolean => (number == 1).to_string(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => float(number),
        ValueRef::Blob(bytes) => quoted(&BASE64_STANDARD.encode(bytes)),
        ValueRef::Text(bytes) => {
            let text = String::from_utf8_lossy(bytes);
            let is_document = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            match form {
                Form::Json if is_document => text.into_owned(),
                // What is hidden in it could not be taken out.
                Form::Json if may_be_document(&text) => quoted("[withheld]"),
                Form::Date | Form::DateTime if text.len() > 15 && text.starts_with("20") => {
                    quoted(&text.replacen(' ', "T", 1))
                }
                _ => quoted(&text),
            }
        }
    }
}

/// Whether a text looks like a document.
pub(crate) fn may_be_document(text: &str) -> bool {
    text.starts_with(['{', '[', '"', ' ', '\t', '\n', '\r', '\u{feff}'])
        && (text.contains('\\') || text.contains('{') && text.contains(':'))
}

fn float(number: f64) -> String {
    match number.is_finite() {
        true => signed(&format!("{number:?}")),
        false if number.is_nan() => quoted("NaN"),
        false => quoted(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }),
    }
}

/// A number whose exponent says its sign.
fn signed(number: &str) -> String {
    match number.contains("e-") {
        true => number.to_owned(),
        false => number.replace('e', "e+"),
    }
}

fn float32(text: &str) -> String {
    let number = text.parse::<f64>().unwrap() as f32;
    match number.is_finite() {
        true => signed(&format!("{number:?}")),
        false => float(number.into()),
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// The text that the type's own output makes, which a cast to text is not always.
fn postgres_text(expression: &str, form: Form) -> String {
    match form {
        Form::Own => format!("to_json({expression})::text"),
        Form::Boolean | Form::Enum | Form::Date => format!("({expression})::text"),
        _ => format!("CASE WHEN ({expression}) IS NOT NULL THEN format('%s', {expression}) END"),
    }
}

fn postgres_json(text: Option<String>, form: Form) -> String {
    let Some(text) = text else {
        return "null".to_owned();
    };
    match form {
        Form::Decimal if text.ends_with(char::is_alphabetic) => quoted(&text),
        Form::Integer | Form::Decimal | Form::Boolean | Form::Json | Form::Own => text,
        Form::Float => float(text.parse().unwrap()),
        Form::Float32 => float32(&text),
        Form::DateTime => quoted(&text.replacen(' ', "T", 1)),
        Form::Timestamp => {
            let text = text.replacen(' ', "T", 1);
            quoted(&match text.strip_suffix("+00") {
                Some(local) => format!("{local}+00:00"),
                None => text,
            })
        }
        Form::Bytes => {
            let digits = text.strip_prefix("\\x").unwrap();
            quoted(&BASE64_STANDARD.encode(unhex(digits)))
        }
        _ => quoted(&text),
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn mysql_text(expression: &str, form: Form) -> String {
    match form {
        Form::Bytes => format!("HEX({expression})"),
        Form::Bits => format!("CAST({expression} + 0 AS CHAR)"),
        Form::Boolean => format!("CAST({expression} + 0 AS CHAR)"),
        // The text of a narrow fraction has six digits.
        Form::Float32 => format!("CAST(CAST({expression} AS DOUBLE) AS CHAR)"),
        _ => format!("CAST({expression} AS CHAR)"),
    }
}

fn mysql_json(text: Option<String>, form: Form) -> String {
    let Some(text) = text else {
        return "null".to_owned();
    };
    let trimmed = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    match form {
        Form::Integer | Form::Bits => text.parse::<i128>().unwrap().to_string(),
        Form::Boolean if matches!(&*text, "0" | "1") => (text == "1").to_string(),
        Form::Decimal => match text.trim_start_matches('0') {
            fraction if fraction.starts_with('.') => format!("0{fraction}"),
            "" => "0".to_owned(),
            digits => digits.to_owned(),
        },
        Form::Boolean | Form::Json => text,
        Form::Float => float(text.parse().unwrap()),
        Form::Float32 => float32(&text),
        Form::Bytes => quoted(&BASE64_STANDARD.encode(unhex(&text))),
        Form::Time => quoted(trimmed),
        Form::DateTime => quoted(&trimmed.replacen(' ', "T", 1)),
        Form::Timestamp => quoted(&format!("{}Z", trimmed.replacen(' ', "T", 1))),
        _ => quoted(&text),
    }
}
