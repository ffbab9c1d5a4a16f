//! One bound of bytes for everything that is being answered or waits for its client to read it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted in pieces of this size.
const PIECE: usize = 1024;

/// A budget of bytes that many clients share, none of which may have it all.
///
/// Whoever takes from it says beforehand how much it may need at the most, and gives back what it
/// did not need. What is given to one client is at most three quarters, so that a client that never
/// reads its answers leaves room for the others. Parts, which are messages that are half received and
/// lists on their way into rows, take a quarter of it at the most, and of that one client three
/// quarters: whoever holds one may wait for more, and those who hold none get on meanwhile.
#[derive(Debug)]
pub(crate) struct Memory<K> {
    pool: Arc<Pool>,
    shares: Mutex<HashMap<K, Semaphores>>,
}

/// What clients were given that are there.
#[derive(Debug)]
struct Semaphores {
    own: Weak<Semaphore>,
    own_parts: Weak<Semaphore>,
}

#[derive(Debug)]
struct Pool {
    free: Arc<Semaphore>,
    /// The pieces that one client may have.
    each: u32,
    /// For parts, within all.
    parts: Arc<Semaphore>,
    /// The pieces of these that one client may have.
    each_parts: u32,
    /// Those who wait for memory at this moment.
    waiting: AtomicUsize,
}

/// What one client may take.
#[derive(Debug, Clone)]
pub struct Share {
    own: Arc<Semaphore>,
    own_parts: Arc<Semaphore>,
    pool: Arc<Pool>,
}

/// Tells whether somebody waits for memory.
#[derive(Debug, Clone)]
pub(crate) struct Pressure(Arc<Pool>);

/// Bytes that are taken; they come back when this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    own: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

/// Bytes that are taken of the quarter that parts may have; they come back when this is dropped.
#[derive(Debug)]
pub struct Part {
    _parts: [OwnedSemaphorePermit; 2],
    _reserved: Reservation,
}

impl<K: Eq + Hash> Memory<K> {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let pieces = pieces(bytes);
        let (each, parts) = (pieces - pieces / 4, pieces.div_ceil(4));
        Self {
            pool: Arc::new(Pool {
                free: Arc::new(Semaphore::new(pieces as usize)),
                each,
                parts: Arc::new(Semaphore::new(parts as usize)),
                each_parts: parts - parts / 4,
                waiting: AtomicUsize::new(0),
            }),
            shares: Mutex::default(),
        }
    }

    /// The share of a client, over all that it has open.
    pub(crate) fn share(&self, client: K) -> Share {
        // A table of counts is sound whatever a panicking holder was about to do.
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shares.get(&client);
        // What is held keeps its semaphore, though nobody may have a share any more.
        let own = known.and_then(|known| known.own.upgrade());
        let own_parts = known.and_then(|known| known.own_parts.upgrade());
        let is_known = own.is_some() && own_parts.is_some();
        let of = |most: u32| Arc::new(Semaphore::new(most as usize));
        let share = Share {
            own: own.unwrap_or_else(|| of(self.pool.each)),
            own_parts: own_parts.unwrap_or_else(|| of(self.pool.each_parts)),
            pool: Arc::clone(&self.pool),
        };
        if !is_known {
            let is_there = |known: &Semaphores| {
                known.own.strong_count() > 0 || known.own_parts.strong_count() > 0
            };
            shares.retain(|_, known| is_there(known));
            let known = Semaphores {
                own: Arc::downgrade(&share.own),
                own_parts: Arc::downgrade(&share.own_parts),
            };
            shares.insert(client, known);
        }
        share
    }

    /// Tells whether somebody waits for memory.
    pub(crate) fn pressure(&self) -> Pressure {
        Pressure(Arc::clone(&self.pool))
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.pool.free.available_permits() * PIECE
    }
}

impl Share {
    /// Takes so many bytes, or all that one client may have where that is less, if they are free.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let pieces = pieces(bytes).min(self.pool.each);
        let own = Arc::clone(&self.own).try_acquire_many_owned(pieces).ok()?;
        let free = Arc::clone(&self.pool.free);
        let all = free.try_acquire_many_owned(pieces).ok()?;
        Some(Reservation { own, all })
    }

    /// Takes so many bytes as [`Share::try_reserve`] does, and waits for them; in the order of
    /// those who wait.
    pub(crate) async fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let pieces = pieces(bytes).min(self.pool.each);
        let _waiting = Waiting::new(&self.pool);
        let own = Arc::clone(&self.own)
            .acquire_many_owned(pieces)
            .await
            .ok()?;
        let free = Arc::clone(&self.pool.free);
        let all = free.acquire_many_owned(pieces).await.ok()?;
        Some(Reservation { own, all })
    }

    /// The most that one who holds a part can count on: more would wait for that part itself.
    pub(crate) fn beside_part(&self) -> usize {
        (self.pool.each - self.pool.each_parts) as usize * PIECE
    }

    /// Takes so many bytes for a part, or all that one client may have for such where that is less, if
    /// they are free.
    pub(super) fn try_part(&self, bytes: usize) -> Option<Part> {
        let pieces = pieces(bytes).min(self.pool.each_parts);
        let take = |from: &Arc<Semaphore>| Arc::clone(from).try_acquire_many_owned(pieces).ok();
        let parts = [take(&self.own_parts)?, take(&self.pool.parts)?];
        Some(Part {
            _parts: parts,
            _reserved: self.try_reserve(pieces as usize * PIECE)?,
        })
    }

    /// As [`Share::try_part`], and waits for them; in the order of those who wait.
    pub async fn part(&self, bytes: usize) -> Option<Part> {
        let pieces = pieces(bytes).min(self.pool.each_parts);
        let _waiting = Waiting::new(&self.pool);
        let own = Arc::clone(&self.own_parts);
        let own = own.acquire_many_owned(pieces).await.ok()?;
        let all = Arc::clone(&self.pool.parts);
        let all = all.acquire_many_owned(pieces).await.ok()?;
        Some(Part {
            _parts: [own, all],
            _reserved: self.reserve(pieces as usize * PIECE).await?,
        })
    }

    /// Tells whether somebody waits for memory.
    pub(super) fn pressure(&self) -> Pressure {
        Pressure(Arc::clone(&self.pool))
    }
}

impl Pressure {
    /// Whether somebody waits for memory at this moment.
    pub(crate) fn is_high(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }
}

impl Reservation {
    /// Gives back what is more than so many bytes.
    pub(crate) fn keep(&mut self, bytes: usize) {
        let keep = pieces(bytes) as usize;
        for permit in [&mut self.own, &mut self.all] {
            let more = permit.num_permits().saturating_sub(keep);
            drop(permit.split(more));
        }
    }
}

/// Counts one that waits for as long as it does.
struct Waiting<'p>(&'p Pool);

impl<'p> Waiting<'p> {
    fn new(pool: &'p Pool) -> Self {
        pool.waiting.fetch_add(1, Ordering::Relaxed);
        Self(pool)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn pieces(bytes: usize) -> u32 {
    let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
    u32::try_from(bytes.div_ceil(PIECE)).map_or(most, |pieces| pieces.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_comes_back_and_the_rest_with_its_end() {
        let memory = Memory::new(100 * PIECE);
        let share = memory.share("a");
        let mut reserved = share.try_reserve(60 * PIECE).unwrap();
        assert!(share.try_reserve(20 * PIECE).is_none());
        reserved.keep(10 * PIECE - 5);
        assert_eq!(memory.free(), 90 * PIECE);
        // More than there was is not to be had this way.
        reserved.keep(50 * PIECE);
        assert_eq!(memory.free(), 90 * PIECE);
        drop(reserved);
        assert_eq!(memory.free(), 100 * PIECE);
    }

    #[test]
    fn one_client_leaves_room_for_another() {
        let memory = Memory::new(100 * PIECE);
        let (one, again, other) = (memory.share(1), memory.share(1), memory.share(2));
        // More than one may have is what one may have.
        let all = one.try_reserve(usize::MAX).unwrap();
        assert_eq!(memory.free(), 25 * PIECE);
        assert!(one.try_reserve(1).is_none() && again.try_reserve(1).is_none());
        assert!(other.try_reserve(25 * PIECE).is_some());
        drop(all);
        assert!(again.try_reserve(75 * PIECE).is_some());
    }

    #[test]
    fn who_holds_a_part_gets_more_beside_it() {
        let memory = Memory::new(100 * PIECE);
        let shares = [memory.share(1), memory.share(2)];
        let part = shares[0].try_part(usize::MAX);
        // All that is left for parts.
        let other = shares[1].try_part(6 * PIECE);
        assert!(part.is_some() && other.is_some() && shares[1].try_part(1).is_none());
        let beside = shares[0].beside_part();
        assert_eq!(beside, 56 * PIECE);
        assert!(shares[0].try_reserve(beside).is_some());
    }

    #[test]
    fn clients_that_went_are_forgotten() {
        let memory = Memory::new(PIECE);
        for client in 0..1_000 {
            drop(memory.share(client));
        }
        assert_eq!(memory.shares.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn who_waits_is_told_of_and_has_its_turn() {
        let memory = Memory::new(4 * PIECE);
        let (share, pressure) = (memory.share(1), memory.pressure());
        let held = share.try_reserve(3 * PIECE).unwrap();
        assert!(!pressure.is_high());
        let waits = tokio::spawn(async move { share.reserve(PIECE).await.is_some() });
        while !pressure.is_high() {
            tokio::task::yield_now().await;
        }
        drop(held);
        assert!(waits.await.unwrap());
        assert!(!pressure.is_high());
    }

    #[test]
    fn a_client_that_went_and_comes_again_has_one_share() {
        let memory = Memory::new(100 * PIECE);
        // What it holds outlasts its share.
        let held = memory.share(1).try_reserve(PIECE);
        let shares = [memory.share(1), memory.share(1)];
        let part = shares[0].try_part(usize::MAX);
        assert!(held.is_some() && part.is_some() && shares[1].try_part(1).is_none());
    }
}
