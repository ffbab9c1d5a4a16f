//! The names by which the store itself knows its records.

use std::fmt;

use super::StoreFailure;

/// Random bytes of an id.
const BYTES: usize = 8;

/// Whether a text could be an id: names that could are refused, so that either finds one record.
pub(crate) fn is_id(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == BYTES * 2 && text.bytes().all(digit)
}

fn random() -> Result<String, StoreFailure> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| StoreFailure::randomless())?;
    Ok(hex::encode(bytes))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// A new one, at random.
            pub(super) fn random() -> Result<Self, StoreFailure> {
                random().map(Self)
            }

            /// Its 16 hexadecimal digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A tenant by its id, which never changes.
    TenantId
}
id! {
    /// A tenant's database by its id.
    DatabaseId
}
id! {
    /// A token by its id, which outlives rotations. The token itself is none.
    TokenKey
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_and_known_by_their_form() {
        let (one, other) = (TenantId::random().unwrap(), TenantId::random().unwrap());
        assert_ne!(one, other);
        assert!(is_id(one.as_str()) && is_id(other.as_str()));
        for name in [
            "",
            "acme",
            "0123456789ABCDEF",
            "0123456789abcde",
            "0123456789abcdeg",
        ] {
            assert!(!is_id(name), "{name}");
        }
    }
}
