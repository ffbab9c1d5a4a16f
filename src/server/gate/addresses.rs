//! So many a minute for each address, in bounded memory.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::network;

/// Addresses that are told apart; what is beyond counts as one.
const ADDRESSES: usize = 16_384;
/// What the addresses beyond count as. No client has it.
const OTHERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Counts what addresses do, each for itself until there are too many of them.
#[derive(Debug)]
pub(super) struct Addresses(DefaultKeyedRateLimiter<IpAddr>);

impl Addresses {
    /// Lets each address do something so often in a minute.
    pub(super) fn each(a_minute: u32) -> Self {
        let number = NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN);
        Self(RateLimiter::keyed(Quota::per_minute(number)))
    }

    /// Counts once more for an address, or says how long until it may again.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        let counted = if self.0.len() < ADDRESSES {
            network(address)
        } else {
            OTHERS
        };
        self.0
            .check_key(&counted)
            .map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }

    /// Forgets the addresses that did nothing for so long that it is as if they never had.
    pub(super) fn sweep(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u32) -> IpAddr {
        Ipv6Addr::from(u128::from(number + 1) << 64).into()
    }

    #[test]
    fn addresses_beyond_the_bound_count_as_one() {
        let addresses = Addresses::each(2);
        let most = ADDRESSES as u32;
        for number in 0..most {
            assert!(addresses.count(client(number)).is_ok(), "{number}");
        }
        let refused = |number| addresses.count(client(number)).is_err();
        assert!(!refused(most) && !refused(most + 1) && refused(most + 2));
        assert_eq!(addresses.0.len(), ADDRESSES + 1);
        // All of them were here just now.
        addresses.sweep();
        assert_eq!(addresses.0.len(), ADDRESSES + 1);
    }

    #[test]
    fn addresses_that_went_are_forgotten() {
        let addresses = Addresses::each(60_000);
        assert!(addresses.count(client(0)).is_ok());
        // One of so many a minute is made up for in a millisecond.
        std::thread::sleep(Duration::from_millis(20));
        addresses.sweep();
        assert_eq!(addresses.0.len(), 0);
    }
}
