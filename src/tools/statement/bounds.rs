//! How far a statement may go, told from its tokens.
//!
//! A chain such as `1+1+…` becomes a tree as deep as it is long, which the parser makes without
//! recursion, and all that walks it, shows it and drops it, here and in the engine, with: it is
//! bounded before there is a tree.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

/// How many operators, words of SQL and parentheses may enclose one another or follow one another
/// between two commas.
const MAX_CHAIN: usize = 400;
/// How many SELECTs and words that join them there may be.
const MAX_QUERIES: usize = 100;

/// Where a statement goes too far, what is too long, and what to do.
pub(super) fn beyond(tokens: &[TokenWithSpan]) -> Option<(Location, &'static str, &'static str)> {
    let mut queries = 0;
    // Of each list that is open, how long its member is so far.
    let (mut open, mut member) = (Vec::new(), 0_usize);
    let mut chain = 0_usize;
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::Comma => {
                chain -= member;
                member = 0;
            }
            Token::RParen | Token::RBracket => {
                chain -= member;
                member = open.pop().unwrap_or_default();
            }
            token if is_link(token) => {
                chain += 1;
                member += 1;
                if matches!(token, Token::LParen | Token::LBracket) {
                    open.push(std::mem::take(&mut member));
                }
            }
            _ => {}
        }
        queries += usize::from(is_query(token));
        if chain > MAX_CHAIN {
            let help = "write IN (…) for a chain of OR, or take the SQL apart into lists of WITH";
            return Some((span.start, "a chain of operators that is too long", help));
        }
        if queries > MAX_QUERIES {
            let help = "write it with fewer, or as several tools";
            return Some((span.start, "more than 100 SELECTs", help));
        }
    }
    None
}

/// Whether a token may make a tree deeper: all but values, names and the points between them.
fn is_link(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword != Keyword::NoKeyword,
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::Placeholder(_)
        | Token::Period
        | Token::Whitespace(_)
        | Token::EOF => false,
        _ => true,
    }
}

fn is_query(token: &Token) -> bool {
    matches!(
        token,
        Token::Word(word) if matches!(
            word.keyword,
            Keyword::SELECT
                | Keyword::VALUES
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::MINUS
        )
    )
}
