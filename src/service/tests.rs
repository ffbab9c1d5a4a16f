use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::auth::{Credential, Principal};
use crate::config::{self, Config};
use crate::limit::{Meter, Weight};

fn configured(tokens: &str) -> Config {
    let variables = [("MCP_TOKEN", tokens), ("MCP_TOKEN_RATE_LIMIT", "2")];
    let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    config::load(owned).unwrap()
}

/// Whether a read is admitted, by a connection that admits everything.
async fn admit(service: &Service, policy: &Policy, caller: &Principal) -> bool {
    let mut meter = Meter::new(policy.window());
    let tally = Tally::Own(&mut meter, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let admitted = service.admit((policy, caller), Weight::Read, tally).await;
    admitted.is_ok()
}

#[tokio::test]
async fn a_token_has_one_window_and_takes_it_along_when_it_goes() {
    let names = ["first-token-of-the-test", "second-token-of-the-test"];
    let config = configured(&names.join(","));
    let opened = crate::app::open(&config, Arc::default()).await.unwrap();
    let service = opened.service;
    let policy = service.policy();
    let valid = |name: &str| Principal::Token(Credential::of(name));
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

#[tokio::test]
async fn whoever_needs_no_token_keeps_his_window_too() {
    let variables = [("MCP_REQUIRE_AUTH", "false"), ("MCP_TOKEN_RATE_LIMIT", "2")];
    let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = config::load(owned).unwrap();
    let opened = crate::app::open(&config, Arc::default()).await.unwrap();
    let service = opened.service;
    for admitted in [true, true, false] {
        let policy = service.policy();
        let caller = Principal::Local;
        assert_eq!(admit(&service, &policy, &caller).await, admitted);
        service.replace(Access::clone(&service.access()));
    }
}

#[tokio::test]
async fn a_network_leaves_some_of_what_is_light_to_others_on_sockets_too() {
    let config = configured("first-token-of-the-test");
    let opened = crate::app::open(&config, Arc::default()).await.unwrap();
    let service = opened.service;
    let policy = service.policy();
    let caller = Principal::Token(Credential::of("first-token-of-the-test"));
    let admitted = async |network: u8, sockets: usize| {
        let mut admitted = 0;
        for _ in 0..sockets {
            let mut meter = Meter::new(policy.window());
            let network = IpAddr::V4(Ipv4Addr::new(192, 0, 2, network));
            loop {
                let tally = Tally::Own(&mut meter, network);
                let one = service.admit((&policy, &caller), Weight::Light, tally);
                match one.await {
                    Ok(()) => admitted += 1,
                    Err(_) => break,
                }
            }
        }
        admitted
    };
    let (limit, _) = policy.window();
    let of_token = 100 * limit;
    // One socket has ten times the reads, one network three quarters of its token.
    assert_eq!(admitted(1, 1).await, 10 * limit);
    assert_eq!(admitted(1, 20).await, of_token / 4 * 3 - 10 * limit);
    assert_eq!(admitted(2, 20).await, of_token / 4);
    assert_eq!(admitted(3, 1).await, 0);
}
