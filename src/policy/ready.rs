//! Tools that the operator wrote, as they are run on one database as it is exposed: judged, described
//! by the engine, and compared with what it says.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::{Exposed, Written};
use crate::catalog::{Catalog, Field, FieldType, Model};
use crate::db::tool::{Described, Reads, ResultColumn};
use crate::db::{Db, Failure};
use crate::plan::{Argument, Value};
use crate::sensitive::Sensitive;
use crate::sql::tool::{self as select, Column, Purpose, Slot, Template};
use crate::sql::{Dialect, Statement as Sql};
use crate::tools::parameter::{Class, Source};
use crate::tools::statement::{self, Names, Statement};
use crate::tools::{Fault, MAX_TOOLS, Outcome, Place, Tool, functions};

/// A tool, ready to run on a database.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its statement, but for values.
    template: Template,
    /// The one for values that a document could be equal to, where the first compares columns as
    /// they are stored.
    wary: Option<Template>,
    /// What its statement may read.
    pub(crate) reads: Arc<Reads>,
    /// The columns of its answer, each with the class of its values.
    pub columns: Vec<(String, FieldType)>,
    /// The models that it reads.
    pub models: Vec<String>,
    /// The rows of an answer at the most.
    pub limit: u32,
    /// The most rows that a step reads without an index, where the engine tells.
    pub(crate) scan: Option<u64>,
}

impl Ready {
    /// The statement with these values.
    pub(crate) fn statement(&self, arguments: &[Argument]) -> Sql {
        let is_text = |value: &Value| matches!(value, Value::Text(text) if resembles(text));
        let resembles = |argument: &Argument| match argument {
            Argument::Null => false,
            Argument::One(value) => is_text(value),
            Argument::Many(values) => values.iter().any(is_text),
        };
        let wary = self.wary.as_ref();
        let wary = wary.filter(|_| arguments.iter().any(resembles));
        wary.unwrap_or(&self.template).statement(arguments)
    }
}

/// Whether a document could be equal to a text under some collation: plain letters are none.
fn resembles(text: &str) -> bool {
    let is_plain = |letter: char| match letter {
        '{' | '[' | '"' | '\\' | ':' => false,
        ' '..='~' => true,
        other => other.is_alphanumeric(),
    };
    !text.chars().all(is_plain)
}

/// Why a tool is not ready.
#[derive(Debug, Clone)]
pub(crate) enum Unready {
    /// What is wrong with it.
    Faults(Arc<[Fault]>),
    /// The database did not say.
    Failed(Arc<Failure>),
}

impl From<Failure> for Unready {
    fn from(failure: Failure) -> Self {
        Self::Failed(Arc::new(failure))
    }
}

/// Those of a database, each made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct ReadyTools {
    tools: Mutex<HashMap<u64, Known>>,
    /// What reading a model whole reads, by its number.
    models: Mutex<HashMap<u64, Reads>>,
}

type Known = Arc<OnceCell<Result<Arc<Ready>, Arc<[Fault]>>>>;

/// What bounds tools.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The rows of an answer, where a tool does not say.
    pub limit: u32,
    /// The bytes of an answer.
    pub(crate) max_bytes: usize,
}

impl ReadyTools {
    /// The tool as it is run here.
    pub(super) async fn tool(
        &self,
        written: &Written,
        exposed: &Exposed,
        bounds: Bounds,
    ) -> Result<Arc<Ready>, Unready> {
        let known = {
            // A map is sound whatever a panicking holder was about to do.
            let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
            // Those of before a reload are asked for no more.
            if tools.len() >= 2 * MAX_TOOLS && !tools.contains_key(&written.number()) {
                tools.clear();
            }
            Arc::clone(tools.entry(written.number()).or_default())
        };
        let made = known.get_or_try_init(|| async {
            match self.make(&written.tool, exposed, bounds).await {
                Ok(ready) => Ok(Ok(Arc::new(ready))),
                Err(Unready::Faults(faults)) => Ok(Err(faults)),
                Err(failed) => Err(failed),
            }
        });
        made.await?.clone().map_err(Unready::Faults)
    }

    async fn make(&self, tool: &Tool, exposed: &Exposed, bounds: Bounds) -> Result<Ready, Unready> {
        let (Some(catalog), Some(db)) = (exposed.catalog(), exposed.db()) else {
            return Err(Unready::Faults(Arc::default()));
        };
        let judged = Judged::of(tool, catalog, db.dialect()).map_err(faulty)?;
        let weighed = judged.documents(tool);
        let named = hidden(tool, &judged.statement, &exposed.sensitive());
        if !weighed.is_empty() || !named.is_empty() {
            return Err(faulty([weighed, named].concat()));
        }
        let dialect = db.dialect();
        let limit = match tool.result {
            Outcome::Rows => tool.limit.unwrap_or(bounds.limit),
            Outcome::One | Outcome::Value => 1,
        };
        let over = |select: &select::Select, purpose| {
            Template::new(
                select,
                &judged.models,
                judged.slots.clone(),
                (dialect, purpose),
                limit + 1,
            )
            .coded(tool.reads.is_some() || !tool.functions.is_empty())
        };
        let select = &judged.statement.select;
        let plain = over(select, Purpose::Description).described();
        let described = db.describe(&plain).await;
        let described = described.map_err(|failure| match failure.words() {
            Some(words) => faulty(vec![of_sql(
                tool,
                format!("the database refuses it: {words}"),
                "mend the SQL",
            )]),
            None => failure.into(),
        })?;
        let may = self
            .compare(tool, (&judged.statement, &judged.models), &described, db)
            .await?;
        let shown = shown(
            tool,
            (&judged.statement.select, &judged.models),
            &described,
            &exposed.sensitive(),
        );
        let columns = shown.map_err(faulty)?;
        let visible = columns.iter().filter(|column| column.is_shown);
        let is_brief = described.reads.functions.is_empty();
        let shaped = |select: &select::Select| {
            over(select, Purpose::Rows).shaped(&columns, bounds.max_bytes, limit + 1)
        };
        let wary = select.wary(&judged.models);
        let mut reads = described.reads.clone();
        if wary.is_some() {
            reads.extend(&may);
        }
        Ok(Ready {
            columns: visible
                .map(|column| (column.name.to_owned(), class_of(column)))
                .collect(),
            template: shaped(select).brief(is_brief),
            wary: wary.map(|it| shaped(&it)),
            reads: Arc::new(reads),
            models: judged.statement.models,
            limit,
            scan: described.scan,
        })
    }

    /// Compares what the judge let through with what the engine says that the statement reads.
    async fn compare(
        &self,
        tool: &Tool,
        (statement, models): (&Statement, &[&Model]),
        described: &Described,
        db: &Db,
    ) -> Result<Reads, Unready> {
        let mut may = Reads::default();
        for model in models {
            may.extend(&self.whole(model, db).await?);
        }
        let dialect = db.dialect();
        let reads = &described.reads;
        let declared: HashSet<&str> = tool.reads.iter().flatten().map(String::as_str).collect();
        let is_declared = |(table, column): &(String, String)| match column.is_empty() {
            true => declared.iter().any(|it| {
                let of = it.rsplit_once('.').map(|(of, _)| of);
                of.is_some_and(|of| is_table(of, table) || of.strip_prefix("main.") == Some(table))
            }),
            false => declared.contains(&*format!("{table}.{column}")),
        };
        // What rows are counted of and no column is read, as SQLite tells it: a table, or a list.
        let is_counted = |(table, column): &(String, String)| {
            let is_list =
                statement.lists.contains(table) || models.iter().any(|model| model.name() == table);
            let is_list = is_list && !table.contains('.');
            column.is_empty() && (is_list || may.columns.iter().any(|(of, _)| is_table(of, table)))
        };
        let beyond = reads
            .columns
            .iter()
            .find(|read| !may.columns.contains(*read) && !is_counted(read) && !is_declared(read));
        let called = reads.functions.iter().find(|name| {
            let named = tool
                .functions
                .iter()
                .any(|it| it.rsplit('.').next() == Some(name));
            !named
                && !may.functions.contains(*name)
                && !functions::is_built_in(dialect, name)
                && !functions::is_operator(name)
        });
        let other = reads.others.iter().next();
        let (message, help) = match (beyond, called, other) {
            (Some(_), _, _) if tool.reads.is_none() => (
                "the database says that it reads more than its models".to_owned(),
                "name models alone",
            ),
            (Some((table, column)), _, _) => (
                match column.is_empty() {
                    true => format!("it reads {table}, which reads does not name"),
                    false => format!("it reads {table}.{column}, which reads does not name"),
                },
                "name it in reads, or take it out",
            ),
            (_, Some(name), _) => (
                format!("it calls the function {name}"),
                "name it in functions, where it only reads what it is given",
            ),
            (_, _, Some(_)) => (
                "the database says that it does more than to read".to_owned(),
                "write a plain SELECT",
            ),
            (None, None, None) => return Ok(may),
        };
        Err(faulty(vec![of_sql(tool, message, help)]))
    }

    /// What reading a model whole reads.
    async fn whole(&self, model: &Model, db: &Db) -> Result<Reads, Unready> {
        let known = {
            let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
            models.get(&model.number()).cloned()
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let reads = db.reads(&select::whole(model, db.dialect())).await?;
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.insert(model.number(), reads.clone());
        Ok(reads)
    }
}

/// Whether a table is the one that an engine tells: MariaDB tells those that it looks up without
/// their schemas, and here without blanks and in small letters.
fn is_table(table: &str, told: &str) -> bool {
    let bare = |letter: &char| !letter.is_whitespace();
    table == told
        || (told.starts_with('.') && {
            let table: String = table.to_lowercase().chars().filter(bare).collect();
            table.ends_with(told)
        })
}

/// The types of a tool's parameters as its engine takes them, where it tells: none where it refuses
/// the statement.
pub(super) async fn guessed(tool: &Tool, exposed: &Exposed) -> Vec<FieldType> {
    let (Some(catalog), Some(db)) = (exposed.catalog(), exposed.db()) else {
        return Vec::new();
    };
    let Ok(judged) = Judged::of(tool, catalog, db.dialect()) else {
        return Vec::new();
    };
    let slots = tool.parameters.iter().map(|it| Slot::open(it.is_list()));
    let select = &judged.statement.select;
    let written = (db.dialect(), Purpose::Description);
    let template = Template::new(select, &judged.models, slots.collect(), written, 1);
    let types = db.parameters(&template.described()).await;
    // Those of the rules come first.
    let mut types = types.unwrap_or_default();
    let before = types.len().saturating_sub(tool.parameters.len());
    types.drain(..before);
    types
}

/// A tool whose names are resolved.
struct Judged<'c> {
    statement: Statement,
    models: Vec<&'c Model>,
    slots: Vec<Slot>,
}

impl<'c> Judged<'c> {
    fn of(tool: &Tool, catalog: &'c Catalog, dialect: Dialect) -> Result<Self, Vec<Fault>> {
        let names: Vec<&str> = catalog.models().iter().map(Model::name).collect();
        let columns: Vec<(&str, Vec<&str>)> = match &tool.reads {
            None => {
                let fields = |model: &'c Model| model.fields().iter().map(Field::name).collect();
                let models = catalog.models().iter();
                models.map(|model| (model.name(), fields(model))).collect()
            }
            Some(reads) => {
                let reads = reads.iter().filter_map(|read| read.rsplit_once('.'));
                reads.map(|(table, column)| (table, vec![column])).collect()
            }
        };
        let names = Names {
            dialect,
            models: Some(&names),
            columns: &columns,
            functions: &tool.functions,
            parameters: &tool.parameters,
            raw: tool.reads.is_some(),
        };
        let mut faults = Vec::new();
        let statement = statement::read(&tool.sql, names).map_err(|found| faults.extend(found));
        let mut slots = Vec::new();
        for parameter in &tool.parameters {
            let slot = match &parameter.source {
                Source::Caller(known) => Ok(Slot::plain(known.class(), false)),
                Source::Client(accepted) => match field_of(&accepted.class, catalog) {
                    Ok(Some(field)) => match accepted.sound(Some(field)) {
                        Ok(()) => Ok(Slot::of(field, accepted.is_list)),
                        Err(message) => Err((message, "write what the field takes")),
                    },
                    Ok(None) => Ok(Slot::plain(
                        accepted.class.field_type(None),
                        accepted.is_list,
                    )),
                    Err(message) => Err((
                        message,
                        "name a readable field: type = \"model.field\", or a type",
                    )),
                },
            };
            match slot {
                Ok(slot) => slots.push(slot),
                Err((message, help)) => {
                    faults.push(fault(tool, parameter.place.clone(), message, help));
                }
            }
        }
        let Some(statement) = statement.ok().filter(|_| faults.is_empty()) else {
            for fault in &mut faults {
                fault.tool.get_or_insert_with(|| tool.name.clone());
            }
            return Err(faults);
        };
        let models = statement.models.iter();
        let models = models.filter_map(|name| catalog.model(name)).collect();
        Ok(Self {
            statement,
            models,
            slots,
        })
    }
}

impl Judged<'_> {
    /// What is wrong with uses of documents: any but to show them could tell what is hidden in them.
    fn documents(&self, tool: &Tool) -> Vec<Fault> {
        let fields = || self.models.iter().flat_map(|model| model.fields());
        let weighed = self.statement.weighed.iter().filter(|(name, _)| {
            let name = name.to_lowercase();
            fields().any(|it| it.name().to_lowercase() == name && it.is_of_documents())
        });
        let fault = |(name, place): &(String, Place)| {
            fault(
                tool,
                place.clone(),
                format!("{name} holds documents, which may only be shown"),
                "name it as a column of the outermost SELECT, and nowhere else; IS NULL may be asked",
            )
        };
        weighed.map(fault).collect()
    }
}

/// What a tool that reads the database itself names and is hidden there.
fn hidden(tool: &Tool, statement: &Statement, sensitive: &Sensitive) -> Vec<Fault> {
    let Some(reads) = &tool.reads else {
        return Vec::new();
    };
    let split = |read: &'_ String| {
        let (table, column) = read.rsplit_once('.').unwrap_or(("", read));
        (table.to_owned(), column.to_owned())
    };
    let reads: Vec<(String, String)> = reads.iter().map(split).collect();
    let hides = |qualified: &str, column: &str| {
        let table = qualified.rsplit('.').next().unwrap_or(qualified);
        let named = crate::sensitive::ModelNames {
            model: table,
            qualified,
            table,
        };
        sensitive.hides(named, column).is_some()
    };
    let listed = reads.iter().filter(|(table, column)| hides(table, column));
    let listed = listed.map(|(table, column)| {
        of_tool(
            tool,
            format!("{table}.{column} is hidden"),
            "take it out of reads",
        )
    });
    let used = statement
        .weighed
        .iter()
        .filter(|(name, _)| reads.iter().any(|(table, _)| hides(table, name)));
    let used = used.map(|(name, place)| {
        let message = format!("{name} is hidden in a table that it reads");
        fault(tool, place.clone(), message, "take it out of the SQL")
    });
    listed.chain(used).collect()
}

/// The field that a parameter is of, where it is one's.
pub(crate) fn field_of<'c>(
    class: &Class,
    catalog: &'c Catalog,
) -> Result<Option<&'c Field>, String> {
    let Class::Field { model, field } = class else {
        return Ok(None);
    };
    let found = catalog.model(model).and_then(|it| it.field(field));
    let found = found.filter(|field| field.is_filterable());
    found
        .map(Some)
        .ok_or_else(|| format!("there is no field {model}.{field} that values are compared with"))
}

/// The columns of a result; those with a sensitive name or origin are in no answer.
fn shown<'d>(
    tool: &Tool,
    (select, models): (&select::Select, &[&'d Model]),
    described: &'d Described,
    sensitive: &Sensitive,
) -> Result<Vec<Column<'d>>, Vec<Fault>> {
    let mut names = HashSet::new();
    let mut faults = Vec::new();
    let mut columns = Vec::new();
    for column in &described.columns {
        if !names.insert(&*column.name) {
            faults.push(of_sql(
                tool,
                format!("two columns are called {}", column.name),
                "give one of them another name: … AS other",
            ));
        }
        columns.push(Column {
            name: &column.name,
            class: column.class,
            kind: &column.kind,
            field: field_behind(column, models).or_else(|| veiled_behind(column, select, models)),
            is_shown: !tool.hidden.contains(&column.name) && !is_sensitive(column, sensitive),
        });
    }
    if let Some(name) = tool.hidden.iter().find(|name| !names.contains(&***name)) {
        faults.push(of_tool(
            tool,
            format!("hidden names {name}, which is no column of the result"),
            "take it out",
        ));
    }
    let left = columns.iter().filter(|column| column.is_shown).count();
    match (tool.result, left) {
        (_, 0) => faults.push(of_sql(
            tool,
            "nothing of its result may be shown".to_owned(),
            "select readable columns",
        )),
        (Outcome::Value, 2..) => faults.push(of_sql(
            tool,
            format!("its result has {left} columns, and is a value"),
            "select one, or write result = \"one\"",
        )),
        _ => {}
    }
    match faults.is_empty() {
        true => Ok(columns),
        false => Err(faults),
    }
}

/// The class of a column: its field's, where it is one.
fn class_of(column: &Column<'_>) -> FieldType {
    column.field.map_or(column.class, Field::field_type)
}

/// The field of a model that a column is.
fn field_behind<'m>(column: &ResultColumn, models: &[&'m Model]) -> Option<&'m Field> {
    let (table, name) = column.origin.as_ref()?;
    let mut models = models.iter();
    let model = models.find(|model| model.table() == table)?;
    model.field(name)
}

/// The field of text that a column without an origin is called by: one that is compared is no column
/// any more to the engine, and of its class all the same.
fn veiled_behind<'m>(
    column: &ResultColumn,
    select: &select::Select,
    models: &[&'m Model],
) -> Option<&'m Field> {
    let mut fields = models.iter().filter_map(|model| model.field(&column.name));
    let field = fields.next()?;
    let is_only = fields.next().is_none() && column.origin.is_none();
    let is_any = column.class == FieldType::Any;
    (is_only && is_any && select.veils(field)).then_some(field)
}

fn is_sensitive(column: &ResultColumn, sensitive: &Sensitive) -> bool {
    let by_origin = column.origin.as_ref().is_some_and(|(table, name)| {
        let qualified = table.qualified();
        let named = crate::sensitive::ModelNames {
            model: &table.name,
            qualified: &qualified,
            table: &table.name,
        };
        sensitive.hides(named, name).is_some()
    });
    by_origin || sensitive.hides_member(&column.name)
}

fn of_sql(tool: &Tool, message: String, help: &str) -> Fault {
    fault(tool, tool.sql.place.clone(), message, help)
}

fn of_tool(tool: &Tool, message: String, help: &str) -> Fault {
    fault(tool, tool.place.clone(), message, help)
}

fn fault(tool: &Tool, place: Place, message: String, help: &str) -> Fault {
    Fault {
        place,
        tool: Some(tool.name.clone()),
        message,
        help: help.to_owned(),
    }
}

fn faulty(faults: Vec<Fault>) -> Unready {
    Unready::Faults(faults.into())
}
