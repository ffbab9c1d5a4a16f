//! Which columns of a table are hidden: by their own names, or as generated from what is hidden.

use super::{Column, Table};
use crate::sensitive::{ModelNames, Sensitive};

/// The rule that hides each column of a table, in its order; `None` where it is served.
pub(super) fn rules(
    named: ModelNames<'_>,
    table: &Table,
    sensitive: &Sensitive,
) -> Vec<Option<String>> {
    let own = |name: &str| Some(sensitive.hides(named, name)?.to_string());
    let columns = table.columns.iter();
    let mut rules: Vec<Option<String>> = columns.map(|column| own(&column.name)).collect();
    // What the role may not read itself may be in what it may read.
    let withheld = table.withheld.iter();
    let mut hidden: Vec<(&str, String)> = withheld
        .map(String::as_str)
        .chain(table.columns.iter().map(|column| &*column.name))
        .filter_map(|name| Some((name, own(name)?)))
        .collect();
    // A generated column may be made of another one.
    loop {
        let mut columns = table.columns.iter().enumerate();
        let found = columns.find_map(|(index, column)| {
            let open = rules[index].is_none() && !sensitive.reveals(named, &column.name);
            Some((index, source(column, &hidden, sensitive).filter(|_| open)?))
        });
        let Some((index, rule)) = found else {
            return rules;
        };
        hidden.push((&table.columns[index].name, rule.clone()));
        rules[index] = Some(rule);
    }
}

/// What hidden thing a generated column is made of: a column, or a member of a document.
fn source(column: &Column, hidden: &[(&str, String)], sensitive: &Sensitive) -> Option<String> {
    let expression = column.expression.as_deref()?;
    let made_of = |name: &str, rule: &str| format!("generated from {name}, {rule}");
    if let Some((other, rule)) = hidden.iter().find(|(other, _)| names(expression, other)) {
        return Some(made_of(other, rule));
    }
    // Outside of columns' names a member of a document stands in a literal.
    let mut literals = expression.split('\'').skip(1).step_by(2);
    let path = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
    let member = literals.find_map(|literal| {
        let mut members = literal.split(path);
        members.find(|member| sensitive.hides_member(member))
    })?;
    Some(made_of(member, "a hidden member"))
}

/// Whether an expression names a column, in any case of letters and in any quotes.
fn names(expression: &str, column: &str) -> bool {
    let (expression, column) = (expression.to_lowercase(), column.to_lowercase());
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let mut found = expression.match_indices(&column);
    !column.is_empty()
        && found.any(|(at, _)| {
            let before = expression[..at].chars().next_back();
            let after = expression[at + column.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_column_is_named_as_a_whole_word() {
        for (expression, named) in [
            ("substr(password_hash, 1, 6)", true),
            ("\"Password_Hash\"", true),
            ("`t`.`password_hash`", true),
            ("password_hash", true),
            ("password_hash2 || my_password_hash", false),
            ("a + b", false),
        ] {
            assert_eq!(names(expression, "password_hash"), named, "{expression}");
        }
    }
}
