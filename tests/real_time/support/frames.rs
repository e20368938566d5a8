//! HTTP/2 by hand: a peer on a plain socket that says exactly the frames it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::rogue::rogue;

/// An error code of HTTP/2 (RFC 9113, section 7).
pub const NO_ERROR: u32 = 0;
pub const INTERNAL_ERROR: u32 = 2;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;

/// What is said when a request has come.
#[derive(Clone, Debug)]
pub enum Say {
    /// These bytes of an answer's body.
    Data(String),
    /// The last bytes of it.
    End(String),
    /// Goodbye, with how many of the connection's streams are still looked at, and why.
    Goodbye {
        streams: u32,
        code: u32,
    },
    /// The head of a streamed answer.
    Head,
    /// A frame of a made-up length and kind, on a stream that nobody opened.
    Nonsense,
    Reset(u32),
    /// The head of a trailer, which ends the answer.
    Trailer,
}

/// Says `script` to the first request of each connection, by the connection's number, and closes.
pub fn peer(script: impl Fn(usize) -> Vec<Say> + Send + Sync + 'static) -> SocketAddr {
    let connections = std::sync::atomic::AtomicUsize::new(0);
    rogue(move |mut stream| {
        let nth = connections.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        // The client's preface, 24 bytes, and then its frames up to the end of a request.
        if stream.read_exact(&mut [0; 24]).is_err() {
            return;
        }
        send(&mut stream, 4, 0, 0, &[]);
        let Some(id) = asked(&mut stream) else { return };
        send(&mut stream, 4, 1, 0, &[]);
        for say in script(nth) {
            match say {
                Say::Data(text) => send(&mut stream, 0, 0, id, text.as_bytes()),
                Say::End(text) => send(&mut stream, 0, 1, id, text.as_bytes()),
                Say::Goodbye { streams, code } => {
                    let last = if streams == 0 { 0 } else { streams * 2 - 1 };
                    let said = [last.to_be_bytes(), code.to_be_bytes()].concat();
                    send(&mut stream, 7, 0, 0, &said);
                }
                // `:status: 200` is the static table's eighth, `content-type` the name of its 31st.
                Say::Head => {
                    let kind = b"text/event-stream";
                    let head = [&[0x88, 0x0f, 0x10, kind.len() as u8], &kind[..]].concat();
                    send(&mut stream, 1, 4, id, &head);
                }
                Say::Nonsense => send(&mut stream, 9, 0, id + 100, b"nonsense"),
                Say::Reset(code) => send(&mut stream, 3, 0, id, &code.to_be_bytes()),
                // A name that is new, as is its value: `x: y`.
                Say::Trailer => send(&mut stream, 1, 5, id, &[0, 1, b'x', 1, b'y']),
            }
        }
        let _ = stream.shutdown(std::net::Shutdown::Write);
        while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
    })
}

/// Reads frames up to the end of a request, and gives its stream.
fn asked(stream: &mut TcpStream) -> Option<u32> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        stream.read_exact(&mut vec![0; length as usize]).ok()?;
        // DATA or HEADERS with END_STREAM.
        if head[3] <= 1 && head[4] & 1 == 1 {
            return Some(id);
        }
    }
}

fn send(stream: &mut TcpStream, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let length = (payload.len() as u32).to_be_bytes();
    let head = [&length[1..], &[kind, flags], &id.to_be_bytes()].concat();
    let _ = stream.write_all(&[&head[..], payload].concat()).and_then(|()| stream.flush());
}
