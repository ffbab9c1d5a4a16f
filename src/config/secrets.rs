//! Secrets: from a variable or from the file that its `…_FILE` form names.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{SecretBox, SecretString};

use super::check::Check;
use super::files::{Wait, read_waiting};

use crate::advice::Advice;

/// Far above any token, key or URL; a file without an end is not read to its end.
const MAX_FILE_BYTES: u64 = 65_536;

/// A secret as it was found.
pub(super) enum Secret {
    /// Neither form is set.
    Missing,
    /// It is set, and its fault is noted.
    Faulty,
    Found {
        /// The form that was set, for messages.
        variable: String,
        text: String,
    },
}

/// The secret in one of its two forms.
///
/// That both are set is a fault whether or not the service is enabled; what is wrong with the
/// file goes to `needed`, which counts only then.
pub(super) fn find(
    check: &mut Check,
    needed: &mut Check,
    name: &str,
    (typed, file): (Option<String>, Option<&PathBuf>),
    wait: Wait,
) -> Secret {
    let file_name = format!("{name}_FILE");
    match (typed, file) {
        (None, None) => Secret::Missing,
        (Some(_), Some(_)) => {
            let reason = Advice::new(
                format!("set, and {name} is set too; expected one of the two"),
                format!("unset {name} or {file_name}"),
            );
            check.fault(&file_name, reason);
            Secret::Faulty
        }
        (Some(text), None) => Secret::Found {
            variable: name.to_owned(),
            text,
        },
        (None, Some(path)) => {
            let shown = path.display();
            let read = read(path, wait).map_err(|error| {
                Advice::new(
                    format!("cannot read {shown}: {error}"),
                    "name a text file that the service may read",
                )
            });
            match needed.accept(&file_name, read) {
                Some(text) if text.is_empty() => {
                    let help = format!("write the value of {name} into it");
                    needed.fault(&file_name, Advice::new(format!("{shown} is empty"), help));
                    Secret::Faulty
                }
                Some(text) => Secret::Found {
                    variable: file_name,
                    text,
                },
                None => Secret::Faulty,
            }
        }
    }
}

/// A token that nobody knows, the same one each time for a list; none where the system has no
/// randomness.
pub(super) fn of_nobody(list: &str) -> Option<String> {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let known = match NOBODY.get() {
        Some(known) => known,
        None => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).ok()?;
            NOBODY.get_or_init(|| BASE64_URL_SAFE_NO_PAD.encode(bytes))
        }
    };
    Some(format!("{known}-{list}"))
}

/// The text of a secret's file, without one line break at its end.
pub(super) fn read(path: &Path, wait: Wait) -> io::Result<String> {
    let bytes = read_waiting(path, MAX_FILE_BYTES, wait)?;
    let mut text = String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// Whether a value is one of the well-known texts that stand for a secret still to be chosen.
pub(super) fn is_placeholder(text: &str) -> bool {
    const PLACEHOLDERS: &[&str] = &[
        "changeit",
        "changeme",
        "changethis",
        "insertyourtokenhere",
        "mysecrettoken",
        "placeholder",
        "replaceme",
        "replacethis",
        "replacewithyourtoken",
        "secrettokenhere",
        "todo",
        "tokenhere",
        "yourdatabaseurl",
        "yourdatabaseurlhere",
        "yourencryptionkey",
        "yourencryptionkeyhere",
        "yoursecret",
        "yoursecrethere",
        "yoursecrettoken",
        "yoursecrettokenhere",
        "yourtoken",
        "yourtokenhere",
    ];
    let text = text.trim();
    let letters: String = text
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let bracketed = text.starts_with('<') && text.ends_with('>');
    bracketed || PLACEHOLDERS.contains(&letters.as_str())
}

/// The tokens of a comma list that can be used; a fault tells of the others, without showing them.
pub(super) fn tokens(check: &mut Check, variable: &str, text: &str) -> Vec<SecretString> {
    const SHORT: usize = 16;
    let members: Vec<&str> = text.split(',').map(str::trim).collect();
    let mut tokens = Vec::new();
    for (index, token) in members.iter().enumerate() {
        let which = match members.len() {
            1 => "the token".to_owned(),
            count => format!("token {} of {count}", index + 1),
        };
        match refused_token(token) {
            Some((what, help)) => {
                check.fault(variable, Advice::new(format!("{which} {what}"), help));
            }
            None => {
                if token.len() < SHORT {
                    let message = format!("{which} has fewer than {SHORT} characters");
                    check.warn(variable, message, NEW_TOKEN);
                }
                tokens.push(SecretString::from(*token));
            }
        }
    }
    tokens
}

/// Where a good token comes from.
pub(super) const NEW_TOKEN: &str = "make one with: lucarne token";

/// Why a client could not send the token, or anybody could.
fn refused_token(token: &str) -> Option<(&'static str, &'static str)> {
    if token.is_empty() {
        return Some(("is empty", "leave out the comma that stands alone"));
    }
    if is_placeholder(token) {
        return Some(("is a well-known placeholder", NEW_TOKEN));
    }
    if token.len() > 7 && token.as_bytes()[..7].eq_ignore_ascii_case(b"bearer ") {
        return Some((
            "starts with Bearer",
            "leave out the word, clients add it themselves",
        ));
    }
    if token.starts_with(['"', '\'']) || token.ends_with(['"', '\'']) {
        return Some(("has a quote at its start or end", "take the quotes off"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some((
            "has a space, a line break or a character that is not ASCII",
            "a header carries visible ASCII alone; commas separate several tokens",
        ));
    }
    None
}

/// The key of 32 bytes: 43 characters of URL-safe base64, or 64 hexadecimal digits.
pub(super) fn cursor_key(text: &str) -> Result<SecretBox<[u8; 32]>, Advice> {
    let bytes = match text.len() {
        43 => BASE64_URL_SAFE_NO_PAD.decode(text).ok(),
        64 => hexadecimal(text),
        _ => None,
    };
    let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    key.map(|key| SecretBox::new(Box::new(key))).ok_or_else(|| {
        Advice::new(
            "expected 43 characters of URL-safe base64 or 64 hexadecimal digits, for 32 bytes",
            NEW_TOKEN,
        )
    })
}

/// The key of 32 bytes: base64 of either alphabet, with or without its last sign, or 64 hexadecimal
/// digits.
pub(super) fn encryption_key(text: &str) -> Result<SecretBox<[u8; 32]>, Advice> {
    let bare = text.strip_suffix('=').unwrap_or(text);
    let url_safe = bare.replace('+', "-").replace('/', "_");
    cursor_key(&url_safe).map_err(|_| {
        Advice::new(
            "expected 32 bytes as 43 or 44 characters of base64, or as 64 hexadecimal digits",
            "make one with: openssl rand -base64 32",
        )
    })
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits?;
    let bytes = digits
        .chunks_exact(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8);
    Some(bytes.collect())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn check_tokens(text: &str) -> (Check, Vec<SecretString>) {
        let mut check = Check::default();
        let tokens = tokens(&mut check, "MCP_TOKEN", text);
        (check, tokens)
    }

    #[test]
    fn placeholders_in_any_spelling() {
        for text in [
            "your-secret-token-here",
            "YOUR_SECRET_TOKEN_HERE",
            "changeme",
            "ChangeMe",
            "change-me",
            "changethis",
            "<token>",
            " changeme ",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["dev-token-12345", "secret", "change", "changeme-not", ""] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn a_comma_list_rotates_tokens() {
        let (check, tokens) = check_tokens("first-long-token-1, second-long-token-2");
        assert!(check.faults.is_empty() && check.warnings.is_empty());
        let tokens: Vec<_> = tokens.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(tokens, ["first-long-token-1", "second-long-token-2"]);
    }

    #[test]
    fn a_short_token_is_a_warning() {
        let (check, tokens) = check_tokens("dev-token-12345");
        assert!(check.faults.is_empty());
        assert_eq!((tokens.len(), check.warnings.len()), (1, 1));
        assert!(check_tokens("exactly-16-chars").0.warnings.is_empty());
        let (check, _) = check_tokens("a-token-that-is-long,short");
        assert!(check.warnings[0].what.starts_with("token 2 of 2"));
    }

    #[test]
    fn what_no_client_can_send_is_a_fault() {
        for text in [
            ",",
            "a-token-that-is-long,",
            ",a-token-that-is-long",
            "changeme",
            "CHANGEME",
            "a-token-that-is-long,changeme",
            "a token that is long",
            "a-token\nthat-is-long",
            "\"a-token-that-is-long\"",
            "'a-token-that-is-long'",
            "Bearer a-token-that-is-long",
            "a-tökén-that-is-long",
            "a-token\u{0}-that-is-long",
            " ",
        ] {
            let (check, _) = check_tokens(text);
            assert!(!check.faults.is_empty(), "{text:?}");
            for fault in check.faults {
                assert!(!fault.to_string().contains("that-is-long"), "{fault}");
            }
        }
    }

    #[test]
    fn a_cursor_key_has_32_bytes() {
        let key = |text: &str| cursor_key(text).map(|key| *key.expose_secret()).ok();
        assert_eq!(key(&"A".repeat(43)), Some([0; 32]));
        assert_eq!(key(&format!("{}8", "_".repeat(42))), Some([255; 32]));
        assert_eq!(key(&"aB".repeat(32)), Some([0xab; 32]));
        for text in [
            "",
            "short",
            &"A".repeat(42),
            &"A".repeat(44),
            &"g".repeat(64),
            &"+".repeat(43),
            &"é".repeat(32),
        ] {
            assert_eq!(key(text), None, "{text}");
        }
        assert!(!format!("{:?}", cursor_key(&"aB".repeat(32)).unwrap()).contains("171"));
    }

    #[test]
    fn an_encryption_key_is_taken_as_tools_print_it() {
        let key = |text: &str| encryption_key(text).map(|key| *key.expose_secret()).ok();
        assert_eq!(key(&format!("{}8=", "/".repeat(42))), Some([255; 32]));
        assert_eq!(key(&format!("{}8", "_".repeat(42))), Some([255; 32]));
        assert_eq!(key(&"aB".repeat(32)), Some([0xab; 32]));
        for text in ["", "short", "=", &"A".repeat(44), &"g".repeat(64)] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_loses_one_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (written, value) in [
            ("abc", "abc"),
            ("abc\n", "abc"),
            ("abc\r\n", "abc"),
            ("abc\n\n", "abc\n"),
            (" abc ", " abc "),
            ("abc\r", "abc\r"),
            ("\n", ""),
        ] {
            std::fs::write(&path, written).unwrap();
            assert_eq!(read(&path, Wait::Never).unwrap(), value);
        }
        std::fs::write(&path, [0xff]).unwrap();
        assert!(read(&path, Wait::Never).is_err());
        std::fs::write(&path, "a".repeat(65_537)).unwrap();
        assert!(read(&path, Wait::Never).is_err());
        assert!(read(folder.path(), Wait::Never).is_err());
    }
}
