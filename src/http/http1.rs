//! An HTTP/1.1 connection: one exchange at a time, driven by whoever asks.
//!
//! It is our own because a load generator's processor time goes here. A connection has no task and no channel, a
//! request leaves in one write where it is small, and bodies are read where they lie, in a buffer that all
//! connections of a thread have in common. `httparse` reads the heads.

mod framing;
mod head;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::framing::Framing;
use self::head::AnswerHead;
use super::broken::{Broken, cut_off, malformed, reset, too_large};
use super::outgoing::Outgoing;
use super::socket::{OnSent, Wire};
use crate::dialects::head::Head;
use crate::wire::Fault;

pub(super) struct Http1 {
    wire: Wire,
    target: Target,
    /// What is left to send of the present request.
    unsent: VecDeque<Bytes>,
    has_sent: bool,
    is_flushed: bool,
    /// Bytes that came and were not looked at yet.
    unread: Vec<u8>,
    /// Bytes of interim answers to the present request.
    interim: usize,
    /// Of the present answer.
    framing: Framing,
    /// Whether another exchange may follow the present one.
    is_kept: bool,
}

/// What a request line names.
pub(super) enum Target {
    Path,
    /// The whole URL, for a proxy that may want to be shown who asks.
    Whole(Option<HeaderValue>),
}

impl Http1 {
    pub fn new(wire: Wire, target: Target) -> Http1 {
        Http1 {
            wire,
            target,
            unsent: VecDeque::new(),
            has_sent: false,
            is_flushed: true,
            unread: Vec::new(),
            interim: 0,
            framing: Framing::Length(0),
            is_kept: true,
        }
    }

    /// Sends a request, tells `on_sent` when its first bytes were handed to the socket, and shows the head of
    /// the answer to `on_head`.
    pub async fn ask(
        &mut self,
        request: &Outgoing<'_>,
        on_sent: OnSent,
        mut on_head: impl FnMut(u16, &dyn Head),
    ) -> Result<(), Broken> {
        self.spell(request);
        self.wire.stamps.hand_over(on_sent);
        poll_fn(|cx| self.poll_head(cx, &mut on_head)).await?;
        self.is_kept &= !request.is_last;
        Ok(())
    }

    /// Hands what comes of the body to `sink`; true once it is over.
    pub async fn read(&mut self, mut sink: impl FnMut(&[u8])) -> Result<bool, Fault> {
        poll_fn(|cx| self.poll_body(cx, &mut sink)).await
    }

    /// Whether the exchange has ended and another may follow.
    pub fn is_free(&self) -> bool {
        let is_sent = self.unsent.is_empty() && self.is_flushed;
        self.is_kept && is_sent && self.unread.is_empty() && self.framing.is_over()
    }

    /// Whether the peer has said nothing since, not even goodbye.
    pub async fn is_quiet(&mut self) -> bool {
        let look = poll_fn(|cx| Poll::Ready(poll_read(&mut self.wire, cx, |_| ()).is_pending()));
        // The runtime would keep a task that has looked at many from looking at more.
        tokio::task::unconstrained(look).await
    }

    /// Spells the request, in one piece where it is small.
    fn spell(&mut self, request: &Outgoing<'_>) {
        let length = request.length();
        let is_small = length <= JOINED_MAX;
        let mut first = Vec::with_capacity(HEAD_USUAL + if is_small { length } else { 0 });
        head::write(request, &self.target, &mut first);
        if is_small {
            request.body.iter().for_each(|piece| first.extend_from_slice(piece));
        }
        self.unsent.push_back(first.into());
        if !is_small {
            self.unsent.extend(request.body.iter().filter(|piece| !piece.is_empty()).cloned());
        }
        (self.has_sent, self.is_flushed, self.interim) = (false, false, 0);
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        on_head: &mut impl FnMut(u16, &dyn Head),
    ) -> Poll<Result<(), Broken>> {
        // An answer may come before the whole request was taken, but not before any of it.
        let failure = self.poll_send(cx).err();
        if let Some(failure) = failure.as_ref().filter(|_| !self.has_sent) {
            return Poll::Ready(Err(Broken { fault: reset(failure), is_untouched: true }));
        }
        loop {
            let Http1 { wire, unread, .. } = self;
            let keep = |bytes: &[u8]| {
                unread.extend_from_slice(bytes);
                bytes.len()
            };
            match (poll_read(wire, cx, keep), &failure) {
                (Poll::Ready(Ok(1..)), _) => {}
                (_, Some(failure)) => return Poll::Ready(Err(reset(failure).into())),
                (Poll::Pending, None) => return Poll::Pending,
                (Poll::Ready(Ok(_)), None) => {
                    return Poll::Ready(Err(reset("the peer closed it before the answer was there").into()));
                }
                (Poll::Ready(Err(cause)), None) => return Poll::Ready(Err(reset(cause).into())),
            }
            if self.take_head(on_head)? {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Whether the head has come, which is shown to `on_head` then. Interim answers are passed over.
    fn take_head(&mut self, on_head: &mut impl FnMut(u16, &dyn Head)) -> Result<bool, Fault> {
        let mut end = 0;
        let is_there = loop {
            let mut room = head::room();
            let Some(head) = AnswerHead::read(&self.unread[end..], &mut room)? else { break false };
            end += head.length;
            if !head.is_interim() {
                on_head(head.status, &head.fields);
                (self.framing, self.is_kept) = (head.framing, head.is_kept);
                break true;
            }
            self.interim += head.length;
            if self.interim > head::LENGTH_MAX {
                return Err(too_large());
            }
        };
        self.unread.drain(..end);
        self.unread.shrink_to(UNREAD_USUAL);
        Ok(is_there)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, sink: &mut impl FnMut(&[u8])) -> Poll<Result<bool, Fault>> {
        // What goes wrong with the rest of the request shows in the answer, or does not matter.
        let _ = self.poll_send(cx);
        let Http1 { wire, unread, framing, .. } = self;
        if framing.is_over() {
            return Poll::Ready(Ok(true));
        }
        if !unread.is_empty() {
            let used = framing.read(unread, sink).map_err(malformed)?;
            unread.drain(..used);
            unread.shrink_to(UNREAD_USUAL);
            return Poll::Ready(Ok(framing.is_over()));
        }
        let read = ready!(poll_read(wire, cx, |bytes| {
            if bytes.is_empty() {
                let is_whole = *framing == Framing::UntilClosed;
                return if is_whole { Ok(true) } else { Err(cut_off("the peer closed the connection")) };
            }
            let used = framing.read(bytes, sink).map_err(malformed)?;
            unread.extend_from_slice(&bytes[used..]);
            Ok(framing.is_over())
        }));
        Poll::Ready(read.unwrap_or_else(|cause| match cause.kind() {
            io::ErrorKind::InvalidData => Err(malformed(cause)),
            _ => Err(cut_off(cause)),
        }))
    }

    /// Sends what the socket takes.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while let Some(first) = self.unsent.front() {
            let wire = Pin::new(&mut self.wire);
            let written = if self.unsent.len() == 1 {
                wire.poll_write(cx, first)
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let pairs = slices.iter_mut().zip(&self.unsent);
                let count = pairs.map(|(slice, piece)| *slice = IoSlice::new(piece)).count();
                wire.poll_write_vectored(cx, &slices[..count])
            };
            match written {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(written @ 1..)) => self.advance(written),
                Poll::Ready(written) => return written.and(Err(io::ErrorKind::WriteZero.into())),
            }
        }
        if !self.is_flushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.wire).poll_flush(cx)
        {
            flushed?;
            self.is_flushed = true;
        }
        Ok(())
    }

    /// So many bytes were taken.
    fn advance(&mut self, mut written: usize) {
        self.has_sent = true;
        while let Some(first) = self.unsent.front_mut() {
            if written < first.len() {
                return first.advance(written);
            }
            written -= first.len();
            self.unsent.pop_front();
        }
    }
}

thread_local! {
    /// Where the thread's connections read, each while it is asked to: one that waits holds none.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_LEN]);
}

/// Gives `take` the bytes that one read brings; none where the peer has closed its side.
fn poll_read<T>(wire: &mut Wire, cx: &mut Context<'_>, take: impl FnOnce(&[u8]) -> T) -> Poll<io::Result<T>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut read = ReadBuf::new(buffer);
        ready!(Pin::new(wire).poll_read(cx, &mut read))?;
        Poll::Ready(Ok(take(read.filled())))
    })
}

/// Bytes of one read, at most.
const BUFFER_LEN: usize = 64 << 10;

/// A body of no more bytes is copied behind its head.
const JOINED_MAX: usize = 16 << 10;

/// Bytes that most heads of requests have room in, and that a connection may hold of an answer for the next.
const HEAD_USUAL: usize = 512;
const UNREAD_USUAL: usize = 4 << 10;

/// Pieces handed to the socket at once.
const SLICES_MAX: usize = 32;

#[cfg(test)]
mod tests;
