//! Files that somebody named: written over only by request.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::Path;

use tollgate::error::{Error, Result};

/// Writes a file, over another one only where `is_forced`.
pub fn put(path: &Path, content: &[u8], is_forced: bool) -> Result<()> {
    let mut file = open(path, is_forced)?;
    file.write_all(content).map_err(|cause| Error::file("write", path, cause))
}

/// The same with what writes it. Half a file is not left behind, and one that is there stays until the new one is whole.
pub fn stream(
    path: &Path,
    is_forced: bool,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let is_there = is_forced && path.is_file();
    let part = if is_there { path.with_added_extension("part") } else { path.to_path_buf() };
    let mut file = BufWriter::new(open(&part, is_forced)?);
    let failed = |cause| Error::file("write", path, cause);
    let written = write(&mut file).and_then(|()| file.flush().map_err(failed));
    drop(file);
    let written = written.and_then(|()| match is_there {
        true => std::fs::rename(&part, path).map_err(failed),
        false => Ok(()),
    });
    if written.is_err() {
        let _ = std::fs::remove_file(part);
    }
    written
}

fn open(path: &Path, is_forced: bool) -> Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(is_forced).truncate(is_forced).create_new(!is_forced);
    let file = path.display();
    options.open(path).map_err(|cause| match cause.kind() {
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
