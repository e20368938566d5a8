//! `tollgate run`: plays a scenario for real, over HTTP.

use super::PlayArgs;
use crate::error::{ExitCode, Result};

/// Play a scenario in real time over HTTP, against mocks or real services.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  tollgate run scenarios/first-light.toml
  tollgate run production.toml --live --duration 1m --scale 0.1
The first Ctrl-C stops new requests and saves the results; the second leaves at once.")]
pub struct Args {
    #[command(flatten)]
    pub play: PlayArgs,
    /// Send to hosts other than this machine, which may cost money.
    #[arg(long)]
    pub live: bool,
}

#[cfg(feature = "net")]
pub fn execute(args: Args) -> Result<ExitCode> {
    args.play.scenario()?;
    Err(crate::error::Error::failed("`tollgate run` is not built in this build"))
}

#[cfg(not(feature = "net"))]
pub fn execute(_: Args) -> Result<ExitCode> {
    Err(super::no_network("run"))
}
