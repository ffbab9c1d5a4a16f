//! What operators ask about databases and access: it asks the policy and decides nothing.

mod advice;
mod cover;
mod explain;
mod exposure;
mod idle;
mod probe;
mod unserved;
mod why;

pub(crate) use advice::{Where, advice};
pub(crate) use cover::{Cover, covers, uncovered};
pub(crate) use explain::{Explanation, Looks, ModelAccess, Verdict, explain};
pub(crate) use exposure::{DatabaseExposure, Exposure, Found, ModelExposure, exposure};
pub(crate) use idle::{entries, weaknesses};
pub use probe::probe;
pub(crate) use probe::{Probe, own_weaknesses};
pub(crate) use unserved::unserved;
pub(crate) use why::{State, why};
