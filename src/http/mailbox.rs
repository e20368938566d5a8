//! What one task leaves for another of its thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// Things in order, for one taker. Far lighter than a channel between threads, whose first thing already takes kilobytes.
pub(super) struct Mailbox<T> {
    things: RefCell<VecDeque<T>>,
    /// Who waits for something to come.
    taker: Cell<Option<Waker>>,
}

impl<T> Mailbox<T> {
    pub fn put(&self, thing: T) {
        self.things.borrow_mut().push_back(thing);
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
    }

    /// The oldest thing, as soon as there is one.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<T> {
        match self.things.borrow_mut().pop_front() {
            Some(thing) => Poll::Ready(thing),
            None => {
                let known = self.taker.take().filter(|taker| taker.will_wake(cx.waker()));
                self.taker.set(Some(known.unwrap_or_else(|| cx.waker().clone())));
                Poll::Pending
            }
        }
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Mailbox<T> {
        Mailbox { things: RefCell::default(), taker: Cell::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;
    use crate::http::runtime;

    #[test]
    fn a_taker_gets_all_in_order_and_is_woken_for_what_comes_later() {
        runtime().unwrap().block_on(async {
            let mailbox = Rc::new(Mailbox::default());
            (0..3).for_each(|thing| mailbox.put(thing));
            let later = Rc::clone(&mailbox);
            tokio::task::spawn_local(async move {
                for thing in 3..6 {
                    tokio::task::yield_now().await;
                    later.put(thing);
                }
            });
            for thing in 0..6 {
                assert_eq!(poll_fn(|cx| mailbox.poll_take(cx)).await, thing);
            }
        });
    }
}
