//! A file as a stream of bytes, unpacked where it is gzip, of which no more is read for one request than it is allowed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

/// The bytes of a log.
pub type Source = BufReader<Limited>;

/// Bytes of which so many may be read until more are allowed: a quote that is never closed, or a line that never ends,
/// does not fill the memory.
pub struct Limited {
    bytes: Box<dyn Read + Send>,
    is_gzip: bool,
    max: u64,
    left: u64,
}

impl Limited {
    /// For what is read next.
    pub fn allow(&mut self, max: u64) {
        (self.max, self.left) = (max, max);
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let max = self.max >> 20;
            return Err(io::Error::other(format!(
                "a request of more than {max} MiB; a log has a line for each, and quotes that are opened are closed"
            )));
        }
        let read = self.bytes.read(buffer).map_err(|cause| match self.is_gzip {
            true => io::Error::new(
                cause.kind(),
                format!("its gzip is damaged or ends too early ({cause}); copy it again, and test it with `gzip -t`"),
            ),
            false => cause,
        })?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

/// The longest line there may be, in bytes: a prompt of some ten million tokens.
pub const LINE_MAX: u64 = 64 << 20;

/// The longest document there may be, which is held in memory whole, in bytes.
pub const DOCUMENT_MAX: u64 = 1 << 30;

/// Opens a log. Gzip is known by its first two bytes, whatever the name says.
pub fn open(path: &Path) -> Result<Source> {
    let fail = |cause: io::Error| {
        Error::usage(format!(
            "could not open the log {}: {cause}; name a file or folder that is there",
            path.display()
        ))
    };
    let file = File::open(path).map_err(fail)?;
    let mut file = BufReader::with_capacity(BUFFER, file);
    let is_gzip = file.fill_buf().map_err(fail)?.starts_with(&[0x1f, 0x8b]);
    let bytes: Box<dyn Read + Send> =
        if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(BufReader::with_capacity(BUFFER, Limited { bytes, is_gzip, max: DOCUMENT_MAX, left: DOCUMENT_MAX }))
}

const BUFFER: usize = 1 << 17;
