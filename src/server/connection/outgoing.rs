//! A message on its way to its client, with the memory that was set aside for it.

use std::time::Duration;

use axum::body::Bytes;

use crate::limit::Reservation;

/// How long a request may wait for memory.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Room beyond its end that a message may keep.
const SLACK: usize = 16 * 1024;

/// A message, and the memory that it takes until it is written.
#[derive(Debug)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    reserved: Option<Reservation>,
}

impl Outgoing {
    /// A message that takes what it needs of the memory that was set aside.
    pub(crate) fn new(mut bytes: Vec<u8>, mut reserved: Reservation) -> Self {
        if bytes.capacity() - bytes.len() > SLACK {
            bytes.shrink_to_fit();
        }
        reserved.keep(bytes.capacity());
        Self {
            bytes,
            reserved: Some(reserved),
        }
    }

    /// The same memory for the bytes of another form.
    pub(crate) fn map(self, form: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        Self {
            bytes: form(self.bytes),
            reserved: self.reserved,
        }
    }

    /// How long it is; an empty one is not written.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// What is small and made by the service itself.
impl From<Vec<u8>> for Outgoing {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            reserved: None,
        }
    }
}

impl From<Outgoing> for Vec<u8> {
    fn from(message: Outgoing) -> Self {
        message.bytes
    }
}

impl AsRef<[u8]> for Outgoing {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The memory comes back once the last of the bytes is written.
impl From<Outgoing> for Bytes {
    fn from(message: Outgoing) -> Self {
        match message.reserved {
            Some(_) => Self::from_owner(message),
            None => message.bytes.into(),
        }
    }
}
