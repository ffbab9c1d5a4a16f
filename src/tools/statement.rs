//! The SQL of a tool, read in the dialect of its engine.
//!
//! What runs later is made of the very tokens that were judged here, without their comments: where
//! this reading and the engine's could differ (backslashes in strings, comments that MySQL runs,
//! strings between dollars), the text is refused.

mod bounds;
mod fails;
mod judge;
pub mod mentions;
mod relations;
mod scope;
mod weighed;

use std::collections::HashSet;

use sqlparser::ast::{LimitClause, SetExpr, Statement as Ast, Visit as _};
use sqlparser::dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

use self::judge::Judge;
use super::{Fault, Parameter, Place, Text};
use crate::sql::Dialect;
use crate::sql::tool::{Piece, Select};

/// How deep expressions and subqueries may nest.
const MAX_DEPTH: usize = 40;

/// A SELECT that was judged, and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text, in pieces.
    pub select: Select,
    /// The models that it reads, in the order in which it names them.
    pub models: Vec<String>,
    /// Its own lists of WITH, which no table that it reads is called by.
    pub lists: HashSet<String>,
    /// The columns that it does more with than to show them, and where; of a raw one all columns.
    pub(crate) weighed: Vec<(String, Place)>,
}

/// What a statement may name.
#[derive(Debug, Clone, Copy)]
pub struct Names<'n> {
    /// The engine's dialect.
    pub dialect: Dialect,
    /// The models that exist; without them, any name is one.
    pub models: Option<&'n [&'n str]>,
    /// The columns of the models, or of the tables as `schema.table`.
    pub columns: &'n [(&'n str, Vec<&'n str>)],
    /// Functions beyond the built-in ones, as `schema.name`.
    pub functions: &'n [String],
    /// The parameters.
    pub parameters: &'n [Parameter],
    /// Whether tables of the database are named in place of models.
    pub raw: bool,
}

/// Reads the SQL of a tool.
///
/// # Errors
/// Every fault that can be seen in one reading, each with its place and what to write instead.
pub fn read(text: &Text, names: Names<'_>) -> Result<Statement, Vec<Fault>> {
    let tokens = tokens(text, names)?;
    let ast = parsed(text, names.dialect, &tokens)?;
    let Ast::Query(query) = &ast else {
        return Err(vec![only_select(text)]);
    };
    let mut judge = Judge::new(text, names, query);
    let _ = ast.visit(&mut judge);
    if !matches!(
        *query.body,
        SetExpr::Select(_) | SetExpr::SetOperation { .. } | SetExpr::Query(_)
    ) {
        judge.fault(
            Location::new(1, 1),
            "a tool is a SELECT",
            "begin with SELECT or WITH",
        );
    }
    judge.columns(query);
    let has_with = query.with.is_some();
    let is_recursive = query.with.as_ref().is_some_and(|with| with.recursive);
    let has_limit = query.fetch.is_some()
        || !matches!(
            query.limit_clause,
            None | Some(LimitClause::LimitOffset { limit: None, .. })
        );
    let head = usize::from(has_with) + usize::from(is_recursive);
    let pieces = pieces(&tokens, head, &mut judge, names.dialect);
    let found = judge.done()?;
    let place = |at: Location| text.place.within(at.line as usize, at.column as usize);
    Ok(Statement {
        select: Select {
            has_with,
            is_recursive,
            pieces,
            has_limit,
            risk: fails::of(query),
            weighed: found
                .columns
                .weighed
                .iter()
                .map(|(name, _)| name.to_lowercase())
                .collect(),
            opened: found.columns.opened,
        },
        models: found.models,
        lists: found.lists,
        weighed: found
            .columns
            .weighed
            .into_iter()
            .map(|(name, at)| (name, place(at)))
            .collect(),
    })
}

fn grammar(dialect: Dialect) -> Box<dyn Grammar> {
    match dialect {
        Dialect::Sqlite => Box::new(SQLiteDialect {}),
        Dialect::Postgres => Box::new(PostgreSqlDialect {}),
        Dialect::MySql => Box::new(MySqlDialect {}),
    }
}

fn fault(text: &Text, at: Location, message: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault {
        place: text.place.within(at.line as usize, at.column as usize),
        tool: None,
        message: message.into(),
        help: help.into(),
    }
}

fn only_select(text: &Text) -> Fault {
    fault(
        text,
        Location::new(1, 1),
        "a tool is one SELECT, and changes nothing",
        "begin with SELECT or WITH",
    )
}

/// The tokens of a text, each parameter one token; none of them is read otherwise by the engine.
fn tokens(text: &Text, names: Names<'_>) -> Result<Vec<TokenWithSpan>, Vec<Fault>> {
    // The tokenizer reads what is in it as SQL, as MySQL does; others read a comment.
    if let Some(at) = text.sql.find("/*!").or_else(|| text.sql.find("/*M!")) {
        let before = &text.sql[..at];
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let at = Location::new(before.matches('\n').count() as u64 + 1, column as u64);
        return Err(vec![fault(
            text,
            at,
            "a comment that one engine runs",
            "take it out",
        )]);
    }
    let grammar = grammar(names.dialect);
    let tokens = Tokenizer::new(&*grammar, &text.sql)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|error| {
            vec![fault(
                text,
                error.location,
                format!("cannot be read: {}", error.message),
                "close what was opened",
            )]
        })?;
    let mut joined: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut faults = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(mut token) = tokens.next() {
        if let Some((message, help)) = refused(&token.token, names.dialect) {
            faults.push(fault(text, token.span.start, message, help));
        }
        if token.token == Token::Colon
            && let Some(TokenWithSpan {
                token: Token::Word(word),
                span,
            }) = tokens.peek()
            && word.quote_style.is_none()
        {
            token.token = Token::Placeholder(format!(":{}", word.value));
            token.span.end = span.end;
            tokens.next();
        }
        joined.push(token);
    }
    // One at the end changes nothing.
    let meaningful =
        |token: &TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
    if let Some(last) = joined.iter().rposition(meaningful)
        && joined[last].token == Token::SemiColon
    {
        joined.remove(last);
    }
    let second = joined.iter().find(|token| token.token == Token::SemiColon);
    if let Some(second) = second {
        faults.push(fault(
            text,
            second.span.start,
            "a second statement",
            "write each statement as a tool of its own",
        ));
    }
    if let Some(at) = member_of_value(&joined) {
        faults.push(fault(
            text,
            at,
            "a member of a value, which the engine may take for a call of a function",
            "write table.column, and name(value) for a function",
        ));
    }
    if let Some((at, message, help)) = bounds::beyond(&joined) {
        faults.push(fault(text, at, message, help));
    }
    match faults.is_empty() {
        true => Ok(joined),
        false => Err(faults),
    }
}

/// Where a point follows what is no name: to PostgreSQL `(value).name` is `name(value)`.
fn member_of_value(tokens: &[TokenWithSpan]) -> Option<Location> {
    let blank = |it: &&TokenWithSpan| matches!(it.token, Token::Whitespace(_));
    let mut tokens = tokens.iter().filter(|it| !blank(it));
    let mut is_name = false;
    tokens.find_map(|TokenWithSpan { token, span }| {
        let before = std::mem::replace(&mut is_name, matches!(token, Token::Word(_)));
        (*token == Token::Period && !before).then_some(span.start)
    })
}

/// Why a token is no part of a tool, and what to write instead.
fn refused(token: &Token, dialect: Dialect) -> Option<(&'static str, &'static str)> {
    let mysql = dialect == Dialect::MySql;
    Some(match token {
        Token::Placeholder(_) | Token::Question | Token::QuestionAnd | Token::QuestionPipe => (
            "a parameter without a name",
            "write parameters as :name, and declare them under params",
        ),
        Token::AtSign => (
            "a variable of the session",
            "declare a parameter, and write :name",
        ),
        Token::Assignment => ("an assignment", "a tool only reads"),
        Token::Whitespace(Whitespace::MultiLineComment(comment)) if comment.starts_with('+') => {
            ("a comment that the engine obeys", "take it out")
        }
        Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::DollarQuotedString(_) => (
            "a string with escapes",
            "write it between single quotes, a quote in it twice",
        ),
        Token::SingleQuotedString(string)
        | Token::DoubleQuotedString(string)
        | Token::NationalStringLiteral(string)
            if mysql && string.contains('\\') =>
        {
            (
                "a backslash in a string, which means one thing or another by the server's mode",
                "pass it as a parameter",
            )
        }
        Token::DoubleQuotedString(_) if mysql => (
            "a text between double quotes, which is a string or a name by the server's mode",
            "write '…' for a text and `…` for a name",
        ),
        Token::Backslash | Token::CopyData { .. } | Token::Char(_) => {
            ("a character that is no SQL", "take it out")
        }
        Token::Word(word) if word.quote_style.is_none() && word.value.starts_with('@') => (
            "a variable of the session",
            "declare a parameter, and write :name",
        ),
        Token::Word(word) if word.value.contains('\0') => ("a NUL", "take it out"),
        Token::Word(word) if word.quote_style.is_some_and(|it| word.value.contains(it)) => (
            "a name with a quote in it",
            "read it by a view that calls it otherwise",
        ),
        Token::Word(word) if word.quote_style.is_none() && word.value.starts_with('$') => (
            "a parameter without a name",
            "write parameters as :name, and declare them under params",
        ),
        _ => return None,
    })
}

fn parsed(text: &Text, dialect: Dialect, tokens: &[TokenWithSpan]) -> Result<Ast, Vec<Fault>> {
    let grammar = grammar(dialect);
    let statements = Parser::new(&*grammar)
        .with_recursion_limit(MAX_DEPTH)
        .with_tokens_with_locations(tokens.to_vec())
        .parse_statements();
    match statements {
        Ok(statements) => <[Ast; 1]>::try_from(statements)
            .map(|[one]| one)
            .map_err(|_| vec![only_select(text)]),
        Err(error) => {
            let words = error.to_string();
            let words = words.strip_prefix("sql parser error: ").unwrap_or(&words);
            let (words, at) = located(words, &text.sql);
            Err(vec![fault(
                text,
                at,
                format!("is no SQL of this engine that a tool may use: {words}"),
                "mend it there",
            )])
        }
    }
}

/// The words of the parser, and the place that it names at their end; without one, the end of the
/// text.
fn located<'w>(words: &'w str, sql: &str) -> (&'w str, Location) {
    let named = words
        .rsplit_once(" at Line: ")
        .and_then(|(message, place)| {
            let (line, column) = place.split_once(", Column: ")?;
            Some((
                message,
                Location::new(line.parse().ok()?, column.parse().ok()?),
            ))
        });
    named.unwrap_or_else(|| {
        let last = sql.rsplit('\n').next().unwrap_or_default();
        let (line, column) = (sql.matches('\n').count() + 1, last.chars().count() + 1);
        (words, Location::new(line as u64, column as u64))
    })
}

/// The text of the tokens after so many words of its head, without comments.
fn pieces(
    tokens: &[TokenWithSpan],
    head: usize,
    judge: &mut Judge<'_>,
    dialect: Dialect,
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut sql = String::new();
    let mut used = HashSet::new();
    let (mut head, mut negated) = (head, false);
    for (index, TokenWithSpan { token, span }) in tokens.iter().enumerate() {
        match token {
            Token::EOF => {}
            Token::Whitespace(Whitespace::Newline) => sql.push('\n'),
            Token::Whitespace(_) => sql.push(' '),
            Token::Word(_) if head > 0 => head -= 1,
            // An array there, where others write each value.
            Token::Word(word) if dialect == Dialect::Postgres && word.quote_style.is_none() => {
                let after = &tokens[index + 1..];
                sql.push_str(match word.keyword {
                    Keyword::NOT if is_of_list(after, true, judge) => {
                        negated = true;
                        "<> ALL"
                    }
                    Keyword::IN if is_of_list(after, false, judge) => {
                        match std::mem::take(&mut negated) {
                            true => "",
                            false => "= ANY",
                        }
                    }
                    _ => &word.value,
                });
            }
            Token::Placeholder(name) => {
                if let Some((at, is_list)) = judge.parameter(&name[1..], span.start) {
                    used.insert(at);
                    pieces.push(Piece::Sql(std::mem::take(&mut sql)));
                    pieces.push(if is_list {
                        Piece::List(at)
                    } else {
                        Piece::Value(at)
                    });
                }
            }
            token => sql.push_str(&written(token)),
        }
    }
    pieces.push(Piece::Sql(sql.trim_end().to_owned()));
    judge.unused(&used);
    pieces
}

/// Whether a parameter that is a list follows, in parentheses and perhaps behind an `IN`.
fn is_of_list(after: &[TokenWithSpan], behind_in: bool, judge: &Judge<'_>) -> bool {
    let blank = |it: &&TokenWithSpan| matches!(it.token, Token::Whitespace(_));
    let mut after = after.iter().filter(|it| !blank(it));
    let mut has = |wanted: fn(&Token) -> bool| after.next().is_some_and(|it| wanted(&it.token));
    if (behind_in && !has(is_in)) || !has(|token| *token == Token::LParen) {
        return false;
    }
    let list = after.next();
    list.is_some_and(|list| judge.is_list(&list.token, list.span.start))
}

fn is_in(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword == Keyword::IN)
}

/// A token as the engine reads it.
///
/// The tokens were read without unescaping: a quote in a string stands there twice already.
fn written(token: &Token) -> String {
    match token {
        Token::SingleQuotedString(string) => format!("'{string}'"),
        Token::Word(word) => match word.quote_style {
            Some('[') => format!("[{}]", word.value),
            Some(quote) => format!("{quote}{}{quote}", word.value),
            None => word.value.clone(),
        },
        token => token.to_string(),
    }
}

#[cfg(test)]
mod tests;
