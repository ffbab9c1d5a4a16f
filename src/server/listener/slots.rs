//! Slots for connections: counted in all, by address and by tenant, so that a reload may change
//! how many there are.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::auth::Holder;

/// How many places are taken, and by whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<Occupancy>>);

#[derive(Debug, Default)]
struct Occupancy {
    all: usize,
    by: HashMap<IpAddr, usize>,
    tenants: HashMap<String, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All are taken.
    Full,
    /// The address has taken all of its own.
    Address,
    /// The tenant has taken all of its own.
    Tenant,
}

impl Slots {
    /// Takes one of `most` places for an address, of which it may have `each`. A tenant has three
    /// quarters of them at the most, from however many addresses it comes.
    pub(crate) fn take(
        &self,
        address: IpAddr,
        holder: &Holder,
        most: usize,
        each: Option<usize>,
    ) -> Result<Place, NoPlace> {
        let mut taken = self.taken();
        if taken.all >= most {
            return Err(NoPlace::Full);
        }
        let own = taken.by.get(&address).copied().unwrap_or_default();
        if each.is_some_and(|each| own >= each) {
            return Err(NoPlace::Address);
        }
        let tenant = match holder {
            Holder::Tenant(tenant) => Some(tenant.clone()),
            Holder::Principal(_) | Holder::Administrator => None,
        };
        if let Some(tenant) = &tenant {
            let held = taken.tenants.entry(tenant.clone()).or_default();
            if *held >= of_tenant(most) {
                return Err(NoPlace::Tenant);
            }
            *held += 1;
        }
        taken.all += 1;
        taken.by.insert(address, own + 1);
        drop(taken);
        Ok(Place {
            places: self.clone(),
            address,
            tenant,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Occupancy> {
        // Two counts are sound whatever a panicking holder was about to do.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken; it comes free when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Slots,
    address: IpAddr,
    tenant: Option<String>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        give_back(&mut taken.by, &self.address);
        if let Some(tenant) = &self.tenant {
            give_back(&mut taken.tenants, tenant);
        }
    }
}

/// How many of so many places one tenant may have.
pub(crate) fn of_tenant(most: usize) -> usize {
    most - most / 4
}

/// Takes one off a count, which is forgotten with its last.
fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, of: &K) {
    if let Some(own) = counts.get_mut(of) {
        *own -= 1;
        if *own == 0 {
            counts.remove(of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    const NOBODY: Holder = Holder::Principal(crate::auth::Principal::Local);

    #[test]
    fn a_tenant_leaves_places_from_however_many_addresses_it_comes() {
        let places = Slots::default();
        let take = |tenant: &str, last| {
            let address = std::net::Ipv4Addr::new(10, 0, 1, last).into();
            places.take(address, &Holder::Tenant(tenant.to_owned()), 8, None)
        };
        let held: Vec<_> = (0..6).map(|last| take("one", last).unwrap()).collect();
        assert_eq!(take("one", 9).unwrap_err(), NoPlace::Tenant);
        let other = take("other", 9).unwrap();
        drop(held);
        assert!(take("one", 9).is_ok());
        drop(other);
        let taken = places.taken();
        assert!(taken.by.is_empty() && taken.tenants.is_empty() && taken.all == 0);
    }

    #[test]
    fn a_place_comes_free_and_the_number_may_change() {
        let places = Slots::default();
        let (first, second) = (
            places.take(ONE, &NOBODY, 2, None),
            places.take(ONE, &NOBODY, 2, None),
        );
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(
            places.take(ONE, &NOBODY, 2, None).unwrap_err(),
            NoPlace::Full
        );
        assert!(places.take(ONE, &NOBODY, 3, None).is_ok());
        drop(first);
        assert!(places.take(ONE, &NOBODY, 2, None).is_ok());
    }

    #[test]
    fn an_address_has_so_many_and_is_forgotten_with_its_last() {
        let places = Slots::default();
        let held = places.take(ONE, &NOBODY, 9, Some(1)).unwrap();
        assert_eq!(
            places.take(ONE, &NOBODY, 9, Some(1)).unwrap_err(),
            NoPlace::Address
        );
        assert!(places.take(TWO, &NOBODY, 9, Some(1)).is_ok());
        drop(held);
        assert!(places.take(ONE, &NOBODY, 9, Some(1)).is_ok());
        assert!(places.taken().by.is_empty() && places.taken().all == 0);
    }
}
