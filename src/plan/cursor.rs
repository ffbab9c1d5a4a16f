//! Cursors: where the next page begins, sealed.
//!
//! A cursor holds the sort keys of the last row sent. It is encrypted and authenticated
//! (XChaCha20-Poly1305), with model, filters and order as associated data: it tells nothing, cannot
//! be made or changed outside, and fits one request alone. Keys that are too large for a request
//! are left out; such a cursor goes on by the number of rows that were passed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::condition::Condition;
use super::joins::{Joins, Source, Sources};
use super::{Order, OrderKey, Output, Value};
use crate::catalog::Stored;
use crate::error::{Error, ErrorKind};

const NONCE: usize = 24;
/// The sealed text is padded to a multiple of this, so that its length tells little of the values.
const BLOCK: usize = 64;
/// The authentication tag of the cipher.
const TAG: usize = 16;
/// The most that is sealed: a cursor has to fit into a request beside its filters.
const MAX_PLAIN: usize = 8_192;
/// The longest cursor, in characters.
pub(crate) const MAX_LENGTH: usize = ((NONCE + MAX_PLAIN + TAG) * 4).div_ceil(3);

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Seek {
    /// The sort keys of the row to go on after, `None` for NULL; empty where they are too large.
    pub keys: Vec<Option<Value>>,
    /// How many rows with these very keys were sent: more than one only without a key
    /// that tells rows apart.
    pub ties: u64,
    /// How many rows come before the page.
    pub passed: u64,
}

impl Seek {
    /// The length of the cursor that this is sealed as, in characters.
    pub(crate) fn sealed_length(&self) -> usize {
        let plain = serde_json::to_vec(self).map_or(0, |plain| plain.len());
        ((NONCE + plain.next_multiple_of(BLOCK) + TAG) * 4).div_ceil(3)
    }
}

/// What a cursor is bound to: model, filters and order of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding([u8; 32]);

/// The binding of a request. Of other models those count that its filter or its order reads.
pub(super) fn binding<'c>(
    joins: &Joins<'c>,
    filter: &Condition<'c>,
    order: &[Order<'c>],
    output: &Output<'c>,
) -> Binding {
    let mut digest = Sha256::new();
    let base = joins.model(Source::BASE);
    let needed = match joins.is_empty() {
        true => Sources::default(),
        false => {
            let ordered = order.iter().flat_map(Order::sources);
            let tested = filter.sources();
            let keys = match output {
                Output::Groups { by, .. } => by.as_slice(),
                Output::Rows { .. } => &[],
            };
            let keys = keys.iter().flat_map(|key| key.term.sources());
            joins.way_to(ordered.chain(tested).chain(keys))
        }
    };
    let joined = joins.iter().filter(|(source, _)| needed.has(*source));
    for model in std::iter::once(base).chain(joined.map(|(_, join)| join.model)) {
        digest.update(format!("{:?} {:?};", model.name(), model.table()).as_bytes());
        if !model.owner().is_empty() || !model.rules().is_empty() {
            digest.update(format!("{:?};", model.owner()).as_bytes());
            for rule in model.rules() {
                for step in rule.steps() {
                    digest.update(format!("{:?}.", step.relation.name()).as_bytes());
                }
                digest.update(format!("{:?}{:?};", rule.field().name(), rule.values()).as_bytes());
            }
        }
    }
    digest.update(filter.digest(joins));
    if let Output::Groups { bound, .. } = output {
        digest.update(format!("{bound:?};").as_bytes());
    }
    for key in order {
        let name = match &key.key {
            // A position means another value where others are declared.
            OrderKey::Term(term) if term.field().stored() == Stored::Position => {
                format!("{:?}{:?}", term.identity(joins), term.field().values())
            }
            OrderKey::Term(term) => format!("{:?}", term.identity(joins)),
            OrderKey::Row => format!("{:?}", base.distinction()),
            OrderKey::Output(index) => index.to_string(),
        };
        digest.update(format!("{}{name};", u8::from(key.descending)).as_bytes());
    }
    Binding(digest.finalize().into())
}

/// The key that seals cursors, and the one by which alike rows are ordered.
pub struct CursorKey {
    seal: XChaCha20Poly1305,
    rows: RowKey,
}

/// The key of the digest that tells rows apart which share all other sort keys: without it their
/// order would tell something of what they hold.
#[derive(Clone, Copy, Default)]
pub(crate) struct RowKey([u8; 32]);

impl RowKey {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowKey")
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey")
    }
}

impl CursorKey {
    /// A key from 32 bytes, shared by all instances that shall take each other's cursors.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let rows = Sha256::new().chain_update("rows").chain_update(bytes);
        Self {
            seal: XChaCha20Poly1305::new(bytes.into()),
            rows: RowKey(rows.finalize().into()),
        }
    }

    /// The key by which alike rows are ordered.
    pub(super) fn rows(&self) -> RowKey {
        self.rows
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

    /// Seals a place into at most `room` characters; `None` if no randomness is to be had.
    pub fn seal(&self, mut seek: Seek, binding: &Binding, room: usize) -> Option<String> {
        if seek.sealed_length() > room.min(MAX_LENGTH) {
            seek.keys.clear();
        }
        let mut plain = serde_json::to_vec(&seek).ok()?;
        plain.resize(plain.len().next_multiple_of(BLOCK), b' ');
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let payload = Payload {
            msg: &plain,
            aad: &binding.0,
        };
        let sealed = self.seal.encrypt(&XNonce::from(nonce), payload).ok()?;
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
            .filter(|seek| seek.keys.is_empty() || seek.keys.len() == order.len())
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
        let plain = self.seal.decrypt(&XNonce::from(*nonce), payload).ok()?;
        serde_json::from_slice(&plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(byte: u8) -> Binding {
        Binding([byte; 32])
    }

    fn row() -> Seek {
        Seek {
            keys: vec![
                None,
                Some(Value::Float(0.1 + 0.2)),
                Some(Value::Float(f64::NEG_INFINITY)),
                Some(Value::Uint(u64::MAX)),
                Some(Value::Decimal("12.50".into())),
                Some(Value::Text("é\u{1}".into())),
                Some(Value::RawText(vec![b'a', 255])),
                Some(Value::Bytes(vec![0, 255])),
            ],
            ties: 1,
            passed: 100,
        }
    }

    fn seal(key: &CursorKey, seek: Seek) -> String {
        key.seal(seek, &bound(1), MAX_LENGTH).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_request_alone() {
        let key = CursorKey::random().unwrap();
        let text = seal(&key, row());
        assert_eq!(text.len(), row().sealed_length());
        assert_eq!(key.unseal(&text, &bound(1)), Some(row()));
        assert_eq!(key.unseal(&text, &bound(2)), None);
        assert_eq!(CursorKey::random().unwrap().unseal(&text, &bound(1)), None);
    }

    #[test]
    fn no_changed_cursor_opens() {
        let key = CursorKey::new(&[7; 32]);
        let text = seal(&key, row());
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
        let of = |id: i64| {
            let keys = vec![Some(Value::Int(id))];
            seal(&key, Seek { keys, ..row() })
        };
        assert_ne!(of(1), of(1));
        assert_eq!(of(1).len(), of(i64::MAX).len());
    }

    #[test]
    fn keys_that_are_too_large_give_way_to_the_number_of_rows() {
        let key = CursorKey::random().unwrap();
        let position = Seek {
            keys: Vec::new(),
            ..row()
        };
        let large = Seek {
            keys: vec![Some(Value::Text("x".repeat(20_000)))],
            ..row()
        };
        let text = seal(&key, large);
        assert!(text.len() < 200, "{}", text.len());
        assert_eq!(key.unseal(&text, &bound(1)), Some(position.clone()));
        let tight = key.seal(row(), &bound(1), 200).unwrap();
        assert_eq!(key.unseal(&tight, &bound(1)), Some(position));
    }
}
