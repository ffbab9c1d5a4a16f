//! Whether a token of the store lets anyone in at a moment, and why not.

use chrono::{DateTime, Utc};

/// A refused attempt to get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No way held a token.
    Missing,
    /// A wrong or an empty one, or several that differ.
    Invalid,
    /// One that was revoked.
    Revoked,
    /// One that another took the place of.
    Rotated,
    /// One whose time is over.
    Expired,
    /// One of a tenant that is not active.
    TenantInactive,
    /// One of a store that has been away for too long to vouch for it.
    StoreAway,
}

impl Refused {
    /// The protocol's text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "Missing authentication token",
            // Which of them it is only metrics and audit tell.
            Self::Invalid
            | Self::Revoked
            | Self::Rotated
            | Self::Expired
            | Self::TenantInactive
            | Self::StoreAway => "Invalid authentication token",
        }
    }

    /// The reason in words, for the log alone.
    pub fn why(self) -> &'static str {
        match self {
            Self::Missing => "no token was sent",
            Self::Invalid => "the token is unknown",
            Self::Revoked => "the token was revoked",
            Self::Rotated => "another token took its place by a rotation",
            Self::Expired => "the token expired",
            Self::TenantInactive => "its tenant is not active",
            Self::StoreAway => "the store is away",
        }
    }

    /// The reason as metrics name it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Revoked => "revoked",
            Self::Rotated => "rotated",
            Self::Expired => "expired",
            Self::TenantInactive => "tenant_inactive",
            Self::StoreAway => "store_away",
        }
    }
}

/// What a store says of whether a token lets anyone in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Until when it does beside the token that took its place, where one did.
    pub until: Option<DateTime<Utc>>,
    /// Whether it does by itself.
    pub active: bool,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether its tenant does.
    pub(crate) tenant_active: bool,
}

impl Standing {
    /// Whether it lets anyone in at that moment; nothing else says so.
    ///
    /// # Errors
    /// The first reason why it does not.
    pub(crate) fn judge(&self, now: DateTime<Utc>) -> Result<(), Refused> {
        let is_over = |end: Option<DateTime<Utc>>| end.is_some_and(|end| end <= now);
        if is_over(self.until) {
            Err(Refused::Rotated)
        } else if !self.active {
            Err(Refused::Revoked)
        } else if is_over(self.expires_at) {
            Err(Refused::Expired)
        } else if !self.tenant_active {
            Err(Refused::TenantInactive)
        } else {
            Ok(())
        }
    }

    /// When it ends, by whichever reason there is.
    pub(crate) fn ends(&self) -> impl Iterator<Item = DateTime<Utc>> {
        self.until.into_iter().chain(self.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_until_the_first_reason_against_it() {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        let later = now + chrono::TimeDelta::seconds(1);
        let stands = Standing {
            until: None,
            active: true,
            expires_at: None,
            tenant_active: true,
        };
        let all = Standing {
            until: Some(now),
            active: false,
            expires_at: Some(now),
            tenant_active: false,
        };
        for (standing, judged) in [
            (stands, Ok(())),
            (all, Err(Refused::Rotated)),
            (
                Standing {
                    until: Some(later),
                    ..all
                },
                Err(Refused::Revoked),
            ),
            (
                Standing {
                    until: None,
                    active: true,
                    ..all
                },
                Err(Refused::Expired),
            ),
            (
                Standing {
                    tenant_active: false,
                    expires_at: Some(later),
                    ..stands
                },
                Err(Refused::TenantInactive),
            ),
            (
                Standing {
                    expires_at: Some(later),
                    until: Some(later),
                    ..stands
                },
                Ok(()),
            ),
        ] {
            assert_eq!(standing.judge(now), judged, "{standing:?}");
        }
        assert_eq!(all.ends().count(), 2);
        assert_eq!(stands.ends().count(), 0);
    }
}
