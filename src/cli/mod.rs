//! The command line: one small file per verb.

mod check;
mod init;
mod mock;
mod output;
mod play;
mod report;
mod run;
mod schema;
mod simulate;

pub use output::Output;
pub use play::{Format, PlayArgs};

use std::io::{IsTerminal as _, Write as _};

use clap::{Parser, Subcommand};

use crate::error::{ExitCode, Result};

/// Load-tests LLM traffic and simulates its cost: what will this traffic cost, how fast will it be, and
/// where will it be refused?
#[derive(Debug, Parser)]
#[command(version, after_help = "Begin with:\n  tollgate init\n  tollgate simulate scenario.toml")]
#[command(disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Args),
    Init(init::Args),
    Mock(mock::Args),
    Report(report::Args),
    Run(run::Args),
    Schema(schema::Args),
    Simulate(simulate::Args),
}

/// Reads the command line, does what it says, and ends the process with its code.
pub fn main() -> std::process::ExitCode {
    let code = match Cli::try_parse() {
        Ok(cli) => execute(cli.verb).unwrap_or_else(|error| {
            // Where even standard error is gone, the code still tells.
            let _ = writeln!(std::io::stderr(), "{}", error.show(stderr_has_colour()));
            error.code
        }),
        Err(help) => {
            let _ = help.print();
            if help.use_stderr() { ExitCode::Usage } else { ExitCode::Fine }
        }
    };
    std::process::ExitCode::from(code as u8)
}

fn execute(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Check(args) => check::execute(args),
        Verb::Init(args) => init::execute(args),
        Verb::Mock(args) => mock::execute(args),
        Verb::Report(args) => report::execute(args),
        Verb::Run(args) => run::execute(args),
        Verb::Schema(args) => schema::execute(args),
        Verb::Simulate(args) => simulate::execute(args),
    }
}

/// The failure of a verb that needs sockets in a build without them.
#[cfg(not(feature = "net"))]
fn no_network(verb: &str) -> crate::error::Error {
    crate::error::Error::failed(format!(
        "`tollgate {verb}` needs the network, which this build leaves out; build it with --features net"
    ))
}

fn stderr_has_colour() -> bool {
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !is_plain && std::io::stderr().is_terminal()
}
