//! New tokens, of which the store keeps the digest and the last characters.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use super::StoreFailure;
use crate::auth::{self, Digest};

/// Random bytes of a token; written in base64 they are 64 characters.
const BYTES: usize = 48;
/// The last characters of a token, by which people know it.
const SHOWN: usize = 8;

/// A token that was just made; nothing else ever holds it.
pub(super) struct NewSecret {
    pub(super) token: SecretString,
    pub(super) digest: Digest,
    pub(super) suffix: String,
}

impl NewSecret {
    pub(super) fn random() -> Result<Self, StoreFailure> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| StoreFailure::randomless())?;
        let token = SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let text = token.expose_secret();
        let (digest, suffix) = (auth::digest(text), text[text.len() - SHOWN..].to_owned());
        Ok(Self {
            token,
            digest,
            suffix,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_64_url_safe_characters_and_known_by_8() {
        let secret = NewSecret::random().unwrap();
        let token = secret.token.expose_secret();
        assert_eq!(token.len(), 64);
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(token.bytes().all(safe));
        assert!(token.ends_with(&secret.suffix) && secret.suffix.len() == 8);
        assert_eq!(secret.digest, auth::digest(token));
        assert_ne!(NewSecret::random().unwrap().digest, secret.digest);
    }
}
