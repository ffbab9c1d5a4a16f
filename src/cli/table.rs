//! A table for a terminal: records as columns while they fit, else one under the other. By hand, for
//! columns are cut by their weight (ADR 14).

use std::io::{self, IsTerminal as _};

use super::text::{cut, padded, width};

const GAP: &str = "  ";
/// The least columns of a terminal that a column of a table is cut to.
const NARROWEST: usize = 8;
/// The most of one value that is shown where a record has lines of its own.
const LONGEST_VALUE: usize = 2000;

/// A value as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    /// One line without control characters.
    pub(crate) text: String,
    /// Whether it is set to the right, as numbers are.
    pub(crate) right: bool,
}

impl Cell {
    /// A cell of words.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            right: false,
        }
    }
}

/// Rows of cells under headings; every row has a cell for each heading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// The names of the columns.
    pub(crate) headings: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The table in at most `columns` columns of a terminal, its lines without trailing spaces.
    ///
    /// Long cells are cut; where even cut ones do not fit, each row is a block of lines.
    pub(crate) fn render(&self, columns: usize) -> String {
        match self.column_widths(columns) {
            Some(widths) => self.grid(&widths),
            None => {
                let blocks: Vec<String> = self
                    .rows
                    .iter()
                    .map(|row| self.block(row, columns))
                    .collect();
                blocks.join("\n")
            }
        }
    }

    /// One row with a line for each heading, its values whole.
    pub(crate) fn record(&self, row: &[Cell]) -> String {
        self.block(row, LONGEST_VALUE)
    }

    fn block(&self, row: &[Cell], columns: usize) -> String {
        let names = self
            .headings
            .iter()
            .map(|heading| width(heading))
            .max()
            .unwrap_or(0)
            .min(columns / 2);
        let room = columns.saturating_sub(names + GAP.len()).max(1);
        let mut lines = String::new();
        for (heading, cell) in self.headings.iter().zip(row) {
            let name = padded(&cut(heading, names), names, false);
            push_line(&mut lines, &format!("{name}{GAP}{}", cut(&cell.text, room)));
        }
        lines
    }

    fn grid(&self, widths: &[usize]) -> String {
        let right: Vec<bool> = (0..self.headings.len())
            .map(|column| self.rows.iter().any(|row| row[column].right))
            .collect();
        let line = |texts: Vec<&str>| {
            let cells: Vec<String> = texts
                .iter()
                .zip(widths)
                .zip(&right)
                .map(|((text, &width), &right)| padded(&cut(text, width), width, right))
                .collect();
            cells.join(GAP)
        };
        let mut lines = String::new();
        push_line(
            &mut lines,
            &line(self.headings.iter().map(String::as_str).collect()),
        );
        push_line(
            &mut lines,
            &widths
                .iter()
                .map(|&width| "─".repeat(width))
                .collect::<Vec<_>>()
                .join(GAP),
        );
        for row in &self.rows {
            push_line(
                &mut lines,
                &line(row.iter().map(|cell| cell.text.as_str()).collect()),
            );
        }
        lines
    }

    /// The widths that fit, the widest columns made narrower first; none when too many columns.
    fn column_widths(&self, columns: usize) -> Option<Vec<usize>> {
        let natural: Vec<usize> = (0..self.headings.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| width(&row[column].text));
                cells
                    .chain([width(&self.headings[column]), 1])
                    .max()
                    .unwrap_or(1)
            })
            .collect();
        let room = columns.checked_sub(GAP.len() * natural.len().saturating_sub(1))?;
        let total = |widest: usize| {
            natural
                .iter()
                .map(|&width| width.min(widest))
                .sum::<usize>()
        };
        let widest = natural.iter().copied().max().unwrap_or(1);
        if total(widest) <= room {
            return Some(natural);
        }
        let widest = (NARROWEST..widest)
            .rev()
            .find(|&widest| total(widest) <= room)?;
        Some(natural.iter().map(|&width| width.min(widest)).collect())
    }
}

/// The width of the terminal; a pipe takes every line whole.
pub(crate) fn columns() -> usize {
    let terminal = io::stdout()
        .is_terminal()
        .then(terminal_size::terminal_size)
        .flatten();
    terminal.map_or(usize::MAX, |(width, _)| usize::from(width.0))
}

fn push_line(lines: &mut String, line: &str) {
    lines.push_str(line.trim_end());
    lines.push('\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(headings: &[&str], rows: &[&[&str]]) -> Table {
        Table {
            headings: headings.iter().map(|&heading| heading.to_owned()).collect(),
            rows: rows
                .iter()
                .map(|row| {
                    row.iter()
                        .map(|text| Cell {
                            text: (*text).to_owned(),
                            right: text.parse::<f64>().is_ok(),
                        })
                        .collect()
                })
                .collect(),
        }
    }

    #[test]
    fn columns_are_lined_up_and_numbers_set_right() {
        let table = table(
            &["id", "name", "note"],
            &[&["1", "表 Ada", "x"], &["20", "Bo", ""]],
        );
        insta::assert_snapshot!(table.render(80), @"
        id  name    note
        ──  ──────  ────
         1  表 Ada  x
        20  Bo
        ");
    }

    #[test]
    fn the_widest_column_is_cut_first() {
        let table = table(
            &["id", "title", "body"],
            &[&["1", "A short one", &"long ".repeat(30)]],
        );
        insta::assert_snapshot!(table.render(40), @"
        id  title        body
        ──  ───────────  ───────────────────────
         1  A short one  long long long long lo…
        ");
    }

    #[test]
    fn too_many_columns_stand_one_under_the_other() {
        let table = table(
            &["alpha", "beta", "gamma", "delta"],
            &[
                &[
                    "a long value",
                    "2",
                    "another long value",
                    "a third long value",
                ],
                &["e", "f", "g", "h"],
            ],
        );
        insta::assert_snapshot!(table.render(24), @"
        alpha  a long value
        beta   2
        gamma  another long val…
        delta  a third long val…

        alpha  e
        beta   f
        gamma  g
        delta  h
        ");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            rows in prop::collection::vec(prop::collection::vec("\\PC{0,60}", 5), 0..6),
            columns in 20_usize..120,
        ) {
            let rows: Vec<Vec<Cell>> = rows.into_iter().map(|row| row.into_iter().map(Cell::text).collect()).collect();
            let headings = ["id", "a_rather_long_heading", "表", "d", "e"].map(str::to_owned).to_vec();
            for line in (Table { headings, rows }).render(columns).lines() {
                prop_assert!(width(line) <= columns, "{} > {columns}: {line}", width(line));
            }
        }
    }
}
