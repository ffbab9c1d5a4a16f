//! The variables as help and manual list them, from the table that the service reads them by.

use crate::config::variables::{self, Variable};

use super::text::width;

const INDENT: &str = "      ";
const COLUMNS: usize = 80;

/// Every variable with its default and meaning, as a block of help.
pub(super) fn variables() -> String {
    let entries: Vec<String> = variables::all().map(entry).collect();
    format!(
        "Variables, of the environment or of .env:\n{}",
        entries.join("\n")
    )
}

fn entry(variable: &Variable) -> String {
    let name = match (variable.secret, variable.default) {
        (true, _) => format!("{0}, {0}_FILE", variable.name),
        (false, Some(default)) => format!("{} [default: {default}]", variable.name),
        (false, None) => variable.name.to_owned(),
    };
    let mut entry = format!("  {name}\n{INDENT}");
    let mut column = INDENT.len();
    for (index, word) in variable.meaning.split(' ').enumerate() {
        let breaks = column + 1 + width(word) > COLUMNS;
        if breaks {
            entry.push('\n');
            entry.push_str(INDENT);
            column = INDENT.len();
        } else if index > 0 {
            entry.push(' ');
            column += 1;
        }
        entry.push_str(word);
        column += width(word);
    }
    entry
}
