//! What operators ask about databases and access: it asks the policy and decides nothing.

mod cover;
mod explain;
mod idle;
mod probe;
mod unserved;
mod why;

pub use cover::{Cover, covers, uncovered};
pub use explain::{Explained, ModelAccess, RowAccess, Verdict, explain};
pub(crate) use idle::{entries, weaknesses};
pub use probe::{Probed, own_weaknesses, probe};
pub(crate) use unserved::unserved;
pub use why::{Change, Remedy, State, Step, Why, why};
