//! Standard output, which may have lost its reader.

use std::io::{self, ErrorKind, StdoutLock, Write};

use crate::error::{Error, Result};

/// Standard output. Once its reader has gone (`tollgate schema | head`), writing succeeds and goes nowhere.
pub struct Output {
    inner: StdoutLock<'static>,
    is_closed: bool,
}

impl Output {
    pub fn stdout() -> Output {
        Output { inner: io::stdout().lock(), is_closed: false }
    }

    /// Writes the whole text.
    pub fn print(text: &str) -> Result<()> {
        let mut output = Output::stdout();
        let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
        written.map_err(|cause| Error::failed(format!("could not write to standard output: {cause}")))
    }

    fn unless_closed(&mut self, result: io::Result<usize>, all: usize) -> io::Result<usize> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(all)
            }
            result => result,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_closed {
            return Ok(bytes.len());
        }
        let written = self.inner.write(bytes);
        self.unless_closed(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        let flushed = self.inner.flush().map(|()| 0);
        self.unless_closed(flushed, 0).map(|_| ())
    }
}
