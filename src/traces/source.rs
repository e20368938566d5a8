//! A file as a stream of bytes, unpacked where it is gzip.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result};

/// The bytes of a log.
pub type Source = BufReader<Box<dyn Read + Send>>;

/// Opens a log. Gzip is known by its first two bytes, whatever the name says.
pub fn open(path: &Path) -> Result<Source> {
    let fail = |cause: std::io::Error| {
        let hint = "a path in a scenario is relative to the scenario's folder";
        Error::usage(format!("could not open the trace {}: {cause}; {hint}", path.display()))
    };
    let file = File::open(path).map_err(fail)?;
    let mut file = BufReader::with_capacity(BUFFER, file);
    let is_gzip = file.fill_buf().map_err(fail)?.starts_with(&[0x1f, 0x8b]);
    let bytes: Box<dyn Read + Send> =
        if is_gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(BufReader::with_capacity(BUFFER, bytes))
}

const BUFFER: usize = 1 << 17;
