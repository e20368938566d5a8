//! Files that somebody named: written over only by request.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use tollgate::error::{Error, Result};

/// Writes a file, over another one only where `is_forced`.
pub fn put(path: &Path, content: &[u8], is_forced: bool) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(is_forced).truncate(is_forced).create_new(!is_forced);
    let written = options.open(path).and_then(|mut file| file.write_all(content));
    let file = path.display();
    written.map_err(|cause| match cause.kind() {
        _ if path.is_dir() => Error::failed(format!("{file} is a folder; name the file to write in it")),
        ErrorKind::AlreadyExists => {
            Error::failed(format!("{file} is there already; name another file, or add --force to replace it"))
        }
        ErrorKind::NotFound => {
            Error::failed(format!("{file} is in a folder that is not there; make it first"))
        }
        _ => Error::file("write", path, cause),
    })
}
