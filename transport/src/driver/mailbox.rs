//! A queue from the connection to one reader.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What the connection puts in and one reader takes out. Clones share one queue.
///
/// The protocol bounds what can wait: frames in flight, layers of a frame, one answer to a request.
/// Where it does not, [`Mailbox::push_recent`] does.
#[derive(Debug)]
pub(super) struct Mailbox<T>(Arc<Mutex<Content<T>>>);

#[derive(Debug)]
struct Content<T> {
    /// The oldest item: most boxes never hold more than one.
    first: Option<T>,
    rest: VecDeque<T>,
    open: bool,
    waker: Option<Waker>,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        let content = Content { first: None, rest: VecDeque::new(), open: true, waker: None };
        Self(Arc::new(Mutex::new(content)))
    }
}

impl<T> Mailbox<T> {
    /// Appends an item; drops it if the box is closed.
    pub(super) fn push(&self, item: T) {
        self.push_recent(item, usize::MAX);
    }

    /// Appends the last item.
    pub(super) fn push_last(&self, item: T) {
        let mut content = self.lock();
        let dropped = content.append(item);
        content.open = false;
        let waker = content.waker.take();
        drop(content);
        drop(dropped);
        wake(waker);
    }

    /// Appends an item, and drops the oldest ones beyond `most`.
    pub(super) fn push_recent(&self, item: T, most: usize) {
        let mut content = self.lock();
        let mut dropped = None;
        if content.open && usize::from(content.first.is_some()) + content.rest.len() >= most {
            dropped = content.pop();
        }
        let refused = content.append(item);
        let waker = content.waker.take();
        // Items and wakers may run code of others when they are dropped or called.
        drop(content);
        drop((dropped, refused));
        wake(waker);
    }

    /// Takes no more items; the reader still gets those that wait.
    pub(super) fn close(&self) {
        let mut content = self.lock();
        content.open = false;
        let waker = content.waker.take();
        drop(content);
        wake(waker);
    }

    /// Drops what waits and takes no more: the reader is gone.
    pub(super) fn abandon(&self) {
        let mut content = self.lock();
        content.open = false;
        let items = (content.first.take(), std::mem::take(&mut content.rest));
        drop(content);
        drop(items);
    }

    /// Returns the next item; `None` once the box is closed and empty.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        let mut content = self.lock();
        if let Some(item) = content.pop() {
            return Poll::Ready(Some(item));
        }
        if !content.open {
            return Poll::Ready(None);
        }
        match &mut content.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits for the next item; `None` once the box is closed and empty.
    pub(super) async fn next(&self) -> Option<T> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn lock(&self) -> MutexGuard<'_, Content<T>> {
        // A queue is whole at any time, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Content<T> {
    /// Appends an item; gives it back if the box is closed.
    fn append(&mut self, item: T) -> Option<T> {
        match self.first {
            _ if !self.open => return Some(item),
            None => self.first = Some(item),
            Some(_) => self.rest.push_back(item),
        }
        None
    }

    fn pop(&mut self) -> Option<T> {
        let next = self.rest.pop_front();
        std::mem::replace(&mut self.first, next)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_survives_the_close() {
        let sender = Mailbox::default();
        let reader = sender.clone();
        let cx = Context::from_waker(Waker::noop());
        assert!(reader.poll_next(&cx).is_pending());
        sender.push(1);
        sender.close();
        sender.push(2);
        assert_eq!(reader.poll_next(&cx), Poll::Ready(Some(1)));
        assert_eq!(reader.poll_next(&cx), Poll::Ready(None));
    }

    #[test]
    fn the_oldest_make_room() {
        let mailbox = Mailbox::default();
        (0..5).for_each(|item| mailbox.push_recent(item, 2));
        let cx = Context::from_waker(Waker::noop());
        let left = [mailbox.poll_next(&cx), mailbox.poll_next(&cx)];
        assert_eq!(left, [Poll::Ready(Some(3)), Poll::Ready(Some(4))]);
        assert!(mailbox.poll_next(&cx).is_pending());
    }
}
