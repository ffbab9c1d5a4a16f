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
    let mut before = None;
    for (index, c) in name.char_indices() {
        let rest = &name[index..];
        if c.is_alphanumeric() && is_border(before, c, rest[c.len_utf8()..].chars().next()) {
            for (shown, letters) in BUILT_IN {
                if starts_with_words(rest, letters) {
                    return Some(shown);
                }
            }
        }
        before = Some(c);
    }
    None
}

/// Whether a name starts with words that, joined, spell these letters or their plural.
fn starts_with_words(name: &str, letters: &str) -> bool {
    let mut rest = name.chars();
    let mut last = None;
    for letter in letters.chars() {
        last = rest.find(|c| c.is_alphanumeric());
        if last.map(fold) != Some(letter) {
            return false;
        }
    }
    ["", "s", "es"]
        .iter()
        .any(|ending| ends_word(last, rest.clone(), ending))
}

/// Whether a word ends once this ending is taken from the rest.
fn ends_word(mut last: Option<char>, mut rest: Chars<'_>, ending: &str) -> bool {
    for letter in ending.chars() {
        last = rest.next();
        if last.map(fold) != Some(letter) {
            return false;
        }
    }
    match rest.next() {
        Some(c) => is_border(last, c, rest.next()),
        None => true,
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
        _ if c.is_lowercase() => Kind::Lower,
        _ if c.is_uppercase() => Kind::Upper,
        _ if c.is_alphabetic() => Kind::Letter,
        _ if c.is_numeric() => Kind::Digit,
        _ => Kind::Separator,
    }
}

/// Whether a word ends or starts before a character: `user|Name`, `API|Key`, `key|2`, `key|_`.
fn is_border(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else {
        return true;
    };
    match (kind(before), kind(c)) {
        (Kind::Upper, Kind::Lower) => false,
        (Kind::Upper, Kind::Upper) => after.is_some_and(|after| kind(after) == Kind::Lower),
        (before, own) => before != own,
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
            assert!(built_in(&plural).is_some(), "{plural}");
        }
        assert_eq!(built_in("apikey"), Some("api_key"));
    }

    #[test]
    fn a_name_counts_where_it_stands_as_whole_words() {
        for name in [
            "user_password",
            "smtpPassword",
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
