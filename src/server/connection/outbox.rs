//! What a client is sent without a request: news of the models, and what is subscribed to.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// A message that no request waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// What it is about: of each subject only the newest message waits to be written.
    pub(crate) subject: Box<str>,
    pub(crate) text: Vec<u8>,
}

/// Messages on their way to one client, in the order in which their subjects came. It is bounded
/// by the subjects, of which a connection subscribes to a bounded number; a client that reads
/// slowly misses what was newer already.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outbox(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<VecDeque<Push>>,
    /// Whether something waits; asked with each message of the connection, and mostly false.
    filled: AtomicBool,
    reader: AtomicWaker,
}

impl Outbox {
    /// Puts messages in, each in the place of the one of its subject that waits.
    pub(crate) fn push(&self, pushes: impl IntoIterator<Item = Push>) {
        let mut waiting = self.waiting();
        for push in pushes {
            let mut before = waiting.iter_mut();
            match before.find(|before| before.subject == push.subject) {
                Some(before) => *before = push,
                None => waiting.push_back(push),
            }
        }
        self.0.filled.store(!waiting.is_empty(), Ordering::Release);
        drop(waiting);
        self.0.reader.wake();
    }

    /// Takes the next message, if one waits.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        if !self.0.filled.load(Ordering::Acquire) {
            return None;
        }
        let mut waiting = self.waiting();
        let next = waiting.pop_front();
        self.0.filled.store(!waiting.is_empty(), Ordering::Release);
        next.map(|push| push.text)
    }

    /// Waits for the next message; one connection does. Given up, it loses nothing.
    pub(crate) async fn next(&self) -> Vec<u8> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Vec<u8>> {
        // What is put in between the two looks wakes.
        self.0.reader.register(context.waker());
        match self.take() {
            Some(text) => Poll::Ready(text),
            None => Poll::Pending,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Push>> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(subject: &str, text: &str) -> Push {
        Push {
            subject: subject.into(),
            text: text.into(),
        }
    }

    fn all(outbox: &Outbox) -> Vec<String> {
        let texts = std::iter::from_fn(|| outbox.take());
        texts.map(|text| String::from_utf8(text).unwrap()).collect()
    }

    #[test]
    fn messages_come_in_order_and_of_each_subject_only_the_newest_waits() {
        let outbox = Outbox::default();
        outbox.push([push("a", "1"), push("b", "2")]);
        outbox.push([push("a", "3"), push("c", "4")]);
        assert_eq!(all(&outbox), ["3", "2", "4"]);
        assert!(all(&outbox).is_empty());
    }

    #[tokio::test]
    async fn one_who_waits_is_woken() {
        let outbox = Outbox::default();
        let sender = outbox.clone();
        let (text, ()) = tokio::join!(outbox.next(), async {
            tokio::task::yield_now().await;
            sender.push([push("a", "1")]);
        });
        assert_eq!(text, b"1");
        outbox.push([push("a", "2")]);
        assert_eq!(outbox.next().await, b"2");
    }
}
