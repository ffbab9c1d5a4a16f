//! A message on its way in: what has come of it takes memory before it is whole.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, timeout};

use super::memory::{Part, Share};

/// What may have come of a message without counting: most are no longer, and as much lies in the
/// buffers of a connection anyway.
const FREE: usize = 8 * 1024;
/// How long a longer message may wait for memory, and then be on its way.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 600 } else { 30_000 });
/// How long it may be on its way while others wait for memory.
const SHORT: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 10_000 });
/// How often a message on its way is looked at.
const LOOK: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 1_000 });

/// What has come of the message that a connection is sending.
///
/// A message that is longer than a little takes the memory of the largest before more of it is read,
/// so that none waits for others that wait for it.
pub(crate) struct Arrival {
    share: Share,
    largest: usize,
    came: usize,
    held: Option<HeldPart>,
    waiting: Option<Pin<Box<dyn Future<Output = Option<Part>> + Send + Sync>>>,
}

#[derive(Debug)]
struct HeldPart {
    _part: Part,
    since: Instant,
    look: Pin<Box<Sleep>>,
}

/// A message for which there was no memory in time, or that took too long while it had some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Late;

impl Arrival {
    /// What comes on a connection of this client, in messages of so many bytes at the most.
    pub(crate) fn new(share: Share, largest: usize) -> Self {
        Self {
            share,
            largest,
            came: 0,
            held: None,
            waiting: None,
        }
    }

    /// Counts bytes that came.
    pub(crate) fn came(&mut self, bytes: usize) {
        self.came = self.came.saturating_add(bytes);
    }

    /// Gives back what was taken, for the message is whole.
    pub(crate) fn whole(&mut self) {
        (self.came, self.held, self.waiting) = (0, None, None);
    }

    /// Whether there is no memory for it so far.
    pub(crate) fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Waits until more may be read.
    ///
    /// # Errors
    /// When the message is late.
    pub(crate) async fn room(&mut self) -> Result<(), Late> {
        poll_fn(|context| self.poll_room(context)).await
    }

    /// As [`Arrival::room`]; wakes again while a message has memory, to look at its time.
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Late>> {
        if self.came <= FREE {
            return Poll::Ready(Ok(()));
        }
        if self.held.is_none() {
            let part = match self.share.try_part(self.largest) {
                Some(part) => part,
                None => ready!(self.poll_waiting(context)).ok_or(Late)?,
            };
            self.waiting = None;
            self.held = Some(HeldPart {
                _part: part,
                since: Instant::now(),
                look: Box::pin(sleep(LOOK)),
            });
        }
        let is_high = self.share.pressure().is_high();
        if let Some(held) = &mut self.held {
            while held.look.as_mut().poll(context).is_ready() {
                let patience = if is_high { SHORT } else { PATIENCE };
                if held.since.elapsed() >= patience {
                    return Poll::Ready(Err(Late));
                }
                held.look.as_mut().reset(Instant::now() + LOOK);
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<Option<Part>> {
        let (share, largest) = (&self.share, self.largest);
        let waiting = self.waiting.get_or_insert_with(|| {
            let share = share.clone();
            Box::pin(async move { timeout(PATIENCE, share.part(largest)).await.ok().flatten() })
        });
        waiting.as_mut().poll(context)
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Arrival");
        told.field("came", &self.came).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Memory;
    use super::*;

    const LARGE: usize = 64 * 1024;

    fn arriving(memory: &Memory<u8>, client: u8) -> Arrival {
        Arrival::new(memory.share(client), LARGE)
    }

    #[tokio::test]
    async fn what_is_half_received_takes_a_quarter_at_the_most() {
        let memory = Memory::new(64 * LARGE);
        let mut on_the_way = Vec::new();
        for number in 0..64 {
            // Several clients, none of which may have it all.
            let mut arrival = arriving(&memory, number % 3);
            arrival.came(FREE);
            arrival.room().await.unwrap();
            arrival.came(1);
            if timeout(Duration::from_millis(1), arrival.room())
                .await
                .is_ok()
            {
                on_the_way.push(arrival);
            }
        }
        assert_eq!(on_the_way.len(), 16);
        assert_eq!(memory.free(), 48 * LARGE);
        // Those that are whole give it back.
        on_the_way.truncate(8);
        on_the_way.iter_mut().for_each(Arrival::whole);
        assert_eq!(memory.free(), 64 * LARGE);
    }

    #[tokio::test]
    async fn one_client_leaves_room_for_another() {
        let memory = Memory::new(16 * LARGE);
        let (mut held, mut other) = (Vec::new(), arriving(&memory, 1));
        for _ in 0..3 {
            let mut arrival = arriving(&memory, 0);
            arrival.came(LARGE);
            arrival.room().await.unwrap();
            held.push(arrival);
        }
        let mut fourth = arriving(&memory, 0);
        fourth.came(LARGE);
        assert!(timeout(SHORT / 2, fourth.room()).await.is_err());
        other.came(LARGE);
        other.room().await.unwrap();
        // While somebody waits, who takes too long makes room.
        sleep(SHORT / 2).await;
        assert_eq!(held[0].room().await, Err(Late));
        held.clear();
        assert_eq!(fourth.room().await, Ok(()));
    }

    #[tokio::test]
    async fn nothing_is_on_its_way_for_ever() {
        let memory = Memory::new(16 * LARGE);
        let mut arrival = arriving(&memory, 0);
        arrival.came(LARGE);
        arrival.room().await.unwrap();
        sleep(PATIENCE / 2).await;
        arrival.room().await.unwrap();
        sleep(PATIENCE).await;
        assert_eq!(arrival.room().await, Err(Late));
        // A short one holds nothing, however long it takes.
        let mut short = arriving(&memory, 0);
        short.came(FREE);
        sleep(2 * PATIENCE).await;
        assert_eq!(short.room().await, Ok(()));
    }

    #[tokio::test]
    async fn the_largest_message_comes_through_the_smallest_budget() {
        let memory = Memory::new(2 * LARGE);
        let mut arrival = arriving(&memory, 0);
        arrival.came(LARGE);
        arrival.room().await.unwrap();
    }
}
