//! So many a minute for each address, in bounded memory.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::network;
use crate::limit::{Weight, Windows};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// Counts what addresses do, each for itself until one site has too many of them.
#[derive(Debug)]
pub(super) struct Addresses {
    a_minute: u32,
    /// By site and network.
    windows: Windows<IpAddr, IpAddr>,
}

impl Addresses {
    /// Lets each address do something so often in a minute.
    pub(super) fn each(a_minute: u32) -> Self {
        Self {
            a_minute,
            windows: Windows::default(),
        }
    }

    /// Counts once more for an address, or says how long until it may again.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        let client = (site(address), network(address));
        self.windows.admit(
            client,
            Weight::Read,
            (self.a_minute, MINUTE),
            Instant::now(),
        )
    }
}

/// What one may have many addresses of: a network of 48 bits in IPv6, of 24 in IPv4.
fn site(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, third, _] = v4.octets();
            [first, second, third, 0].into()
        }
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[6..].fill(0);
            octets.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn addresses_beyond_the_bound_count_as_one_with_those_of_their_site() {
        let addresses = Addresses::each(2);
        let client =
            |site: u128, number: u128| IpAddr::from(Ipv6Addr::from((site << 80) + (number << 64)));
        for number in 0..60_000 {
            let _ = addresses.count(client(1, number));
        }
        assert!(addresses.count(client(1, 65_000)).is_err());
        assert!(addresses.count(client(1, 0)).is_ok());
        // Nobody else is counted with them.
        let other = client(2, 0);
        assert!(addresses.count(other).is_ok() && addresses.count(other).is_ok());
        assert!(addresses.count(other).is_err());
    }
}
