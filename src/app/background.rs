//! Work beside the one task that owns the configuration, which waits for none of it.

use tokio::task::JoinHandle;

/// Work of which at most one piece goes on; what becomes of it is heard once.
#[derive(Debug)]
pub(super) struct Background<T>(Option<JoinHandle<T>>);

impl<T> Background<T> {
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) const fn runs(&self) -> bool {
        self.0.is_some()
    }

    /// Begins other work; what came before it is given up.
    pub(super) fn begin(&mut self, work: JoinHandle<T>) {
        if let Some(before) = self.0.replace(work) {
            before.abort();
        }
    }

    /// What came of it, none where it panicked; never while nothing goes on.
    pub(super) async fn next(&mut self) -> Option<T> {
        let Some(work) = &mut self.0 else {
            return std::future::pending().await;
        };
        let ended = work.await;
        self.0 = None;
        ended.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_panics_is_heard_once_and_followed_by_other_work() {
        let mut work = Background::none();
        work.begin(tokio::spawn(async { panic!("a defect") }));
        assert_eq!(work.next().await, None::<u8>);
        let more = tokio::time::timeout(Duration::from_millis(20), work.next());
        assert!(more.await.is_err() && !work.runs());
        work.begin(tokio::spawn(async { 7 }));
        assert_eq!(work.next().await, Some(7));
    }
}
