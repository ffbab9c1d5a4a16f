//! What a client shows to be let in: a token, which is compared in constant time and kept by its
//! digest alone.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::Refused;

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

    /// The place of a token among them, from 1, where it is valid.
    ///
    /// Every valid token is compared, each to its end: the time tells nothing.
    pub fn place(&self, shown: &Credential) -> Option<usize> {
        let places = (1..).zip(&self.0);
        places.fold(None, |found, (place, valid)| {
            match bool::from(valid.ct_eq(&shown.digest)) {
                true => found.or(Some(place)),
                false => found,
            }
        })
    }

    /// Whether a token is valid.
    pub fn holds(&self, shown: &Credential) -> bool {
        self.place(shown).is_some()
    }

    /// Those that others hold too.
    pub fn within(&self, others: &Self) -> Self {
        let both = self
            .0
            .iter()
            .filter(|token| others.holds(&Credential::from(**token)));
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
pub struct Credential {
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

impl Credential {
    /// Who needs none: the process that started the service and talks to it by pipes, and anyone
    /// of this machine where no token is asked for.
    pub(crate) const LOCAL: Self = Self {
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

/// Whether a text may hold a token that a command made, of the store or by `lucarne token`.
pub(crate) fn may_hold_made(text: &str) -> bool {
    text.split(|letter: char| !u8::try_from(letter).is_ok_and(is_safe))
        .any(|run| run.len() >= MADE_TO_BE_SHARED)
}

fn is_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn beginning(digest: &Digest) -> [u8; 4] {
    [digest[0], digest[1], digest[2], digest[3]]
}

impl PartialEq for Credential {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Credential {}

impl Hash for Credential {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// A token of the store.
impl From<Digest> for Credential {
    fn from(digest: Digest) -> Self {
        let label = beginning(&digest);
        Self { digest, label }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::LOCAL {
            return f.write_str("local");
        }
        self.label
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({self})")
    }
}

/// Judges the tokens that a client gave, one for each way that it used: `find` says what one is.
///
/// # Errors
/// `Missing` for none; what `find` says of the one that is given; `Invalid` for several that are
/// not the same.
pub fn judge<'t, T>(
    given: impl IntoIterator<Item = &'t str>,
    find: impl Fn(&Credential) -> Result<T, Refused>,
) -> Result<(Credential, T), Refused> {
    let mut given = given.into_iter().map(Credential::of);
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
        let plain = |token: &str| Credential::from(digest(token)).to_string();
        for chosen in [
            "letmein",
            "a-token-of-43-characters-that-a-command-ma",
            &"x".repeat(65),
        ] {
            let id = Credential::of(chosen);
            assert_ne!(id.to_string(), plain(chosen));
            assert_eq!(id.to_string(), Credential::of(chosen).to_string());
            assert_eq!(id, Credential::from(digest(chosen)));
        }
        let made = "kJ0-_".repeat(13)[..MADE].to_owned();
        assert_eq!(Credential::of(&made).to_string(), plain(&made));
    }

    #[test]
    fn only_the_very_token_is_valid() {
        let tokens = tokens();
        assert!(tokens.holds(&Credential::of("first-token-of-all")));
        assert!(tokens.holds(&Credential::of("second-token-here")));
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
            assert!(!tokens.holds(&Credential::of(wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn several_ways_must_agree() {
        let tokens = tokens();
        let first = "first-token-of-all";
        let find = |token: &Credential| tokens.holds(token).then_some(()).ok_or(Refused::Invalid);
        assert!(judge([first, first], find).is_ok());
        assert_eq!(judge([], find), Err(Refused::Missing));
        let expired = |_: &Credential| Err::<(), _>(Refused::Expired);
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
    fn nothing_prints_a_token() {
        let tokens = tokens();
        let id = Credential::of("first-token-of-all");
        let shown = format!("{tokens:?} {id:?} {id}");
        assert!(!shown.contains("first"), "{shown}");
        assert!(tokens.holds(&id));
        assert!(!Tokens::new(&[]).holds(&id));
    }

    #[test]
    fn a_token_is_told_by_its_first_place() {
        let tokens = ["one", "two", "one"].map(Into::into);
        let tokens = Tokens::new(&tokens);
        let places = ["one", "two", "three"].map(|token| tokens.place(&Credential::of(token)));
        assert_eq!(places, [Some(1), Some(2), None]);
        let others = Tokens::new(&["two".into()]);
        for both in [tokens.within(&others), others.within(&tokens)] {
            let held = ["one", "two"].map(|token| both.holds(&Credential::of(token)));
            assert_eq!(held, [false, true]);
            assert!(!both.is_empty() && both.within(&Tokens::new(&[])).is_empty());
        }
    }

    #[test]
    fn what_may_hold_a_token_is_known_by_its_length_and_letters() {
        for (text, may) in [
            ("x".repeat(MADE), true),
            ("-_0".repeat(22)[..MADE].to_owned(), true),
            (format!("Bearer {}.", "x".repeat(MADE_TO_BE_SHARED)), true),
            ("x".repeat(MADE_TO_BE_SHARED - 1), false),
            ("x".repeat(MADE_TO_BE_SHARED - 1) + " x", false),
        ] {
            assert_eq!(may_hold_made(&text), may, "{text}");
        }
        assert_eq!(Credential::LOCAL.to_string(), "local");
    }
}
