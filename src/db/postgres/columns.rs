//! Columns, and the classes that their types stand for.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::postgres::types::Oid;
use sqlx::{FromRow, PgConnection, Row as _};

use super::parts;
use crate::catalog::{Affinity, Column, FieldType, Stored};
use crate::db::Failure;
use crate::value::Parts;

/// The columns that the role may read, each with the type at the bottom of its domains.
///
/// A value of a composite, an array or an unknown type is written out by what its types bring along.
/// That is PostgreSQL's own code, or an extension's, unless an owner made a cast to JSON or text of
/// his own, which would be called with each value: such a column is `foreign`, and not read.
///
/// `format_type` with -1 for the modifier names a type that a cast takes and that changes no value;
/// NULL would be a modifier of its own: `character`, which is one character long.
const COLUMNS: &str = "WITH RECURSIVE typed AS ( \
     SELECT a.attrelid, a.attnum, a.attname, a.attnotnull AS filled, \
       a.atttypid AS type, a.atttypmod AS modifier, a.attcollation AS collation \
     FROM pg_attribute a WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped \
     UNION ALL \
     SELECT d.attrelid, d.attnum, d.attname, d.filled OR t.typnotnull, t.typbasetype, \
       CASE WHEN d.modifier >= 0 THEN d.modifier ELSE t.typtypmod END, \
       d.collation \
     FROM typed d JOIN pg_type t ON t.oid = d.type WHERE t.typtype = 'd') \
   SELECT c.attrelid AS owner, CAST(c.attname AS text) AS name, c.filled, c.modifier, \
     t.oid AS class, (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d \
       JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
       WHERE d.adrelid = c.attrelid AND d.adnum = c.attnum AND a.attgenerated <> '') AS expression, \
     n.nspname = 'pg_catalog' AS builtin, CAST(t.typname AS text) AS type, \
     CAST(t.typtype AS text) AS nature, CAST(t.typcategory AS text) AS category, \
     format_type(t.oid, -1) AS spelling, col_description(c.attrelid, c.attnum) AS comment, \
     EXISTS (SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod \
       WHERE m.amname = 'btree' AND o.opcdefault AND (o.opcintype = t.oid OR EXISTS \
         (SELECT FROM pg_cast k WHERE k.castsource = t.oid AND k.casttarget = o.opcintype \
            AND k.castmethod = 'b' AND k.castcontext = 'i'))) OR t.typtype = 'e' AS sortable, \
     ARRAY(SELECT CAST(e.enumlabel AS text) FROM pg_enum e WHERE e.enumtypid = t.oid \
       ORDER BY e.enumsortorder) AS labels, \
     (SELECT CAST(e.extname AS text) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
       WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e' \
         AND d.refclassid = 'pg_extension'::regclass) AS extension, \
     coalesce((SELECT NOT l.collisdeterministic FROM pg_collation l WHERE l.oid = c.collation), \
       false) AS folding, \
     (SELECT format('%I.%I', m.nspname, l.collname) FROM pg_collation l \
       JOIN pg_namespace m ON m.oid = l.collnamespace \
       WHERE l.oid = c.collation AND l.collprovider <> 'd') AS collation, \
     t.typtype <> 'e' AND EXISTS (WITH RECURSIVE part(type) AS (SELECT t.oid UNION \
         SELECT x.type FROM part p JOIN pg_type o ON o.oid = p.type CROSS JOIN LATERAL ( \
           SELECT o.typelem WHERE o.typcategory = 'A' UNION ALL \
           SELECT o.typbasetype WHERE o.typtype = 'd' UNION ALL \
           SELECT a.atttypid FROM pg_attribute a WHERE o.typtype = 'c' \
             AND a.attrelid = o.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS x(type)) \
       SELECT FROM part p JOIN pg_cast k ON k.castsource = p.type \
       WHERE k.castmethod = 'f' AND k.oid >= 16384 \
         AND k.casttarget IN ('json'::regtype, 'text'::regtype) \
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass \
           AND d.objid = k.oid AND d.deptype = 'e')) AS \"foreign\" \
   FROM typed c JOIN pg_type t ON t.oid = c.type JOIN pg_namespace n ON n.oid = t.typnamespace \
   WHERE t.typtype <> 'd' AND has_column_privilege(c.attrelid, c.attnum, 'SELECT') \
   ORDER BY c.attrelid, c.attnum";

struct Described {
    owner: Oid,
    name: String,
    filled: bool,
    modifier: i32,
    class: Oid,
    expression: Option<String>,
    builtin: bool,
    r#type: String,
    nature: String,
    category: String,
    spelling: String,
    comment: Option<String>,
    sortable: bool,
    labels: Vec<String>,
    extension: Option<String>,
    folding: bool,
    collation: Option<String>,
    foreign: bool,
}

impl FromRow<'_, PgRow> for Described {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            owner: row.try_get("owner")?,
            name: row.try_get("name")?,
            filled: row.try_get("filled")?,
            modifier: row.try_get("modifier")?,
            class: row.try_get("class")?,
            expression: row.try_get("expression")?,
            builtin: row.try_get("builtin")?,
            r#type: row.try_get("type")?,
            nature: row.try_get("nature")?,
            category: row.try_get("category")?,
            spelling: row.try_get("spelling")?,
            comment: row.try_get("comment")?,
            sortable: row.try_get("sortable")?,
            labels: row.try_get("labels")?,
            extension: row.try_get("extension")?,
            folding: row.try_get("folding")?,
            collation: row.try_get("collation")?,
            foreign: row.try_get("foreign")?,
        })
    }
}

/// Reads the columns of tables.
pub(super) async fn read(
    connection: &mut PgConnection,
    tables: &[Oid],
) -> Result<HashMap<Oid, Vec<Column>>, Failure> {
    let rows = described(connection, tables).await?;
    let compound = rows.iter().filter(|row| row.is_compound() && !row.foreign);
    let compound: Vec<Oid> = compound.map(|row| row.class).collect();
    let parts = parts::read(connection, &compound).await?;
    let mut columns: HashMap<Oid, Vec<Column>> = HashMap::new();
    for row in rows {
        let owner = columns.entry(row.owner).or_default();
        if !row.foreign {
            let parts = parts.get(&row.class).cloned().unwrap_or_default();
            owner.push(row.column(parts));
        }
    }
    Ok(columns)
}

/// The columns that are not read because the owner of a type would have his code run.
pub(super) async fn foreign(
    connection: &mut PgConnection,
    tables: &[Oid],
) -> Result<Vec<(Oid, String)>, Failure> {
    let described = described(connection, tables).await?.into_iter();
    let foreign = described.filter(|column| column.foreign);
    Ok(foreign.map(|column| (column.owner, column.name)).collect())
}

async fn described(
    connection: &mut PgConnection,
    tables: &[Oid],
) -> Result<Vec<Described>, Failure> {
    sqlx::query_as(COLUMNS)
        .persistent(false)
        .bind(tables)
        .fetch_all(connection)
        .await
        .map_err(Failure::from_driver)
}

impl Described {
    /// Whether it is a list or a composite type.
    fn is_compound(&self) -> bool {
        self.nature == "c" || self.category == "A"
    }

    fn column(self, parts: Arc<Parts>) -> Column {
        let folding = self.folding || self.is_of("citext");
        Column {
            stored: Stored::AsItIs,
            field_type: self.field_type(),
            exact: self.is_exact(),
            cast: self.cast(),
            name: self.name,
            nullable: !self.filled,
            sortable: self.sortable,
            dynamic: false,
            bounded: false,
            folding,
            loose: self.folding,
            comment: self.comment,
            values: self.labels,
            parts,
            collation: None,
            compared_by: self.collation,
            documents: false,
            affinity: Affinity::None,
            expression: self.expression,
        }
    }

    fn field_type(&self) -> FieldType {
        match (self.nature.as_str(), self.category.as_str()) {
            ("e", _) => return FieldType::Enum,
            // A composite value becomes an object.
            ("c", _) => return FieldType::Json,
            (_, "A") => return FieldType::Array,
            _ => {}
        }
        if !self.builtin {
            return match () {
                () if self.is_of("citext") => FieldType::Text,
                () if self.is_of("hstore") => FieldType::Json,
                () => FieldType::Other,
            };
        }
        match self.r#type.as_str() {
            "bool" => FieldType::Boolean,
            "int2" | "int4" => FieldType::Integer {
                unsigned: false,
                wide: false,
            },
            "int8" => FieldType::Integer {
                unsigned: false,
                wide: true,
            },
            "numeric" => FieldType::Decimal {
                scale: scale(self.modifier),
            },
            "float4" => FieldType::Float32,
            "float8" => FieldType::Float,
            "text" | "varchar" | "bpchar" | "name" => FieldType::Text,
            "uuid" => FieldType::Uuid,
            "date" => FieldType::Date,
            "time" => FieldType::Time,
            "timestamp" => FieldType::DateTime,
            "timestamptz" => FieldType::Timestamp,
            "inet" | "cidr" => FieldType::Address,
            "json" | "jsonb" => FieldType::Json,
            "bytea" => FieldType::Bytes,
            _ => FieldType::Other,
        }
    }

    /// Whether the type is the one of the extension that is named like it: anybody may take its name
    /// for a type of his own in another schema.
    fn is_of(&self, extension: &str) -> bool {
        self.nature == "b"
            && self.r#type == extension
            && self.extension.as_deref() == Some(extension)
    }

    /// Whether equal values are written alike: a number without a fixed scale keeps its zeros, and a
    /// fraction may be -0.
    fn is_exact(&self) -> bool {
        match self.field_type() {
            FieldType::Boolean
            | FieldType::Integer { .. }
            | FieldType::Uuid
            | FieldType::Date
            | FieldType::Time
            | FieldType::DateTime
            | FieldType::Timestamp
            | FieldType::Enum
            | FieldType::Address => true,
            FieldType::Decimal { scale } => scale.is_some(),
            FieldType::Text => self.builtin && self.r#type != "bpchar" && !self.folding,
            _ => false,
        }
    }

    /// The type to cast a bound value to.
    fn cast(&self) -> String {
        match (self.builtin, self.r#type.as_str()) {
            // Both compare with text by their own indexes, and a name would be cut at 63 bytes.
            (true, "varchar" | "name") => "text".to_owned(),
            // A network takes no address with bits beyond its mask, but compares with one.
            (true, "cidr") => "inet".to_owned(),
            _ => self.spelling.clone(),
        }
    }
}

/// The digits after the point that a modifier of `numeric` fixes.
fn scale(modifier: i32) -> Option<u8> {
    // Since 15 the scale is a signed number of 11 bits.
    let scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
    (modifier >= 4).then(|| u8::try_from(scale).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::scale;

    #[test]
    fn a_modifier_holds_the_scale() {
        assert_eq!(scale(-1), None);
        assert_eq!(scale((10 << 16) + 2 + 4), Some(2));
        assert_eq!(scale((10 << 16) + 4), Some(0));
        assert_eq!(scale((10 << 16) + 4 + (-3 & 0x7ff)), None);
    }
}
