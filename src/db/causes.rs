//! What a code of an engine means to the operator, and what to do: the one table of it.

/// What a code means while the service runs.
#[derive(Debug)]
pub struct Cause {
    /// Whose code it is.
    pub engine: &'static str,
    /// The code: SQLSTATE or its class, the number of MariaDB and MySQL, the primary code of SQLite.
    pub code: &'static str,
    /// What is wrong.
    pub what: &'static str,
    /// What to do.
    pub help: &'static str,
}

pub(super) const POSTGRES: &str = "PostgreSQL";
pub(super) const MYSQL: &str = "MariaDB and MySQL";
pub(super) const SQLITE: &str = "SQLite";

const GONE: &str = "a table is gone: renamed by a migration?";
const NO_COLUMN: &str = "a column is gone: renamed by a migration?";
const RELOAD: &str = "reload the service once the whitelist has the names of now";
const NO_RIGHT: &str = "the role may not read it any more";
const GRANT: &str = "grant SELECT again, as lucarne check --setup-sql prints it";
const SLOW: &str = "it took longer than it may";
const TIME: &str = "raise MCP_QUERY_TIMEOUT, or have the client ask for less";
const LOGIN: &str = "the database refuses to log the role in";
const TRY_LOGIN: &str = "lucarne check tells what it wants";
const NO_DATABASE: &str = "the database is not there";
const RESTORE: &str = "restore it, or name another one";
const FULL: &str = "the server has no connection left";
const FEWER: &str = "raise its limit, or lower MCP_POOL_SIZE";
const STOPS: &str = "the server is stopping or starting, or ended the session";
const WAIT: &str = "nothing, if it comes back by itself";
const LOCKED: &str = "a lock was waited for in vain";
const UNLOCK: &str = "look for the transaction that holds it";

const fn cause(
    engine: &'static str,
    code: &'static str,
    what: &'static str,
    help: &'static str,
) -> Cause {
    Cause {
        engine,
        code,
        what,
        help,
    }
}

/// The codes that have words of their own; a class of SQLSTATE stands for the rest of it.
pub const CAUSES: &[Cause] = &[
    cause(POSTGRES, "42P01", GONE, RELOAD),
    cause(POSTGRES, "42703", NO_COLUMN, RELOAD),
    cause(POSTGRES, "42501", NO_RIGHT, GRANT),
    cause(POSTGRES, "57014", SLOW, TIME),
    cause(POSTGRES, "55P03", LOCKED, UNLOCK),
    cause(
        POSTGRES,
        "55000",
        "the database takes no connections, or a materialized view was never filled",
        "ALTER DATABASE … ALLOW_CONNECTIONS true, or REFRESH MATERIALIZED VIEW",
    ),
    cause(POSTGRES, "53300", FULL, FEWER),
    cause(
        POSTGRES,
        "25006",
        "a statement tried to write: a view or function that is read does so",
        "take that view off the whitelist",
    ),
    cause(POSTGRES, "28", LOGIN, TRY_LOGIN),
    cause(POSTGRES, "3D", NO_DATABASE, RESTORE),
    cause(
        POSTGRES,
        "53",
        "the server has no memory or disk left",
        "look at its machine",
    ),
    cause(
        POSTGRES,
        "40",
        "a replica ended the statement to go on with its recovery",
        "raise max_standby_streaming_delay, or turn hot_standby_feedback on",
    ),
    cause(POSTGRES, "57", STOPS, WAIT),
    cause(POSTGRES, "08", STOPS, WAIT),
    cause(
        POSTGRES,
        "58",
        "the server cannot read its own files",
        "look at its log",
    ),
    cause(
        POSTGRES,
        "XX",
        "the server found its data damaged",
        "look at its log",
    ),
    cause(MYSQL, "1146", GONE, RELOAD),
    cause(MYSQL, "1054", NO_COLUMN, RELOAD),
    cause(
        MYSQL,
        "1356",
        "a view reads what is gone, or what its definer may not read",
        "mend the view, then reload the service",
    ),
    cause(
        MYSQL,
        "1449",
        "a view's definer, or that of a function that it calls, is not there any more",
        "make it again with another, then reload the service",
    ),
    cause(
        MYSQL,
        "1370",
        "a view calls a function that the account, or the view's definer, may not call",
        "grant EXECUTE on it, then reload the service",
    ),
    cause(
        MYSQL,
        "1305",
        "a view calls a function that is gone",
        "mend the view, then reload the service",
    ),
    cause(
        MYSQL,
        "1792",
        "a view calls a function that writes",
        "take it out of the whitelist, or let the view read alone",
    ),
    cause(MYSQL, "1142", NO_RIGHT, GRANT),
    cause(MYSQL, "1143", NO_RIGHT, GRANT),
    cause(MYSQL, "1969", SLOW, TIME),
    cause(MYSQL, "3024", SLOW, TIME),
    cause(MYSQL, "1317", "an administrator ended the statement", WAIT),
    cause(MYSQL, "1205", LOCKED, UNLOCK),
    cause(MYSQL, "1040", FULL, FEWER),
    cause(MYSQL, "1203", FULL, FEWER),
    cause(MYSQL, "1226", FULL, FEWER),
    cause(MYSQL, "1044", LOGIN, TRY_LOGIN),
    cause(MYSQL, "1045", LOGIN, TRY_LOGIN),
    cause(MYSQL, "1698", LOGIN, TRY_LOGIN),
    cause(MYSQL, "1049", NO_DATABASE, RESTORE),
    cause(MYSQL, "1053", STOPS, WAIT),
    cause(MYSQL, "1927", STOPS, WAIT),
    cause(SQLITE, "9", SLOW, TIME),
    cause(
        SQLITE,
        "5",
        LOCKED,
        "look for the process that writes to the file",
    ),
    cause(
        SQLITE,
        "6",
        LOCKED,
        "look for the process that writes to the file",
    ),
    cause(
        SQLITE,
        "1",
        "a table or column is gone, or a view reads what is gone",
        RELOAD,
    ),
    cause(
        SQLITE,
        "8",
        "the file cannot be read without writing beside it first",
        "let the application open it once, then reload the service",
    ),
    cause(SQLITE, "10", "the disk does not answer", "look at the disk"),
    cause(
        SQLITE,
        "11",
        "the file is damaged",
        "restore it from a backup",
    ),
    cause(
        SQLITE,
        "14",
        "the file is gone, or may not be opened",
        "put it back, with read access for the user of the service",
    ),
    cause(
        SQLITE,
        "26",
        "the file is no SQLite database",
        "put the right one back",
    ),
];

/// The words of a code.
pub(super) fn of(engine: &str, code: &str) -> Option<&'static Cause> {
    let is = |cause: &&Cause| {
        let is_class = engine == POSTGRES && cause.code.len() == 2;
        cause.engine == engine && (cause.code == code || (is_class && code.starts_with(cause.code)))
    };
    // A code of its own stands before its class.
    CAUSES.iter().find(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_own_words_or_those_of_its_class() {
        for (engine, code, words) in [
            (POSTGRES, "42P01", GONE),
            (POSTGRES, "57014", SLOW),
            (POSTGRES, "57P01", STOPS),
            (POSTGRES, "53300", FULL),
            (POSTGRES, "28000", LOGIN),
            (MYSQL, "1146", GONE),
            (
                SQLITE,
                "1",
                "a table or column is gone, or a view reads what is gone",
            ),
        ] {
            assert_eq!(of(engine, code).unwrap().what, words, "{engine} {code}");
        }
        assert!(of(MYSQL, "11").is_none() && of(SQLITE, "105").is_none());
        assert!(of(POSTGRES, "").is_none());
    }
}
