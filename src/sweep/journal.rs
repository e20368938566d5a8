//! What was played, kept on disk as it is done, so that a sweep that was cut off goes on where it was.
//!
//! The first line says of what it is the journal; each line after it is one play. A line is on disk before the next is
//! written, so a crash loses at most the last, which is then dropped.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::play::Play;
use crate::error::{Error, Result};

/// The journal's name in a results folder.
pub const FILE: &str = "cells.jsonl";

/// Of what a journal is: of the same plays by the same program.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    pub version: String,
    /// Of the scenario as resolved, before anything is varied.
    pub scenario_sha256: String,
    pub catalogue_sha256: String,
    /// What is varied, and how often each cell is played.
    pub vary: Vec<String>,
    pub replications: u32,
}

/// One line.
#[derive(Deserialize, Serialize)]
struct Line {
    play: String,
    found: Play,
}

/// The plays that are done, by what was played.
#[derive(Debug, Default)]
pub struct Journal {
    plays: BTreeMap<String, Play>,
    /// None of one that is kept in memory alone, or that is closed.
    disk: Option<Disk>,
}

/// Where a journal is kept.
#[derive(Debug)]
struct Disk {
    file: File,
    path: PathBuf,
    start: Start,
}

impl Journal {
    /// A new journal in a results folder.
    pub fn create(folder: &Path, start: &Start) -> Result<Journal> {
        let path = folder.join(FILE);
        let file = File::create_new(&path).map_err(|cause| Error::file("create", &path, cause))?;
        let disk = Disk { file, path, start: start.clone() };
        let mut journal = Journal { plays: BTreeMap::new(), disk: Some(disk) };
        journal.append(start)?;
        Ok(journal)
    }

    /// The journal of a folder whose sweep was cut off; it must be that of the same sweep.
    pub fn resume(folder: &Path, start: &Start) -> Result<Journal> {
        let path = folder.join(FILE);
        let fail = |cause: std::io::Error| Error::file("read", &path, cause);
        let text = std::fs::read(&path).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => Error::usage(format!(
                "{} holds no {FILE}; name a folder that a sweep was writing",
                folder.display()
            )),
            _ => fail(cause),
        })?;
        // What follows the last line's end was being written when it was cut off.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&text[..whole]);
        let mut lines = (1..).zip(text.lines());
        if let Some((_, first)) = lines.next() {
            let found: Start = serde_json::from_str(first).map_err(|cause| garbled(&path, 1, &cause))?;
            agree(&path, &found, start)?;
        }
        let mut plays = BTreeMap::new();
        for (number, line) in lines {
            let Line { play, found } =
                serde_json::from_str(line).map_err(|cause| garbled(&path, number, &cause))?;
            plays.insert(play, found);
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(fail)?;
        file.set_len(whole as u64).map_err(fail)?;
        let mut journal =
            Journal { plays, disk: Some(Disk { file, path: path.clone(), start: start.clone() }) };
        if whole == 0 {
            journal.append(start)?;
        }
        Ok(journal)
    }

    /// What was found where this was played, if it was.
    pub fn get(&self, play: &str) -> Option<&Play> {
        self.plays.get(play)
    }

    /// How many plays there are.
    pub fn len(&self) -> usize {
        self.plays.len()
    }

    pub fn is_empty(&self) -> bool {
        self.plays.is_empty()
    }

    /// Keeps what was found; it is on disk then.
    pub fn put(&mut self, play: String, found: Play) -> Result<()> {
        let line = Line { play, found };
        self.append(&line)?;
        self.plays.insert(line.play, line.found);
        Ok(())
    }

    /// Ends the journal, with its plays in an order that does not depend on the number of threads.
    pub fn close(&mut self) -> Result<()> {
        let Some(Disk { file, path, start }) = self.disk.take() else { return Ok(()) };
        drop(file);
        let mut text = written(&start)?;
        for (play, found) in &self.plays {
            text += &written(&Line { play: play.clone(), found: found.clone() })?;
        }
        // Whenever it is cut off, one of the two is whole.
        let beside = path.with_extension("part");
        let replaced = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
        replaced.map_err(|cause| Error::file("write", &path, cause))
    }

    fn append(&mut self, line: &impl Serialize) -> Result<()> {
        let Some(Disk { file, path, .. }) = &mut self.disk else { return Ok(()) };
        let text = written(line)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
        written.map_err(|cause| Error::file("write", path, cause))
    }
}

fn written(line: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(line)
        .map_err(|cause| Error::failed(format!("could not write {FILE}: {cause}")))?;
    Ok(text + "\n")
}

fn garbled(path: &Path, line: usize, cause: &serde_json::Error) -> Error {
    Error::failed(format!(
        "{}:{line}: this is no line of a sweep ({cause}); delete the lines from here on to play them again",
        path.display()
    ))
}

fn agree(path: &Path, found: &Start, wanted: &Start) -> Result<()> {
    let differs = [
        ("another version of Tollgate", found.version != wanted.version),
        ("another scenario", found.scenario_sha256 != wanted.scenario_sha256),
        ("other prices", found.catalogue_sha256 != wanted.catalogue_sha256),
        ("another grid", found.vary != wanted.vary),
        ("another number of replications", found.replications != wanted.replications),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        Some((what, _)) => Err(Error::usage(format!(
            "{} is of {what}, and its cells would not be comparable; sweep into a new folder with --out",
            path.display()
        ))),
        None => Ok(()),
    }
}
