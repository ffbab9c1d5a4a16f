//! The variables of the process and of a `.env` file, as one list.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;

use super::fault::Faults;
use super::files::{LONGEST, Wait, read_waiting};
use super::variables;

use crate::advice::Advice;

/// The environment of the process, then the variables of a `.env` file if there is one.
///
/// [`load`](super::load) takes the first value that is not empty, so the file never overrides the
/// process and fills what is empty there. In the file `${NAME}` is replaced and any other `$`
/// stands for itself. A secret that the process has in either form is not taken from the file in the
/// other. Lines of other applications are never a fault; a faulty line of ours is one
/// that names file and line and not the value, as is a file that cannot be read.
pub fn environment(dotenv: Option<&Path>) -> Result<Vec<(String, String)>, Faults> {
    environment_waiting(dotenv, Wait::Endless)
}

/// The same, waiting for a file that is a pipe.
pub(super) fn environment_waiting(
    dotenv: Option<&Path>,
    wait: Wait,
) -> Result<Vec<(String, String)>, Faults> {
    let mut faults = Vec::new();
    let mut vars = process(std::env::vars_os(), &mut faults);
    if let Some(path) = dotenv {
        let own = file(path, wait, &mut faults);
        let own: Vec<_> = own
            .into_iter()
            .filter(|(name, _)| !is_set_by_its_other_form(name, &vars))
            .collect();
        vars.extend(own);
    }
    Faults::none_or(faults)?;
    Ok(vars)
}

/// Whether a secret has its value as a variable where the file names one of its files, or the other
/// way round.
fn is_set_by_its_other_form(name: &str, vars: &[(String, String)]) -> bool {
    let secret = name.strip_suffix("_FILE").unwrap_or(name);
    let other = match secret == name {
        true => format!("{name}_FILE"),
        false => secret.to_owned(),
    };
    let is_set = |(name, value): &(String, String)| *name == other && !value.is_empty();
    variables::is_secret(secret) && vars.iter().any(is_set)
}

fn process(
    vars: impl Iterator<Item = (OsString, OsString)>,
    faults: &mut Vec<Advice>,
) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in vars {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => pairs.push((name, value)),
            Err(_) if variables::is_known(&name) => {
                faults.push(Advice::new("is not UTF-8", "write it as UTF-8 text").of(&name));
            }
            Err(_) => {}
        }
    }
    pairs
}

fn file(path: &Path, wait: Wait, faults: &mut Vec<Advice>) -> Vec<(String, String)> {
    let shown = path.display().to_string();
    let bytes = match read_waiting(path, LONGEST, wait) {
        Ok(bytes) => bytes,
        // A virtual environment of Python's often is a folder of this name.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {
            return Vec::new();
        }
        Err(error) => {
            let help = "let the service read it, or remove it";
            faults.push(Advice::new(format!("cannot be read: {error}"), help).of(&shown));
            return Vec::new();
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => parse(&shown, &text, faults),
        Err(error) => {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let reason = Advice::new(
                format!("line {line} is not UTF-8"),
                "save the file as UTF-8",
            );
            faults.push(reason.of(&shown));
            Vec::new()
        }
    }
}

/// Reads the lines one by one, so that a fault has a number and an odd value of another
/// application (`MOTTO=don't`) cannot swallow the lines that follow it.
fn parse(file: &str, text: &str, faults: &mut Vec<Advice>) -> Vec<(String, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut pairs: Vec<(String, String)> = Vec::new();
    // The lines that were read, which `${NAME}` in a later one may refer to.
    let mut context = String::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut next = 0;
    while let Some(line) = lines.get(next).copied() {
        next += 1;
        let number = next;
        let Some((name, value)) = assignment(line) else {
            if !matches!(line.trim_start().chars().next(), None | Some('#')) {
                let help = "expected NAME=value, a comment after #, or an empty line";
                faults.push(Advice::new(format!("line {number} sets no variable"), help).of(file));
            }
            continue;
        };
        let known = variables::is_known(name);
        match read(&context, line) {
            Some(_) if known && is_cut(name, value) => {
                let what = format!("line {number} of {file}: the value ends at \" #\"");
                let help = "put it in single quotes, or the comment on a line of its own";
                faults.push(Advice::new(what, help).of(name));
            }
            Some(pair) => {
                if known
                    && let Some((earlier, kept)) = seen.insert(name.to_owned(), number).zip(
                        pairs
                            .iter()
                            .find(|kept| kept.0 == pair.0 && !kept.1.is_empty()),
                    )
                    && !pair.1.is_empty()
                    && kept.1 != pair.1
                {
                    let what = format!("set twice in {file}, on lines {earlier} and {number}");
                    faults.push(Advice::new(what, "keep one of the two lines").of(name));
                }
                context.push_str(&literal_dollars(line));
                context.push('\n');
                pairs.push(pair);
            }
            None if known => {
                let what = format!("line {number} of {file} cannot be read");
                let help = "put the value in single quotes, closed on the same line";
                faults.push(Advice::new(what, help).of(name));
            }
            // The name alone, in case it is a misspelling of one of ours.
            None => {
                pairs.push((name.to_owned(), String::new()));
                next += lines_within_quotes(value, &lines[next..]);
            }
        }
    }
    pairs
}

/// The name and the text behind the equals sign, unless the name is none.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim_start);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (!name.is_empty() && name.bytes().all(plain)).then_some((name, value.trim()))
}

/// Whether a secret without quotes goes on behind what a `.env` file takes for a comment.
fn is_cut(name: &str, value: &str) -> bool {
    let quoted = value.starts_with(['"', '\'']);
    let comment = value.split_once(" #").map(|(_, comment)| comment);
    variables::is_secret(name)
        && !quoted
        && comment.is_some_and(|text| text.contains('@') || text.starts_with(|c| c != ' '))
}

/// One line's variable, in the light of the lines before.
fn read(context: &str, line: &str) -> Option<(String, String)> {
    let context = if line.contains("${") { context } else { "" };
    let text = format!("{context}{}\n", literal_dollars(line));
    dotenvy::Iter::new(text.as_bytes()).last()?.ok()
}

/// Escapes each `$` that does not open a `${NAME}`: dotenvy would replace it and what follows,
/// and so change passwords without a word.
fn literal_dollars(line: &str) -> Cow<'_, str> {
    if !line.contains('$') {
        return line.into();
    }
    let mut text = String::with_capacity(line.len() + 4);
    let (mut single, mut double, mut escaped) = (false, false, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '$' && !single && !escaped && chars.peek() != Some(&'{') {
            text.push('\\');
        }
        single ^= c == '\'' && !double && !escaped;
        double ^= c == '"' && !single && !escaped;
        escaped = c == '\\' && !single && !escaped;
        text.push(c);
    }
    text.into()
}

/// How many of the lines that follow belong to a value in quotes that are not closed on its own.
fn lines_within_quotes(value: &str, following: &[&str]) -> usize {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return 0;
    };
    if value[1..].contains(quote) {
        return 0;
    }
    let closing = following.iter().position(|line| line.contains(quote));
    closing.map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_not_read_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let mut faults = Vec::new();
        assert!(file(&path, Wait::Endless, &mut faults).is_empty());
        let told = faults[0].to_string();
        assert!(told.contains("it is longer than 1048576 bytes"), "{told}");
    }

    fn pairs(text: &str) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let pairs = parse(".env", text, &mut faults);
        assert_eq!(faults, []);
        pairs
    }

    fn value(text: &str, name: &str) -> Option<String> {
        let found = pairs(text).into_iter().find(|pair| pair.0 == name);
        found.map(|pair| pair.1)
    }

    fn faults(text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        parse(".env", text, &mut faults);
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn reads_the_usual_forms() {
        let text = "\u{feff}MCP_ENABLED=true\r\n\n# comment\n  # comment = x\nexport MCP_TOKEN='a b'\n\
                    MCP_LOG = \"debug\" # comment\nMCP_LISTEN=\nMCP_NUMBERS=string ";
        assert_eq!(
            pairs(text),
            [
                ("MCP_ENABLED", "true"),
                ("MCP_TOKEN", "a b"),
                ("MCP_LOG", "debug"),
                ("MCP_LISTEN", ""),
                ("MCP_NUMBERS", "string"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_secret_is_not_cut_at_what_looks_like_a_comment() {
        for (line, name) in [
            (
                "DATABASE_URL=postgres://r:Tr0ub4dor@horse-battery #1@127.0.0.1/x",
                "DATABASE_URL",
            ),
            ("export MCP_TOKEN = abc #def", "MCP_TOKEN"),
        ] {
            let faults = faults(&format!("# first\n{line}"));
            let told = format!("{name}: line 2 of .env: the value ends at \" #\"");
            assert_eq!(faults.len(), 1, "{line}");
            assert!(faults[0].starts_with(&told), "{faults:?}");
            assert!(!faults[0].contains("battery"), "{faults:?}");
        }
        for (text, expected) in [
            ("MCP_TOKEN=abcdef # of the office", "abcdef"),
            ("MCP_TOKEN='abc #def'", "abc #def"),
            ("MCP_TOKEN=abc#def", "abc#def"),
        ] {
            assert_eq!(value(text, "MCP_TOKEN").as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_dollar_stands_for_itself_unless_it_opens_a_name() {
        for (line, expected) in [
            ("MCP_TOKEN=pa$word", "pa$word"),
            ("MCP_TOKEN=\"pa$word\"", "pa$word"),
            ("MCP_TOKEN='pa$word'", "pa$word"),
            ("MCP_TOKEN=pa\\$word", "pa$word"),
            ("MCP_TOKEN=$$", "$$"),
            ("MCP_TOKEN=\"it's $x\"", "it's $x"),
            ("MCP_TOKEN='${DB_USER}'", "${DB_USER}"),
            ("MCP_TOKEN=${DB_USER}-x", "reader-x"),
            ("MCP_TOKEN=\"${DB_USER}$\"", "reader$"),
        ] {
            let text = format!("DB_USER=reader\n{line}");
            assert_eq!(
                value(&text, "MCP_TOKEN").as_deref(),
                Some(expected),
                "{line}"
            );
        }
    }

    #[test]
    fn lines_of_other_applications_are_never_a_fault() {
        let text = "MOTTO=don't panic\nNAME=My App\nORIGINS=[\"http://a\", \"http://b\"]\n\
                    KEY=\"-----BEGIN-----\nMCP_ENABLED=maybe\nabc==\n-----END-----\"\n\
                    OPEN=\"\nODD=\\d+\nmy-var=1\nMCP_ENABLED=true\nLAST='";
        assert_eq!(value(text, "MCP_ENABLED").as_deref(), Some("true"));
        let names: Vec<String> = pairs(text).into_iter().map(|pair| pair.0).collect();
        assert!(names.contains(&"MOTTO".to_owned()) && names.contains(&"my-var".to_owned()));
    }

    #[test]
    fn a_faulty_line_is_named_without_its_value() {
        for line in [
            "MCP_TOKEN=\"s3same",
            "MCP_TOKEN='s3same",
            "MCP_TOKEN=s3same and more",
            "MCP_TOKEN=\\s3same",
            "MCP_TOKEN=${s3same",
            "export MCP_TOKEN=\"s3same",
        ] {
            let faults = faults(&format!("\n{line}\nMCP_LOG=info"));
            assert_eq!(faults.len(), 1, "{line}");
            assert!(
                faults[0].starts_with("MCP_TOKEN: line 2 of .env"),
                "{}",
                faults[0]
            );
            assert!(!faults[0].contains("s3same"), "{}", faults[0]);
        }
        for line in [
            "MCP_ENABLED true",
            "s3same",
            "=s3same",
            "MCP_TOKEN: s3same=",
        ] {
            let faults = faults(&format!("\n{line}\n"));
            assert!(faults[0].starts_with(".env: line 2"), "{}", faults[0]);
            assert!(!faults[0].contains("s3same"), "{}", faults[0]);
        }
    }

    #[test]
    fn two_values_for_one_name_are_a_fault() {
        let twice = faults("MCP_LOG=info\n\nMCP_LOG=debug");
        assert!(
            twice[0].contains("MCP_LOG: set twice in .env, on lines 1 and 3"),
            "{}",
            twice[0]
        );
        for text in [
            "MCP_LOG=info\nMCP_LOG=info",
            "MCP_LOG=\nMCP_LOG=info",
            "A=1\nA=2",
        ] {
            assert_eq!(faults(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        assert!(environment(Some(&path)).is_ok());
        assert!(environment(Some(folder.path())).is_ok());
        assert!(environment(None).is_ok());
        std::fs::write(&path, b"A=1\nB=\xff").unwrap();
        let faults = environment(Some(&path)).unwrap_err().to_string();
        assert!(faults.contains("line 2 is not UTF-8"), "{faults}");
    }

    #[test]
    fn the_file_comes_after_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "PATH=from-file\n").unwrap();
        let vars = environment(Some(&path)).unwrap();
        let paths: Vec<_> = vars.iter().filter(|pair| pair.0 == "PATH").collect();
        assert_eq!(paths.len(), 2);
        assert_eq!(paths[1].1, "from-file");
    }

    #[test]
    fn a_secret_of_the_process_takes_the_place_of_both_forms_in_the_file() {
        let process = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        for (name, set, value, expected) in [
            ("MCP_TOKEN_FILE", "MCP_TOKEN", "x", true),
            ("MCP_TOKEN", "MCP_TOKEN_FILE", "/run/token", true),
            ("DATABASE_URL_FILE", "DATABASE_URL", "sqlite:x", true),
            ("MCP_TOKEN_FILE", "MCP_TOKEN", "", false),
            ("MCP_TOKEN", "MCP_TOKEN", "x", false),
            ("MCP_AUDIT_FILE", "MCP_AUDIT", "x", false),
            ("MCP_LOG", "MCP_LOG_FILE", "x", false),
        ] {
            let found = is_set_by_its_other_form(name, &process(set, value));
            assert_eq!(found, expected, "{name} {set}={value}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_a_fault_in_our_variables_alone() {
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(vec![0xff]);
        let mut faults = Vec::new();
        let vars = [
            ("MCP_TOKEN".into(), odd()),
            ("OTHER".into(), odd()),
            (odd(), "x".into()),
        ];
        assert!(process(vars.into_iter(), &mut faults).is_empty());
        assert_eq!(faults.len(), 1);
    }
}
