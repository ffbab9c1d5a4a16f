//! Types of columns of each engine, and literals of values that are alike or nearly so.

/// A type of column, and literals of its values.
pub(crate) struct Kind {
    pub(crate) declared: &'static str,
    /// Whether it may be in a primary key.
    pub(crate) keyed: bool,
    pub(crate) values: &'static [&'static str],
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
    "'B'",
    "'a '",
    "'é'",
    "'1'",
    "'1.0'",
    "'a: 1'",
    "' {b:'",
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
    kind("VARCHAR(5) COLLATE NOCASE", true, ANY),
    kind("UUID", true, ANY),
    kind("TIME", true, ANY),
    kind("TIMESTAMP", true, ANY),
    kind("BIGINT", true, ANY),
    kind("DOUBLE PRECISION", true, ANY),
    kind("NUMBER", true, ANY),
    kind("MONEY", true, ANY),
    kind("ANY", true, ANY),
    kind("STRING", true, ANY),
    kind("FLOATING POINT", true, ANY),
    kind("JSONB", false, ANY),
    kind("VARBINARY(5)", true, ANY),
    kind("DATE COLLATE NOCASE", true, ANY),
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
    kind("smallint", true, &["1", "-1", "32767"]),
    kind("numeric(20,10)", true, &["1", "'0.1'", "'1.0000000001'"]),
    kind("text COLLATE \"C\"", true, &["''", "'a'", "'A'", "'é'"]),
    kind(
        "text COLLATE \"und-x-icu\"",
        true,
        &["'a'", "'A'", "'á'", "'a '"],
    ),
    kind("positive", true, &["1", "2"]),
    kind("feeling", true, &["'sad'", "'ok'"]),
    kind("folded_text", true, &["'a'", "'A'", "'b'"]),
    kind("pair", false, &["ROW(1,'a')", "ROW(1,NULL)", "ROW(2,'\"')"]),
    kind(
        "text[]",
        true,
        &["'{a,\"b c\",NULL}'", "'{}'", "'{NULL}'", "'{{a},{b}}'"],
    ),
    kind("date[]", true, &["'{2026-01-31}'", "'{infinity}'"]),
    kind("mood[]", true, &["'{sad,ok}'", "'{}'"]),
    kind("varbit", true, &["'101'", "'1'", "''"]),
    kind(
        "daterange",
        true,
        &["'[2026-01-01,2026-02-01)'", "'empty'", "'(,)'"],
    ),
    kind("macaddr", true, &["'08:00:2b:01:02:03'"]),
    kind("oid", true, &["1", "4294967295"]),
    kind("\"char\"", true, &["'a'", "''"]),
    kind("tsvector", true, &["'a b'", "''"]),
    kind(
        "timestamp(0)",
        true,
        &["'2026-01-31 10:00'", "'0044-03-15 10:00 BC'"],
    ),
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
    kind("INET6", true, &["'::1'", "'::ffff:10.0.0.1'"]),
    kind("SMALLINT UNSIGNED", true, &["0", "1", "65535"]),
    kind("TINYINT", true, &["1", "-1", "0"]),
    kind("MEDIUMINT", true, &["1", "-8388608"]),
    kind("INT(5) ZEROFILL", true, &["0", "7", "123456"]),
    kind(
        "BIGINT",
        true,
        &["1", "-9223372036854775808", "9007199254740993"],
    ),
    kind(
        "DECIMAL(40,20)",
        true,
        &["0", "0.1", "-12345678901234567890.1", "1e-20"],
    ),
    kind("DECIMAL(8,2) ZEROFILL", true, &["0", "0.5", "12"]),
    kind("DOUBLE UNSIGNED", true, &["0", "0.3", "1e-300"]),
    kind("FLOAT(7,2)", true, &["0", "0.1", "12345.67"]),
    kind(
        "VARCHAR(9) COLLATE utf8mb4_unicode_nopad_ci",
        true,
        &["''", "'a'", "'A'", "'a '", "'á'"],
    ),
    kind(
        "VARCHAR(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin",
        true,
        &["''", "'a'", "'A'", "'é'"],
    ),
    kind("CHAR(3) CHARACTER SET ucs2", true, &["''", "'a'", "'é'"]),
    kind(
        "VARCHAR(9) CHARACTER SET koi8r",
        true,
        &["'a'", "'A'", "'ж'", "'Ж'"],
    ),
    kind("TINYTEXT", false, &["''", "'a'", "'a '", "'{\"a\": 1}'"]),
    kind("MEDIUMTEXT COLLATE utf8mb4_bin", false, &["'a'", "'A'"]),
    kind("BIT(1)", true, &["b'1'", "b'0'"]),
    kind("BIT(64)", true, &["b'1'", "0xffffffffffffffff"]),
    kind(
        "DATETIME",
        true,
        &["'2026-01-31 10:00:00'", "'2026-00-00 00:00:00'"],
    ),
    kind(
        "DATETIME(6)",
        true,
        &[
            "'2026-01-31 10:00:00.000001'",
            "'2026-01-31 10:00:00'",
            "'9999-12-31 23:59:59.999999'",
        ],
    ),
    kind("TIME", true, &["'00:00:00'", "'24:00:00'", "'-00:00:01'"]),
    kind("TINYBLOB", false, &["''", "'a'", "0x00"]),
    kind("INET4", true, &["'10.0.0.1'", "'0.0.0.0'"]),
];

/// The types of an engine.
pub(crate) fn kinds(engine: &str) -> &'static [Kind] {
    match engine {
        "postgres" => POSTGRES,
        "mysql" => MYSQL,
        _ => SQLITE,
    }
}
