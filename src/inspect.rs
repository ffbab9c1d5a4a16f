//! What operators ask about databases and access: it asks the policy and decides nothing.

mod explain;
mod idle;
mod probe;
mod unserved;

pub use explain::{Explained, ModelAccess, RowAccess, Verdict, explain};
pub(crate) use idle::{entries, weaknesses};
pub(crate) use probe::unknown_rights;
pub use probe::{Probed, probe};
pub(crate) use unserved::unserved;
