//! Credentials at rest: sealed with a key that the store does not hold.
//!
//! XChaCha20-Poly1305 with a random nonce. Tenant and database are associated data, so that what
//! was sealed for one opens for no other.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};

use super::{DatabaseId, TenantId};
use crate::config::EncryptionKeys;

const NONCE: usize = 24;

/// The keys that open what is sealed; the first seals.
///
/// `Debug` shows their ids alone.
#[derive(Clone, Default)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// What is kept of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealedUrl {
    /// Which key sealed it.
    pub(super) key_id: String,
    /// The nonce and the sealed text.
    pub(super) bytes: Vec<u8>,
}

/// Why a credential cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// There is no key.
    #[error("it is sealed, and MCP_ENCRYPTION_KEY is not set")]
    NoKey,
    /// Another key sealed it.
    #[error(
        "it is sealed with another key than those of MCP_ENCRYPTION_KEY and MCP_ENCRYPTION_KEY_PREVIOUS"
    )]
    OtherKey,
    /// It was changed, or sealed for another tenant or database.
    #[error("what is sealed was changed, or belongs to another tenant or database")]
    Broken,
}

impl SealFault {
    /// Whether another key would help.
    pub(crate) fn is_of_key(self) -> bool {
        matches!(self, Self::NoKey | Self::OtherKey)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.0.iter().map(|key| &key.id);
        f.debug_tuple("Keys")
            .field(&ids.collect::<Vec<_>>())
            .finish()
    }
}

impl Keys {
    /// The keys of the configuration.
    pub fn new(keys: &EncryptionKeys) -> Self {
        let keys = [&keys.current, &keys.previous];
        Self(
            keys.into_iter()
                .flatten()
                .map(|key| Key::new(key))
                .collect(),
        )
    }

    /// Whether a credential is sealed by the key that seals now.
    pub(super) fn is_current(&self, sealed: &SealedUrl) -> bool {
        self.0.first().is_some_and(|key| key.id == sealed.key_id)
    }

    /// Seals a credential; `None` without a key, or without randomness of the system.
    pub(super) fn seal(
        &self,
        tenant: &TenantId,
        database: &DatabaseId,
        plain: &SecretString,
    ) -> Option<SealedUrl> {
        let key = self.0.first()?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let payload = Payload {
            msg: plain.expose_secret().as_bytes(),
            aad: &associated(tenant, database),
        };
        let mut bytes = nonce.to_vec();
        bytes.extend(key.cipher.encrypt(&XNonce::from(nonce), payload).ok()?);
        Some(SealedUrl {
            key_id: key.id.clone(),
            bytes,
        })
    }

    /// Opens a credential of this tenant and database.
    pub(super) fn open(
        &self,
        tenant: &TenantId,
        database: &DatabaseId,
        sealed: &SealedUrl,
    ) -> Result<SecretString, SealFault> {
        if self.0.is_empty() {
            return Err(SealFault::NoKey);
        }
        let key = self.0.iter().find(|key| key.id == sealed.key_id);
        let key = key.ok_or(SealFault::OtherKey)?;
        let (nonce, text) = sealed
            .bytes
            .split_first_chunk::<NONCE>()
            .ok_or(SealFault::Broken)?;
        let payload = Payload {
            msg: text,
            aad: &associated(tenant, database),
        };
        let plain = key
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| SealFault::Broken)?;
        String::from_utf8(plain)
            .map(SecretString::from)
            .map_err(|_| SealFault::Broken)
    }
}

impl Key {
    fn new(bytes: &SecretBox<[u8; 32]>) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"lucarne key id\0");
        digest.update(bytes.expose_secret());
        let digest: [u8; 32] = digest.finalize().into();
        Self {
            id: hex::encode(&digest[..8]),
            cipher: XChaCha20Poly1305::new(bytes.expose_secret().into()),
        }
    }
}

/// What a sealed credential is bound to; ids hold no NUL, so no two pairs are written alike.
fn associated(tenant: &TenantId, database: &DatabaseId) -> Vec<u8> {
    format!("lucarne database url\0{tenant}\0{database}").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const PLAIN: &str = "postgres://reader:s3cret@db/shop";

    fn keys(current: u8, previous: Option<u8>) -> Keys {
        let key = |byte| Arc::new(SecretBox::new(Box::new([byte; 32])));
        Keys::new(&EncryptionKeys {
            current: Some(key(current)),
            previous: previous.map(key),
        })
    }

    fn ids() -> (TenantId, DatabaseId) {
        (TenantId::random().unwrap(), DatabaseId::random().unwrap())
    }

    #[test]
    fn what_is_sealed_opens_for_its_own_tenant_and_database_alone() {
        let (tenant, database) = ids();
        let keys = keys(1, None);
        let sealed = keys.seal(&tenant, &database, &PLAIN.into()).unwrap();
        let opened = keys.open(&tenant, &database, &sealed).unwrap();
        assert_eq!(opened.expose_secret(), PLAIN);
        let (other_tenant, other_database) = ids();
        for (tenant, database) in [
            (&other_tenant, &database),
            (&tenant, &other_database),
            (&other_tenant, &other_database),
        ] {
            assert_eq!(
                keys.open(tenant, database, &sealed).err(),
                Some(SealFault::Broken)
            );
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (tenant, database) = ids();
        let keys = keys(1, None);
        let sealed = keys.seal(&tenant, &database, &PLAIN.into()).unwrap();
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(
                keys.open(&tenant, &database, &changed).err(),
                Some(SealFault::Broken)
            );
        }
        let mut short = sealed;
        short.bytes.truncate(NONCE - 1);
        assert!(keys.open(&tenant, &database, &short).is_err());
    }

    #[test]
    fn the_key_before_opens_and_does_not_seal() {
        let (tenant, database) = ids();
        let old = keys(1, None)
            .seal(&tenant, &database, &PLAIN.into())
            .unwrap();
        let both = keys(2, Some(1));
        assert!(both.open(&tenant, &database, &old).is_ok() && !both.is_current(&old));
        let new = both.seal(&tenant, &database, &PLAIN.into()).unwrap();
        assert!(both.is_current(&new));
        let faults = [
            (keys(1, None), &new, SealFault::OtherKey),
            (keys(3, None), &old, SealFault::OtherKey),
            (Keys::default(), &new, SealFault::NoKey),
        ];
        for (keys, sealed, fault) in faults {
            assert_eq!(keys.open(&tenant, &database, sealed).err(), Some(fault));
        }
        assert!(
            Keys::default()
                .seal(&tenant, &database, &PLAIN.into())
                .is_none()
        );
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let (tenant, database) = ids();
        let keys = keys(1, None);
        let seal = || keys.seal(&tenant, &database, &PLAIN.into()).unwrap().bytes;
        assert_ne!(seal(), seal());
    }

    #[test]
    fn nothing_prints_a_key() {
        let shown = format!("{:?}", keys(171, None));
        assert!(!shown.contains("171") && !shown.contains("abab"), "{shown}");
    }
}
