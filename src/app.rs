//! The running program: opens what a configuration names, puts reloads in force, and keeps the
//! store's clients up to date.

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

pub use crate::service::Tried as TriedExample;
pub use crate::tools::call::Caller as ToolCaller;
pub use open::{OpenService, open};
pub use reload::{Live, NotReloaded};
pub use running::{App, Running, RunningPipe, StartError};
pub use store_sync::{StoreFeed, keep};
pub use supervise::Source;
pub use tools::draft::drafted_tool;
pub use tools::trial::{NoWorkbench, Told as ToldTools, ToldTool, Tries, Workbench};
pub use tools::{give_tools, written_tools};
