//! The marker of a play under way: there as long as there is no summary, and locked as long as its process lives.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::report::summary::{Host, Verb};
use crate::time::Instant;

/// The marker's file in a results folder: a line of [`Facts`], and one of the last [`Beat`] with spaces at its end.
pub const FILE: &str = "under-way.json";

/// The version of what is in it.
pub const SCHEMA: u32 = 1;

/// What is known of a play when it begins, and stands in no other file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Facts {
    /// [`SCHEMA`].
    pub schema: u32,
    pub verb: Verb,
    /// The folder from which the scenario names files.
    pub folder: PathBuf,
    /// The folder of prices that was given beside the scenario.
    pub catalogue: Option<PathBuf>,
    /// SHA-256 of all prices, in hexadecimal.
    pub catalogue_sha256: String,
    /// How the warm-up was chosen, in words.
    pub warmup_by: String,
    /// Where it was begun; it has taken no time yet.
    pub host: Host,
}

/// How far a play had come when all its rows were on disk.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Beat {
    /// When that was, in nanoseconds since the start.
    now_ns: u64,
    /// Up to when requests have come: then, or when they were stopped.
    until_ns: u64,
    /// Requests begun.
    pub asked: u64,
    /// Requests that had ended: so many are in requests.csv.
    pub ended: u64,
}

impl Beat {
    /// `stopped` is when the arrivals were stopped; the end of time where nobody did.
    pub fn new(now: Instant, stopped: Instant, asked: u64, ended: u64) -> Beat {
        Beat { now_ns: now.as_nanos(), until_ns: now.min(stopped).as_nanos(), asked, ended }
    }

    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.now_ns)
    }

    pub fn until(&self) -> Instant {
        Instant::from_nanos(self.until_ns)
    }
}

/// The marker of one's own play.
#[derive(Debug)]
pub struct Marker {
    folder: PathBuf,
    file: File,
    /// Where the beat begins.
    place: u64,
}

impl Marker {
    /// Puts a marker into a results folder. Where the file system knows no locks, it is just not locked.
    pub fn put(folder: &Path, facts: &Facts) -> Result<Marker> {
        let path = folder.join(FILE);
        let facts = serde_json::to_string(facts).map_err(|cause| Error::file("write", &path, cause))? + "\n";
        let made = File::create_new(&path).and_then(|mut file| {
            let _ = file.try_lock();
            file.write_all(facts.as_bytes())?;
            Ok(file)
        });
        let file = made.map_err(|cause| Error::file("write", &path, cause))?;
        Ok(Marker { folder: folder.into(), file, place: facts.len() as u64 })
    }

    /// Says that all rows up to now are on disk. Where that cannot be written, the beat before it still holds.
    pub fn beat(&mut self, beat: Beat) {
        if let Ok(text) = serde_json::to_string(&beat) {
            let line = format!("{text:WIDTH$}\n");
            let placed = self.file.seek(SeekFrom::Start(self.place));
            let _ = placed.and_then(|_| self.file.write_all(line.as_bytes()));
        }
    }

    /// The results are written.
    pub fn remove(self) {
        drop(self.file);
        remove(&self.folder);
    }
}

/// A marker that was found.
#[derive(Clone, Debug)]
pub struct Found {
    pub facts: Facts,
    /// None where no row had come to disk, or nobody said so.
    pub beat: Option<Beat>,
    /// Whether the play still goes on.
    pub is_alive: bool,
}

/// The marker in a folder whose play has no summary yet.
pub fn find(folder: &Path) -> Result<Option<Found>> {
    let path = folder.join(FILE);
    if folder.join(crate::report::json::FILE).exists() {
        return Ok(None);
    }
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(Error::file("read", &path, cause)),
    };
    let is_alive = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let text = std::io::read_to_string(file).map_err(|cause| Error::file("read", &path, cause))?;
    let mut lines = text.lines();
    let facts: Facts = serde_json::from_str(lines.next().unwrap_or_default()).map_err(|cause| {
        let why = format!("{cause}; the play was cut off before it began, and left nothing to report");
        Error::file("read", &path, why)
    })?;
    if facts.schema != SCHEMA {
        let why = format!("it has schema {}, and this version reads schema {SCHEMA}", facts.schema);
        return Err(Error::file("read", &path, why));
    }
    let beat = lines.next().and_then(|line| serde_json::from_str(line.trim_end()).ok());
    Ok(Some(Found { facts, beat, is_alive }))
}

/// Removes the marker of a play that has its results. Beside a summary, one that stays says nothing.
pub fn remove(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(FILE));
}

/// A beat with four of the largest numbers.
const WIDTH: usize = 140;

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let host = Host {
            started: "2026-11-22T05:00:00Z".into(),
            wall_secs: 0.0,
            os: "linux".into(),
            arch: "x86_64".into(),
            cpus: 2,
        };
        Facts {
            schema: SCHEMA,
            verb: Verb::Run,
            folder: "/scenarios".into(),
            catalogue: None,
            catalogue_sha256: "abc".into(),
            warmup_by: "none".into(),
            host,
        }
    }

    #[test]
    fn a_marker_lives_as_long_as_its_process_and_tells_the_last_beat() {
        let folder = tempfile::tempdir().unwrap();
        assert!(find(folder.path()).unwrap().is_none());
        let mut marker = Marker::put(folder.path(), &facts()).unwrap();
        let found = find(folder.path()).unwrap().unwrap();
        assert_eq!((found.facts, found.beat, found.is_alive), (facts(), None, true));
        let (large, small) = (Instant::from_nanos(u64::MAX - 1), Instant::from_nanos(7));
        for beat in [Beat::new(large, Instant::MAX, u64::MAX, u64::MAX), Beat::new(large, small, 3, 2)] {
            marker.beat(beat);
            assert_eq!(find(folder.path()).unwrap().unwrap().beat, Some(beat));
        }
        drop(marker);
        let found = find(folder.path()).unwrap().unwrap();
        assert!(!found.is_alive);
        let beat = found.beat.unwrap();
        assert_eq!((beat.now(), beat.until(), beat.asked, beat.ended), (large, small, 3, 2));
    }

    #[test]
    fn a_marker_is_gone_with_its_play_and_silent_beside_a_summary() {
        let folder = tempfile::tempdir().unwrap();
        let marker = Marker::put(folder.path(), &facts()).unwrap();
        std::fs::write(folder.path().join("summary.json"), "{}").unwrap();
        assert!(find(folder.path()).unwrap().is_none());
        std::fs::remove_file(folder.path().join("summary.json")).unwrap();
        marker.remove();
        assert!(find(folder.path()).unwrap().is_none());
    }

    #[test]
    fn a_marker_that_was_cut_off_says_that_there_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{\"schema\":1,\"ve"] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let error = find(folder.path()).unwrap_err().to_string();
            assert!(error.contains("left nothing to report"), "{error}");
        }
    }
}
