//! A reading that several who ask at the same time share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// One reading at a time: whoever asks is told by one that began after that.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    asked: AtomicU64,
    last: Mutex<Option<Last<T>>>,
    /// The least time from the beginning of one reading to that of the next.
    every: Duration,
}

/// The last reading.
#[derive(Debug)]
struct Last<T> {
    /// Who had asked when it began.
    asked: u64,
    begun: Instant,
    /// Nothing where it failed: then the next who asks reads.
    told: Option<T>,
}

impl<T: Clone> Shared<T> {
    /// Readings that begin no sooner after another than that.
    pub(crate) fn new(every: Duration) -> Self {
        Self {
            asked: AtomicU64::new(0),
            last: Mutex::new(None),
            every,
        }
    }

    /// Whether a reading would begin at once, and be the only one.
    pub(crate) fn is_due(&self) -> bool {
        let last = self.last.try_lock();
        last.is_ok_and(|last| {
            last.as_ref()
                .is_none_or(|last| last.begun.elapsed() >= self.every)
        })
    }

    /// What a reading tells that began after this was called; one that is given up is begun anew
    /// by the next who waits.
    ///
    /// # Errors
    /// Those of the reading.
    pub(crate) async fn ask<E>(&self, read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut last = self.last.lock().await;
        if let Some(last) = &*last
            && last.asked >= turn
            && let Some(told) = &last.told
        {
            return Ok(told.clone());
        }
        if let Some(last) = &*last {
            sleep_until(last.begun + self.every).await;
        }
        let now = last.insert(Last {
            asked: self.asked.load(Ordering::SeqCst),
            begun: Instant::now(),
            told: None,
        });
        let told = read.await?;
        now.told = Some(told.clone());
        Ok(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn who_waits_shares_the_next_reading_and_never_one_that_had_begun() {
        let shared = Arc::new(Shared::new(Duration::from_millis(200)));
        let begun = Arc::new(AtomicU64::new(0));
        let ask = || {
            let (shared, begun) = (Arc::clone(&shared), Arc::clone(&begun));
            tokio::spawn(async move {
                let read = async {
                    let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Ok::<u64, ()>(number)
                };
                shared.ask(read).await
            })
        };
        let start = Instant::now();
        let first = ask();
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let (second, third) = (ask(), ask());
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(
            (second.await.unwrap(), third.await.unwrap()),
            (Ok(2), Ok(2))
        );
        assert!(start.elapsed() >= Duration::from_millis(200));
    }

    #[tokio::test]
    async fn a_reading_that_failed_or_was_given_up_tells_nobody() {
        let shared = Shared::new(Duration::ZERO);
        assert_eq!(
            shared.ask(async { Err::<u8, _>("lost") }).await,
            Err("lost")
        );
        let given_up = shared.ask(std::future::pending::<Result<u8, &str>>());
        let given_up = tokio::time::timeout(Duration::from_millis(1), given_up).await;
        assert!(given_up.is_err());
        assert_eq!(shared.ask(async { Ok::<_, &str>(7) }).await, Ok(7));
    }
}
