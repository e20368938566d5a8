//! A request's body on HTTP/2, and the moment at which the request begins to leave.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::socket::{OnSent, Stamps};

/// A request's body in pieces, which need not be copied to be sent where they are large.
pub(super) struct Pieces {
    pieces: std::vec::IntoIter<Bytes>,
    left: u64,
    /// Handed over with the first piece: the head is encoded then, and nothing of it is written yet.
    announcement: Option<(Rc<Stamps>, OnSent)>,
}

impl Pieces {
    /// A small body is copied into one piece: that is less work than to hand over each, and the peer may take many
    /// small frames for an attack.
    pub fn new(pieces: &[Bytes]) -> Pieces {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        let pieces = match pieces.len() > 1 && left <= FRAME {
            true => vec![pieces.concat().into()],
            false => pieces.to_vec(),
        };
        Pieces { pieces: pieces.into_iter(), left, announcement: None }
    }

    /// Tells `on_sent` when the first bytes of the request were handed to the socket that `stamps` is of.
    pub fn announce(&mut self, stamps: &Rc<Stamps>, on_sent: OnSent) {
        if self.left == 0 {
            // Nobody asks for the pieces of nothing.
            stamps.hand_over(on_sent);
        } else {
            self.announcement = Some((Rc::clone(stamps), on_sent));
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some((stamps, on_sent)) = self.announcement.take() {
            stamps.hand_over(on_sent);
        }
        let piece = self.pieces.next();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// What every HTTP/2 peer takes in one frame, in bytes (RFC 9113, section 4.2). More than that is never copied.
const FRAME: u64 = 16 << 10;
