//! Tables made from a seed: columns of any type, few values, so that rows are alike or nearly so.

use fastrand::Rng;

use crate::engines::Engine;
use crate::support::Served;

mod kinds;

use kinds::{Kind, kinds};

/// Names that need quotes, or that mean something to an engine.
const NAMES: &[&str] = &[
    "Order",
    "select",
    "rowid",
    "oid",
    "_rowid_",
    "group",
    "limit",
    "cursor",
    "Ünïcode",
    "a b",
    "a\"b",
    "a`b",
    "q?",
    "p$1",
    "-x",
    "a.b",
    "a'b",
    "%s",
    "[c]",
    "n\\",
    "日",
];

/// A column of a made table.
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) declared: &'static str,
    values: &'static [&'static str],
    nullable: bool,
}

/// A made table; the view of its rows twice over has the same columns.
pub(crate) struct Table {
    engine: &'static str,
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// How many columns make the primary key, from the first on, or the other way round.
    key: usize,
    rowless: bool,
    child: bool,
    /// What made it, its rows and the view.
    pub(crate) statements: Vec<String>,
}

/// A name, as an engine quotes it.
pub(crate) fn quoted(engine: &str, name: &str) -> String {
    match engine {
        "mysql" => format!("`{}`", name.replace('`', "``")),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

impl Table {
    fn new(engine: &'static str, name: &str, rng: &mut Rng) -> Self {
        let kinds = kinds(engine);
        let chosen: Vec<&Kind> = (0..rng.usize(1..5))
            .map(|_| &kinds[rng.usize(..kinds.len())])
            .collect();
        let keyed = chosen.iter().take_while(|kind| kind.keyed).count();
        // Half of the tables have no key at all.
        let key = match rng.bool() {
            true => rng.usize(0..=keyed.min(3)),
            false => 0,
        };
        let rowless = engine == "sqlite" && key > 0 && rng.u8(..3) == 0;
        let mut odd = NAMES.to_vec();
        rng.shuffle(&mut odd);
        let columns: Vec<Column> = chosen
            .iter()
            .enumerate()
            .map(|(at, kind)| Column {
                name: match rng.u8(..4) {
                    0 => odd.pop().map_or_else(String::new, str::to_owned),
                    _ => format!("c{at}"),
                },
                declared: kind.declared,
                values: &kind.values[..kind.values.len()],
                nullable: (at >= key || engine == "sqlite" && !rowless) && rng.u8(..6) > 0,
            })
            .collect();
        let mut table = Self {
            engine,
            name: name.to_owned(),
            columns,
            key,
            rowless,
            child: engine == "postgres" && rng.u8(..4) == 0,
            statements: Vec::new(),
        };
        table.make(chosen[0].keyed, rng);
        table
    }

    /// Writes what makes it.
    fn make(&mut self, indexable: bool, rng: &mut Rng) {
        let (engine, name) = (self.engine, &self.name);
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|it| quoted(engine, &it.name))
            .collect();
        let mut parts: Vec<String> = names
            .iter()
            .zip(&self.columns)
            .map(|(name, column)| {
                let must = if column.nullable { "" } else { " NOT NULL" };
                // A timestamp of MySQL takes no NULL unless it says so.
                let must = must.replace(
                    " NOT NULL",
                    match column.declared.contains("NULL") {
                        true => "",
                        false => " NOT NULL",
                    },
                );
                format!("{name} {}{must}", column.declared)
            })
            .collect();
        if self.key > 0 {
            let mut key = names[..self.key].to_vec();
            if rng.bool() {
                key.reverse();
            }
            parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        }
        let options = if self.rowless { " WITHOUT ROWID" } else { "" };
        let mut statements = vec![format!(
            "CREATE TABLE {name} ({}){options}",
            parts.join(", ")
        )];
        if indexable && rng.bool() {
            let unique = if rng.u8(..4) == 0 { "UNIQUE " } else { "" };
            let down = if rng.bool() { " DESC" } else { "" };
            let column = &names[0];
            statements.push(format!(
                "CREATE {unique}INDEX i_{name} ON {name} ({column}{down})"
            ));
        }
        if self.child {
            statements.push(format!("CREATE TABLE of_{name} () INHERITS ({name})"));
        }
        for _ in 0..rng.usize(0..12) {
            statements.push(self.insertion(rng));
        }
        statements.push(format!(
            "CREATE VIEW twice_{name} AS SELECT * FROM {name} UNION ALL SELECT * FROM {name}"
        ));
        self.statements = statements;
    }

    /// A statement that puts in a row, unless a key has it.
    pub(crate) fn insertion(&self, rng: &mut Rng) -> String {
        let (insert, ending) = match self.engine {
            "postgres" => ("INSERT INTO", " ON CONFLICT DO NOTHING"),
            "mysql" => ("INSERT IGNORE INTO", ""),
            _ => ("INSERT OR IGNORE INTO", ""),
        };
        let values: Vec<&str> = self
            .columns
            .iter()
            .map(|column| match column.nullable && rng.u8(..5) == 0 {
                true => "NULL",
                false => column.values[rng.usize(..column.values.len())],
            })
            .collect();
        let into = match self.child && rng.bool() {
            true => format!("of_{}", self.name),
            false => self.name.clone(),
        };
        format!("{insert} {into} VALUES ({}){ending}", values.join(", "))
    }

    /// A statement that takes out one row, where there is one.
    pub(crate) fn deletion(&self, rng: &mut Rng) -> String {
        let (name, at) = (&self.name, rng.usize(..8));
        let row = match self.engine {
            "mysql" => return format!("DELETE FROM {name} ORDER BY RAND({at}) LIMIT 1"),
            "postgres" => "(tableoid, ctid)".to_owned(),
            _ if self.rowless => {
                let key = self.columns[..self.key].iter();
                let names: Vec<String> = key.map(|it| quoted(self.engine, &it.name)).collect();
                format!("({})", names.join(", "))
            }
            // A column may have taken one of the names of the row id.
            _ => {
                let taken = |id: &&&str| !self.columns.iter().any(|it| it.name == **id);
                let ids = ["rowid", "_rowid_", "oid"];
                ids.iter()
                    .find(taken)
                    .copied()
                    .unwrap_or("rowid")
                    .to_owned()
            }
        };
        let bare = row.trim_matches(['(', ')']);
        format!("DELETE FROM {name} WHERE {row} IN (SELECT {bare} FROM {name} LIMIT 1 OFFSET {at})")
    }
}

/// Statements before the tables.
fn preparation(engine: &str) -> Vec<String> {
    let statements: &[&str] = match engine {
        "postgres" => &[
            "CREATE EXTENSION citext",
            "CREATE TYPE mood AS ENUM ('sad', 'ok', '')",
            "CREATE COLLATION folded \
             (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
            "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
            "CREATE DOMAIN feeling AS mood",
            "CREATE DOMAIN folded_text AS text COLLATE folded",
            "CREATE TYPE pair AS (a int, b text)",
        ],
        "mysql" => &["SET sql_mode = ''"],
        _ => &[],
    };
    statements.iter().map(ToString::to_string).collect()
}

/// A database of so many tables on an engine, where it answers.
pub(crate) async fn made(
    engine: &'static str,
    seed: u64,
    tables: usize,
) -> Option<(Engine, Vec<Table>)> {
    let mut rng = Rng::with_seed(seed);
    let tables: Vec<Table> = (0..tables)
        .map(|at| Table::new(engine, &format!("t{at}"), &mut rng))
        .collect();
    let models: Vec<String> = tables.iter().flat_map(Table::models).collect();
    let models = models.join(",");
    let mut statements = preparation(engine);
    statements.extend(tables.iter().flat_map(|table| table.statements.clone()));
    let engine = match engine {
        "postgres" => Engine::postgres(statements, &models, &[]).await?,
        "mysql" => Engine::mysql(statements, &models, &[]).await?,
        _ => Engine::sqlite(Served::with(&statements.join(";\n"), &models, &[]).await),
    };
    Some((engine, tables))
}

impl Table {
    /// The table, and the view of its rows twice over.
    pub(crate) fn models(&self) -> [String; 2] {
        [self.name.clone(), format!("twice_{}", self.name)]
    }
}
