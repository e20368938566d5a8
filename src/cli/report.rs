//! `tollgate report`: makes every report again from a results folder.

use std::path::PathBuf;

use super::Format;
use crate::error::{Error, ExitCode, Result};

/// Make the reports and plots of a results folder again, from its files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  tollgate report results/first-light/2026-11-21T10-00-00Z --format markdown")]
pub struct Args {
    /// A folder that `run` or `simulate` wrote.
    #[arg(value_name = "DIR")]
    pub path: PathBuf,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    if !args.path.is_dir() {
        return Err(Error::usage(format!("{} is not a results folder", args.path.display())));
    }
    Err(Error::failed("`tollgate report` is not built in this build"))
}
