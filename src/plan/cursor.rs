//! Cursors: where the next page begins, sealed.
//!
//! A cursor holds the sort keys of the last row sent. It is encrypted and authenticated
//! (XChaCha20-Poly1305), with model, filters and order as associated data: it tells nothing, cannot
//! be made or changed outside, and fits one request alone.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use super::filter::Condition;
use super::{Order, OrderKey, Value};
use crate::catalog::Model;
use crate::error::{Error, ErrorKind};

const NONCE: usize = 24;
/// The sealed text is padded to a multiple of this, so that its length tells little of the values.
const BLOCK: usize = 64;

/// The sort keys of the row to go on after; `None` is NULL.
#[derive(Debug, Clone, PartialEq)]
pub struct Seek(pub Vec<Option<Value>>);

/// What a cursor is bound to: model, filters and order of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding([u8; 32]);

/// The binding of a request.
pub(super) fn binding(model: &Model, filter: &Condition<'_>, order: &[Order<'_>]) -> Binding {
    let mut digest = Sha256::new();
    digest.update(format!("{:?} {:?};", model.name(), model.table()).as_bytes());
    filter.digest(&mut digest);
    for key in order {
        let name = match key.key {
            OrderKey::Field(field) => format!("{:?}", field.name()),
            OrderKey::Output(index) => index.to_string(),
        };
        digest.update(format!("{}{name};", u8::from(key.descending)).as_bytes());
    }
    Binding(digest.finalize().into())
}

/// The key that seals cursors.
pub struct CursorKey(XChaCha20Poly1305);

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey")
    }
}

impl CursorKey {
    /// A key from 32 bytes, shared by all instances that shall take each other's cursors.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(bytes.into()))
    }

    /// A fresh key: cursors end with the process.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self::new(&bytes))
    }

    /// Seals the keys of the last row sent; `None` if no randomness is to be had.
    pub fn seal(&self, seek: &Seek, binding: &Binding) -> Option<String> {
        let mut plain = serde_json::to_vec(&seek.0).ok()?;
        plain.resize(plain.len().next_multiple_of(BLOCK), b' ');
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let payload = Payload {
            msg: &plain,
            aad: &binding.0,
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).ok()?;
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Opens a cursor of the same request.
    ///
    /// # Errors
    /// `Invalid cursor` for one that was changed, or that belongs to another request or key.
    pub(super) fn open(
        &self,
        text: &str,
        binding: &Binding,
        order: &[Order<'_>],
    ) -> Result<Seek, Error> {
        self.unseal(text, binding)
            .filter(|seek| seek.0.len() == order.len())
            .ok_or_else(|| {
                Error::from(ErrorKind::InvalidCursor).with_hint(
                    "send next_cursor as it came, with the same model, filters and sort; \
                     or start again without a cursor",
                )
            })
    }

    fn unseal(&self, text: &str, binding: &Binding) -> Option<Seek> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: &binding.0,
        };
        let plain = self.0.decrypt(&XNonce::from(*nonce), payload).ok()?;
        serde_json::from_slice(&plain).ok().map(Seek)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(byte: u8) -> Binding {
        Binding([byte; 32])
    }

    fn row() -> Seek {
        Seek(vec![
            None,
            Some(Value::Float(0.1 + 0.2)),
            Some(Value::Float(f64::NEG_INFINITY)),
            Some(Value::Uint(u64::MAX)),
            Some(Value::Decimal("12.50".into())),
            Some(Value::Text("é\u{1}".into())),
            Some(Value::Bytes(vec![0, 255])),
        ])
    }

    #[test]
    fn what_is_sealed_opens_for_its_request_alone() {
        let key = CursorKey::random().unwrap();
        let text = key.seal(&row(), &bound(1)).unwrap();
        assert_eq!(key.unseal(&text, &bound(1)), Some(row()));
        assert_eq!(key.unseal(&text, &bound(2)), None);
        assert_eq!(CursorKey::random().unwrap().unseal(&text, &bound(1)), None);
    }

    #[test]
    fn no_changed_cursor_opens() {
        let key = CursorKey::new(&[7; 32]);
        let text = key.seal(&row(), &bound(1)).unwrap();
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.unseal(&changed, &bound(1)), None, "character {index}");
            assert_eq!(key.unseal(&text[..index], &bound(1)), None);
        }
    }

    #[test]
    fn equal_rows_have_different_cursors_of_one_length() {
        let key = CursorKey::random().unwrap();
        let seal = |id: i64| {
            key.seal(&Seek(vec![Some(Value::Int(id))]), &bound(1))
                .unwrap()
        };
        assert_ne!(seal(1), seal(1));
        assert_eq!(seal(1).len(), seal(i64::MAX).len());
    }
}
