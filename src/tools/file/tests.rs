use std::time::Duration;

use super::*;
use crate::tools::parameter::{Fallback, Known, Source};

const WHOLE: &str = r#"
[[tool]]
name = "overdue_tickets"
title = "Overdue tickets"
description = "Open tickets of one priority, oldest first."
database = "shop"
tokens = ["reports"]
result = "rows"
limit = 50
timeout = 1.5
hidden = ["note"]
functions = ["public.slug"]
sql = '''
SELECT t.id FROM tickets t
WHERE t.priority = :priority AND t.status IN (:statuses) AND t.created_at < :before AND t.company = :company
'''
[tool.params]
priority = { type = "tickets.priority", description = "How urgent" }
statuses = { type = "text[]", description = "Which", default = ["open"], enum = ["open", "pending"] }
before   = { type = "datetime", description = "Before when", default = "now-7d" }
least    = { type = "decimal", description = "From", min = 0.10, max = 1e3, required = false }
company  = { from = "caller.attr.company" }
[[tool.example]]
params = { priority = "urgent", before = "2026-11-01T00:00:00Z" }
caller = { attr = { company = "Juniper Schools" } }
rows = "1..100"
first = { owner = "ana@example.com", price = 1.50 }
"#;

#[test]
fn a_file_is_read_whole() {
    let Held { tools, faults } = read("tools.toml", WHOLE);
    assert!(faults.is_empty(), "{faults:?}");
    let [tool] = &tools[..] else {
        panic!("{tools:?}")
    };
    assert_eq!(tool.name, "overdue_tickets");
    assert_eq!(tool.database.as_deref(), Some("shop"));
    assert_eq!(tool.scopes, ["reports"]);
    assert_eq!(tool.limit, Some(50));
    assert_eq!(tool.timeout, Some(Duration::from_millis(1_500)));
    assert_eq!(tool.place.line, 2);
    assert_eq!((tool.sql.place.line, tool.sql.place.column), (14, 1));
    let names: Vec<_> = tool
        .parameters
        .iter()
        .map(|parameter| &*parameter.name)
        .collect();
    assert_eq!(
        names,
        ["priority", "statuses", "before", "least", "company"]
    );
    let accepted = |at: usize| match &tool.parameters[at].source {
        Source::Client(accepted) => accepted,
        Source::Caller(known) => panic!("{known:?}"),
    };
    assert!(accepted(0).is_required && !accepted(1).is_required && accepted(1).is_list);
    assert!(matches!(accepted(2).default, Some(Fallback::Moment(_))));
    assert!(!accepted(3).is_required);
    assert_eq!(accepted(3).min.as_ref().unwrap().get(), "0.10");
    assert!(
        matches!(&tool.parameters[4].source, Source::Caller(Known::Attribute(name)) if name == "company")
    );
    let [example] = &tool.examples[..] else {
        panic!()
    };
    assert_eq!(example.first["owner"], "ana@example.com");
    assert_eq!(
        example.caller.attributes,
        [("company".to_owned(), "Juniper Schools".to_owned())]
    );
}

/// A tool of one member more, or of another one.
fn faults(members: &str) -> Vec<String> {
    let base = [
        ("name", "name = \"t\""),
        ("description", "description = \"x\""),
        ("sql", "sql = \"SELECT 1\""),
    ];
    let kept: Vec<&str> = base
        .iter()
        .filter(|(name, _)| {
            !members
                .lines()
                .any(|line| line.starts_with(&format!("{name} =")))
        })
        .map(|(_, line)| *line)
        .collect();
    let text = format!("[[tool]]\n{}\n{members}\n", kept.join("\n"));
    let faults = read("f.toml", &text).faults;
    let told = faults.iter();
    told.map(|fault| format!("{} ({})", fault.message, fault.help))
        .collect()
}

#[test]
fn each_fault_is_told_with_what_to_write() {
    for (members, expected) in [
        (
            "nmae = 1",
            "nmae is no member that there is (did you mean name?)",
        ),
        ("name = \"Big\"", "name \"Big\" is no name of a tool"),
        (
            "name = \"query\"",
            "name query is a name of the service's own",
        ),
        (
            "name = \"get_record\"",
            "name get_record is a name of the service's own",
        ),
        (
            "name = \"call\"",
            "name call is a name of the service's own",
        ),
        (
            "name = \"lucarne_x\"",
            "name lucarne_x is a name of the service's own",
        ),
        ("name = 7", "name is no text"),
        (
            "description = \"\"",
            "description is 0 characters long (write 1 to 750)",
        ),
        ("sql = \" \"", "sql is empty"),
        ("tokens = \"all\"", "tokens is neither"),
        (
            "result = \"many\"",
            "result is none that there is (write rows, one or value)",
        ),
        ("limit = 1001", "limit is no whole number from 1 to 1000"),
        ("timeout = 0", "timeout is no number of seconds"),
        ("hidden = \"a\"", "hidden is no list of texts"),
        (
            "raw = true",
            "raw reads the database itself, and does not say what",
        ),
        (
            "reads = [\"a.b.c\"]",
            "reads is for a tool that reads the database itself",
        ),
        ("params = 3", "params is no table"),
        ("params.x = 3", "parameter x is no table"),
        (
            "params.\"a b\" = { type = \"text\", description = \"d\" }",
            "\"a b\" is no name of a parameter",
        ),
        (
            "params.x = { description = \"d\" }",
            "parameter x has no type",
        ),
        (
            "params.x = { type = \"string\", description = \"d\" }",
            "type \"string\" is no type",
        ),
        (
            "params.x = { type = \"text\" }",
            "parameter x has no description",
        ),
        (
            "params.x = { type = \"text\", description = \"d\", defualt = 1 }",
            "defualt is no member that there is (did you mean default?)",
        ),
        (
            "params.x = { type = \"integer\", description = \"d\", default = \"a\" }",
            "default is none of its own values (write an integer)",
        ),
        (
            "params.x = { type = \"integer\", description = \"d\", default = 9, max = 3 }",
            "default is none of its own values (write an integer up to 3)",
        ),
        (
            "params.x = { type = \"text\", description = \"d\", enum = [] }",
            "enum is no list of 1 to 100 values",
        ),
        (
            "params.x = { type = \"integer[]\", description = \"d\", enum = [1, \"a\"] }",
            "enum holds \"a\": expected an integer (write values of the type)",
        ),
        (
            "[tool.params.x]\ntype = \"text\"\ndescription = \"d\"\n[tool.params.x.default]\na = 1",
            "default is no value (write default = …)",
        ),
        (
            "params.x = { type = \"boolean\", description = \"d\", min = 1 }",
            "min is for numbers, dates and the length of texts",
        ),
        (
            "params.x = { type = \"integer\", description = \"d\", min = 5, max = 4 }",
            "min lies above its max: no value is taken",
        ),
        (
            "params.x = { type = \"date\", description = \"d\", min = 2026-02-01, max = 2026-01-31 }",
            "min lies above its max",
        ),
        (
            "params.x = { type = \"text[]\", description = \"d\", min = 3, max = 2 }",
            "min lies above its max",
        ),
        (
            "params.x = { type = \"text\", description = \"d\", max = 5000 }",
            "max is no bound of its type",
        ),
        (
            "params.x = { type = \"text\", description = \"d\", pattern = \"(?=a)\" }",
            "pattern cannot be read",
        ),
        (
            "params.x = { type = \"integer\", description = \"d\", pattern = \"a\" }",
            "pattern is for texts",
        ),
        (
            "params.x = { from = \"caller.name\" }",
            "from \"caller.name\" is not known of a call",
        ),
        (
            "params.x = { from = \"now\", default = \"now\" }",
            "default is for what a client gives",
        ),
        (
            "[[tool.example]]\nparams = {}",
            "the example expects nothing",
        ),
        (
            "[[tool.example]]\nrows = \"many\"",
            "rows is no number of rows",
        ),
        (
            "[[tool.example]]\nrow = \"1\"\nrows = 1",
            "row is no member that there is",
        ),
        (
            "[[tool.example]]\nrows = 1\ncaller = { name = \"x\" }",
            "name is no member that there is",
        ),
        (
            "[[tool.example]]\nrows = 1\ncaller = { attr = { a = 1 } }",
            "a is no text",
        ),
        ("example = 1", "example is no list of tables"),
    ] {
        let told = faults(members);
        assert!(
            told.iter().any(|told| told.starts_with(expected)),
            "{members}: {told:?}"
        );
    }
    assert_eq!(faults("limit = 3"), Vec::<String>::new());
}

#[test]
fn all_faults_come_at_once_each_in_its_place() {
    let text = "[[tool]]\nname = \"a\"\nlimit = 0\n\n[[tool]]\nname = \"a\"\ndescription = \"x\"\nsql = \"SELECT 1\"\nresult = 1\n";
    let faults = read("f.toml", text).faults;
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "f.toml:1:1: tool a: description is missing",
            "f.toml:1:1: tool a: sql is missing",
            "f.toml:3:9: tool a: limit is no whole number from 1 to 1000",
            "f.toml:6:8: tool a: name a is the name of two tools",
            "f.toml:9:10: tool a: result is no text",
        ]
    );
    let faults = read("f.toml", "tool = 3").faults;
    assert_eq!(
        faults[0].to_string(),
        "f.toml:1:8: tool is no list of tables"
    );
    let faults = read("f.toml", "[[tool]\nname = 1").faults;
    assert!(
        faults[0].to_string().starts_with("f.toml:1:"),
        "{}",
        faults[0]
    );
    assert!(read("f.toml", "").faults.is_empty());
    // The others are there, for their SQL to be judged too.
    let sound = "[[tool]]\nname = \"b\"\ndescription = \"x\"\nsql = \"SELECT 1\"\n";
    let held = read("f.toml", &format!("{text}\n{sound}"));
    let names: Vec<&str> = held.tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!((names, held.faults.len()), (vec!["b"], 5));
}
