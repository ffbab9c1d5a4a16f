//! Who asks: the [`Credential`] that was shown, and the [`Principal`] that one is by it.
//!
//! Only the gate and what judges a connection again look at a credential; everything else knows its
//! caller by the principal, so that another kind of credential changes nothing for it.

mod credential;
mod principal;
mod scope;
mod standing;

pub(crate) use credential::may_hold_made;
pub use credential::{Credential, Digest, Tokens, digest, judge};
pub use principal::{Caller, Client};
pub(crate) use principal::{Holder, Principal};
pub use scope::Scope;
pub(crate) use scope::Scopes;
pub use standing::Refused;
pub(crate) use standing::Standing;
