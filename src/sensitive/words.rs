//! Words in names: where they begin and end, and what is the same but for case.

use std::str::Chars;

/// The names that hide a field, the more telling one first where two begin alike.
///
/// Letters alone: `API_KEY`, `apiKey` and `apikey` are spelled by the same.
const BUILT_IN: &[(&str, &str)] = &[
    ("password_hash", "passwordhash"),
    ("password", "password"),
    ("passwd", "passwd"),
    ("passphrase", "passphrase"),
    ("api_key", "apikey"),
    ("auth_token", "authtoken"),
    ("client_secret", "clientsecret"),
    ("webhook_secret", "webhooksecret"),
    ("totp_secret", "totpsecret"),
    ("encryption_key", "encryptionkey"),
    ("private_key", "privatekey"),
    ("secret", "secret"),
    ("token", "token"),
    ("credential", "credential"),
];

/// The built-in name that stands in a name as whole words.
pub(super) fn built_in(name: &str) -> Option<&'static str> {
    let mut before = Before::default();
    let mut chars = name.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        let after = chars.peek().map(|(_, after)| *after);
        if before.is_border(c, after) && c.is_alphanumeric() {
            let (words, first) = (&name[index..], fold(c));
            let found = BUILT_IN.iter().find(|(_, letters)| {
                // Most words fall out here, at their first letter.
                letters.bytes().next().map(char::from) == Some(first)
                    && starts_with_words(words, letters)
            });
            if let Some((shown, _)) = found {
                return Some(shown);
            }
        }
        before.pass(c);
    }
    None
}

/// Whether a name starts with words that, joined, spell these letters or their plural.
fn starts_with_words(name: &str, letters: &str) -> bool {
    let mut rest = name.chars();
    let mut before = Before::default();
    for letter in letters.chars() {
        let Some(c) = rest.find(|c| c.is_alphanumeric()) else {
            return false;
        };
        if fold(c) != letter {
            return false;
        }
        before.pass(c);
    }
    ["", "s", "es"]
        .iter()
        .any(|ending| ends_word(before, rest.clone(), ending))
}

/// Whether a word ends once this ending is taken from the rest.
fn ends_word(mut before: Before, mut rest: Chars<'_>, ending: &str) -> bool {
    for letter in ending.chars() {
        match rest.next() {
            Some(c) if fold(c) == letter => before.pass(c),
            _ => return false,
        }
    }
    match rest.next() {
        Some(c) => before.is_border(c, rest.next()),
        None => true,
    }
}

/// The kinds of the last two characters, the nearer one second.
#[derive(Clone, Copy, Default)]
struct Before(Option<Kind>, Option<Kind>);

impl Before {
    fn pass(&mut self, c: char) {
        *self = Self(self.1, Some(kind(c)));
    }

    /// Whether a word ends or starts before a character: `user|Name`, `key|2`, `key|_`.
    ///
    /// Behind capitals a small letter leaves two readings, and both count: `API|Key`, `AWS|secret`.
    fn is_border(self, c: char, after: Option<char>) -> bool {
        match (self.0, self.1, kind(c)) {
            (_, None, _) => true,
            (earlier, Some(Kind::Upper), Kind::Lower) => earlier == Some(Kind::Upper),
            (_, Some(Kind::Upper), Kind::Upper) => after.map(kind) == Some(Kind::Lower),
            (_, Some(before), own) => before != own,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    /// Letters without case.
    Letter,
    Separator,
}

fn kind(c: char) -> Kind {
    match c {
        'a'..='z' => Kind::Lower,
        'A'..='Z' => Kind::Upper,
        '0'..='9' => Kind::Digit,
        _ if c.is_ascii() => Kind::Separator,
        _ if c.is_lowercase() => Kind::Lower,
        _ if c.is_uppercase() => Kind::Upper,
        _ if c.is_alphabetic() => Kind::Letter,
        _ if c.is_numeric() => Kind::Digit,
        _ => Kind::Separator,
    }
}

/// A character without its case; some letters fold only by way of their capital (`ſ` is an `s`).
fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let upper = c.to_uppercase().next().unwrap_or(c);
    upper.to_lowercase().next().unwrap_or(upper)
}

pub(super) fn folded(text: &str) -> Vec<char> {
    text.chars().map(fold).collect()
}

/// Whether a folded pattern, in which `*` stands for any run of characters, covers a whole text.
pub(super) fn matches(pattern: &[char], text: &str) -> bool {
    let mut rest = text.chars();
    let mut at = 0;
    // Where to go on if this does not lead to the end: one character later behind the last star.
    let mut retry: Option<(usize, Chars<'_>)> = None;
    loop {
        if pattern.get(at) == Some(&'*') {
            at += 1;
            retry = Some((at, rest.clone()));
            continue;
        }
        match rest.next() {
            Some(c) if pattern.get(at) == Some(&fold(c)) => {
                at += 1;
                continue;
            }
            None if at == pattern.len() => return true,
            _ => {}
        }
        let Some((after_star, from)) = &mut retry else {
            return false;
        };
        if from.next().is_none() {
            return false;
        }
        at = *after_star;
        rest = from.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleven_names_and_the_further_words() {
        for name in [
            "password_hash",
            "password",
            "secret",
            "token",
            "api_key",
            "totp_secret",
            "encryption_key",
            "private_key",
            "client_secret",
            "webhook_secret",
            "auth_token",
            "passwd",
            "passphrase",
            "credential",
        ] {
            assert_eq!(built_in(name), Some(name));
            assert_eq!(built_in(&name.to_uppercase()), Some(name));
            let plural = format!("{name}{}", if name.ends_with('h') { "es" } else { "s" });
            assert_eq!(built_in(&plural), Some(name), "{plural}");
        }
        assert_eq!(built_in("apikey"), Some("api_key"));
    }

    #[test]
    fn a_name_counts_where_it_stands_as_whole_words() {
        for name in [
            "user_password",
            "smtpPassword",
            "AWSsecret",
            "PASSWORDhash",
            "TOKENs",
            "session_token",
            "stripe_secret_key",
            "APIKey",
            "APIkey",
            "myAPIKey",
            "API-KEY",
            "api key",
            "Api.Key",
            "api__key",
            "apiKeys",
            "userAPIKeyHash",
            "password2",
            "2password",
            "token_1",
            "oauth2token",
            "tokens_used",
            "tokensUsed",
            "PasswordHash",
            "PASSWORD_HASH",
            "passWord",
            "pass_word",
            "_password_",
            "password\u{200b}hash",
            "db.credentials",
            "\u{212a}ey_private_\u{212a}ey",
            "to\u{212a}en",
            "pa\u{17f}\u{17f}word",
            "\u{5bc6}\u{7801}token",
            "TOKENValue",
            "refreshTOKEN",
            "privateKeyPem",
            "x-api-key",
            "aws_secret_access_key",
            "authtoken",
        ] {
            assert!(built_in(name).is_some(), "{name}");
        }
        for name in [
            "",
            "_",
            "email",
            "secretary",
            "tokenizer",
            "tokenized",
            "passwordless",
            "unsecret",
            "mytoken",
            "Mytoken",
            "key",
            "public_key",
            "keyboard_api",
            "api",
            "private",
            "secretions",
            "tokenss",
            "hash",
            "monkey",
            "credentialed",
            "api_keyboard",
            "encryption",
            "primary_key",
        ] {
            assert_eq!(built_in(name), None, "{name}");
        }
    }

    #[test]
    fn stars_stand_for_any_run() {
        for (pattern, text, covered) in [
            ("*", "", true),
            ("*", "abc", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("**", "x", true),
            ("a", "ab", false),
            ("ab", "a", false),
            ("*ab", "aab", true),
            ("", "", true),
        ] {
            assert_eq!(matches(&folded(pattern), text), covered, "{pattern} {text}");
        }
    }
}
