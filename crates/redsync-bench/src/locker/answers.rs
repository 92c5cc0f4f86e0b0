//! What several nodes answer to the same.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::{FutureExt, future::BoxFuture};

use crate::BoxError;

/// Some of the nodes, by their numbers.
#[derive(Clone, Copy)]
pub(crate) struct Nodes(u32);

impl Nodes {
    pub(crate) const ALL: Self = Self(u32::MAX);
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn insert(&mut self, node: usize) {
        self.0 |= 1 << node;
    }

    pub(crate) fn contains(self, node: usize) -> bool {
        self.0 & 1 << node != 0
    }

    pub(crate) fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// What was asked and not yet answered.
pub(super) struct Answers {
    open: Vec<(usize, BoxFuture<'static, Result<bool, BoxError>>)>,
    granted: Nodes,
}

impl Answers {
    pub(super) fn of(
        open: impl Iterator<Item = (usize, BoxFuture<'static, Result<bool, BoxError>>)>,
    ) -> Self {
        Self { open: open.collect(), granted: Nodes::NONE }
    }

    /// Who has granted, once `quorum` have granted or there are no more.
    pub(super) async fn until(&mut self, quorum: usize) -> Nodes {
        poll_fn(|cx| {
            self.look(cx);
            let is_enough = self.granted.count() >= quorum || self.open.is_empty();
            if is_enough { Poll::Ready(self.granted) } else { Poll::Pending }
        })
        .await
    }

    /// They are few, so that to look at all of them is the quickest.
    fn look(&mut self, cx: &mut Context<'_>) {
        self.open.retain_mut(|(node, answer)| {
            let answer = answer.poll_unpin(cx);
            if let Poll::Ready(Ok(true)) = answer {
                self.granted.insert(*node);
            }
            answer.is_pending()
        });
    }

    fn are_there(&mut self) -> bool {
        self.look(&mut Context::from_waker(Waker::noop()));
        self.open.is_empty()
    }
}

/// Answers that were not waited for. A client may discard a command whose future is dropped, so they are kept until they
/// are there, which costs less than a task that hears them.
#[derive(Default)]
pub(super) struct Late(Mutex<VecDeque<Answers>>);

impl Late {
    pub(super) fn leave(&self, mut answers: Answers) {
        let mut late = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while late.front_mut().is_some_and(Answers::are_there) {
            late.pop_front();
        }
        if !answers.are_there() {
            late.push_back(answers);
        }
    }
}
