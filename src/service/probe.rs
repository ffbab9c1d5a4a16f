//! Whether a tenant's database can be read, and what of it would be served.

use secrecy::ExposeSecret as _;

use crate::catalog::{self, Hidden};
use crate::config::{self, Config, DatabaseUrl};
use crate::db::{Db, Options, StartFault, Weakness};
use crate::reach::Reach;
use crate::store::Database;

/// Sessions that a look takes.
const SESSIONS: usize = 1;

/// What was found in a database that can be read.
#[derive(Debug)]
pub struct Probed {
    /// The models that would be served, each with the number of its fields.
    pub models: Vec<(String, usize)>,
    /// Fields that a rule hides.
    pub hidden: Vec<Hidden>,
    /// Names of the whitelist that would not be served, and why.
    pub missing: Vec<(String, String)>,
    /// What the database's role could do beyond reading what is served.
    pub weaknesses: Vec<Weakness>,
}

/// Connects to a tenant's database, reads its whitelist, and leaves again.
///
/// # Errors
/// A database that cannot be read as it is described, with what to do; one that does not answer
/// too.
pub async fn probe(config: &Config, database: &Database) -> Result<Probed, StartFault> {
    let url = database.url.as_ref().map_err(|fault| StartFault {
        what: fault.to_string(),
        help: "set the keys that the store was filled with, or give the URL anew".to_owned(),
    })?;
    let url = config::database_url("url", url.expose_secret()).map_err(|faults| faulty(&faults))?;
    let url = match database.guarded {
        true => reached(config, &url).await?,
        false => url,
    };
    let names =
        config::model_names("models", &database.models).map_err(|faults| faulty(&faults))?;
    let fields = (("hidden", &*database.hidden), ("reveal", &*database.reveal));
    let sensitive = config::sensitive(fields.0, fields.1).map_err(|faults| faulty(&faults))?;
    let place = url.to_string();
    let db = Db::new(&Options {
        url,
        pool_size: SESSIONS,
        query_timeout: config.query_timeout,
        pgbouncer: database.pgbouncer,
    })?;
    let tables = db.tables(&names).await.map_err(|failure| {
        db.start_fault(&failure).unwrap_or_else(|| StartFault {
            what: format!("nothing answers: {place}"),
            help: "is it running, and are host and port right?".to_owned(),
        })
    })?;
    let built = catalog::build(names.iter().zip(tables).collect(), &sensitive);
    let weaknesses = db.weaknesses(&built.catalog, &built.hidden).await;
    let models = built.catalog.models().iter();
    let missing = built.missing.into_iter();
    Ok(Probed {
        models: models
            .map(|model| (model.name().to_owned(), model.fields().len()))
            .collect(),
        missing: missing
            .map(|missing| (missing.name, missing.reason))
            .collect(),
        hidden: built.hidden,
        weaknesses: weaknesses.unwrap_or_default(),
    })
}

/// A database that came by the admin API, where the operator allows it to be.
async fn reached(config: &Config, url: &DatabaseUrl) -> Result<DatabaseUrl, StartFault> {
    let reach = Reach::new(config.database_places.clone());
    reach.judge(url).await.map_err(|out| StartFault {
        what: out.what,
        help: out.help.to_owned(),
    })
}

fn faulty(faults: &config::Faults) -> StartFault {
    let told = faults.iter().next();
    StartFault {
        what: told.map_or_else(String::new, |it| format!("{}: {}", it.variable, it.message)),
        help: told.map_or_else(String::new, |it| it.help.clone()),
    }
}
