//! Tables made from a seed: columns of any type, few values, so that rows are alike or nearly so.

use fastrand::Rng;

use crate::engines::Engine;
use crate::support::Served;

/// A type of column, and literals of its values.
struct Kind {
    declared: &'static str,
    /// Whether it may be in a primary key.
    keyed: bool,
    values: &'static [&'static str],
}

const fn kind(declared: &'static str, keyed: bool, values: &'static [&'static str]) -> Kind {
    Kind {
        declared,
        keyed,
        values,
    }
}

/// SQLite keeps any value in any column.
const ANY: &[&str] = &[
    "0",
    "1",
    "1.0",
    "-0.0",
    "2",
    "0.5",
    "9e999",
    "-9e999",
    "9007199254740993",
    "9007199254740992.0",
    "9223372036854775807",
    "''",
    "'a'",
    "'A'",
    "'a '",
    "'é'",
    "'1'",
    "'1.0'",
    "x''",
    "x'61'",
    "'a' || char(0) || 'b'",
    "'a' || char(0) || 'c'",
    "CAST(x'61ff' AS TEXT)",
    "'{\"a\":1}'",
    "'{\"a\": 1}'",
    "'2026-01-31'",
    "'2026-01-31 10:00:00'",
    "'2026-01-31T10:00:00'",
];

const SQLITE: &[Kind] = &[
    // As a key alone it would be the row id, which takes whole numbers only.
    kind("INTEGER", false, ANY),
    kind("INT", true, ANY),
    kind("TEXT", true, ANY),
    kind("TEXT COLLATE NOCASE", true, ANY),
    kind("TEXT COLLATE RTRIM", true, ANY),
    kind("REAL", true, ANY),
    kind("NUMERIC", true, ANY),
    kind("DECIMAL(6,2)", true, ANY),
    kind("BOOLEAN", true, ANY),
    kind("DATE", true, ANY),
    kind("DATETIME", true, ANY),
    kind("BLOB", true, ANY),
    kind("JSON", false, ANY),
    kind("", true, ANY),
];

const POSTGRES: &[Kind] = &[
    kind("int", true, &["1", "2", "-1"]),
    kind("bigint", true, &["1", "9223372036854775807"]),
    kind(
        "numeric",
        true,
        &["'1.0'", "'1.00'", "'1'", "'NaN'", "'-0.0'", "'0'", "'1e20'"],
    ),
    kind("numeric(6,2)", true, &["1", "1.5", "-1"]),
    kind(
        "float8",
        true,
        &["'-0'", "'0'", "'NaN'", "'Infinity'", "'-Infinity'", "'0.1'"],
    ),
    kind(
        "float4",
        true,
        &["'-0'", "'0'", "'NaN'", "'0.1'", "'16777216'"],
    ),
    kind("boolean", true, &["true", "false"]),
    kind("text", true, &["''", "'a'", "'A'", "'a '", "'é'", "'1'"]),
    kind(
        "text COLLATE folded",
        true,
        &["''", "'a'", "'A'", "'á'", "'b'"],
    ),
    kind("varchar(4)", true, &["''", "'a'", "'A'", "'a '"]),
    kind("char(3)", true, &["''", "'a'", "'A'", "'a '"]),
    kind("bpchar", true, &["''", "'a'", "'a '", "'a  '"]),
    kind("citext", true, &["''", "'a'", "'A'", "'b'"]),
    kind("name", true, &["'a'", "'A'"]),
    kind("mood", true, &["'sad'", "'ok'", "''"]),
    kind(
        "uuid",
        true,
        &[
            "'00000000-0000-0000-0000-000000000001'",
            "'ffffffff-0000-0000-0000-000000000001'",
        ],
    ),
    kind(
        "date",
        true,
        &["'2026-01-31'", "'infinity'", "'-infinity'", "'0099-01-01'"],
    ),
    kind("time", true, &["'10:00'", "'10:00:00.5'", "'24:00'"]),
    kind("timetz", true, &["'10:00+00'", "'12:00+02'", "'11:00+00'"]),
    kind(
        "timestamp",
        true,
        &[
            "'2026-01-31 10:00'",
            "'infinity'",
            "'2026-01-31 10:00:00.000001'",
        ],
    ),
    kind(
        "timestamptz",
        true,
        &[
            "'2026-01-31 10:00+00'",
            "'-infinity'",
            "'2026-01-31 10:00:00.25+00'",
        ],
    ),
    kind(
        "interval",
        true,
        &["'1 day'", "'24:00:00'", "'1 mon'", "'30 days'"],
    ),
    kind("inet", true, &["'10.0.0.1'", "'10.0.0.1/8'", "'::1'"]),
    kind("cidr", true, &["'10.0.0.0/8'", "'10.0.0.0/16'"]),
    kind("bytea", true, &["''", "'\\x61'", "'\\x6100'"]),
    kind("money", true, &["'1'", "'1.5'"]),
    kind("bit(3)", true, &["'101'", "'001'"]),
    kind(
        "int[]",
        true,
        &["'{1,2}'", "'{}'", "'[0:1]={1,2}'", "'{NULL}'"],
    ),
    kind("numeric[]", true, &["'{1.0}'", "'{1.00}'"]),
    kind("int4range", true, &["'[1,3)'", "'empty'"]),
    kind(
        "json",
        false,
        &["'{\"a\":1}'", "'{\"a\": 1}'", "'null'", "'[1]'"],
    ),
    kind(
        "jsonb",
        true,
        &["'{\"a\":1}'", "'{\"a\":1.0}'", "'null'", "'[1]'"],
    ),
    kind("xml", false, &["'<a/>'", "'<a></a>'"]),
    kind("point", false, &["'(1,2)'", "'(1,-0)'"]),
];

const MYSQL: &[Kind] = &[
    kind("INT", true, &["1", "2", "-1"]),
    kind("BIGINT UNSIGNED", true, &["1", "18446744073709551615"]),
    kind("TINYINT(1)", true, &["0", "1", "2"]),
    kind("DECIMAL(6,2)", true, &["1", "1.5", "-1", "0"]),
    kind("DOUBLE", true, &["0e0", "-0e0", "0.1", "1e300"]),
    kind("FLOAT", true, &["0e0", "-0e0", "0.1", "16777216"]),
    kind(
        "VARCHAR(9)",
        true,
        &["''", "'a'", "'A'", "'a '", "'á'", "'é'", "'1'"],
    ),
    kind(
        "VARCHAR(9) COLLATE utf8mb4_bin",
        true,
        &["''", "'a'", "'A'", "'a '"],
    ),
    kind(
        "VARCHAR(9) CHARACTER SET latin1",
        true,
        &["''", "'a'", "'A'", "'é'"],
    ),
    kind("CHAR(3)", true, &["''", "'a'", "'A'"]),
    kind(
        "TEXT",
        false,
        &[
            "''",
            "'a'",
            "'A'",
            "REPEAT('é', 600)",
            "CONCAT(REPEAT('é', 600), 'x')",
        ],
    ),
    kind(
        "LONGTEXT",
        false,
        &[
            "''",
            "'a'",
            "REPEAT('a', 1100)",
            "CONCAT(REPEAT('a', 1100), 'b')",
        ],
    ),
    kind("ENUM('x','','y')", true, &["'x'", "''", "'y'", "'wrong'"]),
    kind("ENUM('b','a')", true, &["'a'", "'b'", "'wrong'"]),
    kind("SET('b','a')", true, &["'a'", "'b'", "'a,b'", "''"]),
    kind("VARBINARY(5)", true, &["''", "'a'", "0x6100", "'A'"]),
    kind("BINARY(2)", true, &["'a'", "'A'"]),
    kind("BLOB", false, &["''", "'a'", "'A'", "0xff"]),
    kind(
        "JSON",
        false,
        &["'{\"a\":1}'", "'{\"a\": 1}'", "'null'", "'[1]'"],
    ),
    kind(
        "DATE",
        true,
        &["'2026-01-31'", "'0000-00-00'", "'2026-00-01'"],
    ),
    kind(
        "DATETIME(3)",
        true,
        &[
            "'2026-01-31 10:00:00'",
            "'2026-01-31 10:00:00.25'",
            "'0000-00-00'",
        ],
    ),
    kind(
        "TIMESTAMP NULL",
        true,
        &["'2026-01-31 10:00:00'", "'2026-01-31 10:00:01'"],
    ),
    kind(
        "TIME(1)",
        true,
        &["'10:00:00'", "'-10:00:00'", "'838:59:59'", "'-00:00:00.5'"],
    ),
    kind("YEAR", true, &["0", "1999", "2026"]),
    kind("BIT(3)", true, &["b'101'", "b'001'"]),
    kind(
        "UUID",
        true,
        &[
            "'00000000-0000-0000-0000-000000000001'",
            "'ffffffff-0000-0000-0000-000000000001'",
        ],
    ),
    kind("INET6", true, &["'::1'", "'10.0.0.1'"]),
];

/// Statements before the tables.
fn preparation(engine: &str) -> Vec<String> {
    let statements: &[&str] = match engine {
        "postgres" => &[
            "CREATE EXTENSION citext",
            "CREATE TYPE mood AS ENUM ('sad', 'ok', '')",
            "CREATE COLLATION folded \
             (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
        ],
        "mysql" => &["SET sql_mode = ''"],
        _ => &[],
    };
    statements.iter().map(ToString::to_string).collect()
}

fn kinds(engine: &str) -> &'static [Kind] {
    match engine {
        "postgres" => POSTGRES,
        "mysql" => MYSQL,
        _ => SQLITE,
    }
}

/// Statements that make a table of that name, its rows, and a view of them twice over.
fn table(engine: &str, name: &str, rng: &mut Rng) -> Vec<String> {
    let kinds = kinds(engine);
    let columns: Vec<&Kind> = (0..rng.usize(1..5))
        .map(|_| &kinds[rng.usize(..kinds.len())])
        .collect();
    let keyed = columns.iter().take_while(|kind| kind.keyed).count();
    // Half of the tables have no key at all.
    let key = match rng.bool() {
        true => rng.usize(0..=keyed.min(2)),
        false => 0,
    };
    let mut parts: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, kind)| format!("c{at} {}", kind.declared))
        .collect();
    if key > 0 {
        let names: Vec<String> = (0..key).map(|at| format!("c{at}")).collect();
        parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
    }
    let rowless = engine == "sqlite" && key > 0 && rng.u8(..3) == 0;
    let options = if rowless { " WITHOUT ROWID" } else { "" };
    let mut statements = vec![format!(
        "CREATE TABLE {name} ({}){options}",
        parts.join(", ")
    )];
    if key == 0 && columns[0].keyed && rng.bool() {
        statements.push(format!("CREATE INDEX i_{name} ON {name} (c0)"));
    }
    let (insert, ending) = match engine {
        "postgres" => ("INSERT INTO", " ON CONFLICT DO NOTHING"),
        "mysql" => ("INSERT IGNORE INTO", ""),
        _ => ("INSERT OR IGNORE INTO", ""),
    };
    let child = engine == "postgres" && rng.u8(..4) == 0;
    if child {
        statements.push(format!("CREATE TABLE of_{name} () INHERITS ({name})"));
    }
    let nullable = |at: usize| at >= key || engine == "sqlite" && !rowless;
    for _ in 0..rng.usize(0..8) {
        let values: Vec<&str> = columns
            .iter()
            .enumerate()
            .map(|(at, kind)| match nullable(at) && rng.u8(..5) == 0 {
                true => "NULL",
                false => kind.values[rng.usize(..kind.values.len().min(6))],
            })
            .collect();
        let into = match child && rng.bool() {
            true => format!("of_{name}"),
            false => name.to_owned(),
        };
        statements.push(format!(
            "{insert} {into} VALUES ({}){ending}",
            values.join(", ")
        ));
    }
    statements.push(format!(
        "CREATE VIEW twice_{name} AS SELECT * FROM {name} UNION ALL SELECT * FROM {name}"
    ));
    statements
}

/// A database of so many tables on each engine that answers; their statements tell what was found.
pub(crate) async fn engines(seed: u64, tables: usize) -> Vec<(Engine, Vec<String>)> {
    let mut engines = Vec::new();
    let names: Vec<String> = (0..tables).map(|at| format!("t{at}")).collect();
    let models: Vec<String> = names
        .iter()
        .flat_map(|name| [name.clone(), format!("twice_{name}")])
        .collect();
    let models = models.join(",");
    for engine in ["sqlite", "postgres", "mysql"] {
        let mut rng = Rng::with_seed(seed);
        let mut statements = preparation(engine);
        for name in &names {
            statements.extend(table(engine, name, &mut rng));
        }
        let made = match engine {
            "postgres" => Engine::postgres(statements.clone(), &models, &[]).await,
            "mysql" => Engine::mysql(statements.clone(), &models, &[]).await,
            _ => {
                let served = Served::with(&statements.join(";\n"), &models, &[]).await;
                Some(Engine::sqlite(served))
            }
        };
        engines.extend(made.map(|made| (made, statements)));
    }
    engines
}
