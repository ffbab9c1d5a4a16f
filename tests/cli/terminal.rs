//! On a terminal, which `script` makes: a table, and no byte that moves the cursor.

use crate::support::{Ended, REFUSED_MODEL, ROWS, Run, Service, Step};

fn at_terminal(run: &Run, command: &str) -> Ended {
    let ended = run.shell(&format!(
        "script -qec 'stty cols 60 rows 40; {command}' /dev/null < /dev/null"
    ));
    assert_eq!(ended.err, "");
    ended
}

#[test]
fn rows_are_a_table_that_fits_and_cannot_move_the_cursor() {
    let service = Service::socket(|_| {
        let long = "word ".repeat(50);
        Step::Text(format!(
            r#"{{"id":1,"status":"ok","data":[{{"id":1,"note":"\u001b[2J{long}"}},{{"id":20,"note":null}}],"count":2,"limit":2,"offset":0,"has_more":true,"next_cursor":"abc","total":9}}"#
        ))
    });
    let ended = at_terminal(&Run::with(&service), "lucarne query list users");
    let lines: Vec<&str> = ended.out.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "id  note",
            &*format!("──  {}", "─".repeat(56)),
            r" 1  \u001b[2Jword word word word word word word word word w…",
            "20  null",
            r#"2 of 9 rows; the next: "params":{"cursor":"abc"}"#,
        ]
    );
    assert_eq!(ended.code, Some(0));
}

#[test]
fn json_is_asked_for_and_an_error_is_words_alone() {
    let service = Service::answering(REFUSED_MODEL);
    let run = Run::with(&service);
    let ended = at_terminal(&run, "lucarne query list user");
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.out.starts_with("error: Model 'user' not allowed."),
        "{}",
        ended.out
    );
    let ended = at_terminal(&run, "lucarne query list user --json");
    assert!(ended.out.starts_with(REFUSED_MODEL), "{}", ended.out);
}

#[test]
fn the_prompt_asks_on_one_socket_and_remembers() {
    let service = Service::socket(|message| {
        if message.contains("\"get\"") {
            return Step::Close(1000, "idle");
        }
        Step::Text(ROWS.replace(
            "\"has_more\":false",
            "\"has_more\":true,\"next_cursor\":\"abc\"",
        ))
    });
    let run = Run::with(&service).set("TERM", "dumb");
    let typed = "help\nlist users\nmore\nlsit users\nget users 1\nmodels\nquit\n";
    let run = run.file("typed", typed);
    let ended = run.shell("script -qec 'lucarne query' /dev/null < typed");
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    assert!(!ended.out.contains('\u{1b}'), "{}", ended.out);
    assert_eq!(
        ended.out.matches("id  name\r\n").count(),
        3,
        "{}",
        ended.out
    );
    for words in [
        "any message as JSON",
        "2 rows, and there are more; more shows the next",
        "help: did you mean \"list\"?",
        "closed the connection before answering (1000: idle)",
    ] {
        assert!(ended.out.contains(words), "no {words:?} in: {}", ended.out);
    }
    let seen = service.seen();
    assert_eq!(
        seen.iter().filter(|line| line.starts_with("path")).count(),
        2,
        "{seen:?}"
    );
    assert!(
        seen.iter()
            .any(|line| line.ends_with(r#""params":{"cursor":"abc"}}"#)),
        "{seen:?}"
    );
    let history = run.folder.path().join(".local/state/lucarne/history");
    assert!(
        std::fs::read_to_string(history)
            .unwrap()
            .contains("list users")
    );
}
