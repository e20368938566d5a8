//! `tollgate mock`: serves a scenario's endpoints over HTTP, for any client.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::error::{Error, ExitCode, Result};

/// Serve a scenario's endpoints over HTTP, with their limits and latencies, for any client.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  tollgate mock scenarios/first-light.toml --listen 127.0.0.1:8080
  curl http://127.0.0.1:8080/openai-direct/v1/chat/completions -d '{\"model\": \"gpt-5.4\", \"messages\": []}'")]
pub struct Args {
    /// The scenario file.
    #[arg(value_name = "SCENARIO")]
    pub path: PathBuf,
    /// Where to listen; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Let other machines in: needed to listen on an address that is not this machine's own.
    #[arg(long)]
    expose: bool,
    /// Root of all chance, instead of the scenario's.
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// Say only where it listens.
    #[arg(long, short)]
    pub quiet: bool,
}

impl Args {
    /// Where to listen, if other machines can reach it only because they were let in.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.listen;
        if !address.ip().is_loopback() && !self.expose {
            return Err(Error::usage(format!(
                "--listen {address} is open to other machines, and the mock asks nobody for a key; \
                 add --expose if that is meant, or listen on 127.0.0.1:{}",
                address.port()
            )));
        }
        Ok(address)
    }
}

#[cfg(feature = "net")]
pub fn execute(args: Args) -> Result<ExitCode> {
    args.address()?;
    crate::scenario::Scenario::load(&args.path)?;
    Err(Error::failed("`tollgate mock` is not built in this build"))
}

#[cfg(not(feature = "net"))]
pub fn execute(args: Args) -> Result<ExitCode> {
    args.address()?;
    Err(super::no_network("mock"))
}
