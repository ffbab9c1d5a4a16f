//! An answer as a person reads it: the table, and a line below that says what it leaves out.

use indexmap::IndexSet;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{Answer, Data, Row};
use crate::cli::table::{Cell, Table};
use crate::cli::text::visible;

/// The data of an answer in at most `columns` columns of a terminal.
pub(crate) fn data(answer: &Answer<'_>, describes: bool, columns: usize) -> String {
    match answer.shape() {
        Some(Data::Rows(rows)) if describes => models(&rows).render(columns),
        Some(Data::Rows(rows)) => table(&rows).render(columns),
        Some(Data::Record(record)) if describes => model(&record, columns),
        Some(Data::Record(record)) => {
            let table = table(std::slice::from_ref(&record));
            table
                .rows
                .first()
                .map(|row| table.record(row))
                .unwrap_or_default()
        }
        Some(Data::Value(value)) => format!("{}\n", cell(value).text),
        None => String::new(),
    }
}

/// The line below rows: how many, of how many, and how to get the next; none below a record.
pub(crate) fn footer(answer: &Answer<'_>, describes: bool, interactive: bool) -> Option<String> {
    let Some(Data::Rows(rows)) = answer.shape() else {
        return None;
    };
    let count = answer.count.unwrap_or(rows.len() as u64);
    let noun = match (describes, count) {
        (true, 1) => "model",
        (true, _) => "models",
        (false, 1) => "row",
        (false, _) => "rows",
    };
    let mut line = match answer.total {
        Some(total) if total.get() != "null" => {
            format!("{count} of {} {noun}", visible(total.get()))
        }
        _ if answer.has_more => format!("{count} {noun}, and there are more"),
        _ => format!("{count} {noun}"),
    };
    if let Some(offset) = answer.offset.filter(|&offset| offset > 0) {
        line.push_str(&format!(", from offset {offset}"));
    }
    match &answer.hint {
        Some(hint) if answer.truncated => line.push_str(&format!("; {}", visible(hint))),
        None if answer.truncated => {
            line.push_str("; cut at the largest answer the service gives");
        }
        _ => {}
    }
    match &answer.next_cursor {
        Some(_) if interactive => line.push_str("; more shows the next"),
        Some(cursor) => line.push_str(&format!(
            "; the next: \"params\":{{\"cursor\":\"{}\"}}",
            visible(cursor)
        )),
        None => {}
    }
    Some(line)
}

fn table(rows: &[Row<'_>]) -> Table {
    let names: IndexSet<&String> = rows.iter().flat_map(|row| row.keys()).collect();
    Table {
        headings: names
            .iter()
            .map(|name| visible(name).into_owned())
            .collect(),
        rows: rows
            .iter()
            .map(|row| {
                names
                    .iter()
                    .map(|&name| row.get(name).map(|value| cell(value)).unwrap_or_default())
                    .collect()
            })
            .collect(),
    }
}

/// The exposed models, a line each, their fields by name.
fn models(rows: &[Row<'_>]) -> Table {
    let mut table = table(rows);
    for (cells, row) in table.rows.iter_mut().zip(rows) {
        for (cell, heading) in cells.iter_mut().zip(&table.headings) {
            if let Some(names) = row.get(heading).and_then(|value| names(value)) {
                *cell = Cell::text(names);
            }
        }
    }
    table
}

/// One model: what it is, then a table of its fields.
fn model(record: &Row<'_>, columns: usize) -> String {
    let mut about = record.clone();
    let fields = about.shift_remove("fields");
    let head = models(std::slice::from_ref(&about));
    let mut shown = head
        .rows
        .first()
        .map(|row| head.record(row))
        .unwrap_or_default();
    let fields: Option<Vec<Row<'_>>> =
        fields.and_then(|fields| serde_json::from_str(fields.get()).ok());
    if let Some(mut fields) = fields {
        // A field says only what there is to say of it: what none of them has is no column.
        let said: IndexSet<String> = fields
            .iter()
            .flat_map(|field| {
                field
                    .iter()
                    .filter(|(_, value)| !matches!(value.get(), "null" | "[]"))
            })
            .map(|(name, _)| name.clone())
            .collect();
        for field in &mut fields {
            field.retain(|name, value| said.contains(name) && value.get() != "null");
        }
        shown.push('\n');
        shown.push_str(&models(&fields).render(columns));
    }
    shown
}

/// A list of names, or of objects with a name, joined by commas; a reference as `model.field`.
fn names(value: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NameTree {
        Many(Vec<NameTree>),
        Name(String),
        Object { name: String },
        Reference { model: String, field: String },
    }
    fn join(named: NameTree) -> String {
        match named {
            NameTree::Many(list) => list.into_iter().map(join).collect::<Vec<_>>().join(", "),
            NameTree::Name(name) | NameTree::Object { name } => name,
            NameTree::Reference { model, field } => format!("{model}.{field}"),
        }
    }
    let named: NameTree = serde_json::from_str(value.get()).ok()?;
    Some(visible(&join(named)).into_owned())
}

fn cell(value: &RawValue) -> Cell {
    let text = value.get();
    if text.starts_with('"') {
        let text: String = serde_json::from_str(text).unwrap_or_else(|_| text.to_owned());
        return Cell::text(visible(&text));
    }
    let right = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    Cell {
        text: visible(text).into_owned(),
        right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, describes: bool) -> (String, Option<String>) {
        let answer = Answer::parse(text).unwrap();
        (
            data(&answer, describes, 80),
            footer(&answer, describes, false),
        )
    }

    #[test]
    fn rows_become_columns_and_keep_their_digits() {
        let (table, footer) = shown(
            r#"{"id":1,"status":"ok","data":[
                {"id":1,"amount":12345678901234567890.10,"tags":["a","b"],"note":"a\u001b[31m\nb"},
                {"id":2,"amount":0.5,"tags":null,"note":""}],
               "count":2,"limit":2,"offset":4,"has_more":true,"next_cursor":"abc","total":9}"#,
            false,
        );
        insta::assert_snapshot!(table, @r#"
        id                   amount  tags       note
        ──  ───────────────────────  ─────────  ──────────────
         1  12345678901234567890.10  ["a","b"]  a\u001b[31m\nb
         2                      0.5  null
        "#);
        assert_eq!(
            footer.unwrap(),
            r#"2 of 9 rows, from offset 4; the next: "params":{"cursor":"abc"}"#
        );
    }

    #[test]
    fn rows_as_lists_are_the_same_table() {
        let end = r#""count":2,"limit":2,"offset":0,"has_more":false}"#;
        let lists =
            format!(r#"{{"status":"ok","columns":["id","name"],"data":[[1,"Ada"],[2,null]],{end}"#);
        let objects = format!(
            r#"{{"status":"ok","data":[{{"id":1,"name":"Ada"}},{{"id":2,"name":null}}],{end}"#
        );
        assert_eq!(shown(&lists, false), shown(&objects, false));
    }

    #[test]
    fn a_record_stands_upright() {
        let (record, footer) = shown(
            r#"{"status":"ok","data":{"id":7,"first_name":"Ada","spouse":null}}"#,
            false,
        );
        insta::assert_snapshot!(record, @"
        id          7
        first_name  Ada
        spouse      null
        ");
        assert_eq!(footer, None);
    }

    #[test]
    fn a_model_is_its_head_and_its_fields() {
        let (model, _) = shown(
            r#"{"status":"ok","data":{"name":"users","kind":"table","primary_key":["id"],"estimated_rows":12,"fields":[
                {"name":"id","type":"integer","nullable":false,"description":null,"indexed":true},
                {"name":"role","type":"enum","nullable":true,"description":null,"values":["admin","user"],"indexed":false},
                {"name":"team_id","type":"integer","nullable":true,"indexed":true,"references":{"model":"teams","field":"id"}}],
                "expand":[{"name":"team","model":"teams"}]}}"#,
            true,
        );
        insta::assert_snapshot!(model, @"
        name            users
        kind            table
        primary_key     id
        estimated_rows  12
        expand          team

        name     type     nullable  indexed  values       references
        ───────  ───────  ────────  ───────  ───────────  ──────────
        id       integer  false     true
        role     enum     true      false    admin, user
        team_id  integer  true      true                  teams.id
        ");
    }

    #[test]
    fn all_models_are_a_line_each() {
        let (models, footer) = shown(
            r#"{"status":"ok","data":[{"name":"users","kind":"table","primary_key":["id"],"estimated_rows":12,
                "fields":[{"name":"id"},{"name":"role"}],"expand":[]}]}"#,
            true,
        );
        insta::assert_snapshot!(models, @"
        name   kind   primary_key  estimated_rows  fields    expand
        ─────  ─────  ───────────  ──────────────  ────────  ──────
        users  table  id                       12  id, role
        ");
        assert_eq!(footer.unwrap(), "1 model");
    }

    #[test]
    fn no_rows_are_said_to_be_none() {
        let (table, footer) = shown(
            r#"{"status":"ok","data":[],"count":0,"limit":50,"offset":0}"#,
            false,
        );
        assert_eq!(table.trim(), "");
        assert_eq!(footer.unwrap(), "0 rows");
    }
}
