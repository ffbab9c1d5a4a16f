//! The policy of one connection, from its first message to its last.

use std::sync::Arc;

use tokio::sync::watch;

use super::Service;
use crate::auth::{Credential, Refused};
use crate::policy::{Access, Policy};

/// The policy of one connection. It is judged again when it may have changed, by whatever the
/// connection is carried: a token that lets nobody in any more ends it.
#[derive(Debug)]
pub(crate) struct PolicyReceiver {
    service: Arc<Service>,
    /// What let it in; without a credential it is that of the configuration.
    credential: Option<Credential>,
    policy: Arc<Policy>,
    /// Who was let in when it was looked at last.
    access: Option<Arc<Access>>,
    news: watch::Receiver<()>,
}

/// What a look at a policy came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is the same.
    Nothing,
    /// It is another one.
    Policy,
    /// It is another one, by which other models are served.
    Models,
}

impl PolicyReceiver {
    /// The policy by which a connection was let in. The first news is there at once: a token that
    /// went while the connection was being made goes then.
    pub(crate) fn new(
        service: &Arc<Service>,
        credential: Option<Credential>,
        policy: Arc<Policy>,
    ) -> Self {
        let mut news = service.replaced.subscribe();
        news.mark_changed();
        Self {
            service: Arc::clone(service),
            credential,
            policy,
            access: None,
            news,
        }
    }

    /// The policy as it was looked at last.
    pub(crate) fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// What tells that it is time to look; for one who waits for it over many messages.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.clone()
    }

    /// Waits until the policy may have changed, and looks; given up, it loses nothing.
    ///
    /// # Errors
    /// As [`PolicyReceiver::look`].
    pub(crate) async fn changed(&mut self) -> Result<Change, Refused> {
        // The service that sends is held here.
        let _ = self.news.changed().await;
        self.look()
    }

    /// Waits until nobody is let in any more, and tells why.
    pub(crate) async fn ended(&mut self) -> Refused {
        loop {
            if let Err(refused) = self.changed().await {
                return refused;
            }
        }
    }

    /// Looks at the policy of this moment.
    ///
    /// # Errors
    /// A token that lets nobody in any more.
    pub(crate) fn look(&mut self) -> Result<Change, Refused> {
        let access = self.service.access();
        let before = self.access.as_ref();
        let same = before.is_some_and(|before| Arc::ptr_eq(before, &access));
        // What is the same may still come to an end.
        if same && self.policy.grant.is_none() {
            return Ok(Change::Nothing);
        }
        let now = match &self.credential {
            Some(credential) => access.policy(credential)?,
            None => Arc::clone(&access.shared),
        };
        self.access = Some(access);
        let before = std::mem::replace(&mut self.policy, now);
        Ok(if Arc::ptr_eq(&before, &self.policy) {
            Change::Nothing
        } else if before.names() == self.policy.names()
            && before.toolbox.is_like(&self.policy.toolbox)
        {
            Change::Policy
        } else {
            Change::Models
        })
    }
}
