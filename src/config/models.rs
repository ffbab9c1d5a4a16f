//! The whitelist's grammar: which tables and views are meant, and the names that they answer to.

use super::database::Engine;
use super::fault::quoted;

use crate::advice::Advice;

/// One entry of `MCP_ALLOWED_MODELS`: a table or view, and the name that clients use for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName {
    /// The name that clients send, compared exactly: the alias, else `schema.name` or `name`.
    pub exposed: String,
    /// The schema (a database on MySQL); `None` is the one of the connection.
    pub schema: Option<String>,
    /// The table or view in it.
    pub table: String,
}

impl ModelName {
    /// Whether an operator may mean it by this name: as clients name it, or its table with its
    /// schema or without.
    pub(crate) fn may_be(&self, named: &str) -> bool {
        let (schema, table) = match named.rsplit_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, named),
        };
        let alike = |own: &str| schema.is_none_or(|schema| schema == own);
        named == self.exposed
            || named == self.table
            || (table == self.table && self.schema.as_deref().is_none_or(alike))
    }

    /// Whether an operator may mean it, or a path that begins with it.
    pub(crate) fn may_begin(&self, named: &str) -> bool {
        let ends = named.match_indices('.').map(|(end, _)| end);
        self.may_be(named)
            || ends
                .map(|end| &named[..end])
                .any(|begun| self.may_be(begun))
    }

    /// Why a table of that name is never served: it is of the engine's own catalog, or of a store.
    pub(crate) fn reserved(&self, engine: Engine) -> Option<&'static str> {
        if self.table.to_lowercase().starts_with("lucarne_") {
            return Some(
                "names that begin with lucarne_ are those of a store, which is never exposed",
            );
        }
        self.is_system(engine).then_some(match engine {
            Engine::Sqlite => "it belongs to SQLite's own catalog",
            Engine::Postgres => "it belongs to PostgreSQL's own catalog",
            Engine::MySql => "it belongs to the server's own catalog",
        })
    }

    fn is_system(&self, engine: Engine) -> bool {
        let schema = self.schema.as_deref().unwrap_or_default().to_lowercase();
        let table = self.table.to_lowercase();
        match engine {
            Engine::Sqlite => table.starts_with("sqlite_"),
            // The prefix is reserved for schemas, and marks the catalog's own tables and views
            // wherever an extension puts more of them.
            Engine::Postgres => {
                let own = |name: &str| name.starts_with("pg_") || name == "information_schema";
                own(&schema) || own(&table)
            }
            Engine::MySql => matches!(
                schema.as_str(),
                "mysql" | "information_schema" | "performance_schema" | "sys" | "ndbinfo"
            ),
        }
    }
}

/// Reads a comma list of `name`, `schema.name`, `alias=name` and `alias=schema.name`.
///
/// A part in double quotes may hold commas, dots and equals signs; a quote in it is doubled.
/// Blank entries are left out. The faults of all entries come together.
pub(super) fn parse(text: &str) -> Result<Vec<ModelName>, Vec<Advice>> {
    let mut models: Vec<ModelName> = Vec::new();
    let mut faults = Vec::new();
    for entry in split(text, ',') {
        let entry = entry.trim();
        if entry.is_empty() {
            continue;
        }
        match parse_entry(entry) {
            Ok(model) if models.iter().any(|other| other.exposed == model.exposed) => {
                faults.push(Advice::new(
                    format!("{} is exposed twice", quoted(&model.exposed)),
                    "leave one out, or name it apart: alias=schema.name",
                ));
            }
            Ok(model) => models.push(model),
            Err(reason) => faults.push(reason),
        }
    }
    if models.is_empty() && faults.is_empty() {
        faults.push(Advice::new(
            "set but empty; expected at least one table or view",
            "name what to expose (MCP_ALLOWED_MODELS=users,tickets), or unset it for the default",
        ));
    }
    if faults.is_empty() {
        Ok(models)
    } else {
        Err(faults)
    }
}

fn parse_entry(entry: &str) -> Result<ModelName, Advice> {
    let malformed = || {
        Advice::new(
            format!(
                "expected name, schema.name or alias=schema.name, not {}",
                quoted(entry)
            ),
            r#"a name that holds a comma, dot, equals sign or quote goes into double quotes: "odd.name""#,
        )
    };
    let sides: Vec<&str> = split(entry, '=').collect();
    let (alias, target) = match sides[..] {
        [target] => (None, target),
        [alias, target] => (Some(alias), target),
        _ => return Err(malformed()),
    };
    let parts: Vec<&str> = split(target, '.').collect();
    let (schema, table) = match parts[..] {
        [table] => (None, table),
        [schema, table] => (Some(schema), table),
        _ => return Err(malformed()),
    };
    let table = unquote(table).ok_or_else(malformed)?;
    let schema = match schema {
        Some(schema) => Some(unquote(schema).ok_or_else(malformed)?),
        None => None,
    };
    let exposed = match (alias, &schema) {
        (Some(alias), _) if split(alias, '.').count() > 1 => return Err(malformed()),
        (Some(alias), _) => unquote(alias).ok_or_else(malformed)?,
        (None, Some(schema)) => format!("{schema}.{table}"),
        (None, None) => table.clone(),
    };
    Ok(ModelName {
        exposed,
        schema,
        table,
    })
}

/// Splits at a separator that stands outside double quotes.
pub(super) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut within = false;
    text.split(move |c| {
        within ^= c == '"';
        c == separator && !within
    })
}

/// The name that a part stands for, if it is well formed.
pub(super) fn unquote(part: &str) -> Option<String> {
    let part = part.trim();
    let name = match part.strip_prefix('"') {
        None if part.contains('"') => return None,
        None => part.to_owned(),
        Some(rest) => {
            let inner = rest.strip_suffix('"')?;
            if inner.replace("\"\"", "").contains('"') {
                return None;
            }
            inner.replace("\"\"", "\"")
        }
    };
    let well_formed = !name.is_empty() && !name.chars().any(char::is_control);
    well_formed.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(exposed: &str, schema: Option<&str>, table: &str) -> ModelName {
        ModelName {
            exposed: exposed.to_owned(),
            schema: schema.map(str::to_owned),
            table: table.to_owned(),
        }
    }

    #[test]
    fn reads_the_four_forms() {
        assert_eq!(
            parse("users, audit.change_log ,people=users,logs = audit.change_log").unwrap(),
            [
                model("users", None, "users"),
                model("audit.change_log", Some("audit"), "change_log"),
                model("people", None, "users"),
                model("logs", Some("audit"), "change_log"),
            ]
        );
    }

    #[test]
    fn reads_odd_names() {
        assert_eq!(
            parse(r#"order details,"odd.name",public."a,b","x=y"="say ""hi""",Größe,"#).unwrap(),
            [
                model("order details", None, "order details"),
                model("odd.name", None, "odd.name"),
                model("public.a,b", Some("public"), "a,b"),
                model("x=y", None, "say \"hi\""),
                model("Größe", None, "Größe"),
            ]
        );
    }

    #[test]
    fn refuses_what_has_no_meaning() {
        for text in [
            "", " ", ",", " , ", "a.b.c", "=a", "a=", "a=b=c", ".a", "a.", "a.b=c", "\"a", "a\"b",
            "\"a\"b", "\"\"", "a\"b\"", "a\u{0}b", "\"a\"\"",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_are_compared_exactly_and_once() {
        assert_eq!(parse("users,Users").unwrap().len(), 2);
        assert_eq!(parse("users,users,a.b,\"a.b\"").unwrap_err().len(), 2);
        assert_eq!(parse("a=users,b=users").unwrap().len(), 2);
    }

    #[test]
    fn gathers_every_fault() {
        assert_eq!(parse("a.b.c,users,=,users").unwrap_err().len(), 3);
    }

    #[test]
    fn knows_each_engines_own_catalog() {
        let system = |entry: &str, engine| parse(entry).unwrap()[0].is_system(engine);
        for entry in [
            "sqlite_master",
            "SQLITE_SCHEMA",
            "main.sqlite_sequence",
            "x=sqlite_master",
        ] {
            assert!(system(entry, Engine::Sqlite), "{entry}");
        }
        for entry in [
            "pg_catalog",
            "pg_user",
            "pg_catalog.pg_class",
            "information_schema.tables",
            "information_schema",
            "pg_toast.t",
            "public.pg_stat_statements",
        ] {
            assert!(system(entry, Engine::Postgres), "{entry}");
        }
        for entry in [
            "mysql.user",
            "information_schema.tables",
            "Performance_Schema.threads",
            "sys.version",
        ] {
            assert!(system(entry, Engine::MySql), "{entry}");
        }
        for engine in [Engine::Sqlite, Engine::Postgres, Engine::MySql] {
            for entry in ["users", "shop.users", "sqlite", "pgadmin", "systems", "sys"] {
                assert!(!system(entry, engine), "{entry}");
            }
        }
    }
}
