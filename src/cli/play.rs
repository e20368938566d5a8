//! What `run` and `simulate` have in common: the scenario, what overrides it, and where results go.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::error::{Error, Result};
use crate::number::{Positive, Span};
use crate::scenario::Scenario;

#[derive(Clone, Debug, clap::Args)]
pub struct PlayArgs {
    /// The scenario file.
    #[arg(value_name = "SCENARIO")]
    pub path: PathBuf,
    /// Folder for the results; it must not exist or be empty [default: results/<scenario>/<UTC time>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Root of all chance, instead of the scenario's.
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// How long requests come, such as 30s or 2h, instead of the scenario's.
    #[arg(long, value_name = "SPAN")]
    pub duration: Option<Span>,
    /// Multiplies the load: rates, or a closed loop's users.
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub scale: Option<Positive>,
    /// Write one row for each request into requests.csv.
    #[arg(long, overrides_with = "no_rows")]
    rows: bool,
    /// Write no requests.csv.
    #[arg(long, overrides_with = "rows")]
    no_rows: bool,
    /// No progress; only the report.
    #[arg(long, short)]
    pub quiet: bool,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    Json,
    Markdown,
    #[default]
    Terminal,
}

impl PlayArgs {
    /// The scenario with what the command line overrides.
    pub fn scenario(&self) -> Result<Scenario> {
        let mut scenario = Scenario::load(&self.path)?;
        if let Some(seed) = self.seed {
            scenario.seed = seed;
        }
        if let Some(duration) = self.duration {
            if duration <= scenario.warmup {
                let warmup = scenario.warmup;
                return Err(Error::usage(format!(
                    "--duration {duration} is not longer than the scenario's warm-up of {warmup}, \
                     which leaves nothing to measure"
                )));
            }
            scenario.duration = duration;
        }
        if let Some(scale) = self.scale {
            scenario.arrivals.scale(scale.get());
        }
        Ok(scenario)
    }

    /// Whether each request gets a row, where the verb's own habit is `default`.
    pub fn has_rows(&self, default: bool) -> bool {
        self.rows || default && !self.no_rows
    }
}

fn factor(text: &str) -> std::result::Result<Positive, String> {
    let number = text.parse().ok().and_then(Positive::new);
    number.ok_or_else(|| "it must be a number above 0, such as 0.5 or 10".into())
}
