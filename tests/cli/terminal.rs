//! On a terminal, which `script` makes: a table, and no byte that moves the cursor.

use crate::support::{Ended, REFUSED_MODEL, Run, Service, Step};

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
