//! A fault of our own on the way to an answer ends that request, and nothing beside it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tracing::error;

use crate::observe::Metrics;

/// What the work comes to; `None` for a panic, which is counted and told to the log. It stays where it
/// is pinned, for it is large.
pub(crate) fn catch_panic<T>(
    metrics: &Metrics,
    work: impl Future<Output = T> + Unpin,
) -> impl Future<Output = Option<T>> {
    // What the work was about to do is not used any more: locks forgive a holder that panicked.
    AssertUnwindSafe(work).catch_unwind().map(|ended| {
        if ended.is_err() {
            metrics.answered("unknown".into(), "internal", Duration::ZERO);
            error!("a request was ended by a fault of the service");
        }
        ended.ok()
    })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_one_request_and_is_counted() {
        let metrics = Metrics::default();
        let count = || {
            let text = metrics.text(&crate::observe::Figures::default());
            let name = "mcp_tool_invocations_total{tool=\"unknown\",status=\"internal\"}";
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(name)?.trim().parse::<u32>().ok())
        };
        let sound = async {
            tokio::task::yield_now().await;
            7
        };
        let broken = async {
            tokio::task::yield_now().await;
            panic!("a fault of the test's own");
        };
        let (sound, broken) = (pin!(sound), pin!(broken));
        let (sound, broken) = tokio::join!(
            catch_panic(&metrics, sound),
            catch_panic::<()>(&metrics, broken)
        );
        assert_eq!((sound, broken), (Some(7), None));
        assert_eq!(count(), Some(1));
    }
}
