//! What a server says that it made of a statement: a text in which each name stands in backticks,
//! each table with its database, but for those that it looks up behind IN, whose bare names it tells.

use std::collections::BTreeSet;

use crate::catalog::TableName;

/// A word of such a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// Names with points between them.
    Names(Vec<String>),
    /// Anything else: a run of letters, in small ones, or one sign.
    Other(String),
}

/// Such a text, read.
pub(super) struct Note(Vec<Word>);

impl Note {
    pub(super) fn read(text: &str) -> Self {
        let mut words = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(letter) = rest.next() {
            match letter {
                '`' => {
                    let mut name = String::new();
                    while let Some(letter) = rest.next() {
                        if letter == '`' && rest.next_if_eq(&'`').is_none() {
                            break;
                        }
                        name.push(letter);
                    }
                    let joined = words.last() == Some(&Word::Other(".".to_owned()));
                    if joined {
                        words.pop();
                    }
                    match words.last_mut() {
                        Some(Word::Names(names)) if joined => names.push(name),
                        _ => words.push(Word::Names(vec![name])),
                    }
                }
                quote @ ('\'' | '"') => {
                    while let Some(letter) = rest.next() {
                        match letter {
                            '\\' => drop(rest.next()),
                            other if other == quote && rest.next_if_eq(&quote).is_none() => break,
                            _ => {}
                        }
                    }
                    words.push(Word::Other("'".to_owned()));
                }
                '/' if rest.peek() == Some(&'*') => {
                    let mut last = ' ';
                    for letter in rest.by_ref() {
                        if last == '*' && letter == '/' {
                            break;
                        }
                        last = letter;
                    }
                }
                letter if letter.is_alphanumeric() || letter == '_' => {
                    let mut word = letter.to_ascii_lowercase().to_string();
                    while let Some(more) = rest.next_if(|it| it.is_alphanumeric() || *it == '_') {
                        word.push(more.to_ascii_lowercase());
                    }
                    words.push(Word::Other(word));
                }
                letter if letter.is_whitespace() => {}
                letter => words.push(Word::Other(letter.to_string())),
            }
        }
        Self(words)
    }

    /// The tables, each with its database: they stand behind `from` and `join`, and what is looked up
    /// behind `in` without its database. Two names anywhere else are a column of a list, for a column
    /// of a table has its database before it.
    pub(super) fn tables(&self) -> BTreeSet<(String, String)> {
        let mut tables = BTreeSet::new();
        let mut is_source = false;
        // Of each parenthesis that is open, whether a SELECT stands in it: a `from` without one
        // belongs to a function, as in `extract(year from x)`.
        let mut selects = vec![false];
        for word in &self.0 {
            match word {
                Word::Names(names) => {
                    if let ([of, name], true) = (&names[..], is_source) {
                        tables.insert((of.clone(), name.clone()));
                    }
                    is_source = false;
                }
                Word::Other(sign) if sign == "(" => selects.push(false),
                Word::Other(word) => {
                    let is_select = selects.last().copied().unwrap_or_default();
                    match (&**word, selects.last_mut()) {
                        (")", _) => drop(selects.pop()),
                        ("select", Some(is_select)) => *is_select = true,
                        _ => {}
                    }
                    is_source = match &**word {
                        "from" => is_select,
                        "join" | "straight_join" => true,
                        _ => false,
                    };
                }
            }
        }
        let looked_up = self.looked_up();
        // What is looked up may have columns by an alias that stands nowhere else.
        if looked_up.is_empty() {
            tables.extend(self.columns());
        }
        tables.extend(looked_up.into_iter().map(|name| (String::new(), name)));
        tables
    }

    /// The tables that are looked up behind `in`, in small letters: `in NAME on KEY`.
    fn looked_up(&self) -> Vec<String> {
        let is = |word: &Word, wanted: &str| matches!(word, Word::Other(it) if it == wanted);
        let starts = self.0.iter().enumerate().filter(|(_, it)| is(it, "in"));
        let name = |(at, _)| {
            let rest = &self.0[at + 1..];
            let end = rest.iter().position(|word| is(word, "on"))?;
            let words = rest[..end].iter().map(|word| match word {
                Word::Other(word) => Some(&**word),
                Word::Names(_) => None,
            });
            let words: Vec<&str> = words.collect::<Option<_>>()?;
            // Values, a subquery, and a table of the server's own.
            let is_other = |word: &&str| matches!(*word, "(" | ")" | "<");
            (!words.iter().any(is_other)).then(|| words.concat())
        };
        starts.filter_map(name).collect()
    }

    /// The tables of columns, each by its name, or by its alias where no table has that.
    fn columns(&self) -> impl Iterator<Item = (String, String)> {
        let columns = self.0.iter().filter_map(|word| match word {
            Word::Names(names) => match &names[..] {
                [schema, alias, _] => Some((schema, alias)),
                _ => None,
            },
            Word::Other(_) => None,
        });
        columns.map(|(schema, alias)| {
            let name = self.called(schema, alias).unwrap_or(alias);
            (schema.clone(), name.to_owned())
        })
    }

    /// The name of the table that has an alias.
    fn called(&self, schema: &str, alias: &str) -> Option<&str> {
        self.0.windows(2).find_map(|pair| {
            let [Word::Names(table), Word::Names(own)] = pair else {
                return None;
            };
            match (&table[..], &own[..]) {
                ([of, name], [own]) if of == schema && own == alias => Some(&**name),
                _ => None,
            }
        })
    }

    /// The columns of tables that the columns of the result are, as they are; `None` for those that
    /// are computed.
    pub(super) fn origins(&self) -> Vec<Option<(TableName, String)>> {
        let outside = self.outside();
        let is = |word: &&Word, wanted: &str| matches!(word, Word::Other(it) if it == wanted);
        let parts = outside.iter().map(|(word, _)| *word);
        let parts: Vec<&Word> = parts
            .skip_while(|word| !is(word, "select"))
            .skip(1)
            .collect();
        if parts.iter().any(|word| {
            ["union", "except", "intersect"]
                .iter()
                .any(|it| is(word, it))
        }) {
            return Vec::new();
        }
        let end = parts.iter().position(|word| is(word, "from"));
        let list = &parts[..end.unwrap_or(parts.len())];
        let items = list.split(|word| is(word, ","));
        items.map(|item| self.origin(item)).collect()
    }

    /// The words outside of parentheses.
    fn outside(&self) -> Vec<(&Word, usize)> {
        let mut depth = 0_usize;
        let mut words = Vec::new();
        for (index, word) in self.0.iter().enumerate() {
            match word {
                Word::Other(sign) if sign == "(" => depth += 1,
                Word::Other(sign) if sign == ")" => depth = depth.saturating_sub(1),
                word if depth == 0 => words.push((word, index)),
                _ => {}
            }
        }
        words
    }

    fn origin(&self, item: &[&Word]) -> Option<(TableName, String)> {
        let [Word::Names(names), Word::Other(by), Word::Names(_)] = item else {
            return None;
        };
        let [schema, alias, column] = &names[..] else {
            return None;
        };
        (by == "as").then_some(())?;
        let table = TableName {
            schema: Some(schema.clone()),
            name: self.called(schema, alias)?.to_owned(),
        };
        Some((table, column.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_stand_with_their_database() {
        let note = "with a as (select `s`.`t`.`id` AS `id` from `s`.`tickets` `t` where \
            `s`.`t`.`x` = '`no`.`no`' and `s`.`t`.`y` = 'it''s \\' `no`.`no`')select `a`.`id` AS \
            `id` from `a` join (`o``dd`.`users`)";
        let tables = Note::read(note).tables();
        let tables: Vec<String> = tables
            .iter()
            .map(|(of, name)| format!("{of}.{name}"))
            .collect();
        assert_eq!(tables, ["o`dd.users", "s.tickets"]);
    }

    #[test]
    fn columns_of_lists_and_subqueries_are_no_tables() {
        let tables = |note: &str| -> Vec<String> {
            let tables = Note::read(note).tables().into_iter();
            tables.map(|(of, name)| format!("{of}.{name}")).collect()
        };
        let derived = "with t as (select 1 AS `1`)select `w`.`a` AS `a`,`x`.`b` AS `b` from \
            (select `s`.`t`.`a` AS `a` from `s`.`t`) `w` left join `c` `x` on(`x`.`b` = `w`.`a`) \
            where `<subquery3>`.`id` = 1";
        assert_eq!(tables(derived), ["s.t"]);
        let looked_up = "with c as (select `s`.`m0`.`id` AS `id` from `s`.`t` `m0`)select `c`.`id` \
            AS `id` from `c` where !(<in_optimizer>(`c`.`id`,<exists>(<index_lookup>(<cache>(`c`.\
            `id`) in (temporary) on key0 where `x`.`n` < 40 and <cache>(`c`.`id`) = `x`.`id`)))) \
            and `y`.`z` > 0";
        assert_eq!(tables(looked_up), ["s.t"]);
        // Where rows come from it is a table, whatever else has the name.
        let odd = "select `w`.`a` AS `a` from (`w`.`secret`) join (select 1 AS `a` from dual) `w`";
        assert_eq!(tables(odd), ["w.secret"]);
    }

    #[test]
    fn what_is_looked_up_is_a_table() {
        let tables = |note: &str| -> Vec<String> {
            let tables = Note::read(note).tables().into_iter();
            tables.map(|(of, name)| format!("{of}.{name}")).collect()
        };
        let by_key = "select `u`.`id` AS `id`,<in_optimizer>(`u`.`id`,<exists>(\
            <primary_index_lookup>(<cache>(`u`.`id`) in Secret on PRIMARY where `m1`.`s` like \
            'T%' and `s`.`m1`.`x` = 1))) AS `x` from `s`.`users` `u` where `u`.`id` in (1,2)";
        assert_eq!(tables(by_key), [".secret", "s.users"]);
        let odd = "select 1 from `s`.`users` where <index_lookup>(1 in my-own table on by_x)";
        assert_eq!(tables(odd), [".my-owntable", "s.users"]);
        let own = "select 1 from `s`.`u` where <primary_index_lookup>(1 in <temporary table> on k)";
        assert_eq!(tables(own), ["s.u"]);
        // A column tells its table, which may stand nowhere else.
        let column = "select `s`.`a`.`id` AS `id` from `s`.`users` `a` where `s`.`secret`.`x` > 1";
        assert_eq!(tables(column), ["s.secret", "s.users"]);
    }

    #[test]
    fn a_function_reads_no_table() {
        let note = "with a as (select trim(leading 'a' from `a`.`title`) AS `t` from `s`.`t`)\
            select extract(year from `a`.`at`) AS `y`,trim(both `x`.`b` from `x`.`c`) AS `t`,\
            substr(`a`.`t` from (`a`.`n`)) AS `s`,(select max(extract(day from `l`.`d`)) from \
            (`s`.`within` `l`)) AS `m` from `a` join `l`.`x` union select 1 from `s`.`last`";
        let tables = Note::read(note).tables();
        let tables: Vec<&str> = tables.iter().map(|(_, name)| &**name).collect();
        assert_eq!(tables, ["x", "last", "t", "within"]);
    }

    #[test]
    fn columns_are_told_by_where_they_come_from() {
        let origins = |note: &str| {
            let origins = Note::read(note).origins().into_iter();
            let told = origins.map(|it| it.map(|(table, column)| format!("{table}.{column}")));
            told.collect::<Vec<_>>()
        };
        let one = "with tickets as (select `s`.`t`.`id` AS `id` from `s`.`tickets` `m0`)select \
            `s`.`m0`.`doc` AS `d`,concat(`s`.`m0`.`id`,'x') AS `c` from `s`.`tickets` `m0`";
        assert_eq!(origins(one), [Some("s.tickets.doc".to_owned()), None]);
        let derived = "/* select#1 */ select `a`.`doc` AS `doc` from `s`.`tickets` `m0`";
        assert_eq!(origins(derived), [None]);
        let union = "select `s`.`m0`.`a` AS `a` from `s`.`x` `m0` union select 1 AS `a`";
        assert_eq!(origins(union), []);
    }
}
