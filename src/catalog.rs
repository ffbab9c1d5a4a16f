//! What exists in the database and may be seen: models, fields, keys, relations.
//!
//! A [`Field`] can be made here alone, and a sensitive one is never made: hidden and unknown names
//! are the same to every later stage. Building is pure; `db` reads the [`Table`]s.

mod build;
mod entry;
mod generated;
mod relations;
mod rules;
mod table;
mod types;

pub(crate) use build::Hidden;
pub use build::{Built, Missing, Narrowing, WantedRule, build};
pub(crate) use entry::RelationEntry;
pub use relations::Relation;
pub(crate) use relations::Search;
pub(crate) use table::{Affinity, GivenKey};
pub use table::{Column, ForeignKey, Kind, Table, TableName};
pub use types::FieldType;
pub(crate) use types::Stored;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use crate::value::{Parts, Value};

/// The whitelist as the database really is, in the order of `MCP_ALLOWED_MODELS`.
#[derive(Debug, Default)]
pub struct Catalog {
    models: Vec<Model>,
    by_name: HashMap<Box<str>, usize>,
}

impl Catalog {
    /// The model of exactly that name.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.by_name.get(name).map(|index| &self.models[*index])
    }

    /// Every model, in the order of the whitelist.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The tables behind the models, each once, with the fields that any of its models shows.
    pub fn tables(&self) -> BTreeMap<&TableName, Vec<&str>> {
        let mut tables: BTreeMap<&TableName, Vec<&str>> = BTreeMap::new();
        for model in &self.models {
            let fields = tables.entry(model.table()).or_default();
            for name in model.fields().iter().map(Field::name) {
                if !fields.contains(&name) {
                    fields.push(name);
                }
            }
        }
        tables
    }
}

/// A table or view that may be read, under the name that clients use.
#[derive(Debug)]
pub struct Model {
    number: u64,
    name: Box<str>,
    table: TableName,
    kind: Kind,
    description: Option<Box<str>>,
    estimated_rows: Option<u64>,
    secured: bool,
    runs_code: bool,
    definition: Option<u64>,
    columns_digest: Option<u64>,
    inherited: bool,
    fields: Vec<Field>,
    by_name: HashMap<Box<str>, usize>,
    key: Vec<usize>,
    order: Vec<usize>,
    distinction: Distinction,
    indexes: Vec<Vec<usize>>,
    relations: Vec<Relation>,
    rules: Vec<Rule>,
    owner: Box<str>,
}

impl Model {
    /// A number that no other model of this process has, or had.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The name or alias of the whitelist.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The table in the database.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// Table, view, or what else the database calls it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The database's comment on the table.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// How many rows the database believes the model to have; unknown where only some may be seen.
    pub fn estimated_rows(&self) -> Option<u64> {
        self.estimated_rows.filter(|_| !self.is_partial())
    }

    /// Whether there may be rows that are not seen, by rules or by the database's row security: what
    /// the database believes of all rows is then nothing to be told.
    pub fn is_partial(&self) -> bool {
        self.secured || !self.rules.is_empty()
    }

    /// The tables that the model was made of, each with what tells its definition from others, where
    /// that has to be asked for: its own, and those that its rules look at.
    pub fn definitions(&self) -> impl Iterator<Item = (&TableName, u64)> {
        self.sources()
            .filter_map(|model| Some((&model.table, model.definition?)))
    }

    /// The same tables, each with what its server makes of its columns, where a statement can ask for
    /// that itself.
    pub fn column_digests(&self) -> impl Iterator<Item = (&TableName, u64)> {
        self.sources()
            .filter_map(|model| Some((&model.table, model.columns_digest?)))
    }

    /// The model, and those that its rules look at.
    fn sources(&self) -> impl Iterator<Item = &Self> {
        let of_rules = self.rules.iter().flat_map(Rule::steps);
        std::iter::once(self).chain(of_rules.map(|step| step.there))
    }

    /// Whether code of others may run when the model is read: functions of a view, of a policy, of
    /// its table's owner or of the tables that its rules look at, another server's tables.
    pub fn runs_code(&self) -> bool {
        let of_rules = self.rules.iter().flat_map(Rule::steps);
        self.runs_code
            || self.secured
            || !matches!(self.kind, Kind::Table | Kind::MaterializedView)
            || of_rules.map(|step| step.there).any(Self::runs_code)
    }

    /// How many rows the database believes the table to have: what reading it costs, and nothing to
    /// be told.
    pub fn table_rows(&self) -> Option<u64> {
        self.estimated_rows
    }

    /// The rules that a row must keep to be seen; every statement that reads the model has them.
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whose model it is, where it is not the configuration's own.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The readable fields, in the order of the table.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The readable field of exactly that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).map(|index| &self.fields[*index])
    }

    /// The primary key; empty where there is none that can be read whole.
    pub fn key(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.key.iter().map(|index| &self.fields[*index])
    }

    /// What `get` matches its `id` against: the primary key, else a field named `id`.
    pub fn identity(&self) -> Vec<&Field> {
        if self.key.is_empty() {
            self.field("id")
                .filter(|field| field.is_filterable())
                .into_iter()
                .collect()
        } else {
            self.key().collect()
        }
    }

    /// The order that rows come in when none is asked: the primary key, else all sortable fields.
    pub fn order(&self) -> impl Iterator<Item = &Field> {
        self.order.iter().map(|index| &self.fields[*index])
    }

    /// What tells rows apart that share all fields of the order.
    pub(crate) fn distinction(&self) -> &Distinction {
        &self.distinction
    }

    /// The fields of a [`Distinction::Content`]; else none.
    pub fn content(&self) -> impl ExactSizeIterator<Item = &Field> {
        let content: &[usize] = match &self.distinction {
            Distinction::Content(fields) => fields,
            _ => &[],
        };
        content.iter().map(|index| &self.fields[*index])
    }

    /// Whether rows of other tables are among its own, which its key does not hold for.
    pub(crate) fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// What leads to other models: to one in the order of the table's keys, then to many in the
    /// order of the models.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// What leads to one row at the most.
    pub(crate) fn to_one(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|it| !it.is_to_many())
    }

    /// The relation of exactly that name, or to one by the field of that name alone.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        let mut relations = self.relations.iter();
        let named = relations.find(|relation| relation.name() == name);
        named.or_else(|| {
            let by = |relation: &&Relation| relation.fields(self).map(Field::name).eq([name]);
            let mut by_key = self.to_one().filter(by);
            by_key.next().filter(|_| by_key.next().is_none())
        })
    }
}

/// What tells rows apart that share all fields of [`Model::order`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Distinction {
    /// Nothing is needed: the order holds a key, which no two rows share.
    Key,
    /// The number of the row, under this name (SQLite).
    RowId(&'static str),
    /// What these fields hold, as it is written; rows that share it too are alike.
    Content(Vec<usize>),
    /// Nothing: such rows are alike in every field.
    None,
}

/// A column that may be read.
#[derive(Debug, Clone)]
pub struct Field {
    name: Box<str>,
    field_type: FieldType,
    stored: Stored,
    nullable: bool,
    sortable: bool,
    exact: bool,
    dynamic: bool,
    bounded: bool,
    folding: bool,
    loose: bool,
    indexed: bool,
    sampled: bool,
    /// Whether it describes what is made of a column, and is none.
    derived: bool,
    description: Option<Box<str>>,
    values: Box<[Box<str>]>,
    parts: Arc<Parts>,
    collation: Option<&'static str>,
    compared_by: Option<Box<str>>,
    documents: bool,
    affinity: Affinity,
    cast: Box<str>,
    reference: Option<Reference>,
}

impl Field {
    /// The column's name, and the member's name in an answer.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The class of the field's values.
    pub fn field_type(&self) -> FieldType {
        self.field_type
    }

    /// How the values are kept.
    pub(crate) fn stored(&self) -> Stored {
        self.stored
    }

    /// Whether a row may be without a value.
    pub(crate) fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// Whether the engine orders the values, and the order tells nothing hidden.
    pub(crate) fn is_sortable(&self) -> bool {
        self.sortable
    }

    /// Whether a value can be compared with; every field can be tested for null.
    pub(crate) fn is_filterable(&self) -> bool {
        self.field_type.is_comparable() || self.stored == Stored::Bytes
    }

    /// The field that describes a part of a date that is text, as a value of its own: no column's.
    pub(crate) fn of_parts() -> &'static Self {
        static FIELD: LazyLock<Field> = LazyLock::new(|| Field::derived(FieldType::Text));
        &FIELD
    }

    /// The field that describes whole numbers of our own: counts, weekdays, hours.
    pub(crate) fn of_counts() -> &'static Self {
        static FIELD: LazyLock<Field> = LazyLock::new(|| {
            Field::derived(FieldType::Integer {
                unsigned: false,
                wide: true,
            })
        });
        &FIELD
    }

    /// The field that describes exact sums, and what expressions make of exact numbers.
    pub(crate) fn of_decimals() -> &'static Self {
        static FIELD: LazyLock<Field> =
            LazyLock::new(|| Field::derived(FieldType::Decimal { scale: None }));
        &FIELD
    }

    /// The field that describes means, and sums of floats.
    pub(crate) fn of_floats() -> &'static Self {
        static FIELD: LazyLock<Field> = LazyLock::new(|| Field::derived(FieldType::Float));
        &FIELD
    }

    /// A field of values that are computed.
    fn derived(field_type: FieldType) -> Self {
        Self {
            name: Box::default(),
            field_type,
            stored: Stored::AsItIs,
            nullable: true,
            sortable: true,
            exact: true,
            dynamic: false,
            bounded: true,
            folding: false,
            loose: false,
            indexed: false,
            sampled: false,
            derived: true,
            description: None,
            values: Box::default(),
            parts: Arc::default(),
            collation: None,
            compared_by: None,
            documents: false,
            affinity: Affinity::None,
            cast: Box::default(),
            reference: None,
        }
    }

    /// Whether it describes a value that is made of a column.
    pub(crate) fn is_derived(&self) -> bool {
        self.derived
    }

    /// Whether text may hold documents, so that what is hidden in them could be told by it.
    pub(crate) fn may_hold_documents(&self) -> bool {
        self.field_type.is_text() && !self.derived
    }

    /// Whether values are documents, or lists of such, by their type.
    pub(crate) fn is_of_documents(&self) -> bool {
        self.field_type == FieldType::Json || matches!(*self.parts, Parts::Named(_))
    }

    /// Whether values may look like documents: order, groups and extremes then count them as
    /// absent, for they would tell what is hidden in them. Of a column that an index or the key
    /// orders by a sample says it, so that the index serves.
    pub(crate) fn withholds_order(&self) -> bool {
        let may = self.may_hold_documents() || self.dynamic;
        may && (!self.sampled || self.documents)
    }

    /// The collation that an expression made of the field must be given to order alike.
    pub fn collation(&self) -> Option<&'static str> {
        self.collation
    }

    /// The collation that it is compared by, as SQL names it, where a column of another one cannot be
    /// compared with it as both stand; none for the database's own.
    pub(crate) fn compared_by(&self) -> Option<&str> {
        self.compared_by.as_deref()
    }

    /// By whose collation the field of a key is compared with the one that it points to: by that of
    /// the side that is looked for, so that its index serves; where either takes different texts for
    /// equal, by that of the field that is pointed to, as the engine would enforce the key.
    pub(crate) fn decides(&self, pointed: &Self, is_sought: bool) -> bool {
        is_sought && !self.folding && !pointed.folding
    }

    /// Whether an index of this field of a key finds what points to a value of the other one.
    fn is_found_by(&self, pointed: &Self) -> bool {
        let is_alike = match (self.affinity, pointed.affinity) {
            // SQLite knows BLOBs alone by their class.
            (Affinity::None, Affinity::None) => {
                self.field_type.name() == pointed.field_type.name() && self.cast == pointed.cast
            }
            (own, other) => own == other && self.collation == pointed.collation,
        };
        is_alike && (self.compared_by == pointed.compared_by || self.decides(pointed, true))
    }

    /// Whether an index gives the order of its values.
    pub(crate) fn is_sorted_by_index(&self) -> bool {
        self.indexed && !self.withholds_order()
    }

    /// Whether the column keeps values of any class, whatever its type says (SQLite).
    pub(crate) fn is_dynamic(&self) -> bool {
        self.dynamic
    }

    /// Whether the type keeps each value below 64 KiB, so that it can be fetched unmeasured.
    pub(crate) fn is_bounded(&self) -> bool {
        self.bounded
    }

    /// Whether the column takes texts of different bytes for equal: by case, accents, or blanks at
    /// their end.
    pub(crate) fn is_folding(&self) -> bool {
        self.folding
    }

    /// Whether plain letters may be equal to a text that has signs among them.
    pub(crate) fn is_loose(&self) -> bool {
        self.loose
    }

    /// Whether an index leads with the field.
    pub(crate) fn is_indexed(&self) -> bool {
        self.indexed
    }

    /// The database's comment on the column.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The values of an enum, in its order.
    pub fn values(&self) -> &[Box<str>] {
        &self.values
    }

    /// What the parts of a list or a composite value are.
    pub fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// What the column makes of what it is given (SQLite).
    pub(crate) fn affinity(&self) -> Affinity {
        self.affinity
    }

    /// The type's own name in SQL, for a cast of a bound value; from the database's catalog alone.
    pub fn cast(&self) -> &str {
        &self.cast
    }

    /// The field of another model that the field points to.
    pub(crate) fn reference(&self) -> Option<&Reference> {
        self.reference.as_ref()
    }
}

/// Rows of a model are seen where a field, of theirs or of a row that keys lead to, has one of these
/// values.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Its place among the rules that the catalog was built by.
    number: usize,
    way: Way,
    field: Field,
    values: Vec<Value>,
}

/// The keys that a rule follows, among all models of the database as they are: it may lead over what
/// no client can name.
#[derive(Debug, Default)]
struct Way {
    models: Arc<[Model]>,
    /// Each step: whose relation, the relation, and the model that it leads to.
    steps: Vec<(usize, usize, usize)>,
}

/// A step of a rule, from one model to another.
#[derive(Debug, Clone, Copy)]
pub struct Step<'r> {
    /// Where it leads from.
    pub here: &'r Model,
    /// The key.
    pub relation: &'r Relation,
    /// Where it leads to.
    pub there: &'r Model,
}

impl Rule {
    /// The keys that lead to the row whose field it is; none where it is the model's own.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        let Way { models, steps } = &self.way;
        steps.iter().map(|(here, relation, there)| Step {
            here: &models[*here],
            relation: &models[*here].relations[*relation],
            there: &models[*there],
        })
    }

    /// The field, which may be one that no client can name.
    pub(crate) fn field(&self) -> &Field {
        &self.field
    }

    /// Its place among the rules that the catalog was built by.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// The values; at least one.
    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }
}

/// Where a foreign key of one field points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The other model's name.
    pub model: Box<str>,
    /// Its field.
    pub field: Box<str>,
}
