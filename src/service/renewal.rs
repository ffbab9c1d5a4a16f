//! A request that finds its database changed: the catalog is read again, and the request is answered
//! by what is there now.
//!
//! The request reads, together with all others that found the same; whoever owns the configuration
//! in force is asked to serve what was read. Without such an owner nothing is read again.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::page::Fail;
use super::{Answer, Inquiry, Service, Terms};
use crate::catalog::{Field, FieldType};
use crate::db::Failure;
use crate::error::ErrorKind;
use crate::policy::{Exposed, Policy};
use crate::protocol::Read;

/// What a reading may have to wait for the one before it.
const TURN: Duration = Duration::from_secs(2);

/// Before which a request is tried once more when its database was read, and once again.
const PAUSES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(150)];

/// Asks that what was read be served, and hears that it is.
pub(crate) type Asking = mpsc::Sender<oneshot::Sender<()>>;

/// Who asks.
pub(crate) type Renewals = mpsc::Receiver<oneshot::Sender<()>>;

/// The next who asks.
pub(crate) async fn asked(renewals: &mut Renewals) -> oneshot::Sender<()> {
    match renewals.recv().await {
        Some(asked) => asked,
        None => std::future::pending().await,
    }
}

impl Service {
    /// Hears of databases that were found changed; one owner of the configuration does.
    pub(crate) fn renewals(&self) -> Renewals {
        let (asking, renewals) = mpsc::channel(1);
        let _ = self.renewals.set(asking);
        renewals
    }

    /// Answers a request, once more where the first time shows that its database has changed.
    pub(super) async fn run(
        &self,
        terms: Terms<'_>,
        asked: Inquiry<'_>,
        out: Vec<u8>,
        filters: &mut Vec<String>,
    ) -> Result<Answer, Fail> {
        let begun = out.clone();
        let fail = match self.attempt(terms, asked, out, filters).await {
            Err(fail)
                if fail.changed
                    || may_be_back(terms.policy, &fail)
                    || may_be_new(terms.policy, asked.read, &fail) =>
            {
                fail
            }
            answered => return answered,
        };
        // Rare, and large: it takes no room of the request's own.
        Box::pin(self.again(terms, asked, begun, filters, fail)).await
    }

    async fn again(
        &self,
        terms: Terms<'_>,
        asked: Inquiry<'_>,
        out: Vec<u8>,
        filters: &mut Vec<String>,
        mut fail: Fail,
    ) -> Result<Answer, Fail> {
        let Some(asking) = self.renewals.get() else {
            return Err(fail);
        };
        let renewed = self.renewed(terms, asked.read, asking, &fail).await;
        let Some(renewed) = renewed? else {
            return Err(fail);
        };
        // What was taken away meanwhile is taken away.
        let policy = self.access().policy(&asked.caller.credential);
        let policy = policy.map_err(|_| ErrorKind::Unavailable)?;
        let terms = Terms {
            policy: &policy,
            ..terms
        };
        for pause in PAUSES {
            sleep(pause).await;
            filters.clear();
            match self.attempt(terms, asked, out.clone(), filters).await {
                Err(again) if again.changed && renewed => {
                    return Err(ErrorKind::Unavailable.into());
                }
                // It fails for good, or it was changed and changed back: then it is looked at when
                // that is over.
                Err(again) if again.changed => fail = again,
                answered => return answered,
            }
        }
        Err(fail)
    }

    /// Has the database of a request that failed read again; whether it has changed, and `None`
    /// where the failure stands.
    async fn renewed(
        &self,
        terms: Terms<'_>,
        read: &Read<'_>,
        asking: &Asking,
        fail: &Fail,
    ) -> Result<Option<bool>, Fail> {
        let patience = TURN + terms.policy.settings.query_timeout;
        match timeout(patience, renew(terms.policy, read, asking)).await {
            Ok(Ok(renewed)) if renewed || fail.changed => Ok(Some(renewed)),
            Ok(Ok(_)) => Ok(None),
            // A refusal is one, whatever the database tells.
            _ if !fail.changed => Ok(None),
            Ok(Err(failure)) => {
                debug!(?failure, "the catalog could not be read again");
                Err(ErrorKind::Unavailable.into())
            }
            Err(_) => Err(ErrorKind::Unavailable.into()),
        }
    }
}

/// Whether a request may be refused for something that was taken away and is back.
fn may_be_back(policy: &Policy, fail: &Fail) -> bool {
    let mut exposed = policy.exposed.iter();
    // A tool whose SQL names what was taken away fails at every call.
    let kind = fail.error.kind();
    let may = !kind.is_failure() || matches!(kind, ErrorKind::ToolFailed(_));
    may && exposed.any(|exposed| exposed.may_be_back())
}

/// Whether a value was refused that an enum may have by now.
fn may_be_new(policy: &Policy, read: &Read<'_>, fail: &Fail) -> bool {
    let ErrorKind::InvalidValue { field, .. } = fail.error.kind() else {
        return false;
    };
    let Some(served) = read.model.and_then(|name| policy.model(name)) else {
        return false;
    };
    let is_enum = |field: &Field| field.field_type() == FieldType::Enum;
    let named = served.model.field(field).map(is_enum);
    named.unwrap_or_else(|| served.model.key().any(is_enum)) && served.exposed.is_due()
}

/// Reads the database of a request again and has it served; whether it has changed.
async fn renew(policy: &Policy, read: &Read<'_>, asking: &Asking) -> Result<bool, Failure> {
    let of_model = read.model.and_then(|name| policy.model(name));
    let of_model = of_model.map(|served| served.exposed);
    let of_tool = || Some(&**policy.tool(read.tool?).ok()?.1);
    let concerned: Vec<&Exposed> = match of_model.or_else(of_tool) {
        Some(exposed) => vec![exposed],
        None => {
            let all = policy.exposed.iter().map(|exposed| &**exposed);
            all.filter(|exposed| exposed.may_be_back()).collect()
        }
    };
    let mut changed = false;
    for exposed in concerned {
        // A place that cannot be had is waited for by the request itself.
        let _in_use = exposed.enter().await;
        changed |= exposed.renew().await?;
    }
    if !changed {
        return Ok(false);
    }
    let (told, heard) = oneshot::channel();
    if asking.send(told).await.is_err() {
        return Ok(false);
    }
    Ok(heard.await.is_ok())
}
