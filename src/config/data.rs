//! Which database is read, and what of it may be seen.

use serde::Deserialize;

use super::change::Widens;
use super::check::Check;
use super::database::DatabaseUrl;
use super::fault::{Faults, quoted};
use super::field_types::{self, FieldType};
use super::models::{self, ModelName};
use super::reader::Reader;
use super::relations::{self, GivenRelation};
use super::secrets::{self, Secret};
use super::variables::{Group, secret, unset, variable};
use crate::advice::Advice;
use crate::sensitive::Sensitive;

/// The variables of this concern.
pub(super) const GROUP: Group = Group {
    title: "The data",
    variables: &[
        secret(
            "DATABASE_URL",
            "sqlite:…, postgres://…, mysql://… or mariadb://…, needed when enabled",
        ),
        variable(
            "MCP_ALLOWED_MODELS",
            "users,tickets,change_log",
            "tables and views to expose: name, schema.name or alias=schema.name",
        )
        .follows(Widens::Added),
        unset(
            "MCP_HIDDEN_FIELDS",
            "more sensitive fields: field or model.field, with *",
        )
        .follows(Widens::Removed),
        unset(
            "MCP_REVEAL_FIELDS",
            "fields that a built-in rule hides wrongly: model.field",
        )
        .follows(Widens::Added),
        unset(
            "MCP_FIELD_TYPES",
            "what columns of an SQLite file hold: orders.at=unix_ms",
        )
        .follows(Widens::Any),
        unset(
            "MCP_RELATIONS",
            "keys between models that the database has not: orders.customer_id=customers.id",
        )
        .follows(Widens::Never),
        variable(
            "MCP_READONLY",
            "true",
            "false changes only an error text: there is no write path",
        )
        .follows(Widens::Never),
        variable(
            "MCP_NUMBERS",
            "native",
            "string sends 64-bit integers and decimals as strings",
        )
        .follows(Widens::Never),
    ],
};

/// Which database is read, and what of it may be seen.
#[derive(Debug)]
pub struct Data {
    /// The database to read; there when enabled without a store.
    pub database: Option<DatabaseUrl>,
    /// The whitelist, in its order; at least one entry, each with a name of its own.
    pub models: Vec<ModelName>,
    /// Which fields never leave the service.
    pub sensitive: Sensitive,
    /// What columns of an SQLite file hold.
    pub(crate) field_types: Vec<FieldType>,
    /// Keys between models that the database does not tell of.
    pub relations: Vec<GivenRelation>,
    /// Chooses the error text for writing actions, nothing else.
    pub read_only: bool,
    /// How large integers and decimals are sent.
    pub numbers: Numbers,
}

/// How 64-bit integers and decimals are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// As JSON numbers with all their digits.
    Native,
    /// As strings, for clients that would round them.
    String,
}

/// The variables as they were typed.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Texts {
    database_url: Option<String>,
    database_url_file: Option<String>,
    mcp_allowed_models: String,
    mcp_hidden_fields: Option<String>,
    mcp_reveal_fields: Option<String>,
    mcp_field_types: Option<String>,
    mcp_relations: Option<String>,
    mcp_readonly: String,
    mcp_numbers: String,
}

pub(super) fn read(reader: &mut Reader) -> Result<Data, Faults> {
    let typed: Texts = reader.typed()?;
    let found = reader.needed(
        "DATABASE_URL",
        (typed.database_url, typed.database_url_file),
    );
    let database = match found {
        Secret::Found { variable, text } => database(&mut reader.needed, &variable, &text),
        Secret::Missing => {
            let help = if reader.is_set("DATABASE_URI") {
                "DATABASE_URI is set: give its value to DATABASE_URL"
            } else {
                "for example DATABASE_URL=sqlite:data/shop.db"
            };
            reader.missing("DATABASE_URL", help);
            None
        }
        Secret::Faulty => None,
    };
    let check = &mut reader.check;
    let models = models::parse(&typed.mcp_allowed_models).unwrap_or_else(|reasons| {
        for reason in reasons {
            check.fault("MCP_ALLOWED_MODELS", reason);
        }
        Vec::new()
    });
    let is_server = matches!(database, Some(DatabaseUrl::Server(_)));
    let numbers = [("native", Numbers::Native), ("string", Numbers::String)];
    Ok(Data {
        database,
        models,
        sensitive: sensitive(check, typed.mcp_hidden_fields, typed.mcp_reveal_fields),
        field_types: field_types(check, typed.mcp_field_types, is_server),
        relations: relations(check, typed.mcp_relations),
        read_only: check.boolean("MCP_READONLY", &typed.mcp_readonly, true),
        numbers: check.choice("MCP_NUMBERS", &typed.mcp_numbers, &numbers, Numbers::Native),
    })
}

fn database(check: &mut Check, variable: &str, text: &str) -> Option<DatabaseUrl> {
    if secrets::is_placeholder(text) {
        let help = "for example DATABASE_URL=sqlite:data/shop.db";
        check.fault(variable, Advice::new("is a well-known placeholder", help));
        return None;
    }
    let (database, ignored) = check.accept(variable, DatabaseUrl::parse(text))?;
    for name in ignored {
        let message = format!(
            "the parameter {} means nothing here and is left out",
            quoted(&name)
        );
        check.warn(variable, message, "take it out of the URL");
    }
    Some(database)
}

fn sensitive(check: &mut Check, hidden: Option<String>, reveal: Option<String>) -> Sensitive {
    let mut entries = |variable, text: Option<String>| {
        check.list(variable, &text.unwrap_or_default(), |entry| {
            Ok(entry.to_owned())
        })
    };
    let hidden = entries("MCP_HIDDEN_FIELDS", hidden);
    let reveal = entries("MCP_REVEAL_FIELDS", reveal);
    Sensitive::new(&hidden, &reveal).unwrap_or_else(|invalid| {
        for invalid in invalid {
            let message = format!(
                "expected {}, not {}",
                invalid.expected,
                quoted(&invalid.entry)
            );
            let help = format!("for example {}=users.phone", invalid.variable);
            check.fault(invalid.variable, Advice::new(message, help));
        }
        Sensitive::default()
    })
}

fn field_types(check: &mut Check, text: Option<String>, is_server: bool) -> Vec<FieldType> {
    const NAME: &str = "MCP_FIELD_TYPES";
    let types = check.list(NAME, &text.unwrap_or_default(), field_types::parse);
    if is_server && !types.is_empty() {
        let reason = Advice::new(
            "is for SQLite; a server tells the types of its columns itself",
            "leave it out",
        );
        check.fault(NAME, reason);
    }
    types
}

fn relations(check: &mut Check, text: Option<String>) -> Vec<GivenRelation> {
    let read = relations::parse(&text.unwrap_or_default());
    read.unwrap_or_else(|reasons| {
        for reason in reasons {
            check.fault("MCP_RELATIONS", reason);
        }
        Vec::new()
    })
}
