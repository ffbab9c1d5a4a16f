//! The running program: opens what a configuration names, puts reloads in force, and keeps the
//! store's clients up to date.

mod field_types;
mod given_relations;
pub(crate) mod notify;
mod open;
mod reload;
mod report;
mod store_sync;
pub(crate) mod supervise;

pub use open::{Opened, open};
pub use reload::{Live, NotReloaded};
pub use store_sync::{Kept, keep};
