//! Whether a tenant's database can be read, and what of it would be served.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::catalog::{self, Hidden};
use crate::config::{self, DatabaseUrl};
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

/// A database that cannot be read as it is described, or does not answer.
#[derive(Debug)]
pub struct Unread {
    /// What is wrong and what to do, for whoever sits at the machine: it may name the user of the
    /// database and repeat words of its driver.
    pub fault: StartFault,
    /// The engine's code, or how the connection failed, where the database itself refused.
    pub cause: Option<String>,
}

impl From<StartFault> for Unread {
    fn from(fault: StartFault) -> Self {
        Self { fault, cause: None }
    }
}

/// Connects to a tenant's database, reads its whitelist, and leaves again; one that is guarded only
/// where it is in reach.
///
/// # Errors
/// A database that cannot be read.
pub async fn probe(
    database: &Database,
    reach: &Reach,
    query_timeout: Duration,
) -> Result<Probed, Unread> {
    let url = database.url.as_ref().map_err(|fault| StartFault {
        what: fault.to_string(),
        help: "set the keys that the store was filled with, or give the URL anew".to_owned(),
    })?;
    let url = config::database_url("url", url.expose_secret()).map_err(|faults| faulty(&faults))?;
    let url = match database.guarded {
        true => reached(reach, &url).await?,
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
        query_timeout,
        pgbouncer: database.pgbouncer,
    })?;
    let tables = db.tables(&names).await.map_err(|failure| Unread {
        fault: db.start_fault(&failure).unwrap_or_else(|| StartFault {
            what: format!("nothing answers: {place}"),
            help: "is it running, and are host and port right?".to_owned(),
        }),
        cause: failure.cause(),
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
async fn reached(reach: &Reach, url: &DatabaseUrl) -> Result<DatabaseUrl, StartFault> {
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
