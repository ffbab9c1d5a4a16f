//! `lucarne tool`, over the sample.

use lucarne::sample::TOOLS;

use crate::support::{Ended, Run, TOKEN};

fn desk() -> Run {
    Run::new()
        .with_sample()
        .set("MCP_TOKEN", TOKEN)
        .file("tools.toml", TOOLS)
        .set("MCP_TOOLS_FILE", "tools.toml")
}

fn with(tools: &str) -> Run {
    Run::new()
        .with_sample()
        .set("MCP_TOKEN", TOKEN)
        .file("tools.toml", tools)
        .set("MCP_TOOLS_FILE", "tools.toml")
}

/// A tool with further members.
fn tool(name: &str, sql: &str, members: &str) -> String {
    format!("[[tool]]\nname = \"{name}\"\ndescription = \"Tells.\"\nsql = \"{sql}\"\n{members}\n")
}

fn ended(ended: &Ended) -> (Option<i32>, &str) {
    (ended.code, &ended.err)
}

#[test]
fn tools_are_listed_shown_and_called() {
    let run = desk();
    let list = run.lucarne(&["tool", "list"]);
    assert_eq!(ended(&list), (Some(0), ""));
    assert!(list.out.contains("statuses tickets.status[]"), "{list:?}");
    let list = run.lucarne(&["tool", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 10);
    assert_eq!(list[2]["columns"][0], "id integer");
    assert_eq!(
        list[5]["fields"],
        serde_json::json!(["tickets.status", "tickets.priority"])
    );
    let show = run.lucarne(&["tool", "show", "ticket"]);
    assert!(show.out.contains("stands in    tools.toml:"), "{show:?}");
    assert!(show.out.contains("  WHERE t.id = :id\n"), "{show:?}");
    let call = run.lucarne(&["tool", "call", "busiest_companies", "most=2"]);
    assert_eq!(ended(&call), (Some(0), ""));
    assert!(call.out.ends_with("\n2 rows\n"), "{call:?}");
    let words = [
        "tool",
        "call",
        "open_tickets",
        "statuses=solved,closed",
        "--json",
    ];
    let call = run.lucarne(&words);
    let answer: serde_json::Value = serde_json::from_str(&call.out).unwrap();
    assert_eq!(
        (&answer["count"], &answer["truncated"]),
        (&50.into(), &true.into())
    );
    let call = run.lucarne(&["tool", "call", "open_tickets"]);
    let words = "\n50 rows; there are more, and its limit is 50: ask for less\n";
    assert!(call.out.ends_with(words), "{call:?}");
    let full = desk().set("MCP_MAX_RESPONSE_BYTES", "2048");
    let call = full.lucarne(&["tool", "call", "open_tickets"]);
    assert!(
        call.out
            .contains("rows, and no room for them: ask for less\n"),
        "{call:?}"
    );
    let call = run.lucarne(&["tool", "call", "open_count", "priority=urgent"]);
    assert!(call.out.trim().parse::<u32>().unwrap() > 0, "{call:?}");
}

#[test]
fn what_cannot_be_called_is_told_with_what_to_do() {
    let run = desk();
    for (arguments, code, words) in [
        (
            &["tool", "call", "ticket"][..],
            1,
            "Missing required parameter: id (missing_parameter)",
        ),
        (
            &["tool", "call", "ticket", "id=x"],
            1,
            "Invalid value for parameter 'id'",
        ),
        (
            &["tool", "call", "ticket", "7"],
            2,
            "\"7\" is no parameter=value",
        ),
        (
            &["tool", "call", "ticket", "id=7", "id=8"],
            2,
            "\"id\" is given twice",
        ),
        (&["tool", "call", "tickt"], 1, "Tool 'tickt' not allowed"),
        (&["tool", "show", "tickt"], 2, "did you mean ticket?"),
        (&["tool", "test", "tickt"], 2, "did you mean ticket?"),
        (&["tool", "new", "none.sql"], 2, "none.sql cannot be read"),
    ] {
        let ended = run.lucarne(arguments);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.err.contains(words), "{ended:?}");
    }
    let without = Run::new()
        .with_sample()
        .set("MCP_TOKEN", TOKEN)
        .lucarne(&["tool", "list"]);
    assert_eq!(without.code, Some(2));
    assert!(
        without
            .err
            .contains("MCP_TOOLS_FILE: no file of tools is named")
    );
}

#[test]
fn examples_are_tried_by_test_and_by_check() {
    let run = desk();
    let test = run.lucarne(&["tool", "test"]);
    assert_eq!(ended(&test), (Some(0), ""), "{test:?}");
    assert!(test.out.ends_with("17 examples, 17 passed\n"), "{test:?}");
    let check = run.lucarne(&["check"]);
    assert_eq!(check.code, Some(0));
    assert!(check.out.contains("2 of 2 passed"), "{check:?}");
    let caller = "[tool.params]\nwho = { from = \"caller.attr.mail\" }\n";
    let example = "[[tool.example]]\ncaller = { attr = { mail = \"admin@example.com\" } }\n\
        first = { id = 1 }\n[[tool.example]]\nerror = \"not_permitted\"\n";
    let own = tool(
        "me",
        "SELECT id FROM users WHERE email = :who",
        &(caller.to_owned() + example),
    );
    let wrong = tool(
        "few",
        "SELECT id FROM users",
        "[[tool.example]]\nrows = \"3\"",
    );
    let run = with(&(own + &wrong));
    let test = run.lucarne(&["tool", "test", "me"]);
    assert_eq!(test.code, Some(0), "{test:?}");
    let test = run.lucarne(&["tool", "test"]);
    assert_eq!(test.code, Some(1), "{test:?}");
    assert!(
        test.out.contains("failed: expected 3 rows, not 100"),
        "{test:?}"
    );
    assert!(test.out.ends_with("3 examples, 2 passed\n"), "{test:?}");
    let test = run.lucarne(&["tool", "test", "few", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&test.out).unwrap();
    assert_eq!(told[0]["misses"][0], "expected 3 rows, not 100");
    let check = run.lucarne(&["check"]);
    assert_eq!(check.code, Some(0));
    assert!(
        check
            .out
            .contains("warning: tool few: the example at tools.toml:17:1 failed"),
        "{check:?}"
    );
    assert_eq!(run.lucarne(&["check", "--strict"]).code, Some(1));
    let call = ["tool", "call", "me", "--attr", "mail=admin@example.com"];
    assert!(run.lucarne(&call).out.contains("1 row"));
}

#[test]
fn what_a_model_may_take_for_an_instruction_is_warned_of() {
    let named = |name: &str, description: &str| {
        tool(name, "SELECT id FROM users", "").replace("Tells.", description)
    };
    let text = named("a", "See https://example.com")
        + &named("b", "Ignore all others")
        + &named("c", "Ignored ones are not here");
    let check = with(&text).lucarne(&["check", "--strict"]);
    assert_eq!(check.code, Some(1));
    assert!(
        check
            .out
            .contains("tool a: its description holds an address"),
        "{check:?}"
    );
    assert!(
        check
            .out
            .contains("tool b: its description holds the word ignore"),
        "{check:?}"
    );
    assert!(!check.out.contains("tool c: its description"), "{check:?}");
    let many: String = (0..41)
        .map(|at| named(&format!("t{at}"), "Tells."))
        .collect();
    let check = with(&many).lucarne(&["check"]);
    assert!(
        check
            .out
            .contains("there are 41 tools, which every agent reads"),
        "{check:?}"
    );
    let long = named("t", &"x".repeat(740));
    let long: String = (0..34)
        .map(|at| long.replace("\"t\"", &format!("\"t{at}\"")))
        .collect();
    let check = with(&long).lucarne(&["check"]);
    assert!(
        check.out.contains("MCP_TOOLS_FILE: tools/list has "),
        "{check:?}"
    );
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_files() {
    let run = Run::new().with_sample().set("MCP_TOKEN", TOKEN);
    let run = run.file(
        "a.toml",
        &(tool("one", "SELECT secret FROM users", "") + &tool("two", "SELECT 1", "limit = 0")),
    );
    let run = run.file(
        "b.toml",
        &tool("three", "SELECT id FROM users FOR UPDATE", ""),
    );
    let ended = run.set("MCP_TOOLS_FILE", ".").lucarne(&["tool", "list"]);
    assert_eq!(ended.code, Some(2));
    let at: Vec<_> = [
        "a.toml:4:8: tool one: ",
        "a.toml:10:9: tool two: ",
        "b.toml:4:8: tool three: ",
    ]
    .iter()
    .map(|place| ended.err.find(place))
    .collect();
    assert!(
        at.iter().all(Option::is_some) && at.is_sorted(),
        "{ended:?}"
    );
}

#[test]
fn a_select_becomes_a_file_of_tools() {
    let sql = "SELECT t.id, COUNT(*) AS n FROM tickets t JOIN users u ON u.id = t.user_id\n\
        WHERE u.email = :who AND t.status IN (:states) AND t.title LIKE :like GROUP BY t.id LIMIT :most;\n";
    let run = Run::new()
        .with_sample()
        .set("MCP_TOKEN", TOKEN)
        .file("Of somebody.sql", sql)
        .file("wrong.sql", "SELECT id\nFROM nobody");
    let new = run.lucarne(&["tool", "new", "Of somebody.sql"]);
    assert_eq!(ended(&new), (Some(0), ""));
    for line in [
        "name = \"of_somebody\"",
        "# It answers id integer, n any.",
        "who = { type = \"users.email\" }",
        "states = { type = \"tickets.status[]\" }",
        "like = { type = \"text\", description = \"Say what it is.\" }",
        "most = { type = \"integer\", description = \"Say what it is.\" }",
    ] {
        assert!(new.out.lines().any(|it| it == line), "{line}: {}", new.out);
    }
    let list = with(&new.out).lucarne(&["tool", "list"]);
    assert_eq!(ended(&list), (Some(0), ""));
    let wrong = run.lucarne(&["tool", "new", "wrong.sql"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong
            .err
            .contains("wrong.sql:2:6: tool wrong: there is no model nobody"),
        "{wrong:?}"
    );
}

#[test]
fn access_explain_tells_which_tools_a_token_may_call_and_why_not() {
    let run = Run::new()
        .with_sample()
        .with_store()
        .file(
            "tools.toml",
            &(TOOLS.to_owned()
                + &tool(
                    "own",
                    "SELECT id FROM users",
                    "tokens = [\"reports\"]\ndatabase = \"books\"",
                )),
        )
        .set("MCP_TOOLS_FILE", "tools.toml");
    let explained = |run: &Run| run.lucarne(&["access", "explain", "--token", "night"]);
    let told = explained(&run);
    assert_eq!(told.code, Some(0), "{told:?}");
    let line = |told: &Ended, tool: &str| {
        let lines = told
            .out
            .lines()
            .skip_while(|line| !line.starts_with("calls "));
        let mut lines = lines.filter(|line| line.split_whitespace().next() == Some(tool));
        lines
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        line(&told, "workload"),
        "workload no the scope tools is missing"
    );
    assert_eq!(
        line(&told, "own"),
        "own no the scope tools is missing, or reports"
    );
    let update = [
        "token",
        "update",
        "night",
        "--scopes",
        "describe,reports",
        "--attr",
        "company=Acme",
    ];
    let update = run.lucarne(&update);
    assert_eq!(update.code, Some(0), "{update:?}");
    assert!(
        update.out.contains("attributes  company=Acme"),
        "{update:?}"
    );
    let told = explained(&run);
    assert_eq!(
        line(&told, "own"),
        "own no the tenant has no database books"
    );
    run.lucarne(&["token", "update", "night", "--scopes", "all", "--no-attr"]);
    let told = explained(&run);
    assert_eq!(line(&told, "workload"), "workload yes the scope tools");
    let history = "ticket_history no it reads change_log, which the token does not see";
    assert_eq!(line(&told, "ticket_history"), history);
    run.lucarne(&["token", "update", "night", "--tools", "ticket"]);
    let told = explained(&run);
    assert_eq!(
        line(&told, "workload"),
        "workload no it is not among the token's tools"
    );
    assert_eq!(line(&told, "ticket"), "ticket yes the scope tools");
    let report = run.lucarne(&["access", "report"]);
    assert!(report.out.contains("  calls ticket\n"), "{report:?}");
    // A slip is told, for such a scope could be one of a tool.
    let slip = run.lucarne(&["token", "update", "night", "--scopes", "read,opertors"]);
    assert!(slip.err.contains("did you mean operators?"), "{slip:?}");
    // A caller of the store sees what its token sees.
    run.lucarne(&[
        "token", "update", "night", "--scopes", "all", "--tools", "all",
    ]);
    let call = [
        "tool", "call", "workload", "--tenant", "acme", "--token", "night",
    ];
    assert!(run.lucarne(&call).out.contains(" rows"));
    let call = [
        "tool",
        "call",
        "ticket_history",
        "ticket=1",
        "--tenant",
        "acme",
    ];
    let refused = run.lucarne(&call);
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

/// A tool that counts the users, and one whose example names a token alone.
fn counting(first: u32) -> String {
    let example = format!(
        "result = \"value\"\n[[tool.example]]\ncaller = {{ token = \"night\" }}\nfirst = {{ value = {first} }}"
    );
    tool(
        "count",
        "SELECT COUNT(*) AS n FROM users",
        "result = \"value\"",
    ) + &tool("tried", "SELECT COUNT(*) AS n FROM users", &example)
}

/// A store whose tenant sees one user, beside a database of the configuration where every row is seen.
fn narrowed() -> Run {
    let run = Run::new()
        .with_sample()
        .with_store()
        .set("MCP_TOKEN", TOKEN)
        .file("tools.toml", &counting(1))
        .set("MCP_TOOLS_FILE", "tools.toml");
    done(
        &run,
        &["tenant", "update", "acme", "--rows", "users.id = 7"],
    );
    run
}

fn done(run: &Run, arguments: &[&str]) {
    let ended = run.lucarne(arguments);
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
}

/// Calls a tool as somebody.
fn called(run: &Run, tool: &str, caller: &[&str]) -> Ended {
    run.lucarne(&[&["tool", "call", tool], caller].concat())
}

#[test]
fn whoever_is_named_calls_as_the_store_says_or_not_at_all() {
    let run = narrowed();
    let callers = [
        &["--tenant", "acme", "--token", "night"][..],
        &["--token", "night"],
    ];
    for caller in callers {
        let refused = called(&run, "count", caller);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(
            refused.err.contains("Tool 'count' not allowed"),
            "{refused:?}"
        );
    }
    let refused = called(&run, "count", &["--tenant", "acme"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let words = "no token of a tenant acme in the store may call it";
    assert!(refused.err.contains(words), "{refused:?}");
    done(&run, &["token", "update", "night", "--scopes", "tools"]);
    for caller in callers.into_iter().chain([&["--tenant", "acme"][..]]) {
        let answer = called(&run, "count", caller);
        assert_eq!((ended(&answer), &*answer.out), ((Some(0), ""), "1\n"));
    }
    let own = called(&run, "count", &[]);
    assert_eq!((ended(&own), &*own.out), ((Some(0), ""), "200\n"));
    let test = run.lucarne(&["tool", "test"]);
    assert_eq!(ended(&test), (Some(0), ""), "{}", test.out);
    for (caller, words) in [
        (
            &["--tenant", "nosuch"][..],
            "no token of a tenant nosuch in the store",
        ),
        (&["--token", "nosuch"], "the store lets in no token nosuch"),
        (
            &["--tenant", "nosuch", "--token", "night"],
            "the store lets in no token night of a tenant nosuch",
        ),
    ] {
        let refused = called(&run, "count", caller);
        assert_eq!((refused.code, &*refused.out), (Some(2), ""), "{refused:?}");
        assert!(refused.err.contains(words), "{refused:?}");
    }
    done(&run, &["tenant", "create", "other"]);
    done(&run, &["token", "create", "night", "--tenant", "other"]);
    let refused = called(&run, "count", &["--token", "night"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.err.contains("several tenants have a token night"),
        "{refused:?}"
    );
    done(
        &run,
        &["token", "revoke", "night", "--tenant", "acme", "--yes"],
    );
    let refused = called(&run, "count", callers[0]);
    assert_eq!((refused.code, &*refused.out), (Some(2), ""), "{refused:?}");
    assert!(
        refused.err.contains("lets in no token night"),
        "{refused:?}"
    );
}

#[test]
fn without_a_store_nobody_of_one_can_be_named() {
    let run = with(&counting(100));
    for caller in [&["--tenant", "acme"][..], &["--token", "night"]] {
        let refused = called(&run, "count", caller);
        assert_eq!((refused.code, &*refused.out), (Some(2), ""), "{refused:?}");
        assert!(refused.err.contains("MCP_STORE names none"), "{refused:?}");
    }
    let test = run.lucarne(&["tool", "test"]);
    assert_eq!(test.code, Some(1), "{test:?}");
    assert!(test.out.contains("MCP_STORE names none"), "{test:?}");
    // A store that is away lets in nobody, and no other stands in for its clients.
    let run = narrowed().set("MCP_STORE", "postgres://u:p@127.0.0.1:9/none");
    let refused = called(&run, "count", &["--tenant", "acme"]);
    assert_eq!((refused.code, &*refused.out), (Some(2), ""), "{refused:?}");
    assert!(
        refused.err.contains("the store does not answer"),
        "{refused:?}"
    );
}

#[test]
fn without_a_database_of_its_own_a_tool_is_judged_on_those_of_its_callers() {
    let run = narrowed().set("DATABASE_URL", "");
    let check = run.lucarne(&["check"]);
    assert!(
        check.out.contains("tool count: nobody may call it"),
        "{check:?}"
    );
    done(&run, &["token", "update", "night", "--scopes", "tools"]);
    for caller in [&[][..], &["--token", "night"]] {
        let answer = called(&run, "count", caller);
        assert_eq!((ended(&answer), &*answer.out), ((Some(0), ""), "1\n"));
    }
    let list = run.lucarne(&["tool", "list", "--json"]);
    assert_eq!(ended(&list), (Some(0), ""));
    let list: serde_json::Value = serde_json::from_str(&list.out).unwrap();
    assert_eq!(list[0]["columns"][0], "n any");
    assert_eq!(list[0]["models"][0], "users");
    done(&run, &["tool", "test"]);
    // What a start cannot find, for it asks no database of a tenant.
    let run = run.file(
        "tools.toml",
        &(counting(1) + &tool("wrong", "SELECT nocolumn FROM users", "")),
    );
    let words = "tool wrong: on database acme/shop: tools.toml:";
    for (arguments, code) in [
        (&["tool", "test"][..], 1),
        (&["tool", "test", "wrong"], 1),
        (&["tool", "test", "count"], 0),
        (&["tool", "list"], 0),
        (&["tool", "show", "wrong"], 0),
        (&["check", "--strict"], 1),
    ] {
        let ended = run.lucarne(arguments);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        let told = ended.err.contains(words) || ended.out.contains(words);
        assert_eq!(told, !arguments.contains(&"count"), "{ended:?}");
    }
    // A database that is away hides no fault.
    std::fs::remove_file(run.folder.path().join("shop.db")).unwrap();
    let test = run.lucarne(&["tool", "test", "wrong"]);
    assert_eq!(test.code, Some(1), "{test:?}");
    let words = "tool wrong: on database acme/shop: the database does not answer";
    assert!(test.err.contains(words), "{test:?}");
}

#[test]
fn what_is_most_likely_not_meant_is_told() {
    let emptied = with("# all of them are gone\n");
    for arguments in [&["tool", "list"][..], &["tool", "list", "--json"]] {
        let ended = emptied.lucarne(arguments);
        let told = "MCP_TOOLS_FILE holds no tool: none is served";
        assert!(ended.err.contains(told), "{ended:?}");
    }
    let check = emptied.lucarne(&["check", "--strict"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.out.contains("holds no tool"), "{check:?}");
    let long = tool("long", "SELECT COUNT(*) AS n FROM users", "timeout = 2.5");
    let ended = with(&long)
        .set("MCP_QUERY_TIMEOUT", "2")
        .lucarne(&["tool", "list"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let told = "tools.toml:1:1: tool long: timeout is longer than MCP_QUERY_TIMEOUT, 2 s";
    assert!(ended.err.contains(told), "{ended:?}");
    let params = "params = { day = { type = \"tickets.due_on\", min = \"2026-02-01\", max = \"2026-01-01\" } }";
    let crossed = tool(
        "crossed",
        "SELECT COUNT(*) AS n FROM tickets WHERE due_on = :day",
        params,
    );
    let ended = with(&crossed).lucarne(&["tool", "list"]);
    assert!(
        ended.err.contains("its min lies above its max"),
        "{ended:?}"
    );
    let danger = tool("danger", "SELECT LOAD_EXTENSION('x') AS x", "");
    let ended = with(&danger).lucarne(&["tool", "list"]);
    let told = "the function load_extension is not one that a tool may call";
    assert!(ended.err.contains(told), "{ended:?}");
    assert!(!ended.err.contains("functions = [\"load"), "{ended:?}");
}
