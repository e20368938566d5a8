//! The rows of a play on their way to disk, and the marker that says how many are there.

use std::fs::File;
use std::path::{Path, PathBuf};

use tollgate::collectors::Setup;
use tollgate::collectors::log::{self, Log};
use tollgate::error::{Error, Result};
use tollgate::outcome::Outcome;
#[cfg(feature = "net")]
use tollgate::recover::marker::Beat;
use tollgate::recover::marker::{Facts, Marker};

use super::output;

/// `requests.csv` of a play under way.
pub struct Rows {
    path: PathBuf,
    log: Log<File>,
    marker: Marker,
    /// That no more rows are written was said.
    is_told: bool,
}

impl Rows {
    pub fn begin(folder: &Path, setup: &Setup, facts: &Facts) -> Result<Rows> {
        let path = folder.join(log::FILE);
        let file = File::create_new(&path).map_err(|cause| Error::file("create", &path, cause))?;
        let marker = Marker::put(folder, facts)?;
        Ok(Rows { log: Log::new(setup, file), path, marker, is_told: false })
    }

    pub fn collect(&mut self, outcome: &Outcome) {
        self.log.collect(outcome);
        self.tell();
    }

    /// All rows so far go to disk, and then it is said that they are there. Where they cannot, the play goes on.
    #[cfg(feature = "net")]
    pub fn flush(&mut self, beat: Beat) {
        if self.log.flush() {
            self.marker.beat(beat);
        }
        self.tell();
    }

    /// Says once that no more rows are written.
    fn tell(&mut self) {
        if let Some(why) = self.log.failure().filter(|_| !self.is_told) {
            output::complain(&format!("no more rows in {}: {why}; all else goes on", log::FILE));
            self.is_told = true;
        }
    }

    /// The last rows go to disk. Says what went wrong with any.
    pub fn end(&mut self) -> Option<String> {
        self.log.flush();
        let gone = || (!self.path.exists()).then(|| "somebody has removed it".to_string());
        self.log.failure().map(String::from).or_else(gone)
    }

    /// The results are written: the rows are not needed to make them.
    pub fn are_reported(self) {
        self.marker.remove();
    }
}
