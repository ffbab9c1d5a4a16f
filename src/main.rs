//! The `lucarne` command.

fn main() {}
