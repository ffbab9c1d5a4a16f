use super::*;
use crate::auth::TokenId;
use crate::config::{self, Config};
use crate::limit::{Meter, Weight};

fn configured(tokens: &str) -> Config {
    let variables = [("MCP_TOKEN", tokens), ("MCP_TOKEN_RATE_LIMIT", "2")];
    let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    config::load(owned).unwrap()
}

/// Whether a read is admitted, by a connection that admits everything.
async fn admit(service: &Service, policy: &Policy, token: &TokenId) -> bool {
    let mut meter = Meter::new(policy.window());
    let tally = Tally::Own(&mut meter);
    let admitted = service.admit((policy, token), Weight::Read, tally).await;
    admitted.is_ok()
}

#[tokio::test]
async fn a_token_has_one_window_and_takes_it_along_when_it_goes() {
    let names = ["first-token-of-the-test", "second-token-of-the-test"];
    let config = configured(&names.join(","));
    let opened = crate::app::open(&config, Arc::default()).await.unwrap();
    let service = opened.service;
    let policy = service.policy();
    let valid = |name: &str| TokenId::of(name);
    for name in names {
        for admitted in [true, true, false] {
            assert_eq!(admit(&service, &policy, &valid(name)).await, admitted);
        }
    }
    assert_eq!(service.budget.tokens_counted(), 2);
    let mut next = configured(names[1]);
    next.limits.token_rate_limit = Some(3);
    let next = crate::app::open(&next, Arc::default()).await.unwrap();
    let next = Arc::into_inner(next.service).unwrap().access.into_inner();
    service.replace(Arc::into_inner(next).unwrap());
    let policy = service.policy();
    let windows = || service.budget.tokens_counted();
    assert_eq!(windows(), 1);
    // The window goes on with what it has admitted.
    for admitted in [true, false] {
        assert_eq!(admit(&service, &policy, &valid(names[1])).await, admitted);
    }
    assert_eq!(windows(), 1);
}
