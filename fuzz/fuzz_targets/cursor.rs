//! Cursors: any text, which is never taken, and any place sealed with the key itself, which is
//! taken or refused but breaks nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lucarne::plan::Seek;
use lucarne::protocol::{Action, Object};
use lucarne_fuzz::{plan, planned, policy};

fuzz_target!(|data: (u8, &str)| {
    let (which, text) = data;
    let sort = ["[]", "[\"-created_at\"]", "[\"priority\",\"-amount\"]"][usize::from(which % 3)];
    let page = |cursor: &str| {
        let cursor = serde_json::to_string(cursor).unwrap();
        format!("{{\"sort\":{sort},\"cursor\":{cursor}}}")
    };
    let asked = page(text);
    let params = Object::parse(&asked).unwrap();
    assert!(planned(Action::Query, "tickets", &params).is_err());
    let Ok(seek) = serde_json::from_str::<Seek>(text) else {
        return;
    };
    let first = format!("{{\"sort\":{sort}}}");
    let first = plan(Action::Query, "tickets", &Object::parse(&first).unwrap()).unwrap();
    let Some(sealed) = policy().settings.cursors.seal(seek, &first.binding(), 60_000) else {
        return;
    };
    let asked = page(&sealed);
    let params = Object::parse(&asked).unwrap();
    if let Err(error) = planned(Action::Query, "tickets", &params) {
        assert!(!error.kind().is_failure(), "{error}");
    }
});
