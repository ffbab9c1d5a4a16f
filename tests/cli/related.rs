//! Keys that a database of the store is given, for it does not tell of them itself.

use crate::support::Run;

#[test]
fn keys_are_given_and_what_cannot_be_is_told() {
    let run = Run::new().with_sample().with_store();
    let update = |relations: &str| {
        let models = "users,tickets,change_log";
        let arguments = ["database", "update", "shop", "--models", models];
        run.lucarne(&[&arguments[..], &["--relations", relations]].concat())
    };
    let given = "owner:tickets.user_id=users.id,tickets.title=change_log.field";
    let ended = update(given);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let shown = run.lucarne(&["database", "show", "shop"]);
    let line = format!("relations  {given}");
    let mut lines = shown.out.lines();
    assert!(lines.any(|shown| shown.trim_end() == line), "{}", shown.out);
    // The text of a title is found by no index, in neither direction.
    let tested = run.lucarne(&["database", "test", "shop"]);
    for warning in [
        "warning: relation tickets.change_log: no index of change_log leads with field",
        "warning: relation change_log.tickets: no index of tickets leads with title",
    ] {
        assert!(tested.out.contains(warning), "{}", tested.out);
    }
    let faulty = update("tickets.usr_id=users.id");
    assert_eq!(faulty.code, Some(0), "{}", faulty.err);
    let told = "shop: relations: tickets has no field usr_id";
    assert!(faulty.err.contains(told), "{}", faulty.err);
    assert!(
        faulty.err.contains("did you mean tickets.user_id?"),
        "{}",
        faulty.err
    );
    let tested = run.lucarne(&["database", "test", "shop", "--strict"]);
    assert_eq!(tested.code, Some(1), "{}", tested.out);
    let told = "warning: relations: tickets has no field usr_id";
    assert!(tested.out.contains(told), "{}", tested.out);
    let malformed = update("tickets.user_id");
    assert_eq!(malformed.code, Some(2), "{}", malformed.err);
    let told = "relations: expected model.field=model.field";
    assert!(malformed.err.contains(told), "{}", malformed.err);
}
