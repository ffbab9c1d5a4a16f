//! What has the grammar of a variable and is given elsewhere: as an argument of a command, in a
//! request of the admin API, or in a row of the store.
//!
//! `place` is what the fault names in the variable's stead, such as `--url`.

use super::check::Check;
use super::database::DatabaseUrl;
use super::fault::{Faults, quoted};
use super::models::{self, ModelName};
use super::relations::{self, GivenRelation};
use super::secrets;
use crate::advice::Advice;
use crate::sensitive::Sensitive;

/// Reads what `DATABASE_URL` holds.
///
/// # Errors
/// What is wrong with it, without a user or password. A parameter without a meaning is a fault
/// here: there is nobody to be warned.
pub(crate) fn database_url(place: &str, text: &str) -> Result<DatabaseUrl, Faults> {
    const EXAMPLES: &str =
        "for example sqlite:data/shop.db or postgres://reader:password@localhost:5432/shop";
    if secrets::is_placeholder(text) {
        let reason = Advice::new("is a well-known placeholder", EXAMPLES);
        return Err(Faults::one(reason.of(place)));
    }
    match DatabaseUrl::parse(text) {
        Ok((url, ignored)) => match ignored.first() {
            None => Ok(url),
            Some(name) => {
                let message = format!("the parameter {} means nothing here", quoted(name));
                let reason = Advice::new(message, "take it out of the URL");
                Err(Faults::one(reason.of(place)))
            }
        },
        Err(reason) => Err(Faults::one(reason.of(place))),
    }
}

/// Reads the URL of a tenant's database, as `DATABASE_URL`; it is complete by itself, whatever stands
/// in the environment and the files of whoever runs the service.
///
/// # Errors
/// As [`database_url`]; a URL without a user too.
pub(crate) fn tenant_url(place: &str, text: &str) -> Result<DatabaseUrl, Faults> {
    match database_url(place, text)? {
        DatabaseUrl::Sqlite(file) => Ok(DatabaseUrl::Sqlite(file)),
        DatabaseUrl::Server(server) => match server.standalone() {
            Ok(server) => Ok(DatabaseUrl::Server(server)),
            Err(reason) => Err(Faults::one(reason.of(place))),
        },
    }
}

/// Reads what `MCP_ALLOWED_MODELS` holds.
///
/// # Errors
/// Everything that is wrong with it; an empty list too.
pub(crate) fn model_names(place: &str, text: &str) -> Result<Vec<ModelName>, Faults> {
    models::parse(text).map_err(|reasons| {
        let mut check = Check::default();
        for reason in reasons {
            let help = match reason.help.contains("MCP_ALLOWED_MODELS") {
                true => "name what to expose: users,tickets".to_owned(),
                false => reason.help,
            };
            check.fault(place, Advice { help, ..reason });
        }
        Faults::of(check)
    })
}

/// Reads what `MCP_RELATIONS` holds.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn given_relations(place: &str, text: &str) -> Result<Vec<GivenRelation>, Faults> {
    relations::parse(text).map_err(|reasons| {
        let mut check = Check::default();
        for reason in reasons {
            check.fault(place, reason);
        }
        Faults::of(check)
    })
}

/// Reads what `MCP_HIDDEN_FIELDS` and `MCP_REVEAL_FIELDS` hold.
///
/// # Errors
/// Everything that is wrong with them.
pub fn sensitive(
    (hidden_place, hidden): (&str, &str),
    (reveal_place, reveal): (&str, &str),
) -> Result<Sensitive, Faults> {
    let entries = |text: &str| -> Vec<String> {
        let entries = text.split(',').map(str::trim);
        entries
            .filter(|entry| !entry.is_empty())
            .map(str::to_owned)
            .collect()
    };
    Sensitive::new(&entries(hidden), &entries(reveal)).map_err(|invalid| {
        let mut check = Check::default();
        for invalid in invalid {
            let place = match invalid.variable {
                "MCP_HIDDEN_FIELDS" => hidden_place,
                _ => reveal_place,
            };
            let message = format!(
                "expected {}, not {}",
                invalid.expected,
                quoted(&invalid.entry)
            );
            check.fault(place, Advice::new(message, "for example users.phone"));
        }
        Faults::of(check)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_or_refused_without_its_password() {
        let url = database_url("--url", "postgres://u:s3cret@db/shop").unwrap();
        assert_eq!(url.to_string(), "PostgreSQL at db:5432/shop");
        for text in [
            "oracle://u:s3cret@db/shop",
            "postgres://u:s3cret@db/shop?nonsense=s3cret",
            "changeme",
            "s3cret",
        ] {
            let told = database_url("--url", text).unwrap_err().to_string();
            assert!(told.starts_with("error: --url: "), "{told}");
            assert!(!told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn lists_name_the_place_that_they_stand_in() {
        assert_eq!(model_names("--models", "users,t=tickets").unwrap().len(), 2);
        let told = model_names("--models", "").unwrap_err().to_string();
        assert!(told.starts_with("error: --models: "), "{told}");
        assert!(!told.contains("MCP_"), "{told}");
        let places = (("--hidden", "users."), ("--reveal", "*"));
        let told = sensitive(places.0, places.1).unwrap_err().to_string();
        assert!(told.contains("error: --hidden: "), "{told}");
        assert!(told.contains("error: --reveal: "), "{told}");
        assert!(sensitive(("--hidden", "users.phone, note"), ("--reveal", "")).is_ok());
    }
}
