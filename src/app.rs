//! The running program: opens what a configuration names, puts reloads in force, and keeps the
//! store's clients up to date.

mod background;
mod field_types;
pub(crate) mod notify;
mod open;
mod reading;
mod reload;
mod report;
mod running;
mod store_sync;
mod supervise;
mod tools;
mod watch;

pub(crate) use crate::service::Tried as TriedExample;
pub(crate) use crate::tools::call::Caller as ToolCaller;
pub use open::{OpenService, open};
pub use reload::Live;
pub(crate) use reload::NotReloaded;
pub(crate) use running::StartError;
pub use running::{App, Running};
pub(crate) use store_sync::StoreFeed;
pub use store_sync::keep;
pub use supervise::Source;
pub use tools::draft::drafted_tool;
pub use tools::give_tools;
pub(crate) use tools::trial::{NoWorkbench, Told as ToldTools, ToldTool};
pub use tools::trial::{Tries, Workbench};
pub(crate) use tools::written_tools;
