use super::*;
use crate::config::{self, Config};
use crate::limit::Weight;

fn configured(tokens: &str) -> Config {
    let variables = [("MCP_TOKEN", tokens), ("MCP_TOKEN_RATE_LIMIT", "2")];
    let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    config::load(owned).unwrap()
}

#[tokio::test]
async fn a_token_has_one_window_and_takes_it_along_when_it_goes() {
    let names = ["first-token-of-the-test", "second-token-of-the-test"];
    let config = configured(&names.join(","));
    let opened = crate::app::open(&config, Arc::default()).await.unwrap();
    let service = opened.service;
    let (access, policy) = (service.access(), service.policy());
    let valid = |name: &str| access.tokens.check(name).unwrap();
    for name in names {
        let admit = || service.admit(&policy, &valid(name), Weight::Read, Ok(()));
        assert!(admit().is_ok() && admit().is_ok() && admit().is_err());
    }
    assert_eq!(service.windows.lock().unwrap().len(), 2);
    let mut next = configured(names[1]);
    next.token_rate_limit = Some(3);
    let next = crate::app::open(&next, Arc::default()).await.unwrap();
    let next = Arc::into_inner(next.service).unwrap().access.into_inner();
    service.replace(Arc::into_inner(next).unwrap());
    let policy = service.policy();
    let windows = || service.windows.lock().unwrap().len();
    assert_eq!(windows(), 1);
    // The window goes on with what it has admitted.
    assert!(
        service
            .admit(&policy, &valid(names[1]), Weight::Read, Ok(()))
            .is_ok()
    );
    assert!(
        service
            .admit(&policy, &valid(names[1]), Weight::Read, Ok(()))
            .is_err()
    );
    assert_eq!(windows(), 1);
}
