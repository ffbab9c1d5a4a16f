//! Who asks: tokens compared in constant time, and the caller that a token makes.

mod scope;

pub use scope::{Scope, Scopes};

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use tracing::field::DisplayValue;

/// The SHA-256 of a token.
pub type Digest = [u8; 32];

/// The tokens that are valid now.
#[derive(Clone)]
pub struct Tokens(Vec<Digest>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

impl Tokens {
    /// The digests of the tokens of the configuration.
    pub fn new(tokens: &[SecretString]) -> Self {
        Self(
            tokens
                .iter()
                .map(|token| digest(token.expose_secret()))
                .collect(),
        )
    }

    /// The place of a valid token among them, from 1.
    ///
    /// Every valid token is compared, each to its end: the time tells nothing.
    pub fn place(&self, token: &str) -> Option<usize> {
        let given = digest(token);
        let places = (1..).zip(&self.0);
        places.fold(None, |found, (place, valid)| {
            match bool::from(valid.ct_eq(&given)) {
                true => found.or(Some(place)),
                false => found,
            }
        })
    }

    /// Whether a token that was valid still is.
    pub fn holds(&self, id: &TokenId) -> bool {
        let mut found = Choice::from(0);
        for valid in &self.0 {
            found |= valid.ct_eq(&id.digest);
        }
        found.into()
    }

    /// Those that others hold too.
    pub fn within(&self, others: &Self) -> Self {
        let both = self
            .0
            .iter()
            .filter(|token| others.holds(&TokenId::from(**token)));
        Self(both.copied().collect())
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is kept and compared of a token.
pub fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// A token by its digest; shown by a few characters that let no guess be tried.
#[derive(Clone, Copy)]
pub struct TokenId {
    digest: Digest,
    label: [u8; 4],
}

/// By what labels of tokens are made that might be guessed; another one in each process.
static LABELS: LazyLock<Option<[u8; 32]>> = LazyLock::new(|| {
    let mut key = [0; 32];
    getrandom::fill(&mut key).ok().map(|()| key)
});

/// Characters of a token of the store, which nobody guesses.
const MADE: usize = 64;
/// Characters of a token that `lucarne token` prints.
const MADE_TO_BE_SHARED: usize = 43;

impl TokenId {
    /// Who needs none: the process that started the service and talks to it by pipes, and anyone
    /// of this machine where no token is asked for.
    pub const LOCAL: Self = Self {
        digest: [0; 32],
        label: [0; 4],
    };

    /// What a text is known by, were it a token.
    ///
    /// What looks like a token of the store is shown by its digest, for commands show it too; any
    /// other, which somebody may have chosen, by a digest with a key of this process.
    pub fn of(token: &str) -> Self {
        let digest = digest(token);
        if token.len() == MADE && token.bytes().all(is_safe) {
            return Self::from(digest);
        }
        let keyed = LABELS.map(|key| Sha256::new().chain_update(key).chain_update(digest));
        let keyed: Digest = keyed.map_or([0; 32], |keyed| keyed.finalize().into());
        Self {
            digest,
            label: beginning(&keyed),
        }
    }

    /// The digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// Whether a text looks like a token that a command made, of the store or by `lucarne token`.
pub fn looks_made(text: &str) -> bool {
    [MADE, MADE_TO_BE_SHARED].contains(&text.len()) && text.bytes().all(is_safe)
}

fn is_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn beginning(digest: &Digest) -> [u8; 4] {
    [digest[0], digest[1], digest[2], digest[3]]
}

impl PartialEq for TokenId {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for TokenId {}

impl Hash for TokenId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// A token of the store.
impl From<Digest> for TokenId {
    fn from(digest: Digest) -> Self {
        let label = beginning(&digest);
        Self { digest, label }
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::LOCAL {
            return f.write_str("local");
        }
        self.label
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

/// Whose token of the store it is: names for people, ids that never change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Client {
    /// The token's id, which outlives rotations.
    pub token_id: String,
    /// The token's name.
    pub token: String,
    /// The last characters of the token.
    pub suffix: String,
    /// The id of its tenant.
    pub tenant_id: String,
    /// The name of its tenant.
    pub tenant: String,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.token)
    }
}

/// Who asks, by which way.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The token that let the caller in.
    pub token: TokenId,
    /// Whose it is, where it is one of the store; else it is one of the configuration.
    pub client: Option<Arc<Client>>,
    /// The client's address, behind trusted proxies its own.
    pub address: IpAddr,
    /// The transport, as logs and metrics name it.
    pub transport: &'static str,
}

/// Who is bounded as one: all tokens of a tenant together, each token of the configuration alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A tenant of the store, by its id.
    Tenant(String),
    /// A token of the configuration.
    Token(TokenId),
    /// Whoever administers the service.
    Administrator,
}

impl Caller {
    /// Tenant and token as a field of the log, where it is a client of the store.
    pub fn named(&self) -> Option<DisplayValue<&Client>> {
        self.client.as_deref().map(tracing::field::display)
    }

    /// Who is bounded as one with this caller.
    pub fn holder(&self) -> Holder {
        match &self.client {
            Some(client) => Holder::Tenant(client.tenant_id.clone()),
            None => Holder::Token(self.token),
        }
    }
}

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
pub struct Standing {
    /// Until when it does beside the token that took its place, where one did.
    pub until: Option<DateTime<Utc>>,
    /// Whether it does by itself.
    pub active: bool,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether its tenant does.
    pub tenant_active: bool,
}

impl Standing {
    /// Whether it lets anyone in at that moment; nothing else says so.
    ///
    /// # Errors
    /// The first reason why it does not.
    pub fn judge(&self, now: DateTime<Utc>) -> Result<(), Refused> {
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
    pub fn ends(&self) -> impl Iterator<Item = DateTime<Utc>> {
        self.until.into_iter().chain(self.expires_at)
    }
}

/// Judges the tokens that a client gave, one for each way that it used: `find` says what one is.
///
/// # Errors
/// `Missing` for none; what `find` says of the one that is given; `Invalid` for several that are
/// not the same.
pub fn judge<'t, T>(
    given: impl IntoIterator<Item = &'t str>,
    find: impl Fn(&TokenId) -> Result<T, Refused>,
) -> Result<(TokenId, T), Refused> {
    let mut given = given.into_iter().map(TokenId::of);
    let token = given.next().ok_or(Refused::Missing)?;
    // Each is compared, whatever the first one is: the time tells nothing.
    let same = given.fold(Choice::from(1), |same, other| {
        same & other.digest.ct_eq(&token.digest)
    });
    let found = find(&token);
    match bool::from(same) {
        true => found.map(|found| (token, found)),
        false => Err(Refused::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(&["first-token-of-all".into(), "second-token-here".into()])
    }

    #[test]
    fn no_label_lets_a_guess_be_tried() {
        let plain = |token: &str| TokenId::from(digest(token)).to_string();
        for chosen in [
            "letmein",
            "a-token-of-43-characters-that-a-command-ma",
            &"x".repeat(65),
        ] {
            let id = TokenId::of(chosen);
            assert_ne!(id.to_string(), plain(chosen));
            assert_eq!(id.to_string(), TokenId::of(chosen).to_string());
            assert_eq!(id, TokenId::from(digest(chosen)));
        }
        let made = "kJ0-_".repeat(13)[..MADE].to_owned();
        assert_eq!(TokenId::of(&made).to_string(), plain(&made));
    }

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

    #[test]
    fn only_the_very_token_is_valid() {
        let tokens = tokens();
        assert!(tokens.holds(&TokenId::of("first-token-of-all")));
        assert!(tokens.holds(&TokenId::of("second-token-here")));
        for wrong in [
            "",
            "first-token-of-al",
            "first-token-of-all ",
            "First-token-of-all",
            "first-token-of-all\0",
            "first-token-of-all\n",
            "first-token-of-allfirst-token-of-all",
            "first-token-of-all,second-token-here",
        ] {
            assert!(!tokens.holds(&TokenId::of(wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn several_ways_must_agree() {
        let tokens = tokens();
        let first = "first-token-of-all";
        let find = |token: &TokenId| tokens.holds(token).then_some(()).ok_or(Refused::Invalid);
        assert!(judge([first, first], find).is_ok());
        assert_eq!(judge([], find), Err(Refused::Missing));
        let expired = |_: &TokenId| Err::<(), _>(Refused::Expired);
        assert_eq!(judge([first], expired), Err(Refused::Expired));
        for given in [
            vec![""],
            vec![first, ""],
            vec![first, "second-token-here"],
            vec!["wrong", first],
            vec!["wrong", "wrong"],
        ] {
            assert_eq!(
                judge(given.iter().copied(), find),
                Err(Refused::Invalid),
                "{given:?}"
            );
        }
    }

    #[test]
    fn all_tokens_of_a_tenant_are_bounded_as_one() {
        let caller = |token: &str, tenant: Option<&str>| {
            let client = tenant.map(|tenant| {
                Arc::new(Client {
                    token_id: token.to_owned(),
                    token: token.to_owned(),
                    suffix: String::new(),
                    tenant_id: tenant.to_owned(),
                    tenant: tenant.to_owned(),
                })
            });
            let address = IpAddr::from([127, 0, 0, 1]);
            let token = TokenId::of(token);
            Caller {
                token,
                client,
                address,
                transport: "ws",
            }
            .holder()
        };
        assert_eq!(caller("a", Some("one")), caller("b", Some("one")));
        assert_ne!(caller("a", Some("one")), caller("a", Some("two")));
        assert_ne!(caller("a", None), caller("b", None));
    }

    #[test]
    fn nothing_prints_a_token() {
        let tokens = tokens();
        let id = TokenId::of("first-token-of-all");
        let shown = format!("{tokens:?} {id:?} {id}");
        assert!(!shown.contains("first"), "{shown}");
        assert!(tokens.holds(&id));
        assert!(!Tokens::new(&[]).holds(&id));
    }
}
