//! `lucarne man` and `lucarne completions`: made from the definitions of the commands.

use std::io;

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

use super::failure::Failure;
use super::output;

/// Examples of `lucarne completions`, shown in its help and run by a test.
pub(super) const COMPLETION_EXAMPLES: &str = "\
Examples:
  lucarne completions bash > lucarne.bash
  lucarne completions zsh > _lucarne
  lucarne completions fish > lucarne.fish";

/// Examples of `lucarne man`, shown in its help and run by a test.
pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  lucarne man > lucarne.1";

/// The shells that completions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CompletingShell {
    Bash,
    Zsh,
    Fish,
}

impl From<CompletingShell> for Shell {
    fn from(shell: CompletingShell) -> Self {
        match shell {
            CompletingShell::Bash => Self::Bash,
            CompletingShell::Zsh => Self::Zsh,
            CompletingShell::Fish => Self::Fish,
        }
    }
}

/// Prints the completions for a shell.
pub(super) fn completions(shell: CompletingShell, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(Shell::from(shell), &mut command, name, &mut script);
    output::data(&String::from_utf8_lossy(&script))
}

/// Prints one manual page for the command and all its subcommands.
pub(super) fn page(command: Command) -> Result<(), Failure> {
    let page = render(command)
        .map_err(|error| Failure::unable(format!("the manual page cannot be made: {error}")))?;
    output::data(&page)
}

fn render(mut command: Command) -> io::Result<String> {
    command = command.disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let root = Man::new(command.clone())
        .manual("Lucarne")
        .source(concat!("lucarne ", env!("CARGO_PKG_VERSION")));
    root.render_title(&mut page)?;
    root.render_name_section(&mut page)?;
    root.render_synopsis_section(&mut page)?;
    root.render_description_section(&mut page)?;
    root.render_options_section(&mut page)?;
    let mut page = String::from_utf8_lossy(&page).into_owned();
    page.push_str(".SH COMMANDS\n");
    for subcommand in command.get_subcommands() {
        page.push_str(&section(subcommand)?);
        for task in subcommand.get_subcommands() {
            page.push_str(&section(task)?);
        }
    }
    page.push_str(&blocks(&command, "SH"));
    Ok(page)
}

/// A command's part of the page: how it is called, what it does, its options and examples.
fn section(command: &Command) -> io::Result<String> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut options = Vec::new();
    Man::new(command.clone().disable_help_flag(true)).render_options_section(&mut options)?;
    let options = String::from_utf8_lossy(&options);
    // Inside a section of its own the list needs no heading.
    let options: String = options
        .lines()
        .filter(|line| {
            !line.starts_with(".SH") && !line.starts_with(".ie") && !line.starts_with(".el")
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let heading = escaped(usage).replace('"', "\\(dq");
    Ok(format!(
        ".SS \"{heading}\"\n{}\n{options}{}",
        escaped(&about),
        blocks(command, "PP")
    ))
}

/// The blocks of text below a command's help, each a heading and lines that stay as they are.
fn blocks(command: &Command, heading: &str) -> String {
    let text = command
        .get_after_long_help()
        .or_else(|| command.get_after_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    let mut page = String::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        let (title, lines) = block.split_once('\n').unwrap_or((block, ""));
        let title = escaped(title.trim_end_matches(':'));
        page.push_str(&match heading {
            "SH" => format!(".SH \"{}\"\n", title.to_uppercase()),
            _ => format!(".{heading}\n{title}:\n"),
        });
        page.push_str(".nf\n");
        for line in lines.lines() {
            page.push_str(&escaped(line));
            page.push('\n');
        }
        page.push_str(".fi\n");
    }
    page
}

/// A line as roff writes it, in ASCII and so that it can be copied from the page.
fn escaped(line: &str) -> String {
    let mut escaped = String::from(if line.starts_with('.') { "\\&" } else { "" });
    for character in line.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            ascii if ascii.is_ascii() => escaped.push(ascii),
            other => escaped.push_str(&format!("\\[u{:04X}]", u32::from(other))),
        }
    }
    escaped
}
