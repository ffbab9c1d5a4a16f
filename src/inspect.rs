//! What operators ask about databases and access: it asks the policy and decides nothing.

mod advice;
mod cover;
mod explain;
mod exposure;
mod idle;
mod probe;
mod unserved;
mod why;

pub use advice::{Where, advice};
pub use cover::{Cover, covers, uncovered};
pub use explain::{Explanation, Looks, ModelAccess, RowAccess, Verdict, explain};
pub use exposure::{DatabaseExposure, Exposure, Found, ModelExposure, OfTenant, exposure};
pub(crate) use idle::{entries, weaknesses};
pub use probe::{Probe, own_weaknesses, probe};
pub(crate) use unserved::unserved;
pub use why::{Change, Remedy, State, Step, Why, why};
