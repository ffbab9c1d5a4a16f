//! What the codes of refusals mean to those who administer, and words that a shell reads.

/// A word as a shell reads it.
pub(super) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,=/:@".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// A command that changes what has a name; a name or a value that begins with a dash would be read
/// as a flag by itself.
pub(super) fn command(verb: &str, name: &str, flags: &[(&str, &str)]) -> String {
    let flags = flags.iter().map(|(flag, value)| {
        let between = if value.starts_with('-') { '=' } else { ' ' };
        format!(" --{flag}{between}{}", word(value))
    });
    let flags: String = flags.collect();
    match name.starts_with('-') {
        true => format!("lucarne {verb}{flags} -- {}", word(name)),
        false => format!("lucarne {verb} {}{flags}", word(name)),
    }
}

/// A line of the configuration, where one line can be told that a shell takes as the service does.
pub(super) fn assignment(variable: &str, value: &str) -> Option<String> {
    let value_word = match value.is_empty() {
        true => String::new(),
        false => word(value),
    };
    let plain = !value.contains(is_odd);
    plain.then(|| format!("{variable}={value_word}"))
}

/// Whether a name can stand in a list with commas, and that in a line or a command.
pub(super) fn is_listable(name: &str) -> bool {
    let odd = |letter| is_odd(letter) || letter == ',';
    !name.is_empty() && name.trim() == name && !name.contains(odd)
}

fn is_odd(letter: char) -> bool {
    letter.is_control() || "'\"`$\\".contains(letter)
}

/// How people name a transport.
pub(super) fn way(transport: &str) -> &str {
    match transport {
        "ws" => "WebSocket",
        "http" => "MCP over HTTP",
        "sse" => "MCP over SSE",
        "admin" => "the admin API",
        other => other,
    }
}

/// What a code means, where no more is known.
pub(super) fn by_code(code: &str) -> &'static str {
    match code {
        "host" => "the host that it was sent to is not answered",
        "origin" => "the page that it came from is not let in",
        "full" => "as many sockets were open as may be",
        "address_full" => "as many sockets of this address were open as may be",
        "tenant_full" => "as many sockets of this tenant were open as may be",
        "missing" => "it came without a token",
        "invalid" => "its token is none that is known",
        "revoked" => "its token was revoked",
        "rotated" => "another token took the place of its token",
        "expired" => "the time of its token is over",
        "tenant_inactive" => "the tenant of its token is not active",
        "store_away" => "the store that knows its token is away",
        "too_many" => "too many attempts of this address failed before it",
        "rate_limited" => "it was one request too many for its window",
        "invalid_json" => "the message is no JSON",
        "invalid_request" => "the message is no request",
        "model_not_allowed" => "the model that it names is on no whitelist",
        "tool_not_allowed" => "the tool that it names is none that it may call",
        "tool_failed" => "the tool that it names failed on the database",
        "read_only" | "unsupported_action" => "the action that it names is no read",
        "not_permitted" => "its token may not ask for this",
        "missing_parameter" => "it lacks a parameter",
        "invalid_parameter" => "a parameter of it cannot be",
        "invalid_filter" => "its filter cannot be",
        "invalid_value" => "a value of it does not fit the type of its field",
        "not_found" => "there is no such row, or none that its rules let it see",
        "budget_spent" => "the rows of its day are read",
        "timeout" => "the database did not answer in time",
        "response_too_large" => "one record is larger than an answer may be",
        "overloaded" => "too many requests were at work, and none ended in time",
        "unavailable" => "the database does not answer, or the audit cannot be written",
        "cancelled" => "its client was gone before the answer came",
        _ => "the service failed",
    }
}

/// What to do about a code, where no command does it.
pub(super) fn by_code_remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "missing" => "the client must send its token, as Authorization: Bearer or X-MCP-Token",
        "invalid" => "compare the client's token with the suffix of those that are known",
        "rotated" => "give the client the token that took its place",
        "store_away" => "bring the store back: MCP_STORE names it",
        "too_many" => "wait a minute; the right token passes at once",
        "invalid_json" | "invalid_request" => {
            "the client must send one JSON object, as describe shows"
        }
        "read_only" | "unsupported_action" => "nothing lets it through: there is no write path",
        "missing_parameter" | "invalid_parameter" | "invalid_filter" | "invalid_value" => {
            "the answer told the client what to send instead; nothing here has to change"
        }
        "tool_not_allowed" => {
            "lucarne tool list shows the tools that there are: the client called another"
        }
        "tool_failed" => "look at the log: it has the reason; lucarne tool test tries the examples",
        "not_found" => "nothing has to change, unless a row rule is narrower than it was meant",
        "overloaded" => "raise MCP_POOL_SIZE or MCP_MAX_REQUESTS, or ask less at once",
        "unavailable" => "look at the health of the database and of the audit",
        "internal" => "look at the log: it has the reason",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted_whatever_a_name_holds() {
        for (text, quoted) in [
            ("agent", "agent"),
            ("a,b.c", "a,b.c"),
            ("", "''"),
            ("the night's", r"'the night'\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("a\nb", "'a\nb'"),
        ] {
            assert_eq!(word(text), quoted);
        }
    }

    #[test]
    fn a_line_or_command_holds_no_more_than_it_tells() {
        for (value, line) in [
            ("", Some("X=")),
            ("a.b,c-d", Some("X=a.b,c-d")),
            ("a b", Some("X='a b'")),
            ("a;b&c|d>e(f)*g", Some("X='a;b&c|d>e(f)*g'")),
            ("a'\nMCP_TOKEN=evil\nX='", None),
            ("a\nb", None),
            ("$HOME", None),
            ("`id`", None),
            ("a\"b", None),
            ("a\\b", None),
            ("a\u{85}b", None),
        ] {
            assert_eq!(assignment("X", value).as_deref(), line, "{value}");
            let listable = line.is_some() && !value.is_empty() && !value.contains(',');
            assert_eq!(is_listable(value), listable, "{value}");
        }
        assert!(!is_listable(" a"));
    }

    #[test]
    fn what_begins_with_a_dash_is_no_flag() {
        let told = |name, value| command("token update", name, &[("tenant", value)]);
        for (name, value, line) in [
            ("a", "b", "lucarne token update a --tenant b"),
            ("-a", "-b", "lucarne token update --tenant=-b -- -a"),
            (
                "a b",
                "--c d",
                "lucarne token update 'a b' --tenant='--c d'",
            ),
        ] {
            assert_eq!(told(name, value), line);
        }
    }

    #[test]
    fn every_code_is_told_and_has_a_remedy_or_a_reason_for_none() {
        for code in crate::error::CODES {
            assert!(code == "internal" || by_code(code) != by_code(""), "{code}");
        }
    }
}
