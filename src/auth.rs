//! Who asks: tokens compared in constant time, and the caller that a token makes.

mod scope;

pub use scope::Scope;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

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

    /// The valid token that this is.
    ///
    /// Every valid token is compared, each to its end: the time tells nothing.
    pub fn check(&self, token: &str) -> Option<TokenId> {
        let given = digest(token);
        let mut found = Choice::from(0);
        for valid in &self.0 {
            found |= valid.ct_eq(&given);
        }
        bool::from(found).then_some(TokenId(given))
    }

    /// Whether a token that was valid still is.
    pub fn holds(&self, id: &TokenId) -> bool {
        let mut found = Choice::from(0);
        for valid in &self.0 {
            found |= valid.ct_eq(&id.0);
        }
        found.into()
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

/// A token by its digest; shown by the first characters of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenId(Digest);

impl TokenId {
    /// Who needs none: the process that started the service and talks to it by pipes.
    pub const LOCAL: Self = Self([0; 32]);
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::LOCAL {
            return f.write_str("local");
        }
        self.0[..4]
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

/// A refused attempt to get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No way held a token.
    Missing,
    /// A wrong or an empty one, or several that differ.
    Invalid,
}

impl Refused {
    /// The contract's text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "Missing authentication token",
            Self::Invalid => "Invalid authentication token",
        }
    }

    /// The reason as metrics name it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
        }
    }
}

/// Judges the tokens that a client gave, one for each way that it used.
///
/// # Errors
/// `Missing` for none; `Invalid` for a wrong or empty one, and for several that differ.
pub fn judge<'t>(
    tokens: &Tokens,
    given: impl IntoIterator<Item = &'t str>,
) -> Result<TokenId, Refused> {
    let mut accepted: Option<TokenId> = None;
    let mut refused = None;
    for token in given {
        let found = tokens.check(token);
        match (found, accepted) {
            (Some(found), None) => accepted = Some(found),
            (Some(found), Some(before)) if found == before => {}
            _ => refused = Some(Refused::Invalid),
        }
    }
    match (refused, accepted) {
        (Some(refused), _) => Err(refused),
        (None, Some(accepted)) => Ok(accepted),
        (None, None) => Err(Refused::Missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new(&["first-token-of-all".into(), "second-token-here".into()])
    }

    #[test]
    fn only_the_very_token_is_valid() {
        let tokens = tokens();
        assert!(tokens.check("first-token-of-all").is_some());
        assert!(tokens.check("second-token-here").is_some());
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
            assert!(tokens.check(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn several_ways_must_agree() {
        let tokens = tokens();
        let first = "first-token-of-all";
        assert!(judge(&tokens, [first, first]).is_ok());
        assert_eq!(judge(&tokens, []), Err(Refused::Missing));
        for given in [
            vec![""],
            vec![first, ""],
            vec![first, "second-token-here"],
            vec!["wrong", first],
            vec!["wrong", "wrong"],
        ] {
            assert_eq!(
                judge(&tokens, given.iter().copied()),
                Err(Refused::Invalid),
                "{given:?}"
            );
        }
    }

    #[test]
    fn nothing_prints_a_token() {
        let tokens = tokens();
        let id = tokens.check("first-token-of-all").unwrap();
        let shown = format!("{tokens:?} {id:?} {id}");
        assert!(!shown.contains("first"), "{shown}");
        assert!(tokens.holds(&id));
        assert!(!Tokens::new(&[]).holds(&id));
    }
}
