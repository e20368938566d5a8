//! `tollgate simulate`: plays a scenario in virtual time.

use std::num::NonZeroUsize;

use super::PlayArgs;
use crate::error::{Error, ExitCode, Result};

/// Play a scenario in virtual time: a month in seconds, and nothing is spent.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate simulate scenarios/first-light.toml
  tollgate simulate scenarios/first-light.toml --duration 30d --scale 2 --format markdown")]
pub struct Args {
    #[command(flatten)]
    pub play: PlayArgs,
    /// Threads to use; the results are the same with any number [default: one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
}

pub fn execute(args: Args) -> Result<ExitCode> {
    args.play.scenario()?;
    Err(Error::failed("`tollgate simulate` is not built in this build"))
}
