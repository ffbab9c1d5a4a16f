//! The filters of a query, on a model with fields of every class.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lucarne::protocol::{Action, Object};
use lucarne_fuzz::planned;

fuzz_target!(|data: (u8, &str)| {
    let (which, filters) = data;
    let model = ["users", "tickets", "change_log"][usize::from(which % 3)];
    let text = format!("{{\"filters\":{filters}}}");
    let Some(params) = Object::parse(&text) else {
        return;
    };
    for action in [Action::Query, Action::List] {
        if let Err(error) = planned(action, model, &params) {
            assert!(error.to_string().len() < 2_000 && !error.kind().is_failure());
        }
    }
});
