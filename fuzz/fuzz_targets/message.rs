//! A text frame: from its bytes to the statements of every dialect.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lucarne::plan;
use lucarne::protocol::{Action, Request};
use lucarne_fuzz::{planned, policy};

fuzz_target!(|text: &str| {
    let request = match Request::parse(text) {
        Ok(request) => request,
        Err(rejected) => {
            // What is said of it is bounded, however much of it is repeated.
            assert!(rejected.error.to_string().len() < 2_000);
            return;
        }
    };
    let catalog = policy().own().unwrap();
    let (Some(action), Some(model)) = (Action::parse(&request.action), request.model.as_deref())
    else {
        return;
    };
    let Some(model) = catalog.model(model) else {
        return;
    };
    let error = match action {
        Action::Describe => plan::describe(&request.params).err(),
        Action::Get => plan::get(&request.params, model).err(),
        Action::List | Action::Query => planned(action, model.name(), &request.params).err(),
    };
    if let Some(error) = error {
        assert!(error.to_string().len() < 2_000 && !error.kind().is_failure());
    }
});
