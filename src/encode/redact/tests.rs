use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const NESTING: usize = 56;

fn style(numbers: Numbers, strict: bool) -> Style {
    Style {
        numbers,
        nesting: strict.then_some(NESTING),
        sensitive: Arc::default(),
    }
}

fn written(text: &str, parts: &Parts, style: &Style) -> String {
    let mut out = Vec::new();
    document(&mut out, text, parts, style);
    String::from_utf8(out).unwrap()
}

fn redacted(text: &str) -> String {
    written(text, &Parts::Plain, &style(Numbers::Native, false))
}

fn text(text: &str) -> String {
    within(text, &Sensitive::default()).into_owned()
}

/// A document in strings of documents, so many levels deep.
fn nested(innermost: &str, levels: usize) -> String {
    (0..levels).fold(innermost.to_owned(), |inner, _| {
        format!("{{\"a\":{}}}", serde_json::to_string(&inner).unwrap())
    })
}

#[test]
fn hidden_members_go_at_any_depth() {
    for (text, expected) in [
        (r#"{"a":1}"#, r#"{"a":1}"#),
        (
            r#" { "a" : 1 , "b" : [ 1 , 2 ] } "#,
            r#"{ "a" : 1 , "b" : [ 1 , 2 ] }"#,
        ),
        (r#"{"password":"x"}"#, "{}"),
        (r#"{"password":"x","a":1}"#, r#"{"a":1}"#),
        (r#"{"password":"x", "a":1}"#, r#"{"a":1}"#),
        (r#"{"a":1,"password":"x"}"#, r#"{"a":1}"#),
        (r#"{"a":1, "token":2, "b" : 3}"#, r#"{"a":1,"b" : 3}"#),
        (
            r#"{"a":1,"token":{"b":[1,{"c":"}"}]},"d":2}"#,
            r#"{"a":1,"d":2}"#,
        ),
        (
            r#"{"a":{"smtpPassword":"x","b":[{"api_key":1,"c":2}]}}"#,
            r#"{"a":{"b":[{"c":2}]}}"#,
        ),
        (
            r#"{"pass\u0077ord":"x","a":"\"token\":1"}"#,
            r#"{"a":"\"token\":1"}"#,
        ),
        (r#"{"password":1,"token":[],"secret":null}"#, "{}"),
        (
            r#"[{"password" : "x" , "a":1}, {"token":2}]"#,
            r#"[{"a":1}, {}]"#,
        ),
        (r#"{"\ud800password":1,"x":2}"#, r#"{"x":2}"#),
        (r#""password""#, r#""password""#),
        ("12", "12"),
    ] {
        assert_eq!(redacted(text), expected, "{text}");
    }
}

#[test]
fn documents_inside_text_are_looked_into() {
    for (document, expected) in [
        (
            r#"{"body":"{\"token\":\"x\",\"a\":1}","n":1}"#,
            r#"{"body":"{\"a\":1}","n":1}"#,
        ),
        (r#"["\u007b\"token\":1}"]"#, r#"["{}"]"#),
        (r#"["\ufeff {\"token\":1}"]"#, "[\"\u{feff} {}\"]"),
        (r#""{\"token\":1}""#, r#""{}""#),
        (r#"["{token:1}"]"#, r#"["[withheld]"]"#),
    ] {
        assert_eq!(redacted(document), expected, "{document}");
    }
    for (given, expected) in [
        (r#"{"password":"x","a":1}"#, r#"{"a":1}"#),
        (r#" {"a":1} "#, r#" {"a":1} "#),
        (" {\"a\":1}\n{\"token\":2}\n", " {\"a\":1}\n{}\n"),
        ("\u{feff}{\"token\":2}", "\u{feff}{}"),
        (r#""{\"api_key\":\"x\",\"b\":2}""#, r#""{\"b\":2}""#),
        (r#"[1,{"token":2}]"#, "[1,{}]"),
        // Not JSON: withheld where a hidden name stands before a colon.
        ("{api_key: 'x'}", WITHHELD),
        ("{'api key' : 'x'}", WITHHELD),
        ("{\"a\":1,\n// so\n\"token\": 2,}", WITHHELD),
        (r#"{"pass\u0077ord":"x",}"#, WITHHELD),
        (r#""{\"token\":1,}""#, "\"[withheld]\""),
        ("{\"a\":1}\n{\"token\":", WITHHELD),
        ("{a: 1}", "{a: 1}"),
        ("[see above] \"password\"", "[see above] \"password\""),
        ("[Bug] no password: help", "[Bug] no password: help"),
        ("token: {", "token: {"),
    ] {
        assert_eq!(text(given), expected, "{given}");
    }
}

#[test]
fn a_column_of_documents_withholds_what_it_cannot_read() {
    for (given, expected) in [
        ("not json", "\"not json\""),
        ("{a: 1}", "\"[withheld]\""),
        ("[1, // one\n {\"a\": 1}]", "\"[withheld]\""),
        ("so: {token: 1}", "\"[withheld]\""),
        ("token: 1", "\"[withheld]\""),
        ("{\"token\":1}\n{\"a\":2}", r#""{}\n{\"a\":2}""#),
        ("\u{feff}{\"token\":1}", "\"\u{feff}{}\""),
    ] {
        assert_eq!(redacted(given), expected, "{given}");
    }
}

#[test]
fn strings_are_looked_into_to_a_fixed_depth() {
    for levels in 0..=LEVELS {
        let given = nested(r#"{"token":"x","b":1}"#, levels);
        assert_eq!(text(&given), nested(r#"{"b":1}"#, levels), "{levels}");
    }
    let plain = nested("so", LEVELS + 1);
    assert_eq!(text(&plain), plain);
    let deeper = text(&nested(r#"{"token":"planted"}"#, LEVELS + 1));
    assert!(!deeper.contains("planted"), "{deeper}");
    assert!(deeper.contains(WITHHELD), "{deeper}");
}

#[test]
fn strict_parsers_get_what_they_can_read() {
    let strict = |given: &str| written(given, &Parts::Plain, &style(Numbers::Doubles, true));
    assert_eq!(strict(r#"{"a":"cut \ud83d"}"#), r#"{"a":"cut \ufffd"}"#);
    assert_eq!(
        redacted(r#"{"a\udc00":"\ud83d"}"#),
        r#"{"a\ufffd":"\ufffd"}"#
    );
    let huge = "9".repeat(400);
    assert_eq!(
        strict(&format!("[{huge},1e400]")),
        format!("[\"{huge}\",\"1e400\"]")
    );
    assert_eq!(
        strict("{\"a\": [0.1, 1e500, 7], \"b\":-12345678901234567890.1}"),
        "{\"a\": [0.1, \"1e500\", 7], \"b\":\"-12345678901234567890.1\"}"
    );
    let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(strict(&deep(NESTING)), deep(NESTING));
    assert_eq!(
        strict(&deep(NESTING + 1)),
        format!("\"{}\"", deep(NESTING + 1))
    );
    let hidden = format!("[{},{{\"token\":\"planted\"}}]", deep(NESTING));
    assert_eq!(strict(&hidden), format!("\"[{},{{}}]\"", deep(NESTING)));
    for same in [&*deep(200_000), "[1e400]"] {
        assert_eq!(redacted(same), same);
    }
}

#[test]
fn names_stay_different_when_halves_of_pairs_are_replaced() {
    for (text, expected) in [
        (
            r#"{"\ud83d":1,"\ud83e":2,"\udc00":3}"#,
            r#"{"\ufffd":1,"\ufffd2":2,"\ufffd3":3}"#,
        ),
        (
            r#"{"a\ud83d":{"a\ud83d":1}, "a\ufffd" :2,"a\ufffd2":3,"a\ud83e":4}"#,
            r#"{"a\ufffd":{"a\ufffd":1}, "a\ufffd2" :2,"a\ufffd22":3,"a\ufffd3":4}"#,
        ),
        (
            r#"{"\ud83d":1,"token":2,"\ud83e":3,"b":[{"\ud83d":4}]}"#,
            r#"{"\ufffd":1,"\ufffd2":3,"b":[{"\ufffd":4}]}"#,
        ),
        // What is stored twice is no matter of halves.
        (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
    ] {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&redacted(text));
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(read.unwrap(), expected, "{text}");
    }
    let many: String = (0..5_000).map(|n| format!("\"\\ud83d\":{n},")).collect();
    let read = redacted(&format!("{{{many}\"last\":0}}"));
    let read: serde_json::Value = serde_json::from_str(&read).unwrap();
    assert_eq!(read.as_object().unwrap().len(), 5_001);
}

#[test]
fn parts_of_compound_values_are_what_their_types_say() {
    let parts = Parts::Named(vec![
        ("n".into(), Parts::Exact),
        ("raw".into(), Parts::Bytes),
        ("of".into(), Parts::Named(vec![("n".into(), Parts::Exact)])),
    ]);
    let given = r#"[{"n":[1,-2.50],"raw":"\\x00ff","i":3,"of":{"n":4,"s":"\\x00"}},null]"#;
    let native = r#"[{"n":[1,-2.50],"raw":"AP8=","i":3,"of":{"n":4,"s":"\\x00"}},null]"#;
    let string = r#"[{"n":["1","-2.50"],"raw":"AP8=","i":3,"of":{"n":"4","s":"\\x00"}},null]"#;
    for (numbers, expected) in [(Numbers::Native, native), (Numbers::String, string)] {
        assert_eq!(written(given, &parts, &style(numbers, false)), expected);
    }
    let bytes = style(Numbers::Native, false);
    let list = written(r#"["\\x","\\x414",[null,"\\x41"]]"#, &Parts::Bytes, &bytes);
    assert_eq!(list, r#"["","\\x414",[null,"QQ=="]]"#);
}

/// Levels of escapes by number, the densest that there are.
#[test]
fn work_is_a_small_multiple_of_the_value() {
    let mut cell = r#"{"token":1}"#.to_owned();
    while cell.len() < 1 << 20 {
        let inner = cell.replace('\\', "\\u005c").replace('"', "\\u0022");
        let mut outer = String::with_capacity(inner.len() + 16);
        write!(outer, "{{\"a\":\"{inner}\"}}").unwrap();
        cell = outer;
    }
    let shown = text(&cell);
    assert!(shown.len() <= cell.len());
    assert!(!shown.contains("token"));
}

fn json(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        "[a-z{}\\[\\]\":\\\\ \u{feff}]{0,12}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(depth, 32, 4, |inner| {
        let name = prop_oneof![Just("token"), Just("a"), Just("b c"), Just("apiKey")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::vec((name, inner.clone()), 0..4).prop_map(|members| {
                let members = members.into_iter();
                members
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
            inner.prop_map(|value| serde_json::Value::from(value.to_string())),
        ]
    })
}

/// The document without what is hidden, by a tree; strings that cannot be read are left out.
fn pruned(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Array(values) => values.iter().map(pruned).collect(),
        serde_json::Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !Sensitive::default().hides_member(name))
            .map(|(name, value)| (name.clone(), pruned(value)))
            .collect(),
        serde_json::Value::String(text) => match serde_json::from_str(text) {
            Ok(inner) if looks_like_document(text) && pruned(&inner) != inner => {
                serde_json::Value::from(pruned(&inner).to_string())
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_the_document_without_its_hidden_members(value in json(4)) {
        let shown: serde_json::Value = serde_json::from_str(&redacted(&value.to_string())).unwrap();
        prop_assert_eq!(shown, pruned(&value));
    }

    #[test]
    fn text_that_changes_looks_like_a_document(
        given in "(?s)[ \u{feff}\n]{0,2}[{\\[\"a:]{0,3}(\"token\"|token|\\\\u0074oken|a)?[:{}\\[\\]\",1 ]{0,6}",
    ) {
        prop_assert!(looks_like_document(&given) || text(&given) == given);
    }
}
