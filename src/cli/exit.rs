//! The exit codes: one table for the code, the help and the manual.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Success = 0,
    /// Done, and the outcome is not a good one.
    Bad = 1,
    /// Not done: the command line or the configuration is wrong, or nobody could be asked.
    Unable = 2,
    /// The address to listen on cannot be had.
    Unbindable = 3,
}

impl Exit {
    /// Every exit code with what it means to a user.
    pub const ALL: [(Exit, &'static str); 4] = [
        (Exit::Success, "success"),
        (
            Exit::Bad,
            "an error answer, an unhealthy service, or a warning under --strict",
        ),
        (
            Exit::Unable,
            "wrong usage or configuration, or the service could not be asked",
        ),
        (Exit::Unbindable, "the address to listen on cannot be bound"),
    ];

    /// The number a shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The table as lines of help.
    pub(crate) fn table() -> String {
        let lines: Vec<String> = Self::ALL
            .iter()
            .map(|(exit, meaning)| format!("  {}  {meaning}", exit.code()))
            .collect();
        lines.join("\n")
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
