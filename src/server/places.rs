//! Places for connections: counted in all and by address, so that a reload may change how many
//! there are.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many places are taken, and by whom.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// All are taken.
    Full,
    /// The address has taken all of its own.
    Address,
}

impl Places {
    /// Takes one of `most` places for an address, of which it may have `each`.
    pub(super) fn take(
        &self,
        address: IpAddr,
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
        taken.all += 1;
        taken.by.insert(address, own + 1);
        drop(taken);
        Ok(Place {
            places: self.clone(),
            address,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Two counts are sound whatever a panicking holder was about to do.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place that is taken; it comes free when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(own) = taken.by.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.by.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn a_place_comes_free_and_the_number_may_change() {
        let places = Places::default();
        let (first, second) = (places.take(ONE, 2, None), places.take(ONE, 2, None));
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(places.take(ONE, 2, None).unwrap_err(), NoPlace::Full);
        assert!(places.take(ONE, 3, None).is_ok());
        drop(first);
        assert!(places.take(ONE, 2, None).is_ok());
    }

    #[test]
    fn an_address_has_so_many_and_is_forgotten_with_its_last() {
        let places = Places::default();
        let held = places.take(ONE, 9, Some(1)).unwrap();
        assert_eq!(places.take(ONE, 9, Some(1)).unwrap_err(), NoPlace::Address);
        assert!(places.take(TWO, 9, Some(1)).is_ok());
        drop(held);
        assert!(places.take(ONE, 9, Some(1)).is_ok());
        assert!(places.taken().by.is_empty() && places.taken().all == 0);
    }
}
