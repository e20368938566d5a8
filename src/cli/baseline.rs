//! `--baseline`: what was played, held against results of before.

use std::path::{Path, PathBuf};

use tollgate::compare::gate::Gate;
use tollgate::compare::side::Side;
use tollgate::compare::{compare, report};
use tollgate::error::{Error, ExitCode, Result};

use super::compare::{Gates, exit_code};
use super::output;
use super::subject::{Common, Format};

#[derive(Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Hold the results against a folder of earlier ones, as `compare` does: 99 where they are worse
    #[arg(long, value_name = "DIR", help_heading = "Baseline")]
    baseline: Option<PathBuf>,
    #[command(flatten)]
    gates: Gates,
}

/// Earlier results, and what may become of them.
pub struct Baseline {
    side: Side,
    gates: Vec<Gate>,
    samples_min: u64,
}

impl Args {
    /// Reads the baseline, where there is one, before anything is played.
    pub fn open(&self) -> Result<Option<Baseline>> {
        match &self.baseline {
            None if self.gates.are_given() => Err(Error::usage(
                "--metric, --max-regression, --max-share-regression and --min-samples need a --baseline DIR",
            )),
            None => Ok(None),
            Some(folder) => {
                let (side, gates) = (Side::open(folder)?, self.gates.gates()?);
                side.check(&gates)?;
                Ok(Some(Baseline { side, gates, samples_min: self.gates.samples_min() }))
            }
        }
    }
}

impl Baseline {
    /// Whether it has rows, so that those of the other side would tell more.
    pub fn has_rows(&self) -> bool {
        self.side.measured().is_some()
    }

    /// Holds the results in `folder` against it, writes and shows that, and says how it all ends.
    pub fn hold(&self, folder: &Path, args: &Common, code: ExitCode) -> Result<ExitCode> {
        if !matches!(code, ExitCode::Fine | ExitCode::Gate | ExitCode::NoVerdict) {
            return Ok(code);
        }
        let all = [compare(&self.side, &Side::open(folder)?, &self.gates, self.samples_min)];
        let path = folder.join(report::FILE);
        std::fs::write(&path, report::json(&all)?).map_err(|cause| Error::file("write", &path, cause))?;
        if !args.quiet {
            match args.format {
                // The summary is the only document there; the comparison is in its file.
                Format::Json => {}
                Format::Markdown => output::say(&format!("\n{}", report::markdown(&all)))?,
                Format::Terminal => output::say(&format!("\n{}", report::text(&all)))?,
            }
        }
        Ok(match (code, exit_code(&all)) {
            (ExitCode::Gate, _) | (_, ExitCode::Gate) => ExitCode::Gate,
            (ExitCode::Fine, other) => other,
            (code, _) => code,
        })
    }
}
