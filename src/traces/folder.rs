//! A folder of files as one trace.

use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::{Record, Records, open};
use crate::error::{Error, Result};

/// The files of a trace: itself, or where it is a folder those in it, in order of name, but hidden ones.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let fail =
        |cause: std::io::Error| Error::usage(format!("could not open the log {}: {cause}", path.display()));
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(path).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.path().is_dir() {
            _ if name.starts_with('.') => {}
            true => folders.push(name),
            false => files.push(entry.path()),
        }
    }
    if files.is_empty() {
        folders.sort();
        let within = if folders.is_empty() {
            String::new()
        } else {
            format!("; name one in it: {}", folders.join(", "))
        };
        return Err(Error::usage(format!("there are no files in the folder {}{within}", path.display())));
    }
    files.sort();
    Ok(files)
}

/// The records of several files, one file after the other.
pub struct Chain {
    files: std::vec::IntoIter<PathBuf>,
    layout: Layout,
    current: Option<Box<dyn Records>>,
}

impl Chain {
    pub fn open(files: Vec<PathBuf>, layout: &Layout) -> Chain {
        Chain { files: files.into_iter(), layout: layout.clone(), current: None }
    }
}

impl Records for Chain {
    fn read(&mut self, record: &mut Record) -> Result<bool> {
        loop {
            if let Some(current) = &mut self.current
                && current.read(record)?
            {
                return Ok(true);
            }
            let Some(file) = self.files.next() else { return Ok(false) };
            self.current = Some(open(&file, &self.layout)?);
        }
    }

    fn tenant_name(&self) -> Option<&[u8]> {
        self.current.as_ref()?.tenant_name()
    }
}
