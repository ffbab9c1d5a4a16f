//! Members of a table by their types; what is wrong with one is kept, with its place.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use serde_json::value::RawValue;
use toml_edit::{Item, TableLike, Value};

use crate::suggest;
use crate::tools::{Fault, Place};

/// Where something stands in the text, in bytes.
pub(super) type Span = Option<Range<usize>>;

/// Reads one file.
pub(super) struct Reader<'t> {
    file: Arc<str>,
    text: &'t str,
    /// The tool that is read: its name, and where it begins.
    tool: Option<(String, Span)>,
    names: HashSet<String>,
    faults: Vec<Fault>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(file: Arc<str>, text: &'t str) -> Self {
        Self {
            file,
            text,
            tool: None,
            names: HashSet::new(),
            faults: Vec::new(),
        }
    }

    /// Begins a tool.
    pub(super) fn enter(&mut self, name: &str, span: Span) {
        self.tool = Some((name.to_owned(), span));
    }

    /// Ends a tool.
    pub(super) fn leave(&mut self) {
        self.tool = None;
    }

    /// Whether no tool of the file had that name yet.
    pub(super) fn is_new(&mut self, name: &str) -> bool {
        self.names.insert(name.to_owned())
    }

    /// How many faults there are so far.
    pub(super) fn count(&self) -> usize {
        self.faults.len()
    }

    /// Every fault, in the order of the file.
    pub(super) fn done(mut self) -> Vec<Fault> {
        self.faults
            .sort_by_key(|fault| (fault.place.line, fault.place.column));
        self.faults
    }

    /// A place; without one, where the tool begins.
    pub(super) fn place(&self, span: Span) -> Place {
        let of_tool = self.tool.as_ref().and_then(|(_, span)| span.clone());
        let at = span.or(of_tool).map_or(0, |span| span.start);
        Place::of(&self.file, self.text, at)
    }

    /// Where the first character of a text stands, behind the quotes that open it.
    pub(super) fn start_of(&self, table: &dyn TableLike, name: &str) -> Place {
        let at = table
            .get(name)
            .and_then(Item::span)
            .map_or(0, |span| span.start);
        let rest = self.text.get(at..).unwrap_or_default();
        let quotes = match rest.as_bytes() {
            [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..] => 3,
            _ => 1,
        };
        let body = rest.get(quotes..).unwrap_or_default();
        let newline = match body.as_bytes() {
            [b'\n', ..] if quotes == 3 => 1,
            [b'\r', b'\n', ..] if quotes == 3 => 2,
            _ => 0,
        };
        Place::of(&self.file, self.text, at + quotes + newline)
    }

    pub(super) fn fault(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let name = self.tool.as_ref().map(|(name, _)| name.clone());
        self.faults.push(Fault {
            place: self.place(span),
            tool: name.filter(|name| !name.is_empty()),
            message: message.into(),
            help: help.into(),
        });
    }

    /// A fault of a member.
    pub(super) fn at(
        &mut self,
        table: &dyn TableLike,
        name: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.fault(
            table.get(name).and_then(Item::span),
            format!("{name} {}", message.into()),
            help,
        );
    }

    /// Refuses members that there are not.
    pub(super) fn only(&mut self, table: &dyn TableLike, known: &[&str]) {
        for (name, item) in table.iter() {
            if !known.contains(&name) {
                let span = table
                    .key(name)
                    .and_then(toml_edit::Key::span)
                    .or_else(|| item.span());
                let help = match suggest::nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("there are {}", known.join(", ")),
                };
                self.fault(span, format!("{name} is no member that there is"), help);
            }
        }
    }

    /// A text that must be there.
    pub(super) fn needed(
        &mut self,
        table: &dyn TableLike,
        name: &str,
        help: &str,
    ) -> Option<String> {
        if !table.contains_key(name) {
            self.fault(None, format!("{name} is missing"), help);
        }
        self.text(table, name)
    }

    /// A text.
    pub(super) fn text(&mut self, table: &dyn TableLike, name: &str) -> Option<String> {
        let item = table.get(name)?;
        let text = item.as_str().map(str::to_owned);
        if text.is_none() {
            self.at(
                table,
                name,
                "is no text".to_owned(),
                "write it between quotes".to_owned(),
            );
        }
        text
    }

    /// A list of texts; empty where it is not there.
    pub(super) fn texts(&mut self, table: &dyn TableLike, name: &str) -> Vec<String> {
        let Some(item) = table.get(name) else {
            return Vec::new();
        };
        let texts = item.as_array().and_then(|members| {
            let texts = members
                .iter()
                .map(|member| member.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<String>>>()
        });
        if texts.is_none() {
            self.at(
                table,
                name,
                "is no list of texts".to_owned(),
                format!("write {name} = [\"…\"]"),
            );
        }
        texts.unwrap_or_default()
    }

    /// True or false.
    pub(super) fn flag(&mut self, table: &dyn TableLike, name: &str) -> Option<bool> {
        let item = table.get(name)?;
        let flag = item.as_bool();
        if flag.is_none() {
            self.at(
                table,
                name,
                "is neither true nor false".to_owned(),
                format!("write {name} = true"),
            );
        }
        flag
    }

    /// A whole number within bounds.
    pub(super) fn whole(
        &mut self,
        table: &dyn TableLike,
        name: &str,
        least: i64,
        most: i64,
    ) -> Option<i64> {
        let item = table.get(name)?;
        let number = item
            .as_integer()
            .filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.at(
                table,
                name,
                format!("is no whole number from {least} to {most}"),
                format!("write {name} = {least} or more"),
            );
        }
        number
    }

    /// Seconds, whole or not.
    pub(super) fn seconds(&mut self, table: &dyn TableLike, name: &str) -> Option<Duration> {
        let item = table.get(name)?;
        #[expect(clippy::cast_precision_loss, reason = "seconds of a timeout")]
        let seconds = item
            .as_float()
            .or_else(|| item.as_integer().map(|whole| whole as f64));
        let sound = seconds.filter(|seconds| (0.001..=3_600.0).contains(seconds));
        if sound.is_none() {
            self.at(
                table,
                name,
                "is no number of seconds from 0.001 to 3600".to_owned(),
                format!("write {name} = 2"),
            );
        }
        sound.map(Duration::from_secs_f64)
    }

    /// A table.
    pub(super) fn table<'i>(
        &mut self,
        table: &'i dyn TableLike,
        name: &str,
    ) -> Option<&'i dyn TableLike> {
        let item = table.get(name)?;
        let inner = item.as_table_like();
        if inner.is_none() {
            self.at(
                table,
                name,
                "is no table".to_owned(),
                format!("write {name} = {{ … }}"),
            );
        }
        inner
    }

    /// A value that is no table of its own.
    pub(super) fn value<'i>(&mut self, table: &'i dyn TableLike, name: &str) -> Option<&'i Value> {
        let item = table.get(name)?;
        let value = item.as_value();
        if value.is_none() {
            self.at(table, name, "is no value", format!("write {name} = …"));
        }
        value
    }

    /// A value as JSON, its numbers as they are written; dates and times are texts.
    pub(super) fn raw(&self, value: &Value) -> Option<Box<RawValue>> {
        RawValue::from_string(text_of(value, self.text)).ok()
    }

    /// The same, for what is compared with an answer.
    pub(super) fn json(&self, value: &Value) -> Json {
        serde_json::from_str(&text_of(value, self.text)).unwrap_or(Json::Null)
    }
}

fn text_of(value: &Value, source: &str) -> String {
    match value {
        Value::String(text) => Json::from(&**text.value()).to_string(),
        Value::Integer(number) => number.value().to_string(),
        // Infinities and NaN are no JSON, and fit no type.
        Value::Float(number) => match number.span().and_then(|span| source.get(span)) {
            Some(written) => written.replace('_', "").trim_start_matches('+').to_owned(),
            None => number.value().to_string(),
        },
        Value::Boolean(flag) => flag.value().to_string(),
        Value::Datetime(moment) => Json::from(moment.value().to_string()).to_string(),
        Value::Array(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|member| text_of(member, source))
                .collect();
            format!("[{}]", members.join(","))
        }
        Value::InlineTable(members) => {
            let member = |(name, value)| format!("{}:{}", Json::from(name), text_of(value, source));
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}
