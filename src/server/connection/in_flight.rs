//! The answers that one connection waits for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};

use super::outgoing::Outgoing;

/// An answer under way; an empty one is not written.
type Answer<'a> = Pin<Box<dyn Future<Output = Outgoing> + Send + 'a>>;

/// Answers under way, in the order of their requests or as they are ready.
pub(crate) enum Answers<'a> {
    /// Native messages.
    InOrder(FuturesOrdered<Answer<'a>>),
    /// MCP, where ids tell which answer belongs to which request.
    AsReady(FuturesUnordered<Answer<'a>>),
}

impl<'a> Answers<'a> {
    /// None yet; they will come in the order of their requests.
    pub(crate) fn in_order() -> Self {
        Self::InOrder(FuturesOrdered::new())
    }

    /// None yet; they will come as they are ready.
    pub(crate) fn as_ready() -> Self {
        Self::AsReady(FuturesUnordered::new())
    }

    /// Lets them come as they are ready from now on.
    pub(crate) fn need_no_order(&mut self) {
        if matches!(self, Self::InOrder(answers) if answers.is_empty()) {
            *self = Self::as_ready();
        }
    }

    /// Waits for one more.
    pub(crate) fn push(&mut self, answer: Answer<'a>) {
        match self {
            Self::InOrder(answers) => answers.push_back(answer),
            Self::AsReady(answers) => answers.push(answer),
        }
    }

    /// How many are under way, or ready and not taken.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::InOrder(answers) => answers.len(),
            Self::AsReady(answers) => answers.len(),
        }
    }

    /// Whether none is waited for.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Stream for Answers<'_> {
    type Item = Outgoing;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outgoing>> {
        match self.get_mut() {
            Self::InOrder(answers) => Pin::new(answers).poll_next(context),
            Self::AsReady(answers) => Pin::new(answers).poll_next(context),
        }
    }
}
