//! `lucarne store`: a copy of the store, and putting one back.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::confirm;
use crate::cli::failure::Failure;
use crate::cli::text::counted;
use crate::cli::{operator, output};
use crate::store::{Backup, Since, What};

/// Examples of the command, shown in its help and run by a test.
pub(crate) const EXAMPLES: &str = "\
Examples:
  lucarne store backup store-backup.json";

const BACKUP_EXAMPLES: &str = "\
Examples:
  lucarne store backup store-backup.json
  lucarne store backup - | gzip > store-backup.json.gz";

const RESTORE_EXAMPLES: &str = "\
Examples:
  lucarne store backup old.json && lucarne store restore old.json --yes";

/// What was done since is named up to this many times.
const NAMED: usize = 10;

/// What to do with the store.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Write all that it holds into a new file, while it is used
    ///
    /// Tokens stand in it as digests and URLs sealed, as in the store; MCP_ENCRYPTION_KEY does not,
    /// and a backup without that key opens no database.
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup {
        /// The file, which must not exist yet; - for standard output
        file: PathBuf,
    },
    /// Put a backup in the place of all that it holds
    ///
    /// What was closed since the backup stays closed: tokens that were revoked, rotated or removed
    /// come back revoked, none lasts longer than now, and tenants that were switched off stay so.
    /// Rules, rights and fields come back as they were. A running service follows within a second.
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore {
        /// The file; - for standard input
        file: PathBuf,
        /// Open again what was closed since
        #[arg(long)]
        reopen: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Does what was asked.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.task {
        Task::Backup { file } => backup(&file),
        Task::Restore { file, reopen, yes } => restore(&file, reopen, yes),
    }
}

fn backup(file: &Path) -> Result<(), Failure> {
    let backup = operator::read(async |store, _| store.backup().await.map_err(operator::unread))?;
    let text = backup
        .text()
        .map_err(|error| Failure::unable(format!("the backup cannot be written: {error}")))?;
    if file == Path::new("-") {
        return output::data(&text);
    }
    let shown = file.display();
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::unable(format!("{shown} exists already"))
            .help("a backup is never written over: name another file"),
        _ => Failure::unable(format!("{shown} cannot be written: {error}"))
            .help("name a file in a folder that you may write to"),
    })?;
    output::data(&format!("backed up into {shown}: {}", contents(&backup)))?;
    output::words("keep MCP_ENCRYPTION_KEY elsewhere: without it no database of the backup opens");
    Ok(())
}

fn restore(file: &Path, reopen: bool, yes: bool) -> Result<(), Failure> {
    let shown = file.display();
    let backup = Backup::parse(&read(file)?)
        .map_err(|fault| Failure::unable(format!("{shown}: {}", fault.what)).help(fault.help))?;
    let since =
        operator::read(async |store, _| store.done_since(&backup).await.map_err(operator::unread))?;
    let (closed, changed): (Vec<Since>, _) = since.into_iter().partition(|it| it.what.closes());
    if !closed.is_empty() {
        output::words(told(
            &closed,
            match reopen {
                true => "warning: opened again by --reopen",
                false => "closed since the backup, and put back closed",
            },
        ));
    }
    if !changed.is_empty() {
        output::words(told(
            &changed,
            "changed or removed since the backup, and put back as they were then",
        ));
    }
    confirm(
        &format!(
            "put {shown} of {}, with {}, in the place of all that the store holds",
            backup.taken_at().format("%Y-%m-%d %H:%M:%S UTC"),
            contents(&backup)
        ),
        yes,
    )?;
    let held = contents(&backup);
    let revision = operator::change(async |admin| Ok(admin.restore(backup, reopen).await?))?;
    output::data(&format!("restored: {held}, as revision {revision}"))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().read_to_end(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut text))
    };
    read.map(|_| text).map_err(|error| {
        Failure::unable(format!("{} cannot be read: {error}", file.display()))
            .help("name a file that lucarne store backup wrote")
    })
}

fn contents(backup: &Backup) -> String {
    let [tenants, databases, tokens] = backup.counts();
    format!(
        "{}, {}, {}",
        counted(tenants, "tenant"),
        counted(databases, "database"),
        counted(tokens, "token")
    )
}

/// What becomes of what was done since the backup.
fn told(since: &[Since], becomes: &str) -> String {
    let named = since.iter().take(NAMED).map(|it| {
        let name = &it.name;
        match it.what {
            What::Removed => format!("  {name} (removed)"),
            What::Revoked => format!("  {name} (revoked or rotated)"),
            What::Shortened => format!("  {name} (ends sooner)"),
            What::SwitchedOff => format!("  {name} (tenant switched off)"),
            What::Changed => format!("  {name}"),
        }
    });
    let mut lines = vec![format!("{becomes}: {}", since.len())];
    lines.extend(named);
    if since.len() > NAMED {
        lines.push(format!("  and {} more", since.len() - NAMED));
    }
    lines.join("\n")
}
